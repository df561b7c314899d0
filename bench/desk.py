"""What a benchmark measures: the portal under its production server on a real database, beside the bare page's server.

Called by the other files here. Every part is a real one: granian with 32 threads, Valkey, the simulator, SQLite or the
PostgreSQL of the wheel. Rows are made through use cases. Measures nothing itself.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from cryptography.fernet import Fernet

from demo.embedded import EmbeddedValkey
from demo.process import ChildProcess, free_port
from portal.app import FernetSeal, SystemClock
from portal.domain.organisation import Profile
from portal.storage import Database, account
from portal.storage.offer import Offer
from portal.usecases.payment_link import make
from tests.rig.house import House, build_ports, found
from tests.rig.postgres import above_row_security, migrate
from tests.rig.processes import ROOT, environment
from tests.rig.simulator_process import SimulatorProcess

THREADS = int(os.environ.get("BENCH_THREADS", "64"))  # as docs/operations.md says
DATABASES = ("SQLite", "PostgreSQL")


@dataclass
class Desk:
    """A running portal with one organisation in it, and the bare page's server on the same database."""

    database_name: str
    url: str
    portal: ChildProcess
    bare_port: int
    bare: ChildProcess
    house: House
    settings: dict[str, str]

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    def link(self, account_id: str) -> str:
        """The path of a new link to an account."""
        with self.house.ports.database.transaction(self.house.organisation_id) as session:
            row = account.by_id(session, account_id)
            assert row is not None
            token = make(session, row, days=30, now=self.house.ports.clock.now(), made_by="bench")
        return f"/{self.house.slug}/l/{token}"

    def account_with_offers(self) -> str:
        """The id of an account that owes $500.00 and has two offers, so that each step of the flow has its page."""
        account_id = self.house.account(50_000)
        with self.house.ports.database.transaction(self.house.organisation_id) as session:
            now = self.house.ports.clock.now()
            for kind, price in (("percent", {"basis_points": 6_000}), ("amount", {"amount_cents": 35_000})):
                session.add(
                    Offer(
                        account_id=account_id, kind=kind, valid_until=now + timedelta(days=60), created_at=now, **price
                    )
                )
        return account_id


@contextmanager
def simulator(latency_ms: int = 0) -> Iterator[SimulatorProcess]:
    """The outside world; slow on request."""
    process = SimulatorProcess(latency_ms=latency_ms)
    try:
        yield process
    finally:
        process.stop()


@contextmanager
def desk(database_name: str, database_url: str, folder: Path, world: SimulatorProcess) -> Iterator[Desk]:
    """Everything up on this empty, migrated database; everything down at the end."""
    port, bare_port, key = free_port(), free_port(), Fernet.generate_key().decode()
    url = f"http://127.0.0.1:{port}"
    with ExitStack() as stack:
        valkey = EmbeddedValkey(folder / "valkey", durable=False, dies_with_us=True)
        stack.callback(valkey.stop)
        settings = environment(
            PORTAL_URL=url,
            DATABASE_URL=database_url,
            REDIS_URL=valkey.url,
            SIMULATOR_URL=world.url,
            SEAL_KEY=key,
            SECRET_KEY="k" * 20 + "3b9f27a1c5d8e046",
            PEPPER="p" * 20 + "77e1d0a94c2b6f58",
            SMTP_PORT=str(world.smtp_port),
            TRUSTED_PROXIES="1",  # each request names a payer's address, as behind the proxy of a real deployment
        )
        database = Database(database_url)
        stack.callback(database.dispose)
        ports = build_ports(database, world, clock=SystemClock(), seal=FernetSeal(key), portal_url=url)
        house = found(ports, world, Profile.receivables)
        portal = _served("portal", "wsgi:app", port, settings, folder)
        stack.callback(portal.stop)
        free = settings | {"DATABASE_URL": above_row_security(database_url)}  # it names no organisation
        bare = _served("bare", "bench.bare:app", bare_port, free, folder)
        stack.callback(bare.stop)
        yield Desk(database_name, url, portal, bare_port, bare, house, settings)


def sqlite_url(folder: Path) -> str:
    """A new migrated file."""
    url = f"sqlite:///{folder / 'bench.sqlite3'}"
    migrate(url)
    return url


def _served(name: str, application: str, port: int, settings: dict[str, str], folder: Path) -> ChildProcess:
    """Under granian as docs/operations.md says, one process, so that two cores hold the load as well."""
    command = [sys.executable, "-m", "granian", "--interface", "wsgi", "--host", "127.0.0.1", "--port", str(port)]
    command += ["--workers", "1", "--blocking-threads", str(THREADS), "--no-ws", application]
    process = ChildProcess(
        name, command, log_path=folder / f"{name}.log", environment=settings, directory=ROOT, dies_with_us=True
    )
    try:
        process.wait_until_healthy(f"http://127.0.0.1:{port}/healthz")
    except BaseException:
        process.kill()
        raise
    return process
