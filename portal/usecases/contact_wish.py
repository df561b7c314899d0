"""Writing down what people say about being written to, and asking what it comes to.

Called by doors (contact step, opt-out page, the carrier's door), by commands and by the rules of messages. Sends
nothing. What was said is never changed: a new row is added.
"""

from dataclasses import dataclass
from datetime import datetime

from portal.domain.contact_wish import ALL, Standing, WishKind, WishSource, address_key, standing_of
from portal.domain.message import Channel, MessageKind
from portal.domain.phone_number import one_spelling
from portal.domain.quiet_hours import Inconvenient, read_inconvenient
from portal.domain.refusal import Refused
from portal.storage import Session
from portal.storage import contact_wish as wishes
from portal.storage.contact_step import corrected_and_unanswered
from portal.storage.customer import Customer
from portal.usecases.organisation import record

WORDS_MAX = 2_000


@dataclass(frozen=True, slots=True)
class Words:
    """How something was said: in which exact words, by which way, by whom and from where. The proof, later."""

    text: str
    source: WishSource
    by: str = "customer"
    locale: str = "en"
    ip: str | None = None
    user_agent: str | None = None


def agree(session: Session, channel: str, address: str, words: Words, now: datetime, *, customer: str | None) -> None:
    """The person agrees to messages by this channel to this address, to all kinds of them."""
    _say(session, WishKind.consent, channel, address, words, now, customer, is_on=True)


def stop(
    session: Session,
    channel: str,
    address: str,
    words: Words,
    now: datetime,
    *,
    customer: str | None,
    only: MessageKind | None = None,
) -> None:
    """The person wants no more messages here; `only` one kind of them where the organisation keeps kinds apart."""
    scope = only.value if only is not None else ALL
    _say(session, WishKind.consent, channel, address, words, now, customer, is_on=False, scope=scope)


def refuse_medium(session: Session, about: Customer, channel: str, words: Words, now: datetime, *, on: bool) -> None:
    """The customer does not want to be reached by this channel at all, or takes that back."""
    _add(session, WishKind.medium, f"{about.id}:{Channel(channel).value}", channel, words, now, about.id, is_on=on)


def mark_times(session: Session, about: Customer, times: str, words: Words, now: datetime, *, on: bool) -> None:
    """Times that do not suit, like `mon-fri 09:00-17:00`, on the customer's clock. Refused `times_unreadable`."""
    if read_inconvenient(times) is None:
        raise Refused("times_unreadable")
    subject = f"{about.id}:{' '.join(times.lower().split())}"
    _add(session, WishKind.times, subject, None, words, now, about.id, is_on=on)


def mark_work_address(session: Session, address: str, words: Words, now: datetime, *, on: bool) -> None:
    """An address is known to be one at work, or known not to be."""
    _add(session, WishKind.work_address, address_key("email", address), "email", words, now, None, is_on=on)


def standing(session: Session, channel: str, address: str) -> Standing:
    """What everything said about an address comes to."""
    return standing_of(wishes.about(session, WishKind.consent.value, _subject(channel, address)))


def may_text(session: Session, about: Customer) -> bool:
    """Whether the customer has agreed to texts to the number on file, and not taken it back."""
    return bool(about.phone) and standing(session, "sms", about.phone or "").granted_at is not None


def asked_in_visit(session: Session, visit_id: str, about: Customer) -> tuple[bool, bool]:
    """(a correction was sent in this visit, texts may be asked for). They may where there is a number to text to and an
    account to text by, and no answer yet.
    """
    subject = _subject("sms", about.phone or "")
    corrected, unanswered = corrected_and_unanswered(session, visit_id, WishKind.consent.value, subject, ALL)
    return corrected, unanswered and one_spelling(about.phone) is not None


def is_refused_medium(session: Session, customer_id: str, channel: str) -> bool:
    """Whether the customer asked not to be reached by this channel."""
    said = wishes.about(session, WishKind.medium.value, f"{customer_id}:{channel}")
    return bool(said) and said[-1].is_on


def inconvenient_times(session: Session, customer_id: str) -> list[Inconvenient]:
    """The times that do not suit a customer now."""
    latest = {row.subject: row.is_on for row in wishes.of_customer(session, customer_id, WishKind.times.value)}
    texts = (subject.partition(":")[2] for subject, is_on in latest.items() if is_on)
    return [wish for wish in map(read_inconvenient, texts) if wish is not None]


def is_work_address(session: Session, address: str) -> bool | None:
    """Whether an address is known to be one at work; None when nothing is known."""
    said = wishes.about(session, WishKind.work_address.value, address_key("email", address))
    return said[-1].is_on if said else None


def _say(
    session: Session,
    kind: WishKind,
    channel: str,
    address: str,
    words: Words,
    now: datetime,
    customer: str | None,
    *,
    is_on: bool,
    scope: str = ALL,
) -> None:
    _add(session, kind, _subject(channel, address), channel, words, now, customer, is_on=is_on, scope=scope)


def _add(
    session: Session,
    kind: WishKind,
    subject: str,
    channel: str | None,
    words: Words,
    now: datetime,
    customer: str | None,
    *,
    is_on: bool,
    scope: str = ALL,
) -> None:
    wish_id = wishes.add(
        session,
        kind.value,
        subject,
        customer_id=customer,
        channel=channel,
        is_on=is_on,
        scope=scope,
        source=words.source.value,
        words=words.text[:WORDS_MAX],
        locale=words.locale,
        said_at=now,
        said_by=words.by,
        ip=words.ip,
        user_agent=words.user_agent,
    )
    action = f"{kind.value}_{'on' if is_on else 'off'}"
    record(session, words.by, action, customer or wish_id, now, wish_id=wish_id, source=words.source.value, scope=scope)


def _subject(channel: str, address: str) -> str:
    return f"{Channel(channel).value}:{address_key(channel, address)}"
