"""Addresses and numbers that were refused for good, until staff say that they work again."""

from datetime import datetime

from sqlalchemy import CheckConstraint, Index, Text, select, text
from sqlalchemy.orm import Mapped, Session, mapped_column

from portal.storage.rows import TenantRow, tenant_args
from portal.storage.types import Instant

_STANDING = text("cleared_at IS NULL")


class Bounce(TenantRow):
    """One refusal: which address, in which words of the server or carrier, found by which message."""

    __tablename__ = "bounce"
    __table_args__ = tenant_args(
        CheckConstraint("channel IN ('email','sms')", name="channel"),
        Index(
            "ix_bounce_standing",
            "organisation_id",
            "channel",
            "address",
            unique=True,
            sqlite_where=_STANDING,
            postgresql_where=_STANDING,
        ),
        message_id="message",
    )

    channel: Mapped[str] = mapped_column(Text)
    address: Mapped[str] = mapped_column(Text)
    reason: Mapped[str] = mapped_column(Text)
    message_id: Mapped[str] = mapped_column(Text)
    found_at: Mapped[datetime] = mapped_column(Instant)
    cleared_at: Mapped[datetime | None] = mapped_column(Instant)
    cleared_by: Mapped[str | None] = mapped_column(Text)


def standing(session: Session, channel: str, address: str) -> Bounce | None:
    """The refusal that stands against an address."""
    return session.scalars(
        select(Bounce).where(Bounce.channel == channel, Bounce.address == address, Bounce.cleared_at.is_(None))
    ).one_or_none()


def all_standing(session: Session) -> list[Bounce]:
    """Every address that is not written to for this reason, oldest first."""
    return list(session.scalars(select(Bounce).where(Bounce.cleared_at.is_(None)).order_by(Bounce.found_at)))
