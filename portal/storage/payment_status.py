"""What the status of each payment of a schedule is read from, in one statement: the payment, its last attempt, what
came back of it.

Asked by `portal.usecases.payment_status`. Built once, at import, and names its organisation itself.
"""

from typing import Any

from sqlalchemy import and_, bindparam, func, or_, select
from sqlalchemy.orm import Session

from portal.storage.charge import Charge
from portal.storage.dispute import Dispute
from portal.storage.message import Receipt
from portal.storage.obligation import Obligation
from portal.storage.refund import Refund
from portal.storage.schedule import Schedule

Row = tuple[Schedule, Obligation, Charge | None, int, int, int]
Attempt = tuple[Charge, Receipt | None, int, int, int]

_OWN: Any = bindparam("organisation_id")
_LAST = (
    select(func.max(Charge.n))
    .where(Charge.organisation_id == _OWN, Charge.obligation_id == Obligation.id)
    .correlate(Obligation)
    .scalar_subquery()
)
_REFUNDED = (
    select(func.coalesce(func.sum(Refund.amount_cents), 0))
    .where(Refund.organisation_id == _OWN, Refund.charge_id == Charge.id, Refund.state == "succeeded")
    .correlate(Charge)
    .scalar_subquery()
)
_FAILED_REFUNDS = (
    select(func.count())
    .select_from(Refund)
    .where(Refund.organisation_id == _OWN, Refund.charge_id == Charge.id, Refund.failed_at.is_not(None))
    .correlate(Charge)
    .scalar_subquery()
)
_TAKEN_BACK = (
    select(func.coalesce(func.sum(Dispute.held_cents + Dispute.lost_cents), 0))
    .where(Dispute.organisation_id == _OWN, Dispute.charge_id == Charge.id)
    .correlate(Charge)
    .scalar_subquery()
)
_PAYMENTS = (
    select(Schedule, Obligation, Charge, _REFUNDED, _FAILED_REFUNDS, _TAKEN_BACK)
    .join(Obligation, and_(Obligation.organisation_id == _OWN, Obligation.subject_id == Schedule.id))
    .outerjoin(
        Charge,
        and_(Charge.organisation_id == _OWN, Charge.obligation_id == Obligation.id, Charge.n == _LAST),
    )
    .where(
        Schedule.organisation_id == _OWN,
        or_(Schedule.id == bindparam("schedule_id"), Schedule.visit_id == bindparam("visit_id")),
    )
    .order_by(Obligation.seq)
    .execution_options(names_organisation=True)
)
_SEEN = ("succeeded", "declined", "sending", "unknown", "review")  # of the others nobody ever asked a bank
_ATTEMPTS = (
    select(Charge, Receipt, _REFUNDED, _FAILED_REFUNDS, _TAKEN_BACK)
    .outerjoin(Receipt, and_(Receipt.organisation_id == _OWN, Receipt.charge_id == Charge.id))
    .where(Charge.organisation_id == _OWN, Charge.customer_id == bindparam("customer_id"), Charge.state.in_(_SEEN))
    .order_by(Charge.claimed_at.desc(), Charge.id)
    .limit(bindparam("most"))
    .execution_options(names_organisation=True)
)


def of_customer(session: Session, customer_id: str, limit: int) -> list[Attempt]:
    """(attempt, its receipt, cents given back, how often that failed, cents a bank took back), newest first."""
    own = {"organisation_id": session.info["organisation_id"], "customer_id": customer_id, "most": limit}
    return [(row[0], row[1], int(row[2]), int(row[3]), int(row[4])) for row in session.execute(_ATTEMPTS, own)]


def of_schedule(session: Session, schedule_id: str) -> list[Row]:
    """(schedule, payment, its last attempt, cents given back, how often that failed, cents a bank took back) for each
    payment, in order.
    """
    return _payments(session, schedule_id=schedule_id, visit_id=None)


def of_visit(session: Session, visit_id: str) -> list[Row]:
    """The same for the schedule that was made in a visit; nothing where none was."""
    return _payments(session, schedule_id=None, visit_id=visit_id)


def _payments(session: Session, **values: str | None) -> list[Row]:
    own = {"organisation_id": session.info["organisation_id"], **values}
    return [(row[0], row[1], row[2], int(row[3]), int(row[4]), int(row[5])) for row in session.execute(_PAYMENTS, own)]
