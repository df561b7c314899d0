"""Check codes and what each stands on. Append only: what was genuine once stays so."""

from datetime import datetime

from sqlalchemy import CheckConstraint, Text, UniqueConstraint, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from portal.storage.rows import TenantRow, tenant_args
from portal.storage.types import Instant


class CheckCode(TenantRow):
    """One code, on one receipt, agreement, message, invoice or superbill of this organisation."""

    __tablename__ = "check_code"
    __table_args__ = tenant_args(
        UniqueConstraint("organisation_id", "code"),
        UniqueConstraint("organisation_id", "kind", "subject_id"),
        CheckConstraint("kind IN ('receipt','agreement','message','invoice','superbill')", name="kind"),
    )

    code: Mapped[str] = mapped_column(Text)
    kind: Mapped[str] = mapped_column(Text)
    subject_id: Mapped[str] = mapped_column(Text)
    made_at: Mapped[datetime] = mapped_column(Instant)


def by_code(session: Session, code: str) -> CheckCode | None:
    """What a code stands on, in this organisation."""
    return session.scalars(select(CheckCode).where(CheckCode.code == code)).one_or_none()


def of_subject(session: Session, kind: str, subject_id: str) -> CheckCode | None:
    """The code of a receipt, agreement or message."""
    return session.scalars(
        select(CheckCode).where(CheckCode.kind == kind, CheckCode.subject_id == subject_id)
    ).one_or_none()
