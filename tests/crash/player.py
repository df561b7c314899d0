"""Plays one act with real processes: arms one, lets it die, freezes it, jumps the clock, goes round until all is quiet.

Called by tests/crash/acts.py. What came of it is judged by the act and by tests/crash/books.py.
"""

import random
import sys
import time
import traceback
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import func, select, text

from portal.domain.refusal import Refused
from portal.jobs.run import round_once
from portal.storage import Session
from portal.storage.charge import Charge
from portal.storage.erasure import Erasure
from portal.storage.message import Message
from portal.storage.notice import Notice
from portal.storage.obligation import Obligation
from portal.storage.refund import Refund
from portal.usecases.failpoint import FailpointRaised, arm
from portal.usecases.invariants import Walk
from portal.usecases.janitor import POOL, sweep
from tests.crash import actors
from tests.crash.act import CLOCK, PATIENT, Act, Hand, work_off
from tests.crash.actors import DONE, GO, PAST_ALL_ACCOUNTS, POINT_RAISED, QUIT, SWEEP
from tests.crash.books import judge_house
from tests.crash.crew import FAILED, RAISED, Child, Look, Wire, answered, settled, wait
from tests.crash.oracle import Verdict
from tests.crash.world import World

ROUNDS_MAX = 80
PATIENCE_SECONDS = 40
FROZEN_SECONDS = 3  # so long others may wait for what a frozen process holds
SOON = timedelta(hours=4)  # whoever saw no result does not wait for the payments of days to come
HANDED = timedelta(seconds=61)
SILENT = frozenset({"gateway_unreachable", "gateway_silent"})


@dataclass(frozen=True, slots=True)
class Cell:
    """Which act, who of it, where and how. `who` empty: nobody dies."""

    act: type[Act]
    who: str = ""
    point: str = ""
    action: str = ""

    @property
    def armed(self) -> str:
        return f"{self.point}={self.action}" if self.point else ""


@dataclass
class Played:
    """One act being played."""

    world: World
    cell: Cell
    draw: random.Random
    log: Path
    act: Act = field(init=False)
    frozen: list[Child] = field(default_factory=list)
    children: list[Child] = field(default_factory=list)
    clocks: list[Child] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    was_hit: bool = False
    sessions_were_ended: bool = False  # and with them that of a bystander perhaps, whose process then fails
    mail_fault: str | None = None
    rounds: int = 0

    def play(self) -> Verdict:
        """From the first row to the last mail."""
        self.world.clock.reset()
        self.act = self.cell.act(self.world, self.draw)
        self.act.begin()
        self.act.aims_at(self.cell.who, self.cell.point)
        self._plan_faults()
        try:
            self._at_once()
            thaws_in = self.draw.choice((0, 1, 2, ROUNDS_MAX))
            self._until_quiet(thaws_in, self.world.clock.now() + SOON)
            self.world.simulator.clear_faults()
            self._once_more()
            self._until_quiet(0, None)
        finally:
            self._clear()
        return self._judged()

    # --- before and after -------------------------------------------------------------------------------------------

    def _plan_faults(self) -> None:
        simulator, merchant = self.world.simulator, self.act.house.merchant_id
        if self.act.faults and (self.act.fault_meant or self.draw.random() < 0.6):
            operation, fault = self.act.fault_meant or self.draw.choice(self.act.faults)
            simulator.faults(fault, operation=operation, merchant=merchant, times=self.draw.randint(1, 2))
        if self.draw.random() < 0.15:
            self.mail_fault = self.draw.choice(("accept_then_drop", "temporary_4xx"))
            fault_of_mail = {"mode": self.mail_fault, "recipient": self.act.recipient}
            simulator.call("POST", "/simulator/mail-faults", fault_of_mail)

    def _judged(self) -> Verdict:
        mails = self.world.simulator.call("GET", f"/mailbox.json?recipient={self.act.recipient}")
        may_repeat = self.was_hit or self.mail_fault is not None
        with self.act.read() as session:
            verdict = judge_house(self.act.house, session, mails, self.act.alarms, may_repeat=may_repeat)
            verdict.wrong += self.wrong + self.act.judge(session)
        return verdict

    def _clear(self) -> None:
        self.world.simulator.clear_faults()
        for child in self.clocks:
            if not _is_gone(child):
                child.tell(QUIT)
        wait([child for child in self.clocks if not _is_gone(child)], settled, 5)
        for child in self.children:
            child.remove()
        self.world.before_fork()

    # --- what is done at once ---------------------------------------------------------------------------------------

    def _at_once(self) -> None:
        hands = self.act.hands()
        arms_all = self.draw.random() < 0.7
        order = list(range(len(hands)))
        self.draw.shuffle(order)
        self.world.before_fork()
        fresh, armed_once = {}, False
        for n in order:
            who, work = hands[n]
            armed = self.cell.armed if who == self.cell.who and (arms_all or not armed_once) else ""
            armed_once = armed_once or bool(armed)
            fresh[self._spawn(who, work, armed, patient=False)] = armed
        for child in fresh:
            child.tell(GO)
        self._await(list(fresh), settled)
        for child, armed in fresh.items():
            self._note(child, armed, child.exit_code == RAISED)

    def _once_more(self) -> None:
        """Whoever saw no result does it once more, with nobody dying."""
        self.world.before_fork()
        child = self._spawn("once more", self.act.again(), "", patient=True)
        child.tell(GO)
        self._await([child], settled)
        self._note(child, "", False)

    def _spawn(self, who: str, work: Hand, armed: str, *, patient: bool) -> Child:
        world, refuses = self.world, self.act.may_refuse | SILENT
        child = Child(who, lambda wire: _hand(world, work, armed, refuses, patient, wire), self.log)
        self.children.append(child)
        return child

    # --- the clock's rounds -----------------------------------------------------------------------------------------

    def _until_quiet(self, thaws_in: int, until: datetime | None) -> None:
        """Until nothing is left to do, or nothing before a moment."""
        for number in range(ROUNDS_MAX):
            if number >= thaws_in:
                self._thaw_all()
            with self.act.read() as session:
                next_at = next_event(session, self.world.clock.now())
            self.world.before_fork()
            if next_at is None or (until is not None and next_at > until):
                if not self.frozen:
                    return
                self._thaw_all()
                continue
            ahead = next_at - self.world.clock.now()
            self.world.clock.jump(max(ahead, timedelta(0)) + timedelta(seconds=self.draw.uniform(0.1, 20)))
            self.rounds += 1
            self._round()
        self.wrong.append("no end of it")

    def _round(self) -> None:
        self.world.before_fork()
        if not [child for child in self.clocks if not _is_gone(child)]:
            armed = self.cell.armed if self.cell.who == CLOCK and not self.clocks else ""
            world = self.world
            child = Child("clock", lambda wire: _clockwork(world, armed, wire), self.log)
            self.clocks.append(child)
            self.children.append(child)
        working = [child for child in self.clocks if not _is_gone(child)]
        for child in working:
            child.tell(SWEEP)
        self._await(working, answered)
        for child in working:
            is_armed = self.cell.who == CLOCK and child is self.clocks[0]
            self._note(child, self.cell.armed if is_armed else "", child.last_report == POINT_RAISED)

    # --- processes --------------------------------------------------------------------------------------------------

    def _await(self, children: list[Child], until: Any) -> None:
        def is_there(child: Child, look: Look) -> bool:
            if look is Look.stopped and child not in self.frozen:
                self.frozen.append(child)
                if self.cell.point.endswith("before_commit"):
                    self._free_the_database(child)
            return bool(until(child, look))

        end = time.monotonic() + PATIENCE_SECONDS
        waiting = wait(children, is_there, FROZEN_SECONDS)
        while waiting and time.monotonic() < end:
            if self.frozen:  # another of its threads holds what they need
                self._thaw_all()
            waiting = wait(waiting, is_there, FROZEN_SECONDS)
        for child in waiting:
            self.wrong.append(f"{child.name} did not end")
            child.remove()

    def _free_the_database(self, child: Child) -> None:
        """Frozen in a transaction, it holds the others up: until it thaws, or until PostgreSQL ends its session."""
        time.sleep(0.1)
        if self.world.database.url.get_backend_name() == "postgresql" and self.draw.random() < 0.5:
            ended = text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND state = 'idle in transaction'"
            )
            with self.world.database.across() as session:
                session.execute(ended)
            self.sessions_were_ended = True
            return
        self.frozen.remove(child)
        child.thaw()

    def _thaw_all(self) -> None:
        thawed, self.frozen[:] = list(self.frozen), []
        for child in thawed:
            child.thaw()
        late = wait(thawed, answered, PATIENCE_SECONDS)
        self.wrong += [f"{child.name} did not end once thawed" for child in late]

    def _note(self, child: Child, armed: str, has_raised: bool) -> None:
        if armed and (child.killed_by or child.was_frozen or has_raised):
            self.was_hit = True
        if child.exit_code not in (None, 0, RAISED) and not self.sessions_were_ended:
            self.wrong.append(f"{child.name} ended with {child.exit_code}")


def next_event(session: Session, now: datetime) -> datetime | None:
    """When the next thing that is still open in an organisation is due for a look; None: all is quiet."""
    in_transit = ("sending", "unknown")
    moments = [
        session.scalar(select(func.min(Charge.next_try_at)).where(Charge.state.in_(in_transit))),
        session.scalar(select(func.min(Refund.next_try_at)).where(Refund.state.in_(in_transit))),
        session.scalar(select(func.min(Message.next_try_at)).where(Message.state == "queued")),
        session.scalar(select(func.min(Notice.next_try_at)).where(Notice.state == "waiting")),
    ]
    kept = (Erasure.finished_at.is_(None), Erasure.forgotten_at.is_(None))
    moments.append(session.scalar(select(func.min(Erasure.next_try_at)).where(*kept)))
    due = select(Obligation.due_at, Obligation.handed_at, Obligation.kind).where(Obligation.status == "due")
    for due_at, handed_at, kind in session.execute(due):
        if kind == "checkout":
            moments.append((handed_at or due_at) + HANDED)
        else:
            moments.append(max(due_at, handed_at + HANDED) if handed_at is not None else due_at)
    unwanted = select(func.count()).where(Charge.cancel_requested_at.is_not(None), Charge.cancel_settled_at.is_(None))
    is_on_its_way = moments[1] is not None  # then it is looked for in its own time
    if not is_on_its_way and session.scalar(unwanted.where(Charge.state == "succeeded")):
        moments.append(now + timedelta(seconds=15))
    known = [moment for moment in moments if moment is not None]
    return min(known) if known else None


def _hand(world: World, work: Hand, armed: str, refuses: frozenset[str], patient: bool, wire: Wire) -> int:
    wire.order()
    arm(armed)
    ports = world.ports_of_child()
    if patient:
        ports = replace(ports, timing=PATIENT)
    try:
        work(ports)
    except FailpointRaised:
        return RAISED
    except Refused as refused:
        if refused.code not in refuses:
            traceback.print_exc()
            return FAILED
    return RAISED if actors.raised() else 0


def _clockwork(world: World, armed: str, wire: Wire) -> int:
    """The clock's process and a worker beside it: sweeps, runs, and does what was rung for, when told to."""
    arm(armed)
    ports = world.ports_of_child()
    with ThreadPoolExecutor(POOL) as pool:
        while wire.order() == SWEEP:
            has_raised = False
            try:
                sweep(ports, pool, Walk(after=PAST_ALL_ACCOUNTS))
                round_once(ports, pool)
                work_off(ports, pool)
            except FailpointRaised:
                has_raised = True
            except Exception:
                traceback.print_exc()
                sys.stderr.flush()
            wire.report(POINT_RAISED if actors.raised() or has_raised else DONE)
    return 0


def _is_gone(child: Child) -> bool:
    return child.look() is Look.ended or child.is_stopped
