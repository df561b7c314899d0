"""One simulator process for all tests of the simulator, and the real SDK pointed at it."""

import os
import shutil
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.rig.simulator_process import SimulatorProcess

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
CHROMIUM_OPTIONS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]


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
def chromium() -> Iterator[Browser]:
    """A real browser; each test opens its own context."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_OPTIONS)
        yield browser
        browser.close()
