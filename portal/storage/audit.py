"""The audit trail and the facts heard from the gateway (append only), and alarms that a person must look at."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Index, Text, UniqueConstraint, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from portal.storage.rows import TenantRow, insert_into, tenant_args
from portal.storage.types import Instant, Plain


class AuditEntry(TenantRow):
    """Who did what to what, when. Facts hold ids, states and cents, never personal data."""

    __tablename__ = "audit_entry"
    __table_args__ = tenant_args(Index(None, "organisation_id", "subject_id", "at"))

    at: Mapped[datetime] = mapped_column(Instant)
    actor: Mapped[str] = mapped_column(Text)
    action: Mapped[str] = mapped_column(Text)
    subject_id: Mapped[str] = mapped_column(Text)
    facts: Mapped[dict[str, Any]] = mapped_column(Plain)


class GatewayFact(TenantRow):
    """A status the gateway told us for a charge, from whom and when we heard it."""

    __tablename__ = "gateway_fact"
    __table_args__ = tenant_args(Index(None, "organisation_id", "charge_id"), charge_id="charge")

    charge_id: Mapped[str] = mapped_column(Text)
    gateway_id: Mapped[str | None] = mapped_column(Text)
    status: Mapped[str | None] = mapped_column(Text)
    outcome: Mapped[str] = mapped_column(Text)
    source: Mapped[str] = mapped_column(Text)  # sender, search
    facts: Mapped[dict[str, Any]] = mapped_column(Plain)
    heard_at: Mapped[datetime] = mapped_column(Instant)


class Alarm(TenantRow):
    """Something a person must look at; raised once per kind and subject, cleared by a person."""

    __tablename__ = "alarm"
    __table_args__ = tenant_args(UniqueConstraint("organisation_id", "kind", "subject_id"))

    kind: Mapped[str] = mapped_column(Text)
    subject_id: Mapped[str] = mapped_column(Text)
    facts: Mapped[dict[str, Any]] = mapped_column(Plain)
    raised_at: Mapped[datetime] = mapped_column(Instant)
    cleared_at: Mapped[datetime | None] = mapped_column(Instant)


def latest_of(session: Session, subject_id: str, actions: Sequence[str]) -> AuditEntry | None:
    """The newest line of these actions on a subject."""
    return session.scalars(
        select(AuditEntry)
        .where(AuditEntry.subject_id == subject_id, AuditEntry.action.in_(actions))
        .order_by(AuditEntry.at.desc(), AuditEntry.id)
        .limit(1)
    ).one_or_none()


def about(session: Session, subject_id: str) -> list[AuditEntry]:
    """What was done to a subject, oldest first."""
    return list(
        session.scalars(
            select(AuditEntry).where(AuditEntry.subject_id == subject_id).order_by(AuditEntry.at, AuditEntry.id)
        )
    )


def alarm_of(session: Session, kind: str, subject_id: str) -> Alarm | None:
    """The alarm of this kind on this subject, cleared or not."""
    return session.scalars(select(Alarm).where(Alarm.kind == kind, Alarm.subject_id == subject_id)).one_or_none()


def insert_alarm(session: Session, kind: str, subject_id: str, facts: dict[str, Any], raised_at: datetime) -> None:
    """Writes an alarm unless a rival has raised the same one meanwhile: then theirs stands."""
    statement = insert_into(
        session,
        Alarm,
        kind=kind,
        subject_id=subject_id,
        facts=facts,
        raised_at=raised_at,
    )
    session.execute(statement.on_conflict_do_nothing(index_elements=["organisation_id", "kind", "subject_id"]))


def alarm_by_id(session: Session, alarm_id: str) -> Alarm | None:
    """The alarm of this organisation, or nothing."""
    return session.scalars(select(Alarm).where(Alarm.id == alarm_id)).one_or_none()


def open_alarms(session: Session) -> list[Alarm]:
    """Alarms nobody has cleared, oldest first."""
    return list(session.scalars(select(Alarm).where(Alarm.cleared_at.is_(None)).order_by(Alarm.raised_at)))
