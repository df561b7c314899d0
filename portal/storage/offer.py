"""Settlement offers put to a customer for one account. Which may be shown is the domain's to say."""

from datetime import datetime

from sqlalchemy import CheckConstraint, Index, Text, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from portal.storage.rows import TenantRow, tenant_args
from portal.storage.types import Cents, Instant


class Offer(TenantRow):
    """Pay less and the account is settled. Either `amount_cents` or `basis_points` of the balance."""

    __tablename__ = "offer"
    __table_args__ = tenant_args(
        CheckConstraint("kind IN ('amount','percent')", name="kind"),
        CheckConstraint("status IN ('open','taken','withdrawn')", name="status"),
        CheckConstraint("(kind = 'amount') = (amount_cents IS NOT NULL)", name="amount"),
        CheckConstraint("(kind = 'percent') = (basis_points IS NOT NULL)", name="percent"),
        Index(None, "organisation_id", "account_id"),
        account_id="account",
    )

    account_id: Mapped[str] = mapped_column(Text)
    kind: Mapped[str] = mapped_column(Text)
    amount_cents: Mapped[int | None] = mapped_column(Cents)
    basis_points: Mapped[int | None] = mapped_column()
    valid_until: Mapped[datetime] = mapped_column(Instant)
    status: Mapped[str] = mapped_column(Text, default="open")
    created_at: Mapped[datetime] = mapped_column(Instant)


def of_account(session: Session, account_id: str, now: datetime) -> list[Offer]:
    """Open offers of an account that are still valid at `now`, cheapest first is the caller's affair."""
    return list(
        session.scalars(
            select(Offer)
            .where(Offer.account_id == account_id, Offer.status == "open", Offer.valid_until > now)
            .order_by(Offer.created_at, Offer.id)
        )
    )


def by_id(session: Session, offer_id: str) -> Offer | None:
    """The offer of this organisation, or nothing."""
    return session.scalars(select(Offer).where(Offer.id == offer_id)).one_or_none()
