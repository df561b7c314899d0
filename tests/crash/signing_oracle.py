"""What a plan that was signed under fire must be: whole or nothing, once, in rows, money and mail.

Asked by tests/crash/signing.py, which plays; looks at rows and mails, changes nothing.
"""

from collections import Counter
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select

from portal.storage import account, ledger, obligation, plan, signing
from portal.storage.agreement import Agreement
from portal.storage.message import Message
from portal.storage.obligation import Obligation
from portal.storage.plan import Plan
from portal.storage.schedule import Schedule
from portal.storage.signing import PlanPaper, PlanSignature, RecordConsent
from portal.usecases.signed_paper import papers_match
from tests.crash.world import World
from tests.rig.house import House
from tests.rig.plans import Signer

BALANCE_CENTS, DOWN_CENTS, PARTS = 50_000, 2_500, 3


@dataclass(slots=True)
class Scene:
    """One offer and everybody who has it open."""

    house: House
    account_id: str
    plan_id: str
    recipient: str
    signers: list[Signer]
    digests: list[str]


def judge(world: World, scene: Scene, kind: str, *, disturbed: bool) -> tuple[str, list[str]]:
    """How it ended, and everything about it that cannot be."""
    house, wrong = scene.house, []
    with world.database.read(house.organisation_id) as session:
        row = plan.by_id(session, scene.plan_id)
        assert row is not None
        was_signed = row.signed_at is not None
        wrong += _parts_wrong(session, scene, row)
        if was_signed:
            wrong += _signed_wrong(world, session, row)
        events = Counter(session.scalars(select(Message.event).where(Message.customer_id == house.customer_id)))
        for event, times in (
            ("plan_offer", 1),
            ("plan_cancelled", int(row.state == "cancelled")),
            ("plan_expired", int(row.state == "expired")),
        ):
            if events[event] != times:
                wrong.append(f"{events[event]} messages {event} of a {row.state} plan")
        wrong += _money_wrong(world, session, scene, row)
    ends = {"browser": {"signed"}, "cancel": {"cancelled"}, "expire": {"signed", "expired"}, "offer": {"offered"}}[kind]
    if row.state not in ends:
        wrong.append(f"it ended {row.state}")
    wrong += _mails_wrong(world, scene, was_signed=was_signed, disturbed=disturbed)
    return f"{row.state}{', signed before' if was_signed and row.state != 'signed' else ''}", wrong


def _parts_wrong(session: Any, scene: Scene, row: Plan) -> list[str]:
    """A signature has all of its parts, once, at every moment; without one there is none of them."""

    def count(of: Any, *where: Any) -> int:
        return int(session.scalar(select(func.count()).select_from(of).where(*where)) or 0)

    made = {
        "schedules": count(Schedule, Schedule.account_id == scene.account_id),
        "signatures": count(PlanSignature, PlanSignature.plan_id == row.id),
        "papers": count(PlanPaper, PlanPaper.plan_id == row.id) / 2,
        "consents": count(RecordConsent, RecordConsent.customer_id == row.customer_id),
        "agreements": count(Agreement, Agreement.account_id == scene.account_id, Agreement.kind == "plan"),
        "payments": count(Obligation, Obligation.account_id == scene.account_id) / (PARTS + bool(row.down_cents)),
        "copies told of": count(
            Message, Message.customer_id == row.customer_id, Message.event == "plan_signed"
        ),
    }  # fmt: skip
    return [
        f"{number:g} {name} of a {row.state} plan"
        for name, number in made.items()
        if number != (row.signed_at is not None)
    ]


def whole_now(world: World, scene: Scene) -> list[str]:
    """The same, looked at while some are dead or frozen and nobody has tried again."""
    with world.database.read(scene.house.organisation_id) as session:
        row = plan.by_id(session, scene.plan_id)
        assert row is not None
        found = _parts_wrong(session, scene, row)
    world.before_fork()
    return [f"at the moment of death: {each}" for each in found]


def _signed_wrong(world: World, session: Any, row: Plan) -> list[str]:
    payments = obligation.of_subject(session, row.schedule_id or "")
    signature = signing.signature_of(session, row.id)
    wrong = []
    if sum(each.amount_cents for each in payments) != row.total_cents:
        wrong.append(f"payments of {sum(each.amount_cents for each in payments)}, agreed {row.total_cents}")
    if sorted(each.seq for each in payments) != list(range(1, len(payments) + 1)):
        wrong.append("a payment twice")
    if signature is None or not papers_match(session, signature):
        wrong.append("the papers are not those that were signed")
    return wrong


def _money_wrong(world: World, session: Any, scene: Scene, row: Plan) -> list[str]:
    """The gateway took what was due at signing once, or nothing; the books say the same."""
    ids = [each.id for each in obligation.of_subject(session, row.schedule_id or "")]
    sales = [sale for sale in scene.house.truth() if str(sale["order_id"]).split("-")[1] in ids and sale["success"]]
    booked = [each for each in ledger.of_account(session, scene.account_id) if each.recipe == "payment_taken"]
    owed = account.by_id(session, scene.account_id)
    wrong = []
    if len(sales) != len(booked) or len(sales) > 1:
        wrong.append(f"{len(sales)} taken, {len(booked)} booked")
    if row.state == "signed" and len(sales) != bool(row.down_cents):
        wrong.append(f"{len(sales)} taken at signing")
    if row.state == "signed" and (owed is None or owed.balance_cents != BALANCE_CENTS - row.down_cents):
        wrong.append("the balance is not what was left")
    return wrong


def _mails_wrong(world: World, scene: Scene, *, was_signed: bool, disturbed: bool) -> list[str]:
    """The mail of completion: one Message-ID, both papers in each copy, one copy where nobody died."""
    mails = world.simulator.call("GET", f"/mailbox.json?recipient={scene.recipient}")
    done = [each for each in mails if len(each["attachments"]) == 2]
    wrong = []
    if len({each["message_id"] for each in done}) != was_signed:
        wrong.append(f"{len(done)} mails of completion")
    with world.database.read(scene.house.organisation_id) as session:
        signature = signing.signature_of(session, scene.plan_id)
    if signature is not None:
        papers = {signature.agreement_pdf_sha256, signature.schedule_pdf_sha256}
        wrong += ["a mail without both papers" for each in done
                  if {one["sha256"] for one in each["attachments"]} != papers]  # fmt: skip
    if not disturbed and len(done) > 1:
        wrong.append(f"{len(done)} copies and nobody died")
    return wrong
