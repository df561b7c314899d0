"""When a declined payment is tried again, by the class of its decline, as tables; or that it never is.

Called after a scheduled payment failed. Sources: braintree.md 18 by way of docs/scheduled_payments.md; C34 (at most
four tries of one payment in 21 days); the schemes' own limits (Visa 15 in 30 days, Mastercard 10 in 24 hours).
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum

from portal.domain.due_date import is_working_day, local_date, moment_of

TRIES_MAX = 4  # the first one counted
WINDOW_DAYS = 21  # from the first try to the last
CARD_DECLINES_MAX = {timedelta(hours=24): 9, timedelta(days=30): 14}  # of one card, below the strictest scheme
FRIDAY = 4
PAYDAYS_OF_MONTH = (1, 15)
FUNDS_WAIT = timedelta(days=3)
NETWORK_WAITS = (timedelta(hours=2), timedelta(hours=8), timedelta(days=1))
ISSUER_WAITS_DAYS = (3, 5, 7)
NOTHING_SENT_WAITS = (timedelta(minutes=5), timedelta(minutes=30), timedelta(hours=2), timedelta(hours=6))


class DeclineClass(StrEnum):
    """What a decline calls for."""

    funds = "funds"  # no money there now: try when people are paid
    network = "network"  # the issuer was not reached: hours
    issuer = "issuer"  # the bank said no without saying why: days apart
    customer = "customer"  # the customer must put something right, usually by another card
    never = "never"  # trying again with this card is forbidden or useless
    operator = "operator"  # the organisation's own set-up is wrong: staff


# Soft codes whose cause is known. Every other soft code is `issuer`; a hard one is `never`, whatever its number.
SOFT_CODES: dict[str, DeclineClass] = {
    "2001": DeclineClass.funds,
    "2002": DeclineClass.funds,
    "2003": DeclineClass.funds,
    "2016": DeclineClass.never,  # the issuer saw a twin: searched for, never sent again
    "2025": DeclineClass.operator,
    "2026": DeclineClass.operator,
    "2035": DeclineClass.operator,
    "2040": DeclineClass.operator,
    "2042": DeclineClass.operator,
    "2048": DeclineClass.operator,
    "2062": DeclineClass.operator,
    "2078": DeclineClass.customer,
    "2080": DeclineClass.operator,
    "2092": DeclineClass.customer,
    "2099": DeclineClass.customer,
    "2101": DeclineClass.customer,
    "2102": DeclineClass.customer,
    "2103": DeclineClass.customer,
    "2104": DeclineClass.network,
    "3000": DeclineClass.network,
}

# The cardholder had the bank stop this series of charges, or all of ours: what R07, R08 and R29 are for a bank account.
STOPPED_BY_HOLDER = frozenset({"2017", "2018"})

# The gateway itself said no, before or after the issuer.
REJECTIONS: dict[str, DeclineClass] = {
    "avs": DeclineClass.customer,
    "avs_and_cvv": DeclineClass.customer,
    "cvv": DeclineClass.customer,
    "three_d_secure": DeclineClass.customer,
    "fraud": DeclineClass.never,
    "risk_threshold": DeclineClass.never,
    "excessive_retry": DeclineClass.never,
    "payment_method_blocked": DeclineClass.never,
    "application_incomplete": DeclineClass.operator,
    "token_issuance": DeclineClass.operator,
}


@dataclass(frozen=True, slots=True)
class Failure:
    """One declined try. `tries` counts it; `first_at` is when the first one was made."""

    code: str | None
    kind: str | None  # processor_response_type: soft_declined, hard_declined, approved
    rejection: str | None
    tries: int
    first_at: datetime


def class_of(failure: Failure) -> DeclineClass:
    """What this decline calls for. What no table knows is `never`: not to try is always allowed."""
    if failure.rejection:
        return REJECTIONS.get(failure.rejection, DeclineClass.never)
    if failure.kind == "soft_declined":
        return SOFT_CODES.get(failure.code or "", DeclineClass.issuer)
    return DeclineClass.never


def is_stopped_by_holder(failure: Failure) -> bool:
    """Whether the decline takes the authorization back (C11, Reg E 1005.10(c)): not this payment alone, each one."""
    return not failure.rejection and failure.code in STOPPED_BY_HOLDER


def retry_at(failure: Failure, now: datetime, zone: str, hour: int) -> datetime | None:
    """When to try again, or None: it was the last try."""
    if failure.tries >= TRIES_MAX:
        return None
    match class_of(failure):
        case DeclineClass.network:
            at = now + NETWORK_WAITS[min(failure.tries, len(NETWORK_WAITS)) - 1]
        case DeclineClass.issuer:
            days = ISSUER_WAITS_DAYS[min(failure.tries, len(ISSUER_WAITS_DAYS)) - 1]
            at = moment_of(_working(local_date(now, zone) + timedelta(days=days)), hour, zone)
        case DeclineClass.funds:
            at = moment_of(likely_payday(local_date(now, zone) + FUNDS_WAIT), hour, zone)
        case _:
            return None
    return at if at - failure.first_at <= timedelta(days=WINDOW_DAYS) else None


def nothing_sent_wait(times: int) -> timedelta:
    """How long to wait after `times` tries in a row that never reached the gateway; such a try is no decline."""
    return NOTHING_SENT_WAITS[min(max(times, 1), len(NOTHING_SENT_WAITS)) - 1]


def likely_payday(day: date) -> date:
    """The first day from this one on when accounts tend to be full: the 1st, the 15th, or a Friday."""
    while day.day not in PAYDAYS_OF_MONTH and day.weekday() != FRIDAY:
        day += timedelta(days=1)
    return day


def _working(day: date) -> date:
    while not is_working_day(day):
        day += timedelta(days=1)
    return day
