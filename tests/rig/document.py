"""A page as a tree: enough of HTML to find things by tag, attribute and text. Used by the page reader and its audit."""

from collections.abc import Iterator
from html.parser import HTMLParser

VOID = {"area", "base", "br", "col", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}
UNREAD = {"script", "style", "template", "svg"}


class Element:
    """One element, its attributes and what is in it."""

    def __init__(self, tag: str, attributes: dict[str, str], parent: "Element | None") -> None:
        self.tag = tag
        self.attributes = attributes
        self.parent = parent
        self.inside: list[Element | str] = []

    def __getitem__(self, name: str) -> str:
        return self.attributes[name]

    def get(self, name: str, default: str = "") -> str:
        return self.attributes.get(name, default)

    def has(self, name: str) -> bool:
        return name in self.attributes

    def walk(self) -> Iterator["Element"]:
        yield self
        for each in self.inside:
            if isinstance(each, Element):
                yield from each.walk()

    def all(self, *tags: str, **attributes: str) -> list["Element"]:
        return [
            element
            for element in self.walk()
            if (not tags or element.tag in tags)
            and all(element.get(name.replace("_", "-").strip("-")) == value for name, value in attributes.items())
        ]

    def is_hidden(self) -> bool:
        return self.has("hidden") or self.get("aria-hidden") == "true" or self.get("type") == "hidden"

    def up(self) -> Iterator["Element"]:
        element: Element | None = self
        while element is not None:
            yield element
            element = element.parent

    @property
    def text(self) -> str:
        """What is read out: scripts, styles, pictures and hidden parts are not."""
        parts: list[str] = []
        for each in self.inside:
            if isinstance(each, str):
                parts.append(each)
            elif each.tag not in UNREAD and not each.is_hidden():
                parts.append(each.text)
        return " ".join(" ".join(parts).split())


class _Builder(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.root = Element("document", {}, None)
        self.here = self.root

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = Element(tag, {name: value or "" for name, value in attrs}, self.here)
        self.here.inside.append(element)
        if tag not in VOID:
            self.here = element

    def handle_endtag(self, tag: str) -> None:
        for element in self.here.up():
            if element.tag == tag and element.parent is not None:
                self.here = element.parent
                return

    def handle_data(self, data: str) -> None:
        before = self.here.inside
        if len(before) > 1 and isinstance(before[-1], Element) and before[-1].tag == "wbr":
            word = before[-2]
            if isinstance(word, str):  # a place where a word may break is no end of the word
                before[-2:] = [word + data]
                return
        before.append(data)


def read(html: str) -> Element:
    """The tree of a page or of a part."""
    builder = _Builder()
    builder.feed(html)
    builder.close()
    return builder.root
