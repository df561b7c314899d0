"""Disputes of charges: what a cardholder's bank took back and where that money is by now. Moved by use cases only."""

from datetime import date, datetime

from sqlalchemy import CheckConstraint, Index, Text, UniqueConstraint, func, select, text
from sqlalchemy.orm import Mapped, Session, mapped_column

from portal.storage.fairness import in_turn
from portal.storage.rows import TenantRow, tenant_args
from portal.storage.types import Cents, Day, Instant

_UNDECIDED = text("status IN ('open','disputed','under_review')")


class Dispute(TenantRow):
    """One dispute of one charge. `held_cents` and `lost_cents` are what the ledger says of it by now."""

    __tablename__ = "dispute"
    __table_args__ = tenant_args(
        UniqueConstraint("organisation_id", "gateway_id"),
        CheckConstraint("amount_cents >= 0 AND held_cents >= 0 AND lost_cents >= 0", name="amounts"),
        Index("ix_dispute_undecided", "next_look_at", "id", sqlite_where=_UNDECIDED, postgresql_where=_UNDECIDED),
        Index(None, "organisation_id", "charge_id"),
        Index(None, "organisation_id", "account_id"),
        charge_id="charge",
        account_id="account",
        customer_id="customer",
    )

    gateway_id: Mapped[str] = mapped_column(Text)
    charge_id: Mapped[str] = mapped_column(Text)
    account_id: Mapped[str] = mapped_column(Text)
    customer_id: Mapped[str] = mapped_column(Text)
    kind: Mapped[str] = mapped_column(Text)
    status: Mapped[str] = mapped_column(Text)
    reason: Mapped[str] = mapped_column(Text)
    reason_code: Mapped[str] = mapped_column(Text)
    case_number: Mapped[str] = mapped_column(Text)
    amount_cents: Mapped[int] = mapped_column(Cents)
    currency: Mapped[str] = mapped_column(Text)
    opened_on: Mapped[date | None] = mapped_column(Day)  # the gateway's own days
    reply_by_on: Mapped[date | None] = mapped_column(Day)
    held_cents: Mapped[int] = mapped_column(Cents, default=0)
    lost_cents: Mapped[int] = mapped_column(Cents, default=0)
    entries: Mapped[int] = mapped_column(default=0)  # ledger entries posted for it: each has a number of its own
    heard_at: Mapped[datetime] = mapped_column(Instant)
    next_look_at: Mapped[datetime] = mapped_column(Instant)
    created_at: Mapped[datetime] = mapped_column(Instant)


def by_gateway_id(session: Session, gateway_id: str) -> Dispute | None:
    """The dispute of that name at the gateway, read afresh. Its account is locked by whoever changes it."""
    return session.scalars(
        select(Dispute).where(Dispute.gateway_id == gateway_id).execution_options(populate_existing=True)
    ).one_or_none()


def of_charge(session: Session, charge_id: str) -> list[Dispute]:
    """All disputes of a charge, oldest first."""
    return list(
        session.scalars(select(Dispute).where(Dispute.charge_id == charge_id).order_by(Dispute.created_at, Dispute.id))
    )


def of_account(session: Session, account_id: str) -> list[Dispute]:
    """All disputes of an account, oldest first."""
    return list(
        session.scalars(
            select(Dispute).where(Dispute.account_id == account_id).order_by(Dispute.created_at, Dispute.id)
        )
    )


def taken_back_cents(session: Session, charge_id: str) -> int:
    """What banks hold or kept of a charge: no longer there to be refunded."""
    total = session.scalar(
        select(func.coalesce(func.sum(Dispute.held_cents + Dispute.lost_cents), 0)).where(
            Dispute.charge_id == charge_id
        )
    )
    return int(total or 0)


def undecided_and_due(session: Session, now: datetime, limit: int) -> list[tuple[str, str]]:
    """(organisation id, gateway id) of undecided disputes to be looked at again; across organisations, in turn."""
    return in_turn(
        session,
        Dispute.gateway_id,
        Dispute.next_look_at,
        _UNDECIDED,
        Dispute.next_look_at <= now,
        limit=limit,
    )
