"""What a phone is sent: bytes on the wire and requests, on the first page of a link and on each step after it.

Called by `python -m bench`. Counted by Chromium's own network log, headers included, with an empty cache at the
start. Pages come as they are, static files as they were compressed at build; the frames of the card processor are
counted apart.
"""

import os
import shutil
from dataclasses import dataclass
from typing import Any

from playwright.sync_api import Page, sync_playwright

from bench.desk import Desk
from bench.verdict import Verdicts, table

FIRST_KB_MAX = 60
FIRST_REQUESTS_MAX = 5
LATER_KB_MAX = 14
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
CARD = (("card-number", "4111111111111111"), ("card-expiry", "12/31"), ("card-code", "123"), ("card-zip", "94107"))


@dataclass
class Step:
    """What crossed the wire for one page: ours, and the card processor's."""

    name: str
    bytes: int = 0
    requests: int = 0
    kept: int = 0  # answered by the browser's own cache
    foreign_bytes: int = 0
    foreign_requests: int = 0


class Log:
    """Chromium's network log, cut into steps."""

    def __init__(self, page: Page, home: str) -> None:
        self.steps: list[Step] = []
        self._home = home
        self._urls: dict[str, str] = {}
        self._kept: set[str] = set()
        session = page.context.new_cdp_session(page)
        session.send("Network.enable")
        session.on("Network.requestWillBeSent", self._sent)
        session.on("Network.requestServedFromCache", lambda event: self._kept.add(event["requestId"]))
        session.on("Network.responseReceived", self._received)
        session.on("Network.loadingFinished", lambda event: self._count(event["requestId"], event["encodedDataLength"]))

    def step(self, name: str) -> None:
        """What follows belongs to this page."""
        self.steps.append(Step(name))

    def _sent(self, event: dict[str, Any]) -> None:
        redirected = event.get("redirectResponse")
        if redirected is not None:  # the same id goes on to the next address
            self._count(event["requestId"], redirected["encodedDataLength"])
        self._urls[event["requestId"]] = event["request"]["url"]

    def _received(self, event: dict[str, Any]) -> None:
        if event["response"].get("fromDiskCache"):
            self._kept.add(event["requestId"])

    def _count(self, request_id: str, length: float) -> None:
        url, step = self._urls.get(request_id, ""), self.steps[-1]
        if url.startswith("data:") or not url:
            return
        if request_id in self._kept:
            step.kept += 1
        elif url.startswith(self._home):
            step.bytes += int(length)
            step.requests += 1
        else:
            step.foreign_bytes += int(length)
            step.foreign_requests += 1


def measure(desk: Desk, verdicts: Verdicts) -> None:
    """One payer, from the first page to the receipt, in one browser."""
    with sync_playwright() as playwright:
        given = os.environ.get("CHROMIUM_PATH") or shutil.which("chromium") or shutil.which("chromium-browser")
        browser = playwright.chromium.launch(executable_path=given, args=FLAGS)
        page = browser.new_context(viewport={"width": 390, "height": 844}, locale="en-US").new_page()
        page.set_default_timeout(20_000)
        log = Log(page, desk.url)
        _walk(page, log, desk.url + desk.link(desk.account_with_offers()))
        browser.close()
    first, *later = log.steps
    rows = [
        (each.name, each.bytes, each.requests, each.kept, each.foreign_bytes, each.foreign_requests)
        for each in log.steps
    ]
    heads = ("page", "bytes", "requests", "from cache", "gateway's bytes", "requests")
    table("On the wire, Chromium, an empty cache at the first page", heads, [tuple(row) for row in rows])
    verdicts.judge(
        first.bytes <= FIRST_KB_MAX * 1000 and first.requests <= FIRST_REQUESTS_MAX and not first.foreign_requests,
        f"first visit: {first.bytes / 1000:.1f} kB in {first.requests} requests, {first.foreign_requests} to third"
        f" parties; goal at most {FIRST_KB_MAX} kB, {FIRST_REQUESTS_MAX} and none",
    )
    heaviest = max(later, key=lambda each: each.bytes)
    verdicts.judge(
        heaviest.bytes <= LATER_KB_MAX * 1000,
        f"heaviest later step: {heaviest.name} {heaviest.bytes / 1000:.1f} kB, goal at most {LATER_KB_MAX} kB",
    )
    early = [each.name for each in log.steps if each.foreign_requests][:1]
    verdicts.judge(early in ([], ["amount"]), f"first request to a third party: at {early[0] if early else 'no step'}")


def _walk(page: Page, log: Log, link: str) -> None:
    """Each step ends when the network is quiet, so that a page's files are counted with the page."""

    def arrived(step: str) -> None:
        page.wait_for_url(f"**/{step}")
        page.wait_for_load_state("networkidle")

    def press(name: str, leads_to: str) -> None:
        log.step(leads_to)
        page.get_by_role("button", name=name).click()
        arrived(leads_to)

    log.step("landing")
    page.goto(link)
    page.wait_for_load_state("networkidle")
    press("Continue", "contact")
    press("Yes, continue", "offer")
    page.get_by_label("Skip the offers").check()
    press("Continue", "amount")
    for field, value in CARD:
        page.frame_locator(f"#{field} iframe").locator("input:visible").first.fill(value)
    press("Continue", "check")
    press("Confirm", "agreement")
    page.get_by_role("checkbox").first.check()
    press("Pay", "result")
