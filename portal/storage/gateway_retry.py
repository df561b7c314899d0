"""Sales that the gateway made by itself after a decline: each tied to the charge it repeats, each known once."""

from datetime import datetime

from sqlalchemy import Index, Text, UniqueConstraint, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from portal.storage.rows import TenantRow, tenant_args
from portal.storage.types import Cents, Instant


class GatewayRetry(TenantRow):
    """One retry of the gateway's own. `became`: adopted (it paid), taken_back (voided), stands (for a person)."""

    __tablename__ = "gateway_retry"
    __table_args__ = tenant_args(
        UniqueConstraint("organisation_id", "gateway_id"),
        Index(None, "organisation_id", "charge_id"),
        charge_id="charge",
        adopted_charge_id="charge",
    )

    gateway_id: Mapped[str] = mapped_column(Text)
    charge_id: Mapped[str] = mapped_column(Text)  # the declined charge it repeats
    adopted_charge_id: Mapped[str | None] = mapped_column(Text)
    amount_cents: Mapped[int] = mapped_column(Cents)
    status: Mapped[str] = mapped_column(Text)
    became: Mapped[str] = mapped_column(Text)
    heard_at: Mapped[datetime] = mapped_column(Instant)


def by_gateway_id(session: Session, gateway_id: str) -> GatewayRetry | None:
    """The retry of that name, read afresh."""
    return session.scalars(
        select(GatewayRetry).where(GatewayRetry.gateway_id == gateway_id).execution_options(populate_existing=True)
    ).one_or_none()


def of_charge(session: Session, charge_id: str) -> list[GatewayRetry]:
    """The gateway's own retries of a declined charge, in the order they were heard of."""
    return list(
        session.scalars(select(GatewayRetry).where(GatewayRetry.charge_id == charge_id).order_by(GatewayRetry.heard_at))
    )
