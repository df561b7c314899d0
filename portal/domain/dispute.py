"""Disputes: a cardholder's bank takes a payment back. Where the money is in each status, as a table.

The moves between two places follow from the table, so that each status may be heard in any order, any number of times.
Source of the bookkeeping: docs/decisions/chargebacks.md. Called by `portal.usecases.dispute`.
"""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from portal.domain.ledger import Recipe


class DisputeStatus(StrEnum):
    """Braintree's words."""

    open = "open"
    disputed = "disputed"
    under_review = "under_review"
    won = "won"
    lost = "lost"
    accepted = "accepted"
    auto_accepted = "auto_accepted"
    expired = "expired"


_D = DisputeStatus
UNDECIDED = frozenset({_D.open, _D.disputed, _D.under_review})
AGAINST_US = frozenset({_D.lost, _D.accepted, _D.auto_accepted, _D.expired})
NO_MONEY_MOVES = frozenset({"retrieval"})  # the bank only asks for papers


@dataclass(frozen=True, slots=True)
class DisputeFacts:
    """A dispute as the gateway has it now. Days are the gateway's own."""

    gateway_id: str
    sale_gateway_id: str
    sale_order_id: str
    status: str
    kind: str
    amount_cents: int
    won_cents: int
    currency: str
    reason: str
    reason_code: str
    case_number: str
    opened_on: date | None
    reply_by_on: date | None


@dataclass(frozen=True, slots=True)
class Place:
    """Where the disputed money is: with the banks undecided, or lost and owed again. The rest is with us."""

    held_cents: int = 0
    lost_cents: int = 0


@dataclass(frozen=True, slots=True)
class Move:
    """One ledger entry that has to be posted."""

    recipe: Recipe
    amount_cents: int


def is_known(status: str) -> bool:
    """Whether the table says where the money is in this status."""
    return status in set(DisputeStatus)


def place_of(facts: DisputeFacts) -> Place:
    """Where the money has to be by now. A dispute won in part leaves the rest lost."""
    if facts.kind in NO_MONEY_MOVES:
        return Place()
    status = DisputeStatus(facts.status)
    if status in UNDECIDED:
        return Place(held_cents=facts.amount_cents)
    if status in AGAINST_US:
        return Place(lost_cents=facts.amount_cents)
    won_cents = facts.won_cents if 0 < facts.won_cents < facts.amount_cents else facts.amount_cents
    return Place(lost_cents=facts.amount_cents - won_cents)


def moves(now: Place, wanted: Place) -> list[Move]:
    """The entries that lead from one place to another: first what comes back, then what goes."""
    found = []
    held_cents, lost_cents = now.held_cents, now.lost_cents
    if lost_cents > wanted.lost_cents:
        found.append(Move(Recipe.chargeback_restored, lost_cents - wanted.lost_cents))
        held_cents += lost_cents - wanted.lost_cents
        lost_cents = wanted.lost_cents
    needed_cents = wanted.held_cents + wanted.lost_cents - lost_cents
    if held_cents < needed_cents:
        found.append(Move(Recipe.chargeback_opened, needed_cents - held_cents))
        held_cents = needed_cents
    if wanted.lost_cents > lost_cents:
        found.append(Move(Recipe.chargeback_lost, wanted.lost_cents - lost_cents))
        held_cents -= wanted.lost_cents - lost_cents
    if held_cents > wanted.held_cents:
        found.append(Move(Recipe.chargeback_won, held_cents - wanted.held_cents))
    return found
