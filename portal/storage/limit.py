"""Counters that hold when Redis is down: how often something happened in a window, counted atomically.

Each organisation's own, and a few of the whole deployment: whoever tries one PIN at every organisation is one stranger.
"""

import hashlib
from datetime import datetime, timedelta

from sqlalchemy import PrimaryKeyConstraint, Text, UniqueConstraint, delete, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from portal.storage.rows import STRICT, Row, TenantRow, insert_into, tenant_args
from portal.storage.types import Instant


class LimitCount(TenantRow):
    """How often one thing happened to one key in one window. Keys are digests: no addresses are kept."""

    __tablename__ = "limit_count"
    __table_args__ = tenant_args(UniqueConstraint("organisation_id", "bucket", "key_sha256", "window_start"))

    bucket: Mapped[str] = mapped_column(Text)
    key_sha256: Mapped[str] = mapped_column(Text)
    window_start: Mapped[datetime] = mapped_column(Instant)
    count: Mapped[int] = mapped_column()


class DeploymentLimitCount(Row):
    """The same, counted over all organisations. Says of none of them that anything happened there."""

    __tablename__ = "deployment_limit_count"
    __table_args__ = (PrimaryKeyConstraint("bucket", "key_sha256", "window_start"), STRICT)

    bucket: Mapped[str] = mapped_column(Text)
    key_sha256: Mapped[str] = mapped_column(Text)
    window_start: Mapped[datetime] = mapped_column(Instant)
    count: Mapped[int] = mapped_column()


def _key(key: str) -> str:
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()


def _window_start(now: datetime, window: timedelta) -> datetime:
    seconds = int(window.total_seconds())
    return datetime.fromtimestamp(int(now.timestamp()) // seconds * seconds, tz=now.tzinfo)


def count_up(session: Session, bucket: str, key: str, window: timedelta, now: datetime, by: int = 1) -> int:
    """Counts `by` more and returns the new number of this window; one statement, so parallel callers all count."""
    statement = insert_into(
        session,
        LimitCount,
        bucket=bucket,
        key_sha256=_key(key),
        window_start=_window_start(now, window),
        count=by,
    )
    statement = statement.on_conflict_do_update(
        index_elements=["organisation_id", "bucket", "key_sha256", "window_start"],
        set_={"count": LimitCount.count + by},
    )
    return int(session.execute(statement.returning(LimitCount.count)).scalar_one())


def count_up_everywhere(session: Session, bucket: str, key: str, window: timedelta, now: datetime, by: int = 1) -> int:
    """As `count_up`, over all organisations. Counted last: until the commit everybody else who counts here waits."""
    statement = insert_into(
        session,
        DeploymentLimitCount,
        bucket=bucket,
        key_sha256=_key(key),
        window_start=_window_start(now, window),
        count=by,
    )
    statement = statement.on_conflict_do_update(
        index_elements=["bucket", "key_sha256", "window_start"], set_={"count": DeploymentLimitCount.count + by}
    )
    return int(session.execute(statement.returning(DeploymentLimitCount.count)).scalar_one())


def forget(session: Session, before: datetime) -> int:
    """Deletes this organisation's counts of windows that began before, and the deployment's; how many."""
    forgotten = 0
    for row in (LimitCount, DeploymentLimitCount):
        gone = session.execute(delete(row).where(row.window_start < before).returning(row.bucket))
        forgotten += len(gone.all())
    return forgotten


def current(session: Session, bucket: str, key: str, window: timedelta, now: datetime) -> int:
    """The number of this window, without counting."""
    return (
        session.scalar(
            select(LimitCount.count).where(
                LimitCount.bucket == bucket,
                LimitCount.key_sha256 == _key(key),
                LimitCount.window_start == _window_start(now, window),
            )
        )
        or 0
    )
