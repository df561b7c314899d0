"""What happened to each message: promised, held, tried, handed over, and what the carrier said of it. Append only.

The same thing heard twice is one row, by its key.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, Index, Text, UniqueConstraint, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from portal.storage.rows import TenantRow, insert_into, tenant_args
from portal.storage.types import Instant, Plain

WHAT = ("held", "stopped", "tried", "handed_over", "failed", "heard")


class MessageFact(TenantRow):
    """One thing that happened. `code`: the rule, the server's reason or the carrier's status; `facts` say more."""

    __tablename__ = "message_fact"
    __table_args__ = tenant_args(
        UniqueConstraint("organisation_id", "key"),
        CheckConstraint(f"what IN ({','.join(repr(each) for each in WHAT)})", name="what"),
        Index(None, "organisation_id", "message_id", "at"),
        message_id="message",
    )

    message_id: Mapped[str] = mapped_column(Text)
    key: Mapped[str] = mapped_column(Text)
    what: Mapped[str] = mapped_column(Text)
    code: Mapped[str] = mapped_column(Text)
    source: Mapped[str] = mapped_column(Text)  # outbox, carrier, staff
    facts: Mapped[dict[str, Any]] = mapped_column(Plain)
    at: Mapped[datetime] = mapped_column(Instant)


def keep_once(
    session: Session, message_id: str, key: str, *, what: str, code: str, source: str, at: datetime, **facts: Any
) -> bool:
    """Writes a fact unless it is there already; whether it was new. One statement, so rivals write it once."""
    statement = insert_into(
        session,
        MessageFact,
        message_id=message_id,
        key=key,
        what=what,
        code=code,
        source=source,
        facts=facts,
        at=at,
    )
    statement = statement.on_conflict_do_nothing(index_elements=["organisation_id", "key"])
    return session.execute(statement.returning(MessageFact.id)).scalar_one_or_none() is not None


def of_message(session: Session, message_id: str) -> list[MessageFact]:
    """Everything that happened to a message, oldest first."""
    return list(
        session.scalars(
            select(MessageFact).where(MessageFact.message_id == message_id).order_by(MessageFact.at, MessageFact.id)
        )
    )
