"""The servers every test may ask for: databases, Valkey, the simulator. Each real, each empty.

What one kind of test needs on top (a seeded organisation, a browser) lives in that folder's own conftest.
"""

import os
import shutil
import sqlite3
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from playwright.sync_api import Browser, Playwright, expect, sync_playwright

from tests.rig import postgres, scratch
from tests.rig.valkey import ValkeyServer

scratch.use()
# A log of tests is read by people who have the code: drawing every variable of every frame took seconds for an error.
structlog.configure(
    processors=[
        structlog.processors.add_log_level,
        structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback),
    ]
)

CHROMIUM_OPTIONS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
BROWSER_WAIT_MS = 30_000  # how slow a machine is decides nothing
ENGINES = [
    pytest.param("sqlite", marks=pytest.mark.sqlite),
    pytest.param("postgres", marks=pytest.mark.postgres),
]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A browser on a busy machine may lose a key or a frame, so its tests get a second try; the summary says RERUN.

    No other test gets one: what fails there once is a defect.
    """
    for item in items:
        if item.get_closest_marker("browser"):
            item.add_marker(pytest.mark.flaky(reruns=1))


@pytest.fixture(scope="session")
def worker_number(worker_id: str) -> int:
    """0, 1, ... of this process among the ones that run tests at the same time."""
    return 0 if worker_id == "master" else int(worker_id.removeprefix("gw"))


@pytest.fixture(scope="session")
def postgres_server(testrun_uid: str) -> Iterator[postgres.PostgresServer]:
    server = postgres.start(testrun_uid)
    yield server
    server.stop()


@pytest.fixture
def postgres_url(postgres_server: postgres.PostgresServer) -> Iterator[str]:
    """An empty migrated PostgreSQL database of this test's own."""
    url = postgres_server.create()
    yield url
    postgres_server.drop(url)


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One file migrated to head, copied for each test."""
    path = tmp_path_factory.mktemp("sqlite") / "template.sqlite3"
    postgres.migrate(f"sqlite:///{path}")
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    return path


@pytest.fixture
def sqlite_url(sqlite_template: Path, tmp_path: Path) -> str:
    """An empty migrated SQLite file of this test's own."""
    path = tmp_path / f"{uuid.uuid4().hex[:8]}.sqlite3"
    shutil.copyfile(sqlite_template, path)
    return f"sqlite:///{path}"


@pytest.fixture(params=ENGINES)
def database_url(request: pytest.FixtureRequest) -> str:
    """The same test on both engines."""
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url


@pytest.fixture(scope="session")
def valkey_server(worker_number: int) -> Iterator[ValkeyServer]:
    server = ValkeyServer(worker_number)
    yield server
    server.stop()


@pytest.fixture
def redis_url(valkey_server: ValkeyServer) -> Iterator[str]:
    """A real Redis or Valkey, empty."""
    valkey_server.flush()
    yield valkey_server.url
    valkey_server.flush()


@pytest.fixture
def simulator(tmp_path: Path) -> Iterator[object]:
    """The outside world, empty, as a process of its own."""
    from tests.rig.simulator_process import SimulatorProcess

    process = SimulatorProcess(tmp_path / "simulator")
    yield process
    process.stop()


@pytest.fixture(scope="session")
def playwright() -> Iterator[Playwright]:
    """One for the process: a second one beside it refuses to start."""
    expect.set_options(timeout=BROWSER_WAIT_MS)
    with sync_playwright() as started:
        yield started


@pytest.fixture(scope="session")
def browser(playwright: Playwright) -> Iterator[Browser]:
    """The system's Chromium, else the one playwright brings; each test opens its own context."""
    given = os.environ.get("CHROMIUM_PATH") or shutil.which("chromium") or shutil.which("google-chrome")
    try:
        started = playwright.chromium.launch(executable_path=given, args=CHROMIUM_OPTIONS)
    except Exception as error:
        pytest.exit(f"No Chromium to test with: install one, or set CHROMIUM_PATH ({error}).", 2)
    yield started
    started.close()
