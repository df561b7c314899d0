"""The gateway's books beside ours: every way they can differ, as a table, and which of them one entry is.

Called by `portal.usecases.reconcile`. Compares values only; what is done about a difference is done there.
"""

import re
from dataclasses import dataclass
from enum import StrEnum

from portal.domain.card import GatewayRecord
from portal.domain.charge import DEFINITE_FAILURES, ChargeState, OutcomeKind
from portal.domain.refund import TAKEN_BACK

LOST = frozenset({"settlement_declined", "settlement_failed"})
_OURS = re.compile(r"([0-9a-f]{32})-([0-9a-f]{32})-([0-9]{1,6})")


class Difference(StrEnum):
    """One way in which the two books differ."""

    adopted = "adopted"
    written_again = "written_again"
    still_open = "still_open"
    voided_there = "voided_there"
    refunded_there = "refunded_there"
    payment_lost = "payment_lost"
    foreign = "foreign"
    obligation_missing = "obligation_missing"
    refund_of_nothing = "refund_of_nothing"
    cannot_be_booked = "cannot_be_booked"
    taken_there_ended_here = "taken_there_ended_here"
    given_there_ended_here = "given_there_ended_here"
    not_taken_there = "not_taken_there"
    refund_undone = "refund_undone"
    missing_there = "missing_there"
    amount_differs = "amount_differs"
    charged_twice = "charged_twice"
    refunded_twice = "refunded_twice"
    in_review = "in_review"


@dataclass(frozen=True, slots=True)
class Meaning:
    """`is_open`: nothing was mended by itself, a person must look. `sentence` is for staff."""

    is_open: bool
    sentence: str


_D = Difference

MEANINGS: dict[Difference, Meaning] = {
    _D.adopted: Meaning(False, "We did not know how it ended; the gateway's ending was taken over."),
    _D.written_again: Meaning(False, "Its row was gone, as after a restore; it was written again and booked."),
    _D.still_open: Meaning(False, "It has not ended at the gateway either; the janitor looks on."),
    _D.voided_there: Meaning(False, "Somebody voided it at the gateway; booked as given back."),
    _D.refunded_there: Meaning(False, "Somebody refunded it at the gateway; booked as given back."),
    _D.payment_lost: Meaning(True, "The gateway took it and will not pay it out; booked as owed again."),
    _D.foreign: Meaning(False, "Not ours: made at this merchant by somebody else; listed only."),
    _D.obligation_missing: Meaning(True, "Taken under our name for something that is not here, as after a restore."),
    _D.refund_of_nothing: Meaning(True, "Given back under our name for a payment that is not here."),
    _D.cannot_be_booked: Meaning(True, "Taken, but the account owes less than that: booking it would go below zero."),
    _D.taken_there_ended_here: Meaning(True, "Ended here without money, and was taken there."),
    _D.given_there_ended_here: Meaning(True, "A refund that ended here unmade, and was made there."),
    _D.not_taken_there: Meaning(True, "Paid here, and not taken there."),
    _D.refund_undone: Meaning(
        False, "A refund did not reach the customer after all; booked back, alarm `refund_failed`."
    ),
    _D.missing_there: Meaning(True, "Booked here, and the gateway does not know it."),
    _D.amount_differs: Meaning(True, "The amounts differ."),
    _D.charged_twice: Meaning(True, "Taken twice for one obligation."),
    _D.refunded_twice: Meaning(True, "Given back twice for one wish."),
    _D.in_review: Meaning(True, "A person has it in review and has not decided."),
}


@dataclass(frozen=True, slots=True)
class Known:
    """What our row says of a sale or a credit."""

    state: ChargeState
    gateway_id: str | None
    gateway_status: str | None
    amount_cents: int
    currency: str


@dataclass(frozen=True, slots=True)
class OurName:
    """An order id of ours, taken apart. `subject_id` is an obligation, or the request key of a refund."""

    organisation_id: str
    subject_id: str
    n: int


def our_name(order_id: str) -> OurName | None:
    """The parts of an order id, None when nobody of ours made it."""
    found = _OURS.fullmatch(order_id)
    return OurName(found[1], found[2], int(found[3])) if found else None


def difference_of_sale(record: GatewayRecord, known: Known) -> Difference | None:
    """How a sale at the gateway differs from our charge of that name; `adopted` means: take its ending over."""
    taken = record.outcome.kind is OutcomeKind.succeeded
    if known.state in DEFINITE_FAILURES:
        return _D.taken_there_ended_here if taken else None
    if known.state is ChargeState.review:
        agrees = (record.amount_cents, record.outcome.currency) == (known.amount_cents, known.currency)
        return _D.adopted if taken and agrees else _D.in_review
    if known.state is not ChargeState.succeeded:
        return _D.adopted
    if record.gateway_id != known.gateway_id:
        return _D.charged_twice if taken else None
    if (record.amount_cents, record.outcome.currency) != (known.amount_cents, known.currency):
        return _D.amount_differs
    if record.status == known.gateway_status and not taken:
        return None  # voided or lost, and we know it
    if record.status == "voided":
        return _D.voided_there
    if record.status in LOST:
        return _D.payment_lost
    return None if taken else _D.not_taken_there


def difference_of_credit(record: GatewayRecord, known: Known) -> Difference | None:
    """How a credit at the gateway differs from our refund of that name."""
    given = record.outcome.kind is OutcomeKind.succeeded
    if known.state in DEFINITE_FAILURES:
        return _D.given_there_ended_here if given else None
    if known.state is ChargeState.review:
        agrees = (record.amount_cents, record.outcome.currency) == (known.amount_cents, known.currency)
        return _D.adopted if given and agrees else _D.in_review
    if known.state is not ChargeState.succeeded:
        return _D.adopted
    if record.gateway_id != known.gateway_id:
        return _D.refunded_twice if given else None
    if (record.amount_cents, record.outcome.currency) != (known.amount_cents, known.currency):
        return _D.amount_differs
    if record.outcome.kind is OutcomeKind.declined or record.status == TAKEN_BACK:
        return _D.refund_undone
    return None if given else _D.still_open
