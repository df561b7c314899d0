"""What payments paid for: each receipt of a customer with its services, between two days, and all of it as CSV.

Called by the pages behind the sign-in, in a read-only transaction. Never mailed: it names services (C50).
"""

from dataclasses import dataclass
from datetime import date, datetime

from portal.domain.due_date import local_date
from portal.domain.spreadsheet import written_rows
from portal.storage import Session
from portal.storage import service as services
from portal.storage.message import Receipt

HEADER = ("Date", "Receipt", "Amount", "Method", "Last four", "Service date", "Code", "Provider", "Patient", "Share")


@dataclass(frozen=True, slots=True)
class PaidFor:
    """One service and what a payment paid of it, less what was given back since."""

    service_id: str
    performed_on: date
    code: str
    description: str
    provider: str
    patient: str
    share_cents: int


@dataclass(frozen=True, slots=True)
class Payment:
    """One receipt, the day it was paid on the organisation's wall, and what it paid for."""

    receipt: Receipt
    on: date
    paid_for: tuple[PaidFor, ...]


def payments(
    session: Session, receipts: list[Receipt], zone: str, from_on: date | None = None, until_on: date | None = None
) -> list[Payment]:
    """These receipts from one day until another, both included, in their order."""
    days = {row.id: local_date(datetime.fromisoformat(row.facts["paid_at"]), zone) for row in receipts}
    wanted = [
        row
        for row in receipts
        if (from_on is None or days[row.id] >= from_on) and (until_on is None or days[row.id] <= until_on)
    ]
    moved: dict[str, dict[str, int]] = {}
    for entry in services.entries_of_charges(session, [row.charge_id for row in wanted]):
        if entry.kind in ("payment", "returned") and entry.charge_id is not None:
            of_charge = moved.setdefault(entry.charge_id, {})
            of_charge[entry.service_id] = of_charge.get(entry.service_id, 0) - entry.change_cents
    lines = {row.id: line for line in services.lines_of(session, {each for of in moved.values() for each in of})
             for row in line[:1]}  # fmt: skip
    found = []
    for row in wanted:
        parts = [(lines[each], cents) for each, cents in moved.get(row.charge_id, {}).items() if each in lines]
        paid_for = [
            PaidFor(service_row.id, detail.performed_on, " ".join([detail.code, *detail.modifiers]),
                    detail.description, treated_by.name, treated.full_name, cents)
            for (service_row, detail, treated_by, treated), cents in parts
        ]  # fmt: skip
        found.append(Payment(row, days[row.id], tuple(sorted(paid_for, key=lambda each: each.performed_on))))
    return found


def as_csv(found: list[Payment]) -> bytes:
    """A row for each share, or one for a payment on an account as a whole."""
    rows = []
    for each in found:
        facts = each.receipt.facts
        paid = (each.on.isoformat(), each.receipt.number, _plain(facts["amount_cents"]), facts["card_brand"] or "",
                facts["card_last4"] or "")  # fmt: skip
        shares = [
            (part.performed_on.isoformat(), part.code, part.provider, part.patient, _plain(part.share_cents))
            for part in each.paid_for
        ]
        rows += [(*paid, *share) for share in shares or [("", "", "", "", "")]]
    return written_rows(HEADER, rows)


def _plain(cents: int) -> str:
    return f"{cents // 100}.{cents % 100:02d}"
