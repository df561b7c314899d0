"""The doors to the outside, as use cases see them: Protocols, and the bundle of adapters that `portal.app` fills.

A function whose first parameter is `ports` may leave the building and keeps its own transactions.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Protocol

from portal.domain.card import CardFacts, GatewayRecord, KeepAnswer, RefundRequest, SaleRequest
from portal.domain.charge import Outcome, Timing
from portal.domain.dispute import DisputeFacts
from portal.domain.document import ReceiptFacts
from portal.domain.message import Attachment, MessageText
from portal.domain.notice import Notice
from portal.domain.plan_document import AgreementFacts, CompletionFacts, ScheduleFacts
from portal.domain.record_letter import RecordLetter
from portal.domain.service_document import ServiceDocumentFacts
from portal.domain.statement import StatementFacts
from portal.storage import Database
from portal.usecases.secret import Secrets


class Clock(Protocol):
    """What time it is, aware, UTC."""

    def now(self) -> datetime: ...


class Gateway(Protocol):
    """The card gateway of one organisation. A sale or refund never raises: whatever happens is an Outcome."""

    def client_token(self) -> str:
        """What the card fields in the browser need. GatewayUnreachable, GatewayRefused."""

    def card_behind(self, nonce: str) -> CardFacts | None:
        """The card a nonce stands for, None when it is unknown, used or another merchant's. GatewayUnreachable."""

    def sale(self, request: SaleRequest, timeout: timedelta) -> Outcome:
        """Takes money, once per order id where keys are allowed."""

    def refund(self, request: RefundRequest, timeout: timedelta) -> Outcome:
        """Gives money back of one sale, by a void or by a credit; once per order id where keys are allowed."""

    def records(self, order_id: str) -> Sequence[GatewayRecord]:
        """Sales and credits under an order id, oldest first. GatewayUnreachable, GatewayRefused."""

    def find(self, gateway_id: str) -> GatewayRecord | None:
        """One record as it stands now; None when there is none. GatewayUnreachable, GatewayRefused."""

    def search_created(self, from_at: datetime, until_at: datetime) -> Iterator[GatewayRecord]:
        """Every record made in a window, page by page. GatewayUnreachable, GatewayRefused."""

    def search(self, order_id: str) -> Sequence[Outcome]:
        """Everything the gateway has under an order id, oldest first. GatewayUnreachable, GatewayRefused."""

    def keep_card(self, customer_id: str, token: str, nonce: str, timeout: timedelta) -> KeepAnswer:
        """Keeps a typed card under `token`; asking again with the same token is safe."""

    def burn(self, customer_id: str, token: str, nonce: str) -> bool:
        """Makes a nonce useless for ever without charging it, by keeping its card under `token`, to be forgotten next.

        True: it was unused until we burned it, now or earlier under this token. False: somebody else had used it.
        GatewayUnreachable when it is not known.
        """

    def forget_card(self, token: str) -> None:
        """Removes a kept card; quiet when it is gone already. GatewayUnreachable."""

    def forget_customer(self, customer_id: str) -> None:
        """Removes everything kept for a customer; quiet when there is nothing. GatewayUnreachable, GatewayRefused."""

    def void(self, gateway_id: str) -> bool:
        """Takes back a sale that has not settled; False when it cannot be. GatewayUnreachable."""

    def read_notice(self, signature: str, payload: str) -> Notice | None:
        """What the gateway told us; None when it is not signed with this organisation's key. Asks nobody."""

    def answer_challenge(self, challenge: str) -> str | None:
        """The gateway's check of our address, answered; None for anything else. Asks nobody."""

    def dispute(self, gateway_id: str) -> DisputeFacts | None:
        """A dispute as it stands now; None when there is none. GatewayUnreachable, GatewayRefused."""

    def disputes_since(self, day: date) -> Sequence[DisputeFacts]:
        """Disputes received since a day, as they stand now. GatewayUnreachable, GatewayRefused."""


class Gateways(Protocol):
    """The gateway of each organisation, made once per process and organisation."""

    def of(self, organisation_id: str) -> Gateway:
        """GatewayRefused when the organisation has no usable account."""


class Mail(Protocol):
    """Email out. DeliveryTemporary or DeliveryPermanent when it does not leave."""

    def send(
        self,
        *,
        to: str,
        from_name: str,
        reply_to: str,
        message_id: str,
        text: MessageText,
        attachments: Sequence[Attachment] = (),
        one_click_url: str = "",
    ) -> None: ...


class Sms(Protocol):
    """One organisation's account with the SMS carrier."""

    def send(self, to: str, body: str, reference: str, status_url: str = "") -> str:
        """Sends a text; the carrier's id of it. DeliveryTemporary or DeliveryPermanent."""

    def is_genuine(self, url: str, fields: Mapping[str, str], signature: str) -> bool:
        """Whether the carrier itself posted these fields to this address, by this account. Asks nobody."""


class Carriers(Protocol):
    """The SMS carrier as each organisation knows it; one without an account sends nothing."""

    def of(self, organisation_id: str) -> Sms: ...


class Wording(Protocol):
    """A message in words."""

    def message(self, event: str, locale: str, facts: Mapping[str, object]) -> MessageText: ...


class Paper(Protocol):
    """Documents as tagged PDF."""

    def receipt(self, facts: ReceiptFacts, locale: str) -> bytes: ...

    def agreement(self, facts: AgreementFacts, locale: str) -> bytes: ...

    def schedule(self, facts: ScheduleFacts, locale: str) -> bytes: ...

    def completion(self, facts: CompletionFacts, locale: str) -> bytes: ...

    def service_document(self, facts: ServiceDocumentFacts, locale: str) -> bytes: ...

    def statement(self, facts: StatementFacts, locale: str) -> bytes: ...

    def record_letter(self, facts: RecordLetter, locale: str) -> bytes: ...


class Drawings(Protocol):
    """Signatures that were drawn."""

    def redrawn(self, data_url: str) -> bytes:
        """The drawing on a sheet of ours: a PNG of one size with nothing else in it. Refused `drawing_unusable`."""


class Doorbell(Protocol):
    """Tells a worker that something waits. Best effort: never raises, a lost ring costs one sweep."""

    def ring_message(self, organisation_id: str, message_id: str) -> None: ...

    def ring_messages(self, organisation_id: str, message_ids: Sequence[str]) -> None: ...

    def ring_charge(self, organisation_id: str, obligation_id: str) -> None: ...

    def ring_notice(self, organisation_id: str, notice_id: str) -> None: ...

    def ring_batch(self, organisation_id: str, obligation_ids: Sequence[str]) -> None: ...


class Seal(Protocol):
    """Seals small secrets for storage and opens them again."""

    def seal(self, secret: str) -> str: ...

    def open(self, sealed: str) -> str: ...


class DirectoryUnreachable(Exception):
    """An organisation's own directory did not answer."""


class Directory(Protocol):
    """Where an organisation keeps usernames and PINs of its own, such as those of its app."""

    def customer_of(self, username: str, pin: str) -> str | None:
        """The organisation's number of the customer whose both are right, else None. DirectoryUnreachable."""


class Directories(Protocol):
    """Which organisations bring a directory of their own."""

    def of(self, organisation_id: str) -> Directory | None:
        """None: usernames and PINs are kept here."""


@dataclass(frozen=True, slots=True)
class Ports:
    """Everything a use case may reach outside its own transaction."""

    database: Database
    clock: Clock
    gateways: Gateways
    mail: Mail
    carriers: Carriers
    wording: Wording
    paper: Paper
    drawings: Drawings
    doorbell: Doorbell
    seal: Seal
    secrets: Secrets
    directories: Directories
    timing: Timing
    portal_url: str
    mail_domain: str  # right of the @ in a Message-ID
