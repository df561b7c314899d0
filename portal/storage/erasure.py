"""Erasures of customers: who asked and why, what is still kept for the law, and what the gateway still has to forget.

Asked by the erasure use case and its sweep. What is wiped where is `portal.storage.erasure_wipe`.
"""

from datetime import datetime

from sqlalchemy import CheckConstraint, Index, Text, UniqueConstraint, func, or_, select, text
from sqlalchemy.orm import Mapped, Session, mapped_column

from portal.storage.agreement import Agreement
from portal.storage.autopay import Autopay
from portal.storage.charge import Charge
from portal.storage.dispute import Dispute
from portal.storage.fairness import in_turn
from portal.storage.ledger import LedgerEntry
from portal.storage.login import Login
from portal.storage.message import Message
from portal.storage.notice import Notice
from portal.storage.refund import Refund
from portal.storage.rows import TenantRow, tenant_args
from portal.storage.schedule import Schedule
from portal.storage.selection import Selection
from portal.storage.signing import Signing
from portal.storage.types import Flag, Instant
from portal.storage.visit import Visit

_OPEN = text("finished_at IS NULL")


class Erasure(TenantRow):
    """One customer's, once. `is_wiping` is true inside the transaction that wipes and in no commit: the database lets
    what is append only be emptied for this customer meanwhile, and for nobody else.
    """

    __tablename__ = "erasure"
    __table_args__ = tenant_args(
        UniqueConstraint("organisation_id", "customer_id"),
        UniqueConstraint("organisation_id", "pseudonym"),
        CheckConstraint("finished_at IS NULL OR papers_wiped_at IS NOT NULL", name="finished"),
        Index("ix_erasure_open", "next_try_at", "id", sqlite_where=_OPEN, postgresql_where=_OPEN),
        customer_id="customer",
    )

    customer_id: Mapped[str] = mapped_column(Text)
    pseudonym: Mapped[str] = mapped_column(Text)
    why: Mapped[str] = mapped_column(Text)
    asked_by: Mapped[str] = mapped_column(Text)
    erased_at: Mapped[datetime] = mapped_column(Instant)
    keep_until: Mapped[datetime] = mapped_column(Instant)  # for how long the law has us keep what was signed
    papers_wiped_at: Mapped[datetime | None] = mapped_column(Instant)
    forgotten_at: Mapped[datetime | None] = mapped_column(Instant)  # when the gateway had deleted the cards, for good
    is_wiping: Mapped[bool] = mapped_column(Flag, default=False)
    tries: Mapped[int] = mapped_column(default=0)
    next_try_at: Mapped[datetime] = mapped_column(Instant)
    finished_at: Mapped[datetime | None] = mapped_column(Instant)


def of_customer(session: Session, customer_id: str) -> Erasure | None:
    """The erasure of a customer, read afresh."""
    return session.scalars(
        select(Erasure).where(Erasure.customer_id == customer_id).execution_options(populate_existing=True)
    ).one_or_none()


def lock(session: Session, erasure_id: str) -> Erasure | None:
    """The erasure, locked and read afresh; nothing when another process holds it."""
    return session.scalars(
        select(Erasure)
        .where(Erasure.id == erasure_id)
        .with_for_update(skip_locked=True)
        .execution_options(populate_existing=True)
    ).one_or_none()


def hold(session: Session, customer_id: str) -> None:
    """Holds what people walk through and sign in with, before their accounts: the order in which everybody locks."""
    for row in (Visit, Signing, Selection, Login):
        session.execute(select(row.id).where(row.customer_id == customer_id).order_by(row.id).with_for_update())


def latest(session: Session, limit: int) -> list[Erasure]:
    """The newest first."""
    return list(session.scalars(select(Erasure).order_by(Erasure.erased_at.desc(), Erasure.id).limit(limit)))


def open_and_due(session: Session, now: datetime, limit: int) -> list[tuple[str, str]]:
    """(organisation id, erasure id) of those with something left to do, their time come; across organisations."""
    return in_turn(session, Erasure.id, Erasure.next_try_at, _OPEN, Erasure.next_try_at <= now, limit=limit)


def last_act_at(session: Session, customer_id: str, account_ids: list[str]) -> datetime | None:
    """When something of theirs happened last that the law counts from: money moved, a word given, a message sent."""
    moments = (
        session.scalar(select(func.max(LedgerEntry.posted_at)).where(LedgerEntry.account_id.in_(account_ids))),
        session.scalar(select(func.max(Charge.claimed_at)).where(Charge.customer_id == customer_id)),
        session.scalar(select(func.max(Refund.claimed_at)).where(Refund.customer_id == customer_id)),
        session.scalar(select(func.max(Agreement.accepted_at)).where(Agreement.customer_id == customer_id)),
        session.scalar(select(func.max(Schedule.ended_at)).where(Schedule.customer_id == customer_id)),
        session.scalar(select(func.max(Autopay.ended_at)).where(Autopay.customer_id == customer_id)),
        session.scalar(select(func.max(Message.sent_at)).where(Message.customer_id == customer_id)),
    )
    return max((moment for moment in moments if moment is not None), default=None)


def charges_open(session: Session, customer_id: str) -> list[str]:
    """Orders at the gateway whose end nobody knows yet, or whose money is still to be given back."""
    return list(
        session.scalars(
            select(Charge.order_id)
            .where(
                Charge.customer_id == customer_id,
                or_(
                    Charge.state.in_(("sending", "unknown", "review")),
                    Charge.cancel_requested_at.is_not(None) & Charge.cancel_settled_at.is_(None),
                ),
            )
            .order_by(Charge.order_id)
        )
    )


def refunds_open(session: Session, customer_id: str) -> list[str]:
    """Refunds that are on their way, or that a person has to look at."""
    return list(
        session.scalars(
            select(Refund.order_id)
            .where(Refund.customer_id == customer_id, Refund.state.in_(("sending", "unknown", "review")))
            .order_by(Refund.order_id)
        )
    )


def disputes_open(session: Session, customer_id: str) -> list[str]:
    """Case numbers of disputes that the banks have not decided."""
    return list(
        session.scalars(
            select(Dispute.case_number)
            .where(Dispute.customer_id == customer_id, Dispute.status.in_(("open", "disputed", "under_review")))
            .order_by(Dispute.case_number)
        )
    )


def notices_waiting(session: Session, gateway_ids: list[str]) -> int:
    """Notices about these things at the gateway that nobody has handled."""
    return (
        session.scalar(
            select(func.count())
            .select_from(Notice)
            .where(Notice.gateway_id.in_(gateway_ids), Notice.state == "waiting")
        )
        or 0
    )


def gateway_ids_of(session: Session, customer_id: str) -> list[str]:
    """What the customer's sales, refunds and disputes are called at the gateway."""
    return [
        found
        for row in (Charge, Refund, Dispute)
        for found in session.scalars(select(row.gateway_id).where(row.customer_id == customer_id))
        if found is not None
    ]
