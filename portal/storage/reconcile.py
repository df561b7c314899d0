"""Reconciling: which organisation and day is being compared by whom, and what each comparison found (append only)."""

from datetime import datetime
from typing import Any

from sqlalchemy import Index, Text, UniqueConstraint, func, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from portal.storage.rows import TenantRow, insert_into, tenant_args
from portal.storage.types import Cents, Flag, Instant, Plain


class ReconcileDay(TenantRow):
    """The nightly comparison of one local day: the row is the right to make it, until the lease is over."""

    __tablename__ = "reconcile_day"
    __table_args__ = tenant_args(UniqueConstraint("organisation_id", "day"))

    day: Mapped[str] = mapped_column(Text)  # the organisation's own date, 2026-11-02
    lease_until: Mapped[datetime] = mapped_column(Instant)
    tries: Mapped[int] = mapped_column(default=1)
    finished_at: Mapped[datetime | None] = mapped_column(Instant)


class ReconcileResult(TenantRow):
    """What one comparison found. `open_count` differences wait for a person; none of them is ever changed here."""

    __tablename__ = "reconcile_result"
    __table_args__ = tenant_args(Index(None, "organisation_id", "finished_at"))

    from_at: Mapped[datetime] = mapped_column(Instant)
    until_at: Mapped[datetime] = mapped_column(Instant)
    asked_by: Mapped[str] = mapped_column(Text)
    sales_count: Mapped[int] = mapped_column()  # taken at the gateway in the window
    sales_cents: Mapped[int] = mapped_column(Cents)
    refunds_count: Mapped[int] = mapped_column()  # given back in the window, voids included
    refunds_cents: Mapped[int] = mapped_column(Cents)
    settled_count: Mapped[int] = mapped_column()  # charges first seen settled
    difference_count: Mapped[int] = mapped_column()
    open_count: Mapped[int] = mapped_column()
    is_clean: Mapped[bool] = mapped_column(Flag)
    differences: Mapped[list[dict[str, Any]]] = mapped_column(Plain)
    started_at: Mapped[datetime] = mapped_column(Instant)
    finished_at: Mapped[datetime] = mapped_column(Instant)


def lock_day(session: Session, day: str) -> ReconcileDay | None:
    """The row of a day, locked and read afresh."""
    return session.scalars(
        select(ReconcileDay).where(ReconcileDay.day == day).with_for_update().execution_options(populate_existing=True)
    ).one_or_none()


def day_of(session: Session, day: str) -> ReconcileDay | None:
    """The row of a day."""
    return session.scalars(select(ReconcileDay).where(ReconcileDay.day == day)).one_or_none()


def latest(session: Session, limit: int) -> list[ReconcileResult]:
    """The last results, newest first."""
    return list(
        session.scalars(
            select(ReconcileResult).order_by(ReconcileResult.finished_at.desc(), ReconcileResult.id).limit(limit)
        )
    )


def last_until(session: Session, asked_by: str) -> datetime | None:
    """Until when somebody has compared."""
    return session.scalar(select(func.max(ReconcileResult.until_at)).where(ReconcileResult.asked_by == asked_by))


def claim_day(session: Session, day: str, now: datetime, lease_until: datetime) -> ReconcileDay | None:
    """The right to compare a day, for one of many who ask at once; None when it is done or somebody is at it."""
    statement = insert_into(session, ReconcileDay, day=day, lease_until=lease_until, tries=1)
    made = session.execute(
        statement.on_conflict_do_nothing(index_elements=["organisation_id", "day"]).returning(ReconcileDay.id)
    ).scalar()
    row = lock_day(session, day)
    if row is None or made is not None:
        return row
    if row.finished_at is not None or row.lease_until > now:
        return None
    row.lease_until, row.tries = lease_until, row.tries + 1
    return row
