"""Raising an alarm: something a person must look at. Called inside the transaction that found it, but for
`raise_refused`, which has one of its own; tells nobody.
"""

from datetime import datetime
from typing import Any

from portal.domain.refusal import Refused
from portal.storage import Session, audit
from portal.storage.audit import Alarm
from portal.usecases.ports import Ports


def raise_alarm(session: Session, kind: str, subject_id: str, now: datetime, **facts: Any) -> None:
    """Raises an alarm once per kind and subject; raising it again after it was cleared opens it anew."""
    row = audit.alarm_of(session, kind, subject_id)
    if row is None:
        audit.insert_alarm(session, kind, subject_id, facts, now)
    elif row.cleared_at is not None:
        row.raised_at, row.cleared_at, row.facts = now, None, facts


def raise_refused(ports: Ports, organisation_id: str, reason: str) -> None:
    """The gateway refuses our keys, or they cannot be opened: that ends only when a person mends it. Commits."""

    def work(session: Session) -> None:
        raise_alarm(session, "gateway_refuses_us", organisation_id, ports.clock.now(), reason=reason)

    ports.database.run(organisation_id, work)


def clear_alarm_of(session: Session, kind: str, subject_id: str, now: datetime) -> None:
    """What it called for was done."""
    row = audit.alarm_of(session, kind, subject_id)
    if row is not None:
        row.cleared_at = row.cleared_at or now


def clear_alarm(session: Session, alarm_id: str, now: datetime) -> Alarm:
    """A person has looked. Refused `alarm_unknown`; clearing it again changes nothing."""
    row = audit.alarm_by_id(session, alarm_id)
    if row is None:
        raise Refused("alarm_unknown")
    row.cleared_at = row.cleared_at or now
    return row
