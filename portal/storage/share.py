"""Shares: which part of a payment, or of money given back, is for which service. Written with it; append only."""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import CheckConstraint, Index, Text, UniqueConstraint, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from portal.storage.ahead import recalled
from portal.storage.rows import TenantRow, tenant_args
from portal.storage.types import Cents, Instant


class ServiceShare(TenantRow):
    """The part of one obligation, or of one refund, that is for one service."""

    __tablename__ = "service_share"
    __table_args__ = tenant_args(
        UniqueConstraint("organisation_id", "obligation_id", "service_id"),
        UniqueConstraint("organisation_id", "refund_id", "service_id"),
        CheckConstraint("amount_cents > 0", name="amount"),
        CheckConstraint("(obligation_id IS NULL) <> (refund_id IS NULL)", name="one_cause"),
        Index(None, "organisation_id", "service_id"),
        obligation_id="obligation",
        refund_id="refund",
        service_id="service",
    )

    obligation_id: Mapped[str | None] = mapped_column(Text)
    refund_id: Mapped[str | None] = mapped_column(Text)
    service_id: Mapped[str] = mapped_column(Text)
    amount_cents: Mapped[int] = mapped_column(Cents)
    made_at: Mapped[datetime] = mapped_column(Instant)


def of_obligation(session: Session, obligation_id: str) -> list[ServiceShare]:
    """What a payment is for, in a fixed order; nothing when it is for the account as a whole."""
    return recalled(
        session,
        ("shares", obligation_id),
        lambda: list(
            session.scalars(
                select(ServiceShare)
                .where(ServiceShare.obligation_id == obligation_id)
                .order_by(ServiceShare.made_at, ServiceShare.id)
            )
        ),
    )


def of_obligations(session: Session, obligation_ids: Collection[str]) -> list[ServiceShare]:
    """What these payments are for, in a fixed order."""
    return list(
        session.scalars(
            select(ServiceShare)
            .where(ServiceShare.obligation_id.in_(obligation_ids))
            .order_by(ServiceShare.made_at, ServiceShare.id)
        )
    )


def of_refund(session: Session, refund_id: str) -> list[ServiceShare]:
    """What money given back was for; nothing when it was for the account as a whole."""
    return list(
        session.scalars(
            select(ServiceShare)
            .where(ServiceShare.refund_id == refund_id)
            .order_by(ServiceShare.made_at, ServiceShare.id)
        )
    )
