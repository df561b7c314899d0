"""What the processes of a history do: charge and deliver as page and worker do, sweep as the clock does.

Each runs in a child of its own, armed or not; a point that raises is told apart from an error nobody planned.
"""

import contextlib
import sys
import tempfile
import traceback
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import structlog
from sqlalchemy.orm import configure_mappers

from portal.usecases import agreement, checkout
from portal.usecases.charge import charge_obligation
from portal.usecases.failpoint import FailpointRaised, arm, failpoint
from portal.usecases.invariants import Walk
from portal.usecases.janitor import POOL, sweep
from portal.usecases.outbox import deliver
from portal.usecases.ports import Ports
from portal.usecases.visit import look
from tests.crash.control import charge_naively
from tests.crash.crew import RAISED, Wire
from tests.crash.history import History
from tests.crash.world import TIMEOUT, Scene, World
from tests.rig.house import ListeningDoorbell
from tests.rig.simulator_process import SimulatorProcess

GO, SWEEP, QUIT = b"g", b"s", b"q"
DONE, POINT_RAISED = b"d", b"r"
PAST_ALL_ACCOUNTS = ("~", "~")  # the books are checked by the oracle, once a history and of its own account
_raised: list[str] = []


def listen_to_logs() -> None:
    """No log lines; what rows failed of is remembered or goes to the lane's log."""

    def hear(_logger: object, _method: str, event: dict[str, Any]) -> dict[str, Any]:
        error = event.get("exc_info")
        if isinstance(error, FailpointRaised):
            _raised.append(str(error))
        elif isinstance(error, BaseException):
            sys.stderr.write("".join(traceback.format_exception(error)))
            sys.stderr.flush()
        raise structlog.DropEvent

    structlog.configure(processors=[hear], cache_logger_on_first_use=False)


def raised() -> bool:
    """Whether a point raised in what was logged since this was asked last."""
    found = bool(_raised)
    _raised.clear()
    return found


def charger(world: World, history: History, scene: Scene, armed: str, wire: Wire) -> int:
    """A page or a worker: charges the obligation, then delivers what was rung for."""
    wire.order()
    arm(armed)
    organisation_id = scene.house.organisation_id
    ports = world.ports_of_child(nobody_listens=history.fault == "refused_connection")
    try:
        if history.way == "checkout" and not scene.obligations:
            obligation_id = agree(ports, scene)
        else:
            obligation_id = scene.obligations[-1]
        if history.way == "naive":
            charge_naively(ports, organisation_id, obligation_id, TIMEOUT)
            return 0
        charge_obligation(ports, organisation_id, obligation_id, TIMEOUT)
        assert isinstance(ports.doorbell, ListeningDoorbell)
        if not history.loses_ring:
            for rung in ports.doorbell.messages:
                deliver(ports, *rung)
    except FailpointRaised:
        return RAISED
    return 0


def agree(ports: Ports, scene: Scene) -> str:
    """What the page behind the button Agree does, until the money is asked for."""
    now = ports.clock.now()
    with ports.database.transaction(scene.house.organisation_id) as session:
        walk = look(session, scene.subject_id, scene.secret, now, locked=True)
        assert walk is not None
        if walk.visit.obligation_id is not None:  # a second press
            return walk.visit.obligation_id
        text = agreement.shown(walk, walk.organisation, checkout.require_quote(walk).forgiven_cents)
        obligation_id = checkout.accept(
            session, walk, walk.organisation, text.digest, ip="203.0.113.7", user_agent="rig", now=now
        )
    failpoint("agree.after_commit")
    return obligation_id


def janitor(world: World, armed: str, wire: Wire) -> int:
    """The clock's process: sweeps when told to, until told to quit."""
    arm(armed)
    ports = world.ports_of_child()
    with ThreadPoolExecutor(POOL) as pool:
        while wire.order() == SWEEP:
            try:
                sweep(ports, pool, Walk(after=PAST_ALL_ACCOUNTS))
            except Exception:
                traceback.print_exc()
            wire.report(POINT_RAISED if raised() else DONE)
    return 0


@contextlib.contextmanager
def own_world(name: str, url: str) -> Iterator[tuple[World, Path]]:
    """For a rig that is a program of its own: a world over a simulator of its own, and where its actors log."""
    warnings.simplefilter("ignore", DeprecationWarning)
    listen_to_logs()
    configure_mappers()  # before anybody forks
    simulator = SimulatorProcess()
    try:
        with tempfile.TemporaryDirectory(prefix=f"paydoor-{name}-") as folder:
            yield World(url, simulator), Path(folder, "log")
    finally:
        simulator.stop()
