"""A payment plan: its states and legal moves as a table, how its total becomes instalments, how long its offer stands.

Called by the plan use cases and by pages. Dates come from `portal.domain.due_date`, words from
`portal.domain.plan_agreement`. Knows no rows; amounts in cents. Money is charged by the schedule a signature makes.
"""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo

from portal.domain.due_date import Frequency, Rhythm, WeekendRule, due_dates, nominal_dates, rhythm_of, settled_on
from portal.domain.offer import quote_version
from portal.domain.refusal import Refused
from portal.domain.schedule import Amounts, AmountsKind, Limits, Payment, amounts_of

REMINDERS_MAX = 3  # of one offer (S1:38)
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's: nothing that is misread aloud


class PlanState(StrEnum):
    """Where one edition of a plan stands."""

    draft = "draft"
    offered = "offered"
    signed = "signed"
    paused = "paused"  # signed, and nothing is charged for the moment
    completed = "completed"
    broken = "broken"  # too many instalments failed: the rest is owed as before, and not charged
    cancelled = "cancelled"
    expired = "expired"
    superseded = "superseded"  # a later edition took its place


class PlanKind(StrEnum):
    """What the instalments come to: what is owed (or a part of it), or less, with the rest forgiven at the end."""

    total = "total"
    settlement = "settlement"


class PausedFor(StrEnum):
    """Why nothing is charged: staff paused it, or a new edition waits to be signed."""

    staff = "staff"
    change = "change"


# Every move there is. A state that leads nowhere is an end; what is not here cannot be written (`require_move`).
MOVES: Mapping[PlanState, frozenset[PlanState]] = {
    PlanState.draft: frozenset({PlanState.offered, PlanState.cancelled}),
    PlanState.offered: frozenset({PlanState.signed, PlanState.expired, PlanState.cancelled, PlanState.superseded}),
    PlanState.signed: frozenset(
        {PlanState.paused, PlanState.completed, PlanState.broken, PlanState.cancelled, PlanState.superseded}
    ),
    PlanState.paused: frozenset(
        {PlanState.signed, PlanState.completed, PlanState.broken, PlanState.cancelled, PlanState.superseded}
    ),
    # kept after all: a refund of what seemed to be missing at its end did not arrive, or a dispute of it was won
    PlanState.broken: frozenset({PlanState.superseded, PlanState.completed}),
    PlanState.completed: frozenset(),
    PlanState.cancelled: frozenset(),
    PlanState.expired: frozenset({PlanState.superseded}),
    PlanState.superseded: frozenset(),
}
SIGNED = frozenset({PlanState.signed, PlanState.paused})  # under a signature that holds
OPEN = frozenset({PlanState.draft, PlanState.offered}) | SIGNED


@dataclass(frozen=True, slots=True)
class PlanWish:
    """What is agreed on: the total (none: all that is owed), what is paid at signing, and how the rest is cut up.

    `amounts` cuts it evenly into a number, or into a fixed amount each with the last one smaller.
    """

    kind: PlanKind
    rhythm: Rhythm
    amounts: Amounts
    total_cents: int | None = None
    down_cents: int = 0

    def plain(self) -> dict[str, object]:
        """As it is kept in a row."""
        return {
            "kind": self.kind.value,
            "rhythm": self.rhythm.plain(),
            "number": self.amounts.number,
            "each_cents": self.amounts.each_cents,
            "total_cents": self.total_cents,
            "down_cents": self.down_cents,
        }


def wish_of(plain: Mapping[str, Any]) -> PlanWish:
    """A wish as it was kept."""
    kind = AmountsKind.evenly if plain["each_cents"] is None else AmountsKind.fixed
    return PlanWish(
        kind=PlanKind(plain["kind"]),
        rhythm=rhythm_of(plain["rhythm"]),
        amounts=Amounts(kind, plain["number"], plain["each_cents"]),
        total_cents=plain["total_cents"],
        down_cents=plain["down_cents"],
    )


@dataclass(frozen=True, slots=True)
class PlanTerms:
    """A plan worked out to the day and the cent. `instalments` are numbered as the customer counts them."""

    kind: PlanKind
    balance_cents: int
    total_cents: int
    down_cents: int
    instalments: tuple[Payment, ...]

    @property
    def forgiven_cents(self) -> int:
        """What is no longer owed once the last instalment is paid; never before."""
        return self.balance_cents - self.total_cents if self.kind is PlanKind.settlement else 0

    @property
    def left_cents(self) -> int:
        """What stays owed beside a plan for a part of the balance."""
        return self.balance_cents - self.total_cents - self.forgiven_cents

    @property
    def version(self) -> str:
        """A name for exactly these dates and amounts: another one means that they changed since they were shown."""
        return quote_version(
            self.kind.value, self.balance_cents, self.total_cents, self.down_cents,
            *((each.number, each.due_on, each.amount_cents) for each in self.instalments),
        )  # fmt: skip

    def payments(self, signed_on: date) -> tuple[Payment, ...]:
        """Every payment, the one due at signing first. They sum to the total to the cent."""
        down = (Payment(1, signed_on, self.down_cents),) if self.down_cents else ()
        return (*down, *self.instalments)


@dataclass(frozen=True, slots=True)
class PlanLimits:
    """What the organisation allows, and what can be put into a plan: the balance less what is promised otherwise."""

    payable_cents: int
    number_max: int
    days_max: int
    minimum_cents: int
    maximum_cents: int


def new_reference() -> str:
    """`PL-7K3M-9QXT`: what people read out; 40 random bits, so that it counts nothing."""
    signs = "".join(secrets.choice(_ALPHABET) for _ in range(8))
    return f"PL-{signs[:4]}-{signs[4:]}"


def require_move(before: PlanState, after: PlanState) -> None:
    """A move that is not in the table is a fault of ours, never a customer's."""
    if after not in MOVES[before]:
        raise AssertionError(f"a plan does not go from {before.value} to {after.value}")


def is_replaceable(state: PlanState) -> bool:
    """Whether a later edition may take its place."""
    return PlanState.superseded in MOVES[state]


def terms_of(wish: PlanWish, limits: PlanLimits, rule: WeekendRule, today: date) -> PlanTerms:
    """The plan of a wish, or Refused with the rule that forbids it.

    Refused: `nothing_to_pay`, `plan_above_balance`, `plan_settles_nothing`, `plan_down_wrong`, `plan_too_long`,
    `schedule_date_past`, and every rule of `portal.domain.schedule.amounts_of`.
    """
    total_cents = _total(wish, limits)
    rest_cents = total_cents - wish.down_cents
    if wish.down_cents < 0 or rest_cents <= 0:
        raise Refused("plan_down_wrong", total_cents=total_cents)
    if 0 < wish.down_cents < limits.minimum_cents:
        raise Refused("amount_below_minimum", minimum_cents=limits.minimum_cents)
    if wish.down_cents > limits.maximum_cents:
        raise Refused("amount_above_maximum", maximum_cents=limits.maximum_cents)
    if wish.rhythm.start_on < today:
        raise Refused("schedule_date_past")
    latest_on = today + timedelta(days=limits.days_max)
    if wish.rhythm.start_on > latest_on:
        raise Refused("plan_too_long", latest_on=latest_on)
    cents = amounts_of(
        wish.amounts,
        Limits(True, limits.days_max, limits.number_max, limits.minimum_cents, limits.maximum_cents, rest_cents),
        once=wish.rhythm.frequency is Frequency.once,
    )
    if sum(cents) != rest_cents:
        raise Refused("plan_sum_differs", total_cents=total_cents, sum_cents=sum(cents) + wish.down_cents)
    dates = due_dates(wish.rhythm, len(cents), rule)
    if dates[-1].due_on > latest_on:
        raise Refused("plan_too_long", latest_on=latest_on)
    first = 2 if wish.down_cents else 1
    return PlanTerms(
        kind=wish.kind,
        balance_cents=limits.payable_cents,
        total_cents=total_cents,
        down_cents=wish.down_cents,
        instalments=tuple(
            Payment(number, day.due_on, amount, day.nominal_on if day.is_moved else None)
            for number, (day, amount) in enumerate(zip(dates, cents, strict=True), first)
        ),
    )


def offer_until(now: datetime, days: int, first_on: date, zone: str) -> datetime:
    """When an offer ends: after its days, and never later than the day of its first instalment."""
    last_midnight = datetime.combine(first_on + timedelta(days=1), time(), ZoneInfo(zone))
    return min(now + timedelta(days=days), last_midnight.astimezone(now.tzinfo))


def reminder_days(setting: str) -> tuple[int, ...]:
    """ "7,3,1" as days before the end of an offer, the farthest first; empty: none. At most three."""
    days = sorted({int(each) for each in setting.split(",") if each}, reverse=True)
    return tuple(days[:REMINDERS_MAX])


def reminder_of(offered_at: datetime, expires_at: datetime, days: Sequence[int], now: datetime) -> int | None:
    """Which reminder is due now (its days before the end), if one is.

    After an outage only the latest: nobody is reminded twice in a breath. One that would come with the offer is none.
    """
    if not now < expires_at:
        return None
    past = [each for each in days if offered_at + timedelta(days=1) <= expires_at - timedelta(days=each) <= now]
    return min(past, default=None)


def is_broken(missed_in_row: int, break_after: int) -> bool:
    """Whether a plan ends because too many instalments failed one after the other; 0 never ends one."""
    return bool(break_after) and missed_in_row >= break_after


def after_the_last(rhythm: Rhythm, latest_on: date, rule: WeekendRule) -> date:
    """The next date of the plan's own rhythm after its last one: where a missed instalment goes."""
    if rhythm.frequency is Frequency.once:
        rhythm = Rhythm(Frequency.monthly, rhythm.start_on)
    dates = (settled_on(each, rule, rhythm.start_on) for each in nominal_dates(rhythm))
    return next(each for each in dates if each > latest_on)


def _total(wish: PlanWish, limits: PlanLimits) -> int:
    payable = limits.payable_cents
    if payable <= 0:
        raise Refused("nothing_to_pay")
    total = payable if wish.total_cents is None and wish.kind is PlanKind.total else wish.total_cents or 0
    if total > payable:
        raise Refused("plan_above_balance", payable_cents=payable)
    if total <= 0 or (wish.kind is PlanKind.settlement and total == payable):
        raise Refused("plan_settles_nothing", payable_cents=payable)
    return total
