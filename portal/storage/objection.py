"""What customers said against a debt: that they do not owe it, or not so much. Rows stay; the end is written on them.

While one stands its account carries `disputed_at`, which the rules read with the account.
"""

from datetime import datetime

from sqlalchemy import CheckConstraint, Index, Text, select, text
from sqlalchemy.orm import Mapped, Session, mapped_column

from portal.storage.rows import TenantRow, tenant_args
from portal.storage.types import Instant

_STANDS = text("resolved_at IS NULL")


class Objection(TenantRow):
    """One objection to one account's debt, in the customer's words; at most one stands at a time."""

    __tablename__ = "objection"
    __table_args__ = tenant_args(
        CheckConstraint("way IN ('phone','letter','email','page')", name="way"),
        CheckConstraint("outcome IN ('verified','corrected','withdrawn')", name="outcome"),
        CheckConstraint("(resolved_at IS NULL) = (outcome IS NULL)", name="resolved"),
        Index(
            "uq_objection_standing", "organisation_id", "account_id", unique=True,
            sqlite_where=_STANDS, postgresql_where=_STANDS,
        ),
        customer_id="customer",
        account_id="account",
        plan_id="plan",
    )  # fmt: skip

    customer_id: Mapped[str] = mapped_column(Text)
    account_id: Mapped[str] = mapped_column(Text)
    plan_id: Mapped[str | None] = mapped_column(Text)  # the running plan that was paused for it
    words: Mapped[str] = mapped_column(Text)
    way: Mapped[str] = mapped_column(Text)
    made_at: Mapped[datetime] = mapped_column(Instant)
    made_by: Mapped[str] = mapped_column(Text)
    outcome: Mapped[str | None] = mapped_column(Text)
    resolved_words: Mapped[str | None] = mapped_column(Text)
    resolved_at: Mapped[datetime | None] = mapped_column(Instant)
    resolved_by: Mapped[str | None] = mapped_column(Text)


def standing_of(session: Session, account_id: str) -> Objection | None:
    """The objection that nobody has resolved yet."""
    return session.scalars(
        select(Objection).where(Objection.account_id == account_id, Objection.resolved_at.is_(None))
    ).one_or_none()


def latest(session: Session, limit: int) -> list[Objection]:
    """Those that stand first, then the newest."""
    return list(
        session.scalars(
            select(Objection)
            .order_by(Objection.resolved_at.is_not(None), Objection.made_at.desc(), Objection.id)
            .limit(limit)
        )
    )
