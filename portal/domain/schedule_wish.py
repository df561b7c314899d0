"""What a person typed about a schedule, read into a wish; whatever is wrong is named by its field, all of it at once.

Called by the page that asks when and how much, and by `portal.domain.plan_wish`. Knows no rows and no sentences.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import TypeVar

from portal.domain.due_date import DueDate, Frequency, Rhythm, WeekendRule, due_dates
from portal.domain.money import parse_amount, split_evenly
from portal.domain.refusal import Refused
from portal.domain.schedule import Amounts, AmountsKind, Limits, Payment, Wish, payments

PAYDAY = "payday"  # how often, as the page asks it: then `payday` says how a person is paid
PAYDAYS = {
    "weekly": Frequency.payday_weekly,
    "two_weeks": Frequency.payday_two_weeks,
    "twice_a_month": Frequency.payday_twice_a_month,
    "last_working_day": Frequency.payday_last_working_day,
}
OFTEN = ("once", "weekly", "two_weeks", "twice_a_month", "monthly", PAYDAY)
WHOLE, OTHER = "whole", "other"
YEARS_AHEAD = timedelta(days=3_650)  # no organisation looks further
PAYDAY_REACH = timedelta(days=370)  # a payday a person can name is not further away than this
_ISO = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})", re.ASCII)
_WRITTEN = re.compile(r"([0-9]{1,2})/([0-9]{1,2})/([0-9]{4})", re.ASCII)
_NUMBER = re.compile(r"[0-9]{1,3}", re.ASCII)

Errors = dict[str, Refused]
Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Typed:
    """The fields of the page as they stand in it. `chosen` is one amount for each date, where dates were shown."""

    often: str = ""
    start_on: str = ""
    first_day: str = ""
    second_day: str = ""
    payday: str = ""
    weekday: str = ""
    payday_on: str = ""
    once: str = WHOLE
    once_amount: str = ""
    amounts: str = AmountsKind.evenly.value
    number: str = ""
    each: str = ""
    chosen: tuple[str, ...] = ()


def read(typed: Typed, limits: Limits, rule: WeekendRule, today: date) -> tuple[Wish | None, list[Payment], Errors]:
    """(wish, its payments, errors by field): a wish that the organisation allows, or what is wrong with it."""
    errors: Errors = {}
    rhythm = rhythm_typed(typed, today, errors)
    amounts = _amounts(typed, limits.payable_cents, errors)
    if rhythm is None or amounts is None:
        return None, [], errors
    wish = Wish(rhythm, amounts)
    try:
        listed = payments(rhythm, amounts, limits, rule, today)
    except Refused as refused:
        return None, [], dict([_placed(refused, wish, limits)])
    return wish, listed, {}


def dates_of(typed: Typed, number_max: int, rule: WeekendRule, today: date) -> list[DueDate]:
    """The dates of what was typed, also where its amounts are wrong; none when they cannot be told yet."""
    errors: Errors = {}
    rhythm = rhythm_typed(typed, today, errors)
    number = caught(errors, "number", lambda: number_typed(typed.number))
    if rhythm is None or number is None or number > number_max or rhythm.start_on > today + YEARS_AHEAD:
        return []
    return due_dates(rhythm, number, rule)


def typed_of(wish: Wish) -> Typed:
    """The fields of a wish, to be changed."""
    rhythm, amounts = wish.rhythm, wish.amounts
    is_once = rhythm.frequency is Frequency.once
    payday = next((name for name, frequency in PAYDAYS.items() if frequency is rhythm.frequency), "")
    each = plain_cents(amounts.each_cents) if amounts.each_cents else ""
    first, second = (str(day) for day in rhythm.days) if rhythm.days else ("", "")
    return Typed(
        often=PAYDAY if payday else rhythm.frequency.value,
        start_on=rhythm.start_on.isoformat(),
        first_day=first,
        second_day=second,
        payday=payday,
        weekday=str(rhythm.weekday) if rhythm.weekday is not None else "",
        payday_on=rhythm.payday_on.isoformat() if rhythm.payday_on else "",
        once=OTHER if is_once and each else WHOLE,
        once_amount=each if is_once else "",
        amounts=AmountsKind.evenly.value if is_once else amounts.kind.value,
        number=str(amounts.number or len(amounts.chosen_cents) or "") if not is_once else "",
        each="" if is_once else each,
        chosen=tuple(plain_cents(cents) for cents in amounts.chosen_cents),
    )


def with_each_chosen(typed: Typed, listed: list[Payment]) -> Typed:
    """The same dates with the amount of each to be changed by itself."""
    if typed.often == Frequency.once:
        return replace(typed, once=OTHER, once_amount=plain_cents(listed[0].amount_cents))
    return replace(
        typed,
        amounts=AmountsKind.chosen.value,
        number=str(len(listed)),
        chosen=tuple(plain_cents(each.amount_cents) for each in listed),
    )


def rhythm_typed(typed: Typed, today: date, errors: Errors) -> Rhythm | None:
    """When, as it was typed; what is wrong goes into `errors`, by field."""
    if typed.often == PAYDAY:
        frequency = PAYDAYS.get(typed.payday)
        if frequency is None:
            errors["payday-weekly"] = Refused("payday_missing")
            return None
    elif typed.often in OFTEN:
        frequency = Frequency(typed.often)
    else:
        errors["often-once"] = Refused("often_missing")
        return None
    on_days = frequency in {Frequency.twice_a_month, Frequency.payday_twice_a_month}
    # where paydays or days of the month say when, the first of them is near enough to be meant
    start_on = today if not typed.start_on.strip() and (on_days or typed.often == PAYDAY) else None
    start_on = start_on or caught(errors, "start-on", lambda: _date(typed.start_on, "date_missing"))
    weekday, payday_on = None, None
    days: tuple[int, ...] = ()
    if frequency is Frequency.payday_weekly:
        weekday = caught(errors, "weekday", lambda: _one_of(typed.weekday, 0, 6, "weekday_missing"))
    if frequency is Frequency.payday_two_weeks:
        payday_on = caught(errors, "payday-on", lambda: _near(_date(typed.payday_on, "payday_date_missing"), today))
    if on_days:
        days = caught(errors, "first-day", lambda: _two_days(typed)) or ()
    if start_on is None or errors:
        return None
    return caught(errors, "first-day" if on_days else "payday-weekly",
                   lambda: Rhythm(frequency, start_on, weekday, payday_on, days))  # fmt: skip


def _amounts(typed: Typed, payable_cents: int, errors: Errors) -> Amounts | None:
    if typed.often == Frequency.once:
        if typed.once != OTHER:
            return Amounts(AmountsKind.evenly, 1)
        cents = caught(errors, "once-amount", lambda: parse_amount(typed.once_amount))
        return Amounts(AmountsKind.fixed, 1, cents) if cents else None
    match typed.amounts:
        case AmountsKind.fixed:
            cents = caught(errors, "each", lambda: parse_amount(typed.each))
            number = caught(errors, "number", lambda: number_typed(typed.number)) if typed.number.strip() else None
            return Amounts(AmountsKind.fixed, number, cents) if cents else None
        case AmountsKind.evenly:
            number = caught(errors, "number", lambda: number_typed(typed.number))
            return Amounts(AmountsKind.evenly, number) if number else None
        case AmountsKind.chosen:
            number = caught(errors, "number", lambda: number_typed(typed.number))
            return _chosen(typed.chosen, number, payable_cents, errors) if number else None
        case _:
            errors["amounts-evenly"] = Refused("amount_choice_missing")
            return None


def _chosen(texts: tuple[str, ...], number: int, payable_cents: int, errors: Errors) -> Amounts | None:
    """Each amount as typed; dates that have none yet share what is left of the balance, to be changed."""
    typed = [
        caught(errors, f"amount-{place}", lambda text=text: parse_amount(text))  # type: ignore[misc]  # bound at once
        for place, text in enumerate(texts[:number], 1)
    ]
    if errors:
        return None
    cents = [each for each in typed if each is not None]
    missing, left = number - len(cents), payable_cents - sum(cents)
    if missing and left < missing:
        errors["number"] = Refused("schedule_parts_small", minimum_cents=1)
        return None
    return Amounts(AmountsKind.chosen, chosen_cents=tuple(cents + (split_evenly(left, missing) if missing else [])))


def _placed(refused: Refused, wish: Wish, limits: Limits) -> tuple[str, Refused]:
    """The field that a rule of the organisation is about, and the rule as that field has to hear it."""
    amounts, is_once = wish.amounts, wish.rhythm.frequency is Frequency.once
    by_number = "number" if amounts.number or amounts.chosen_cents else "each"
    match refused.code:
        case "schedule_off" | "nothing_to_pay":
            return "", refused
        case "schedule_date_past":
            return "start-on", refused
        case "schedule_too_late":
            late = refused.facts["latest_on"]
            return "start-on" if isinstance(late, date) and (is_once or wish.rhythm.start_on > late) else by_number, (
                refused
            )
        case "schedule_number_wrong" | "schedule_too_many":
            return by_number, refused
    if is_once:
        return ("once-amount" if amounts.kind is AmountsKind.fixed else "once-whole"), refused
    if amounts.kind is AmountsKind.fixed:
        return ("number" if refused.code == "schedule_above_balance" and amounts.number else "each"), refused
    if amounts.kind is AmountsKind.chosen:
        return f"amount-{_first_outside(amounts.chosen_cents, limits)}", refused
    if refused.code == "amount_above_maximum":
        return "number", Refused("schedule_parts_large", **refused.facts)
    return "number", Refused("schedule_parts_small", minimum_cents=limits.minimum_cents)


def _first_outside(cents: tuple[int, ...], limits: Limits) -> int:
    outside = (place for place, each in enumerate(cents, 1)
               if not limits.minimum_cents <= each <= limits.maximum_cents)  # fmt: skip
    return next(outside, 1)


def caught(errors: Errors, field: str, make: Callable[[], Value]) -> Value | None:
    """What was made, or None with the refusal kept for its field."""
    try:
        return make()
    except Refused as refused:
        errors[field] = refused
        return None


def _date(text: str, missing: str) -> date:
    text = text.strip(" ")
    if not text:
        raise Refused(missing)
    if found := _ISO.fullmatch(text):
        year, month, day = map(int, found.groups())
    elif found := _WRITTEN.fullmatch(text):
        month, day, year = map(int, found.groups())
    else:
        raise Refused("date_unreadable")
    try:
        return date(year, month, day)
    except ValueError:
        raise Refused("date_unreadable") from None


def _near(payday_on: date, today: date) -> date:
    if not today - PAYDAY_REACH <= payday_on <= today + PAYDAY_REACH:
        raise Refused("payday_date_missing")
    return payday_on


def number_typed(text: str) -> int:
    """A whole number above zero as it was typed. Refused `schedule_number_unreadable`."""
    if not _NUMBER.fullmatch(text.strip(" ")):
        raise Refused("schedule_number_unreadable")
    if (number := int(text)) < 1:
        raise Refused("schedule_number_unreadable")
    return number


def _two_days(typed: Typed) -> tuple[int, int]:
    first, second = (_one_of(text, 1, 31, "days_missing") for text in (typed.first_day, typed.second_day))
    return min(first, second), max(first, second)


def _one_of(text: str, least: int, most: int, missing: str) -> int:
    if not _NUMBER.fullmatch(text) or not least <= int(text) <= most:
        raise Refused(missing)
    return int(text)


def plain_cents(cents: int) -> str:
    """125050 -> 1250.50, as it stands in a field."""
    return f"{cents // 100}.{cents % 100:02d}"
