"""The gateway's XML as the SDK wants it: the same values as the SDK's own reader, in a tenth of its time.

Called by `portal.gateway.wire`. `tests/gateway/test_answer.py` holds it to the SDK's reader, oddities included; one is
left out on purpose: a document that declares types or entities of its own is refused.
"""

import re
from datetime import datetime
from typing import Any
from xml.parsers import expat

from braintree.util.datetime_parser import parse_datetime

_BETWEEN_TAGS = re.compile(r">\s+<")
_TEXT, _OTHER = 1, 2


class UnreadableAnswer(ValueError):
    """The gateway answered with XML that nobody should read."""


def read(body: bytes) -> dict[str, Any]:
    """{root name: value}. Raises for what is no such document; never answers half of one."""
    text = _BETWEEN_TAGS.sub("><", body.decode("utf-8")).strip()
    reader = _Reader()
    reader.parser.Parse(text, True)
    return reader.result


class _Element:
    """One element being read. `first` says what its first child is, and that whether it is a text or a structure."""

    __slots__ = ("children", "first", "goes_on", "is_array", "kind", "name", "nil", "text")

    def __init__(self, name: str, attributes: dict[str, str]) -> None:
        self.name = name.replace("-", "_")
        self.kind = attributes.get("type")
        self.nil = attributes.get("nil")
        self.is_array = self.kind == "array"
        self.first = 0
        self.goes_on = False  # whether more of its first text may come: expat gives long ones in pieces
        self.text = ""
        self.children: list[_Element] = []

    def value(self) -> Any:
        if self.is_array:
            return [child.value() for child in self.children]
        if self.first == _OTHER:
            return self._structure()
        return self._content(self.text if self.first else None)

    def _structure(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for child in self.children:
            name, value = child.name, child.value()
            if child.is_array or child.first == _TEXT or not found.get(name):
                found[name] = value
            elif isinstance(found[name], list):
                found[name].append(value)
            else:
                found[name] = [found[name], value]
        return found

    def _content(self, content: str | None) -> Any:
        match self.kind:
            case "integer":
                return int(content)  # type: ignore[arg-type]  # nothing where a number belongs raises, as in the SDK
            case "boolean":
                return content in ("true", "1")
            case "datetime":
                return parse_datetime(content)
            case "date":
                return datetime.strptime(content, "%Y-%m-%d").date()  # type: ignore[arg-type]  # noqa: DTZ007 - the same
        return None if self.nil == "true" else content or ""


class _Reader:
    """Builds values straight from expat's events; no tree is made."""

    def __init__(self) -> None:
        self.result: dict[str, Any] = {}
        self._open: list[_Element] = []
        self.parser = parser = expat.ParserCreate()
        parser.buffer_text = True
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._characters
        parser.CommentHandler = parser.StartCdataSectionHandler = self._no_text
        parser.ProcessingInstructionHandler = self._no_text
        parser.StartDoctypeDeclHandler = self._refuse

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._no_text()
        self._open.append(_Element(name, attributes))

    def _end(self, _name: str) -> None:
        element = self._open.pop()
        if self._open:
            self._open[-1].children.append(element)
        else:
            self.result = {element.name: element.value()}

    def _characters(self, text: str) -> None:
        element = self._open[-1]
        if not element.first:
            element.first, element.text, element.goes_on = _TEXT, text, True
        elif element.goes_on:
            element.text += text

    def _no_text(self, *_: object) -> None:
        if self._open:
            element = self._open[-1]
            element.first, element.goes_on = element.first or _OTHER, False

    def _refuse(self, *_: object) -> None:
        raise UnreadableAnswer("a document type")
