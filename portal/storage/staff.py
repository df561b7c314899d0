"""Staff of an organisation: who may sign in to its console, with what, in which role.

Asked by the staff use cases and the guard of the console. Opens no seal and compares no secret.
"""

from datetime import datetime

from sqlalchemy import CheckConstraint, Text, UniqueConstraint, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from portal.storage.rows import TenantRow, tenant_args
from portal.storage.types import Flag, Instant


class Staff(TenantRow):
    """One person of the staff. When `epoch` goes up, everybody signed in as this person is out."""

    __tablename__ = "staff"
    __table_args__ = tenant_args(
        UniqueConstraint("organisation_id", "username"),
        CheckConstraint("role IN ('auditor','clerk','manager','admin')", name="role"),
    )

    username: Mapped[str] = mapped_column(Text)
    name: Mapped[str] = mapped_column(Text)
    email: Mapped[str | None] = mapped_column(Text)
    role: Mapped[str] = mapped_column(Text)
    password_hash: Mapped[str] = mapped_column(Text)
    pepper_version: Mapped[int] = mapped_column()
    totp_sealed: Mapped[str] = mapped_column(Text)
    totp_step: Mapped[int] = mapped_column(default=0)  # the last one whose code was used
    is_active: Mapped[bool] = mapped_column(Flag, default=True)
    epoch: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime] = mapped_column(Instant)
    made_by: Mapped[str] = mapped_column(Text)


def by_id(session: Session, staff_id: str) -> Staff | None:
    """The person of this organisation, or nothing."""
    return session.scalars(select(Staff).where(Staff.id == staff_id)).one_or_none()


def by_username(session: Session, username: str) -> Staff | None:
    """The person of a canonical username, active or not."""
    return session.scalars(select(Staff).where(Staff.username == username)).one_or_none()


def lock(session: Session, staff_id: str) -> Staff | None:
    """The person, locked and read afresh."""
    return session.scalars(
        select(Staff).where(Staff.id == staff_id).with_for_update().execution_options(populate_existing=True)
    ).one_or_none()


def everyone(session: Session) -> list[Staff]:
    """All of them, by username."""
    return list(session.scalars(select(Staff).order_by(Staff.username)))
