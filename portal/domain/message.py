"""Messages ours out: what a message is made of, by which channels it goes, and the ways it may not leave.

Read by use cases that promise a message and by delivery, which writes and sends it. Which messages exist stands in
`portal.domain.message_event`. Never holds wording.
"""

from dataclasses import dataclass
from enum import StrEnum

LOCALES = ("en", "es")
LOCALE_DEFAULT = "en"


class Channel(StrEnum):
    """The ways a message leaves the house."""

    email = "email"
    sms = "sms"


class MessageKind(StrEnum):
    """What a message is to the person who gets it. Caps are counted by it, and a narrow opt-out reaches one of it."""

    record = "record"  # a paper of theirs: money that moved, what they agreed to, what ended
    notice = "notice"  # something is going to happen, or did not go through
    request = "request"  # asks them to do something: a link, an offer, a reminder
    reply = "reply"  # answers a text of theirs: STOP, START, HELP
    house = "house"  # to the organisation itself, about its own work


class FactKind(StrEnum):
    """What a fact is, which decides how it is checked and made safe before any template sees it."""

    name = "name"  # one line of somebody's text: cleaned, cut, cannot become a link
    words = "words"  # a longer line of the organisation's own text, treated the same way
    reference = "reference"  # a number people quote: letters, digits, space and - . / # only
    cents = "cents"
    day = "day"  # a date without a time, in the organisation's zone
    payments = "payments"  # a list of (date, cents), shown as `due_on` and `amount_cents`
    instant = "instant"  # an aware datetime, shown in the fact `time_zone`
    zone = "zone"
    url = "url"  # below the fact `portal_url`, or refused
    email = "email"
    color = "color"
    last4 = "last4"  # exactly four digits (FACTA, 15 USC 1681c(g))
    flag = "flag"


@dataclass(frozen=True, slots=True)
class Fact:
    """One value a message may carry; an optional one is None in the template when it is not given or empty."""

    name: str
    kind: FactKind
    required: bool = True


@dataclass(frozen=True, slots=True)
class Event:
    """One kind of message. `opt_out`: it may be about a debt, so each text must say how to stop (Reg F 1006.6(e)).

    `goes_on`: why it is emailed even to somebody who opted out of email, with its source; empty: it stops then.
    """

    name: str
    channels: frozenset[Channel]
    kind: MessageKind
    facts: tuple[Fact, ...]
    opt_out: bool
    goes_on: str = ""

    @property
    def tells_of_account(self) -> bool:
        """Whether it says something of an account; a link or a code alone does not."""
        return any(fact.name == "account_reference" for fact in self.facts)


@dataclass(frozen=True, slots=True)
class MessageText:
    """A message in words: email subject and bodies of equal content, and the SMS where the event has one."""

    subject: str
    text: str
    html: str
    sms: str | None
    locale: str


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that goes with an email. `name` is plain ASCII, `mime` is `type/subtype`."""

    name: str
    mime: str
    content: bytes


class DeliveryFailed(Exception):
    """A message did not leave. `reason` is a short code for the record, never an address or a text."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class DeliveryTemporary(DeliveryFailed):
    """Worth trying again later, with the same Message-ID."""


class DeliveryPermanent(DeliveryFailed):
    """Will never succeed as it stands; set it aside so that it blocks no other message."""


class AddressRefused(DeliveryPermanent):
    """The address or number itself is no good: nothing is sent to it again until staff say so."""


class RecipientStopped(DeliveryPermanent):
    """The carrier holds an opt-out of this number that we had not heard of."""
