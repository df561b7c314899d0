"""Acts of what is written: an outbox that several empty at once, texts that come in twice, numbered invoices."""

import uuid
from typing import ClassVar

from sqlalchemy import select
from twilio.request_validator import RequestValidator

from portal.domain.service_document import DocumentKind
from portal.storage import Session
from portal.storage.inbound_text import InboundText
from portal.storage.message import Message
from portal.storage.service_document import ServiceDocument
from portal.usecases.inbound_text import receive
from portal.usecases.outbox import deliver
from portal.usecases.ports import Ports
from portal.usecases.service_document import issue
from tests.crash.act import CLOCK, SENDING, Act, Hand, by_a_worker
from tests.rig.payment import paid
from tests.rig.practice import service_of
from tests.rig.series import card_of, scheduled, weekly

NUMBER = "+13125550123"  # on the customer's file: nobody else is answered
REPLY_PATH = "sms/reply"


class MailAct(Act):
    """Receipts and an authorization wait; workers and the clock send them at once; a poisoned one holds up none."""

    points: ClassVar = {"worker": SENDING, CLOCK: SENDING}

    poisoned = False  # one message is meant to fail

    def begin(self) -> None:
        for cents in (1_000, 2_000):
            paid(self.house, cents)
        scheduled(self.house, weekly(self.house, 1), card=card_of(self.house))
        self.poisoned = self.draw.random() < 0.3
        if self.poisoned:
            self.alarms = frozenset({"message_failed"})
            self._poison()
        with self.read() as session:
            self.ids = [row.id for row in session.scalars(select(Message))]

    def _poison(self) -> None:
        now = self.world.clock.now()
        with self.transaction() as session:
            session.add(
                Message(
                    dedupe_key=f"poison:{uuid.uuid4().hex}",
                    event="unheard_of",
                    channel="email",
                    customer_id=self.house.customer_id,
                    subject_id="none",
                    recipient=self.recipient,
                    locale="en",
                    message_id=uuid.uuid4().hex,
                    next_try_at=now,
                    created_at=now,
                )
            )

    def hands(self) -> list[tuple[str, Hand]]:
        if self.left_to_clock:
            return []
        return [("worker", self._deliver()) for _ in range(self.draw.randint(2, 3))]

    def _deliver(self) -> Hand:
        order = self.draw.sample(self.ids, len(self.ids))

        def send(ports: Ports) -> None:
            for message_id in order:
                deliver(ports, self.organisation_id, message_id)

        return send

    def again(self) -> Hand:
        return self._deliver()

    def judge(self, session: Session) -> list[str]:
        states = {row.event: row.state for row in session.scalars(select(Message))}
        failed = {event for event, state in states.items() if state == "failed"}
        return [] if failed == ({"unheard_of"} if self.poisoned else set()) else [f"messages {states}"]


class ReplyAct(Act):
    """The carrier tells of one text again and again: it is kept once, counts once and is answered once."""

    points: ClassVar = {"carrier": ("reply.after_store", *SENDING)}

    def begin(self) -> None:
        self.house.has_carrier()
        self.house.agrees_to_texts(NUMBER)
        self.fields = {
            "MessageSid": f"SM{uuid.uuid4().hex}", "From": NUMBER, "To": "+13125550100", "Body": "HELP",
            "AccountSid": f"AC{self.organisation_id}",
        }  # fmt: skip
        url = f"{self.house.ports.portal_url}/{self.house.slug}/{REPLY_PATH}"
        validator = RequestValidator(f"token-{self.organisation_id}")
        self.signature = str(validator.compute_signature(url, self.fields))

    def hands(self) -> list[tuple[str, Hand]]:
        return [("carrier", self._tell)] * self.draw.randint(1, 3)

    def _tell(self, ports: Ports) -> None:
        assert receive(ports, self.organisation_id, self.fields, self.signature) is not None
        by_a_worker(ports)

    def again(self) -> Hand:
        return self._tell

    def judge(self, session: Session) -> list[str]:
        kept = session.scalars(select(InboundText)).all()
        answers = session.scalars(select(Message).where(Message.channel == "sms")).all()
        shown = self.house.simulator.call("GET", f"/phone.json?number={NUMBER}")
        sent = [text for text in shown if text["account_sid"] == self.fields["AccountSid"] and not text["is_inbound"]]
        wrong = [] if len(kept) == len(answers) == 1 else [f"{len(kept)} texts kept, {len(answers)} answers"]
        return wrong + ([] if sent and answers[0].state == "sent" else [f"{len(sent)} texts sent"])


class DocumentAct(Act):
    """A client asks for the same invoice in several tabs at once: it is one, and no number is lost."""

    points: ClassVar = {"customer": ("document.before_commit",)}

    def begin(self) -> None:
        account_id = self.house.account(0)
        self.services = [service_of(self.house, account_id, cents, days_ago=9) for cents in (15_000, 12_000)]

    def hands(self) -> list[tuple[str, Hand]]:
        return [("customer", self._ask)] * self.draw.randint(1, 3)

    def _ask(self, ports: Ports) -> None:
        customer_id = self.house.customer_id
        asked = issue(
            ports, self.organisation_id, customer_id, DocumentKind.invoice, self.services, "en", by="customer"
        )
        assert len(asked.documents) == 1

    def again(self) -> Hand:
        return self._ask

    def judge(self, session: Session) -> list[str]:
        numbers = [row.number for row in session.scalars(select(ServiceDocument))]
        return [] if len(numbers) == 1 and numbers[0].endswith("1") else [f"invoices {numbers}"]
