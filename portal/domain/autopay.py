"""AutoPay for services: when a payment may be charged after its notice, what a customer may set, what is left to them.

Called by the AutoPay use cases and by pages. Cents. Knows no rows.
"""

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from portal.domain.due_date import WeekendRule, local_date, settled_on
from portal.domain.money import parse_amount
from portal.domain.refusal import Refused

# Reg E 1005.10(d) asks for ten days, Reg F 1006.22(c) for 3 to 10 working days; more than 12 may be too many of these.
NOTICE_DAYS_MIN = 10
NOTICE_DAYS_MAX = 12
TOLD_FROM_HOUR, TOLD_UNTIL_HOUR = 9, 17  # so that a notice leaves on the day it is counted from, also far to the west
LATE_DAYS_MAX = 3  # an outage over a weekend; whatever is held for longer is announced anew
LOOK_AGAIN = timedelta(hours=6)
AUTOPAY = "autopay"  # who makes the schedules of its payments

# How a payment ended whose services AutoPay leaves alone from then on: the customer said no to it.
# `cancelled`: they said so while it was being sent, and it was not taken.
LEFT_TO_CUSTOMER = frozenset({"skipped", "cancelled_by_customer", "cancelled_by_staff", "cancelled"})


def charge_on(told_on: date, notice_days: int, rule: WeekendRule) -> date:
    """The date of a payment that is announced today. Never less than ten days later, whatever the rule for weekends."""
    return settled_on(told_on + timedelta(days=notice_days), rule, told_on + timedelta(days=NOTICE_DAYS_MIN))


def is_told_in_time(sent_on: date, due_on: date) -> bool:
    """Whether a notice left early enough before the date it names."""
    return sent_on + timedelta(days=NOTICE_DAYS_MIN) <= due_on


def is_stale(due_on: date, today: date) -> bool:
    """Whether a payment was held for so long that it is not any more the one on the date its notice named."""
    return due_on + timedelta(days=LATE_DAYS_MAX) < today


def next_telling(now: datetime, zone: str) -> datetime:
    """Now, where it is a time of day to announce something; else the next such time on the organisation's clock."""
    here = now.astimezone(ZoneInfo(zone))
    if TOLD_FROM_HOUR <= here.hour < TOLD_UNTIL_HOUR:
        return now
    day = local_date(now, zone) + timedelta(days=here.hour >= TOLD_UNTIL_HOUR)
    return datetime.combine(day, time(TOLD_FROM_HOUR), ZoneInfo(zone)).astimezone(now.tzinfo)


def limit_of(typed: str, least_cents: int, most_cents: int) -> int:
    """The most one payment may be, as the customer typed it. Refused `limit_missing`, and as other amounts are."""
    if not typed.strip():
        raise Refused("limit_missing")
    cents = parse_amount(typed)
    if cents < least_cents:
        raise Refused("amount_below_minimum", minimum_cents=least_cents)
    if cents > most_cents:
        raise Refused("amount_above_maximum", maximum_cents=most_cents)
    return cents
