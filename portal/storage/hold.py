"""Holds: from a moment on nothing is charged or given back for an organisation, until the hold is lifted."""

from datetime import datetime

from sqlalchemy import Index, Text, select, text
from sqlalchemy.orm import Mapped, Session, mapped_column

from portal.storage.ahead import recalled
from portal.storage.rows import TenantRow, tenant_args
from portal.storage.types import Instant

_STANDS = text("lifted_at IS NULL")


class ChargingHold(TenantRow):
    """One hold; at most one stands for an organisation. What is due stays due."""

    __tablename__ = "charging_hold"
    __table_args__ = tenant_args(
        Index("uq_charging_hold_standing", "organisation_id", unique=True,
              sqlite_where=_STANDS, postgresql_where=_STANDS),
    )  # fmt: skip

    reason: Mapped[str] = mapped_column(Text)
    backup_taken_at: Mapped[datetime | None] = mapped_column(Instant)  # what happened since may be missing here
    held_at: Mapped[datetime] = mapped_column(Instant)
    held_by: Mapped[str] = mapped_column(Text)
    lifted_at: Mapped[datetime | None] = mapped_column(Instant)
    lifted_by: Mapped[str | None] = mapped_column(Text)


def standing(session: Session) -> ChargingHold | None:
    """The hold that stands, if one does."""
    return recalled(
        session,
        ("hold",),
        lambda: session.scalars(select(ChargingHold).where(ChargingHold.lifted_at.is_(None))).one_or_none(),
    )


def all_standing(session: Session) -> list[ChargingHold]:
    """Every hold that stands; across organisations."""
    return list(
        session.scalars(
            select(ChargingHold).where(ChargingHold.lifted_at.is_(None)).order_by(ChargingHold.organisation_id)
        )
    )
