"""Payment links: only the SHA-256 of a token is kept, so a copy of this database opens no link."""

from datetime import datetime

from sqlalchemy import CheckConstraint, Index, Text, UniqueConstraint, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from portal.storage.rows import TenantRow, tenant_args
from portal.storage.types import Instant


class PaymentLink(TenantRow):
    """A personal link to one account, for one purpose (pay, change the card of a schedule, see and change a schedule),
    until a date."""

    __tablename__ = "payment_link"
    __table_args__ = tenant_args(
        UniqueConstraint("organisation_id", "token_sha256"),
        CheckConstraint("purpose IN ('pay','card','schedule')", name="purpose"),
        CheckConstraint("status IN ('active','revoked')", name="status"),
        Index(None, "organisation_id", "account_id"),
        account_id="account",
        customer_id="customer",
    )

    account_id: Mapped[str] = mapped_column(Text)
    customer_id: Mapped[str] = mapped_column(Text)
    token_sha256: Mapped[str] = mapped_column(Text)
    purpose: Mapped[str] = mapped_column(Text, default="pay")
    subject_id: Mapped[str | None] = mapped_column(Text)  # what it is about besides the account: a schedule
    status: Mapped[str] = mapped_column(Text, default="active")
    expires_at: Mapped[datetime] = mapped_column(Instant)
    created_at: Mapped[datetime] = mapped_column(Instant)
    made_by: Mapped[str] = mapped_column(Text)


def by_token_sha256(session: Session, token_sha256: str, purpose: str) -> PaymentLink | None:
    """The link of a token digest for this purpose; another purpose's link is not found."""
    return session.scalars(
        select(PaymentLink).where(PaymentLink.token_sha256 == token_sha256, PaymentLink.purpose == purpose)
    ).one_or_none()


def by_id(session: Session, link_id: str) -> PaymentLink | None:
    """The link of this organisation, or nothing."""
    return session.scalars(select(PaymentLink).where(PaymentLink.id == link_id)).one_or_none()
