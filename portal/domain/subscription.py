"""A subscription: its states and legal moves as a table, its periods worked out to the day and the cent, its end.

A subscription is what a participant pays each month until the end of a program (S0:5). Called by the subscription use
cases and by pages. Knows no rows; amounts in cents. Money is charged by the schedule that Pay Now makes.
"""

import secrets
from calendar import monthrange
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import Any

from portal.domain.money import CENTS_MAX, assert_cents
from portal.domain.payment_method import holds_card_number
from portal.domain.refusal import Refused
from portal.domain.schedule import Payment

SERIES = "recurring"  # what its charges are called at the gateway (C33)
PERIODS_MAX = 120  # ten years
FEATURES_MAX = 20
WORDS_LENGTH_MAX = 120
REPORT_LENGTH_MAX = 500
ALONE_DAYS = 30  # so long what one person changed alone counts towards what needs two: many small ones are one large
NOTICE_DAYS = 10  # before a charge that differs from the one before it (Reg E 1005.10(d), C3)
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's: nothing that is misread aloud


class SubscriptionState(StrEnum):
    """Where a subscription stands."""

    assigned = "assigned"  # waits for the participant's authorization and first payment
    active = "active"
    paused = "paused"  # nothing is charged for the moment
    ended = "ended"  # everything was charged or settled: it stopped by itself
    cancelled = "cancelled"
    expired = "expired"  # was not activated in time; staff may open it again


class PausedFor(StrEnum):
    """Why nothing is charged: staff paused it, or the participant asked to stop."""

    staff = "staff"
    stop = "stop"


class ChangeKind(StrEnum):
    """What staff may change about a subscription. Nothing is ever raised: that needs a new authorization."""

    reduce = "reduce"
    waive = "waive"
    pause = "pause"
    resume = "resume"
    extend = "extend"
    shorten = "shorten"
    cancel = "cancel"


# Every move there is. A state that leads nowhere is an end; what is not here cannot be written (`require_move`).
MOVES: Mapping[SubscriptionState, frozenset[SubscriptionState]] = {
    SubscriptionState.assigned: frozenset(
        {SubscriptionState.active, SubscriptionState.expired, SubscriptionState.cancelled}
    ),
    SubscriptionState.active: frozenset(
        {SubscriptionState.paused, SubscriptionState.ended, SubscriptionState.cancelled}
    ),
    SubscriptionState.paused: frozenset(
        {SubscriptionState.active, SubscriptionState.ended, SubscriptionState.cancelled}
    ),
    SubscriptionState.expired: frozenset({SubscriptionState.assigned, SubscriptionState.cancelled}),
    SubscriptionState.ended: frozenset(),
    SubscriptionState.cancelled: frozenset(),
}
LIVE = frozenset({SubscriptionState.active, SubscriptionState.paused})


@dataclass(frozen=True, slots=True)
class Feature:
    """One thing a program gives: what it costs a month, and the part of that the participant pays (S0:5)."""

    name: str
    monthly_cents: int
    share_cents: int

    def __post_init__(self) -> None:
        require_words(self.name)
        if not 0 <= assert_cents(self.share_cents) <= assert_cents(self.monthly_cents) <= CENTS_MAX:
            raise Refused("subscription_share", name=self.name, monthly_cents=self.monthly_cents)

    def plain(self) -> dict[str, object]:
        """As it is kept in a row."""
        return {"name": self.name, "monthly_cents": self.monthly_cents, "share_cents": self.share_cents}


def feature_of(plain: Mapping[str, Any]) -> Feature:
    """A feature as it was kept."""
    return Feature(plain["name"], plain["monthly_cents"], plain["share_cents"])


@dataclass(frozen=True, slots=True)
class Terms:
    """What a subscription is: from when to when, on which day of the month, for how much a month.

    `billing_day`: 31 means the last day. `prorated`: a part of a period costs a part of the price, by the day.
    """

    start_on: date
    end_on: date
    billing_day: int
    price_cents: int
    prorated: bool


@dataclass(frozen=True, slots=True)
class Period:
    """One period that is paid for: its days, both included, when it is charged, and what it costs.

    `number` counts payments as they are listed, from 1.
    """

    number: int
    begins_on: date
    ends_on: date
    due_on: date
    amount_cents: int

    @property
    def payment(self) -> Payment:
        """As a payment of a schedule."""
        return Payment(self.number, self.due_on, self.amount_cents)

    def plain(self) -> dict[str, object]:
        """As it is kept in a row."""
        return {
            "number": self.number,
            "begins_on": self.begins_on.isoformat(),
            "ends_on": self.ends_on.isoformat(),
            "due_on": self.due_on.isoformat(),
            "amount_cents": self.amount_cents,
        }


def period_of(plain: Mapping[str, Any]) -> Period:
    """A period as it was kept."""
    begins_on, ends_on, due_on = (date.fromisoformat(plain[name]) for name in ("begins_on", "ends_on", "due_on"))
    return Period(plain["number"], begins_on, ends_on, due_on, plain["amount_cents"])


def require_words(text: str) -> str:
    """A name as people read it, of one line. Refused `subscription_words`; a card number in it (C47) as well."""
    if not text.strip() or len(text) > WORDS_LENGTH_MAX or not text.isprintable():
        raise Refused("subscription_words", most=WORDS_LENGTH_MAX)
    if holds_card_number(text):
        raise Refused("holds_card_number")
    return text


def require_features(features: Sequence[Feature]) -> int:
    """What a participant pays a month for these. Refused `subscription_features`, `subscription_free`."""
    names = [each.name for each in features]
    if not 1 <= len(names) <= FEATURES_MAX or len(set(names)) != len(names):
        raise Refused("subscription_features", most=FEATURES_MAX)
    price_cents = sum(each.share_cents for each in features)
    if not 0 < price_cents <= CENTS_MAX:
        raise Refused("subscription_free")
    return price_cents


def require_terms(terms: Terms, today: date) -> None:
    """Refused `subscription_dates`, `subscription_past`, `subscription_day`, `subscription_long`."""
    if terms.end_on < terms.start_on:
        raise Refused("subscription_dates")
    if terms.end_on < today:
        raise Refused("subscription_past")
    if not 1 <= terms.billing_day <= 31:
        raise Refused("subscription_day")
    begun = 0
    for begun, _ in enumerate(begins(terms), 1):
        if begun > PERIODS_MAX:
            raise Refused("subscription_long", most=PERIODS_MAX)


def begins(terms: Terms) -> Iterator[date]:
    """The first day of each period: the start, then the billing day of each month up to the end."""
    yield terms.start_on
    day = _next_billing(terms.start_on, terms.billing_day)
    while day <= terms.end_on:
        yield day
        day = _next_billing(day, terms.billing_day)


def periods(terms: Terms, first_on: date) -> tuple[Period, ...]:
    """What is charged when somebody pays for the first time on `first_on`: at once for the period that day lies in,
    then on the first day of each later one. Nothing for days before: nobody had agreed to pay for them.

    Empty when the program is over by then.
    """
    starts = list(begins(terms))
    found: list[Period] = []
    for place, begins_on in enumerate(starts):
        ends_on = starts[place + 1] - timedelta(days=1) if place + 1 < len(starts) else terms.end_on
        if ends_on < first_on:
            continue
        paid_from = max(begins_on, first_on)
        amount_cents = _part(terms, paid_from, ends_on) if terms.prorated else terms.price_cents
        due_on = begins_on if found else first_on
        found.append(Period(len(found) + 1, paid_from, ends_on, due_on, amount_cents))
    return tuple(found)


def added(terms: Terms, until: date, number: int, not_before: date) -> tuple[Period, ...]:
    """What a later end adds, numbered from `number` on; nothing of it is charged before `not_before` (C3).

    A last period that was charged in part goes on with the day after; one that was charged whole costs nothing more.
    """
    day_after = terms.end_on + timedelta(days=1)
    start_on = day_after if terms.prorated else _billing_from(day_after, terms.billing_day)
    if start_on > until:
        return ()
    longer = Terms(start_on, until, terms.billing_day, terms.price_cents, terms.prorated)
    return tuple(
        Period(number + place, each.begins_on, each.ends_on, max(each.begins_on, not_before), each.amount_cents)
        for place, each in enumerate(periods(longer, start_on))
    )


def cut(period: Period, terms: Terms, until: date) -> int:
    """What a period costs when the program ends within it."""
    return min(_part(terms, period.begins_on, until), period.amount_cents) if terms.prorated else period.amount_cents


def new_reference() -> str:
    """`SB-7K3M-9QXT`: what people read out; 40 random bits, so that it counts nothing."""
    signs = "".join(secrets.choice(_ALPHABET) for _ in range(8))
    return f"SB-{signs[:4]}-{signs[4:]}"


def require_move(before: SubscriptionState, after: SubscriptionState) -> None:
    """A move that is not in the table is a fault of ours, never a participant's."""
    if after not in MOVES[before]:
        raise AssertionError(f"a subscription does not go from {before.value} to {after.value}")


def require_report(said: str) -> str:
    """What a participant writes to their case manager. Refused `report_missing`, `report_too_long`,
    `holds_card_number` (C47).
    """
    said = said.replace("\r\n", "\n").strip()
    if not said:
        raise Refused("report_missing")
    if len(said) > REPORT_LENGTH_MAX:
        raise Refused("report_too_long", most=REPORT_LENGTH_MAX)
    if holds_card_number(said):
        raise Refused("holds_card_number")
    return said


def _part(terms: Terms, paid_from: date, ends_on: date) -> int:
    """The price of some days of a period, to the nearest cent, at least one."""
    before = _next_billing(paid_from, terms.billing_day)
    whole = (before - _billing_until(paid_from, terms.billing_day)).days
    days = (ends_on - paid_from).days + 1
    return max((terms.price_cents * days * 2 + whole) // (whole * 2), 1)


def _on(year: int, month: int, day: int) -> date:
    """The billing day of a month, counted on from a year's January; the last one where it has no such day."""
    year, month = year + (month - 1) // 12, (month - 1) % 12 + 1
    return date(year, month, min(day, monthrange(year, month)[1]))


def _next_billing(after: date, billing_day: int) -> date:
    day = _on(after.year, after.month, billing_day)
    return day if day > after else _on(after.year, after.month + 1, billing_day)


def _billing_from(since: date, billing_day: int) -> date:
    """The first billing day from a date on."""
    return _next_billing(since - timedelta(days=1), billing_day)


def _billing_until(until: date, billing_day: int) -> date:
    """The last billing day up to and with a date."""
    day = _on(until.year, until.month, billing_day)
    return day if day <= until else _on(until.year, until.month - 1, billing_day)
