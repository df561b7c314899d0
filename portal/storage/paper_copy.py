"""Papers to print and post: a row for each record of a customer who wants records on paper. Rows stay.

Asked by use cases and, read only, by the console.
"""

from datetime import datetime

from sqlalchemy import CheckConstraint, Index, Text, UniqueConstraint, func, select, text
from sqlalchemy.orm import Mapped, Session, mapped_column

from portal.storage.customer import Customer
from portal.storage.message import Message
from portal.storage.rows import TenantRow, tenant_args
from portal.storage.types import Instant

_WAITS = text("posted_at IS NULL")


class PaperCopy(TenantRow):
    """What a message would have carried, to be posted instead: one for each message, for ever."""

    __tablename__ = "paper_copy"
    __table_args__ = tenant_args(
        UniqueConstraint("organisation_id", "message_id"),
        CheckConstraint("(posted_at IS NULL) = (posted_by IS NULL)", name="posted"),
        Index(
            "ix_paper_copy_waiting", "organisation_id", "made_at",
            sqlite_where=_WAITS, postgresql_where=_WAITS,
        ),
        Index(None, "organisation_id", "posted_at"),
        customer_id="customer",
        message_id="message",
    )  # fmt: skip

    customer_id: Mapped[str] = mapped_column(Text)
    message_id: Mapped[str] = mapped_column(Text)
    made_at: Mapped[datetime] = mapped_column(Instant)
    posted_at: Mapped[datetime | None] = mapped_column(Instant)
    posted_by: Mapped[str | None] = mapped_column(Text)


def of_message(session: Session, message_id: str) -> PaperCopy | None:
    """The paper that goes instead of what a message would have carried."""
    return session.scalars(select(PaperCopy).where(PaperCopy.message_id == message_id)).one_or_none()


def by_id(session: Session, copy_id: str) -> PaperCopy | None:
    """The paper of this organisation, or nothing."""
    return session.scalars(select(PaperCopy).where(PaperCopy.id == copy_id)).one_or_none()


def lock(session: Session, copy_id: str) -> PaperCopy | None:
    """The paper, locked and read afresh."""
    return session.scalars(
        select(PaperCopy).where(PaperCopy.id == copy_id).with_for_update().execution_options(populate_existing=True)
    ).one_or_none()


def waiting(session: Session, limit: int) -> list[tuple[PaperCopy, Message, Customer]]:
    """What waits to be posted, the oldest first."""
    rows = session.execute(_WITH_WHOSE.where(_WAITS).order_by(PaperCopy.made_at, PaperCopy.id).limit(limit))
    return [(copy, about, whose) for copy, about, whose in rows]


def posted(session: Session, limit: int) -> list[tuple[PaperCopy, Message, Customer]]:
    """What was posted last, newest first."""
    newest = (PaperCopy.posted_at.desc(), PaperCopy.id)
    rows = session.execute(_WITH_WHOSE.where(PaperCopy.posted_at.is_not(None)).order_by(*newest).limit(limit))
    return [(copy, about, whose) for copy, about, whose in rows]


def count_waiting(session: Session, customer_id: str) -> int:
    """How many papers of a customer wait to be posted."""
    mine = (PaperCopy.customer_id == customer_id, _WAITS)
    return session.scalar(select(func.count()).select_from(PaperCopy).where(*mine)) or 0


_WITH_WHOSE = (
    select(PaperCopy, Message, Customer)
    .join(Message, (Message.organisation_id == PaperCopy.organisation_id) & (Message.id == PaperCopy.message_id))
    .join(Customer, (Customer.organisation_id == PaperCopy.organisation_id) & (Customer.id == PaperCopy.customer_id))
)
