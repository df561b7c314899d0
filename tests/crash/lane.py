"""A lane plays one history after the other in a database of its own, beside other lanes that do the same.

Forked by the program in tests/crash/__main__.py; tells its results as JSON lines through a pipe.
"""

import faulthandler
import gc
import json
import os
import signal
import time
import traceback
from collections.abc import Sequence
from concurrent.futures import Executor, Future
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy.orm import configure_mappers

from portal.usecases.charge import charge_obligation
from portal.usecases.invariants import Walk
from portal.usecases.janitor import sweep
from tests.crash.actors import PAST_ALL_ACCOUNTS, listen_to_logs
from tests.crash.crew import die_with_parent
from tests.crash.history import History
from tests.crash.oracle import Verdict, judge
from tests.crash.stage import Played, Stage
from tests.crash.world import TIMEOUT, BlankPaper, World
from tests.rig.simulator_process import SimulatorProcess


@dataclass
class Lane:
    """A running lane: its process and where its results come out."""

    pid: int
    results: int
    rest: bytes = b""

    def read(self) -> list[dict[str, Any]] | None:
        """Results that came since; None when the lane is over."""
        chunk = os.read(self.results, 65_536)
        if not chunk:
            return None
        *lines, self.rest = (self.rest + chunk).split(b"\n")
        return [json.loads(line) for line in lines]

    def stop(self) -> None:
        """Wait for its end; kill it when it is still at work."""
        os.close(self.results)
        try:
            os.kill(self.pid, signal.SIGKILL)
        finally:
            os.waitpid(self.pid, 0)


def start(url: str, simulator: SimulatorProcess, histories: Sequence[History], log: Path) -> Lane:
    """Forks a lane. The caller has imported everything and holds no connection."""
    read, write = os.pipe()
    pid = os.fork()
    if pid:
        os.close(write)
        return Lane(pid, read)
    try:
        die_with_parent()
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        faulthandler.register(signal.SIGUSR1, file=log.open("a"))  # where it is, for whoever asks
        with os.fdopen(write, "w", buffering=1) as results:
            _run(World(url, simulator), histories, log, results.write)
    except BaseException:
        with log.open("a") as stream:
            traceback.print_exc(file=stream)
        traceback.print_exc()
    finally:
        os._exit(0)


def _run(world: World, histories: Sequence[History], log: Path, tell: Any) -> None:
    listen_to_logs()
    configure_mappers()
    _warm_up(world)
    gc.collect()
    gc.freeze()  # what the children share with us is not copied for the collector's sake
    for history in histories:
        tell(json.dumps(play(world, history, log)) + "\n")


def play(world: World, history: History, log: Path) -> dict[str, Any]:
    """One history, played and judged."""
    began = time.monotonic()
    played = Played()
    try:
        scene = world.scene(history)
        stage = Stage(world, history, log)
        played = stage.played
        stage.play(scene)
        verdict = judge(world, history, scene, played)
    except Exception as error:  # a mistake of the rig's spoils one history, not a lane
        with log.open("a") as stream:
            traceback.print_exc(file=stream)
        verdict = Verdict(wrong=[f"not played to its end: {error!r}"])
    world.before_fork()
    return {
        **asdict(verdict),
        "is_good": verdict.is_good,
        "number": history.number,
        "engine": history.engine,
        "way": history.way,
        "variant": history.variant,
        "families": history.families,
        "described": history.described(),
        "fault": history.fault,
        "question_fault": "/".join(map(str, history.question_fault[:2])) if history.question_fault else None,
        "fault_was_met": played.fault_was_met,
        "hits": sorted(played.hits),
        "rounds": played.rounds,
        "seconds": round(time.monotonic() - began, 2),
    }


class _InTurn(Executor):
    """A pool without threads: what is submitted is done at once. A process with threads must not fork."""

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        done: Future[Any] = Future()
        done.set_result(fn(*args, **kwargs))
        return done


def _warm_up(world: World) -> None:
    """Charges once well and once badly and sweeps, so that every statement is compiled before the first fork."""
    house = world.houses["keyed"]
    for fault in (None, "reset_before"):
        if fault:
            world.simulator.faults(fault, operation="sale", merchant=house.merchant_id)
        due = house.obligation(house.account(), 500, payment_method_id=house.card_on_file())
        charge_obligation(world.ports, house.organisation_id, due, TIMEOUT)
    ports = replace(world.ports, paper=BlankPaper())
    for _ in range(3):
        world.clock.jump(timedelta(minutes=20))
        sweep(ports, _InTurn(), Walk(after=PAST_ALL_ACCOUNTS))
    world.before_fork()
