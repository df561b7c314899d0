"""A portal to open in a reader: the real application on each database, the real SDK against a simulator."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from flask import Flask

from portal.app import create_app
from portal.storage import Database, account, payment_link
from portal.storage.offer import Offer
from portal.usecases.payment_link import make
from portal.usecases.ports import Ports
from tests.rig.house import House, build_ports, found
from tests.rig.reader import Reader
from tests.rig.simulator_process import SimulatorProcess

PORTAL_URL = "http://127.0.0.1:8080"


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimulatorProcess]:
    """One simulator for all; every house has a merchant of its own in it."""
    data: Path = tmp_path_factory.mktemp("simulator")
    process = SimulatorProcess(data)
    yield process
    process.stop()


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    made = Database(database_url, pool_size=20)
    yield made
    made.dispose()


@pytest.fixture
def house(database: Database, world: SimulatorProcess) -> Iterator[House]:
    yield found(build_ports(database, world, portal_url=PORTAL_URL), world)
    world.clear_faults()


def settings(world: SimulatorProcess, **changes: object) -> SimpleNamespace:
    """What the doors read of a deployment's settings."""
    values: dict[str, object] = {
        "environment": "test",
        "portal_url": PORTAL_URL,
        "redis_url": "",
        "secret_key": "s" * 40,
        "gateway": "simulator",
        "braintree_script_base": f"{world.url}/web/3.144.0/js",
        "trusted_proxies": 0,
        "requests_per_minute": 100_000,
    }
    return SimpleNamespace(**(values | changes))


_BUILT: dict[str, Flask] = {}


def application(world: SimulatorProcess, ports: Ports) -> Flask:
    """The portal over these ports. Building one takes longer than most tests do, so a process builds one and gives it
    from house to house with nothing kept. A test that adds routes or changes settings makes an app of its own.
    """
    app = _BUILT.get(world.url)
    if app is None:
        app = _BUILT[world.url] = create_app(settings(world), ports)  # type: ignore[arg-type]  # only what the doors read
    app.extensions["doorstep"] = replace(app.extensions["doorstep"], ports=ports, kept={})
    for limiter in app.extensions["limiter"]:
        limiter.reset()
    return app


@dataclass
class Portal:
    """The application, an organisation in it, and the ways a test changes what stands in its rows."""

    app: Flask
    house: House
    account_id: str
    tokens: list[str] = field(default_factory=list)

    @property
    def slug(self) -> str:
        return self.house.slug

    def reader(self, ip: str = "203.0.113.7") -> Reader:
        return Reader(self.app, PORTAL_URL, ip)

    def link(self, account_id: str | None = None, days: int = 30) -> str:
        """The path of a new link."""
        with self.house.ports.database.transaction(self.house.organisation_id) as session:
            row = account.by_id(session, account_id or self.account_id)
            assert row is not None
            token = make(session, row, days=days, now=self.house.clock.now(), made_by="test")
        self.tokens.append(token)
        return f"/{self.slug}/l/{token}"

    def revoke(self) -> None:
        with self.house.ports.database.transaction(self.house.organisation_id) as session:
            for token in self.tokens:
                from portal.domain.payment_link import digest

                row = payment_link.by_token_sha256(session, digest(token), "pay")
                assert row is not None
                row.status = "revoked"

    def offer(self, *, days: float = 10, **price: int) -> str:
        """An offer on the account: `amount_cents` or `basis_points`."""
        with self.house.ports.database.transaction(self.house.organisation_id) as session:
            now = self.house.clock.now()
            from datetime import timedelta

            row = Offer(
                account_id=self.account_id,
                kind="amount" if "amount_cents" in price else "percent",
                valid_until=now + timedelta(days=days),
                created_at=now,
                **price,
            )
            session.add(row)
            session.flush()
            return row.id

    def balance(self) -> int:
        with self.house.ports.database.read(self.house.organisation_id) as session:
            row = account.by_id(session, self.account_id)
            assert row is not None
            return row.balance_cents

    # --- parts of the walk ---

    def opened(self, reader: Reader | None = None) -> Reader:
        """Past the landing page."""
        reader = reader or self.reader()
        return reader.open(self.link()).press("Continue")

    def at_amount(self, reader: Reader | None = None) -> Reader:
        """Past contact and offers, if there are any."""
        reader = self.opened(reader)
        if reader.step == "contact":
            reader.press("Yes, continue")
        if reader.step == "offer":
            reader.choose("Skip the offers").press("Continue")
        assert reader.step == "amount", reader.path
        return reader

    def card(
        self, reader: Reader, number: str = "4111111111111111", amount: str = "Whole balance", **more: str
    ) -> Reader:
        """Amount and a new card chosen, as the card fields would."""
        reader.choose(amount)
        if "other" in more:
            reader.fill("Amount in US dollars", more["other"])
        reader.choose("ebit or credit card" if "New debit" not in reader.text else "New debit or credit card")
        return reader.set_hidden("card_nonce", self.house.nonce(number)).press("Continue")

    def at_agreement(self, reader: Reader | None = None, **card: str) -> Reader:
        reader = self.card(self.at_amount(reader), **card)
        assert reader.step == "check", (reader.path, reader.errors())
        return reader.press("Confirm and continue")

    def paid(self, reader: Reader | None = None, **card: str) -> Reader:
        reader = self.at_agreement(reader, **card)
        assert reader.step == "agreement", reader.path
        return reader.choose("I have read this").press("Pay $")


@pytest.fixture
def portal(house: House, world: SimulatorProcess) -> Portal:
    """Defaults of a receivables organisation, an account that owes $500.00."""
    return Portal(application(world, house.ports), house, house.account(50_000))


NoncesGone = Callable[[str], str]


def settled(html: str) -> str:
    """A page without what differs on purpose: nonces and form tokens."""
    html = re.sub(r'nonce="[^"]+"', 'nonce=""', html)
    return re.sub(r'name="csrf_token" value="[^"]+"', 'name="csrf_token"', html)
