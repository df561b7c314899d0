"""Money is whole cents of one currency, never a float, from the form field to the ledger.

Called wherever an amount is read, split or compared. Showing an amount is formatting and belongs to the doors.
"""

import re

from portal.domain.refusal import Refused

CURRENCY = "USD"
CENTS_MAX = 999_999_999  # 9,999,999.99: seven digits before the point, far below any 64-bit edge
_PLAIN = re.compile(r"[0-9]{1,7}(\.[0-9]{2})?", re.ASCII)
_GROUPED = re.compile(r"[0-9]{1,3}(,[0-9]{3}){1,2}(\.[0-9]{2})?", re.ASCII)
_TYPED_MAX = 40  # characters looked at; longer input is refused before any pattern sees it


def parse_amount(typed: str) -> int:
    """Cents for an amount as a person types it in US dollars: `1250.5` is refused, `$1,250.50` and `1250` are read.

    Accepts one leading dollar sign, ASCII spaces around it, and complete US thousands groups. Everything that
    could mean two things (`12,50`, `1.234,56`), every other script's digits, signs, exponents and words are
    refused with `amount_unreadable`; a bare zero with `amount_zero`.
    """
    if len(typed) > _TYPED_MAX:
        raise Refused("amount_unreadable")
    text = typed.strip(" ").removeprefix("$").strip(" ")
    if not text:
        raise Refused("amount_missing")
    if _GROUPED.fullmatch(text):
        text = text.replace(",", "")
    if not _PLAIN.fullmatch(text):
        raise Refused("amount_unreadable")
    whole, _, fraction = text.partition(".")
    cents = int(whole) * 100 + int(fraction or "0")
    if cents == 0:
        raise Refused("amount_zero")
    if cents > CENTS_MAX:
        raise Refused("amount_unreadable")
    return cents


def split_evenly(total_cents: int, parts: int) -> list[int]:
    """`parts` amounts that sum to `total_cents` exactly; the last one absorbs the rounding, each is above zero."""
    if parts < 1 or total_cents < parts:
        raise Refused("split_too_small", total_cents=total_cents, parts=parts)
    each = total_cents // parts
    return [each] * (parts - 1) + [total_cents - each * (parts - 1)]


def percent_of(total_cents: int, basis_points: int) -> int:
    """`basis_points` hundredths of a percent of an amount, rounded half up to the cent (5000 is one half)."""
    if not 0 <= basis_points <= 10_000:
        raise Refused("percent_out_of_range", basis_points=basis_points)
    return (total_cents * basis_points + 5_000) // 10_000


def assert_cents(value: object) -> int:
    """The value itself when it is a whole number of cents in range; a programming error otherwise."""
    if type(value) is not int or not 0 <= value <= CENTS_MAX:
        raise AssertionError(f"not an amount in cents: {value!r}")
    return value
