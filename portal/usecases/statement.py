"""Statements of an account between two days, whole to the cent with the ledger: opening, every move, closing.

Called by the pages behind the sign-in, in a read-only transaction. Keeps nothing: the ledger is append only, so days
that are over say the same again.
"""

from datetime import date, datetime

from portal.domain.due_date import local_date
from portal.domain.ledger import Recipe, receivable_change_cents
from portal.domain.refusal import Refused
from portal.domain.service import EntryKind
from portal.domain.statement import StatementFacts, StatementLine, StatementRow, line_of
from portal.storage import Session, ledger, message, organisation
from portal.storage import customer as customers
from portal.storage import service as services
from portal.storage.account import Account
from portal.storage.ledger import LedgerEntry
from portal.storage.message import Receipt
from portal.storage.service import Line, ServiceEntry
from portal.usecases.service_document import payer_on_paper, practice_of

DAYS_MAX = 3 * 366


def statement(session: Session, owed_on: Account, from_on: date, until_on: date, now: datetime) -> StatementFacts:
    """The statement of an account for these days, both included, by the calendar of the organisation's zone.

    Refused `statement_days` when they are the wrong way round or too many.
    """
    if until_on < from_on or (until_on - from_on).days > DAYS_MAX:
        raise Refused("statement_days", most_years=DAYS_MAX // 366)
    paid_to = organisation.by_id(session, owed_on.organisation_id)
    payer = customers.by_id(session, owed_on.customer_id)
    if payer is None:
        raise AssertionError(f"account {owed_on.id} has no customer")
    of_services = services.entries_of_account(session, owed_on.id)
    lines = {line[0].id: line for line in services.lines_of_account(session, owed_on.id)}
    moves = [(entry, receivable_change_cents(Recipe(entry.recipe), entry.amount_cents))
             for entry in ledger.of_account(session, owed_on.id)]  # fmt: skip
    moves.sort(key=lambda move: (move[0].posted_at, move[1] < 0, move[0].event_key))
    receipts = message.receipts_of_charges(session, {entry.charge_id for entry, _ in moves if entry.charge_id})
    opening = balance = 0
    rows = []
    for entry, change in moves:
        on = local_date(entry.posted_at, paid_to.timezone)
        if not change or on > until_on:
            continue
        balance += change
        if on < from_on:
            opening = balance
            continue
        parts = of_services.get(entry.event_key, [])
        line = line_of(Recipe(entry.recipe), EntryKind(parts[0].kind) if parts else None)
        rows.append(StatementRow(on, line, _about(line, entry, parts, lines, receipts), change, balance))
    return StatementFacts(
        practice=practice_of(session, paid_to),
        payer=payer_on_paper(payer),
        account=owed_on.reference,
        from_on=from_on,
        until_on=until_on,
        opening_cents=opening,
        rows=tuple(rows),
        made_at=now,
    )


def _about(
    line: StatementLine,
    entry: LedgerEntry,
    parts: list[ServiceEntry],
    lines: dict[str, Line],
    receipts: dict[str, Receipt],
) -> str:
    """A service by its day and its code or the practice's own words; a payment by its card and receipt."""
    if entry.charge_id in receipts:
        facts = receipts[entry.charge_id].facts
        card = f"{facts['card_brand'] or ''} •••• {facts['card_last4']}".strip() if facts["card_last4"] else ""
        return ", ".join(each for each in (card, facts["receipt_number"]) if each)
    named = [lines[part.service_id] for part in parts if part.service_id in lines]
    return "; ".join(f"{detail.performed_on:%m/%d/%Y} {detail.description or detail.code}" for _, detail, *_ in named)
