"""One simulator process for all tests of the simulator, and the real SDK pointed at it."""

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser

from tests.rig.simulator_process import SimulatorProcess


@pytest.fixture(scope="session")
def running() -> Iterator[SimulatorProcess]:
    """The process; it lives as long as the session."""
    simulator = SimulatorProcess()
    yield simulator
    simulator.stop()


@pytest.fixture
def simulator(running: SimulatorProcess) -> SimulatorProcess:
    """The process with an empty world."""
    running.reset()
    return running


@pytest.fixture
def gateway(simulator: SimulatorProcess) -> Any:
    """The SDK as the merchant without duplicate checking or rules."""
    return simulator.gateway()


@pytest.fixture(scope="session")
def chromium(browser: Browser) -> Browser:
    """A real browser; each test opens its own context."""
    return browser
