"""Card numbers where they do not belong, seen however they were written (C47): with an expiry date behind them, in odd
spacing, over two lines, in another script's digits.

Called wherever somebody may write words, and where words are printed. Never sees a number that was meant to pay with.
"""

import re
import unicodedata
from collections.abc import Iterator

DIGITS_MIN, DIGITS_MAX = 13, 19
GAP_MAX = 3  # characters between two groups of one number
INVISIBLE = "\x00"
_GROUP = re.compile(rf"[0-9](?:{INVISIBLE}*[0-9])*", re.ASCII)
# How card numbers begin and how long they are, for a number that stands among other digits.
_CARD = re.compile(
    r"4(?:[0-9]{12}|[0-9]{15}|[0-9]{18})"  # Visa
    r"|5[1-5][0-9]{14}|2(?:22[1-9]|2[3-9][0-9]|[3-6][0-9]{2}|7[01][0-9]|720)[0-9]{12}"  # Mastercard
    r"|3[47][0-9]{13}"  # American Express
    r"|3(?:0[0-5]|[689])[0-9]{11,16}|35[0-9]{14,17}"  # Diners Club, JCB
    r"|6[0-9]{15,18}|5[06-9][0-9]{11,17}",  # Discover, UnionPay, Maestro
    re.ASCII,
)


def is_luhn(digits: str) -> bool:
    """Whether ASCII digits pass the Luhn check (ISO/IEC 7812-1)."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (2 if place % 2 else 1)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


def card_numbers(text: str) -> list[tuple[int, int, str]]:
    """Where a text holds 13 to 19 digits that pass the Luhn check: start, end and digits of each, none within another.

    All the digits of a row count as one number, as C47 says; a part of them, from where one group begins to where
    another ends, counts where it begins and is as long as a card number. One number has one kind of sign between its
    groups, besides spaces.
    """
    plain = "".join(map(_plain, text))
    groups = [(found.start(), found.end()) for found in _GROUP.finditer(plain)]
    found: list[tuple[int, int, str]] = []
    first = 0
    while first < len(groups):
        whole = next(_numbers(plain, groups, first), None)
        if whole is None:
            first += 1
            continue
        last, digits = whole
        found.append((groups[first][0], groups[last][1], digits))
        first = last + 1
    return found


def _numbers(plain: str, groups: list[tuple[int, int]], first: int) -> Iterator[tuple[int, str]]:
    """The last group and the digits of each card number that begins with a group, the shortest first."""
    begins_row = first == 0 or not _joins(plain, groups[first - 1], groups[first], "")[0]
    digits, sign = "", ""
    for last in range(first, len(groups)):
        start, end = groups[last]
        if last > first:
            fits, sign = _joins(plain, groups[last - 1], groups[last], sign)
            if not fits:
                return
        digits += plain[start:end].replace(INVISIBLE, "")
        if len(digits) > DIGITS_MAX:
            return
        if len(digits) < DIGITS_MIN or len(set(digits)) == 1 or not is_luhn(digits):
            continue
        ends_row = last + 1 == len(groups) or not _joins(plain, groups[last], groups[last + 1], sign)[0]
        if (begins_row and ends_row) or _CARD.fullmatch(digits):
            yield last, digits


def _joins(plain: str, left: tuple[int, int], right: tuple[int, int], sign: str) -> tuple[bool, str]:
    """Whether two groups may be of one number, and the sign that stands between its groups then."""
    gap = plain[left[1] : right[0]].replace(INVISIBLE, "")
    if len(gap) > GAP_MAX:
        return False, sign
    for character in gap:
        if character.isspace():
            continue
        if character.isalnum() or (sign and character != sign):
            return False, sign
        sign = character
    return True, sign


def _plain(character: str) -> str:
    """One character for one: an ASCII digit for any script's, a mark of ours for what nobody sees."""
    if character < "\x7f":
        return character if character != INVISIBLE else " "
    value = unicodedata.digit(character, None)
    if value is not None:
        return str(value)
    return INVISIBLE if unicodedata.category(character) in {"Cf", "Mn", "Me"} else character
