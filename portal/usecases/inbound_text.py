"""Texts that people send us: checked at the door, kept once, and done as they ask: stop, start, help.

Called by the carrier's door. A stop counts in the transaction that keeps the text; the one confirmation it gets is an
answer in the outbox, which lets it go within five minutes or never (47 CFR 64.1200(a)(12), C29).
"""

from collections.abc import Mapping
from datetime import datetime, timedelta

from portal.domain.contact_wish import WishSource, address_key
from portal.domain.message import MessageKind
from portal.domain.message_event import EVENTS
from portal.domain.reply import READ_MAX, Meaning, meaning_of
from portal.storage import Session, customer, inbound_text, limit, message, organisation
from portal.storage.customer import Customer
from portal.usecases.alarm import raise_alarm
from portal.usecases.contact_wish import Words, agree, standing, stop
from portal.usecases.failpoint import failpoint
from portal.usecases.organisation import settings, settings_of
from portal.usecases.outbox import sender_facts
from portal.usecases.payment_link import home
from portal.usecases.ports import Ports
from portal.usecases.promise import promise

REPLY_PATH = "sms/reply"
ANSWERED_BY = {Meaning.stop: "sms_stopped", Meaning.stop_all: "sms_stopped", Meaning.start: "sms_started",
               Meaning.help: "sms_help"}  # fmt: skip
STRANGERS_LOCALE = "en"  # nothing is known of them
# What Twilio says it has done by itself where its own opt-out handling is on; then it has also answered.
CARRIER_DID = {"STOP": Meaning.stop, "START": Meaning.start, "HELP": Meaning.help}


def receive(ports: Ports, organisation_id: str, fields: Mapping[str, str], signature: str) -> str | None:
    """Takes a text in, twice is once; what the carrier is to text back, mostly nothing.

    None when it is not the carrier's own post to this organisation. Customers are answered through the outbox; who is
    on nobody's file can only be answered with the post itself, and is once a day for each kind of answer (C30).
    """
    with ports.database.read(organisation_id) as session:
        sender = organisation.by_id(session, organisation_id)
    url = f"{home(ports.portal_url, sender)}/{REPLY_PATH}"
    if not ports.carriers.of(organisation_id).is_genuine(url, fields, signature):
        return None
    if not fields.get("MessageSid") or not fields.get("From"):
        return None
    promised, event = ports.database.run(organisation_id, lambda session: _keep(session, fields, ports.clock.now()))
    failpoint("reply.after_store")
    if promised is not None:
        ports.doorbell.ring_message(organisation_id, promised)
    if event is None:
        return ""
    with ports.database.read(organisation_id) as session:
        facts = {**sender_facts(ports, settings_of(session, sender), sender), "first_text": True}
    return ports.wording.message(event, STRANGERS_LOCALE, facts).sms


def _keep(session: Session, fields: Mapping[str, str], now: datetime) -> tuple[str | None, str | None]:
    """Keeps it and does what it asks; the id of our answer to a customer, or the event that answers a stranger."""
    number = address_key("sms", fields["From"])
    text = _storable(fields.get("Body", ""))[:READ_MAX]
    by_carrier = CARRIER_DID.get(fields.get("OptOutType", ""))
    meaning = by_carrier or meaning_of(text)
    about = _who(session, number)
    kept = inbound_text.keep_once(
        session,
        provider_id=fields["MessageSid"],
        customer_id=about.id if about else None,
        sender=number,
        words=text,
        meaning=meaning.value,
        heard_at=now,
    )
    if kept is None:
        return None, None
    has_news = _do(session, meaning, number, text, about, now)
    if by_carrier is not None or not has_news or meaning not in ANSWERED_BY:
        return None, None
    event = ANSWERED_BY[meaning]
    if about is None:
        is_first = limit.count_up(session, f"stranger_{event}", number, timedelta(days=1), now) == 1
        return None, event if is_first else None
    return promise(session, event, "sms", about, number, kept, f"reply:{kept}", now, is_answer=True), None


def _do(session: Session, meaning: Meaning, number: str, text: str, about: Customer | None, now: datetime) -> bool:
    """Does what the text asks; whether there is anything to confirm. A second STOP is not confirmed a second time."""
    owner = about.id if about else None
    words = Words(text, WishSource.sms_reply, locale=about.locale if about else "en")
    match meaning:
        case Meaning.stop | Meaning.stop_all:
            before = standing(session, "sms", number)
            only = None if meaning is Meaning.stop_all else _only(session, number)
            stop(session, "sms", number, words, now, customer=owner, only=only)
            return before.revoked_at is None and (only is None or only not in before.refused)
        case Meaning.start:
            agree(session, "sms", number, words, now, customer=owner)
        case Meaning.other:
            raise_alarm(session, "text_to_read", owner or number, now, said_at=now.isoformat())
    return True


def _only(session: Session, number: str) -> MessageKind | None:
    """The one kind of text a STOP ends, where the organisation keeps kinds apart: that of the text it answers (C31)."""
    if settings(session).is_on("revoke_one_revokes_all"):
        return None
    last = message.latest_to(session, "sms", number)
    return EVENTS[last.event].kind if last is not None and last.event in EVENTS else None


def _who(session: Session, number: str) -> Customer | None:
    """Whose number it is: of whom we wrote to last there, else of whose file it stands in."""
    last = message.latest_to(session, "sms", number)
    if last is not None:
        return customer.by_id(session, last.customer_id)
    found = customer.with_phone_ending(session, number[-4:]) if number[-4:].isdigit() else []
    return next((each for each in found if address_key("sms", each.phone or "") == number), None)


def _storable(text: str) -> str:
    return "".join(each for each in text if each == "\n" or (each.isprintable() and not "\ud800" <= each <= "\udfff"))
