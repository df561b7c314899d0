"""Visits: one person's walk through a payment link, and what they chose at each step.

Amounts and choices live here, on the server; a form never carries them from page to page.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, Index, Text, func, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from portal.storage.rows import TenantRow, tenant_args
from portal.storage.types import Cents, Flag, Instant, Plain


class Visit(TenantRow):
    """What one visitor of a link has said so far. The cookie's secret is kept as SHA-256 only."""

    __tablename__ = "visit"
    __table_args__ = tenant_args(
        CheckConstraint("amount_choice IN ('whole','minimum','other','offer')", name="amount_choice"),
        CheckConstraint("method IN ('new_card','card_on_file')", name="method"),
        Index(None, "organisation_id", "link_id", "opened_at"),
        Index(None, "organisation_id", "account_id"),
        link_id="payment_link",
        account_id="account",
        customer_id="customer",
        offer_id="offer",
        payment_method_id="payment_method",
        agreement_id="agreement",
        obligation_id="obligation",
    )

    link_id: Mapped[str] = mapped_column(Text)
    account_id: Mapped[str] = mapped_column(Text)
    customer_id: Mapped[str] = mapped_column(Text)
    secret_sha256: Mapped[str] = mapped_column(Text)
    opened_at: Mapped[datetime] = mapped_column(Instant)
    expires_at: Mapped[datetime] = mapped_column(Instant)
    ip: Mapped[str] = mapped_column(Text)
    user_agent: Mapped[str] = mapped_column(Text)
    locale: Mapped[str] = mapped_column(Text)
    contact_seen_at: Mapped[datetime | None] = mapped_column(Instant)
    offer_id: Mapped[str | None] = mapped_column(Text)
    offer_skipped_at: Mapped[datetime | None] = mapped_column(Instant)
    amount_choice: Mapped[str | None] = mapped_column(Text)
    amount_cents: Mapped[int | None] = mapped_column(Cents)
    is_scheduling: Mapped[bool | None] = mapped_column(Flag)  # paid later, on dates; none: not said yet
    schedule_wish: Mapped[dict[str, Any] | None] = mapped_column(Plain)
    method: Mapped[str | None] = mapped_column(Text)
    payment_method_id: Mapped[str | None] = mapped_column(Text)
    method_proven_at: Mapped[datetime | None] = mapped_column(Instant)
    card_nonce: Mapped[str | None] = mapped_column(Text)
    card_brand: Mapped[str | None] = mapped_column(Text)
    card_last4: Mapped[str | None] = mapped_column(Text)
    card_expires_month: Mapped[int | None] = mapped_column()
    card_expires_year: Mapped[int | None] = mapped_column()
    card_entered_at: Mapped[datetime | None] = mapped_column(Instant)
    save_card: Mapped[bool] = mapped_column(Flag, default=False)
    quote_version: Mapped[str | None] = mapped_column(Text)
    confirmed_at: Mapped[datetime | None] = mapped_column(Instant)
    agreement_id: Mapped[str | None] = mapped_column(Text)
    obligation_id: Mapped[str | None] = mapped_column(Text)  # of a payment; a schedule names its visit itself
    sign_in_id: Mapped[str | None] = mapped_column(Text)  # opened by somebody who is signed in, not by a token
    version: Mapped[int] = mapped_column(default=1)


def by_id(session: Session, visit_id: str) -> Visit | None:
    """The visit of this organisation, or nothing. The caller compares the secret."""
    return session.scalars(select(Visit).where(Visit.id == visit_id)).one_or_none()


def lock(session: Session, visit_id: str) -> Visit:
    """The visit, locked and read afresh. Before the account, never after."""
    return session.scalars(
        select(Visit).where(Visit.id == visit_id).with_for_update().execution_options(populate_existing=True)
    ).one()


def count_of_link(session: Session, link_id: str) -> int:
    """How many visits a link has had."""
    return session.scalar(select(func.count()).select_from(Visit).where(Visit.link_id == link_id)) or 0
