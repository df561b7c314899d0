"""Plays one history: forks its processes, lets them die and freeze, jumps the clock, sweeps until all is quiet.

Called by the lanes. What came of it is judged in tests/crash/oracle.py.
"""

import time
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

from sqlalchemy import func, select, text

from portal.storage import obligation
from portal.storage.charge import Charge
from portal.storage.message import Message
from portal.storage.obligation import Obligation
from tests.crash.actors import GO, POINT_RAISED, QUIT, SWEEP, charger, janitor
from tests.crash.crew import RAISED, Child, Look, answered, settled, wait
from tests.crash.history import IN_TRANSACTION, LATE, History
from tests.crash.world import Scene, World

ROUNDS_MAX = 40
THAW_SECONDS = 3
PATIENCE_SECONDS = 30  # more than any wait of ours for a lock or the gateway
SLOW_SECONDS = 0.25
LATE_SECONDS = 0.6
JANITOR_ASKS_ITSELF = timedelta(seconds=61)  # how long a due obligation is left to its ring


@dataclass
class Played:
    """What was seen while a history was played."""

    hits: set[tuple[str, str]] = field(default_factory=set)
    fault_was_met: bool = False
    is_quiet: bool = False
    had_to_wait: list[str] = field(default_factory=list)  # processes that did not come to an end by themselves
    was_disturbed: bool = False  # a process died or froze, so a message may rightly have gone twice
    rounds: int = 0


class Stage:
    """One history being played."""

    def __init__(self, world: World, history: History, log: Path) -> None:
        self.world, self.history, self.log = world, history, log
        self.draw = Random(f"{history.seed}:{history.number}:played")
        self.played = Played()
        self.chargers: list[Child] = []
        self.janitors: list[Child] = []
        self.frozen: list[Child] = []
        self.planned: list[str] = []  # faults waiting at the simulator
        self.lag: str | None = None

    def play(self, scene: Scene) -> Played:
        """From the first charge to the last mail."""
        history = self.history
        if history.way == "checkout":
            self.world.open_visit(scene, history)
        else:
            self._agree(scene)
        self._plan_faults(scene)
        try:
            self._charge(scene, history.rivals, armed=True)
            if history.way == "checkout":
                self._press_again(scene)
            if history.way == "naive":
                self._try_naively_again(scene)
            else:
                self._bring_to_an_end(scene)
        finally:
            self._clear(scene)
        return self.played

    # --- before -----------------------------------------------------------------------------------------------------

    def _agree(self, scene: Scene) -> None:
        now = self.world.clock.now()
        with self.world.database.transaction(scene.house.organisation_id) as session:
            values = {
                "customer_id": scene.house.customer_id, "account_id": scene.account_id, "kind": "checkout",
                "subject_id": scene.subject_id, "seq": len(scene.obligations) + 1, "amount_cents": scene.amount_cents,
                "due_at": now, "created_at": now,
            }  # fmt: skip
        card = self.world.card(scene, self.history)
        with self.world.database.transaction(scene.house.organisation_id) as session:
            row = Obligation(**values, **card)
            session.add(row)
            session.flush()
            scene.obligations.append(row.id)

    def _plan_faults(self, scene: Scene) -> None:
        history, house = self.history, scene.house
        plan = self.world.simulator.faults
        named = fault_settings(history)
        if named is not None:
            self.sale_fault = plan(**named, operation="sale", order_prefix=house.organisation_id)
            self.planned.append(self.sale_fault)
        if history.question_fault is not None:
            operation, fault, times = history.question_fault
            seconds = {"seconds": 30.0} if fault.startswith("hang") else {}
            self.planned.append(plan(fault, operation=operation, merchant=house.merchant_id, times=times, **seconds))
        if history.search_lag != "none":
            self.lag = plan("search_lag", operation="search", merchant=house.merchant_id, seconds=1e8)
            self.planned.append(self.lag)
        if history.mail_fault is not None:
            self.world.simulator.call(
                "POST", "/simulator/mail-faults", {"mode": history.mail_fault, "recipient": scene.recipient}
            )

    # --- charging ---------------------------------------------------------------------------------------------------

    def _charge(self, scene: Scene, number: int, *, armed: bool) -> None:
        history = self.history
        point = f"{history.charger_point}={history.charger_action}" if history.charger_point and armed else ""
        self.world.before_fork()
        fresh = []
        for n in range(number):
            arms = point if history.arms_all or n == 0 else ""
            fresh.append(
                self._spawn(f"charger {n}", lambda wire, arms=arms: charger(self.world, history, scene, arms, wire))
            )
        self.chargers += fresh
        if history.overlaps and armed:
            self._hire_janitors()
        for child in fresh:
            child.tell(GO)
        if history.overlaps and armed:
            self._sweep_meanwhile(fresh)
        self._await(fresh, self._settled_and_freed)
        self._note_chargers(fresh)

    def _press_again(self, scene: Scene) -> None:
        """Whoever sees no result presses once more; that made one obligation, or finds the one there is."""
        self._find_obligations(scene)
        if not scene.obligations:
            self._charge(scene, 1, armed=False)
            self._find_obligations(scene)

    def _find_obligations(self, scene: Scene) -> None:
        with self.world.database.read(scene.house.organisation_id) as session:
            scene.obligations = [row.id for row in obligation.of_subject(session, scene.subject_id)]

    def _sweep_meanwhile(self, chargers: list[Child]) -> None:
        """The clock runs and janitors look while the charge is under way."""
        for _ in range(self.draw.randint(2, 6)):
            self.world.clock.jump(timedelta(seconds=self.draw.choice((5, 40, 150, 400))))
            self._sweep()
            if all(settled(child, child.look()) for child in chargers):
                return

    def _settled_and_freed(self, child: Child, look: Look) -> bool:
        """It ended or is frozen; one that froze in a transaction is dealt with while its rivals wait for it."""
        if look is Look.stopped and child not in self.frozen and self.history.charger_point in IN_TRANSACTION:
            self.frozen.append(child)
            self._free_the_database(child)
            look = child.look()
        return settled(child, look)

    def _note_chargers(self, children: list[Child]) -> None:
        point, action = self.history.charger_point, self.history.charger_action
        for child in children:
            if point and (child.killed_by or child.was_frozen or child.exit_code == RAISED):
                self.played.hits.add((point, action))
                self.played.was_disturbed = True
            if child.is_stopped and child not in self.frozen:
                self.frozen.append(child)

    def _free_the_database(self, child: Child) -> None:
        """Frozen in a transaction it holds up the others: for a while, or until its session is ended."""
        self.world.clock.jump(timedelta(seconds=self.draw.choice((1, 30, 200))))
        if self.history.loses_session:
            ended = text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND state = 'idle in transaction'"
            )
            with self.world.database.across() as session:
                session.execute(ended)
            return
        time.sleep(0.15)
        self._thaw(child)

    def _try_naively_again(self, scene: Scene) -> None:
        """A job that failed is run again; then the frozen go on."""
        for _ in range(2):
            if self._status(scene) != "due":
                break
            self._charge(scene, 1, armed=False)
        self._thaw_all()
        time.sleep(LATE_SECONDS if self.history.fault in LATE else 0)
        self.played.is_quiet = True

    # --- the janitors' part -----------------------------------------------------------------------------------------

    def _bring_to_an_end(self, scene: Scene) -> None:
        history = self.history
        if history.fault in LATE and history.late_lands == "before":
            time.sleep(LATE_SECONDS)
        if history.thaw == "soon":
            self._thaw_all()
        self.played.is_quiet = self._until_quiet(scene)
        if history.tries_again and self._status(scene) == "declined":
            if self.draw.random() < 0.5:
                self._thaw_all()
            self._agree(scene)
            self._charge(scene, 1, armed=False)
            self.played.is_quiet = self._until_quiet(scene)
        if self.frozen:
            self._thaw_all()
            self.played.is_quiet = self._until_quiet(scene)
        if history.fault in LATE:
            time.sleep(LATE_SECONDS)
            self.played.is_quiet = self._until_quiet(scene)

    def _until_quiet(self, scene: Scene) -> bool:
        for _ in range(ROUNDS_MAX):
            next_at = self._next_event(scene)
            self.world.before_fork()
            if next_at is None:
                return True
            if self.played.had_to_wait:
                return False
            self.played.rounds += 1
            if self.history.thaw == "after_lease" and self.played.rounds == 2:
                self._thaw_all()
            if self.history.fault == "authorizing_then_settled" and self.played.rounds == 3:
                time.sleep(SLOW_SECONDS)  # the gateway's clock does not jump: what it authorises has its ending by now
            if self.history.search_lag == "below" and self.played.rounds == 3 and self.lag:
                self._forget_fault(self.lag)
            ahead = next_at - self.world.clock.now() + timedelta(seconds=self.draw.uniform(0.1, 20))
            if ahead > timedelta(0):
                self.world.clock.jump(ahead)
            self._hire_janitors()
            self._sweep()
        return False

    def _next_event(self, scene: Scene) -> datetime | None:
        """When the next thing that is still open is due for a look; None: all is quiet."""
        with self.world.database.across() as session:
            moments = [
                session.scalar(
                    select(func.min(Charge.next_try_at)).where(
                        Charge.account_id == scene.account_id, Charge.state.in_(("sending", "unknown"))
                    )
                ),
                session.scalar(
                    select(func.min(Message.next_try_at)).where(
                        Message.customer_id == scene.house.customer_id, Message.state == "queued"
                    )
                ),
            ]
            due = session.scalar(
                select(func.min(func.coalesce(Obligation.handed_at, Obligation.due_at))).where(
                    Obligation.account_id == scene.account_id, Obligation.status == "due"
                )
            )
        if due is not None:
            moments.append(due + JANITOR_ASKS_ITSELF)
        known = [moment for moment in moments if moment is not None]
        return min(known) if known else None

    def _hire_janitors(self) -> None:
        """As many as the history has; the first ever hired is the one that is armed."""
        history = self.history
        missing = history.janitors - len([child for child in self.janitors if not _is_gone(child)])
        if missing <= 0:
            return
        self.world.before_fork()
        for _ in range(missing):
            armed = (
                f"{history.janitor_point}={history.janitor_action}"
                if history.janitor_point and not self.janitors
                else ""
            )
            self.janitors.append(
                self._spawn(f"janitor {len(self.janitors)}", lambda wire, armed=armed: janitor(self.world, armed, wire))
            )

    def _sweep(self) -> None:
        working = [child for child in self.janitors if not _is_gone(child)]
        for child in working:
            child.tell(SWEEP)
        first = self.janitors[0]
        held = self.history.janitor_action == "stop" and self.history.janitor_point in IN_TRANSACTION
        if held and first in working:  # it may hold what the others wait for
            self._await([first], answered)
            self._note_janitor(first)
            working.remove(first)
            if first.is_stopped:
                self._free_the_database(first)
        self._await(working, answered)
        for child in working:
            self._note_janitor(child)

    def _note_janitor(self, child: Child) -> None:
        point, action = self.history.janitor_point, self.history.janitor_action
        if child is not self.janitors[0] or not point:
            return
        if child.killed_by or child.is_stopped or child.last_report == POINT_RAISED:
            self.played.hits.add((point, action))
            self.played.was_disturbed = True
        if child.is_stopped and child not in self.frozen:
            self.frozen.append(child)

    # --- processes --------------------------------------------------------------------------------------------------

    def _spawn(self, name: str, work: Any) -> Child:
        return Child(f"history {self.history.number}, {name}", work, self.log)

    def _await(self, children: list[Child], until: Any) -> None:
        waiting = wait(children, until, THAW_SECONDS if self.frozen else PATIENCE_SECONDS)
        if waiting and self.frozen:  # another thread of a frozen process was in a transaction, and holds them up
            for child in [child for child in self.frozen if child not in waiting]:
                self.frozen.remove(child)
                child.thaw()
            waiting = wait(waiting, until, PATIENCE_SECONDS)
        for child in waiting:
            self.played.had_to_wait.append(child.name)
            child.ask_where()
            child.remove()

    def _thaw(self, child: Child) -> None:
        if child in self.frozen:
            self.frozen.remove(child)
        child.thaw()
        self._await([child], answered if child in self.janitors else settled)

    def _thaw_all(self) -> None:
        for child in list(self.frozen):
            self._thaw(child)

    def _status(self, scene: Scene) -> str:
        with self.world.database.read(scene.house.organisation_id) as session:
            status: str = session.scalars(select(Obligation.status).where(Obligation.id == scene.obligations[-1])).one()
        return status

    # --- after ------------------------------------------------------------------------------------------------------

    def _forget_fault(self, fault_id: str) -> bool:
        """Whether it was still waiting."""
        try:
            self.world.simulator.call("DELETE", f"/simulator/faults/{fault_id}")
        except AssertionError:
            return False
        return True

    def _clear(self, scene: Scene) -> None:
        for child in self.janitors:
            if not _is_gone(child):
                child.tell(QUIT)
        wait([child for child in self.janitors if not _is_gone(child)], settled, 5)
        for child in (*self.chargers, *self.janitors):
            child.remove()
        self.played.fault_was_met = self.history.fault in ("ok", "refused_connection")
        for fault_id in self.planned:
            was_waiting = self._forget_fault(fault_id)
            if fault_id == getattr(self, "sale_fault", None):
                self.played.fault_was_met = not was_waiting


def _is_gone(child: Child) -> bool:
    return child.look() is Look.ended or child.is_stopped


def fault_settings(history: History) -> dict[str, Any] | None:
    """The history's fault as the simulator's lever takes it; None: nothing goes wrong there."""
    fault = history.fault
    if fault in ("ok", "refused_connection"):
        return None
    if fault in LATE:
        return {
            "fault": "late", "held": fault.removeprefix("late_"), "hang_seconds": 30.0,
            "seconds": LATE_SECONDS if history.late_lands == "after" else SLOW_SECONDS,
        }  # fmt: skip
    if fault == "error_915235_after":
        return {"fault": "error_915235", "processed": True}
    if fault in ("slow", "authorizing_then_settled"):
        return {"fault": fault, "seconds": SLOW_SECONDS}
    return {"fault": fault, "seconds": 30.0} if fault.startswith("hang") else {"fault": fault}
