"""The portal while the run goes on: how long pages take people when payments by the thousand are charged beside them.

Called by `python -m bench beside`. Portal, workers, clock, database and simulator are the real ones and share this
machine. The quiet portal is measured before and after the run, so that what disturbs the machine disturbs both.
"""

import os
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import func, select

from bench import book
from bench.desk import Desk
from bench.load import Group, Phase, Seen, drive
from bench.payer import Payer
from bench.verdict import Verdicts, table
from demo.process import ChildProcess
from portal.storage.charge import Charge
from portal.storage.obligation import Obligation
from tests.rig import processes

LATENCY_MS = 200
PAYMENTS = 20_000
WORKERS = 2
CLIENTS = 8
PAUSE_SECONDS = 0.2  # people read: pages are asked for at a pace that leaves the portal time
QUIET_SECONDS, STEP_SECONDS = 40.0, 10.0
WAIT_SECONDS_MAX = 1_200.0
RATIO_MAX = 1.2
MINUTES_MAX = 10.0
NICE = int(os.environ.get("BENCH_NICE", "0"))  # how far workers and clock step back for the portal


@dataclass
class Span:
    """What people saw in one part of the measurement, and how long that was."""

    seen: Seen
    seconds: float


def measure(desk: Desk, folder: Path, size: float, verdicts: Verdicts) -> None:
    """Quiet, the run, quiet again; the run at the rate that an organisation has when nobody sets another."""
    number = max(200, round(PAYMENTS * size))
    payers = book.people(desk.house, 200)
    payer = Payer(desk.url).walk_to("amount", desk.link(desk.account_with_offers()), desk.house.nonce())
    root = payer.path.rpartition("/")[0]
    pages = [payer.request(f"{root}/{step}") for step in ("contact", "offer", "amount")]
    quiet_seconds = max(STEP_SECONDS, QUIET_SECONDS * min(size, 1.0))
    with ExitStack() as stack:
        for name in (*["work"] * WORKERS, "clock"):
            stack.callback(_started(desk, folder, name).stop)
        _charge_some(desk, payers)  # a worker that has just started imports, connects and compiles
        before = _look(desk, pages, lambda passed: passed < quiet_seconds)
        book.write(desk.house, payers, number, desk.house.ports.clock.now())
        began = time.monotonic()
        during = _look(desk, pages, lambda passed: _left(desk) > 0 and passed < WAIT_SECONDS_MAX)
        took = time.monotonic() - began
        if left := _left(desk):
            raise RuntimeError(f"{left} payments are left after {took:.0f} s")
        after = _look(desk, pages, lambda passed: passed < quiet_seconds)
    charged = _charged(desk)
    quiet = _together(before, after)
    _tell(quiet, during, before, after, number, charged, took, verdicts)


def _tell(
    quiet: Span, during: Span, before: Span, after: Span, number: int, charged: int, took: float, verdicts: Verdicts
) -> None:
    rows: list[tuple[object, ...]] = [
        (name, span.seen.answers, span.seen.percentile(0.5), span.seen.percentile(0.95), span.seen.percentile(0.99))
        for name, span in (("before", before), ("the run goes on", during), ("after", after), ("quiet, both", quiet))
    ]
    heads = ("pages", "answers", "p50 ms", "p95 ms", "p99 ms")
    title = f"{CLIENTS} people on the pages of a link, gateway {LATENCY_MS} ms, workers and clock at nice {NICE}"
    table(title, heads, rows)
    print(f"  told    {number:,} payments in {took:.0f} s, {number / took:.0f} a second; {charged:,} charged in all")
    ratio = during.seen.percentile(0.99) / quiet.seen.percentile(0.99)
    verdicts.judge(
        ratio <= RATIO_MAX,
        f"p99 while {number:,} payments are charged is {ratio:.2f} times that of the quiet portal"
        f" ({during.seen.percentile(0.99):.0f} and {quiet.seen.percentile(0.99):.0f} ms), goal {RATIO_MAX}",
    )
    verdicts.judge(
        took / 60 <= MINUTES_MAX,
        f"{number:,} payments due at one instant were charged in {took / 60:.1f} minutes, goal {MINUTES_MAX:.0f}",
    )


def _started(desk: Desk, folder: Path, command: str) -> ChildProcess:
    arguments = ["-c", f"import os, runpy, sys; os.nice({NICE}); sys.argv[:] = ['worker.py', {command!r}];"
                 " runpy.run_path('worker.py', run_name='__main__')"]  # fmt: skip
    log_path = folder / f"{command}-{time.monotonic_ns()}.log"
    return processes.python(command, arguments, desk.settings, log_path, dies_with_us=True)


def _look(desk: Desk, pages: list[str], goes_on: Callable[[float], bool]) -> Span:
    """Asks for pages as long as it goes on."""
    group = Group("people", desk.port, CLIENTS, pages, pause_seconds=PAUSE_SECONDS, server_pid=desk.portal.pid)
    whole, began = Span(Seen(), 0.0), time.monotonic()
    while goes_on(time.monotonic() - began):
        seen = drive([Phase("look", STEP_SECONDS, [group])], 1)["look", "people"]
        seen.only(200)
        whole = _together(whole, Span(seen, STEP_SECONDS))
    return whole


def _together(one: Span, other: Span) -> Span:
    seen = Seen(
        one.seen.answers + other.seen.answers,
        one.seen.seconds + other.seen.seconds,
        one.seen.cpu_seconds + other.seen.cpu_seconds,
        [*one.seen.times_ms, *other.seen.times_ms],
    )
    return Span(seen, one.seconds + other.seconds)


def _charge_some(desk: Desk, payers: list[book.Payer]) -> None:
    book.write(desk.house, payers, 100, desk.house.ports.clock.now())
    until = time.monotonic() + WAIT_SECONDS_MAX
    while _left(desk):
        if time.monotonic() > until:
            raise RuntimeError("workers charge nothing")
        time.sleep(0.2)


def _left(desk: Desk) -> int:
    with desk.house.ports.database.read(desk.house.organisation_id) as session:
        waiting = Obligation.status.in_(("due", "charging"))
        return session.scalar(select(func.count()).select_from(Obligation).where(waiting)) or 0


def _charged(desk: Desk) -> int:
    with desk.house.ports.database.read(desk.house.organisation_id) as session:
        return session.scalar(select(func.count()).select_from(Charge).where(Charge.state == "succeeded")) or 0
