"""Where histories are played: a database, organisations with merchants of each kind, a clock that all processes read.

One per lane. Made before its processes are forked; each of them gets ports of its own over it.
"""

import mmap
import struct
import uuid
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from portal.domain.card import GatewayRefused
from portal.domain.charge import Timing
from portal.domain.document import ReceiptFacts
from portal.domain.offer import AmountChoice
from portal.gateway.braintree import BraintreeGateways, Credentials
from portal.storage import Database, account, organisation
from portal.storage.payment_method import PaymentMethod
from portal.usecases import checkout
from portal.usecases.account import add_customer, open_account
from portal.usecases.organisation import set_setting
from portal.usecases.payment_link import find, make
from portal.usecases.ports import Ports
from portal.usecases.visit import look, start
from tests.crash.history import History
from tests.rig.house import House, ListeningDoorbell, build_ports, found
from tests.rig.simulator_process import SimulatorProcess

# How long a process of ours really waits for the gateway. Everything else is as in production, on a clock that jumps.
TIMEOUT = timedelta(seconds=0.5)
QUESTION_TIMEOUT = timedelta(seconds=0.7)
MERCHANTS: dict[str, dict[str, Any]] = {
    "keyed": {},
    "unkeyed": {"api_request_key_allowed": False, "duplicate_seconds": 30},
    "keys_refused": {"api_request_key_allowed": False, "duplicate_seconds": 30},
}


class JumpingClock:
    """Real time plus a number of seconds that every process of the lane shares."""

    def __init__(self) -> None:
        self._ahead = mmap.mmap(-1, 8)

    def now(self) -> datetime:
        (ahead,) = struct.unpack("d", self._ahead[:8])
        return datetime.now(UTC) + timedelta(seconds=ahead)

    def jump(self, by: timedelta) -> None:
        (ahead,) = struct.unpack("d", self._ahead[:8])
        self._ahead[:8] = struct.pack("d", ahead + by.total_seconds())

    def reset(self) -> None:
        """Back to the time on the wall, where nothing of what was played is still to come."""
        self._ahead[:8] = struct.pack("d", 0.0)


@dataclass(slots=True)
class Scene:
    """The rows of one history. `obligations` are for one agreed payment: at most one of them may take money."""

    house: House
    account_id: str
    amount_cents: int
    opening_cents: int
    recipient: str
    subject_id: str
    obligations: list[str]
    secret: str = ""  # of the visit, where it begins with one


class BlankPaper:
    """Typst starts threads when it first prints, so what the parent of children delivers has an empty page."""

    def receipt(self, facts: ReceiptFacts, locale: str) -> bytes:
        return b"%PDF-1.7"


class World:
    """A lane's database and organisations over a simulator that all lanes share."""

    def __init__(self, url: str, simulator: SimulatorProcess) -> None:
        self.simulator = simulator
        self.clock = JumpingClock()
        self.database = Database(url, pool_size=8)
        self.ports: Ports = build_ports(
            self.database,
            simulator,
            clock=self.clock,
            timing=Timing(page_timeout=TIMEOUT, worker_timeout=TIMEOUT),
            gateways=self._gateways(simulator.url),
        )
        self.houses = {kind: found(self.ports, simulator, **settings) for kind, settings in MERCHANTS.items()}
        for house in self.houses.values():
            house.writes_at_any_hour()

    def _gateways(self, url: str) -> BraintreeGateways:
        def credentials(organisation_id: str) -> Credentials | None:
            with self.database.read(organisation_id) as session:
                row = organisation.gateway_account(session)
            if row is None:
                return None
            return Credentials(
                row.environment, row.merchant_id, row.public_key,
                self.ports.seal.open(row.private_key_sealed), row.merchant_account_id,
            )  # fmt: skip

        return BraintreeGateways(credentials, "simulator", url, QUESTION_TIMEOUT)

    def ports_of_child(self, *, nobody_listens: bool = False) -> Ports:
        """Ports for a process just forked: no connection of its parent's. `nobody_listens`: at the gateway's port."""
        url = "http://127.0.0.1:9" if nobody_listens else self.simulator.url
        return replace(self.ports, gateways=self._gateways(url), doorbell=ListeningDoorbell())

    def before_fork(self) -> None:
        """SQLite's locks and PostgreSQL's sockets must not be shared by two processes."""
        self.database.dispose()

    def scene(self, history: History) -> Scene:
        """A customer, an account and an obligation with the card of this history."""
        lent = self.houses[history.merchant]
        organisation_id, now = lent.organisation_id, self.clock.now()
        recipient = f"h{history.number}-{uuid.uuid4().hex[:8]}@example.com"
        amount_cents = 1_000 + history.number % 50_000
        opening_cents = amount_cents * history.balance_factor + (history.balance_factor > 1) * 7
        with self.database.transaction(organisation_id) as session:
            set_setting(session, "idempotency_keys", history.merchant != "unkeyed", by="rig", now=now)
            person = add_customer(
                session, reference=f"C-{recipient}", given_name="Ada", family_name="Moss", email=recipient, now=now
            )
            owed = open_account(
                session, person.id, reference=f"A-{recipient}", label="Balance", balance_cents=opening_cents,
                now=now, by="rig",
            )  # fmt: skip
        house = House(self.ports, self.simulator, organisation_id, person.id, lent.merchant_id, lent.slug)
        return Scene(house, owed.id, amount_cents, opening_cents, recipient, uuid.uuid4().hex, [])

    def card(self, scene: Scene, history: History) -> dict[str, Any]:
        """What an obligation says of its card."""
        if history.card == "token":
            return {"payment_method_id": self._card_on_file(scene)}
        nonce = {"card_nonce": scene.house.nonce(), "card_brand": "Visa", "card_last4": "1111"}
        return nonce | ({"keep_card_consent": "Keep it"} if history.card == "kept" else {})

    def open_visit(self, scene: Scene, history: History) -> None:
        """A walk through a payment link up to its agreement: amount, card and figures stored and checked."""
        card, now = self.card(scene, history), self.clock.now()
        with self.database.transaction(scene.house.organisation_id) as session:
            owed = account.by_id(session, scene.account_id)
            assert owed is not None
            token = make(session, owed, days=30, now=now, made_by="rig")
        with self.database.transaction(scene.house.organisation_id) as session:
            found = find(session, token, now)
            assert found is not None
            scene.subject_id, scene.secret = start(
                session, found, ip="203.0.113.7", user_agent="rig", locale="en", now=now
            )
        with self.database.transaction(scene.house.organisation_id) as session:
            walk = look(session, scene.subject_id, scene.secret, now, locked=True)
            assert walk is not None
            visit = walk.visit
            visit.amount_choice, visit.amount_cents = AmountChoice.other.value, scene.amount_cents
            visit.card_brand, visit.card_last4 = "Visa", "1111"
            visit.card_nonce, visit.payment_method_id = card.get("card_nonce"), card.get("payment_method_id")
            visit.method_proven_at = visit.card_entered_at = now
            checkout.confirm(walk, checkout.quote(walk).version, now)

    def _card_on_file(self, scene: Scene) -> str:
        house, token = scene.house, f"k{uuid.uuid4().hex}"
        for _ in range(3):  # a fault that waits for a janitor's question may meet ours
            try:
                answer = self.ports.gateways.of(house.organisation_id).keep_card(
                    house.customer_id, token, "fake-valid-nonce", timedelta(seconds=20)
                )
            except GatewayRefused:
                continue
            if answer.card is not None:
                break
        else:
            raise AssertionError("no card to pay with")
        assert answer.card is not None
        with self.database.transaction(house.organisation_id) as session:
            method = PaymentMethod(
                customer_id=house.customer_id, token=token, brand="Visa", last4=answer.card.last4,
                expires_month=answer.card.expires_month, expires_year=answer.card.expires_year,
                consent_text="Keep it", saved_at=self.clock.now(),
            )  # fmt: skip
            session.add(method)
            session.flush()
            return method.id
