"""What people said about being written to, as rows that are never changed: the latest about a thing counts.

Append only, enforced by the database: it is the proof of a consent, and of having honoured its end (C27, C28).
"""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, Index, Text, UniqueConstraint, func, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from portal.storage.rows import TenantRow, insert_into, tenant_args
from portal.storage.types import Flag, Instant


class ContactWish(TenantRow):
    """One thing said: about what (`kind`, `subject`), yes or no, in which words, how and when.

    `subject` is `sms:+13125550123` or `email:ada@example.com` for a consent, a channel for a medium, the written times,
    or an address. `customer_id` is empty when a number that is on nobody's file speaks.
    """

    __tablename__ = "contact_wish"
    __table_args__ = tenant_args(
        CheckConstraint("kind IN ('consent','medium','times','work_address')", name="kind"),
        CheckConstraint("channel IN ('email','sms')", name="channel"),
        UniqueConstraint("organisation_id", "kind", "subject", "seq"),
        Index(None, "organisation_id", "customer_id", "said_at"),
        customer_id="customer",
    )

    customer_id: Mapped[str | None] = mapped_column(Text)
    kind: Mapped[str] = mapped_column(Text)
    subject: Mapped[str] = mapped_column(Text)
    seq: Mapped[int] = mapped_column()
    channel: Mapped[str | None] = mapped_column(Text)
    is_on: Mapped[bool] = mapped_column(Flag)
    scope: Mapped[str] = mapped_column(Text)
    source: Mapped[str] = mapped_column(Text)
    words: Mapped[str] = mapped_column(Text)  # exactly what was shown and agreed to, or what was said
    locale: Mapped[str] = mapped_column(Text)
    said_at: Mapped[datetime] = mapped_column(Instant)
    said_by: Mapped[str] = mapped_column(Text)
    ip: Mapped[str | None] = mapped_column(Text)
    user_agent: Mapped[str | None] = mapped_column(Text)


def about(session: Session, kind: str, subject: str) -> list[ContactWish]:
    """Everything said about one thing, oldest first."""
    return list(
        session.scalars(
            select(ContactWish)
            .where(ContactWish.kind == kind, ContactWish.subject == subject)
            .order_by(ContactWish.seq)
        )
    )


def of_customer(session: Session, customer_id: str, kind: str | None = None) -> list[ContactWish]:
    """Everything a customer said, oldest first; of one kind if asked."""
    statement = select(ContactWish).where(ContactWish.customer_id == customer_id)
    if kind is not None:
        statement = statement.where(ContactWish.kind == kind)
    return list(session.scalars(statement.order_by(ContactWish.said_at, ContactWish.seq)))


def add(session: Session, kind: str, subject: str, **values: Any) -> str:
    """Writes one more row about a thing and returns its id; rivals that write at once are put one after the other."""
    latest = select(func.max(ContactWish.seq)).where(ContactWish.kind == kind, ContactWish.subject == subject)
    while True:
        seq = (session.scalar(latest) or 0) + 1
        statement = insert_into(session, ContactWish, kind=kind, subject=subject, seq=seq, **values)
        statement = statement.on_conflict_do_nothing(index_elements=["organisation_id", "kind", "subject", "seq"])
        written = session.execute(statement.returning(ContactWish.id)).scalar_one_or_none()
        if written is not None:
            return written
