"""Notices from the gateway, as they came: stored once by their digest, then handled. Nothing here is believed."""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, Index, Text, UniqueConstraint, func, select, text, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from portal.storage.fairness import in_turn
from portal.storage.rows import TenantRow, insert_into, tenant_args
from portal.storage.types import Instant

_WAITING = text("state = 'waiting'")


class Notice(TenantRow):
    """One genuine notice, whole. `result` says what came of it, in a word."""

    __tablename__ = "notice"
    __table_args__ = tenant_args(
        UniqueConstraint("organisation_id", "payload_sha256"),
        CheckConstraint("state IN ('waiting','handled','set_aside')", name="state"),
        Index("ix_notice_waiting", "next_try_at", "id", sqlite_where=_WAITING, postgresql_where=_WAITING),
        Index(None, "organisation_id", "gateway_id"),
    )

    payload_sha256: Mapped[str] = mapped_column(Text)
    signature: Mapped[str] = mapped_column(Text)
    payload: Mapped[str] = mapped_column(Text)
    kind: Mapped[str] = mapped_column(Text)
    gateway_id: Mapped[str | None] = mapped_column(Text)  # the transaction or dispute it is about
    sent_at: Mapped[datetime | None] = mapped_column(Instant)
    received_at: Mapped[datetime] = mapped_column(Instant)
    state: Mapped[str] = mapped_column(Text, default="waiting")
    result: Mapped[str | None] = mapped_column(Text)
    tries: Mapped[int] = mapped_column(default=0)
    next_try_at: Mapped[datetime] = mapped_column(Instant)
    handled_at: Mapped[datetime | None] = mapped_column(Instant)


def keep_once(session: Session, **values: Any) -> str | None:
    """Stores a notice; its id, or nothing when it is here already. One statement, so rivals store it once."""
    statement = insert_into(session, Notice, tries=0, **values)
    statement = statement.on_conflict_do_nothing(index_elements=["organisation_id", "payload_sha256"])
    return session.execute(statement.returning(Notice.id)).scalar_one_or_none()


def is_here(session: Session, payload_sha256: str) -> bool:
    """Whether these bytes came before."""
    return session.scalar(select(Notice.id).where(Notice.payload_sha256 == payload_sha256)) is not None


def by_id(session: Session, notice_id: str) -> Notice | None:
    """The notice of this organisation, or nothing."""
    return session.scalars(select(Notice).where(Notice.id == notice_id)).one_or_none()


def lock(session: Session, notice_id: str) -> Notice | None:
    """The notice, locked and read afresh; nothing when another process holds it."""
    return session.scalars(
        select(Notice)
        .where(Notice.id == notice_id)
        .with_for_update(skip_locked=True)
        .execution_options(populate_existing=True)
    ).one_or_none()


def received(session: Session) -> list[Notice]:
    """All of this organisation, oldest first."""
    return list(session.scalars(select(Notice).order_by(Notice.received_at, Notice.id)))


def waiting_and_due(session: Session, now: datetime, limit: int) -> list[tuple[str, str]]:
    """(organisation id, notice id) of notices nobody has handled, their time come; across organisations, in turn."""
    return in_turn(session, Notice.id, Notice.next_try_at, _WAITING, Notice.next_try_at <= now, limit=limit)


def wipe_until(session: Session, before: datetime) -> int:
    """Takes the raw text out of notices that were handled and came before a moment; how many. Their digest stays."""
    wiped = session.execute(
        update(Notice)
        .where(Notice.received_at < before, Notice.state != "waiting", Notice.payload != "")
        .values(payload="", signature="")
        .returning(Notice.id)
        .execution_options(synchronize_session=False)
    )
    return len(wiped.all())


def oldest_waiting(session: Session) -> datetime | None:
    """When the oldest notice that is not handled came."""
    return session.scalar(select(func.min(Notice.received_at)).where(_WAITING))
