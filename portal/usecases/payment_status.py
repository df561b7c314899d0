"""Every payment of a schedule with the word a payer sees for it: Paid, Pending or Declined, and the line below it.

Called by doors that list payments, in a read-only session. Changes nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from portal.domain.due_date import local_date
from portal.domain.payment_status import PaymentStatus, SecondLine, Shown, payment_status
from portal.storage import Session
from portal.storage import payment_status as statuses
from portal.storage.obligation import Obligation
from portal.storage.organisation import Organisation
from portal.storage.schedule import Schedule

UNDER_WAY = frozenset({SecondLine.confirming, SecondLine.cancelling})


@dataclass(frozen=True, slots=True)
class PaymentShown:
    """One payment of a schedule as it stands. `amount_cents` is what was taken, or what was authorised until then."""

    obligation_id: str
    number: int
    due_on: date
    moved_from: date | None
    amount_cents: int
    shown: Shown
    refused_code: str | None
    charge_id: str | None  # of the attempt that took it


@dataclass(frozen=True, slots=True)
class ScheduleShown:
    """A schedule with its payments, in order."""

    schedule: Schedule
    payments: Sequence[PaymentShown]

    @property
    def total_cents(self) -> int:
        return sum(each.amount_cents for each in self.payments)

    @property
    def is_confirming(self) -> bool:
        """Whether a payment was sent and has no answer yet."""
        return any(each.shown.line in UNDER_WAY for each in self.payments)

    def first(self, status: PaymentStatus) -> PaymentShown | None:
        """The first payment that stands so, if one does."""
        return next((each for each in self.payments if each.shown.status is status), None)


def of_schedule(session: Session, schedule_id: str, paid_to: Organisation) -> ScheduleShown | None:
    """A schedule of this organisation as it stands, in one statement."""
    return _shown(statuses.of_schedule(session, schedule_id), paid_to)


def of_visit(session: Session, visit_id: str, paid_to: Organisation) -> ScheduleShown | None:
    """The schedule that was made in a visit, as it stands."""
    return _shown(statuses.of_visit(session, visit_id), paid_to)


def _shown(rows: list[statuses.Row], paid_to: Organisation) -> ScheduleShown | None:
    return ScheduleShown(rows[0][0], [_payment(row, paid_to) for row in rows]) if rows else None


def _payment(row: statuses.Row, paid_to: Organisation) -> PaymentShown:
    _, due, attempt, refunded_cents, failed_refunds, taken_back_cents = row
    taken = attempt if attempt is not None and attempt.state == "succeeded" else None
    amount_cents = taken.amount_cents if taken else due.amount_cents
    due_on = _due_on(due, paid_to)
    return PaymentShown(
        obligation_id=due.id,
        number=due.seq,
        due_on=due_on,
        moved_from=due.moved_from,
        amount_cents=amount_cents,
        shown=payment_status(
            obligation_status=due.status,
            refused_code=due.refused_code,
            due_on=due_on,
            retries=due.retries,
            next_on=local_date(due.due_at, paid_to.timezone),
            hold_reason=due.hold_reason,
            cancel_requested=attempt is not None and attempt.cancel_requested_at is not None,
            refunded_cents=refunded_cents,
            has_refund_failed=failed_refunds > 0,
            paid_cents=amount_cents,
            is_disputed=taken_back_cents > 0,
        ),
        refused_code=due.refused_code,
        charge_id=taken.id if taken else None,
    )


def _due_on(due: Obligation, paid_to: Organisation) -> date:
    return due.due_on or local_date(due.due_at, paid_to.timezone)
