"""Payment history: every payment of a customer, taken, declined or under way, what came back of it and what it was for.

Called by the pages behind the sign-in, in a read-only transaction but for the note of an export. Never mailed: it
names services (C50).
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime

from portal.domain.document import ReceiptPart
from portal.domain.due_date import local_date
from portal.domain.payment_status import SecondLine, Shown, payment_status
from portal.domain.spreadsheet import written_rows
from portal.storage import Session, share
from portal.storage import payment_status as statuses
from portal.storage import service as services
from portal.storage.charge import Charge
from portal.storage.message import Receipt
from portal.storage.service import Line
from portal.usecases.organisation import record

HEADER = (
    "Date", "Status", "Receipt", "Amount", "Given back", "Method", "Last four", "Service date", "Code", "Provider",
    "Patient", "Share",
)  # fmt: skip
ALL = 1_000_000  # more than anybody ever makes
_STANDS = {"succeeded": "paid", "declined": "not_paid", "review": "review"}  # as an obligation would stand


@dataclass(frozen=True, slots=True)
class PaidFor:
    """One service and what a payment paid of it, less what was given back since; or what it was meant to pay."""

    service_id: str
    performed_on: date
    code: str
    description: str
    provider: str
    patient: str
    share_cents: int


@dataclass(frozen=True, slots=True)
class Payment:
    """One attempt, the day it was made on the organisation's wall, how it stands, and what it was for."""

    charge: Charge
    receipt: Receipt | None
    on: date
    shown: Shown
    returned_cents: int
    paid_for: tuple[PaidFor, ...]


def payments(
    session: Session, customer_id: str, limit: int, zone: str, from_on: date | None = None, until_on: date | None = None
) -> list[Payment]:
    """The payments of a customer from one day until another, both included, newest first, at most `limit` of them."""
    found: list[Payment] = []
    read = limit if from_on is None and until_on is None else ALL  # the days are looked for among all of them
    for attempt, receipt, back_cents, failed_refunds, taken_back_cents in statuses.of_customer(
        session, customer_id, read
    ):
        on = local_date(attempt.claimed_at, zone)
        if (from_on is None or on >= from_on) and (until_on is None or on <= until_on):
            shown = payment_status(
                obligation_status=_STANDS.get(attempt.state, "charging"),
                refused_code=None,
                due_on=on,
                cancel_requested=attempt.cancel_requested_at is not None,
                refunded_cents=back_cents,
                has_refund_failed=failed_refunds > 0,
                paid_cents=attempt.amount_cents,
                is_disputed=taken_back_cents > 0,
            )
            found.append(Payment(attempt, receipt, on, shown, back_cents, ()))
    del found[limit:]
    parts = _shares(session, [each.charge for each in found])
    wanted = {service_id for of_charge in parts.values() for service_id in of_charge}
    lines = {line[0].id: line for line in services.lines_of(session, wanted)}
    return [replace(each, paid_for=_paid_for(parts.get(each.charge.id, {}), lines)) for each in found]


def _shares(session: Session, attempts: list[Charge]) -> dict[str, dict[str, int]]:
    """Charge id -> service id -> cents: what a payment that was taken moved, and what the others were meant to."""
    moved: dict[str, dict[str, int]] = {}
    taken = [each.id for each in attempts if each.state == "succeeded"]
    for entry in services.entries_of_charges(session, taken):
        if entry.kind in ("payment", "returned") and entry.charge_id is not None:
            of_charge = moved.setdefault(entry.charge_id, {})
            of_charge[entry.service_id] = of_charge.get(entry.service_id, 0) - entry.change_cents
    others = {each.obligation_id: each.id for each in attempts if each.state != "succeeded"}
    wishes: dict[str, dict[str, int]] = {}
    for wish in share.of_obligations(session, others):
        wishes.setdefault(str(wish.obligation_id), {})[wish.service_id] = wish.amount_cents
    return moved | {each.id: wishes.get(each.obligation_id, {}) for each in attempts if each.state != "succeeded"}


def receipt_parts(session: Session, charge_id: str) -> tuple[ReceiptPart, ...]:
    """What a payment paid of each service when it was taken, whatever was given back since; for its own payer only."""
    entries = [each for each in services.entries_of_charges(session, [charge_id]) if each.kind == "payment"]
    shares = {each.service_id: -each.change_cents for each in entries if each.event_key == entries[0].event_key}
    lines = {line[0].id: line for line in services.lines_of(session, shares)}
    return tuple(
        ReceiptPart(each.performed_on, f"{each.description or each.code}, {each.provider}, {each.patient}",
                    each.share_cents)
        for each in _paid_for(shares, lines)
    )  # fmt: skip


def _paid_for(parts: Mapping[str, int], lines: Mapping[str, Line]) -> tuple[PaidFor, ...]:
    named = []
    for service_id, cents in parts.items():
        if service_id in lines:
            _, detail, treated_by, treated = lines[service_id]
            code = " ".join([detail.code, *detail.modifiers])
            named.append(PaidFor(service_id, detail.performed_on, code, detail.description, treated_by.name,
                                 treated.full_name, cents))  # fmt: skip
    return tuple(sorted(named, key=lambda each: (each.performed_on, each.service_id)))


def as_csv(found: list[Payment]) -> bytes:
    """A row for each share, or one for a payment on an account as a whole.

    The amount, and what was given back of it, stand in a payment's first row only: a column can be added up.
    """
    rows = []
    for each in found:
        number = each.receipt.number if each.receipt is not None else ""
        when, card = (
            (each.on.isoformat(), _status(each.shown), number),
            (each.charge.card_brand or "", each.charge.card_last4 or ""),
        )
        sums = (_plain(each.charge.amount_cents), _plain(each.returned_cents))
        shares = [
            (part.performed_on.isoformat(), part.code, part.provider, part.patient, _plain(part.share_cents))
            for part in each.paid_for
        ]
        for place, share_of in enumerate(shares or [("", "", "", "", "")]):
            rows.append((*when, *(("", "") if place else sums), *card, *share_of))
    return written_rows(HEADER, rows)


def _status(shown: Shown) -> str:
    """The word for a spreadsheet: Paid, Pending or Declined, and what came back."""
    word = shown.status.value.capitalize()
    line = shown.line.value.replace("_", " ")
    return f"{word} ({line})" if shown.line is not SecondLine.none else word


def _plain(cents: int) -> str:
    return f"{cents // 100}.{cents % 100:02d}"


def note_export(session: Session, customer_id: str, since: date | None, until: date | None, now: datetime) -> None:
    """Writes down that somebody took their payments away as a file, and which days (attack 113)."""
    days = {"since": since.isoformat() if since else None, "until": until.isoformat() if until else None}
    record(session, f"customer:{customer_id}", "history_exported", customer_id, now, **days)
