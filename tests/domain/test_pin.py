"""Which PINs are refused because they are the first a guesser tries."""

import pytest

from portal.domain.pin import digits_of, require_pin
from portal.domain.refusal import Refused


def code_of(pin: str, length: int, *about: str) -> str:
    with pytest.raises(Refused) as caught:
        require_pin(pin, length, *about)
    return caught.value.code


@pytest.mark.parametrize(
    "pin",
    [
        "000000", "111111", "123456", "654321", "246802", "135791", "121212", "123123", "112211", "070487", "041299",
        "311287", "142536", "159753", "19870704", "12312999",
    ],
)  # fmt: skip
def test_attack_9_a_pattern_or_a_date_is_no_pin(pin: str) -> None:
    assert code_of(pin, 6) == "pin_weak"


@pytest.mark.parametrize("pin", ["0000", "1234", "4321", "1987", "2004", "0704", "2580", "1212", "7777", "1004"])
def test_attack_9_four_digits_are_judged_too_where_an_organisation_allows_them(pin: str) -> None:
    assert code_of(pin, 4) == "pin_weak"
    assert require_pin("8351", 4) == "8351"
    assert code_of("8351", 6) == "pin_short"


@pytest.mark.parametrize("known", ["(312) 555-839174", "839174", "HL-839174", "62704 839174"])
def test_attack_9_what_others_know_of_a_person_is_no_pin_of_theirs(known: str) -> None:
    assert code_of("839174", 6, known) == "pin_weak"
    assert code_of("551120", 6, "1120") == "pin_weak"
    assert require_pin("839174", 6, "+13125550141", "62704", "HL-88120") == "839174"


@pytest.mark.parametrize(
    "typed",
    ["", "８３９１７４", "83917a", "8391\x0074", "8" * 13, "8" * 10_000_000, "+839174", "８"],
    ids=lambda typed: typed[:9],
)
def test_attack_10_only_plain_digits_are_read_and_never_many(typed: str) -> None:
    assert digits_of(typed) == ""
    assert code_of(typed, 6) == "pin_unreadable"


def test_spaces_and_hyphens_do_not_matter() -> None:
    assert require_pin(" 839-174 ", 6) == "839174"
