"""One simulator for the machines of this folder; each example founds a house of its own in it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.rig.simulator_process import SimulatorProcess


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimulatorProcess]:
    data: Path = tmp_path_factory.mktemp("simulator")
    process = SimulatorProcess(data)
    yield process
    process.stop()
