"""A portal under its production server, a simulator, and a real Chromium: what a person with a phone meets.

Rows are made through use cases in the test's process; the portal is another process on the same database.
"""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet
from playwright.sync_api import Browser, BrowserContext, Page, Request

from demo.process import free_port
from portal.app import FernetSeal, SystemClock
from portal.domain.organisation import Profile
from portal.storage import Database, account
from portal.usecases.payment_link import make
from portal.usecases.secret import Secrets
from tests.rig import processes
from tests.rig.house import House, build_ports, found
from tests.rig.simulator_process import SimulatorProcess

PHONE = {"width": 390, "height": 844}
DESK = {"width": 1280, "height": 800}
AXE = Path(__file__).resolve().parents[2] / "node_modules" / "axe-core" / "axe.min.js"


@dataclass
class Site:
    """The running portal: its address, the organisation in it, the file its log goes to."""

    url: str
    house: House
    log_path: Path

    def link(self, account_id: str, days: int = 30) -> str:
        """The address of a new link."""
        with self.house.ports.database.transaction(self.house.organisation_id) as session:
            row = account.by_id(session, account_id)
            assert row is not None
            token = make(session, row, days=days, now=self.house.ports.clock.now(), made_by="test")
        return f"{self.url}/{self.house.slug}/l/{token}"


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimulatorProcess]:
    process = SimulatorProcess(tmp_path_factory.mktemp("simulator"))
    yield process
    process.stop()


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path, world: SimulatorProcess) -> Iterator[Site]:
    """One portal for all browser tests; each test opens an account of its own."""
    folder = tmp_path_factory.mktemp("site")
    shutil.copyfile(sqlite_template, folder / "site.sqlite3")
    port, key = free_port(), Fernet.generate_key().decode()
    url, database_url = f"http://127.0.0.1:{port}", f"sqlite:///{folder / 'site.sqlite3'}"
    settings = {
        "PORTAL_URL": url,
        "DATABASE_URL": database_url,
        "REDIS_URL": "redis://127.0.0.1:1/0",  # nobody there: pages do not need it
        "SIMULATOR_URL": world.url,
        "SEAL_KEY": key,
        "SECRET_KEY": "k" * 20 + "3b9f27a1c5d8e046",
        "PEPPER": "p" * 20 + "77e1d0a94c2b6f58",
        "SMTP_PORT": str(world.smtp_port),
        "GATEWAY_TIMEOUT_PAGE_SECONDS": "3",
    }
    portal = processes.portal(settings, folder / "portal.log", port=port)
    database = Database(database_url)
    secrets = Secrets({1: settings["PEPPER"]}, memory_kib=64)
    ports = build_ports(database, world, clock=SystemClock(), seal=FernetSeal(key), secrets=secrets, portal_url=url)
    yield Site(url, found(ports, world, Profile.receivables), folder / "portal.log")
    portal.stop()
    database.dispose()


@pytest.fixture(autouse=True)
def _no_faults_left(world: SimulatorProcess) -> Iterator[None]:
    yield
    world.clear_faults()


@dataclass
class Visitor:
    """A person with a browser: the page they look at, every request it made, and what the browser complained of."""

    page: Page
    requests: list[Request]
    complaints: list[str]

    def note(self, request: Request) -> None:
        self.requests.append(request)

    def origins(self) -> set[str]:
        return {"/".join(request.url.split("/", 3)[:3]) for request in self.requests if request.url.startswith("http")}


@pytest.fixture
def visit(browser: Browser) -> Iterator[Callable[..., Visitor]]:
    """Opens a browser of its own for one person; options are those of a browser context."""
    contexts: list[BrowserContext] = []

    def open_browser(**options: object) -> Visitor:
        wanted: dict[str, Any] = {"viewport": PHONE, "locale": "en-US", **options}
        context = browser.new_context(**wanted)
        contexts.append(context)
        page = context.new_page()
        visitor = Visitor(page, [], [])
        page.on("request", visitor.note)
        page.on("console", lambda message: visitor.complaints.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: visitor.complaints.append(str(error)))
        return visitor

    yield open_browser
    for context in contexts:
        context.close()


def fill_card(
    page: Page, number: str = "4111111111111111", expiry: str = "12/31", code: str = "123", zip_: str = "94107"
) -> None:
    """Types a card into the frames of the gateway."""
    for field, value in (("card-number", number), ("card-expiry", expiry), ("card-code", code), ("card-zip", zip_)):
        frame = page.frame_locator(f"#{field} iframe")
        frame.locator("input:visible").first.fill(value)


def tab_to(page: Page, selector: str) -> None:
    """Goes there with the Tab key alone."""
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate("selector => document.activeElement.matches(selector)", selector):
            return
    raise AssertionError(f"no way to {selector} by keyboard")


def axe(page: Page) -> list[str]:
    """What axe finds on the page as it stands, at WCAG 2.2 AA and best practices."""
    if not page.evaluate("() => !!window.axe"):
        page.evaluate(AXE.read_text())
    found = page.evaluate(
        """async () => {
          const runOnly = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];
          const result = await axe.run(document, {resultTypes: ['violations'], iframes: false, runOnly});
          const say = (node) => node.html.slice(0, 160) + ' ' + node.failureSummary.slice(0, 200);
          return result.violations.map((each) => each.id + ': ' + each.nodes.map(say).join(' | '));
        }"""
    )
    return list(found)
