"""PINs: how long one is, and which are too easy to guess. Read by the login use cases. Keeps none.

A short secret is only as good as what it is not: each one refused here is among the first that a guesser tries.
"""

import re
from datetime import date
from itertools import pairwise

from portal.domain.refusal import Refused

LENGTH_MAX = 12
WRONG_IN_ALL_MAX = 100  # wrong ones since the PIN was set; then only a reset opens it again (attack 3)
# The most used ones that no other rule catches (DataGenetics 2012, Sesame 2019).
OFTEN = frozenset({
    "1004", "2580", "0852", "1470", "0741", "3690", "0963", "5683", "1379", "7410", "9630", "8520",
    "142536", "147258", "258369", "159753", "741852", "963852", "789456", "456123", "147852", "520131", "007007",
})  # fmt: skip


def digits_of(typed: str) -> str:
    """A PIN as typed, without spaces and hyphens; '' when it holds anything but ASCII digits (attack 10)."""
    plain = typed.replace(" ", "").replace("-", "")
    return plain if len(plain) <= LENGTH_MAX and plain.isascii() and plain.isdigit() else ""


def require_pin(typed: str, length_min: int, *about: str) -> str:
    """The PIN when it is fit. `about`: what others may know of its owner (account, phone, ZIP, SSN), as digits or not.

    Refused `pin_unreadable`, `pin_short`, `pin_weak` (attack 9).
    """
    pin = digits_of(typed)
    if not pin:
        raise Refused("pin_unreadable", least=length_min, most=LENGTH_MAX)
    if len(pin) < length_min:
        raise Refused("pin_short", least=length_min)
    if _is_weak(pin) or any(_belongs(pin, known) for known in about):
        raise Refused("pin_weak")
    return pin


def _is_weak(pin: str) -> bool:
    steps = {(int(after) - int(before)) % 10 for before, after in pairwise(pin)}
    if len(steps) == 1:  # 1111, 1234, 9876, 2468
        return True
    if any(len(pin) % size == 0 and pin == pin[:size] * (len(pin) // size) for size in (1, 2, 3)):
        return True
    return len(set(pin)) <= 2 or pin in OFTEN or _is_date(pin)


def _is_date(pin: str) -> bool:
    """A year, or a day of one as people write it: 1987, 0704 (July 4), 070487, 19870704."""
    if len(pin) == 4:
        return 1900 <= int(pin) <= 2099 or _is_day(int(pin[:2]), int(pin[2:]))
    if len(pin) == 6:
        return _is_day(int(pin[:2]), int(pin[2:4])) or _is_day(int(pin[2:4]), int(pin[:2]))
    if len(pin) == 8:
        return _is_day(int(pin[:2]), int(pin[2:4])) or 1900 <= int(pin[:4]) <= 2099
    return False


def _is_day(month: int, day: int) -> bool:
    try:
        date(2000, month, day)
    except ValueError:
        return False
    return True


def _belongs(pin: str, known: str) -> bool:
    digits = re.sub(r"[^0-9]", "", known)
    return len(digits) >= 4 and (pin in digits or (len(pin) > 4 and digits in pin))
