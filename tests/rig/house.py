"""A founded organisation over real parts: a database, the SDK against the simulator, a clock that stands still.

Asked by tests of use cases, jobs and crashes. Builds rows through use cases only.
"""

from __future__ import annotations

import base64
import json
import urllib.request
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING

from sqlalchemy import delete

from portal.delivery.sms import SmsCredentials, TwilioCarriers
from portal.domain.charge import Timing
from portal.domain.contact_wish import WishSource
from portal.domain.organisation import Profile
from portal.gateway.braintree import BraintreeGateways, Credentials
from portal.storage import Database, organisation, sms_account
from portal.storage.limit import DeploymentLimitCount
from portal.storage.obligation import Obligation
from portal.storage.payment_method import PaymentMethod
from portal.usecases.account import add_customer, found_organisation, open_account
from portal.usecases.contact_wish import Words, agree
from portal.usecases.organisation import set_gateway_account, set_setting
from portal.usecases.ports import Ports, Seal
from portal.usecases.secret import Secrets
from portal.usecases.sms_account import set_sms_account
from tests.rig.simulator_process import SimulatorProcess

if TYPE_CHECKING:
    from portal.delivery.wording import Wording

START = datetime(2026, 11, 2, 15, 0, tzinfo=UTC)


@dataclass
class ManualClock:
    """Time that moves when told to."""

    at: datetime = START

    def now(self) -> datetime:
        return self.at

    def pass_(self, **units: float) -> datetime:
        self.at += timedelta(**units)
        return self.at


class PlainSeal:
    """Turns text around: enough to see that callers seal and open."""

    def seal(self, secret: str) -> str:
        return secret[::-1]

    def open(self, sealed: str) -> str:
        return sealed[::-1]


@dataclass
class ListeningDoorbell:
    """Keeps what was rung for."""

    messages: list[tuple[str, str]] = field(default_factory=list)
    charges: list[tuple[str, str]] = field(default_factory=list)
    notices: list[tuple[str, str]] = field(default_factory=list)
    batches: list[tuple[str, list[str]]] = field(default_factory=list)

    def ring_message(self, organisation_id: str, message_id: str) -> None:
        self.messages.append((organisation_id, message_id))

    def ring_messages(self, organisation_id: str, message_ids: Sequence[str]) -> None:
        self.messages += [(organisation_id, each) for each in message_ids]

    def ring_charge(self, organisation_id: str, obligation_id: str) -> None:
        self.charges.append((organisation_id, obligation_id))

    def ring_notice(self, organisation_id: str, notice_id: str) -> None:
        self.notices.append((organisation_id, notice_id))

    def ring_batch(self, organisation_id: str, obligation_ids: Sequence[str]) -> None:
        self.batches.append((organisation_id, list(obligation_ids)))


@cache
def _wording() -> Wording:
    """Read once by a process, as the product does: its sentences are the same for every house."""
    from portal.app import TEMPLATES, TRANSLATIONS
    from portal.delivery.wording import Wording

    return Wording(TEMPLATES, TRANSLATIONS)


def build_ports(database: Database, simulator: SimulatorProcess, **changes: object) -> Ports:
    """Ports over real parts; pass `mail`, `wording`, `paper` and others to replace one."""
    from portal.app import TEMPLATES, TRANSLATIONS, DirectoriesHere
    from portal.delivery.drawing import Drawings
    from portal.delivery.paper import Paper
    from portal.delivery.smtp import SmtpMail

    seal: Seal = changes.pop("seal", None) or PlainSeal()  # type: ignore[assignment]  # the caller names the field

    def credentials(organisation_id: str) -> Credentials | None:
        with database.read(organisation_id) as session:
            row = organisation.gateway_account(session)
        if row is None:
            return None
        return Credentials(
            row.environment, row.merchant_id, row.public_key, seal.open(row.private_key_sealed), row.merchant_account_id
        )

    def sms_credentials(organisation_id: str) -> SmsCredentials | None:
        with database.read(organisation_id) as session:
            row = sms_account.sms_account(session)
        return SmsCredentials(row.account_sid, seal.open(row.auth_token_sealed), row.sender) if row else None

    ports = Ports(
        database=database,
        clock=ManualClock(),
        gateways=BraintreeGateways(credentials, "simulator", simulator.url, timedelta(seconds=3)),
        mail=SmtpMail("127.0.0.1", simulator.smtp_port, sender="no-reply@paydoor.example"),
        carriers=TwilioCarriers(sms_credentials, simulator.url),
        wording=_wording(),
        paper=Paper(TEMPLATES, TRANSLATIONS),
        drawings=Drawings(),
        doorbell=ListeningDoorbell(),
        seal=seal,
        secrets=Secrets({1: "p" * 40}, memory_kib=64),
        directories=DirectoriesHere(),
        timing=Timing(page_timeout=timedelta(seconds=2), worker_timeout=timedelta(seconds=2)),
        portal_url="http://127.0.0.1:8080",
        mail_domain="paydoor.example",
    )
    return replace(ports, **changes)  # type: ignore[arg-type]  # the caller names the field


@dataclass
class House:
    """One organisation with a merchant of its own at the simulator, and one customer."""

    ports: Ports
    simulator: SimulatorProcess
    organisation_id: str
    customer_id: str
    merchant_id: str
    slug: str

    @property
    def clock(self) -> ManualClock:
        clock = self.ports.clock
        assert isinstance(clock, ManualClock)
        return clock

    @property
    def doorbell(self) -> ListeningDoorbell:
        doorbell = self.ports.doorbell
        assert isinstance(doorbell, ListeningDoorbell)
        return doorbell

    def account(self, balance_cents: int = 50_000) -> str:
        with self.ports.database.transaction(self.organisation_id) as session:
            row = open_account(
                session,
                self.customer_id,
                reference=f"A-{uuid.uuid4().hex[:10]}",
                label="Balance",
                balance_cents=balance_cents,
                now=self.ports.clock.now(),
                by="test",
            )
            return row.id

    def nonce(self, number: str = "4111111111111111", cvv: str = "123") -> str:
        """A one-use nonce, as the card fields in a browser get one."""
        token = json.loads(base64.b64decode(self.ports.gateways.of(self.organisation_id).client_token()))
        body = {
            "authorizationFingerprint": token["authorizationFingerprint"],
            "creditCard": {
                "number": number,
                "cvv": cvv,
                "expirationMonth": "12",
                "expirationYear": "2031",
                "billingAddress": {"postalCode": "94107"},
                "options": {"validate": False},
            },
        }
        request = urllib.request.Request(
            f"{token['clientApiUrl']}/v1/payment_methods/credit_cards",
            json.dumps(body).encode(),
            {"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=5) as answer:
            nonce: str = json.load(answer)["creditCards"][0]["nonce"]
        return nonce

    def card_on_file(self, number: str = "4111111111111111") -> str:
        """The id of a kept card."""
        token = f"k{uuid.uuid4().hex}"
        answer = self.ports.gateways.of(self.organisation_id).keep_card(
            self.customer_id, token, self.nonce(number), timedelta(seconds=3)
        )
        assert answer.card is not None, answer
        with self.ports.database.transaction(self.organisation_id) as session:
            method = PaymentMethod(
                organisation_id=self.organisation_id,
                customer_id=self.customer_id,
                token=token,
                brand=answer.card.brand,
                last4=answer.card.last4,
                expires_month=answer.card.expires_month,
                expires_year=answer.card.expires_year,
                postal_code=answer.card.postal_code,
                consent_text="Keep it",
                saved_at=self.ports.clock.now(),
            )
            session.add(method)
            session.flush()
            return method.id

    def obligation(self, account_id: str, amount_cents: int, **values: object) -> str:
        """An obligation due now; give `payment_method_id` or `card_nonce`."""
        with self.ports.database.transaction(self.organisation_id) as session:
            row = Obligation(
                organisation_id=self.organisation_id,
                customer_id=self.customer_id,
                account_id=account_id,
                kind="checkout",
                subject_id=uuid.uuid4().hex,
                seq=1,
                amount_cents=amount_cents,
                due_at=self.ports.clock.now(),
                created_at=self.ports.clock.now(),
                **values,
            )
            session.add(row)
            session.flush()
            return row.id

    def set(self, name: str, value: object) -> None:
        with self.ports.database.transaction(self.organisation_id) as session:
            set_setting(session, name, value, by="test", now=self.ports.clock.now())

    def writes_at_any_hour(self) -> None:
        """For tests on the real clock, which may run at night."""
        self.set("debt_collector", value=False)
        self.set("quiet_hours", value=False)

    def has_carrier(self, number: str = "", opt_out: str = "application") -> str:
        """Gives the organisation an account with the simulated carrier, which knows its doors; the number it has."""
        number = number or f"+1312555{int(self.organisation_id[:6], 16) % 10_000:04d}"
        account_sid, token = f"AC{self.organisation_id}", f"token-{self.organisation_id}"
        with self.ports.database.transaction(self.organisation_id) as session:
            set_sms_account(
                session, self.ports.seal, account_sid=account_sid, auth_token=token, sender=number, by="test",
                now=self.ports.clock.now(),
            )  # fmt: skip
        reply_url = f"{self.ports.portal_url}/{self.slug}/sms/reply"
        self.simulator.call(
            "POST", "/simulator/sms-numbers",
            {"number": number, "account_sid": account_sid, "auth_token": token, "reply_url": reply_url,
             "opt_out": opt_out},
        )  # fmt: skip
        return number

    def agrees_to_texts(self, number: str = "+13125550123") -> None:
        """The customer says yes to texts to a number."""
        with self.ports.database.transaction(self.organisation_id) as session:
            words = Words("I agree to texts.", WishSource.payment_link)
            agree(session, "sms", number, words, self.ports.clock.now(), customer=self.customer_id)

    def truth(self) -> list[dict[str, object]]:
        """What the gateway knows of this organisation."""
        return self.simulator.truth(order_prefix=self.organisation_id)


def found(
    ports: Ports, simulator: SimulatorProcess, profile: Profile = Profile.receivables, **merchant: object
) -> House:
    """A new organisation with its own merchant, one customer, and every setting at its default.

    What was tried at the organisations of other tests, which stand in the same database, is not held against it.
    """
    slug = f"org-{uuid.uuid4().hex[:8]}"
    merchant_id = f"m_{uuid.uuid4().hex[:12]}"
    simulator.merchant(merchant_id, **merchant)
    organisation_id = found_organisation(
        ports.database,
        slug=slug,
        name="Harbour Recovery",
        profile=profile,
        brand_colour="#0b5394",
        timezone="America/Chicago",
        support_email="help@harbour.example",
        support_phone="+1 312 555 0100",
        postal_address="1 Pier Street, Chicago, IL 60601",
        now=ports.clock.now(),
    )
    with ports.database.transaction(organisation_id) as session:
        session.execute(delete(DeploymentLimitCount))
        set_gateway_account(
            session,
            ports.seal,
            environment="simulator",
            merchant_id=merchant_id,
            public_key=f"{merchant_id}_public_key",
            private_key=f"{merchant_id}_private_key",
            merchant_account_id=f"{merchant_id}_usd",
        )
        person = add_customer(
            session,
            reference="C-1",
            given_name="Ada",
            family_name="Moss",
            email="ada@example.com",
            phone="+13125550123",
            address_line1="12 Elm Street",
            city="Chicago",
            state="IL",
            postal_code="60614",
            now=ports.clock.now(),
        )
        customer_id = person.id
    return House(ports, simulator, organisation_id, customer_id, merchant_id, slug)


__all__ = ["House", "ListeningDoorbell", "ManualClock", "PlainSeal", "build_ports", "found"]
