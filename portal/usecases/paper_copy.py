"""Records on paper: who wants them so, what waits to be printed and posted, and that it was posted (C14).

Whoever took the consent to electronic records back (15 USC 7001(c)) gets what the law asks for by mail, until they
consent again at a signature. The outbox asks when a message is about to leave; staff print and post. Sends nothing.
"""

from datetime import datetime

from portal.domain.message import Channel
from portal.domain.message_event import EVENTS
from portal.domain.refusal import Refused
from portal.storage import Session, message, paper_copy, signing
from portal.storage.message import Message
from portal.storage.paper_copy import PaperCopy
from portal.usecases.alarm import clear_alarm_of, raise_alarm
from portal.usecases.organisation import record
from portal.usecases.ports import Ports

ALARM = "paper_to_post"


def is_on_paper(session: Session, customer_id: str) -> bool:
    """Whether their records go by mail: the consent that counts, the latest, was taken back."""
    latest = signing.latest_consent(session, customer_id)
    return means_paper(latest.said if latest is not None else None)


def means_paper(said: str | None) -> bool:
    """Whether the last word of a customer on electronic records, if there is one, took the consent back."""
    return said == "withdrawn"


def needs_paper(session: Session, row: Message) -> bool:
    """Whether what a message tells must reach its customer, and has to do so on paper."""
    return row.event in EVENTS and bool(EVENTS[row.event].goes_on) and is_on_paper(session, row.customer_id)


def put_on_paper(session: Session, row: Message, now: datetime) -> bool:
    """Puts the paper of a message on the pile, once, when its customer wants paper; whether it goes by mail."""
    if paper_copy.of_message(session, row.id) is not None:
        return True
    if not needs_paper(session, row):
        return False
    if row.channel == Channel.sms and message.has_email(session, row):
        return True  # that email's paper says it
    session.add(PaperCopy(customer_id=row.customer_id, message_id=row.id, made_at=now))
    session.flush()
    raise_alarm(session, ALARM, row.customer_id, now, event=row.event)
    return True


def mark_posted(ports: Ports, organisation_id: str, copy_id: str, by: str) -> PaperCopy:
    """It was put in the mail; pressed twice it changes nothing. Refused `paper_unknown`."""

    def work(session: Session) -> PaperCopy:
        now = ports.clock.now()
        row = paper_copy.lock(session, copy_id)
        if row is None:
            raise Refused("paper_unknown")
        if row.posted_at is not None:
            return row
        row.posted_at, row.posted_by = now, by
        session.flush()
        record(session, by, "paper_posted", row.id, now, message_id=row.message_id)
        if not paper_copy.count_waiting(session, row.customer_id):
            clear_alarm_of(session, ALARM, row.customer_id, now)
            clear_alarm_of(session, "records_on_paper", row.customer_id, now)
        return row

    return ports.database.run(organisation_id, work)
