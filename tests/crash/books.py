"""What must be true of an organisation when all is quiet: the gateway's truth, the ledger, the rows, the mailbox agree.

Asked by tests/crash/player.py after every act and by tests/crash/blackout.py after the last cycle. Counts as
tests/crash/oracle.py does: doubles, lost, phantom, stuck; everything else is told in words.
"""

from collections import Counter
from collections.abc import Iterable
from typing import Any

from sqlalchemy import select

from portal.domain.ledger import Book
from portal.domain.reconcile import LOST
from portal.storage import Session, account, audit, invariant
from portal.storage.account import Account
from portal.storage.charge import Charge
from portal.storage.ledger import LedgerEntry
from portal.storage.message import Message, Receipt
from portal.storage.notice import Notice
from portal.storage.obligation import Obligation
from portal.storage.refund import Refund
from portal.usecases.ledger import differs_from_entries
from tests.crash.oracle import ENDS, Verdict, judge_moves
from tests.rig.house import House
from tests.rig.payment import NOT_GIVEN

NOT_OURS = frozenset({"won"})  # statuses of a dispute in which the money is with us again


def judge_house(
    house: House, session: Session, mails: list[dict[str, Any]], alarms: Iterable[str], *, may_repeat: bool
) -> Verdict:
    """Everything there is to read of one organisation, compared. `alarms`: what a person may rightly be called for."""
    verdict = Verdict()
    every = house.simulator.truth(merchant=house.merchant_id)
    truth = [row for row in every if (row["type"], row["status"]) not in NOT_GIVEN]
    charges = list(session.scalars(select(Charge)))
    refunds = list(session.scalars(select(Refund)))
    _judge_sales(session, truth, charges, refunds, verdict)
    _judge_refunds(truth, charges, refunds, verdict)
    _judge_ledger(session, truth, verdict)
    _judge_ends(session, charges, refunds, verdict)
    _judge_mail(session, mails, may_repeat, verdict)
    for kind in {row.kind for row in audit.open_alarms(session)} - set(alarms):
        verdict.wrong.append(f"alarm: {kind}")
    return verdict


def _judge_sales(
    session: Session, truth: list[dict[str, Any]], charges: list[Charge], refunds: list[Refund], verdict: Verdict
) -> None:
    """M1 to M3: what was taken stands in the books once, and nothing else does."""
    taken = {row["id"]: row for row in truth if row["type"] == "sale" and row["success"]}
    kept = [row for row in taken.values() if row["status"] != "voided" and not row["refund_ids"]]
    by_payment = Counter(_payment_of(row) for row in kept)
    verdict.doubles += sum(times - 1 for times in by_payment.values())
    succeeded = {row.gateway_id: row for row in charges if row.state == "succeeded"}
    booked = Counter(session.scalars(select(LedgerEntry.charge_id).where(LedgerEntry.recipe == "payment_taken")))
    verdict.lost += len([row for row in kept if row["id"] not in succeeded])
    verdict.phantom += len(succeeded.keys() - taken.keys())
    for gateway_id, row in succeeded.items():
        if booked[row.id] != 1:
            verdict.wrong.append(f"charge {row.id} is booked {booked[row.id]} times")
        if gateway_id in taken and taken[gateway_id]["amount_cents"] != row.amount_cents:
            verdict.phantom += 1
    if set(booked) - {row.id for row in succeeded.values()}:
        verdict.phantom += 1
    receipts = Counter(session.scalars(select(Receipt.charge_id)))
    if receipts != Counter(row.id for row in succeeded.values()):  # N1
        verdict.wrong.append(f"{receipts.total()} receipts for {len(succeeded)} successes")
    for attempt in charges:
        if attempt.reason != "gateway_retry":
            judge_moves(session, attempt, verdict)


def _payment_of(sale: dict[str, Any]) -> str:
    """The obligation in the name that we gave a sale; a retry of the gateway's own may have a name of its own."""
    parts = str(sale["order_id"]).split("-")
    return parts[1] if len(parts) == 3 else str(sale["id"])


def _judge_refunds(truth: list[dict[str, Any]], charges: list[Charge], refunds: list[Refund], verdict: Verdict) -> None:
    """M11: what was given back was asked for, once each, and never more than was taken."""
    returned = {row["id"]: row for row in truth if row["type"] == "credit" and row["success"]}
    given = [row for row in refunds if row.state == "succeeded"]
    ours = {row.gateway_id for row in given if row.way == "refund"}
    if set(returned) - ours:
        verdict.wrong.append(f"{len(set(returned) - ours)} returned that are in no book")
    if ours - set(returned):
        verdict.wrong.append("a refund that the gateway never made")
    wishes = Counter(row.request_key for row in given)
    if any(times > 1 for times in wishes.values()):
        verdict.wrong.append("a wish was granted twice")
    voided = {row["id"] for row in truth if row["type"] == "sale" and row["status"] == "voided"}
    for paid in charges:
        back_cents = sum(row.amount_cents for row in given if row.charge_id == paid.id)
        sent_cents = sum(row["amount_cents"] for row in returned.values()
                         if row["refunded_transaction_id"] == paid.gateway_id)  # fmt: skip
        if paid.state == "succeeded" and paid.gateway_id in voided:
            sent_cents += paid.amount_cents
        if max(back_cents, sent_cents) > paid.amount_cents:
            verdict.wrong.append(f"{sent_cents} given back of {paid.amount_cents}, booked {back_cents}")
        if paid.state == "succeeded" and back_cents != sent_cents:
            verdict.wrong.append(f"{sent_cents} given back, {back_cents} booked")


def _judge_ledger(session: Session, truth: list[dict[str, Any]], verdict: Verdict) -> None:
    """M5 and the balance of the gateway's book against what the gateway holds for us."""
    accounts = list(session.scalars(select(Account)))
    for owed in accounts:
        if differs_from_entries(session, owed):
            verdict.wrong.append("balance is not the sum of its entries")
        if owed.balance_cents < 0:
            verdict.wrong.append(f"a balance of {owed.balance_cents}")
    verdict.wrong += [f"invariant: {found.kind}" for found in invariant.broken(session, [each.id for each in accounts])]
    held_cents = sum(
        entry.amount_cents * ((entry.debit_book == Book.gateway) - (entry.credit_book == Book.gateway))
        for entry in session.scalars(select(LedgerEntry))
    )
    there_cents = sum(_with_us_cents(row) for row in truth if row["success"])
    if held_cents != there_cents:
        verdict.wrong.append(f"the gateway holds {there_cents}, its book says {held_cents}")


def _with_us_cents(row: dict[str, Any]) -> int:
    if row["type"] == "credit":
        return -int(row["amount_cents"])
    if row["status"] in ("voided", *LOST):
        return 0
    away_cents = sum(each["amount_cents"] for each in row.get("disputes") or () if each["status"] not in NOT_OURS)
    return int(row["amount_cents"]) - away_cents


def _judge_ends(session: Session, charges: list[Charge], refunds: list[Refund], verdict: Verdict) -> None:
    """M4: nothing is left hanging."""
    for row in session.scalars(select(Obligation)):
        if row.status not in ENDS:
            verdict.stuck += 1
            verdict.wrong.append(f"stuck: obligation {row.status}, due {row.due_at}, {row.hold_reason}")
    for attempt in (*charges, *refunds):
        if attempt.state in ("sending", "unknown"):
            verdict.stuck += 1
            verdict.wrong.append(f"stuck: {type(attempt).__name__} {attempt.state}")
        if attempt.state == "review":
            verdict.review += 1
            called = f"{type(attempt).__name__.lower()}_review", attempt.id
            if audit.alarm_of(session, *called) is None:
                verdict.wrong.append("in review, and nobody was called")
    for attempt in charges:
        if attempt.cancel_requested_at is not None and attempt.cancel_settled_at is None:
            verdict.stuck += 1
            verdict.wrong.append("taken for a payment that was cancelled, and not given back")
    waiting = session.scalars(select(Notice).where(Notice.state == "waiting")).all()
    verdict.stuck += len(waiting)


def _judge_mail(session: Session, mails: list[dict[str, Any]], may_repeat: bool, verdict: Verdict) -> None:
    """N2: each promise is kept, a repeat carries the same Message-ID, and nothing else was sent."""
    promised = session.scalars(select(Message).where(Message.channel == "email")).all()
    expected = {row.message_id: row for row in promised if row.state == "sent"}
    sent = Counter(str(mail["message_id"]).strip("<>").partition("@")[0] for mail in mails)
    for message_id in expected.keys() - sent.keys():
        verdict.wrong.append(f"{expected[message_id].event} was never delivered")
    known = {row.message_id for row in promised}
    if sent.keys() - known:
        verdict.wrong.append("a mail nobody promised")
    if not may_repeat and any(times > 1 for times in sent.values()):
        verdict.wrong.append(f"a mail went {max(sent.values())} times")
    # one that is poisoned, a word of a refund that failed before it was told, an invitation to what is done already
    fine = {("unheard_of", "failed"), ("refund", "stopped"), ("subscription_assigned", "stopped")}
    odd = [f"{row.event} {row.state}" for row in promised if row.state != "sent" and (row.event, row.state) not in fine]
    if odd:
        verdict.wrong.append(f"messages: {odd}")


def balance_cents(session: Session, account_id: str) -> int:
    """What an account owes."""
    row = account.by_id(session, account_id)
    assert row is not None
    return row.balance_cents
