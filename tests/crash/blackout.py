"""Everything is killed at once, again and again: `python -m tests.crash.blackout sqlite|postgres` says what came of it.

The portal, two workers, the clock, Valkey and PostgreSQL (of SQLite: every process that has it open) get SIGKILL in the
middle of a run and of payers' walks through their links, and are started again. Each time the next payment is charged
within a minute. After the last time all is left to come to an end, and the gateway's truth, the books and the mailbox
of every organisation are compared (tests/crash/books.py). Run by `make crash`; once by tests/crash/test_blackout.py.
"""

import argparse
import contextlib
import json
import random
import signal
import sys
import tempfile
import threading
import time
import traceback
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from http.client import HTTPException
from pathlib import Path
from typing import Any

from cryptography.fernet import Fernet
from sqlalchemy import select

from bench.payer import Payer
from demo.embedded import EmbeddedValkey
from demo.process import ChildProcess, free_port
from portal.app import FernetSeal, SystemClock
from portal.gateway.braintree import BraintreeGateways, Credentials
from portal.storage import Database, organisation
from portal.storage import account as accounts
from portal.storage import customer as customers
from portal.storage import obligation as obligations
from portal.storage.message import Message
from portal.storage.obligation import Obligation
from portal.usecases.outbox import SENDING_FOR
from portal.usecases.payment_link import address, make
from tests.crash.actors import listen_to_logs
from tests.crash.books import judge_house
from tests.crash.crew import FAILED
from tests.crash.history import ENGINES
from tests.crash.oracle import Verdict
from tests.crash.player import HANDED, next_event
from tests.rig import processes
from tests.rig.house import build_ports, found
from tests.rig.postgres import migrate
from tests.rig.postgres_alone import PostgresAlone
from tests.rig.series import card_of, scheduled, weekly
from tests.rig.simulator_process import SimulatorProcess

NEXT_CHARGE_SECONDS = 60
QUIET_SECONDS = 180
WAIT_SECONDS = 60
PAYMENTS = 12  # of each organisation: due at once
AFTER = 2  # and so many more, due when everything is up again
PAYERS = 2
EACH_CENTS = 1_000
LATENCY_MS = 60  # so that something is always on its way
# The waits of the money path in seconds instead of minutes; what is waited for is the same.
SHORT = {
    "GATEWAY_TIMEOUT_PAGE_SECONDS": "5", "GATEWAY_TIMEOUT_WORKER_SECONDS": "5", "SEND_WINDOW_SECONDS": "3",
    "LEASE_MARGIN_SECONDS": "2", "QUARANTINE_SECONDS": "6", "SWEEP_SECONDS": "1",
}  # fmt: skip
COUNTED = ("doubles", "lost", "phantom", "stuck")


class Town:
    """Everything there is to kill, and the simulator, which is not ours to kill."""

    def __init__(self, engine: str, folder: Path, stack: contextlib.ExitStack, seed: int) -> None:
        self.folder, self.draw = folder, random.Random(f"blackout {seed} {engine}")
        self.simulator = SimulatorProcess(latency_ms=LATENCY_MS)
        stack.callback(self.simulator.stop)
        self.postgres = PostgresAlone() if engine == "postgres" else None
        if self.postgres is not None:
            stack.callback(self.postgres.stop)
            url = self.postgres.create("blackout")
        else:
            url = f"sqlite:///{folder / 'blackout.sqlite3'}"
            migrate(url)
        self.port, self.valkey_port, key = free_port(), free_port(), Fernet.generate_key().decode()
        self.url = f"http://127.0.0.1:{self.port}"
        self.settings = {
            "PORTAL_URL": self.url, "DATABASE_URL": url, "REDIS_URL": f"redis://127.0.0.1:{self.valkey_port}/0",
            "SIMULATOR_URL": self.simulator.url, "SMTP_PORT": str(self.simulator.smtp_port), "SEAL_KEY": key, **SHORT,
        }  # fmt: skip
        self.database = Database(url)
        stack.callback(self.database.dispose)
        self.seal = FernetSeal(key)
        gateways = BraintreeGateways(self._credentials, "simulator", self.simulator.url, timedelta(seconds=10))
        self.ports = build_ports(
            self.database, self.simulator, clock=SystemClock(), seal=self.seal, portal_url=self.url, gateways=gateways
        )
        self.valkey: EmbeddedValkey | None = None
        self.running: list[ChildProcess] = []
        stack.callback(self.kill)

    def _credentials(self, organisation_id: str) -> Credentials | None:
        with self.database.read(organisation_id) as session:
            row = organisation.gateway_account(session)
        if row is None:
            return None
        private_key = self.seal.open(row.private_key_sealed)
        return Credentials(row.environment, row.merchant_id, row.public_key, private_key, row.merchant_account_id)

    def start(self) -> None:
        """Up again, from whatever the kill left on the disk."""
        if self.postgres is not None and not self.postgres.is_up:
            self.postgres.start()
        self.valkey = EmbeddedValkey(self.folder / "valkey", port=self.valkey_port, dies_with_us=True)
        log = self.folder / "log"
        self.running = [
            processes.clock(self.settings, log, dies_with_us=True),
            *(processes.worker(self.settings, log, dies_with_us=True) for _ in range(2)),
        ]
        self.running.append(processes.portal(self.settings, log, port=self.port, dies_with_us=True))

    def kill(self) -> None:
        """SIGKILL for all of them, in any order, none waiting for another."""
        kills: list[Callable[[], object]] = [process.kill for process in self.running]
        if self.valkey is not None:
            kills.append(self.valkey.process.kill)
        if self.postgres is not None and self.postgres.is_up:
            kills.append(self.postgres.kill)
        self.draw.shuffle(kills)
        for kill in kills:
            kill()
        self.running, self.valkey = [], None
        self.database.dispose()


@dataclass
class Walker:
    """Somebody who pays through a link and, when a page does not come, goes back to it as people do."""

    payer: Payer
    link: str
    nonce: str
    has_paid: bool = False
    trouble: list[str] = field(default_factory=list)

    def walk(self) -> None:
        """As far as it goes."""
        try:
            if self.payer.path and "/l/" not in self.payer.path:  # a visit was open
                self.payer.open(self.payer.path)
                self.payer.go_on_to("result", self.nonce)
            else:
                self.payer.walk_to("result", self.link, self.nonce)
            self.has_paid = self.payer.step == "result"
        except (OSError, HTTPException, RuntimeError, KeyError) as error:  # nobody there, or cut off in mid-page
            self.trouble.append(f"at {self.payer.path}: {error}"[:300])


class Cycle:
    """One organisation, its payments and payers, and the moment at which everything dies."""

    def __init__(self, town: Town) -> None:
        self.town = town
        self.house = found(town.ports, town.simulator)
        self.house.writes_at_any_hour()
        self.house.set("catch_up_per_day", 50)
        self.recipient = f"{self.house.slug}@example.com"
        with self._transaction() as session:
            payer = customers.by_id(session, self.house.customer_id)
            assert payer is not None
            payer.email = self.recipient
        number, card = PAYMENTS + AFTER, card_of(self.house)
        self.house.set("schedule_number_max", number)
        wish = weekly(self.house, number, EACH_CENTS)
        self.schedule_id = scheduled(self.house, wish, balance_cents=number * EACH_CENTS, card=card).schedule_id
        self.walkers = [Walker(Payer(town.url), self._link(), self.house.nonce()) for _ in range(PAYERS)]

    def _transaction(self) -> Any:
        return self.town.database.transaction(self.house.organisation_id)

    def _link(self) -> str:
        account_id = self.house.account(5_000)
        with self._transaction() as session:
            owed = accounts.by_id(session, account_id)
            assert owed is not None
            to = organisation.by_id(session, self.house.organisation_id)
            token = make(session, owed, days=30, now=self.town.ports.clock.now(), made_by="rig")
            return address("", to, token)

    def fall_due(self, first: int, last: int) -> None:
        """Payments of the schedule, by number, are due now."""
        with self._transaction() as session:
            for row in obligations.of_subject(session, self.schedule_id):
                if first <= row.seq <= last:
                    row.due_at = self.town.ports.clock.now()

    def taken(self) -> int:
        """How many payments of the schedule the gateway took."""
        amounts = [row["amount_cents"] for row in self.house.truth() if row["success"]]
        return amounts.count(EACH_CENTS)

    def play(self) -> float:
        """Seconds from the start of the restart until the next payment was charged."""
        self.fall_due(1, PAYMENTS)
        walks = [threading.Thread(target=walker.walk) for walker in self.walkers]
        for walk in walks:
            walk.start()
        enough = self.town.draw.randint(0, PAYMENTS - 4)
        _until(lambda: self.taken() >= enough, WAIT_SECONDS)
        time.sleep(self.town.draw.uniform(0, 0.2))
        self.town.kill()
        for walk in walks:
            walk.join()
        before, began = self.taken(), time.monotonic()
        self.town.start()
        self.fall_due(PAYMENTS + 1, PAYMENTS + AFTER)
        if not _until(lambda: self.taken() > before, NEXT_CHARGE_SECONDS - (time.monotonic() - began)):
            return float("inf")
        took = time.monotonic() - began
        for walker in self.walkers:
            walker.walk()
        return took

    def judge(self) -> Verdict:
        """When nothing is under way any more."""
        mails = self.town.simulator.call("GET", f"/mailbox.json?recipient={self.recipient}")
        with self.town.database.read(self.house.organisation_id) as session:
            verdict = judge_house(self.house, session, mails, (), may_repeat=True)
            unpaid = [row.seq for row in obligations.of_subject(session, self.schedule_id) if row.status != "paid"]
            checkouts = session.scalars(select(Obligation.status).where(Obligation.kind == "checkout")).all()
        if unpaid:
            verdict.wrong.append(f"payments {unpaid} were not charged")
        if len(checkouts) > PAYERS:
            verdict.wrong.append(f"{len(checkouts)} payments by {PAYERS} payers")
        return verdict

    def let_pass(self, seconds: int) -> None:
        """What was handed to a worker or a sender that is dead has waited so long already."""
        earlier = timedelta(seconds=seconds)
        with self._transaction() as session:
            for payment in session.scalars(select(Obligation).where(Obligation.handed_at.is_not(None))):
                assert payment.handed_at is not None
                payment.handed_at -= earlier
            for waiting in session.scalars(select(Message).where(Message.state == "queued")):
                waiting.next_try_at -= earlier

    def is_quiet(self) -> bool:
        """Whether nothing of it is still to be done."""
        with self.town.database.read(self.house.organisation_id) as session:
            return next_event(session, self.town.ports.clock.now()) is None


def play(engine: str, cycles: int, seed: int) -> dict[str, Any]:
    """So many times on one engine."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="paydoor-blackout-")))
        town = Town(engine, folder, stack, seed)
        town.start()
        played, seconds = [], []
        for _ in range(cycles):
            cycle = Cycle(town)
            played.append(cycle)
            seconds.append(round(cycle.play(), 1))
        for cycle in played:
            cycle.let_pass(max(HANDED, SENDING_FOR).seconds)
        is_quiet = _until(lambda: all(cycle.is_quiet() for cycle in played), QUIET_SECONDS)
        verdicts = [cycle.judge() for cycle in played]
        log = (folder / "log").read_text(errors="replace")[-6_000:]
    counts = {key: sum(getattr(verdict, key) for verdict in verdicts) for key in COUNTED}
    late = [each for each in seconds if each > NEXT_CHARGE_SECONDS]
    wrong = [line for verdict in verdicts for line in verdict.wrong]
    wrong += [] if is_quiet else [f"not quiet {QUIET_SECONDS} s after the last cycle"]
    wrong += [f"no charge within {NEXT_CHARGE_SECONDS} s"] * len(late)
    is_good = not wrong and not any(counts.values())
    words = ", ".join(f"{number} {key}" for key, number in counts.items())
    return {
        "sentence": f"{words} in {cycles} cycles; the next charge came after {max(seconds)} s at most",
        "cycles": cycles,
        "is_good": is_good,
        "seconds": seconds,
        "walked": sum(walker.has_paid for cycle in played for walker in cycle.walkers),
        "trouble": [line for cycle in played for walker in cycle.walkers for line in walker.trouble],
        "wrong": wrong,
        "log": "" if is_good else log,
    }


def _until(seen: Callable[[], bool], seconds: float) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if seen():
            return True
        time.sleep(0.05)
    return seen()


def main() -> int:
    """One JSON object; exit code 1 when something was wrong or late."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("engine", choices=ENGINES)
    parser.add_argument("--cycles", type=int, default=20)
    parser.add_argument("--seed", type=int, default=20_261)
    options = parser.parse_args()
    warnings.simplefilter("ignore", DeprecationWarning)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # servers are stopped on the way out
    listen_to_logs()
    try:
        found_ = play(options.engine, options.cycles, options.seed)
    except Exception:  # nothing may be taken for a good end
        found_ = {"sentence": "not played to its end", "is_good": False, "wrong": [traceback.format_exc()]}
    sys.stdout.write(json.dumps(found_, indent=2) + "\n")
    return 0 if found_["is_good"] else FAILED


if __name__ == "__main__":
    sys.exit(main())
