"""Finding what is due: among a million payments of which few are due, beside a table that holds nothing else.

Called by `python -m bench due`. The questions are those of the run itself (`portal.usecases.recurring`); the rows are
written in bulk. What it costs must follow what is due, never what was ever charged or will be.
"""

import os
import sqlite3
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
from sqlalchemy import event, update

from bench.verdict import Verdicts, table
from portal.app import SystemClock
from portal.domain.organisation import Profile
from portal.storage import Database, obligation
from portal.storage.obligation import Obligation
from portal.usecases.recurring import HANDED_AGAIN_AFTER, SCAN, hand_out_due
from tests.rig.house import House, build_ports, found
from tests.rig.postgres import above_row_security
from tests.rig.simulator_process import SimulatorProcess

ROWS, DUE = 1_000_000, 10_000
PAID_PART = 0.8  # of what is not due: history; the rest lies ahead
ROUNDS = 15
INDEX = "ix_obligation_due"
RATIO_MAX = 1.5
IDLE_MS_MAX = 2.0
COLUMNS = (
    "organisation_id", "id", "customer_id", "account_id", "kind", "subject_id", "seq", "amount_cents", "forgiven_cents",
    "currency", "due_at", "retries", "status", "version", "created_at",
)  # fmt: skip


class _NoBell:
    """What is handed out here is charged by nobody."""

    def __getattr__(self, _name: str) -> Callable[..., None]:
        return lambda *_: None


@dataclass
class Place:
    """One database with a house in it, and how to forget what it has in memory."""

    name: str
    house: House
    rows: int
    due: int
    forget: Callable[[], bool]
    scans_ms: list[float] = field(default_factory=list)
    cold_ms: float | None = None
    hand_out_ms: float = 0.0
    idle_ms: list[float] = field(default_factory=list)
    plan: str = ""

    @property
    def database(self) -> Database:
        return self.house.ports.database


@contextmanager
def place(url: str, world: SimulatorProcess, rows: int, due: int, forget: Callable[[], bool]) -> Iterator[Place]:
    """A migrated database with so many payments, so many of them due."""
    database = Database(url)
    try:
        house = found(build_ports(database, world, clock=SystemClock(), doorbell=_NoBell()), world, Profile.receivables)
        house.set("charges_per_minute", 60_000)
        made = Place("SQLite" if database.is_sqlite else "PostgreSQL", house, rows, due, forget)
        _fill(made)
        yield made
    finally:
        database.dispose()


def measure(open_place: Callable[[int, int], AbstractContextManager[Place]], size: float, verdicts: Verdicts) -> None:
    """The small table and the big one in turns; `open_place(rows, due)` makes one."""
    due, rows = max(SCAN, round(DUE * size)), max(2 * SCAN, round(ROWS * size))
    with open_place(due, due) as small, open_place(rows, due) as big:
        both = (small, big)
        for each in both:
            each.plan = _plan(each)
            each.cold_ms = _cold(each)
        for _ in range(ROUNDS):
            for each in both:
                each.scans_ms.append(_scan(each))
        for each in both:
            each.hand_out_ms = _hand_out(each)
        for each in both:
            _pay(each)
        for _ in range(ROUNDS):
            for each in both:
                each.idle_ms.append(_scan(each, expected=0))
    _tell(small, big, verdicts)


def _tell(small: Place, big: Place, verdicts: Verdicts) -> None:
    lines: list[tuple[object, ...]] = [
        (f"{each.rows:,} rows, {each.due:,} due", statistics.median(each.scans_ms),
         "-" if each.cold_ms is None else f"{each.cold_ms:.1f}", each.hand_out_ms, statistics.median(each.idle_ms))
        for each in (small, big)
    ]  # fmt: skip
    heads = (f"{big.name}", f"first {SCAN}, ms", "cold, ms", "all handed out, ms", "nothing due, ms")
    table("Finding what is due", heads, lines)
    print(f"  plan of the big one: {big.plan}", flush=True)
    verdicts.judge(INDEX in big.plan, f"{big.name}: the scan of {big.rows:,} rows goes by {INDEX}")
    scans = statistics.median(big.scans_ms) / statistics.median(small.scans_ms)
    handed = big.hand_out_ms / small.hand_out_ms
    verdicts.judge(
        scans <= RATIO_MAX,
        f"{big.name}: the scan among {big.rows:,} rows takes {scans:.2f} times that among {small.rows:,}"
        f" ({statistics.median(big.scans_ms):.1f} and {statistics.median(small.scans_ms):.1f} ms), goal {RATIO_MAX}",
    )
    verdicts.judge(
        handed <= RATIO_MAX,
        f"{big.name}: handing out all {big.due:,} takes {handed:.2f} times that"
        f" ({big.hand_out_ms:.0f} and {small.hand_out_ms:.0f} ms), goal {RATIO_MAX}",
    )
    idle = statistics.median(big.idle_ms)
    verdicts.judge(
        idle <= IDLE_MS_MAX, f"{big.name}: a look when nothing is due takes {idle:.1f} ms, goal {IDLE_MS_MAX}"
    )


def _scan(each: Place, expected: int | None = None) -> float:
    """Milliseconds of one question of the run."""
    now = each.house.ports.clock.now()
    began = time.perf_counter()
    with each.database.across() as session:
        found_rows = obligation.due_unhanded(session, now, now - HANDED_AGAIN_AFTER, SCAN)
    took_ms = 1000 * (time.perf_counter() - began)
    if len(found_rows) != (min(SCAN, each.due) if expected is None else expected):
        raise RuntimeError(f"{len(found_rows)} payments were found")
    return took_ms


def _cold(each: Place) -> float | None:
    """The first scan after a start, with nothing in any memory; none where that cannot be had."""
    each.database.dispose()
    if not each.forget():
        return None
    with each.database.across() as session:  # connecting is not scanning
        session.connection().exec_driver_sql("SELECT 1")
    return _scan(each)


def _hand_out(each: Place) -> float:
    began = time.perf_counter()
    handed = hand_out_due(each.house.ports).payments
    took_ms = 1000 * (time.perf_counter() - began)
    if handed != each.due:
        raise RuntimeError(f"{handed} payments were handed out")
    return took_ms


def _pay(each: Place) -> None:
    """All that was due is history now."""
    now = each.house.ports.clock.now()
    with each.database.transaction(each.house.organisation_id) as session:
        session.execute(
            update(Obligation).where(Obligation.status == "due", Obligation.due_at <= now).values(status="paid")
        )
    _tidy(each)


def _plan(each: Place) -> str:
    """How the database goes about that very question."""
    asked: list[tuple[str, Any]] = []

    def hear(_connection: Any, _cursor: Any, statement: str, parameters: Any, _context: Any, _many: bool) -> None:
        asked.append((statement, parameters))

    now = each.house.ports.clock.now()
    with each.database.across() as session:
        connection = session.connection()
        event.listen(connection, "before_cursor_execute", hear)
        obligation.due_unhanded(session, now, now - HANDED_AGAIN_AFTER, SCAN)
        event.remove(connection, "before_cursor_execute", hear)
        statement, parameters = asked[-1]
        explain = "EXPLAIN QUERY PLAN " if each.database.is_sqlite else "EXPLAIN "
        rows = connection.exec_driver_sql(explain + statement, parameters).all()
    return " / ".join(str(row[-1]).strip() for row in rows)


# --- rows --------------------------------------------------------------------------------------------------------


def _fill(each: Place) -> None:
    """Rows as the portal leaves them: most of them paid, some due later, `due` of them due now, in no order."""
    now = each.house.ports.clock.now()
    owed = each.house.account()
    rows = _rows(each, now, owed)
    if each.database.is_sqlite:
        marks = ",".join("?" for _ in COLUMNS)
        with closing(sqlite3.connect(each.database.url.database or "")) as connection, connection:
            connection.executemany(f"INSERT INTO obligation ({','.join(COLUMNS)}) VALUES ({marks})", rows)
    else:
        with psycopg.connect(_superuser(each.database)) as server, server.cursor() as cursor:
            cursor.execute("SET session_replication_role = replica")  # each row points at the same three, which exist
            with cursor.copy(f"COPY obligation ({','.join(COLUMNS)}) FROM STDIN") as copy:
                for row in rows:
                    copy.write_row(row)
    _tidy(each)


def _rows(each: Place, now: datetime, account_id: str) -> Iterator[tuple[Any, ...]]:
    step = each.rows // each.due
    others = paid = 0
    for number in range(each.rows):
        if number % step == 0 and number // step < each.due:
            status, at = "due", now - timedelta(seconds=1 + number % 3_600)
        else:
            others += 1
            is_paid = paid < others * PAID_PART
            paid += is_paid
            status = "paid" if is_paid else "due"
            days = 1 + number % 700
            at = now + timedelta(days=-days if is_paid else days, seconds=number % 86_400)
        moment = at.isoformat(timespec="microseconds")
        yield (
            each.house.organisation_id, uuid4().hex, each.house.customer_id, account_id, "scheduled", uuid4().hex, 1,
            2_500, 0, "USD", moment, 0, status, 1, moment,
        )  # fmt: skip


def _tidy(each: Place) -> None:
    """What a database does by itself over night: statistics, and rows that are gone."""
    if each.database.is_sqlite:
        with closing(sqlite3.connect(each.database.url.database or "", isolation_level=None)) as file:
            file.execute("ANALYZE")
            file.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return
    with psycopg.connect(_superuser(each.database), autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE obligation")


def _superuser(database: Database) -> str:
    url = above_row_security(database.url.render_as_string(hide_password=False))
    return url.replace("+psycopg", "")


def dropped_from_memory(directory: Path) -> bool:
    """Asks the kernel to forget what it keeps of these files."""
    for path in directory.rglob("*"):
        if path.is_file():
            handle = os.open(path, os.O_RDONLY)
            try:
                os.fsync(handle)
                os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
            finally:
                os.close(handle)
    return True
