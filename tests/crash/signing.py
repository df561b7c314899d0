"""Signing a plan under fire: `python -m tests.crash.signing DATABASE_URL` prints what came of it as JSON.

Two processes act on one offer at once: two browsers press Sign, or one signs while staff cancel it or its time is over,
or two people offer one draft. One of the two is killed, frozen or made to raise at a failpoint; then whoever did not
come to an end tries again, in most histories whoever sends the mail of it dies at a failpoint of the outbox, and the
janitor sweeps until all is quiet. A plan is signed with its schedule, payments, evidence and papers, once, or there is
nothing of it; what is said about it is said once. Run by `make crash` and tests/crash/test_signing.py, on each engine.
"""

import argparse
import json
import random
import sys
import time
import uuid
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import func, select

from portal.domain.refusal import Refused
from portal.storage import plan
from portal.storage.charge import Charge
from portal.storage.message import Message
from portal.storage.obligation import Obligation
from portal.usecases.account import add_customer, open_account
from portal.usecases.charge import charge_obligation
from portal.usecases.failpoint import FailpointRaised, arm
from portal.usecases.invariants import Walk
from portal.usecases.janitor import POOL, sweep
from portal.usecases.outbox import deliver
from portal.usecases.plan import PlanOrder, make, offer
from portal.usecases.plan_life import cancel
from portal.usecases.plan_offer import expire
from portal.usecases.ports import Ports
from portal.usecases.sign import Given, sign
from tests.crash.act import SENDING
from tests.crash.actors import GO, PAST_ALL_ACCOUNTS, own_world
from tests.crash.crew import RAISED, Child, Wire, settled, wait
from tests.crash.signing_oracle import BALANCE_CENTS, DOWN_CENTS, PARTS, Scene, judge, whole_now
from tests.crash.world import TIMEOUT, World
from tests.rig.house import House
from tests.rig.plans import BROWSER, IP, settlement, signer, wish

SIGN_POINTS = (
    "plan.sign.after_print", "plan.sign.after_keep", "plan.sign.before_commit", "plan.sign.after_commit",
)  # fmt: skip
# who comes at the same moment: where they may die, beside the one who signs
RIVALS = {
    "browser": (),
    "cancel": ("plan.cancel.before_commit", "plan.cancel.after_commit"),
    "expire": ("plan.expire.before_commit", "plan.expire.after_commit"),
}
OFFER_POINTS = ("plan.offer.before_commit", "plan.offer.after_commit")
ALL_POINTS = frozenset((*SIGN_POINTS, *OFFER_POINTS, *RIVALS["cancel"], *RIVALS["expire"]))
MAIL_PLAYS = ("", *SENDING)  # where whoever sends the mail of it may die; in every fourth history nobody does
MEETS_ALL = 80  # so many histories come by every place to die, whoever wins
PLAYS = ("browser", "browser", "cancel", "expire", "offer")
ACTIONS = ("kill", "raise", "stop")
# frozen inside a transaction it would hold what the other needs, for as long as the other waits
FREEZABLE = frozenset({"plan.sign.after_print", "plan.sign.after_keep", "plan.sign.after_commit"})
NOT_IN_TIME = {"plan_not_open", "visit_over", "link_not_open"}
SPREAD_SECONDS = 1.5
NEAR_SECONDS = 0.3
PATIENCE_SECONDS = 60
ROUNDS_MAX = 30
NEVER_QUIET = 2
FAILED = 1


def press(world: World, scene: Scene, number: int, ports: Ports) -> None:
    """A browser's press of Sign, and what the page does then. Too late for it is no mistake."""
    mine = scene.signers[number]
    given = Given("typed", "Ada Moss", "", scene.digests[number])
    house = scene.house
    try:
        done = sign(
            ports, house.organisation_id, mine.signing_id, mine.secret, given, ip=IP, user_agent=BROWSER
        )  # fmt: skip
    except Refused as refused:
        if refused.code not in NOT_IN_TIME:
            raise
        return
    if done.due_now_id is not None:
        charge_obligation(ports, house.organisation_id, done.due_now_id, TIMEOUT)


def act(world: World, scene: Scene, who: str) -> None:
    """What one of them does."""
    ports, organisation_id = world.ports_of_child(), scene.house.organisation_id
    match who:
        case "cancel":
            cancel(ports, organisation_id, scene.plan_id, "staff", "Asked for on the phone.")
        case "expire":
            expire(ports)
        case "offer":
            offer(ports, organisation_id, scene.plan_id, "staff")
        case _:
            press(world, scene, int(who), ports)


def child_of(world: World, scene: Scene, who: str, armed: str, log: Path, after: float = 0) -> Child:
    """A process of its own that does it when told to, `after` so many seconds."""

    def work(wire: Wire) -> int:
        wire.order()
        arm(armed)
        time.sleep(after)
        try:
            act(world, scene, who)
        except FailpointRaised:
            return RAISED
        return 0

    return Child(who, work, log)


def scene_of(world: World, draw: random.Random, kind: str) -> Scene:
    """A new customer with a plan; offered and read to the last page by two browsers, unless it is yet to be offered."""
    lent, now = world.houses["keyed"], world.clock.now()
    recipient = f"s-{uuid.uuid4().hex[:10]}@example.com"
    with world.database.transaction(lent.organisation_id) as session:
        person = add_customer(
            session, reference=f"C-{recipient}", given_name="Ada", family_name="Moss", email=recipient,
            postal_code="60614", now=now,
        )  # fmt: skip
        owed = open_account(
            session, person.id, reference=f"A-{recipient}", label="Balance", balance_cents=BALANCE_CENTS, now=now,
            by="rig",
        )  # fmt: skip
    house = House(world.ports, world.simulator, lent.organisation_id, person.id, lent.merchant_id, lent.slug)
    down = DOWN_CENTS if draw.random() < 0.6 else 0
    wanted = draw.choice((wish, settlement))(house, number=PARTS, down_cents=down)
    order = PlanOrder(owed.id, wanted, "email", 1)
    with world.database.transaction(lent.organisation_id) as session:
        row = make(session, order, "staff", now)
    scene = Scene(house, owed.id, row.id, recipient, [], [])
    if kind != "offer":
        row = offer(world.ports, lent.organisation_id, row.id, "staff")
        if kind == "expire":  # a signing lasts for hours and an offer for days: it is opened near the end
            _to_the_end(world, scene, 60)
        types_card = draw.random() < 0.4
        card = None if types_card else house.card_on_file()
        for _ in range(2):
            one = signer(house, row)
            scene.signers.append(one.read(card, nonce=house.nonce() if types_card else ""))
            scene.digests.append(one.digest())
    return scene


def play(world: World, seed: int, log: Path) -> dict[str, Any]:
    """One history. `wrong`: what must not be, in words."""
    draw = random.Random(f"signing {seed}")
    kind = PLAYS[seed % len(PLAYS)]
    scene = scene_of(world, draw, kind)
    who = ["offer", "offer"] if kind == "offer" else ["0", "1" if kind == "browser" else kind]
    turn = seed // len(PLAYS)  # places to die go round in turn, so that all of them come
    dies = turn % 2 if kind in {"cancel", "expire"} else 0
    points = OFFER_POINTS if kind == "offer" else RIVALS[kind] if dies else SIGN_POINTS
    point = points[{"browser": turn + seed, "offer": turn}.get(kind, turn // 2) % len(points)]
    action = draw.choice(ACTIONS if point in FREEZABLE else ACTIONS[:2])
    armed = f"{point}={action}"
    both_die = kind == "browser" and draw.random() < 0.3
    waits = _waits(kind, turn, draw)
    if kind == "expire":
        _to_the_end(world, scene, NEAR_SECONDS)
    world.before_fork()
    children = [
        child_of(world, scene, name, armed if number == dies or both_die else "", log, waits[number])
        for number, name in enumerate(who)
    ]  # fmt: skip
    for child in children:
        child.tell(GO)
    late = [child.name for child in wait(children, settled, PATIENCE_SECONDS)]
    hit = any(child.is_stopped or child.killed_by is not None or child.exit_code == RAISED for child in children)
    disturbed = hit
    wrong = [f"{name} did not end" for name in late]
    wrong += [
        f"{child.name} failed with {child.exit_code}" for child in children if child.exit_code not in {0, None, RAISED}
    ]
    wrong += whole_now(world, scene)
    again = [child.name for child in children if child.exit_code != 0]
    if draw.random() < 0.5:
        _thaw(children)
    for name in again:  # whoever saw no answer presses again, and staff and clock do it again
        wrong += _alone(child_of(world, scene, name, "", log))
    _thaw(children)
    wrong += [f"{child.name} did not thaw" for child in wait(children, settled, PATIENCE_SECONDS)]
    for child in children:
        child.remove()
    mail_point = MAIL_PLAYS[seed % len(MAIL_PLAYS)]
    mail_action = draw.choice(ACTIONS)
    sender = _post(world, scene, kind, f"{mail_point}={mail_action}" if mail_point else "", log)
    mail_hit = sender.is_stopped or sender.killed_by is not None or sender.exit_code == RAISED
    disturbed = disturbed or mail_hit
    if not mail_hit and sender.exit_code != 0:
        wrong.append(f"sending failed with {sender.exit_code}")
    if draw.random() < 0.5:
        _thaw([sender])
    if kind == "expire":
        world.clock.jump(timedelta(hours=2))
        wrong += _alone(child_of(world, scene, "expire", "", log))
    wrong += _alone(Child("sweeping", lambda wire: _until_quiet(world, scene, wire), log))
    _thaw([sender])
    sender.remove()
    ended, found = judge(world, scene, kind, disturbed=disturbed)
    cancel(world.ports, scene.house.organisation_id, scene.plan_id, "staff")  # no later history charges its payments
    world.before_fork()
    described = f"{kind}: {armed} in {'both' if both_die else who[dies]}, {mail_point or 'nobody'} in sending, {ended}"
    return {
        "seed": seed,
        "described": described,
        "hit": hit,
        "met": [(point, action)] * hit + [(mail_point, mail_action)] * mail_hit,
        "end": f"{kind} {ended}",
        "wrong": wrong + found,
    }


def _post(world: World, scene: Scene, kind: str, armed: str, log: Path) -> Child:
    """A worker sends the mail that tells of it, once; how it ended, or that it stands still."""

    def work(wire: Wire) -> int:
        wire.order()
        arm(armed)
        event = "plan_offer" if kind == "offer" else "plan_signed"
        organisation_id = scene.house.organisation_id
        with world.database.read(organisation_id) as session:
            mine = (Message.customer_id == scene.house.customer_id, Message.event == event, Message.state == "queued")
            ids = session.scalars(select(Message.id).where(*mine)).all()
        try:
            for message_id in ids:
                deliver(world.ports_of_child(), organisation_id, message_id)
        except FailpointRaised:
            return RAISED
        return 0

    world.before_fork()
    sender = Child("sending", work, log)
    sender.tell(GO)
    wait([sender], settled, PATIENCE_SECONDS)
    return sender


def _waits(kind: str, turn: int, draw: random.Random) -> tuple[float, float]:
    """How long each of the two waits before it acts: whoever signs prints first, so the other may come later."""
    if kind in {"browser", "offer"}:
        return 0, 0
    if kind == "cancel":
        return 0, draw.uniform(0, SPREAD_SECONDS)
    if turn // 4 % 2:  # the time is over before anybody presses: the other turns may end either way
        return SPREAD_SECONDS, NEAR_SECONDS + 0.05
    return 0, NEAR_SECONDS + draw.uniform(0, SPREAD_SECONDS)


def _to_the_end(world: World, scene: Scene, seconds: float) -> None:
    """So near the end of the offer."""
    with world.database.read(scene.house.organisation_id) as session:
        row = plan.by_id(session, scene.plan_id)
        assert row is not None
        assert row.expires_at is not None
        left = row.expires_at - world.clock.now()
    world.clock.jump(left - timedelta(seconds=seconds))


def _thaw(children: list[Child]) -> None:
    for child in children:
        child.thaw()
    wait(children, settled, PATIENCE_SECONDS)


def _alone(child: Child) -> list[str]:
    """Has one process do its part; what went wrong. Its parent forks again, and whoever forks prints nothing before."""
    child.tell(GO)
    late = wait([child], settled, PATIENCE_SECONDS)
    code = child.exit_code
    child.remove()
    return [f"{child.name} did not end"] if late else [f"{child.name} alone ended with {code}"] if code else []


def _until_quiet(world: World, scene: Scene, wire: Wire) -> int:
    """Sweeps until no charge is open, nothing of it is due and every message of the customer has left or may not."""
    wire.order()
    for _ in range(ROUNDS_MAX):
        with world.database.across() as session:
            open_charges = session.scalar(
                select(func.count()).where(
                    Charge.account_id == scene.account_id, Charge.state.in_(("sending", "unknown"))
                )
            )
            now_due = session.scalar(
                select(func.count()).where(
                    Obligation.account_id == scene.account_id,
                    (Obligation.status == "charging")
                    | ((Obligation.status == "due") & (Obligation.due_at <= world.clock.now())),
                )
            )
            queued = session.scalar(
                select(func.count()).where(Message.customer_id == scene.house.customer_id, Message.state == "queued")
            )
        if not (open_charges or now_due or queued):
            return 0
        world.clock.jump(timedelta(seconds=95))
        with ThreadPoolExecutor(POOL) as pool:
            sweep(world.ports_of_child(), pool, Walk(after=PAST_ALL_ACCOUNTS))
    return NEVER_QUIET


def main() -> int:
    """One JSON object; exit code 1 when anything was wrong or nothing was ever hit."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("--histories", type=int, default=100)
    parser.add_argument("--seed", type=int, default=20_261)
    options = parser.parse_args()
    with own_world("signing", options.url) as (world, log):
        played = [play(world, options.seed + number, log) for number in range(options.histories)]
        said = log.read_text()[-3_000:] if log.exists() else ""
    bad, hit = [each for each in played if each["wrong"]], sum(each["hit"] for each in played)
    ends = Counter(each["end"] for each in played)
    met = sorted({tuple(pair) for each in played for pair in each["met"]})
    missing = sorted({*ALL_POINTS, *SENDING}.difference(point for point, _ in met)) if len(played) >= MEETS_ALL else []
    sentence = f"{len(bad)} bad in {len(played)} histories of signing, {hit} of them killed, frozen or raised"
    found = {
        "sentence": sentence,
        "histories": len(played),
        "hit": hit,
        "ends": dict(sorted(ends.items())),
        "met": met,
        "never met": missing,
        "bad": bad,
    }
    sys.stdout.write(json.dumps({**found, "log": said if bad else ""}, indent=2) + "\n")
    return FAILED if bad or missing or not hit else 0


if __name__ == "__main__":
    sys.exit(main())
