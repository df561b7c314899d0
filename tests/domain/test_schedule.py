"""Amounts of a series to the cent, the organisation's limits, and what a card outlives."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.domain.due_date import Frequency, Rhythm, WeekendRule
from portal.domain.refusal import Refused
from portal.domain.schedule import Amounts, AmountsKind, CardEnding, Limits, amounts_of, card_ending, payments

TODAY = date(2026, 11, 23)


def limits(payable_cents: int, **changes: object) -> Limits:
    values: dict[str, object] = {
        "allowed": True,
        "days_max": 730,
        "number_max": 60,
        "minimum_cents": 500,
        "maximum_cents": 1_000_000,
        "payable_cents": payable_cents,
    }
    return Limits(**values | changes)  # type: ignore[arg-type]  # the caller names the field


@given(st.integers(30_000, 5_000_000), st.integers(1, 60))
def test_a_balance_split_evenly_sums_to_the_cent(payable_cents: int, number: int) -> None:
    allowed = limits(payable_cents, maximum_cents=9_999_999)
    cents = amounts_of(Amounts(AmountsKind.evenly, number), allowed, once=number == 1)
    assert sum(cents) == payable_cents
    assert len(cents) == number
    assert min(cents) > 0
    assert max(cents) - min(cents) < number


@given(st.integers(500, 60_000), st.integers(500, 60_000))
def test_a_fixed_amount_goes_on_until_the_balance_is_paid(payable_cents: int, each_cents: int) -> None:
    allowed = limits(payable_cents, number_max=120)
    cents = amounts_of(Amounts(AmountsKind.fixed, each_cents=each_cents), allowed, once=False)
    assert sum(cents) == payable_cents
    assert all(each == each_cents for each in cents[:-1])
    assert allowed.minimum_cents <= cents[-1] < each_cents + allowed.minimum_cents


def test_a_rest_too_small_for_a_payment_goes_with_the_one_before_unless_that_grows_too_large() -> None:
    by_20 = Amounts(AmountsKind.fixed, each_cents=2_000)
    assert amounts_of(by_20, limits(4_003), once=False) == [2_000, 2_003]
    assert amounts_of(by_20, limits(4_500), once=False) == [2_000, 2_000, 500]
    assert amounts_of(by_20, limits(4_003, maximum_cents=2_002), once=False) == [2_000, 2_000, 3]
    assert amounts_of(by_20, limits(4_003, number_max=2), once=False) == [2_000, 2_003]
    assert amounts_of(Amounts(AmountsKind.fixed, 3, 2_000), limits(4_003), once=False) == [2_000, 2_000, 3]


def test_a_fixed_amount_may_stop_short_of_the_balance_or_end_with_its_rest() -> None:
    assert amounts_of(Amounts(AmountsKind.fixed, 2, 1_000), limits(5_000), once=False) == [1_000, 1_000]
    assert amounts_of(Amounts(AmountsKind.fixed, 3, 2_000), limits(5_000), once=False) == [2_000, 2_000, 1_000]


@pytest.mark.parametrize(
    ("amounts", "code"),
    [
        (Amounts(AmountsKind.fixed, 6, 1_000), "schedule_above_balance"),
        (Amounts(AmountsKind.fixed, 2, 100), "amount_below_minimum"),
        (Amounts(AmountsKind.fixed, 61, 1_000), "schedule_too_many"),
        (Amounts(AmountsKind.fixed, 0, 1_000), "schedule_number_wrong"),
        (Amounts(AmountsKind.fixed, 2, 0), "amount_missing"),
        (Amounts(AmountsKind.evenly, 11), "amount_below_minimum"),
        (Amounts(AmountsKind.evenly), "schedule_number_wrong"),
        (Amounts(AmountsKind.chosen, chosen_cents=(3_000, 2_001)), "schedule_above_balance"),
        (Amounts(AmountsKind.chosen, chosen_cents=(3_000, -1)), "amount_missing"),
        (Amounts(AmountsKind.chosen, chosen_cents=(3_000, 100)), "amount_below_minimum"),
        (Amounts(AmountsKind.chosen), "amount_missing"),
    ],
)
def test_what_the_organisation_does_not_allow_is_refused(amounts: Amounts, code: str) -> None:
    with pytest.raises(Refused) as refused:
        amounts_of(amounts, limits(5_000), once=False)
    assert refused.value.code == code


def test_a_payment_above_the_maximum_is_refused() -> None:
    with pytest.raises(Refused, match="amount_above_maximum"):
        amounts_of(Amounts(AmountsKind.evenly, 1), limits(5_000, maximum_cents=4_000), once=True)


def test_the_small_rest_of_a_balance_may_be_below_the_minimum() -> None:
    assert amounts_of(Amounts(AmountsKind.chosen, chosen_cents=(4_900, 100)), limits(5_000), once=False)[-1] == 100


def test_a_schedule_is_listed_with_where_dates_were_moved_from() -> None:
    rhythm = Rhythm(Frequency.weekly, date(2026, 11, 26))  # Thanksgiving
    listed = payments(rhythm, Amounts(AmountsKind.evenly, 2), limits(5_001), WeekendRule.after, TODAY)
    assert [(each.number, each.due_on, each.amount_cents) for each in listed] == [
        (1, date(2026, 11, 27), 2_500),
        (2, date(2026, 12, 3), 2_501),
    ]
    assert [each.moved_from for each in listed] == [date(2026, 11, 26), None]


@pytest.mark.parametrize(
    ("start_on", "changes", "code"),
    [
        (TODAY, {"allowed": False}, "schedule_off"),
        (date(2026, 11, 22), {}, "schedule_date_past"),
        (TODAY, {"days_max": 6}, "schedule_too_late"),
        (TODAY, {"payable_cents": 0}, "nothing_to_pay"),
    ],
)
def test_dates_outside_the_limits_are_refused(start_on: date, changes: dict[str, object], code: str) -> None:
    rhythm, allowed = Rhythm(Frequency.weekly, start_on), limits(**{"payable_cents": 5_000} | changes)
    with pytest.raises(Refused) as refused:
        payments(rhythm, Amounts(AmountsKind.fixed, 2, 1_000), allowed, WeekendRule.after, TODAY)
    assert refused.value.code == code


def test_once_is_one_payment() -> None:
    rhythm = Rhythm(Frequency.once, TODAY)
    with pytest.raises(Refused, match="schedule_number_wrong"):
        payments(rhythm, Amounts(AmountsKind.evenly, 2), limits(5_000), WeekendRule.after, TODAY)


def test_a_card_that_ends_first_is_named_with_the_payment_it_misses() -> None:
    days = [date(2026, month, 28) for month in (10, 11, 12)] + [date(2027, month, 28) for month in (1, 2, 3, 4)]
    assert card_ending(3, 2027, days) == CardEnding(3, 2027, 7)
    assert card_ending(4, 2027, days) is None
    assert card_ending(2, 2028, [date(2028, 2, 29)]) is None
