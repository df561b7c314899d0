"""Messages ours out: which events exist, by which channels, and the only facts each may carry, as a table.

Read by use cases that queue a message and by delivery, which writes and sends it. Never holds wording, and a fact
that has no row here (a service name, an expiry date) can reach no message at all.
"""

from dataclasses import dataclass
from enum import StrEnum

LOCALES = ("en", "es")
LOCALE_DEFAULT = "en"


class Channel(StrEnum):
    """The ways a message leaves the house."""

    email = "email"
    sms = "sms"


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
    """One kind of message. `opt_out`: it may be about a debt, so each text must say how to stop (Reg F 1006.6(e))."""

    name: str
    channels: frozenset[Channel]
    facts: tuple[Fact, ...]
    opt_out: bool


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


_SENDER = (
    Fact("organisation_name", FactKind.name),
    Fact("portal_url", FactKind.url),
    Fact("time_zone", FactKind.zone),
    Fact("discreet", FactKind.flag),
    Fact("organisation_color", FactKind.color, required=False),
    # At least one of the two below must be given: no message leaves without a way to get help.
    Fact("help_phone", FactKind.words, required=False),
    Fact("help_email", FactKind.email, required=False),
    Fact("help_hours", FactKind.words, required=False),
)

_PAYER = (Fact("customer_name", FactKind.name), Fact("account_reference", FactKind.reference))
_PAYMENT = (Fact("amount_cents", FactKind.cents), Fact("due_on", FactKind.day))
_CARD = (
    Fact("card_brand", FactKind.name, required=False),
    Fact("card_last4", FactKind.last4, required=False),
)

EVENTS: dict[str, Event] = {
    row.name: row
    for row in (
        Event(
            "receipt",
            frozenset({Channel.email, Channel.sms}),
            (
                *_SENDER,
                Fact("customer_name", FactKind.name),
                Fact("amount_cents", FactKind.cents),
                Fact("paid_at", FactKind.instant),
                Fact("card_brand", FactKind.name, required=False),
                Fact("card_last4", FactKind.last4, required=False),
                Fact("receipt_number", FactKind.reference),
                Fact("account_reference", FactKind.reference),
                Fact("confirmation", FactKind.reference, required=False),
                Fact("balance_left_cents", FactKind.cents, required=False),
                Fact("settled", FactKind.flag, required=False),
                Fact("paper_attached", FactKind.flag, required=False),
            ),
            opt_out=True,
        ),
        Event(
            "refund",
            frozenset({Channel.email}),
            (
                *_SENDER,
                Fact("customer_name", FactKind.name),
                Fact("amount_cents", FactKind.cents),
                Fact("refunded_at", FactKind.instant),
                Fact("paid_at", FactKind.instant),
                Fact("paid_cents", FactKind.cents),
                Fact("card_brand", FactKind.name, required=False),
                Fact("card_last4", FactKind.last4, required=False),
                Fact("receipt_number", FactKind.reference),
                Fact("account_reference", FactKind.reference),
                Fact("voided", FactKind.flag, required=False),  # taken back before it was charged
                Fact("owed_again", FactKind.flag, required=False),
            ),
            opt_out=True,
        ),
        Event(
            "schedule_made",
            frozenset({Channel.email}),
            (*_SENDER, *_PAYER, *_CARD, Fact("payments", FactKind.payments), Fact("total_cents", FactKind.cents)),
            opt_out=True,
        ),
        Event(
            "schedule_cancelled",
            frozenset({Channel.email}),
            (*_SENDER, *_PAYER, Fact("payments", FactKind.payments), Fact("under_way", FactKind.flag)),
            opt_out=True,
        ),
        Event(
            "payment_cancelled",
            frozenset({Channel.email}),
            (*_SENDER, *_PAYER, *_PAYMENT, Fact("skipped", FactKind.flag), Fact("under_way", FactKind.flag)),
            opt_out=True,
        ),
        Event(
            "payment_moved",
            frozenset({Channel.email}),
            (*_SENDER, *_PAYER, *_PAYMENT, Fact("moved_from", FactKind.day)),
            opt_out=True,
        ),
        Event("payment_upcoming", frozenset({Channel.email}), (*_SENDER, *_PAYER, *_PAYMENT, *_CARD), opt_out=True),
        Event(
            "payment_declined",
            frozenset({Channel.email, Channel.sms}),
            (
                *_SENDER,
                *_PAYER,
                *_PAYMENT,
                *_CARD,
                Fact("link_url", FactKind.url),
                Fact("retry_on", FactKind.day, required=False),
                Fact("rest_cancelled", FactKind.flag),
            ),
            opt_out=True,
        ),
        Event(
            "card_expiring",
            frozenset({Channel.email}),
            (*_SENDER, *_PAYER, *_PAYMENT, *_CARD, Fact("link_url", FactKind.url)),
            opt_out=True,
        ),
        Event("payment_stopped", frozenset({Channel.email}), (*_SENDER, *_PAYER, *_PAYMENT), opt_out=True),
        Event(
            "payment_link",
            frozenset({Channel.email, Channel.sms}),
            (
                *_SENDER,
                Fact("customer_name", FactKind.name),
                Fact("link_url", FactKind.url),
                Fact("expires_at", FactKind.instant),
                Fact("fresh", FactKind.flag, required=False),  # the customer asked for it on an expired link
                Fact("balance_cents", FactKind.cents, required=False),  # never shown when discreet
            ),
            opt_out=True,
        ),
        Event(
            "contact_change_request",  # to the organisation's own mailbox; names nobody, says which account
            frozenset({Channel.email}),
            (
                *_SENDER,
                Fact("account_reference", FactKind.reference),
                Fact("requested_at", FactKind.instant),
                Fact("console_url", FactKind.url, required=False),
            ),
            opt_out=False,
        ),
    )
}
