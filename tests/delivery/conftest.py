"""What the delivery tests stand on: compiled catalogs, the facts of each event, real SMTP and HTTP servers."""

import asyncio
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import SMTP
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
from aiosmtpd.smtp import SMTP as Server
from aiosmtpd.smtp import Envelope, Session
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

from portal.delivery.paper import Paper
from portal.delivery.wording import Wording
from portal.domain.document import ReceiptFacts
from portal.domain.service import Figures
from portal.domain.service_document import (
    Content,
    DocumentKind,
    LineOnPaper,
    PaymentOnPaper,
    PersonOnPaper,
    Practice,
    ProviderOnPaper,
    ServiceDocumentFacts,
)

PORTAL = Path(__file__).resolve().parents[2] / "portal"
TEMPLATES = PORTAL / "templates"
PAID_AT = datetime(2026, 11, 22, 20, 4, tzinfo=UTC)

SENDER = {
    "organisation_name": "Harbor Receivables",
    "organisation_color": "#0b6e5f",
    "portal_url": "https://pay.example/harbor",
    "time_zone": "America/New_York",
    "discreet": False,
    "help_phone": "(212) 555-0100",
    "help_email": "help@harbor.example",
    "check_code": "7K3M-9QXT-2FHC-8ZWN",
    "check_url": "https://pay.example/harbor/check",
    "stop_url": "https://pay.example/harbor/stop/" + "Ab1_-" * 6 + "xy",
    "help_hours": "Monday to Friday, 9 a.m. to 5 p.m.",
}
PLAN = {"customer_name": "Maria Lopez", "account_reference": "HR-20417", "plan_reference": "PL-7K3M-9QXT"}
FACTS: dict[str, dict[str, object]] = {
    "receipt": {
        **SENDER,
        "customer_name": "Maria Lopez",
        "amount_cents": 123456,
        "paid_at": PAID_AT,
        "card_brand": "Visa",
        "card_last4": "4242",
        "receipt_number": "R-2026-000123",
        "account_reference": "HR-20417",
        "confirmation": "8x4k2mzp",
        "balance_left_cents": 50000,
        "settled": True,
        "paper_attached": True,
    },
    "refund": {
        **SENDER,
        "customer_name": "Maria Lopez",
        "amount_cents": 50000,
        "refunded_at": PAID_AT,
        "paid_at": PAID_AT,
        "paid_cents": 123456,
        "card_brand": "Visa",
        "card_last4": "4242",
        "receipt_number": "R-2026-000123",
        "account_reference": "HR-20417",
        "voided": False,
        "owed_again": True,
    },
    "refund_failed": {
        **SENDER,
        "customer_name": "Maria Lopez",
        "amount_cents": 50000,
        "refunded_at": PAID_AT,
        "paid_at": PAID_AT,
        "paid_cents": 123456,
        "card_brand": "Visa",
        "card_last4": "4242",
        "receipt_number": "R-2026-000123",
        "account_reference": "HR-20417",
        "paid_again_cents": 30000,
        "theirs_cents": 20000,
    },
    "payment_link": {
        **SENDER,
        "customer_name": "Maria Lopez",
        "link_url": "https://pay.example/harbor/l/" + "Ab1_-" * 8 + "xyz",
        "expires_at": PAID_AT,
        "fresh": False,
        "balance_cents": 123456,
    },
    "schedule_link": {
        **SENDER,
        "customer_name": "Maria Lopez",
        "link_url": "https://pay.example/harbor/card/" + "Ab1_-" * 6 + "xy",
        "expires_at": PAID_AT,
        "for_card": True,
    },
    "sign_in_code": {**SENDER, "code": "482913", "expires_at": PAID_AT},
    "pin_reset": {
        **SENDER,
        "link_url": "https://pay.example/harbor/pin/" + "Ab1_-" * 6 + "xy",
        "expires_at": PAID_AT,
    },
    "pin_changed": {**SENDER, "changed_at": PAID_AT},
    "document_ready": {
        **SENDER,
        "link_url": "https://pay.example/harbor/account/documents/0a1b2c3d4e5f60718293a4b5c6d7e8f9",
    },
    "plan_offer": {
        **SENDER,
        "customer_name": "Maria Lopez",
        "link_url": "https://pay.example/harbor/agreement/0a1b2c3d4e5f60718293a4b5c6d7e8f9",
        "expires_at": PAID_AT,
        "fresh": False,
        "changed": False,
    },
    "plan_reminder": {
        **SENDER,
        "customer_name": "Maria Lopez",
        "link_url": "https://pay.example/harbor/agreement/0a1b2c3d4e5f60718293a4b5c6d7e8f9",
        "expires_at": PAID_AT,
    },
    "plan_expired": {
        **SENDER,
        "customer_name": "Maria Lopez",
        "link_url": "https://pay.example/harbor/agreement/0a1b2c3d4e5f60718293a4b5c6d7e8f9",
    },
    "plan_signed": {
        **SENDER,
        **PLAN,
        "card_brand": "Visa",
        "card_last4": "4242",
        "payments": [(date(2026, 12, 1), 10000), (date(2027, 1, 4), 10001)],
        "total_cents": 20001,
        "link_url": "https://pay.example/harbor/agreement/0a1b2c3d4e5f60718293a4b5c6d7e8f9",
    },
    "plan_completed": {**SENDER, **PLAN, "paid_cents": 74400, "forgiven_cents": 49600},
    "plan_cancelled": {**SENDER, **PLAN, "under_way": True},
    "plan_paused": {**SENDER, **PLAN},
    "plan_resumed": {**SENDER, **PLAN, "payments": [(date(2026, 12, 1), 10000), (date(2027, 1, 4), 10001)]},
    "plan_broken": {**SENDER, **PLAN},
    "contact_change_request": {
        **SENDER,
        "account_reference": "HR-20417",
        "requested_at": PAID_AT,
        "console_url": "https://pay.example/harbor/console",
    },
}
PAYER = {"customer_name": "Maria Lopez", "account_reference": "HR-20417"}
MANAGER = {"manager_name": "Noor Haddad", "manager_phone": "+1 312 555 0117"}
PAYMENT = {"amount_cents": 123456, "due_on": date(2026, 12, 1)}
CARD = {"card_brand": "Visa", "card_last4": "4242"}
CARD_LINK = {"link_url": "https://pay.example/harbor/card/" + "Ab1_-" * 6 + "xy"}
SCHEDULE_LINK = {"link_url": "https://pay.example/harbor/scheduled/" + "Ab1_-" * 6 + "xy"}
AUTOPAY_LINK = {"link_url": "https://pay.example/harbor/account/autopay/0a1b2c3d4e5f60718293a4b5c6d7e8f9"}
LISTED = {"payments": [(date(2026, 12, 1), 61728), (date(2027, 1, 4), 61728)]}
FACTS |= {
    "schedule_made": {**SENDER, **PAYER, **CARD, **SCHEDULE_LINK, **LISTED, "total_cents": 123456},
    "schedule_cancelled": {**SENDER, **PAYER, **LISTED, "under_way": True},
    "payment_cancelled": {**SENDER, **PAYER, **PAYMENT, **SCHEDULE_LINK, "skipped": False, "under_way": True},
    "payment_moved": {**SENDER, **PAYER, **PAYMENT, **SCHEDULE_LINK, "moved_from": date(2026, 11, 27)},
    "payment_upcoming": {**SENDER, **PAYER, **PAYMENT, **CARD, **SCHEDULE_LINK},
    "payment_declined": {
        **SENDER, **PAYER, **PAYMENT, **CARD, **CARD_LINK, "retry_on": date(2026, 12, 4), "rest_cancelled": False,
    },
    "autopay_on": {**SENDER, **PAYER, **CARD, **AUTOPAY_LINK, "limit_cents": 25000},
    "autopay_upcoming": {**SENDER, **PAYER, **PAYMENT, **CARD, **AUTOPAY_LINK},
    "autopay_above_limit": {**SENDER, **PAYER, **AUTOPAY_LINK, "amount_cents": 123456, "limit_cents": 25000},
    "autopay_off": {**SENDER, **PAYER, **AUTOPAY_LINK, "under_way": True},
    "card_expiring": {**SENDER, **PAYER, **PAYMENT, **CARD, **CARD_LINK},
    "payment_stopped": {**SENDER, **PAYER, **PAYMENT},
    "payment_not_charged": {
        **SENDER, **PAYER, **PAYMENT, "less_owed": True, "was_given_back": False, "is_off": False,
        "told_late": False, "gone_by": False,
    },
    **{
        name: {**SENDER, **PAYER, **MANAGER, "link_url": "https://pay.example/harbor/self-pay", "expires_at": PAID_AT}
        for name in ("subscription_assigned", "subscription_reminder")
    },
    "subscription_expired": {**SENDER, **PAYER, **MANAGER},
    "subscription_last": {**SENDER, **PAYER, **MANAGER, **PAYMENT, **CARD},
    "subscription_ended": {**SENDER, **PAYER, **MANAGER, "paid_cents": 123456},
    "subscription_changed": {
        **SENDER, **PAYER, **MANAGER, **LISTED, "extended_to": date(2027, 6, 30), "is_paused": False,
        "is_cancelled": False, "goes_on": False,
    },
    "subscription_report": {**SENDER, "account_reference": "SB-7K3M-9QXT", "requested_at": PAID_AT, "wants_stop": True},
    "sms_stopped": {**SENDER, "first_text": False},
    "sms_started": {**SENDER, "first_text": False},
    "sms_help": {**SENDER, "first_text": False},
}  # fmt: skip
RECEIPT = ReceiptFacts(
    organisation_name="Harbor Receivables",
    customer_name="Maria Lopez",
    account_reference="HR-20417",
    receipt_number="R-2026-000123",
    confirmation="8x4k2mzp",
    amount_cents=123456,
    paid_at=PAID_AT,
    time_zone="America/New_York",
    card_brand="Visa",
    card_last4="4242",
    balance_left_cents=50000,
    settled=True,
    organisation_color="#0b6e5f",
    help_phone="(212) 555-0100",
    help_email="help@harbor.example",
    help_hours="Monday to Friday, 9 a.m. to 5 p.m.",
    check_code="7K3M-9QXT-2FHC-8ZWN",
    check_url="https://pay.example/harbor/check?code=7K3M-9QXT-2FHC-8ZWN",
)


PRACTICE = Practice("o", "Willow Street Therapy", "5 Willow Street, Oakland, CA 94607", "+1 415 555 0187",
                    "office@willow.example", "94-3312208", "1234567893", "#6b3fa0", "America/Los_Angeles")  # fmt: skip
PATIENT = PersonOnPaper("p", "T-1042", "Sam Okafor", ("118 Alder Court", "Oakland, CA 94610"), date(1988, 2, 9))
SUPERBILL = ServiceDocumentFacts(
    content=Content(
        kind=DocumentKind.superbill,
        practice=PRACTICE,
        payer=PATIENT,
        account="WST-1042",
        patient=PATIENT,
        provider=ProviderOnPaper("r", "REED", "Miriam Reed", "PhD", "LMFT-48213 (CA)", "1234567893", ""),
        lines=(
            LineOnPaper("s", "WS-1", date(2026, 10, 18), "Miriam Reed, PhD", "Sam Okafor", "11", "90791", (), 1,
                        ("F41.1",), "First visit", Figures(19_500, 8_000, 1_500, 10_000)),
        ),
        payments=(PaymentOnPaper(date(2026, 11, 20), 10_000, "Visa", "1111", "7K3M-9QXT-2FHC"),),
    ),
    number="SB-000042",
    replaces="SB-000041",
    issued_at=PAID_AT,
    check_code="7K3M-9QXT-2FHC-8ZWN",
    check_url="https://pay.example/willow/check?code=7K3M-9QXT-2FHC-8ZWN",
)  # fmt: skip


@pytest.fixture(scope="session")
def translations(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The committed catalogs, compiled by Babel itself, away from the working tree."""
    directory = tmp_path_factory.mktemp("translations")
    for source in (PORTAL / "translations").glob("*/LC_MESSAGES/messages.po"):
        compiled = directory / source.relative_to(PORTAL / "translations").with_suffix(".mo")
        compiled.parent.mkdir(parents=True)
        with source.open("rb") as reading, compiled.open("wb") as writing:
            write_mo(writing, read_po(reading))
    return directory


@pytest.fixture(scope="session")
def wording(translations: Path) -> Wording:
    return Wording(TEMPLATES, translations)


@pytest.fixture(scope="session")
def paper(translations: Path) -> Paper:
    return Paper(TEMPLATES, translations)


@dataclass
class Mailbox:
    """What the server took, and what it is told to answer: a verb of the conversation to a reply line."""

    port: int = 0
    messages: list[EmailMessage] = field(default_factory=list)
    recipients: list[list[str]] = field(default_factory=list)
    answers: dict[str, str] = field(default_factory=dict)

    async def handle_RCPT(
        self, server: Server, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if "RCPT" in self.answers:
            return self.answers["RCPT"]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Server, session: Session, envelope: Envelope) -> str:
        if "DATA" in self.answers:
            return self.answers["DATA"]
        assert isinstance(envelope.content, bytes)
        message = BytesParser(policy=SMTP).parsebytes(envelope.content)
        assert isinstance(message, EmailMessage)
        self.messages.append(message)
        self.recipients.append(envelope.rcpt_tos)
        return "250 Taken"


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    box = Mailbox()
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    async def listen() -> asyncio.Server:
        return await loop.create_server(lambda: Server(box, hostname="mailbox.example"), "127.0.0.1", 0)

    server = asyncio.run_coroutine_threadsafe(listen(), loop).result(10)
    box.port = server.sockets[0].getsockname()[1]
    yield box

    async def close() -> None:
        server.close()
        for task in asyncio.all_tasks(loop) - {asyncio.current_task()}:
            task.cancel()

    asyncio.run_coroutine_threadsafe(close(), loop).result(10)
    loop.call_soon_threadsafe(loop.stop)
    thread.join(10)
    loop.close()


@dataclass
class Carrier:
    """An HTTP server that answers as Twilio's Messages resource does."""

    url: str = ""
    status: int = 201
    reply: dict[str, Any] = field(default_factory=lambda: {"sid": "SM" + "0" * 32, "status": "queued"})
    requests: list[dict[str, str]] = field(default_factory=list)


@pytest.fixture
def carrier() -> Iterator[Carrier]:
    state = Carrier()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            form = {name: values[0] for name, values in parse_qs(body).items()}
            key = str(self.headers["Idempotency-Key"])
            state.requests.append(
                {"path": self.path, "Authorization": self.headers["Authorization"], "key": key, **form}
            )
            content = json.dumps(state.reply).encode()
            self.send_response(state.status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the standard library's name
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=lambda: server.serve_forever(poll_interval=0.01), daemon=True)
    thread.start()
    state.url = f"http://127.0.0.1:{server.server_port}"
    yield state
    server.shutdown()
    server.server_close()
