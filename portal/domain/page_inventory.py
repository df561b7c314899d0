"""The scripts a payment page may load, each with owner and reason (PCI DSS 6.4.3), and how a page as made is told
from a page as received (11.6.1).

Read by `portal.usecases.page_watch` and by tests. Fetches nothing.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from html.parser import HTMLParser


@dataclass(frozen=True, slots=True)
class Script:
    """One script of the inventory. `place`: every page, or the card page alone. `origin`: ours, or the gateway's."""

    name: str
    place: str
    origin: str
    reason: str


SCRIPTS = (
    Script("htmx.js", "every page", "ours", "Swaps one step for the next, asks for the result of a payment in doubt."),
    Script("shell_script.js", "every page", "ours", "Inline, with a nonce: a busy sign, a word when the line fails."),
    Script("card_fields.js", "card page", "ours", "Opens the gateway's fields, turns a typed card into a nonce."),
    Script("client.min.js", "card page", "gateway", "The gateway's client; version in BRAINTREE_SCRIPT_BASE."),
    Script("hosted-fields.min.js", "card page", "gateway", "The card fields themselves, in frames of the gateway."),
)
GUARDED_HEADERS = (
    "Content-Security-Policy", "Content-Security-Policy-Report-Only", "Strict-Transport-Security",
    "X-Content-Type-Options", "Cross-Origin-Opener-Policy", "Cross-Origin-Resource-Policy", "Permissions-Policy",
    "Referrer-Policy", "Cache-Control", "Content-Type", "Link", "Refresh", "Location", "SourceMap",
)  # fmt: skip
_NONCE = re.compile(r"'nonce-([A-Za-z0-9_-]+)'")
_FORM_TOKEN = re.compile(r'(name="csrf_token" value=")[^"]*')


@dataclass(frozen=True, slots=True)
class Received:
    """One answer as a browser would have it: status, headers, decoded body."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.body).hexdigest()


def page_differences(made: Received, received: Received) -> list[str]:
    """What differs between a page as we make it and as it arrives, in a few words each; nonces and tokens apart."""
    found = []
    if made.status != received.status:
        found.append(f"status {received.status} instead of {made.status}")
    ours, theirs = _headers(made), _headers(received)
    found += [f"header {name}" for name in GUARDED_HEADERS if ours.get(name) != theirs.get(name)]
    expected, loaded = scripts_of(_text(made)), scripts_of(_text(received))
    found += [f"script added: {each[:200]}" for each in loaded if each not in expected]
    found += [f"script missing: {each[:200]}" for each in expected if each not in loaded]
    if _text(made) != _text(received):
        found.append("page text")
    return found


def scripts_of(html: str) -> list[str]:
    """Every script of a page in order: its address, or `inline:` and the digest of its text."""
    reader = _Scripts()
    reader.feed(html)
    reader.close()
    return reader.found


def _headers(answer: Received) -> dict[str, str]:
    known = {name.lower(): value for name, value in answer.headers.items()}
    kept = {name: known[name.lower()] for name in GUARDED_HEADERS if name.lower() in known}
    return {name: _NONCE.sub("'nonce-'", value) for name, value in kept.items()}


def _text(answer: Received) -> str:
    text = answer.body.decode("utf-8", "replace")
    policy = next((value for name, value in answer.headers.items() if name.lower() == "content-security-policy"), "")
    for nonce in _NONCE.findall(policy):
        text = text.replace(nonce, "")
    return _FORM_TOKEN.sub(r"\1", text)


class _Scripts(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self._inline: list[str] | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag != "script":
            return
        address = dict(attrs).get("src")
        if address is not None:
            self.found.append(address)
        else:
            self._inline = []

    def handle_data(self, data: str) -> None:
        if self._inline is not None:
            self._inline.append(data)

    def handle_endtag(self, tag: str) -> None:
        if tag == "script" and self._inline is not None:
            self.found.append(f"inline:{hashlib.sha256(''.join(self._inline).encode()).hexdigest()}")
            self._inline = None
