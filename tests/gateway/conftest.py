"""A desk at the gateway: merchants of its own at a shared simulator, and nonces as the card fields would get them."""

import base64
import json
import urllib.request
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta

import pytest

from portal.domain.card import SaleRequest
from portal.gateway.braintree import BraintreeGateway, BraintreeGateways, Credentials
from tests.rig.simulator_process import SimulatorProcess

SOON = timedelta(seconds=2)


@dataclass
class Desk:
    """Organisations by name, each with its own merchant."""

    world: SimulatorProcess
    known: dict[str, Credentials] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.gateways = BraintreeGateways(self.known.get, "simulator", self.world.url, SOON)
        self.own = self.merchant()

    def merchant(self, **settings: object) -> str:
        """An organisation with a new merchant; its name is also the merchant's id."""
        name = f"m_{uuid.uuid4().hex[:12]}"
        self.world.merchant(name, **settings)
        self.known[name] = Credentials("simulator", name, f"{name}_public_key", f"{name}_private_key", f"{name}_usd")
        return name

    @property
    def gateway(self) -> BraintreeGateway:
        return self.gateways.of(self.own)

    def nonce(self, number: str = "4111111111111111", organisation_id: str = "") -> str:
        token = json.loads(base64.b64decode(self.gateways.of(organisation_id or self.own).client_token()))
        card = {
            "number": number, "cvv": "123", "expirationMonth": "12", "expirationYear": "2031",
            "billingAddress": {"postalCode": "94107"}, "options": {"validate": False},
        }  # fmt: skip
        request = urllib.request.Request(
            f"{token['clientApiUrl']}/v1/payment_methods/credit_cards",
            json.dumps({"authorizationFingerprint": token["authorizationFingerprint"], "creditCard": card}).encode(),
            {"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=5) as answer:
            return str(json.load(answer)["creditCards"][0]["nonce"])

    def kept(self, number: str = "4111111111111111") -> str:
        """The token of a card on file."""
        token = f"k{uuid.uuid4().hex}"
        answer = self.gateway.keep_card(f"c{uuid.uuid4().hex[:20]}", token, self.nonce(number), SOON)
        assert answer.card is not None, answer
        return token

    def request(self, **values: object) -> SaleRequest:
        """A sale by a card on file unless `nonce` is given."""
        wanted: dict[str, object] = {
            "order_id": f"{self.own}-{uuid.uuid4().hex}-1", "is_keyed": True, "amount_cents": 2_500, "currency": "USD",
        }  # fmt: skip
        if "nonce" not in values and "token" not in values:
            wanted["token"] = self.kept()
        return SaleRequest(**(wanted | values))  # type: ignore[arg-type]  # the caller names fields

    def truth(self, organisation_id: str = "") -> list[dict[str, object]]:
        return self.world.truth(merchant=organisation_id or self.own)

    def taken(self) -> list[dict[str, object]]:
        return [row for row in self.truth() if row["success"]]


@pytest.fixture(scope="session")
def world() -> Iterator[SimulatorProcess]:
    process = SimulatorProcess()
    yield process
    process.stop()


@pytest.fixture
def desk(world: SimulatorProcess) -> Iterator[Desk]:
    yield Desk(world)
    world.clear_faults()
