"""Disputes on the wire: find, search, accept, text evidence, finalize. Files as evidence are not taken."""

from typing import Any

from simulator.codec import Collection, text
from simulator.disputes import EVIDENCE_OUTCOME, Dispute
from simulator.problems import refuse
from simulator.search import DISPUTE_FIELDS, BadCriteria, select
from simulator.transactions import Transaction
from simulator.wire import render
from simulator.wire.call import Call, NotFound, Reply


def _found(call: Call) -> tuple[Dispute, Transaction]:
    found = call.world.transactions.find_dispute(call.merchant.id, call.ids[0])
    if found is None:
        raise NotFound(call.ids[0])
    return found


def find(call: Call) -> Reply:
    """GET one."""
    return Reply(200, "dispute", render.dispute(*_found(call)))


def search(call: Call) -> Reply:
    """One page of all that match; the page is in the query."""
    book = call.world.transactions
    mine = {item.id: (item, transaction) for transaction in book.of(call.merchant.id) for item in transaction.disputes}
    try:
        chosen = select([item for item, _ in mine.values()], call.params, DISPUTE_FIELDS)
    except BadCriteria as error:
        return Reply(200, "unknown_criteria", {"name": str(error)}, success=False, note=f"unknown criteria {error}")
    number = max(1, int(call.query.get("page", "1")))
    part = chosen[(number - 1) * render.PAGE_SIZE : number * render.PAGE_SIZE]
    shown = [render.dispute(*mine[item.id]) for item in part]
    fields = {"current_page_number": number, "page_size": render.PAGE_SIZE, "total_items": len(chosen)}
    return Reply(200, "disputes", Collection("dispute", shown, fields))


def accept(call: Call) -> Reply:
    """The merchant gives in."""
    return _answered(call, "accepted", "95704")


def finalize(call: Call) -> Reply:
    """The merchant answers with what it has; two sentences of the sandbox decide it at once."""
    dispute, transaction = _found(call)
    reply = _answered(call, "disputed", "95705")
    for evidence in dispute.evidence:
        outcome = EVIDENCE_OUTCOME.get(evidence["comment"])
        if outcome:
            call.world.move_dispute(transaction, dispute, outcome)
            break
    return reply


def _answered(call: Call, status: str, code: str) -> Reply:
    dispute, transaction = _found(call)
    if dispute.status != "open":
        raise refuse("dispute", "status", code)
    call.world.move_dispute(transaction, dispute, status)
    return Reply(200, "dispute", render.dispute(dispute, transaction))


def add_evidence(call: Call) -> Reply:
    """A sentence as evidence."""
    dispute, transaction = _found(call)
    if dispute.status != "open":
        raise refuse("dispute", "status", "95701")
    comment = text(call.params.get("comments"))
    if not comment:
        raise refuse("evidence", "comments", "95726")
    evidence: dict[str, Any] = {
        "id": call.world.ids.word(16),
        "comment": comment,
        "category": text(call.params.get("category")),
        "created_at": call.world.clock.now(),
    }
    dispute.evidence.append(evidence)
    call.world.transactions.keep(transaction)
    return Reply(201, "evidence", render.evidence(evidence))


def remove_evidence(call: Call) -> Reply:
    """Takes a piece of evidence back."""
    dispute, transaction = _found(call)
    if dispute.status != "open":
        raise refuse("dispute", "status", "95702")
    left = [item for item in dispute.evidence if item["id"] != call.ids[1]]
    if len(left) == len(dispute.evidence):
        raise NotFound(call.ids[1])
    dispute.evidence = left
    call.world.transactions.keep(transaction)
    return Reply(200, "dispute", render.dispute(dispute, transaction))
