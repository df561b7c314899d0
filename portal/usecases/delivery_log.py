"""What became of each message: one line for each thing that happened, and what is learned of an address from it.

Called by the outbox, inside its transactions, and by the carrier's door. Sends nothing; a line is never changed.
"""

from datetime import datetime
from typing import Any

from portal.domain.contact_wish import WishSource, address_key
from portal.domain.message import AddressRefused, DeliveryFailed, RecipientStopped
from portal.domain.refusal import Refused
from portal.storage import Session, bounce, message_fact
from portal.storage.bounce import Bounce
from portal.storage.message import Message
from portal.usecases.contact_wish import Words, standing, stop
from portal.usecases.organisation import record

OUTBOX = "outbox"
CARRIER = "carrier"


def note(session: Session, row: Message, what: str, code: str, now: datetime, **facts: Any) -> None:
    """One line of ours about a message. The same thing at the same moment is one line."""
    key = f"{row.id}:{what}:{code}:{row.tries}:{now.isoformat()}"
    message_fact.keep_once(session, row.id, key, what=what, code=code, source=OUTBOX, at=now, **facts)


def learn(session: Session, row: Message, error: DeliveryFailed, now: datetime) -> None:
    """What a refusal says of the address itself: it is no good, or its owner told the carrier to stop."""
    if isinstance(error, AddressRefused):
        mark_bounced(session, row, error.reason, now)
    elif isinstance(error, RecipientStopped):
        mark_stopped(session, row, error.reason, now)


def mark_bounced(session: Session, row: Message, reason: str, now: datetime) -> None:
    """Nothing goes to this address again until staff say that it works."""
    address = address_key(row.channel, row.recipient)
    if bounce.standing(session, row.channel, address) is None:
        session.add(Bounce(channel=row.channel, address=address, reason=reason, message_id=row.id, found_at=now))
        session.flush()
        record(session, OUTBOX, "address_bounced", row.customer_id, now, channel=row.channel, reason=reason)


def mark_stopped(session: Session, row: Message, reason: str, now: datetime) -> None:
    """The carrier refuses for the owner of the number, whose STOP went past us."""
    if standing(session, row.channel, row.recipient).revoked_at is None:
        words = Words(reason, WishSource.carrier, by=CARRIER, locale=row.locale)
        stop(session, row.channel, row.recipient, words, now, customer=row.customer_id)


def clear_bounce(session: Session, channel: str, address: str, by: str, now: datetime) -> None:
    """Staff know that an address works again. Refused `bounce_unknown`."""
    found = bounce.standing(session, channel, address_key(channel, address))
    if found is None:
        raise Refused("bounce_unknown")
    found.cleared_at, found.cleared_by = now, by
    record(session, by, "bounce_cleared", found.id, now, channel=channel)
