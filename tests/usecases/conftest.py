"""A house to act in: one organisation on each database, the real SDK against a simulator shared by the session."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from portal.storage import Database
from tests.rig.house import House, build_ports, found
from tests.rig.simulator_process import SimulatorProcess


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
    yield found(build_ports(database, world), world)
    world.clear_faults()
