"""Obligations: one amount due on one date, the only thing a charge is made for, and what it is to be paid with."""

from datetime import datetime

from sqlalchemy import CheckConstraint, Index, Text, UniqueConstraint, select, text
from sqlalchemy.orm import Mapped, Session, mapped_column

from portal.storage.rows import TenantRow, tenant_args
from portal.storage.types import Cents, Instant

_LIVE = text("kind = 'checkout' AND status IN ('due','charging','paid','review')")
_DUE = text("status = 'due'")


class Obligation(TenantRow):
    """One amount of one account due at one moment. `forgiven_cents` is what a settlement forgives when it is paid."""

    __tablename__ = "obligation"
    __table_args__ = tenant_args(
        UniqueConstraint("organisation_id", "subject_id", "seq"),
        CheckConstraint("kind IN ('checkout','scheduled')", name="kind"),
        CheckConstraint("status IN ('due','charging','paid','declined','cancelled','review')", name="status"),
        CheckConstraint("amount_cents > 0", name="amount"),
        CheckConstraint("forgiven_cents >= 0", name="forgiven"),
        Index("uq_obligation_live_checkout", "organisation_id", "subject_id", unique=True,
              sqlite_where=_LIVE, postgresql_where=_LIVE),
        Index("ix_obligation_due", "due_at", "id", sqlite_where=_DUE, postgresql_where=_DUE),
        Index(None, "organisation_id", "account_id"),
        customer_id="customer",
        account_id="account",
        offer_id="offer",
        payment_method_id="payment_method",
        agreement_id="agreement",
    )  # fmt: skip

    customer_id: Mapped[str] = mapped_column(Text)
    account_id: Mapped[str] = mapped_column(Text)
    kind: Mapped[str] = mapped_column(Text)
    subject_id: Mapped[str] = mapped_column(Text)  # what it comes from: the visit of a checkout
    seq: Mapped[int] = mapped_column()
    amount_cents: Mapped[int] = mapped_column(Cents)
    forgiven_cents: Mapped[int] = mapped_column(Cents, default=0)
    currency: Mapped[str] = mapped_column(Text, default="USD")
    offer_id: Mapped[str | None] = mapped_column(Text)
    agreement_id: Mapped[str | None] = mapped_column(Text)
    payment_method_id: Mapped[str | None] = mapped_column(Text)
    card_nonce: Mapped[str | None] = mapped_column(
        Text
    )  # the gateway's single-use name of a typed card; wiped at the end
    card_brand: Mapped[str | None] = mapped_column(Text)
    card_last4: Mapped[str | None] = mapped_column(Text)
    keep_card_consent: Mapped[str | None] = mapped_column(Text)  # the sentence ticked to keep the card; none: not kept
    refused_code: Mapped[str | None] = mapped_column(Text)  # why it ended unpaid when no charge says so
    due_at: Mapped[datetime] = mapped_column(Instant)
    status: Mapped[str] = mapped_column(Text, default="due")
    version: Mapped[int] = mapped_column(default=1)
    created_at: Mapped[datetime] = mapped_column(Instant)


def by_id(session: Session, obligation_id: str) -> Obligation | None:
    """The obligation of this organisation, or nothing."""
    return session.scalars(select(Obligation).where(Obligation.id == obligation_id)).one_or_none()


def fresh(session: Session, obligation_id: str) -> Obligation:
    """The obligation as it stands now, read again. Its account is locked by then, and that guards it."""
    return session.scalars(
        select(Obligation).where(Obligation.id == obligation_id).execution_options(populate_existing=True)
    ).one()


def of_subject(session: Session, subject_id: str) -> list[Obligation]:
    """All obligations of one subject, in order."""
    return list(session.scalars(select(Obligation).where(Obligation.subject_id == subject_id).order_by(Obligation.seq)))


def stale_due(session: Session, before: datetime, limit: int) -> list[tuple[str, str]]:
    """(organisation id, obligation id) of obligations due since before a moment, oldest first; across organisations."""
    rows = session.execute(
        select(Obligation.organisation_id, Obligation.id)
        .where(Obligation.status == "due", Obligation.due_at <= before)
        .order_by(Obligation.due_at, Obligation.id)
        .limit(limit)
    )
    return [(row[0], row[1]) for row in rows]


def live_of_account(session: Session, account_id: str) -> list[Obligation]:
    """Payments of an account that are under way: neither paid nor ended unpaid."""
    return list(
        session.scalars(
            select(Obligation)
            .where(Obligation.account_id == account_id, Obligation.status.in_(("due", "charging", "review")))
            .order_by(Obligation.created_at, Obligation.id)
        )
    )
