"""The dates of a series of payments: which days, moved off weekends and holidays how, and at which moment each is due.

Called by the schedule use cases and by retry. Pure: what today is, is always given. Local dates are `date`s of the
organisation's zone; a moment is an aware UTC datetime. Amounts are in `portal.domain.schedule`.
"""

from calendar import monthrange
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from functools import lru_cache
from zoneinfo import ZoneInfo

from holidays import country_holidays

from portal.domain.refusal import Refused

SATURDAY = 5
DAYS_APART_MIN = 10  # of two days in a month: moved off a weekend, even in February, they never meet
PERIODS_MAX = 1_000


class Frequency(StrEnum):
    """How often. The `payday_` ones are the same steps, aligned to when a person is paid."""

    once = "once"
    weekly = "weekly"
    two_weeks = "two_weeks"
    twice_a_month = "twice_a_month"
    monthly = "monthly"
    payday_weekly = "payday_weekly"  # every week on `weekday`
    payday_two_weeks = "payday_two_weeks"  # every two weeks, counted from a payday that is known
    payday_twice_a_month = "payday_twice_a_month"  # on the two `days`
    payday_last_working_day = "payday_last_working_day"  # the month's last day that is no weekend and no holiday


class WeekendRule(StrEnum):
    """Where a date goes that falls on a weekend or a federal holiday."""

    before = "before"
    after = "after"
    same = "same"


@dataclass(frozen=True, slots=True)
class Rhythm:
    """When payments are wanted. `start_on` is the first date; with a payday rhythm, the earliest one allowed.

    `payday_on` is one payday the person knows, past or future; `days` two days of the month, 31 meaning the last. One
    day of a monthly rhythm is the day it is meant for, where its first month is too short for it.
    """

    frequency: Frequency
    start_on: date
    weekday: int | None = None
    payday_on: date | None = None
    days: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if self.frequency is Frequency.payday_weekly and self.weekday not in range(7):
            raise Refused("payday_missing")
        if self.frequency is Frequency.payday_two_weeks and self.payday_on is None:
            raise Refused("payday_missing")
        if self.frequency in {Frequency.twice_a_month, Frequency.payday_twice_a_month}:
            _require_two_days(self.days)

    def plain(self) -> dict[str, object]:
        """As it is kept in a row."""
        return {
            "frequency": self.frequency.value,
            "start_on": self.start_on.isoformat(),
            "weekday": self.weekday,
            "payday_on": self.payday_on.isoformat() if self.payday_on else None,
            "days": list(self.days),
        }


def rhythm_of(plain: Mapping[str, object]) -> Rhythm:
    """A rhythm as it was kept."""
    payday_on, weekday, days = plain["payday_on"], plain["weekday"], plain["days"]
    return Rhythm(
        frequency=Frequency(str(plain["frequency"])),
        start_on=date.fromisoformat(str(plain["start_on"])),
        weekday=weekday if isinstance(weekday, int) else None,
        payday_on=date.fromisoformat(str(payday_on)) if payday_on else None,
        days=tuple(int(day) for day in days) if isinstance(days, list) else (),
    )


@dataclass(frozen=True, slots=True)
class DueDate:
    """One date of a series: the day it falls on, and the day it was moved from when that was no working day."""

    due_on: date
    nominal_on: date

    @property
    def is_moved(self) -> bool:
        return self.due_on != self.nominal_on


def due_dates(rhythm: Rhythm, number: int, rule: WeekendRule) -> list[DueDate]:
    """The first `number` dates of a rhythm, each period exactly once, in order."""
    if not 1 <= number <= PERIODS_MAX:
        raise Refused("schedule_number_wrong", number_max=PERIODS_MAX)
    nominal = nominal_dates(rhythm)
    dates = [next(nominal) for _ in range(1 if rhythm.frequency is Frequency.once else number)]
    return [DueDate(settled_on(each, rule, rhythm.start_on), each) for each in dates]


def nominal_dates(rhythm: Rhythm) -> Iterator[date]:
    """The dates before weekends and holidays are looked at; once yields one, every other rhythm never ends."""
    start = rhythm.start_on
    match rhythm.frequency:
        case Frequency.once:
            yield start
        case Frequency.weekly:
            yield from _every(7, start)
        case Frequency.two_weeks:
            yield from _every(14, start)
        case Frequency.payday_weekly:
            yield from _every(7, start + timedelta(days=((rhythm.weekday or 0) - start.weekday()) % 7))
        case Frequency.payday_two_weeks:
            payday = rhythm.payday_on or start
            yield from _every(14, start + timedelta(days=(payday - start).days % 14))
        case Frequency.monthly:
            number = rhythm.days[0] if len(rhythm.days) == 1 else start.day
            months = (_in_month(start.year, start.month + step, number) for step in range(PERIODS_MAX))
            yield from (day for day in months if day >= start)
        case Frequency.payday_last_working_day:
            months = (_last_working_day(start.year, start.month + step) for step in range(PERIODS_MAX))
            yield from (day for day in months if day >= start)
        case Frequency.twice_a_month | Frequency.payday_twice_a_month:
            yield from (
                day
                for step in range(PERIODS_MAX)
                for number in rhythm.days
                if (day := _in_month(start.year, start.month + step, number)) >= start
            )


def settled_on(day: date, rule: WeekendRule, not_before: date) -> date:
    """The day itself when it is a working day, else the working day next to it that the rule names.

    Never before `not_before`: a first payment is not taken earlier than it was asked for.
    """
    if rule is WeekendRule.same or is_working_day(day):
        return day
    if rule is WeekendRule.before:
        earlier = working_day(day, -1)
        if earlier >= not_before:
            return earlier
    return working_day(day, 1)


def working_day(day: date, step: int) -> date:
    """The nearest working day at or past `day` in the direction of `step` (1 or -1)."""
    while not is_working_day(day):
        day += timedelta(days=step)
    return day


def is_working_day(day: date) -> bool:
    """Whether it is neither Saturday, Sunday nor a federal holiday of the United States."""
    return day.weekday() < SATURDAY and not is_holiday(day)


def is_holiday(day: date) -> bool:
    """Whether it is a federal holiday of the United States, also when it falls on a weekend."""
    return day in _holidays(day.year)


def working_days_before(day: date, number: int) -> date:
    """The date `number` working days before `day`; the day itself is not counted (Reg F 1006.22(c))."""
    while number:
        day -= timedelta(days=1)
        number -= is_working_day(day)
    return day


def moment_of(day: date, hour: int, zone: str) -> datetime:
    """When a local date falls due: its `hour` on the wall clock of the zone, as UTC.

    An hour that the clocks skip is the moment after the gap, one they repeat is its first pass: one moment each day.
    A gap that ends the day (Greenland's, at 23 o'clock) has no moment after it on that day: then it is the one before.
    """
    here = ZoneInfo(zone)
    moment = datetime.combine(day, time(hour), here).astimezone(UTC)
    if moment.astimezone(here).date() != day:
        moment = datetime.combine(day, time(hour, fold=1), here).astimezone(UTC)
    return moment


def local_date(moment: datetime, zone: str) -> date:
    """The date on the wall of the zone at a moment."""
    return moment.astimezone(ZoneInfo(zone)).date()


@lru_cache(maxsize=256)
def _holidays(year: int) -> frozenset[date]:
    """Federal holidays as they are observed, Saturday's and Sunday's own days included."""
    return frozenset(country_holidays("US", years=year))


def _every(days: int, start: date) -> Iterator[date]:
    return (start + timedelta(days=days * step) for step in range(PERIODS_MAX))


def _in_month(year: int, month: int, day: int) -> date:
    """A day of the month counted on from a year's January; the month's last where it has no such day."""
    year, month = year + (month - 1) // 12, (month - 1) % 12 + 1
    return date(year, month, min(day, monthrange(year, month)[1]))


def _last_working_day(year: int, month: int) -> date:
    return working_day(_in_month(year, month, 31), -1)


def _require_two_days(days: tuple[int, ...]) -> None:
    if len(days) != 2 or not all(1 <= day <= 31 for day in days):
        raise Refused("days_missing")
    first, second = days
    if min(second, 28) - first < DAYS_APART_MIN or first + 28 - second < DAYS_APART_MIN:
        raise Refused("days_too_close", days_apart=DAYS_APART_MIN)
