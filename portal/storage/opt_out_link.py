"""Links that end emails to one address: only the SHA-256 of a token is kept. Made with each email that needs one."""

from datetime import datetime

from sqlalchemy import CheckConstraint, Text, UniqueConstraint, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from portal.storage.rows import TenantRow, tenant_args
from portal.storage.types import Instant


class OptOutLink(TenantRow):
    """Whoever holds the token of an email may end emails to the address it went to, and have them again."""

    __tablename__ = "opt_out_link"
    __table_args__ = tenant_args(
        UniqueConstraint("organisation_id", "token_sha256"),
        CheckConstraint("channel IN ('email')", name="channel"),
        customer_id="customer",
        message_id="message",
    )

    token_sha256: Mapped[str] = mapped_column(Text)
    channel: Mapped[str] = mapped_column(Text)
    address: Mapped[str] = mapped_column(Text)
    customer_id: Mapped[str] = mapped_column(Text)
    message_id: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(Instant)


def by_token_sha256(session: Session, token_sha256: str) -> OptOutLink | None:
    """The link of a token digest in this organisation."""
    return session.scalars(select(OptOutLink).where(OptOutLink.token_sha256 == token_sha256)).one_or_none()
