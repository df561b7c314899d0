"""Batches of the charge run under fire: `python -m tests.crash.batch DATABASE_URL` prints what came of it as JSON.

Two workers charge the same payments at once, many to a commit (`portal.usecases.charge_many`); one is killed, frozen or
made to raise at a failpoint while the gateway loses answers. Then the clock jumps past lease and quarantine, the frozen
one thaws at a moment of chance, and the janitor sweeps until all is quiet. Each payment was taken once, booked once and
receipted once, or is in nobody's books. Run by `make crash` and by tests/crash/test_batch.py, on each engine.
"""

import argparse
import json
import random
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import func, select

from portal.storage import ledger
from portal.storage.charge import Charge
from portal.storage.message import Receipt
from portal.storage.obligation import Obligation
from portal.usecases.charge_many import charge_many
from portal.usecases.failpoint import FailpointRaised, arm
from portal.usecases.invariants import Walk
from portal.usecases.janitor import POOL, sweep
from tests.crash.actors import GO, PAST_ALL_ACCOUNTS, own_world
from tests.crash.crew import RAISED, Child, Wire, settled, wait
from tests.crash.world import World
from tests.rig.house import House

PAYMENTS = 10
THREADS = 4
EACH_CENTS = 1_700
ACTIONS = ("kill", "stop", "raise")
POINTS = (
    "claim.before_commit", "claim.after_commit", "send.before_guard", "send.before_write", "send.after_reply",
    "apply.before_commit", "apply.after_commit",
)  # fmt: skip
# frozen inside a transaction a worker holds what the other needs: tests/crash/stage.py plays that with single charges
FREEZABLE = ("claim.after_commit", "send.before_guard", "send.before_write", "send.after_reply", "apply.after_commit")
FAULTS = ("ok", "status_500_after", "status_500_before", "reset_after", "cut_xml", "empty_200", "error_915233")
PATIENCE_SECONDS = 40
ROUNDS_MAX = 40
FAILED = 1


def worker(world: World, house: House, ids: list[str], armed: str, wire: Wire) -> int:
    """A worker of the run with a batch."""
    wire.order()
    arm(armed)
    ports = world.ports_of_child()
    try:
        with ThreadPoolExecutor(THREADS) as pool:
            charge_many(ports, house.organisation_id, ids, pool)
    except FailpointRaised:
        return RAISED
    return 0


def play(world: World, seed: int, log: Path) -> dict[str, Any]:
    """One history. `wrong`: what must not be, in words."""
    draw = random.Random(f"batch {seed}")
    house = world.houses["keyed"]
    card = house.card_on_file()
    accounts = [house.account(EACH_CENTS * 2) for _ in range(PAYMENTS)]
    ids = [house.obligation(each, EACH_CENTS, payment_method_id=card) for each in accounts]
    # one thread frozen in a transaction stops all of SQLite until it thaws: there is nothing to see meanwhile
    action = draw.choice(("kill", "raise") if world.database.url.get_backend_name() == "sqlite" else ACTIONS)
    point = draw.choice(FREEZABLE if action == "stop" else POINTS)
    fault = draw.choice(FAULTS)
    if fault != "ok":
        world.simulator.faults(fault, operation="sale", merchant=house.merchant_id, times=draw.randint(1, 4))
    other = draw.sample(ids, PAYMENTS)
    world.before_fork()
    armed = f"{point}={action}@{draw.randint(1, 3)}"
    children = [
        Child("armed", lambda wire: worker(world, house, ids, armed, wire), log),
        Child("rival", lambda wire: worker(world, house, other, "", wire), log),
    ]
    for child in children:
        child.tell(GO)
    waiting = wait(children, settled, PATIENCE_SECONDS)
    hit_frozen = children[0].is_stopped
    if waiting and hit_frozen:  # another of its threads was in a transaction, and holds what the rival needs
        children[0].thaw()
        waiting = wait(children, settled, PATIENCE_SECONDS)
    late = [child.name for child in waiting]
    hit = hit_frozen or children[0].killed_by is not None or children[0].exit_code == RAISED
    thaws_in = draw.randint(0, 8)
    quiet = False
    for number in range(ROUNDS_MAX):
        if number == thaws_in and children[0].is_stopped:
            children[0].thaw()
            late += [child.name for child in wait(children[:1], settled, PATIENCE_SECONDS)]
        if not _open(world, accounts) and number > thaws_in:
            quiet = True
            break
        world.clock.jump(timedelta(seconds=draw.uniform(60, 1_200)))
        with ThreadPoolExecutor(POOL) as pool:
            sweep(world.ports_of_child(), pool, Walk(after=PAST_ALL_ACCOUNTS))
    for child in children:
        child.remove()
    world.simulator.clear_faults()
    wrong = [f"{name} did not end" for name in late] + ([] if quiet else ["never quiet"])
    ends, found = judge(world, house, ids, accounts)
    described = f"{armed}, {fault}, thaws after {thaws_in}"
    met = [(point, action)] if hit else []
    return {"seed": seed, "described": described, "hit": hit, "met": met, "ends": dict(ends), "wrong": wrong + found}


def _open(world: World, accounts: list[str]) -> int:
    """How many payments and charges have no ending."""
    with world.database.across() as session:
        due = session.scalar(
            select(func.count()).where(Obligation.account_id.in_(accounts), Obligation.status.in_(("due", "charging")))
        )
        sent = session.scalar(
            select(func.count()).where(Charge.account_id.in_(accounts), Charge.state.in_(("sending", "unknown")))
        )
    return int(due or 0) + int(sent or 0)


def judge(world: World, house: House, ids: list[str], accounts: list[str]) -> tuple[Counter[str], list[str]]:
    """The gateway's truth against the books, payment by payment."""
    taken = Counter(str(sale["order_id"]).split("-")[1] for sale in house.truth() if sale["success"])
    ends: Counter[str] = Counter()
    wrong = []
    with world.database.read(house.organisation_id) as session:
        for each, account_id in zip(ids, accounts, strict=True):
            row = session.scalars(select(Obligation).where(Obligation.id == each)).one()
            charges = session.scalars(select(Charge).where(Charge.obligation_id == each)).all()
            booked = [entry for entry in ledger.of_account(session, account_id) if entry.recipe == "payment_taken"]
            receipts = session.scalar(
                select(func.count()).select_from(Receipt).where(Receipt.charge_id.in_([one.id for one in charges]))
            )
            ends[row.status] += 1
            expected = int(row.status == "paid")
            if not (taken[each] == len(booked) == receipts == expected):
                wrong.append(
                    f"{each} is {row.status}: taken {taken[each]}, booked {len(booked)}, receipts {receipts}, "
                    f"{[one.state for one in charges]}"
                )
    return ends, wrong


def main() -> int:
    """One JSON object; exit code 1 when anything was wrong or nothing was ever hit."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("--histories", type=int, default=100)
    parser.add_argument("--seed", type=int, default=20_261)
    options = parser.parse_args()
    with own_world("batch", options.url) as (world, log):
        played = [play(world, options.seed + number, log) for number in range(options.histories)]
        said = log.read_text()[-3_000:] if log.exists() else ""
    ends: Counter[str] = Counter()
    for each in played:
        ends += Counter(each["ends"])
    bad = [each for each in played if each["wrong"]]
    hit = sum(each["hit"] for each in played)
    sentence = f"{len(bad)} bad in {len(played)} histories of batches, {hit} of them killed, frozen or raised"
    met = [each for history in played for each in history["met"]]
    found = {"sentence": sentence, "histories": len(played), "hit": hit, "met": met, "ends": dict(ends), "bad": bad}
    sys.stdout.write(json.dumps({**found, "log": said if bad else ""}, indent=2) + "\n")
    return FAILED if bad or not found["hit"] else 0


if __name__ == "__main__":
    sys.exit(main())
