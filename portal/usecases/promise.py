"""Promising a message: an outbox row, written in the transaction of whatever makes it true.

Called by use cases; `portal.usecases.outbox` keeps the promise. Sends nothing.
"""

import hashlib
from datetime import datetime

from portal.domain.message import MessageKind
from portal.domain.message_event import EVENTS
from portal.domain.phone_number import one_spelling
from portal.storage import Session, message
from portal.storage.customer import Customer
from portal.storage.message import Message
from portal.storage.rows import new_id
from portal.usecases.check_code import Kind, give


def promise(
    session: Session,
    event: str,
    channel: str,
    about: Customer,
    recipient: str,
    subject_id: str,
    dedupe_key: str,
    now: datetime,
    *,
    sealed_facts: str | None = None,
    locale: str | None = None,
    is_answer: bool = False,
) -> str:
    """The id of the message; the same one when this key was promised before.

    The Message-ID is made from the key, so a message that goes out twice is one message to whoever receives it (N2).
    `is_answer`: the person does something at this moment, and this answers it (they pressed *pay*, or asked for it).
    """
    organisation_id = session.info["organisation_id"]
    known = message.by_dedupe_key(session, dedupe_key)
    if known is not None:
        return known.id
    row = Message(
        id=new_id(),
        organisation_id=organisation_id,
        dedupe_key=dedupe_key,
        event=event,
        channel=channel,
        customer_id=about.id,
        subject_id=subject_id,
        recipient=(one_spelling(recipient) if channel == "sms" else None) or recipient,
        locale=locale or about.locale,
        sealed_facts=sealed_facts,
        is_answer=is_answer,
        message_id=hashlib.sha256(f"{organisation_id}:{dedupe_key}".encode()).hexdigest()[:40],
        next_try_at=now,
        created_at=now,
    )
    session.add(row)
    if event in EVENTS and EVENTS[event].kind not in {MessageKind.reply, MessageKind.house}:
        give(session, Kind.message, row.id, now)
    return row.id


def fresh_key(session: Session, key: str, now: datetime, way: str = "") -> str:
    """The key itself, or one of this moment where a rule has stopped what was promised under it: it may be true again.

    `way` is what is added to the key when it is promised.
    """
    known = message.by_dedupe_key(session, f"{key}{way}")
    return f"{key}:{now:%Y%m%d%H%M}" if known is not None and known.state == "stopped" else key
