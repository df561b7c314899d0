"""What a line of a practice's books may hold, and how an amount is spread over several of them."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as some

from portal.domain.ledger import PAIRS, Book
from portal.domain.provider import ProviderFacts, is_ein, is_npi
from portal.domain.refusal import Refused
from portal.domain.service import KINDS, Figures, ServiceFacts, Share, figures, require_shares, spread

DAY = date(2026, 11, 2)
CENTS = some.integers(min_value=0, max_value=100_000)
ROOMS = some.lists(CENTS, max_size=8).map(lambda cents: [Share(f"s{n}", each) for n, each in enumerate(cents)])


@given(CENTS, ROOMS, ROOMS)
def test_an_amount_is_spread_without_a_cent_too_many(amount: int, room: list[Share], wanted: list[Share]) -> None:
    given = {each.service_id: each.amount_cents for each in spread(amount, room, wanted)}
    free = {each.service_id: each.amount_cents for each in room}
    assert all(0 < cents <= free[service] for service, cents in given.items())
    assert sum(given.values()) == min(amount, sum(free.values()))


@given(ROOMS)
def test_what_is_wanted_is_given_where_it_fits_whatever_is_older(room: list[Share]) -> None:
    wanted = [Share(each.service_id, each.amount_cents) for each in reversed(room)][:2]
    given = {each.service_id: each.amount_cents for each in spread(sum(w.amount_cents for w in wanted), room, wanted)}
    assert given == {each.service_id: each.amount_cents for each in wanted if each.amount_cents}


def test_the_oldest_is_served_first_and_what_fits_nowhere_is_left_out() -> None:
    room = [Share("old", 100), Share("new", 50)]
    assert spread(120, room) == [Share("old", 100), Share("new", 20)]
    assert spread(500, room) == [Share("old", 100), Share("new", 50)]
    assert spread(0, room) == []


def test_shares_are_exactly_their_amount_each_above_zero_and_one_for_each_service() -> None:
    require_shares([Share("a", 60), Share("b", 40)], 100)
    for wrong in ([Share("a", 100), Share("b", 0)], [Share("a", 60)], [Share("a", 60), Share("a", 40)]):
        with pytest.raises(AssertionError):
            require_shares(wrong, 100)


def test_every_event_that_moves_what_is_owed_says_what_it_is_to_a_service() -> None:
    moving = {recipe for recipe, pair in PAIRS.items() if Book.receivable in (pair.debit, pair.credit)}
    assert moving <= KINDS.keys()


def test_figures_read_above_zero_and_come_to_the_balance() -> None:
    found = figures({"fee": 15_000, "insurance": -6_000, "adjustment": -1_000, "payment": -5_000, "returned": 2_000})
    assert found == Figures(15_000, 6_000, 1_000, 3_000)
    assert found.balance_cents == 5_000
    assert (found + found).balance_cents == 10_000


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"code": "90837; DROP"}, "service_code"),
        ({"code": ""}, "service_code"),
        ({"code": "９０８３７"}, "service_code"),
        ({"modifiers": ("95", "GT", "HO", "HN", "U1")}, "service_modifiers"),
        ({"modifiers": ("9",)}, "service_modifiers"),
        ({"units": 0}, "service_units"),
        ({"units": 1_000}, "service_units"),
        ({"place_of_service": "1"}, "service_place"),
        ({"diagnoses": ("F41.1", "F41.1")}, "service_diagnoses"),
        ({"diagnoses": ("A01", "A02", "A03", "A04", "A05")}, "service_diagnoses"),
        ({"diagnoses": ("anxiety",)}, "diagnosis_code"),
        ({"diagnoses": ("F41.1\n",)}, "diagnosis_code"),
        ({"description": "x" * 121}, "service_description"),
        ({"description": "a\x00b"}, "service_description"),
    ],
)
def test_a_line_that_no_insurer_could_read_is_refused(changes: dict[str, object], code: str) -> None:
    facts: dict[str, object] = {"performed_on": DAY, "provider_id": "p", "code": "90837"}
    with pytest.raises(Refused) as refused:
        ServiceFacts(**(facts | changes))  # type: ignore[arg-type]  # each case names its own
    assert refused.value.code == code


@pytest.mark.parametrize("number", ["1234567893", "1993999998", "2000000004"])
def test_c53_an_npi_has_ten_digits_and_its_check_digit(number: str) -> None:
    assert is_npi(number) == (sum_with_80840(number) % 10 == 0)
    for digit in "0123456789":
        assert is_npi(number[:-1] + digit) == (sum_with_80840(number[:-1] + digit) % 10 == 0)


def sum_with_80840(number: str) -> int:
    """As 45 CFR 162.406 writes it: 24 for the prefix, then every other digit from the right doubled."""
    doubled = [int(digit) * 2 for digit in number[-2::-2]]
    single = [int(digit) for digit in number[-1::-2]]
    return 24 + sum(single) + sum(each // 10 + each % 10 for each in doubled)


def test_c53_the_example_of_the_standard_is_an_npi_and_look_alikes_are_none() -> None:
    assert is_npi("1234567893")
    for wrong in ("1234567890", "123456789", "12345678931", "3234567893", "１２３４５６７８９３", "1234567893\n", ""):
        assert not is_npi(wrong), wrong


def test_an_ein_is_nine_digits() -> None:
    assert is_ein("12-3456789")
    assert is_ein("123456789")
    for wrong in ("1-23456789", "12-345678", "12-3456789 ", "AB-3456789"):
        assert not is_ein(wrong), wrong


@pytest.mark.parametrize(
    ("facts", "code"),
    [
        ({"name": " "}, "provider_name_missing"),
        ({"name": "A", "npi": "1234567890"}, "npi_wrong"),
        ({"name": "A", "licence_state": "California"}, "provider_state"),
        ({"name": "A" * 81}, "provider_text"),
        ({"name": "A\u202eB"}, "provider_text"),
    ],
)
def test_a_provider_that_cannot_be_is_refused(facts: dict[str, str], code: str) -> None:
    with pytest.raises(Refused) as refused:
        ProviderFacts(**facts)
    assert refused.value.code == code
