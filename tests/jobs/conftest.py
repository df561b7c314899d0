"""A house whose processes are real: `worker.py work` and `worker.py clock` over database, Valkey and simulator."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from demo.process import ChildProcess
from portal.app import FernetSeal, SystemClock
from portal.gateway.braintree import BraintreeGateways, Credentials
from portal.storage import Database, organisation
from tests.rig import processes
from tests.rig.house import House, build_ports, found
from tests.rig.simulator_process import SimulatorProcess


@pytest.fixture(scope="session")
def world() -> Iterator[SimulatorProcess]:
    process = SimulatorProcess()
    yield process
    process.stop()


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    made = Database(database_url, pool_size=20)
    yield made
    made.dispose()


SEAL_KEY = Fernet.generate_key().decode()


@pytest.fixture
def house(database: Database, world: SimulatorProcess) -> Iterator[House]:
    """Real time and the real seal, as in the processes: their clock cannot be moved from here."""
    seal = FernetSeal(SEAL_KEY)

    def credentials(organisation_id: str) -> Credentials | None:
        with database.read(organisation_id) as session:
            row = organisation.gateway_account(session)
        if row is None:
            return None
        private_key = seal.open(row.private_key_sealed)
        return Credentials(row.environment, row.merchant_id, row.public_key, private_key, row.merchant_account_id)

    gateways = BraintreeGateways(credentials, "simulator", world.url, timedelta(seconds=3))
    made = found(build_ports(database, world, clock=SystemClock(), seal=seal, gateways=gateways), world)
    made.writes_at_any_hour()
    yield made
    world.clear_faults()


@dataclass
class Crew:
    """Starts processes and stops them all at the end."""

    settings: dict[str, str]
    folder: Path
    running: list[ChildProcess] = field(default_factory=list)

    def worker(self, **changes: str) -> ChildProcess:
        return self._started(processes.worker, "worker", changes)

    def clock(self, **changes: str) -> ChildProcess:
        return self._started(processes.clock, "clock", changes)

    def _started(
        self, start: Callable[[dict[str, str], Path], ChildProcess], name: str, changes: dict[str, str]
    ) -> ChildProcess:
        process = start(self.settings | changes, self.folder / f"{name}-{len(self.running)}.log")
        self.running.append(process)
        return process

    def eventually(self, seen: Callable[[], bool]) -> bool:
        """As below, but no longer than all of them live."""
        return eventually(lambda: seen() or any(process.exit_code is not None for process in self.running)) and seen()

    def logs(self) -> str:
        return "\n".join(process.tail(200) for process in self.running)


@pytest.fixture
def crew(database_url: str, redis_url: str, world: SimulatorProcess, tmp_path: Path) -> Iterator[Crew]:
    made = Crew(
        {
            "DATABASE_URL": database_url,
            "REDIS_URL": redis_url,
            "SIMULATOR_URL": world.url,
            "SMTP_PORT": str(world.smtp_port),
            "SEAL_KEY": SEAL_KEY,
            "SWEEP_SECONDS": "1",
        },
        tmp_path,
    )
    yield made
    for process in made.running:
        process.stop()


def eventually(seen: Callable[[], bool], seconds: float = 60) -> bool:
    """Whether something comes to be; the wait ends as soon as it does."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if seen():
            return True
        time.sleep(0.05)
    return False
