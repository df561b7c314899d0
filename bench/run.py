"""The charge run: charges a second against what its slots could do at a slow gateway, and against one job a charge.

Called by `python -m bench run`. Real workers, real commits that wait for the disk, the SDK over HTTP.
"""

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
from cryptography.fernet import Fernet
from redis import Redis
from sqlalchemy import ColumnElement, func, select, update

from bench import book
from bench.desk import simulator
from bench.verdict import Verdicts, table
from demo.embedded import EmbeddedValkey
from demo.process import ChildProcess
from portal.app import FernetSeal, SystemClock
from portal.domain.organisation import Profile
from portal.jobs.queue import RedisDoorbell
from portal.storage import Database
from portal.storage.charge import Charge
from portal.storage.message import Message
from portal.storage.obligation import Obligation
from portal.storage.rows import TenantRow
from portal.usecases.recurring import THREADS, hand_out_due
from tests.rig import processes
from tests.rig.house import House, build_ports, found
from tests.rig.simulator_process import SimulatorProcess

LATENCY_MS = int(os.environ.get("BENCH_LATENCY_MS", "150"))
SLOW_MS = 600
WORKERS = 2
PAYMENTS = int(os.environ.get("BENCH_PAYMENTS", "4000"))
SLOW_PAYMENTS = 1_500
ONE_JOB_PAYMENTS = 40  # a charge a job is slow: enough to see its pace
POOL = 16
POOL_PAYMENTS = 160
CEILING_MIN, CEILING_PROUD = 0.65, 0.8
ONE_JOB_TIMES, POOL_TIMES = 40, 7
CPU_MS_MAX = 4.5
TICK = os.sysconf("SC_CLK_TCK")


@dataclass
class Yard:
    """A house with a book of payments, and what its workers need to be started with."""

    house: House
    settings: dict[str, str]
    folder: Path
    world: SimulatorProcess
    postmaster_pid: int
    payers: list[book.Payer]


@dataclass
class Pace:
    """How one way did. Processor time in milliseconds for one charge."""

    per_second: float
    workers_cpu_ms: float
    database_cpu_ms: float
    gateway_cpu_ms: float


@contextmanager
def yard(url: str, folder: Path, world: SimulatorProcess) -> Iterator[Yard]:
    """Everything up but the workers."""
    with ExitStack() as stack:
        valkey = EmbeddedValkey(folder / "valkey", durable=True, dies_with_us=True)
        stack.callback(valkey.stop)
        key = Fernet.generate_key().decode()
        settings = {
            "DATABASE_URL": url, "REDIS_URL": valkey.url, "SIMULATOR_URL": world.url, "SEAL_KEY": key,
            "SMTP_PORT": str(world.smtp_port),
        }  # fmt: skip
        database = Database(url)
        stack.callback(database.dispose)
        ports = build_ports(
            database, world, clock=SystemClock(), seal=FernetSeal(key), doorbell=RedisDoorbell(valkey.url)
        )
        house = found(ports, world, Profile.receivables)
        house.set("charges_per_minute", 60_000)
        yield Yard(house, settings, folder, world, _postmaster(url), book.people(house, 200))


def measure(url: str, folder: Path, verdicts: Verdicts, size: float = 1.0) -> None:
    """Ours, one job a charge, and a pool of those; the same payments, gateway and database.

    Then ours at a gateway so slow that the processor has time to spare: what remains is the protocol's own share.
    """
    payments, slow_payments = round(PAYMENTS * size), round(SLOW_PAYMENTS * size)
    with simulator(LATENCY_MS) as world, yard(url, folder / "fast", world) as found:
        ours = _pace(found, payments, WORKERS * THREADS, lambda: _workers(found, WORKERS), _hand_out)
        single = _pace(found, ONE_JOB_PAYMENTS, 1, lambda: _one_job(found, 1), _ring_each)
        pool = _pace(found, POOL_PAYMENTS, POOL, lambda: _one_job(found, POOL), _ring_each)
    with simulator(SLOW_MS) as world, yard(url, folder / "slow", world) as found:
        slowly = _pace(found, slow_payments, WORKERS * THREADS, lambda: _workers(found, WORKERS), _hand_out)
    ceiling, slow_ceiling = (WORKERS * THREADS / (latency_ms / 1000) for latency_ms in (LATENCY_MS, SLOW_MS))
    rows: list[tuple[object, ...]] = [
        (name, pace.per_second, f"{pace.per_second / most:.2f}", pace.workers_cpu_ms, pace.database_cpu_ms,
         pace.gateway_cpu_ms)
        for name, pace, most in (
            (f"{WORKERS} workers x {THREADS} threads", ours, ceiling),
            ("one job a charge, 1 worker", single, 1000 / LATENCY_MS),
            (f"one job a charge, {POOL} workers", pool, POOL * 1000 / LATENCY_MS),
            (f"{WORKERS} workers x {THREADS} threads, {SLOW_MS} ms", slowly, slow_ceiling),
        )
    ]  # fmt: skip
    heads = ("the run", "charges/s", "of ceiling", "CPU ms a charge", "database's", "simulator's")
    table(f"{payments} payments due at once, gateway {LATENCY_MS} ms, PostgreSQL that waits for its disk", heads, rows)
    share = ours.per_second / ceiling
    verdicts.judge(
        share >= CEILING_MIN,
        f"{ours.per_second:.0f} charges a second, {share:.2f} of the ceiling of {ceiling:.0f}, goal {CEILING_MIN}"
        f" ({CEILING_PROUD} to be proud)",
    )
    whole = ours.workers_cpu_ms + ours.database_cpu_ms + ours.gateway_cpu_ms
    print(
        f"  told    {os.cpu_count()} cores that nobody else uses give {1000 * (os.cpu_count() or 1) / whole:.0f} such"
        f" charges a second. At {SLOW_MS} ms, where they have time to spare, it is"
        f" {slowly.per_second / slow_ceiling:.2f} of the ceiling"
    )
    verdicts.judge(
        ours.workers_cpu_ms <= CPU_MS_MAX,
        f"{ours.workers_cpu_ms:.1f} ms of processor time a charge in our workers, goal {CPU_MS_MAX}",
    )
    for other, times, name in ((single, ONE_JOB_TIMES, "a job a charge"), (pool, POOL_TIMES, f"a pool of {POOL}")):
        ratio = ours.per_second / other.per_second
        verdicts.judge(ratio >= times, f"{ratio:.1f} times {name} ({other.per_second:.1f} a second), goal {times}")


def _pace(
    yard: Yard,
    number: int,
    slots: int,
    start: Callable[[], list[ChildProcess]],
    begin: Callable[[Yard, Sequence[str]], None],
) -> Pace:
    """Lets workers start, hands them so many payments, and looks until the last one is charged."""
    house = yard.house
    workers = start()
    try:
        # a few first: a worker that has just started imports, connects and compiles
        begin(yard, _written(yard, 2 * slots))
        _wait(yard, workers, until_told=True)
        ids = _written(yard, number)
        taken = _count(house, Charge, Charge.state == "succeeded")
        before, began = _cpu(yard, workers), time.monotonic()
        begin(yard, ids)
        _wait(yard, workers)
        seconds, after = time.monotonic() - began, _cpu(yard, workers)
        if _count(house, Charge, Charge.state == "succeeded") != taken + number:
            raise RuntimeError("not every payment was charged")
    finally:
        for worker in workers:
            worker.stop()
        _put_away(yard)
    worked, stored, answered = (1000 * (b - a) / number for a, b in zip(before, after, strict=True))
    return Pace(number / seconds, worked, stored, answered)


def _put_away(yard: Yard) -> None:
    """What is rung for and the receipts that wait: the next way is not to begin with another's mail."""
    with Redis.from_url(yard.settings["REDIS_URL"]) as client:
        client.flushdb()
    with yard.house.ports.database.transaction(yard.house.organisation_id) as session:
        session.execute(update(Message).where(Message.state == "queued").values(state="failed"))


def _written(yard: Yard, number: int) -> list[str]:
    return book.write(yard.house, yard.payers, number, yard.house.ports.clock.now())


def _wait(yard: Yard, workers: list[ChildProcess], *, until_told: bool = False) -> None:
    """Until nothing is due or under way; with `until_told`, nor any receipt on its way."""
    until = time.monotonic() + 600
    while _count(yard.house, Obligation, Obligation.status.in_(("due", "charging"))) or (
        until_told and _count(yard.house, Message, Message.state == "queued")
    ):
        time.sleep(0.05)
        if time.monotonic() > until or any(worker.exit_code is not None for worker in workers):
            raise RuntimeError(f"the run does not end:\n{workers[0].tail()}")


def _count(house: House, row: type[TenantRow], criterion: ColumnElement[bool]) -> int:
    with house.ports.database.read(house.organisation_id) as session:
        return session.scalar(select(func.count()).select_from(row).where(criterion)) or 0


def _hand_out(yard: Yard, _ids: Sequence[str]) -> None:
    hand_out_due(yard.house.ports)


def _ring_each(yard: Yard, ids: Sequence[str]) -> None:
    for each in ids:
        yard.house.ports.doorbell.ring_charge(yard.house.organisation_id, each)


def _workers(yard: Yard, number: int) -> list[ChildProcess]:
    return [processes.worker(yard.settings, yard.folder / f"worker-{n}.log", dies_with_us=True) for n in range(number)]


def _one_job(yard: Yard, number: int) -> list[ChildProcess]:
    arguments = ["-m", "bench.one_job", str(number)]
    return [processes.python("one job", arguments, yard.settings, yard.folder / "one.log", dies_with_us=True)]


def _cpu(yard: Yard, workers: Sequence[ChildProcess]) -> tuple[float, float, float]:
    """Seconds of processor time so far: workers with what they forked, the database, the simulator."""
    return (
        sum(_spent(worker.pid) for worker in workers), _spent(yard.postmaster_pid), _spent(yard.world.process.pid)
    )  # fmt: skip


def _spent(pid: int) -> float:
    """Of a process, its children that live, and those that ended."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    spent = sum(int(fields[place]) for place in (11, 12, 13, 14)) / TICK
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return spent + sum(_spent(int(child)) for child in children if Path(f"/proc/{child}").exists())


def _postmaster(url: str) -> int:
    with psycopg.connect(url.replace("+psycopg", "")) as connection:
        row = connection.execute("SELECT pg_backend_pid()").fetchone()
        if row is None:
            raise RuntimeError("no backend")
        return int(Path(f"/proc/{row[0]}/stat").read_text().rpartition(")")[2].split()[1])  # while it lives
