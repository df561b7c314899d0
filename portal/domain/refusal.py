"""A refusal: a rule said no.

Raised by domain and use cases; the doors turn the code into a sentence in the reader's language.
Never holds text meant for people, never holds personal data beyond what the sentence needs.
"""

from collections.abc import Mapping
from types import MappingProxyType


class Refused(Exception):
    """A rule said no. `code` names the rule, `facts` are the values its sentence needs (cents, dates, counts)."""

    def __init__(self, code: str, **facts: object) -> None:
        super().__init__(code)
        self.code = code
        self.facts: Mapping[str, object] = MappingProxyType(dict(facts))

    def __str__(self) -> str:
        return f"{self.code} {dict(self.facts)}" if self.facts else self.code
