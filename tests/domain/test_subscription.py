"""The periods of a subscription: every day of the program once, the 31st, 29 February, parts of a month, the end."""

from calendar import monthrange
from dataclasses import replace
from datetime import date, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.domain.refusal import Refused
from portal.domain.subscription import (
    MOVES,
    PERIODS_MAX,
    Feature,
    SubscriptionState,
    Terms,
    added,
    begins,
    cut,
    period_of,
    periods,
    require_features,
    require_move,
    require_report,
    require_terms,
)

DAYS = st.dates(date(2024, 1, 1), date(2032, 12, 31))


@st.composite
def terms(draw: st.DrawFn, *, prorated: bool | None = None) -> Terms:
    start_on = draw(DAYS)
    return Terms(
        start_on=start_on,
        end_on=start_on + timedelta(days=draw(st.integers(0, 1_200))),
        billing_day=draw(st.integers(1, 31)),
        price_cents=draw(st.integers(1, 100_000)),
        prorated=draw(st.booleans()) if prorated is None else prorated,
    )


def of(start: str, end: str, day: int, *, prorated: bool = True, cents: int = 3_000) -> Terms:
    return Terms(date.fromisoformat(start), date.fromisoformat(end), day, cents, prorated)


@given(terms(), st.integers(-60, 1_300))
def test_every_day_that_is_left_is_paid_for_exactly_once(wanted: Terms, later: int) -> None:
    first_on = wanted.start_on + timedelta(days=later)
    found = periods(wanted, first_on)
    left = (wanted.end_on - max(first_on, wanted.start_on)).days + 1
    assert sum((each.ends_on - each.begins_on).days + 1 for each in found) == max(left, 0)
    assert all(after.begins_on - before.ends_on == timedelta(days=1) for before, after in pairwise(found))
    assert [each.number for each in found] == list(range(1, len(found) + 1))
    assert not found or found[-1].ends_on == wanted.end_on


@given(terms(), st.integers(-60, 1_300))
def test_the_first_is_charged_at_once_and_no_other_before_its_day_or_after_the_end(wanted: Terms, later: int) -> None:
    first_on = wanted.start_on + timedelta(days=later)
    found = periods(wanted, first_on)
    if not found:
        assert first_on > wanted.end_on
        return
    assert found[0].due_on == first_on
    for each in found[1:]:
        last = monthrange(each.due_on.year, each.due_on.month)[1]
        assert each.due_on == each.begins_on
        assert first_on < each.due_on <= wanted.end_on
        assert each.due_on.day == min(wanted.billing_day, last)
    months = [(each.due_on.year, each.due_on.month) for each in found[1:]]
    assert len(set(months)) == len(months)


@given(terms(prorated=True), st.integers(-60, 1_200))
def test_a_part_of_a_month_costs_a_part_of_the_price_and_a_whole_one_the_whole(wanted: Terms, later: int) -> None:
    for each in periods(wanted, wanted.start_on + timedelta(days=later)):
        assert 1 <= each.amount_cents <= wanted.price_cents
        days = (each.ends_on - each.begins_on).days + 1
        if days >= 31:
            assert each.amount_cents == wanted.price_cents
        assert cut(each, wanted, each.ends_on) == each.amount_cents


@given(terms(prorated=False))
def test_where_parts_are_not_counted_every_period_costs_the_whole_price(wanted: Terms) -> None:
    found = periods(wanted, wanted.start_on)
    assert {each.amount_cents for each in found} == {wanted.price_cents}
    assert [each.begins_on for each in found] == list(begins(wanted))


@given(terms(), st.integers(0, 400), st.integers(0, 40))
def test_c3_a_later_end_adds_its_days_once_and_charges_none_of_them_before_they_were_announced(
    wanted: Terms, longer: int, notice: int
) -> None:
    until, not_before = wanted.end_on + timedelta(days=longer), wanted.end_on - timedelta(days=20 - notice)
    more = added(wanted, until, 7, not_before)
    assert [each.number for each in more] == list(range(7, 7 + len(more)))
    assert all(each.due_on >= max(not_before, each.begins_on) for each in more)
    if wanted.prorated:
        assert sum((each.ends_on - each.begins_on).days + 1 for each in more) == longer
    known = set(begins(wanted))
    assert not known & {each.begins_on for each in more}


@given(terms())
def test_a_period_is_read_back_as_it_was_kept(wanted: Terms) -> None:
    for each in periods(wanted, wanted.start_on):
        assert period_of(each.plain()) == each


def test_a_billing_day_of_31_is_the_last_day_of_every_shorter_month_also_in_a_leap_year() -> None:
    found = periods(of("2027-12-31", "2028-05-30", 31), date(2027, 12, 31))
    assert [each.due_on.isoformat() for each in found] == [
        "2027-12-31", "2028-01-31", "2028-02-29", "2028-03-31", "2028-04-30",
    ]  # fmt: skip
    assert {each.amount_cents for each in found} == {3_000}


def test_a_program_that_begins_on_29_february_goes_on_on_the_29th() -> None:
    found = periods(of("2028-02-29", "2029-03-28", 29), date(2028, 2, 29))
    assert [each.due_on.isoformat() for each in found][:2] == ["2028-02-29", "2028-03-29"]
    assert found[-1].due_on == date(2029, 2, 28)
    assert found[-1].ends_on == date(2029, 3, 28)


def test_fourteen_months_are_fourteen_payments() -> None:
    wanted = of("2026-12-01", "2028-01-31", 1)
    assert len(periods(wanted, date(2026, 12, 1))) == 14
    assert len(periods(wanted, date(2026, 11, 20))) == 14, "whoever pays before it begins pays no month more"
    late = periods(wanted, date(2027, 1, 17))
    assert (len(late), late[0].amount_cents, late[0].begins_on) == (13, 1_452, date(2027, 1, 17))  # 15 of 31 days
    assert len(periods(replace(wanted, prorated=False), date(2027, 1, 17))) == 13


def test_a_last_part_of_a_month_is_charged_by_the_day() -> None:
    found = periods(of("2026-12-01", "2027-01-15", 1), date(2026, 12, 1))
    assert [each.amount_cents for each in found] == [3_000, 1_452]
    [more] = added(of("2026-12-01", "2027-01-15", 1), date(2027, 1, 31), 3, date(2027, 1, 1))
    assert (more.begins_on, more.amount_cents) == (date(2027, 1, 16), 1_548), "the rest of the month, no cent twice"
    assert added(of("2026-12-01", "2027-01-15", 1, prorated=False), date(2027, 1, 31), 3, date(2027, 1, 1)) == ()


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"end_on": date(2026, 11, 30)}, "subscription_dates"),
        ({"start_on": date(2025, 1, 1), "end_on": date(2026, 11, 1)}, "subscription_past"),
        ({"billing_day": 0}, "subscription_day"),
        ({"billing_day": 32}, "subscription_day"),
        ({"end_on": date(2026 + PERIODS_MAX // 12 + 1, 12, 1)}, "subscription_long"),
    ],
)
def test_terms_that_cannot_be_are_refused_with_their_rule(wrong: dict[str, object], code: str) -> None:
    good = of("2026-12-01", "2027-11-30", 1)
    require_terms(good, date(2026, 11, 10))
    with pytest.raises(Refused) as refused:
        require_terms(replace(good, **wrong), date(2026, 11, 10))  # type: ignore[arg-type]  # the case names the field
    assert refused.value.code == code


def test_a_participant_pays_all_or_part_and_never_more_or_nothing() -> None:
    """S0:5: directly for all or part of the features."""
    assert require_features([Feature("GPS", 9_000, 4_500), Feature("App", 2_500, 0)]) == 4_500
    with pytest.raises(Refused, match="subscription_share"):
        Feature("GPS", 9_000, 9_001)
    for features in ([], [Feature("GPS", 9_000, 0)], [Feature("GPS", 100, 100), Feature("GPS", 200, 200)]):
        with pytest.raises(Refused):
            require_features(features)


def test_an_end_is_an_end_and_only_one_that_was_not_activated_is_opened_again() -> None:
    assert [state for state in SubscriptionState if not MOVES[state]] == [
        SubscriptionState.ended,
        SubscriptionState.cancelled,
    ]
    require_move(SubscriptionState.expired, SubscriptionState.assigned)
    with pytest.raises(AssertionError):
        require_move(SubscriptionState.ended, SubscriptionState.active)


def test_c47_what_is_written_to_a_case_manager_holds_no_card_number() -> None:
    assert require_report(" The price\r\nis wrong ") == "The price\nis wrong"
    for said, code in (("", "report_missing"), ("x" * 501, "report_too_long"), ("4111 1111 1111 1111", "holds_card")):
        with pytest.raises(Refused) as refused:
            require_report(said)
        assert refused.value.code.startswith(code)
