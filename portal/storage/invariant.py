"""The questions that must have no answer: accounts, charges and receipts that do not agree with one another.

Asked by `portal.usecases.invariants` for a handful of accounts at a time. Reads only; each question is one
statement, so that it sees one moment.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import and_, case, exists, func, literal, or_, select
from sqlalchemy.orm import Session

from portal.storage.account import Account
from portal.storage.charge import Charge
from portal.storage.ledger import LedgerEntry
from portal.storage.message import Receipt
from portal.storage.obligation import Obligation
from portal.storage.refund import Refund
from portal.storage.service import Service, ServiceEntry


@dataclass(frozen=True, slots=True)
class Broken:
    """Something that cannot be: `kind` names the invariant, `subject_id` the row that breaks it."""

    kind: str
    account_id: str
    subject_id: str


def next_accounts(session: Session, after: tuple[str, str], limit: int) -> list[tuple[str, str]]:
    """(organisation id, account id) of the accounts that come after one, by key; across organisations."""
    organisation_id, account_id = after
    rows = session.execute(
        select(Account.organisation_id, Account.id)
        .where(
            or_(
                Account.organisation_id > organisation_id,
                and_(Account.organisation_id == organisation_id, Account.id > account_id),
            )
        )
        .order_by(Account.organisation_id, Account.id)
        .limit(limit)
    )
    return [(row[0], row[1]) for row in rows]


def broken(session: Session, account_ids: Sequence[str]) -> list[Broken]:
    """Everything that does not agree on these accounts of the session's organisation."""
    return [
        *_balances_that_differ(session, account_ids),
        *_more_held_than_owed(session, account_ids),
        *_successes_half_written(session, account_ids),
        *_refunds_half_written(session, account_ids),
        *_payments_nobody_took(session, account_ids),
        *_receipts_for_nothing(session, account_ids),
        *_obligations_that_differ(session, account_ids),
        *_services_that_differ(session, account_ids),
        *_services_above_their_account(session, account_ids),
    ]


def _balances_that_differ(session: Session, account_ids: Sequence[str]) -> list[Broken]:
    """M5: a balance is the sum of its entries."""
    entry = LedgerEntry
    signed = case(
        (entry.debit_book == "receivable", entry.amount_cents),
        (entry.credit_book == "receivable", -entry.amount_cents),
        else_=0,
    )
    rows = session.execute(
        select(Account.id)
        .outerjoin(entry, and_(entry.organisation_id == Account.organisation_id, entry.account_id == Account.id))
        .where(Account.id.in_(account_ids))
        .group_by(Account.organisation_id, Account.id, Account.balance_cents)
        .having(Account.balance_cents != func.coalesce(func.sum(signed), 0))
    )
    return [Broken("balance_differs", row[0], row[0]) for row in rows]


def _more_held_than_owed(session: Session, account_ids: Sequence[str]) -> list[Broken]:
    """M7: what open charges may still take never exceeds what is owed."""
    rows = session.execute(
        select(Account.id)
        .join(Charge, and_(Charge.organisation_id == Account.organisation_id, Charge.account_id == Account.id))
        .where(Account.id.in_(account_ids), Charge.state.in_(("sending", "unknown", "review")))
        .group_by(Account.organisation_id, Account.id, Account.balance_cents)
        .having(func.sum(Charge.held_cents) > Account.balance_cents)
    )
    return [Broken("held_above_balance", row[0], row[0]) for row in rows]


def _successes_half_written(session: Session, account_ids: Sequence[str]) -> list[Broken]:
    """M2 and N1: a charge that succeeded has its entry in the ledger, of its amount, and its receipt."""
    booked = exists(
        select(literal(1)).where(
            LedgerEntry.organisation_id == Charge.organisation_id,
            LedgerEntry.charge_id == Charge.id,
            LedgerEntry.account_id == Charge.account_id,
            LedgerEntry.recipe == "payment_taken",
            LedgerEntry.amount_cents == Charge.amount_cents,
        )
    )
    receipted = exists(
        select(literal(1)).where(Receipt.organisation_id == Charge.organisation_id, Receipt.charge_id == Charge.id)
    )
    found: list[Broken] = []
    for kind, written in (("success_not_booked", booked), ("success_without_receipt", receipted)):
        rows = session.execute(
            select(Charge.account_id, Charge.id).where(
                Charge.account_id.in_(account_ids), Charge.state == "succeeded", ~written
            )
        )
        found += [Broken(kind, row[0], row[1]) for row in rows]
    return found


def _refunds_half_written(session: Session, account_ids: Sequence[str]) -> list[Broken]:
    """M2 and M3 of money given back: what was given is in the ledger, of its amount, what failed taken back."""

    def booked(*recipes: str) -> Any:
        return (
            select(func.coalesce(func.sum(LedgerEntry.amount_cents), 0))
            .where(
                LedgerEntry.organisation_id == Refund.organisation_id,
                LedgerEntry.account_id == Refund.account_id,
                LedgerEntry.event_key.in_([literal(f"{recipe}:") + Refund.id for recipe in recipes]),
            )
            .correlate(Refund)
            .scalar_subquery()
        )

    went = booked("payment_returned", "payment_corrected", "return_made_good")
    came_back = booked("return_failed", "return_kept")
    expected = case((Refund.state == "succeeded", Refund.amount_cents), else_=0)
    rows = session.execute(
        select(Refund.account_id, Refund.id).where(Refund.account_id.in_(account_ids), went - came_back != expected)
    )
    return [Broken("refund_not_booked", row[0], row[1]) for row in rows]


def _payments_nobody_took(session: Session, account_ids: Sequence[str]) -> list[Broken]:
    """M3: nothing is booked as paid that no charge took."""
    took = exists(
        select(literal(1)).where(
            Charge.organisation_id == LedgerEntry.organisation_id,
            Charge.id == LedgerEntry.charge_id,
            Charge.state == "succeeded",
        )
    )
    rows = session.execute(
        select(LedgerEntry.account_id, LedgerEntry.id).where(
            LedgerEntry.account_id.in_(account_ids), LedgerEntry.recipe == "payment_taken", ~took
        )
    )
    return [Broken("payment_without_charge", row[0], row[1]) for row in rows]


def _receipts_for_nothing(session: Session, account_ids: Sequence[str]) -> list[Broken]:
    """N3: no receipt without a success."""
    took = exists(
        select(literal(1)).where(
            Charge.organisation_id == Receipt.organisation_id,
            Charge.id == Receipt.charge_id,
            Charge.state == "succeeded",
        )
    )
    rows = session.execute(select(Receipt.account_id, Receipt.id).where(Receipt.account_id.in_(account_ids), ~took))
    return [Broken("receipt_without_success", row[0], row[1]) for row in rows]


def _obligations_that_differ(session: Session, account_ids: Sequence[str]) -> list[Broken]:
    """An obligation is paid exactly when one of its charges succeeded (M1: the index allows one)."""
    paid = exists(
        select(literal(1)).where(
            Charge.organisation_id == Obligation.organisation_id,
            Charge.obligation_id == Obligation.id,
            Charge.state == "succeeded",
        )
    )
    rows = session.execute(
        select(Obligation.account_id, Obligation.id).where(
            Obligation.account_id.in_(account_ids),
            or_(and_(Obligation.status == "paid", ~paid), and_(Obligation.status != "paid", paid)),
        )
    )
    return [Broken("obligation_differs", row[0], row[1]) for row in rows]


def _services_that_differ(session: Session, account_ids: Sequence[str]) -> list[Broken]:
    """M5 for each service: what is owed of it is the sum of its entries."""
    entry = ServiceEntry
    rows = session.execute(
        select(Service.account_id, Service.id)
        .outerjoin(entry, and_(entry.organisation_id == Service.organisation_id, entry.service_id == Service.id))
        .where(Service.account_id.in_(account_ids))
        .group_by(Service.organisation_id, Service.account_id, Service.id, Service.balance_cents)
        .having(Service.balance_cents != func.coalesce(func.sum(entry.change_cents), 0))
    )
    return [Broken("service_differs", row[0], row[1]) for row in rows]


def _services_above_their_account(session: Session, account_ids: Sequence[str]) -> list[Broken]:
    """What is owed of services is never more than what is owed in all."""
    rows = session.execute(
        select(Account.id)
        .join(Service, and_(Service.organisation_id == Account.organisation_id, Service.account_id == Account.id))
        .where(Account.id.in_(account_ids))
        .group_by(Account.organisation_id, Account.id, Account.balance_cents)
        .having(func.sum(Service.balance_cents) > Account.balance_cents)
    )
    return [Broken("services_above_account", row[0], row[0]) for row in rows]
