"""Acts under fire: `python -m tests.crash.acts DATABASE_URL` plays them one after the other, says what came as JSON.

Every act, with everybody of it dying, freezing and raising at every point they come by, in turn; the rest is drawn from
the seed, and drawn again where it kept them from coming by. Run by `make crash` and by tests/crash/test_acts.py, on
each engine. `--only N` plays one history again.
"""

import argparse
import json
import random
import signal
import sys
import time
import traceback
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tests.crash.act import Act
from tests.crash.actors import own_world
from tests.crash.agreed_acts import CardAct, ChangeAct, MakeAct, ServiceAct, SubscribeAct
from tests.crash.autopay_acts import AutopayAct
from tests.crash.crew import FAILED
from tests.crash.erase_act import EraseAct
from tests.crash.history import ACTIONS
from tests.crash.message_acts import DocumentAct, MailAct, ReplyAct
from tests.crash.money_acts import DisputeAct, GatewayRetryAct, RefundAct, RunAct, SettlementAct
from tests.crash.oracle import Verdict
from tests.crash.player import Cell, Played
from tests.crash.world import World

ACTS: tuple[type[Act], ...] = (
    RunAct, RefundAct, DisputeAct, GatewayRetryAct, SettlementAct, MakeAct, CardAct, ChangeAct, ServiceAct,
    SubscribeAct, AutopayAct, MailAct, ReplyAct, DocumentAct, EraseAct,
)  # fmt: skip
# What `make test` plays: every act, with the death in it that leaves most to do.
ONE_OF_EACH = (
    Cell(RunAct, "handing out", "run.after_hand_out", "kill"),
    Cell(RefundAct, "staff", "refund.after_reply", "kill"),
    Cell(DisputeAct, "gateway", "notice.before_commit", "stop"),
    Cell(GatewayRetryAct, "gateway", "notice.after_apply", "kill"),
    Cell(SettlementAct, "gateway", "reconcile.after_mend", "kill"),
    Cell(MakeAct, "customer", "schedule.after_keep", "kill"),
    Cell(CardAct, "customer", "card.after_commit", "kill"),
    Cell(ChangeAct, "change", "cancel.before_commit", "raise"),
    Cell(ServiceAct, "customer", "selection.after_commit", "kill"),
    Cell(SubscribeAct, "customer", "subscription.after_commit", "kill"),
    Cell(AutopayAct, "announcing", "autopay.after_announce", "kill"),
    Cell(MailAct, "worker", "outbox.after_send", "kill"),
    Cell(DocumentAct, "customer", "document.before_commit", "kill"),
    Cell(ReplyAct, "carrier", "reply.after_store", "kill"),
    Cell(EraseAct, "staff", "erase.after_commit", "kill"),
)
TURNS_MAX = 6  # so often a cell is played again that was never met, each time with other faults
COUNTED = ("doubles", "lost", "phantom", "stuck")


def cells(seed: int) -> list[Cell]:
    """Every (act, who, where, how) once, and each act once with nobody dying, in the order of the seed."""
    found = [Cell(act) for act in ACTS]
    found += [
        Cell(act, who, point, action)
        for act in ACTS
        for who, points in act.points.items()
        for point in points
        for action in ACTIONS
    ]
    random.Random(f"{seed}:cells").shuffle(found)
    return found


def never_met(results: list[dict[str, Any]], seed: int) -> list[int]:
    """The last history of each cell in which nobody ever came by the place: a fault of the gateway was before it."""
    order, last, met = cells(seed), dict[int, int](), set[int]()
    for result in results:
        place = result["number"] % len(order)
        last[place] = max(result["number"], last.get(place, 0))
        if result["hits"]:
            met.add(place)
    return [number for place, number in sorted(last.items()) if order[place].point and place not in met]


def points() -> set[str]:
    """Every place the acts die in."""
    return {cell.point for cell in cells(0) if cell.point}


def play(world: World, seed: int, number: int, log: Path) -> dict[str, Any]:
    """History `number` of a seed, judged."""
    began = time.monotonic()
    order = cells(seed)
    cell = order[number % len(order)]
    played = Played(world, cell, random.Random(f"{seed}:{number}:{world.database.url.get_backend_name()}"), log)
    try:
        verdict = played.play()
    except Exception:  # a mistake of the rig's spoils one history, not all
        verdict = Verdict(wrong=[f"not played to its end: {traceback.format_exc()}"])
        world.before_fork()
    return {
        **asdict(verdict),
        "is_good": verdict.is_good,
        "number": number,
        "act": cell.act.__name__,
        "described": f"{cell.who or 'nobody'} {cell.armed}, mail {played.mail_fault}",
        "hits": [(cell.point, cell.action)] if played.was_hit else [],
        "rounds": played.rounds,
        "seconds": round(time.monotonic() - began, 2),
    }


def main() -> int:
    """One JSON object; exit code 1 when anything was wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("--histories", type=int, default=300)
    parser.add_argument("--seed", type=int, default=20_261)
    parser.add_argument("--only", type=int, help="play this one history")
    parser.add_argument("--one-of-each", action="store_true", help="each act once")
    parser.add_argument("--act", choices=[act.__name__ for act in ACTS], help="play the histories of this act only")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # servers are stopped on the way out
    numbers = [options.only] if options.only is not None else list(range(options.histories))
    if options.one_of_each:
        numbers = [cells(options.seed).index(cell) for cell in ONE_OF_EACH]
    if options.act:
        order = cells(options.seed)
        numbers = [number for number in numbers if order[number % len(order)].act.__name__ == options.act]
    with own_world("acts", options.url) as (world, log):
        results: list[dict[str, Any]] = []

        def add(number: int) -> bool:
            """Plays one more; whether somebody died in it where they were to."""
            results.append(play(world, options.seed, number, log))
            if not results[-1]["is_good"]:
                sys.stderr.write(f"BAD {json.dumps(results[-1])}\n")
            return bool(results[-1]["hits"])

        for number in numbers:
            add(number)
        if options.only is None and not options.one_of_each:
            for number in never_met(results, options.seed):
                any(add(number + turn * len(cells(options.seed))) for turn in range(1, TURNS_MAX))
        said = log.read_text()[-6_000:] if log.exists() else ""
    bad = [result for result in results if not result["is_good"]]
    counts = ", ".join(f"{sum(result[key] for result in results)} {key}" for key in COUNTED)
    found = {
        "sentence": f"{counts}, {len(bad)} bad in {len(results)} histories of acts",
        "histories": len(results),
        "acts": dict(Counter(result["act"] for result in results)),
        "met": [hit for result in results for hit in result["hits"]],
        "seconds": {
            act.__name__: round(sum(r["seconds"] for r in results if r["act"] == act.__name__), 1) for act in ACTS
        },
        "bad": bad,
        "log": said if bad or options.only is not None else "",
    }
    sys.stdout.write(json.dumps(found, indent=2) + "\n")
    return FAILED if bad else 0


if __name__ == "__main__":
    sys.exit(main())
