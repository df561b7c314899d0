"""Sixteen processes that pay at the same moment, each with a database and a gateway of its own.

They are forked by a server that has one thread and nothing open, because a test process has threads and must not fork.
"""

import multiprocessing
import traceback
from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Barrier

from portal.storage import Database
from portal.usecases.charge import charge_obligation
from tests.rig.house import House, build_ports

WAIT = timedelta(seconds=60)  # for the gateway's answer: a busy machine is not its fault
WAIT_FOR_ALL_S = 240
WANTED_BY_ALL = ("portal.app", "portal.delivery.paper", "portal.delivery.wording")  # read once, not by each process


@dataclass(frozen=True)
class Address:
    """Where the simulator is, for a process that must not own it."""

    url: str
    smtp_port: int


def race(house: House, database_url: str, dues: list[str]) -> Counter[str]:
    """Each due is charged by a process of its own, all at once; how many ended in which status.

    A process that fails says why: AssertionError with its traceback.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__, *WANTED_BY_ALL])
    go, results = context.Barrier(len(dues)), context.Queue()
    address = Address(house.simulator.url, house.simulator.smtp_port)
    children = [
        context.Process(target=_pay, args=(database_url, address, house.organisation_id, due, go, results))
        for due in dues
    ]
    for child in children:
        child.start()
    ended = [results.get(timeout=WAIT_FOR_ALL_S) for _ in children]
    for child in children:
        child.join(30)
    failed = [text for is_well, text in ended if not is_well]
    assert not failed, "\n".join(failed)
    assert [child.exitcode for child in children] == [0] * len(dues)
    return Counter(status for _, status in ended)


def _pay(
    url: str, address: Address, organisation_id: str, due: str, go: Barrier, results: "Queue[tuple[bool, str]]"
) -> None:
    try:
        database = Database(url)
        ports = build_ports(database, address)  # type: ignore[arg-type]  # all that ports need of it
        go.wait()
        result = charge_obligation(ports, organisation_id, due, WAIT)
        database.dispose()
    except BaseException:
        results.put((False, f"{due}: {traceback.format_exc()}"))
        go.abort()
        raise
    results.put((True, result.obligation_status))
