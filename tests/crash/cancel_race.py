"""A cancel against a charge, thousands of times: `python -m tests.crash.cancel_race DATABASE_URL` says what came of it.

Two processes go through the same payments side by side, one claiming each, the other cancelling it at the same moment.
The order of commits decides (P1): a claim is there before the cancel and is asked back, or it never comes. Run by
`make crash` and by tests/crash/test_cancel_race.py, on each engine.
"""

import argparse
import json
import multiprocessing
import random
import sys
import tempfile
import time
import warnings
from collections import Counter
from datetime import timedelta
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

from sqlalchemy.orm import configure_mappers

from portal.domain.refusal import Refused
from portal.storage import Database, charge, obligation
from portal.usecases.charge import claim
from portal.usecases.schedule_change import CUSTOMER, cancel_one
from tests.crash.actors import GO, listen_to_logs
from tests.crash.crew import Child, Wire, settled, wait
from tests.rig.house import House, build_ports
from tests.rig.house import found as founded
from tests.rig.series import CardChoice, card_of, scheduled, weekly
from tests.rig.simulator_process import SimulatorProcess

PAYMENTS = 50  # of one schedule
EACH_CENTS = 1_000
TIMEOUT = timedelta(seconds=30)
SPREAD_SECONDS = 0.006  # one of the two comes this much later at most, so that either may be first
MEET_SECONDS = 60
PATIENCE_SECONDS = 300
FAILED = 1


def race(house: House, card: CardChoice, seed: int, log: Path) -> tuple[Counter[str], list[str]]:
    """One schedule: each of its payments is claimed and cancelled at once. How they ended, and what went wrong."""
    made = scheduled(house, weekly(house, PAYMENTS, EACH_CENTS), balance_cents=PAYMENTS * EACH_CENTS, card=card)
    with house.ports.database.transaction(house.organisation_id) as session:
        rows = obligation.of_subject(session, made.schedule_id)
        ids = [row.id for row in rows]
        for row in rows:
            row.due_at = house.clock.now()
    meet = multiprocessing.get_context("fork").Barrier(2)
    house.ports.database.dispose()  # no socket or lock is shared by two processes
    children = [
        Child("claiming", lambda wire: _claim_each(house, ids, meet, seed, wire), log),
        Child("cancelling", lambda wire: _cancel_each(house, ids, meet, seed, wire), log),
    ]
    for child in children:
        child.tell(GO)
    late = wait(children, settled, PATIENCE_SECONDS)
    wrong = [f"{child.name} did not end" for child in late]
    wrong += [f"{child.name} ended with {child.exit_code}" for child in children if child.exit_code]
    for child in children:
        child.remove()
    ends: Counter[str] = Counter()
    with house.ports.database.read(house.organisation_id) as session:
        for each in ids:
            row, attempts = obligation.by_id(session, each), charge.of_obligation(session, each)
            assert row is not None
            if not attempts and row.status == "cancelled":
                ends["cancelled first"] += 1
            elif len(attempts) == 1 and attempts[0].cancel_requested_at is not None:
                ends["claimed first, asked back"] += 1
            else:
                ends["late"] += 1
                wrong.append(f"{each}: {row.status}, {[attempt.state for attempt in attempts]}")
    return ends, wrong


def _claim_each(house: House, ids: list[str], meet: Barrier, seed: int, wire: Wire) -> int:
    wire.order()
    draw = random.Random(f"claim {seed}")
    for each in ids:
        meet.wait(MEET_SECONDS)
        time.sleep(draw.uniform(0, SPREAD_SECONDS))
        try:
            claim(house.ports, house.organisation_id, each, TIMEOUT)
        except Refused:
            continue
    return 0


def _cancel_each(house: House, ids: list[str], meet: Barrier, seed: int, wire: Wire) -> int:
    wire.order()
    draw = random.Random(f"cancel {seed}")
    for each in ids:
        meet.wait(MEET_SECONDS)
        time.sleep(draw.uniform(0, SPREAD_SECONDS))
        cancel_one(house.ports, house.organisation_id, each, CUSTOMER)
    return 0


def play(url: str, races: int, seed: int, log: Path) -> dict[str, Any]:
    """At least `races` of them on one database, whole schedules at a time."""
    listen_to_logs()
    configure_mappers()
    simulator = SimulatorProcess()
    ends: Counter[str] = Counter()
    wrong: list[str] = []
    try:
        house = founded(build_ports(Database(url), simulator), simulator)
        house.set("catch_up_per_day", PAYMENTS)
        card = card_of(house)
        for number in range(-(-races // PAYMENTS)):
            found, bad = race(house, card, seed + number, log)
            ends += found
            wrong += bad
    finally:
        simulator.stop()
    races = sum(ends.values())
    sentence = f"{ends['late']} late claims in {races} races of a cancel against a charge"
    return {"sentence": sentence, "races": races, "ends": dict(+ends), "wrong": wrong[:20]}


def main() -> int:
    """One JSON object; exit code 1 when a claim came late or a process failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("--races", type=int, default=5_000)
    parser.add_argument("--seed", type=int, default=20_261)
    options = parser.parse_args()
    warnings.simplefilter("ignore", DeprecationWarning)
    with tempfile.TemporaryDirectory(prefix="paydoor-cancel-race-") as folder:
        log = Path(folder, "log")
        found = play(options.url, options.races, options.seed, log)
        found["log"] = log.read_text()[-3_000:] if found["wrong"] and log.exists() else ""
    sys.stdout.write(json.dumps(found, indent=2) + "\n")
    return FAILED if found["wrong"] else 0


if __name__ == "__main__":
    sys.exit(main())
