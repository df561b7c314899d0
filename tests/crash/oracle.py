"""Judges a history: what the gateway took against what we wrote down, promised and sent.

Doubles, lost, phantom and stuck are counted; everything else that is not as it should be is told in words.
"""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select

from portal.domain.charge import Actor, ChargeState, is_legal
from portal.storage import account, audit, charge, invariant, ledger, obligation
from portal.storage.audit import AuditEntry
from portal.storage.charge import Charge
from portal.storage.message import Message, Receipt
from portal.storage.obligation import Obligation
from portal.usecases.ledger import differs_from_entries
from tests.crash.history import TO_A_PERSON, History
from tests.crash.stage import Played
from tests.crash.world import Scene, World

ENDS = frozenset({"paid", "declined", "cancelled", "review"})
_DIFFER_RIGHTLY = frozenset({*TO_A_PERSON})


@dataclass
class Verdict:
    """What is wrong with a history. `review` is no fault: a person was called, and rightly."""

    doubles: int = 0
    lost: int = 0
    phantom: int = 0
    stuck: int = 0
    review: int = 0
    wrong: list[str] = field(default_factory=list)

    @property
    def is_good(self) -> bool:
        return not (self.doubles or self.lost or self.phantom or self.stuck or self.wrong)


def judge(world: World, history: History, scene: Scene, played: Played) -> Verdict:
    """Reads everything there is to read about a history, and compares."""
    verdict = Verdict()
    taken = _taken(world, scene)
    verdict.doubles = max(0, sum(len(sales) for sales in taken.values()) - 1)
    if history.way == "naive":
        _judge_naive(world, scene, taken, verdict)
        return verdict
    with world.database.read(scene.house.organisation_id) as session:
        alarms = {(row.kind, row.subject_id) for row in audit.open_alarms(session)}
        for obligation_id in scene.obligations:
            row = obligation.by_id(session, obligation_id)
            assert row is not None
            attempts = charge.of_obligation(session, obligation_id)
            entries = [
                entry for entry in ledger.of_account(session, scene.account_id)
                if entry.recipe == "payment_taken" and entry.charge_id in {attempt.id for attempt in attempts}
            ]  # fmt: skip
            _judge_money(row, attempts, taken[obligation_id], entries, verdict)
            _judge_end(history, row, attempts, alarms, verdict)
            for attempt in attempts:
                judge_moves(session, attempt, verdict)
                _judge_alarms(history, attempt, alarms, verdict)
        owed = account.by_id(session, scene.account_id)
        assert owed is not None
        if differs_from_entries(session, owed):
            verdict.wrong.append("balance is not the sum of its entries")
        verdict.wrong += [f"invariant: {found.kind}" for found in invariant.broken(session, [scene.account_id])]
        paid_cents = sum(entry.amount_cents for entry in ledger.of_account(session, scene.account_id)
                         if entry.recipe == "payment_taken")  # fmt: skip
        if owed.balance_cents < 0 or owed.balance_cents != scene.opening_cents - paid_cents:
            verdict.wrong.append(f"balance {owed.balance_cents} after {paid_cents} of {scene.opening_cents}")
        _judge_messages(world, history, scene, session, played, verdict)
    if not played.is_quiet and not verdict.stuck:
        verdict.stuck += 1
    if played.had_to_wait:
        verdict.wrong.append(f"did not come to an end: {', '.join(played.had_to_wait)}")
    return verdict


def _taken(world: World, scene: Scene) -> dict[str, list[dict[str, Any]]]:
    """Sales that took money and were not given back, by obligation."""
    return {
        obligation_id: [
            sale
            for sale in world.simulator.truth(order_prefix=f"{scene.house.organisation_id}-{obligation_id}-")
            if sale["type"] == "sale" and sale["success"] and sale["status"] != "voided" and not sale["refund_ids"]
        ]
        for obligation_id in scene.obligations
    }


def _judge_money(
    row: Obligation, attempts: list[Charge], sales: list[dict[str, Any]], entries: list[Any], verdict: Verdict
) -> None:
    in_review = row.status == "review"
    if sales and not entries and not in_review:
        verdict.lost += 1
    if entries and not sales:
        verdict.phantom += 1
    if entries and sales and sum(entry.amount_cents for entry in entries) != sum(s["amount_cents"] for s in sales[:1]):
        verdict.phantom += 1
    if (row.status == "paid") != bool(entries):
        verdict.wrong.append(f"{row.status} with {len(entries)} entries")
    succeeded = [attempt for attempt in attempts if attempt.state == "succeeded"]
    if len(succeeded) != len(entries):
        verdict.wrong.append(f"{len(succeeded)} succeeded, {len(entries)} entries")
    if succeeded and sales and succeeded[0].gateway_id != sales[0]["id"]:
        verdict.wrong.append("booked under another id")
    if row.status in ("paid", "declined") and row.card_nonce is not None:
        verdict.wrong.append("a nonce was kept")


def _judge_end(
    history: History, row: Obligation, attempts: list[Charge], alarms: set[tuple[str, str]], verdict: Verdict
) -> None:
    if row.status not in ENDS:
        verdict.stuck += 1
        verdict.wrong.append(f"stuck: obligation {row.status}, charges {[attempt.state for attempt in attempts]}")
    if row.status != "review":
        return
    reviewed = [attempt for attempt in attempts if attempt.state == "review"]
    verdict.review += 1
    if not reviewed or any(("charge_review", attempt.id) not in alarms for attempt in reviewed):
        verdict.stuck += 1
        verdict.wrong.append("in review, and nobody was called")
        return
    behind = history.search_lag == "beyond" or (history.late_lands == "after" and history.fault.startswith("late"))
    reason = reviewed[0].reason or ""
    keys_fail = history.merchant != "keyed" or history.fault == "error_915231"  # perhaps on the resend only
    allowed = (
        history.fault in TO_A_PERSON
        or (reason == "not_found_without_key" and keys_fail and history.card != "nonce")
        or (reason == "used_but_not_found" and behind)
    )
    if not allowed:
        verdict.stuck += 1
        verdict.wrong.append(f"in review for no good reason: {reason}")


def judge_moves(session: Any, attempt: Charge, verdict: Verdict) -> None:
    """Every move on record is in the table, and together they are one way from nothing to where it stands."""
    rows = session.scalars(select(AuditEntry).where(AuditEntry.subject_id == attempt.id)).all()
    balance: Counter[str | None] = Counter()
    for row in rows:
        move = _move(row)
        if move is None:
            continue
        before, after = move
        balance[before] -= 1
        balance[after] += 1
        if not is_legal(ChargeState(before) if before else None, ChargeState(after), Actor(row.actor)):
            verdict.wrong.append(f"illegal move {before} to {after} by {row.actor}")
    expected = Counter({None: -1, attempt.state: 1})
    if {name: n for name, n in balance.items() if n} != dict(expected):
        verdict.wrong.append(f"moves do not lead to {attempt.state}: {dict(balance)}")


def _move(row: AuditEntry) -> tuple[str | None, str] | None:
    before = row.facts.get("before")
    match row.action:
        case "charge_claimed":
            return None, "sending"
        case "charge_resent":
            return "unknown", "sending"
        case "charge_unknown":
            return before or "sending", "unknown"
        case "charge_never_received" | "charge_review":
            return before or "unknown", row.action.removeprefix("charge_")
        case "charge_succeeded" | "charge_declined" | "charge_not_sent":
            return before, row.action.removeprefix("charge_")
    return None


def _judge_alarms(history: History, attempt: Charge, alarms: set[tuple[str, str]], verdict: Verdict) -> None:
    for kind, subject_id in alarms:
        if kind == "charged_twice" and subject_id.startswith(attempt.id):
            verdict.wrong.append("alarm: charged twice")
        if kind == "charge_ends_differ" and subject_id == attempt.id and history.fault not in _DIFFER_RIGHTLY:
            verdict.wrong.append("alarm: ends differ")


def _judge_messages(
    world: World, history: History, scene: Scene, session: Any, played: Played, verdict: Verdict
) -> None:
    receipts = session.scalars(select(Receipt).where(Receipt.account_id == scene.account_id)).all()
    succeeded = session.scalars(
        select(Charge).where(Charge.account_id == scene.account_id, Charge.state == "succeeded")
    ).all()
    if sorted(row.charge_id for row in receipts) != sorted(row.id for row in succeeded):
        verdict.wrong.append(f"{len(receipts)} receipts for {len(succeeded)} successes")
    promised = session.scalars(select(Message).where(Message.customer_id == scene.house.customer_id)).all()
    mails = Counter(
        mail["message_id"] for mail in world.simulator.call("GET", f"/mailbox.json?recipient={scene.recipient}")
    )
    expected = {f"<{row.message_id}@{world.ports.mail_domain}>" for row in promised}
    if len(expected) != len(succeeded):
        verdict.wrong.append(f"{len(expected)} messages for {len(succeeded)} successes")
    if set(mails) != expected:
        verdict.wrong.append(f"mails {dict(mails)}, promised {expected}")
    if any(row.state != "sent" for row in promised):
        verdict.wrong.append(f"messages {[row.state for row in promised]}")
    # A sender that died, or that the clock overtook while it sent, is rightly repeated: with the same Message-ID.
    may_repeat = played.was_disturbed or history.mail_fault is not None or history.overlaps
    if not may_repeat and any(times > 1 for times in mails.values()):
        verdict.wrong.append(f"a mail went {max(mails.values())} times")


def _judge_naive(world: World, scene: Scene, taken: dict[str, list[dict[str, Any]]], verdict: Verdict) -> None:
    """How badly the control did; nothing of it is an error of ours."""
    sales = [sale for each in taken.values() for sale in each]
    with world.database.read(scene.house.organisation_id) as session:
        entries = [row for row in ledger.of_account(session, scene.account_id) if row.recipe == "payment_taken"]
        row = obligation.by_id(session, scene.obligations[0])
    verdict.lost = max(0, len(sales) - len(entries))
    verdict.phantom = max(0, len(entries) - len(sales))
    verdict.stuck = int(row is not None and row.status not in ENDS)
