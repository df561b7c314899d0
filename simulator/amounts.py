"""Reading and writing money on the wire: decimal text outside, integer cents inside."""

import re

from simulator.codec import text
from simulator.problems import Problems

LARGEST_CENTS = 4_294_967_295
_FORMAT = re.compile(r"(-?)(\d{1,18})(?:\.(\d{1,2}))?")


def dollars(cents: int) -> str:
    """`1234` is "12.34"."""
    return f"{cents // 100}.{cents % 100:02d}"


def cents_of(value: object) -> int | None:
    """Cents, or None when it is no amount."""
    match = _FORMAT.fullmatch(text(value) or "")
    if not match:
        return None
    sign, whole, part = match.groups()
    cents = int(whole) * 100 + int((part or "0").ljust(2, "0"))
    return -cents if sign else cents


def read_amount(value: object, path: str, problems: Problems, largest_code: str = "81528") -> int:
    """A positive amount in cents; notes what is wrong with it and returns 0 then."""
    shown = text(value)
    cents = cents_of(shown)
    if shown is None:
        problems.add(path, "amount", "81502")
    elif cents is None:
        problems.add(path, "amount", "81503")
    elif cents < 0:
        problems.add(path, "amount", "81501")
    elif cents == 0:
        problems.add(path, "amount", "81531")
    elif cents > LARGEST_CENTS:
        problems.add(path, "amount", largest_code)
    else:
        return cents
    return 0
