"""What the carrier says became of a text: one line in the message's log, and what it says of the number.

Called by the carrier's door. The message is named in the address the carrier was given, so a word that comes before
we have written down that the text left is not lost, and tells us that it did.
"""

from collections.abc import Mapping
from datetime import datetime

from portal.domain.message_event import EVENTS
from portal.domain.text_status import FAILED, HARD, STATUSES, STOPPED
from portal.storage import Session, message, message_fact, organisation
from portal.storage.message import Message
from portal.usecases.alarm import raise_alarm
from portal.usecases.delivery_log import CARRIER, mark_bounced, mark_stopped
from portal.usecases.payment_link import home
from portal.usecases.ports import Ports

STATUS_PATH = "sms/status"


def status_url(portal_home: str, message_id: str) -> str:
    """Where the carrier tells how a message fared."""
    return f"{portal_home}/{STATUS_PATH}/{message_id}"


def hear(ports: Ports, organisation_id: str, message_id: str, fields: Mapping[str, str], signature: str) -> bool:
    """Takes one status in; False when it is not the carrier's own post about a text of this organisation."""
    with ports.database.read(organisation_id) as session:
        url = status_url(home(ports.portal_url, organisation.by_id(session, organisation_id)), message_id)
    if not ports.carriers.of(organisation_id).is_genuine(url, fields, signature):
        return False
    sid, status = fields.get("MessageSid", ""), fields.get("MessageStatus", "")
    if not sid or status not in STATUSES:
        return True  # theirs, and nothing we keep
    code = fields.get("ErrorCode", "")
    ports.database.run(
        organisation_id, lambda session: _heard(session, message_id, sid, status, code, ports.clock.now())
    )
    return True


def _heard(session: Session, message_id: str, sid: str, status: str, code: str, now: datetime) -> None:
    row = message.lock(session, message_id)
    if row is None or row.channel != "sms":
        return
    facts = {"error_code": code} if code else {}
    is_new = message_fact.keep_once(
        session, row.id, f"{sid}:{status}", what="heard", code=status, source=CARRIER, at=now, provider_id=sid, **facts
    )
    if not is_new:
        return
    if row.state == "queued" and row.tries and row.provider_id is None:
        # it left, and its sender did not live to say so: it must not leave again
        row.state, row.sent_at, row.provider_id, row.sealed_facts = "sent", now, sid, None
    if status in FAILED:
        _failed(session, row, code, now)


def _failed(session: Session, row: Message, code: str, now: datetime) -> None:
    if code in HARD:
        mark_bounced(session, row, f"carrier_{code}", now)
    elif code == STOPPED:
        mark_stopped(session, row, f"carrier_{code}", now)
    if EVENTS[row.event].goes_on and not message.is_told_otherwise(session, row):
        raise_alarm(session, "message_must_reach", row.id, now, event=row.event, code=code)
