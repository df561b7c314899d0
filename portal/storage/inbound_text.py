"""Texts that people sent us: each once, whole, with what it was taken to mean. Append only."""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, Index, Text, UniqueConstraint, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from portal.storage.rows import TenantRow, insert_into, tenant_args
from portal.storage.types import Instant


class InboundText(TenantRow):
    """One text in. `customer_id` is empty when the number is on nobody's file."""

    __tablename__ = "inbound_text"
    __table_args__ = tenant_args(
        UniqueConstraint("organisation_id", "provider_id"),
        CheckConstraint("meaning IN ('stop','stop_all','start','help','other')", name="meaning"),
        Index(None, "organisation_id", "sender", "heard_at"),
        customer_id="customer",
    )

    provider_id: Mapped[str] = mapped_column(Text)  # the carrier's: the same text told twice is one row
    customer_id: Mapped[str | None] = mapped_column(Text)
    sender: Mapped[str] = mapped_column(Text)
    words: Mapped[str] = mapped_column(Text)
    meaning: Mapped[str] = mapped_column(Text)
    heard_at: Mapped[datetime] = mapped_column(Instant)


def keep_once(session: Session, **values: Any) -> str | None:
    """Stores a text; its id, or nothing when it is here already. One statement, so rivals store it once."""
    statement = insert_into(session, InboundText, **values)
    statement = statement.on_conflict_do_nothing(index_elements=["organisation_id", "provider_id"])
    return session.execute(statement.returning(InboundText.id)).scalar_one_or_none()


def of_number(session: Session, sender: str) -> list[InboundText]:
    """Everything a number sent us, oldest first."""
    return list(
        session.scalars(
            select(InboundText).where(InboundText.sender == sender).order_by(InboundText.heard_at, InboundText.id)
        )
    )
