"""A schedule of payments: how its amounts are chosen, what an organisation allows, what a card outlives. Cents.

Called by the schedule use cases and by pages. Its dates come from `portal.domain.due_date`. Knows no rows.
"""

from calendar import monthrange
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import Any

from portal.domain.due_date import (
    DueDate,
    Frequency,
    Rhythm,
    WeekendRule,
    due_dates,
    is_working_day,
    rhythm_of,
    settled_on,
    working_days_before,
)
from portal.domain.money import assert_cents, split_evenly
from portal.domain.refusal import Refused

NOTICE_DAYS = 5  # a payment further ahead than this is announced once more (Reg F 1006.22(c))
NOTICE_WORKING_DAYS_MIN = 3
NOTICE_WORKING_DAYS = 7  # in the middle of the 3 to 10 that the rule allows, so a day of outage does no harm


class ScheduleStatus(StrEnum):
    """Where a schedule stands. `paused` waits for the customer's new card, `broken` for staff."""

    active = "active"
    paused = "paused"
    broken = "broken"
    cancelled = "cancelled"
    completed = "completed"


ENDED = frozenset({ScheduleStatus.cancelled, ScheduleStatus.completed})
STANDING_STILL = frozenset({ScheduleStatus.paused, ScheduleStatus.broken})  # after a payment that failed for good


class AmountsKind(StrEnum):
    """How the amounts of a series are chosen."""

    fixed = "fixed"  # the same on each date; the last one is what is left
    chosen = "chosen"  # one typed for each date
    evenly = "evenly"  # the balance in equal parts, to the cent


@dataclass(frozen=True, slots=True)
class Amounts:
    """What a person wants to pay: `each_cents` for fixed, `chosen_cents` for chosen, `number` of payments.

    `number` may be None for fixed: then it goes on until the balance is paid.
    """

    kind: AmountsKind
    number: int | None = None
    each_cents: int | None = None
    chosen_cents: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Wish:
    """What a person wants: when, and how much."""

    rhythm: Rhythm
    amounts: Amounts

    def plain(self) -> dict[str, object]:
        """As it is kept in a row."""
        wanted = self.amounts
        return {
            "rhythm": self.rhythm.plain(),
            "kind": wanted.kind.value,
            "number": wanted.number,
            "each_cents": wanted.each_cents,
            "chosen_cents": list(wanted.chosen_cents),
        }


def wish_of(plain: Mapping[str, Any]) -> Wish:
    """A wish as it was kept."""
    amounts = Amounts(AmountsKind(plain["kind"]), plain["number"], plain["each_cents"], tuple(plain["chosen_cents"]))
    return Wish(rhythm_of(plain["rhythm"]), amounts)


@dataclass(frozen=True, slots=True)
class Limits:
    """What the organisation allows, and what can be promised: the balance less payments under way."""

    allowed: bool
    days_max: int
    number_max: int
    minimum_cents: int
    maximum_cents: int
    payable_cents: int

    def latest_on(self, today: date) -> date:
        """The last date that may be scheduled."""
        return today + timedelta(days=self.days_max)


@dataclass(frozen=True, slots=True)
class Payment:
    """One payment of a series as it is listed before Confirm. `number` counts from 1."""

    number: int
    due_on: date
    amount_cents: int
    moved_from: date | None = None


@dataclass(frozen=True, slots=True)
class CardEnding:
    """The card ends before a payment: "This card ends 03/27, before payment 7"."""

    month: int
    year: int
    number: int


def payments(rhythm: Rhythm, amounts: Amounts, limits: Limits, rule: WeekendRule, today: date) -> list[Payment]:
    """Every payment of a series, or Refused with the rule of the organisation that forbids it."""
    if not limits.allowed:
        raise Refused("schedule_off")
    if rhythm.start_on < today:
        raise Refused("schedule_date_past")
    latest_on = limits.latest_on(today)
    if rhythm.start_on > latest_on:
        raise Refused("schedule_too_late", latest_on=latest_on)
    cents = amounts_of(amounts, limits, once=rhythm.frequency is Frequency.once)
    dates = due_dates(rhythm, len(cents), rule)
    if dates[-1].due_on > latest_on:
        raise Refused("schedule_too_late", latest_on=latest_on)
    return [_payment(number, day, amount) for number, (day, amount) in enumerate(zip(dates, cents, strict=True), 1)]


def amounts_of(amounts: Amounts, limits: Limits, *, once: bool) -> list[int]:
    """The amount of each payment in cents, in order, none above what is owed in all."""
    payable = limits.payable_cents
    if payable <= 0:
        raise Refused("nothing_to_pay")
    cents = _wanted(amounts, payable, limits)
    if once and len(cents) != 1:
        raise Refused("schedule_number_wrong", number_max=1)
    if len(cents) > limits.number_max:
        raise Refused("schedule_too_many", number_max=limits.number_max)
    if sum(cents) > payable:
        raise Refused("schedule_above_balance", payable_cents=payable)
    # a last payment that was asked for by its number may be the small rest of the balance
    small = cents[:-1] if sum(cents) == payable else cents
    if any(each < limits.minimum_cents for each in small):
        raise Refused("amount_below_minimum", minimum_cents=limits.minimum_cents)
    if any(each > limits.maximum_cents for each in cents):
        raise Refused("amount_above_maximum", maximum_cents=limits.maximum_cents)
    return [assert_cents(each) for each in cents]


def card_ending(month: int, year: int, due_on: Sequence[date]) -> CardEnding | None:
    """The first payment after a card's last day, if there is one. A card is good through the month printed on it."""
    last_day = date(year, month, monthrange(year, month)[1])
    for number, day in enumerate(due_on, 1):
        if day > last_day:
            return CardEnding(month, year, number)
    return None


def source_of(series: str, *, customer_present: bool) -> str:
    """What a charge of a series is called at the gateway (C33): the first with the customer present is its `_first`."""
    return f"{series}_first" if customer_present and series != "unscheduled" else series


def confirmation_is_notice(today: date, due_on: date) -> bool:
    """Whether what is sent today is notice enough of a payment: it is near, or in the window of 3 to 10 working days.

    Only a payment more than five days ahead needs a notice (Reg F 1006.22(c)).
    """
    if due_on <= today + timedelta(days=NOTICE_DAYS):
        return True
    return working_days_before(due_on, 10) <= today <= working_days_before(due_on, NOTICE_WORKING_DAYS_MIN)


def noticed_today(today: date) -> date:
    """The first working day that what is told today is notice enough of (Reg F 1006.22(c))."""
    day = today + timedelta(days=NOTICE_WORKING_DAYS)
    while not is_working_day(day) or working_days_before(day, NOTICE_WORKING_DAYS) < today:
        day += timedelta(days=1)
    return day


def _payment(number: int, day: DueDate, amount_cents: int) -> Payment:
    return Payment(number, day.due_on, amount_cents, day.nominal_on if day.is_moved else None)


def _wanted(amounts: Amounts, payable_cents: int, limits: Limits) -> list[int]:
    number, number_max = amounts.number, limits.number_max
    if number is not None and number < 1:
        raise Refused("schedule_number_wrong", number_max=number_max)
    if number is not None and number > number_max:
        raise Refused("schedule_too_many", number_max=number_max)
    match amounts.kind:
        case AmountsKind.chosen:
            if not amounts.chosen_cents or any(each <= 0 for each in amounts.chosen_cents):
                raise Refused("amount_missing")
            return list(amounts.chosen_cents)
        case AmountsKind.evenly:
            if number is None:
                raise Refused("schedule_number_wrong", number_max=number_max)
            return split_evenly(payable_cents, number)
        case AmountsKind.fixed:
            return _fixed(amounts.each_cents or 0, number, payable_cents, limits)


def _fixed(each_cents: int, number: int | None, payable_cents: int, limits: Limits) -> list[int]:
    if each_cents <= 0:
        raise Refused("amount_missing")
    whole, rest = divmod(payable_cents, each_cents)
    if number is not None:
        # asked for one more than fits: the last one is the rest; one that never fits is not lowered unasked
        return [each_cents] * whole + [rest] if rest and number == whole + 1 > 1 else [each_cents] * number
    cents = [each_cents] * whole + ([rest] if rest else [])
    if whole and 0 < rest < limits.minimum_cents and each_cents + rest <= limits.maximum_cents:
        cents[-2:] = [each_cents + rest]  # a rest too small for a payment goes with the one before
    if len(cents) > limits.number_max:
        raise Refused("schedule_too_many", number_max=limits.number_max)
    return cents


def move_dates(
    first_on: date, days_max: int, rule: WeekendRule, today: date, taken: Collection[date] = ()
) -> list[date]:
    """The dates a customer may put one payment on: near the date first promised, after today, one payment a day.

    Only dates that stay as they are by the rule for weekends and holidays, so that what is chosen is what is charged.
    """
    days = (first_on + timedelta(days=step) for step in range(-days_max, days_max + 1))
    return [day for day in days if day > today and day not in taken and settled_on(day, rule, day) == day]
