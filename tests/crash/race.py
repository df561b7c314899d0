"""Sixteen processes at one account at once: `python -m tests.crash.race DATABASE_URL` prints what came of it as JSON.

Run by tests/crash/test_one_account.py on each engine. A program of its own, because a test process has threads and
must not fork.
"""

import json
import sys
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

from portal.domain.refusal import Refused
from portal.storage import account, ledger, obligation
from portal.usecases.charge import charge_obligation
from portal.usecases.ledger import differs_from_entries, lower_balance
from tests.crash.actors import GO, own_world
from tests.crash.crew import FAILED, Child, Wire, settled, wait
from tests.crash.world import World
from tests.rig.house import House

PROCESSES = 16
PATIENT = timedelta(seconds=30)  # a busy desk is not a fault of the gateway
OPENING_CENTS = 50_000
PAID_CENTS = 20_000
LOWERED_CENTS = 9_000

Work = Callable[[World, House, str, str, int], None]


def pay(world: World, house: House, account_id: str, obligation_id: str, _number: int) -> None:
    """One payment of the account."""
    charge_obligation(world.ports_of_child(), house.organisation_id, obligation_id, PATIENT)


def pay_or_lower(world: World, house: House, account_id: str, obligation_id: str, number: int) -> None:
    """Every third is staff, who lower what is owed while it is being paid."""
    if number % 3:
        pay(world, house, account_id, obligation_id, number)
        return
    with world.database.transaction(house.organisation_id) as session:
        owed = account.lock(session, account_id)
        try:
            lower_balance(session, owed, LOWERED_CENTS, event_key=f"lowered:{account_id}:{number}",
                          now=world.clock.now(), by="staff")  # fmt: skip
        except Refused:
            return


def race(world: World, folder: Path, work: Work, *, one_obligation: bool = False) -> dict[str, Any]:
    """Sixteen processes do `work` on one account at the same moment; what stands afterwards."""
    house = world.houses["keyed"]
    account_id = house.account(OPENING_CENTS)
    card = house.card_on_file()
    made = [house.obligation(account_id, PAID_CENTS, payment_method_id=card)
            for _ in range(1 if one_obligation else PROCESSES)]  # fmt: skip
    world.before_fork()
    children = [
        Child(f"racer {n}", lambda wire, n=n: _run(work, world, house, account_id, made[n % len(made)], n, wire),
              folder / "log")
        for n in range(PROCESSES)
    ]  # fmt: skip
    for child in children:
        child.tell(GO)
    late = wait(children, settled, 120)
    codes = [child.exit_code for child in children]
    for child in children:
        child.remove()
    with world.database.read(house.organisation_id) as session:
        owed = account.by_id(session, account_id)
        assert owed is not None
        entries = ledger.of_account(session, account_id)
        rows = [obligation.by_id(session, each) for each in made]
        taken = [sale for sale in house.truth() if sale["success"] and str(sale["order_id"]).split("-")[1] in made]
        return {
            "failed": [code for code in codes if code] + [child.name for child in late],
            "statuses": dict(Counter(f"{row.status} {row.refused_code or ''}".strip() for row in rows if row)),
            "taken_cents": sum(int(str(sale["amount_cents"])) for sale in taken),
            "booked_cents": sum(entry.amount_cents for entry in entries if entry.recipe == "payment_taken"),
            "lowered_cents": sum(entry.amount_cents for entry in entries if entry.recipe == "balance_lowered"),
            "balance_cents": owed.balance_cents,
            "differs_cents": differs_from_entries(session, owed),
        }


def _run(work: Work, world: World, house: House, account_id: str, obligation_id: str, number: int, wire: Wire) -> int:
    wire.order()
    work(world, house, account_id, obligation_id, number)
    return 0


def main(url: str) -> int:
    """Three races, one JSON object."""
    with own_world("race", url) as (world, log_path):
        found = {
            "sixteen payments": race(world, log_path.parent, pay),
            "one payment sixteen times": race(world, log_path.parent, pay, one_obligation=True),
            "payments and a lowered bill": race(world, log_path.parent, pay_or_lower),
        }
        log = log_path.read_text() if any(each["failed"] for each in found.values()) else ""
    sys.stdout.write(json.dumps({**found, "log": log}, indent=2) + "\n")
    return FAILED if log else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
