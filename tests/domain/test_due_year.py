"""P5 over years: in every zone there is, over every change of its clocks, a date has one moment, on its own day.

Cheap breadth; `tests/usecases/test_due_year.py` lets the run itself live through the hard days.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from functools import cache
from itertools import pairwise
from zoneinfo import ZoneInfo, available_timezones

import pytest

from portal.domain.due_date import Frequency, Rhythm, WeekendRule, due_dates, local_date, moment_of

FIRST, LAST = date(2024, 1, 1), date(2034, 12, 31)
DAY = timedelta(days=1)
# Both hemispheres, whole, half and three-quarter hours, clocks that change at midnight or by half an hour, both ends of
# the date line, and one without any change.
ZONES = [
    "America/New_York", "America/St_Johns", "America/Havana", "America/Santiago", "Europe/London", "Asia/Kolkata",
    "Australia/Lord_Howe", "Pacific/Auckland", "Pacific/Chatham", "Pacific/Apia", "Pacific/Kiritimati",
    "Pacific/Honolulu",
]  # fmt: skip
MONTHS = 11 * 12


@cache
def changes(zone: str) -> frozenset[date]:
    """Days on which the clocks of a zone change, and their neighbours."""
    here, found = ZoneInfo(zone), set()
    day = FIRST
    while day < LAST:
        before, after = (datetime(each.year, each.month, each.day, 12, tzinfo=here) for each in (day, day + DAY))
        if before.utcoffset() != after.utcoffset():
            found |= {day + DAY * step for step in range(-2, 4)}
        day += DAY
    return frozenset(found)


def test_p5_in_every_zone_of_the_world_each_day_around_a_change_has_one_moment_an_hour() -> None:
    zones = sorted(available_timezones() - {"Factory", "localtime"})
    assert len(zones) > 400
    kinds: dict[tuple[object, ...], str] = {}  # many names share their clocks: each kind is looked at once
    for zone in zones:
        here = ZoneInfo(zone)
        looks = (datetime(2024, 1, 1, 12, tzinfo=UTC) + DAY * 6 * step for step in range(670))
        kind = tuple(each.astimezone(here).utcoffset() for each in looks)
        kinds.setdefault(kind, zone)
    changing = [zone for zone in kinds.values() if changes(zone)]
    assert len(changing) > 20
    for zone in changing:
        for day in sorted(changes(zone)):
            for hour in (0, 1, 2, 3, 9, 23):
                one_moment(zone, day, hour)


def one_moment(zone: str, day: date, hour: int) -> None:
    moment, next_one = moment_of(day, hour, zone), moment_of(day + DAY, hour, zone)
    assert local_date(moment, zone) == day, (zone, day, hour)
    assert timedelta(hours=21) < next_one - moment < timedelta(hours=27), (zone, day, hour)
    wall = moment.astimezone(ZoneInfo(zone))
    is_skipped = wall.hour != hour
    assert not is_skipped or gap_at(zone, day, hour), f"{zone} {day}: {hour} o'clock became {wall}"


def gap_at(zone: str, day: date, hour: int) -> bool:
    """Whether that hour is not on that day's clock: it does not come back from UTC."""
    here = ZoneInfo(zone)
    asked = datetime(day.year, day.month, day.day, hour, tzinfo=here)
    return asked.astimezone(UTC).astimezone(here).replace(tzinfo=None) != asked.replace(tzinfo=None)


def rhythms() -> Iterator[Rhythm]:
    for start_on in (date(2024, 1, 31), date(2024, 2, 29), date(2024, 3, 31), date(2024, 12, 30)):
        for frequency in Frequency:
            if frequency is not Frequency.once:
                yield Rhythm(frequency, start_on, weekday=6, payday_on=date(2024, 1, 7), days=(15, 31))


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("hour", [0, 2, 9, 23])
def test_p5_ten_years_of_every_rhythm_fall_on_their_days_in_order_and_never_drift(zone: str, hour: int) -> None:
    for rhythm in rhythms():
        for rule in WeekendRule:
            days = [each.due_on for each in due_dates(rhythm, MONTHS, rule)]
            moments = [moment_of(day, hour, zone) for day in days]
            assert [local_date(moment, zone) for moment in moments] == days
            assert all(earlier < later for earlier, later in pairwise(moments)), "none twice, none out of turn"


def expected_on(frequency: Frequency, start_on: date) -> list[date]:
    """The same dates, counted on the fingers: day after day, looking whether it is one."""
    found, day = [], start_on
    while len(found) < MONTHS:
        is_last = (day + DAY).day == 1
        is_one = {
            Frequency.weekly: (day - start_on).days % 7 == 0,
            Frequency.two_weeks: (day - start_on).days % 14 == 0,
            Frequency.monthly: day.day == start_on.day or (is_last and day.day < start_on.day),
            Frequency.twice_a_month: day.day == 15 or is_last,
            Frequency.payday_weekly: day.weekday() == 6,
            Frequency.payday_two_weeks: (day - date(2024, 1, 7)).days % 14 == 0,
            Frequency.payday_twice_a_month: day.day == 15 or is_last,
        }[frequency]
        found += [day] if is_one else []
        day += DAY
    return found


BY_CALENDAR = [each for each in rhythms() if each.frequency is not Frequency.payday_last_working_day]


@pytest.mark.parametrize("rhythm", BY_CALENDAR, ids=lambda rhythm: f"{rhythm.frequency}-{rhythm.start_on}")
def test_p5_a_rhythm_has_the_days_that_a_calendar_shows(rhythm: Rhythm) -> None:
    days = [each.nominal_on for each in due_dates(rhythm, MONTHS, WeekendRule.same)]
    assert days == expected_on(rhythm.frequency, rhythm.start_on)
