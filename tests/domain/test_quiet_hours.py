"""By day on the person's own clock, wherever they may be, and not when they said it does not suit."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.domain.quiet_hours import Inconvenient, is_inconvenient, is_quiet, next_fitting, read_inconvenient
from portal.domain.time_zone import contiguous, zones_of

EAST, WEST = ZoneInfo("America/New_York"), ZoneInfo("America/Los_Angeles")
CHICAGO = ZoneInfo("America/Chicago")


def at(zone: ZoneInfo, hour: int, minute: int = 0, day: int = 4) -> datetime:
    return datetime(2026, 11, day, hour, minute, tzinfo=zone).astimezone(UTC)


@pytest.mark.parametrize(
    ("hour", "minute", "quiet"),
    [(7, 59, True), (8, 0, False), (12, 0, False), (20, 57, False), (20, 59, True), (21, 0, True), (0, 0, True)],
)
def test_c18_nothing_goes_before_eight_or_after_nine(hour: int, minute: int, quiet: bool) -> None:
    """A message begun two minutes before nine might leave after it."""
    assert is_quiet(at(CHICAGO, hour, minute), (CHICAGO,)) is quiet


@pytest.mark.parametrize(
    ("hour", "quiet"), [(8, True), (10, True), (11, False), (17, False), (20, False), (21, True), (22, True)]
)
def test_c18_two_places_leave_only_the_hours_they_share(hour: int, quiet: bool) -> None:
    """Eastern 11 a.m. to 9 p.m. is Pacific 8 a.m. to 6 p.m. (comment 6(b)(1)(i)-2 to Reg F)."""
    assert is_quiet(at(EAST, hour), (EAST, WEST)) is quiet


def test_c18_what_waits_for_the_morning_waits_for_the_later_of_two_mornings() -> None:
    assert next_fitting(at(EAST, 22), (EAST, WEST), (), keeps_hours=True) == at(WEST, 8, day=5)
    assert next_fitting(at(EAST, 6), (EAST,), (), keeps_hours=True) == at(EAST, 8)


@pytest.mark.parametrize("day", [7, 8])
def test_c18_eight_is_eight_on_the_days_the_clocks_change(day: int) -> None:
    march = datetime(2026, 3, day, 23, tzinfo=CHICAGO)
    fits = next_fitting(march.astimezone(UTC), (CHICAGO,), (), keeps_hours=True)
    assert fits is not None
    assert fits.astimezone(CHICAGO).time() == time(8)
    assert fits.astimezone(CHICAGO).date() == march.date() + timedelta(days=1)


@pytest.mark.parametrize(
    ("phone", "state", "names"),
    [
        ("+13125550123", "IL", {"America/Chicago"}),
        ("(312) 555-0123", "ca", {"America/Chicago", "America/Los_Angeles"}),
        ("+13125550123", None, {"America/Chicago"}),
        (None, "TX", {"America/Chicago", "America/Denver"}),
        (None, "AZ", {"America/Phoenix", "America/Denver"}),
        ("+18085550123", "HI", {"Pacific/Honolulu"}),
        ("+12085550123", "ID", {"America/Boise", "America/Los_Angeles", "America/Denver"}),
        ("+18005550123", None, set()),  # a number of no place
        ("no number", "Illinois", set()),
        (None, None, set()),
    ],
)
def test_c18_every_zone_that_what_is_on_file_allows_counts(
    phone: str | None, state: str | None, names: set[str]
) -> None:
    assert {str(zone) for zone in zones_of(None, phone, state)} == names


def test_c18_a_zone_on_file_is_the_one_and_a_wrong_one_is_none() -> None:
    assert zones_of("America/New_York", "+13125550123", "CA") == (EAST,)
    assert zones_of("Mars/Olympus", None, "NY") == (EAST,)
    assert zones_of("../../etc/passwd", None, "NY") == (EAST,)


@pytest.mark.parametrize(
    ("text", "inside", "outside"),
    [
        ("mon-fri 09:00-17:00", at(CHICAGO, 9), at(CHICAGO, 17)),
        ("wed 12:00-13:30", at(CHICAGO, 13, 29), at(CHICAGO, 13, 30)),
        ("mon,wed 12:00-13:00", at(CHICAGO, 12), at(CHICAGO, 12, day=5)),
        ("sat-sun 00:00-24:00", at(CHICAGO, 12, day=7), at(CHICAGO, 12, day=6)),
        ("wed 20:00-10:00", at(CHICAGO, 9, day=5), at(CHICAGO, 10, day=5)),
        ("fri-mon 08:00-12:00", at(CHICAGO, 8, day=9), at(CHICAGO, 8, day=10)),
    ],
)
def test_c19_times_that_do_not_suit_are_kept(text: str, inside: datetime, outside: datetime) -> None:
    wish = read_inconvenient(text)
    assert wish is not None
    assert is_inconvenient(inside, (CHICAGO,), [wish])
    assert not is_inconvenient(outside, (CHICAGO,), [wish])


@pytest.mark.parametrize(
    "text", ["", "always", "mon", "mon 9-5", "day 09:00-17:00", "mon-foo 09:00-17:00", "mon 25:00-26:00"]
)
def test_times_that_cannot_be_read_are_none(text: str) -> None:
    assert read_inconvenient(text) is None


def test_c19_a_message_waits_until_it_is_day_and_suits() -> None:
    wish = read_inconvenient("mon-sun 08:00-17:00")
    assert wish is not None
    assert next_fitting(at(CHICAGO, 6), (CHICAGO,), [wish], keeps_hours=True) == at(CHICAGO, 17)


def test_c19_no_time_at_all_is_said_and_not_searched_for_ever() -> None:
    never = Inconvenient(frozenset(range(7)), time(0), time(0))
    assert next_fitting(at(CHICAGO, 12), (CHICAGO,), [never], keeps_hours=True) is None


@given(
    st.integers(0, 2 * 366 * 24 * 60),
    st.sets(st.sampled_from(["America/New_York", "America/Denver", "Pacific/Honolulu", "Pacific/Guam",
                             "America/Phoenix"]), min_size=1, max_size=3),
)  # fmt: skip
def test_c18_the_moment_found_is_never_at_night_and_never_in_the_past(minutes: int, names: set[str]) -> None:
    moment = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
    zones = [ZoneInfo(name) for name in sorted(names)]
    fits = next_fitting(moment, zones, (), keeps_hours=True)
    assert fits is not None
    assert fits >= moment
    assert not is_quiet(fits, zones)
    for zone in zones:
        assert time(8) <= fits.astimezone(zone).time() <= time(21)


def test_somebody_of_whom_nothing_is_known_may_be_on_either_coast() -> None:
    assert is_quiet(at(EAST, 10, 59), contiguous())
    assert not is_quiet(at(EAST, 11), contiguous())
