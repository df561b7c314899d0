"""Dates of a series: each period once, weekends and holidays by the stated rule, one moment a day in every zone."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from itertools import islice, pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from portal.domain.due_date import (
    Frequency,
    Rhythm,
    WeekendRule,
    due_dates,
    is_working_day,
    local_date,
    moment_of,
    nominal_dates,
    rhythm_of,
    settled_on,
    working_days_before,
)
from portal.domain.refusal import Refused

ZONES = (
    "America/New_York",
    "America/Chicago",
    "America/Denver",
    "America/Phoenix",
    "America/Los_Angeles",
    "America/Anchorage",
    "Pacific/Honolulu",
    "America/Puerto_Rico",
    "America/Havana",  # its clocks change at midnight
)
DAYS = st.dates(date(2024, 1, 1), date(2034, 12, 31))


@st.composite
def rhythms(draw: Callable[..., object]) -> Rhythm:
    frequency = draw(st.sampled_from([each for each in Frequency if each is not Frequency.once]))
    first = draw(st.integers(1, 18))
    second = draw(st.integers(first + 10, min(first + 18, 31)))
    return Rhythm(
        frequency,  # type: ignore[arg-type]  # drawn from it
        draw(DAYS),  # type: ignore[arg-type]  # drawn from it
        weekday=draw(st.integers(0, 6)),  # type: ignore[arg-type]  # drawn from it
        payday_on=draw(DAYS),  # type: ignore[arg-type]  # drawn from it
        days=(first, second),  # type: ignore[arg-type]  # drawn from it
    )


@given(rhythms(), st.sampled_from(WeekendRule))
@settings(max_examples=300, deadline=None)
def test_p5_every_period_comes_once_and_in_order_under_each_weekend_rule(rhythm: Rhythm, rule: WeekendRule) -> None:
    dates = due_dates(rhythm, 60, rule)
    assert all(later.due_on > earlier.due_on for earlier, later in pairwise(dates))
    assert all(later.nominal_on > earlier.nominal_on for earlier, later in pairwise(dates))
    assert all(each.due_on >= rhythm.start_on for each in dates)
    if rule is not WeekendRule.same:
        assert all(is_working_day(each.due_on) for each in dates)
    assert all(abs((each.due_on - each.nominal_on).days) <= 5 for each in dates)


@given(rhythms())
@settings(max_examples=200, deadline=None)
def test_a_rhythm_survives_being_kept(rhythm: Rhythm) -> None:
    assert rhythm_of(rhythm.plain()) == rhythm


@given(rhythms())
@settings(max_examples=200, deadline=None)
def test_a_rhythm_has_as_many_periods_as_its_name_says(rhythm: Rhythm) -> None:
    dates = list(islice(nominal_dates(rhythm), 105))
    gaps = {(later - earlier).days for earlier, later in pairwise(dates)}
    match rhythm.frequency:
        case Frequency.weekly | Frequency.payday_weekly:
            assert gaps == {7}
        case Frequency.two_weeks | Frequency.payday_two_weeks:
            assert gaps == {14}
        case Frequency.monthly | Frequency.payday_last_working_day:
            months = [each.year * 12 + each.month for each in dates]
            assert months == list(range(months[0], months[0] + len(dates)))
        case _:
            months = [each.year * 12 + each.month for each in dates]
            assert all(months.count(month) == 2 for month in months[2:-2])


def test_the_31st_is_the_last_day_of_a_shorter_month_and_comes_back() -> None:
    dates = list(islice(nominal_dates(Rhythm(Frequency.monthly, date(2028, 1, 31))), 5))
    assert dates == [date(2028, 1, 31), date(2028, 2, 29), date(2028, 3, 31), date(2028, 4, 30), date(2028, 5, 31)]


def test_the_29th_of_february_pays_on_the_29th_of_other_months_and_the_28th_in_a_common_year() -> None:
    dates = list(islice(nominal_dates(Rhythm(Frequency.monthly, date(2028, 2, 29))), 13))
    assert dates[1] == date(2028, 3, 29)
    assert dates[12] == date(2029, 2, 28)


def test_a_known_payday_in_the_past_sets_the_beat() -> None:
    dates = islice(nominal_dates(Rhythm(Frequency.payday_two_weeks, date(2026, 12, 1), payday_on=date(2026, 6, 5))), 3)
    assert list(dates) == [date(2026, 12, 4), date(2026, 12, 18), date(2027, 1, 1)]


def test_a_known_payday_in_the_future_sets_the_same_beat() -> None:
    early = islice(nominal_dates(Rhythm(Frequency.payday_two_weeks, date(2026, 12, 1), payday_on=date(2027, 1, 1))), 3)
    late = islice(nominal_dates(Rhythm(Frequency.payday_two_weeks, date(2026, 12, 1), payday_on=date(2026, 6, 5))), 3)
    assert list(early) == list(late)


def test_the_last_working_day_minds_holidays() -> None:
    dates = islice(nominal_dates(Rhythm(Frequency.payday_last_working_day, date(2027, 5, 1))), 3)
    # 31 May 2027 is Memorial Day, 30 June a Wednesday, 31 July a Saturday
    assert list(dates) == [date(2027, 5, 28), date(2027, 6, 30), date(2027, 7, 30)]


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (WeekendRule.after, date(2026, 7, 6)),
        (WeekendRule.before, date(2026, 7, 2)),
        (WeekendRule.same, date(2026, 7, 4)),
    ],
)
def test_independence_day_on_a_saturday_is_observed_on_friday(rule: WeekendRule, expected: date) -> None:
    assert settled_on(date(2026, 7, 4), rule, date(2026, 6, 1)) == expected


def test_a_first_payment_is_never_moved_before_the_day_it_was_asked_for() -> None:
    assert settled_on(date(2026, 11, 22), WeekendRule.before, date(2026, 11, 22)) == date(2026, 11, 23)


@pytest.mark.parametrize("days", [(), (1,), (1, 5), (15, 20), (1, 31), (0, 15), (15, 32), (20, 5)])
def test_two_days_of_a_month_must_be_apart(days: tuple[int, ...]) -> None:
    with pytest.raises(Refused):
        Rhythm(Frequency.twice_a_month, date(2026, 12, 1), days=days)


def test_a_payday_rhythm_without_its_payday_is_refused() -> None:
    with pytest.raises(Refused, match="payday_missing"):
        Rhythm(Frequency.payday_weekly, date(2026, 12, 1))
    with pytest.raises(Refused, match="payday_missing"):
        Rhythm(Frequency.payday_two_weeks, date(2026, 12, 1))


def test_working_days_before_leaves_out_weekends_and_thanksgiving() -> None:
    assert working_days_before(date(2026, 11, 30), 3) == date(2026, 11, 24)


@pytest.mark.parametrize("zone", ZONES)
def test_p5_ten_years_of_days_have_one_moment_each_over_every_clock_change(zone: str) -> None:
    for hour in (0, 1, 2, 3, 9, 23):
        day, moments = date(2024, 1, 1), []
        while day < date(2034, 1, 1):
            moment = moment_of(day, hour, zone)
            assert local_date(moment, zone) == day
            moments.append(moment)
            day += timedelta(days=1)
        assert all(timedelta(hours=22) < later - earlier < timedelta(hours=26) for earlier, later in pairwise(moments))


def test_an_hour_that_the_clocks_skip_is_the_moment_after_the_gap() -> None:
    assert moment_of(date(2027, 3, 14), 2, "America/New_York") == datetime(2027, 3, 14, 7, 0, tzinfo=UTC)


def test_an_hour_that_comes_twice_is_its_first_pass() -> None:
    assert moment_of(date(2026, 11, 1), 1, "America/New_York") == datetime(2026, 11, 1, 5, 0, tzinfo=UTC)


def test_p5_an_hour_skipped_at_the_end_of_its_day_stays_on_its_day() -> None:
    assert moment_of(date(2024, 3, 30), 23, "America/Nuuk") == datetime(2024, 3, 31, 0, 0, tzinfo=UTC)
    assert local_date(moment_of(date(2024, 3, 30), 23, "America/Nuuk"), "America/Nuuk") == date(2024, 3, 30)
