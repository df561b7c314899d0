"""Providers: who treated, as an insurer knows them. NPI and EIN by their check digit and shape.

Called by the provider use cases, by settings, and by the superbill's completeness check.
"""

import re
from dataclasses import dataclass

from portal.domain.card_number import is_luhn
from portal.domain.refusal import Refused

_NPI = re.compile(r"[12][0-9]{9}", re.ASCII)
_EIN = re.compile(r"[0-9]{2}-?[0-9]{7}", re.ASCII)
_NPI_PREFIX = "80840"  # 80 for health, 840 for the United States: part of the check, never written (45 CFR 162.406)
NAME_LENGTH_MAX = 80


def is_npi(number: str) -> bool:
    """Whether this is a National Provider Identifier: ten digits that pass Luhn with 80840 before them (C53)."""
    return _NPI.fullmatch(number) is not None and is_luhn(_NPI_PREFIX + number)


def is_ein(number: str) -> bool:
    """Whether this has the shape of an Employer Identification Number: nine digits, a hyphen after the second."""
    return _EIN.fullmatch(number) is not None


def is_npi_or_empty(number: str) -> bool:
    """For a setting that may be left open."""
    return not number or is_npi(number)


def is_ein_or_empty(number: str) -> bool:
    """For a setting that may be left open."""
    return not number or is_ein(number)


@dataclass(frozen=True, slots=True)
class ProviderFacts:
    """Who treated. `signature_line` is the text above the line a superbill is signed on; empty: name and credentials.

    What is empty may be added later: a service can be recorded and paid, but no superbill is released without it.
    """

    name: str
    credentials: str = ""
    licence_number: str = ""
    licence_state: str = ""
    npi: str = ""
    signature_line: str = ""

    def __post_init__(self) -> None:
        if not self.name.strip():
            raise Refused("provider_name_missing")
        if any(len(each) > NAME_LENGTH_MAX or not each.isprintable() for each in self._texts()):
            raise Refused("provider_text", most=NAME_LENGTH_MAX)
        if self.licence_state and not re.fullmatch(r"[A-Z]{2}", self.licence_state, re.ASCII):
            raise Refused("provider_state")
        if self.npi and not is_npi(self.npi):
            raise Refused("npi_wrong")

    def _texts(self) -> tuple[str, ...]:
        return (self.name, self.credentials, self.licence_number, self.signature_line)
