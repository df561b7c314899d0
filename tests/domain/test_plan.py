"""A plan to the day and the cent, its moves as a table, when its offer ends and who is reminded when."""

from datetime import UTC, date, datetime, timedelta
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.domain.due_date import Frequency, Rhythm, WeekendRule
from portal.domain.plan import (
    MOVES,
    PlanKind,
    PlanLimits,
    PlanState,
    PlanWish,
    after_the_last,
    is_broken,
    new_reference,
    offer_until,
    reminder_days,
    reminder_of,
    require_move,
    terms_of,
    wish_of,
)
from portal.domain.refusal import Refused
from portal.domain.schedule import Amounts, AmountsKind

TODAY = date(2026, 11, 23)
NOW = datetime(2026, 11, 23, 16, 30, tzinfo=UTC)
MONTHLY = Rhythm(Frequency.monthly, date(2026, 12, 1))
ZONE = "America/Chicago"


def limits(payable_cents: int, **changes: int) -> PlanLimits:
    values = {
        "payable_cents": payable_cents,
        "number_max": 120,
        "days_max": 3_650,
        "minimum_cents": 500,
        "maximum_cents": 9_999_999,
    }
    return PlanLimits(**values | changes)


def wish(number: int = 6, **changes: object) -> PlanWish:
    values: dict[str, object] = {
        "kind": PlanKind.total,
        "rhythm": MONTHLY,
        "amounts": Amounts(AmountsKind.evenly, number),
    }
    return PlanWish(**values | changes)  # type: ignore[arg-type]  # the caller names the field


@given(
    st.integers(100_000, 900_000_000),
    st.integers(1, 119),  # the last working day of the 120th month lies behind the longest plan
    st.integers(0, 20_000),
    st.sampled_from([Frequency.weekly, Frequency.two_weeks, Frequency.monthly, Frequency.payday_last_working_day]),
    st.sampled_from(list(WeekendRule)),
)
def test_m9_the_instalments_and_the_down_payment_sum_to_the_total_to_the_cent(
    payable_cents: int, number: int, down_cents: int, frequency: Frequency, rule: WeekendRule
) -> None:
    wanted = wish(number, rhythm=Rhythm(frequency, date(2026, 12, 1)), down_cents=down_cents if down_cents > 500 else 0)
    terms = terms_of(wanted, limits(payable_cents, maximum_cents=999_999_999), rule, TODAY)
    listed = terms.payments(TODAY)
    assert sum(each.amount_cents for each in listed) == terms.total_cents == payable_cents
    assert [each.number for each in listed] == list(range(1, len(listed) + 1))
    assert [each.due_on for each in listed] == sorted(each.due_on for each in listed)
    assert terms.forgiven_cents == terms.left_cents == 0


@given(st.integers(100_000, 900_000_000), st.integers(1, 60), st.integers(1, 99))
def test_a_settlement_and_what_it_forgives_are_what_is_owed(payable_cents: int, number: int, percent: int) -> None:
    total = payable_cents * percent // 100
    if total < number * 500:
        return
    wanted = wish(number, kind=PlanKind.settlement, total_cents=total)
    terms = terms_of(wanted, limits(payable_cents, maximum_cents=999_999_999), WeekendRule.after, TODAY)
    assert sum(each.amount_cents for each in terms.instalments) == total
    assert total + terms.forgiven_cents == payable_cents
    assert terms.left_cents == 0


def test_a_fixed_amount_goes_on_until_the_total_is_reached() -> None:
    wanted = wish(amounts=Amounts(AmountsKind.fixed, None, 10_000), down_cents=5_000)
    terms = terms_of(wanted, limits(38_050), WeekendRule.after, TODAY)
    assert [each.amount_cents for each in terms.payments(TODAY)] == [5_000, 10_000, 10_000, 10_000, 3_050]


@pytest.mark.parametrize(
    ("changes", "payable_cents", "code"),
    [
        ({}, 0, "nothing_to_pay"),
        ({"total_cents": 50_001}, 50_000, "plan_above_balance"),
        ({"kind": PlanKind.settlement, "total_cents": 50_000}, 50_000, "plan_settles_nothing"),
        ({"kind": PlanKind.settlement}, 50_000, "plan_settles_nothing"),
        ({"total_cents": -5}, 50_000, "plan_settles_nothing"),
        ({"down_cents": 50_000}, 50_000, "plan_down_wrong"),
        ({"down_cents": -500}, 50_000, "plan_down_wrong"),
        ({"down_cents": 499}, 50_000, "amount_below_minimum"),
        ({"down_cents": 10_000_000}, 20_000_000, "amount_above_maximum"),
        ({"rhythm": Rhythm(Frequency.monthly, date(2026, 11, 22))}, 50_000, "schedule_date_past"),
        ({"amounts": Amounts(AmountsKind.evenly, 121)}, 5_000_000, "schedule_too_many"),
        ({"amounts": Amounts(AmountsKind.evenly, 0)}, 50_000, "schedule_number_wrong"),
        ({"amounts": Amounts(AmountsKind.evenly, 1_000_000)}, 50_000, "schedule_too_many"),
        ({"amounts": Amounts(AmountsKind.fixed, 2, 10_000)}, 50_000, "plan_sum_differs"),
        ({"amounts": Amounts(AmountsKind.evenly, 120)}, 50_000, "amount_below_minimum"),
        ({"rhythm": Rhythm(Frequency.monthly, date(2036, 11, 22))}, 50_000, "plan_too_long"),
    ],
)
def test_a_plan_outside_the_rules_is_refused_by_name(changes: dict[str, object], payable_cents: int, code: str) -> None:
    """Attack 76: dates in the past, no instalments, a million of them."""
    with pytest.raises(Refused) as refusal:
        terms_of(wish(**changes), limits(payable_cents), WeekendRule.after, TODAY)  # type: ignore[arg-type]  # named above
    assert refusal.value.code == code


def test_a_wish_reads_back_as_it_was_kept() -> None:
    for kept in (wish(down_cents=900), wish(amounts=Amounts(AmountsKind.fixed, None, 7_500), total_cents=9)):
        assert wish_of(kept.plain()) == kept


def test_every_move_is_in_the_table_or_is_a_fault() -> None:
    """B.6: every pair of states, and exactly the listed ones go."""
    for before, after in product(PlanState, PlanState):
        if after in MOVES[before]:
            require_move(before, after)
        else:
            with pytest.raises(AssertionError):
                require_move(before, after)
    assert {state for state in PlanState if not MOVES[state]} == {
        PlanState.completed,
        PlanState.cancelled,
        PlanState.superseded,
    }
    assert all(PlanState.draft not in after for after in MOVES.values())


def test_an_offer_ends_after_its_days_and_never_after_its_first_date() -> None:
    assert offer_until(NOW, 5, date(2026, 12, 1), ZONE) == NOW + timedelta(days=5)
    assert offer_until(NOW, 14, date(2026, 12, 1), ZONE).isoformat() == "2026-12-02T06:00:00+00:00"
    assert offer_until(NOW, 14, TODAY, ZONE).isoformat() == "2026-11-24T06:00:00+00:00"


def test_reminders_are_at_most_three_and_the_farthest_comes_first() -> None:
    assert reminder_days("7,3,1") == (7, 3, 1)
    assert reminder_days("1,7,3") == (7, 3, 1)
    assert reminder_days("2,2") == (2,)
    assert reminder_days("") == ()
    assert reminder_days("9,8,7,6") == (9, 8, 7)


@given(st.integers(1, 60), st.lists(st.integers(1, 70), max_size=3), st.integers(0, 90 * 24))
def test_a_reminder_comes_between_the_offer_and_its_end_and_never_with_either(
    days: int, stages: list[int], hours: int
) -> None:
    """N4: whatever the settings and whenever the clock looks."""
    at, end = NOW + timedelta(hours=hours), NOW + timedelta(days=days)
    found = reminder_of(NOW, end, stages, at)
    if found is not None:
        assert NOW + timedelta(days=1) <= end - timedelta(days=found) <= at < end


def test_after_an_outage_only_the_latest_reminder_is_due() -> None:
    end = NOW + timedelta(days=14)
    assert reminder_of(NOW, end, (7, 3, 1), NOW + timedelta(days=6)) is None
    assert reminder_of(NOW, end, (7, 3, 1), NOW + timedelta(days=7)) == 7
    assert reminder_of(NOW, end, (7, 3, 1), NOW + timedelta(days=13, hours=1)) == 1
    assert reminder_of(NOW, end, (7, 3, 1), end) is None


def test_a_plan_breaks_at_the_number_and_never_at_nought() -> None:
    assert [is_broken(missed, 3) for missed in (0, 2, 3, 4)] == [False, False, True, True]
    assert not any(is_broken(missed, 0) for missed in range(9))


@pytest.mark.parametrize(
    ("rhythm", "last_on", "then"),
    [
        (MONTHLY, date(2027, 5, 3), date(2027, 6, 1)),
        (Rhythm(Frequency.weekly, date(2026, 12, 1)), date(2026, 12, 29), date(2027, 1, 5)),
        (Rhythm(Frequency.once, date(2026, 12, 1)), date(2026, 12, 1), date(2027, 1, 4)),
        (Rhythm(Frequency.twice_a_month, date(2026, 12, 1), days=(1, 15)), date(2026, 12, 15), date(2027, 1, 4)),
        (Rhythm(Frequency.payday_weekly, date(2026, 12, 1), weekday=4), date(2026, 12, 4), date(2026, 12, 11)),
        (Rhythm(Frequency.monthly, date(2026, 12, 31)), date(2027, 2, 1), date(2027, 3, 1)),
    ],
)
def test_a_missed_instalment_goes_on_the_next_date_of_the_rhythm(rhythm: Rhythm, last_on: date, then: date) -> None:
    assert after_the_last(rhythm, last_on, WeekendRule.after) == then


def test_a_reference_is_read_aloud_without_doubt_and_counts_nothing() -> None:
    made = {new_reference() for _ in range(500)}
    assert len(made) == 500
    assert not any(sign in each.removeprefix("PL-") for each in made for sign in "ILOU")
