"""Money given back: by which way, how much at most, what an answer means for it, and what the payer reads.

Called by `portal.usecases.refund` and by pages. A refund goes through the states of a charge
(`portal.domain.charge`); the charge itself stays succeeded.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from portal.domain.charge import (
    DEFINITE_FAILURES,
    Actor,
    ChargeState,
    Outcome,
    OutcomeKind,
    require_legal,
)
from portal.domain.refusal import Refused


class RefundWay(StrEnum):
    """A sale that has not settled is voided whole; a settled one is refunded, whole or in parts."""

    void = "void"
    refund = "refund"


# The one move that a charge does not have: the gateway took a credit, and the card's bank refused it at settlement.
FAILED_AFTER_ALL = (ChargeState.succeeded, ChargeState.declined)
LOOK_AGAIN = timedelta(days=1)  # at a credit that was accepted and has not settled
LOOK_SELDOM = timedelta(days=30)  # and at one that has not done so for two weeks
SELDOM_AFTER = timedelta(days=14)
TAKEN_BACK = "voided"  # a credit that somebody took back at the gateway before it settled


def require_legal_refund(before: ChargeState, after: ChargeState, actor: Actor) -> None:
    """The moves of a charge, and that one, which nobody but the gateway makes. Refused `charge_move_illegal`."""
    if (before, after) == FAILED_AFTER_ALL and actor is Actor.gateway:
        return
    require_legal(before, after, actor)


def is_failure(outcome: Outcome, state: ChargeState, way: RefundWay, gateway_id: str | None) -> bool:
    """Whether an outcome says that a credit which had been accepted did not reach the customer. A void is for good."""
    is_over = outcome.kind is OutcomeKind.declined or outcome.status == TAKEN_BACK
    is_its_own = gateway_id is not None and outcome.gateway_id == gateway_id
    return state is ChargeState.succeeded and way is RefundWay.refund and is_its_own and is_over


VOIDABLE = frozenset({"authorized", "submitted_for_settlement"})
ON_THE_WAY = frozenset({"authorizing", "settling", "settlement_pending", "settlement_confirmed"})
REFUNDABLE = frozenset({"settled"})


def way_for(sale_status: str, amount_cents: int, taken_cents: int) -> RefundWay:
    """How `amount_cents` of a sale in this status can be given back now.

    Refused `refund_part_unsettled` (a part has to wait until the sale settles, within a day or so; only the whole
    can be voided), `refund_while_settling` (try again in some hours), `refund_nothing_there` (nothing was paid out).
    """
    if sale_status in REFUNDABLE:
        return RefundWay.refund
    if sale_status in VOIDABLE and amount_cents == taken_cents:
        return RefundWay.void
    if sale_status in VOIDABLE:
        raise Refused("refund_part_unsettled", amount_cents=amount_cents, taken_cents=taken_cents)
    if sale_status in ON_THE_WAY:
        raise Refused("refund_while_settling")
    raise Refused("refund_nothing_there", status=sale_status)


def require_left(amount_cents: int, taken_cents: int, given_back_cents: int) -> None:
    """Never more than was taken, refunds under way included (M11). Refused `refund_amount`, `refund_above_payment`."""
    if amount_cents <= 0:
        raise Refused("refund_amount", amount_cents=amount_cents)
    if amount_cents > taken_cents - given_back_cents:
        raise Refused("refund_above_payment", left_cents=taken_cents - given_back_cents)


def checked_refund(
    outcome: Outcome, way: RefundWay, sale_gateway_id: str, order_id: str, amount_cents: int, currency: str
) -> Outcome:
    """The outcome, turned to `review` when a success echoes another amount, currency or name than was asked."""
    if outcome.kind is not OutcomeKind.succeeded:
        return outcome
    if way is RefundWay.void:
        ours: tuple[object, ...] = (amount_cents, currency, sale_gateway_id)
        theirs: tuple[object, ...] = (outcome.amount_cents, outcome.currency, outcome.gateway_id)
    else:
        ours = (amount_cents, currency, order_id)
        theirs = (outcome.amount_cents, outcome.currency, outcome.order_id)
    if ours == theirs:
        return outcome
    return replace(outcome, kind=OutcomeKind.review, reason="echo_differs", detail=f"asked {ours}, answered {theirs}")


@dataclass(frozen=True, slots=True)
class GivenBack:
    """One attempt to give money back, as far as a payer's page needs to know."""

    state: ChargeState
    amount_cents: int
    at: datetime
    has_failed: bool = False  # accepted, and not paid out after all


@dataclass(frozen=True, slots=True)
class RefundLine:
    """The second line below "Paid". `code`: refunded, partly_refunded, refund_under_way, refund_failed."""

    code: str
    amount_cents: int
    at: datetime


def refund_line(taken_cents: int, given_back: Iterable[GivenBack]) -> RefundLine | None:
    """What a payer reads below "Paid": what came back in all and when the last of it did; else what is on its way."""
    rows = list(given_back)
    done = [row for row in rows if row.state is ChargeState.succeeded]
    if done:
        total_cents = sum(row.amount_cents for row in done)
        code = "refunded" if total_cents >= taken_cents else "partly_refunded"
        return RefundLine(code, total_cents, max(row.at for row in done))
    waiting = [row for row in rows if row.state not in DEFINITE_FAILURES]
    if waiting:
        return RefundLine("refund_under_way", sum(row.amount_cents for row in waiting), max(row.at for row in waiting))
    failed = [row for row in rows if row.has_failed]
    if failed:
        return RefundLine("refund_failed", failed[-1].amount_cents, failed[-1].at)
    return None
