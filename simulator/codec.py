"""The gateway's XML (and the JSON some SDKs send instead): bytes to plain values, plain values to bytes.

The wire rooms call it. The writer cannot produce what crashes an SDK: a nil element never carries a type, lists are
always typed arrays. The reader refuses document types, so entities never expand, and bounds depth and size.
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Any
from xml.parsers import expat

DEPTH_MAX = 32
ELEMENTS_MAX = 50_000
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff\ud800-\udfff]")


class Malformed(Exception):
    """The body is not a document this gateway reads."""


@dataclass(frozen=True)
class Many:
    """An array whose items carry a tag of their own."""

    tag: str
    items: list[Any]


@dataclass(frozen=True)
class Collection:
    """A paged answer: plain fields, then the items side by side."""

    tag: str
    items: list[Any]
    fields: dict[str, Any] = field(default_factory=dict)


@lru_cache(maxsize=4096)
def _dashed(name: str) -> str:
    return name.replace("_", "-")


def encode(root: str, value: object) -> bytes:
    """One document; `value` is built of dict, list, str, bool, int, datetime, date, None, Many and Collection."""
    parts = ['<?xml version="1.0" encoding="UTF-8"?>\n']
    _write(parts.append, _dashed(root), value)
    return "".join(parts).encode("utf-8")


def _write(put: Callable[[str], None], tag: str, value: object) -> None:
    if value is None:
        put(f'<{tag} nil="true"/>')
    elif value is True or value is False:
        put(f'<{tag} type="boolean">{"true" if value else "false"}</{tag}>')
    elif isinstance(value, str):
        if "&" in value or "<" in value or ">" in value:
            value = value.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        put(f"<{tag}>{value}</{tag}>")
    elif isinstance(value, dict):
        put(f"<{tag}>")
        for name, child in value.items():
            _write(put, _dashed(name), child)
        put(f"</{tag}>")
    elif isinstance(value, int):
        put(f'<{tag} type="integer">{value}</{tag}>')
    elif isinstance(value, datetime):
        put(f'<{tag} type="datetime">{value:%Y-%m-%dT%H:%M:%SZ}</{tag}>')
    elif isinstance(value, date):
        put(f'<{tag} type="date">{value:%Y-%m-%d}</{tag}>')
    elif isinstance(value, list):
        _write_items(put, tag, "array", {}, "item", value)
    elif isinstance(value, Many):
        _write_items(put, tag, "array", {}, value.tag, value.items)
    elif isinstance(value, Collection):
        _write_items(put, tag, "collection", value.fields, value.tag, value.items)
    else:
        raise TypeError(f"cannot write {type(value).__name__} as XML")


def _write_items(
    put: Callable[[str], None], tag: str, kind: str, fields: dict[str, Any], item_tag: str, items: list[Any]
) -> None:
    put(f'<{tag} type="{kind}">')
    for name, child in fields.items():
        _write(put, _dashed(name), child)
    item_tag = _dashed(item_tag)
    for item in items:
        _write(put, item_tag, item)
    put(f"</{tag}>")


def decode(body: bytes, content_type: str = "application/xml") -> tuple[str, dict[str, Any]]:
    """(root name, parameters). An empty body is ("", {}); an empty element is None. Raises Malformed."""
    if not body.strip():
        return "", {}
    if content_type == "application/json":
        return _decode_json(body)
    reader = _Reader()
    try:
        reader.parser.Parse(body, True)
    except (expat.ExpatError, ValueError, LookupError) as error:
        raise Malformed(str(error)) from error
    value = reader.result
    return reader.root, value if isinstance(value, dict) else {}


class _Reader:
    """Builds plain values straight from expat's events; no tree, no entities."""

    def __init__(self) -> None:
        self.root = ""
        self.result: object = None
        self._stack: list[tuple[str, str | None, dict[str, Any], list[Any]]] = []
        self._text: list[str] = []
        self._count = 0
        self.parser = parser = expat.ParserCreate()
        parser.buffer_text = True
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text.append
        parser.StartDoctypeDeclHandler = self._refuse

    def _refuse(self, *_: object) -> None:
        raise Malformed("document types are not read")

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._count += 1
        if len(self._stack) >= DEPTH_MAX or self._count > ELEMENTS_MAX:
            raise Malformed("too deep or too many elements")
        self._stack.append((name.replace("-", "_"), attributes.get("type"), {}, []))
        self._text.clear()

    def _end(self, _: str) -> None:
        name, kind, children, items = self._stack.pop()
        text = "".join(self._text)
        self._text.clear()
        value: object = items if kind == "array" else children or _typed(text, kind)
        if not self._stack:
            self.root, self.result = name, value
            return
        parent = self._stack[-1]
        parent[2][name] = value
        parent[3].append(value)


def _typed(text: str, kind: str | None) -> object:
    if not text or (not text.strip() and kind):
        return None
    if kind == "boolean":
        return text.strip() in ("true", "1")
    if kind == "integer":
        try:
            return int(text)
        except ValueError as error:
            raise Malformed("not an integer") from error
    if kind in ("datetime", "date"):
        return read_time(text)
    return text if text.strip() else None


def read_time(text: str) -> datetime:
    """An aware UTC time from ISO text, with or without an offset. Raises Malformed."""
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError as error:
        raise Malformed("not a time") from error
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _decode_json(body: bytes) -> tuple[str, dict[str, Any]]:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise Malformed("not JSON") from error
    document = _plain(document, 0)
    if not isinstance(document, dict):
        raise Malformed("not an object")
    if len(document) == 1:
        root, params = next(iter(document.items()))
        if isinstance(params, dict):
            return root, params
    return "", document


def _plain(value: object, depth: int) -> object:
    """JSON with snake_case names and only what XML could have carried."""
    if depth > DEPTH_MAX:
        raise Malformed("too deep")
    if isinstance(value, dict):
        return {snake(str(name)): _plain(child, depth + 1) for name, child in value.items()} or None
    if isinstance(value, list):
        return [_plain(child, depth + 1) for child in value]
    if isinstance(value, str):
        return _FORBIDDEN.sub("", value) or None
    return str(value) if isinstance(value, float) else value


@lru_cache(maxsize=4096)
def snake(name: str) -> str:
    """`expirationMonth`, `expiration-month` and `expiration_month` are one name."""
    return re.sub(r"(?<=[a-z0-9])([A-Z])", r"_\1", _FORBIDDEN.sub("", name)).replace("-", "_").lower()


def mapping(value: object) -> dict[str, Any]:
    """`value` when it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}


def truthy(value: object) -> bool:
    """Booleans come typed, or as the strings true and false."""
    return value is True or value == "true"


def text(value: object) -> str | None:
    """A scalar as text; None stays None, structures are ignored."""
    if value is None or isinstance(value, (dict, list)):
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
