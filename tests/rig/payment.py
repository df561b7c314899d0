"""Payments in a house, and money given back: what tests of refunds, comparisons and commands begin with and look at.

Acts through use cases and the gateway's own test helpers; judges nothing.
"""

import uuid
from datetime import timedelta
from typing import Any

from portal.domain.charge import ChargeState
from portal.domain.ledger import Book
from portal.storage import account, audit, charge, ledger, offer, refund
from portal.storage.offer import Offer
from portal.usecases.charge import charge_obligation
from portal.usecases.ledger import differs_from_entries
from portal.usecases.refund import RefundResult, RefundWish, refund_charge
from portal.usecases.refund_resolve import resolve_refund
from tests.rig.house import House

SOON = timedelta(seconds=2)
NOT_GIVEN = {("credit", "settlement_declined"), ("credit", "voided")}


def paid(house: House, amount_cents: int = 10_000, balance_cents: int = 50_000, **values: Any) -> tuple[str, str, str]:
    """(account id, charge id, the gateway's id) of one payment that was taken and has not settled."""
    owed = house.account(balance_cents)
    due = house.obligation(owed, amount_cents, payment_method_id=house.card_on_file(), **values)
    assert charge_obligation(house.ports, house.organisation_id, due, SOON).state is ChargeState.succeeded
    with house.ports.database.read(house.organisation_id) as session:
        [row] = charge.of_obligation(session, due)
    return owed, row.id, row.gateway_id or ""


def settle(house: House, gateway_id: str, helper: str = "settle_transaction") -> None:
    key = house.merchant_id
    sdk = house.simulator.gateway(key, f"{key}_public_key", f"{key}_private_key")
    assert getattr(sdk.testing, helper)(gateway_id).is_success


def settled(house: House, amount_cents: int = 10_000, **values: Any) -> tuple[str, str, str]:
    ids = paid(house, amount_cents, **values)
    settle(house, ids[2])
    return ids


def give_back(house: House, charge_id: str, amount_cents: int | None = None, **values: Any) -> RefundResult:
    wish = RefundWish(
        request_key=values.pop("request_key", uuid.uuid4().hex), charge_id=charge_id, by="staff",
        amount_cents=amount_cents, **values,
    )  # fmt: skip
    return refund_charge(house.ports, house.organisation_id, wish, SOON)


def refunds_of(house: House, charge_id: str) -> list[refund.Refund]:
    with house.ports.database.read(house.organisation_id) as session:
        return refund.of_charge(session, charge_id)


def balance_of(house: House, account_id: str) -> int:
    with house.ports.database.read(house.organisation_id) as session:
        row = account.by_id(session, account_id)
        assert row is not None
        assert differs_from_entries(session, row) == 0
        return row.balance_cents


def book_cents(house: House, account_id: str, book: Book) -> int:
    with house.ports.database.read(house.organisation_id) as session:
        rows = ledger.of_account(session, account_id)
    return sum(row.amount_cents * ((row.debit_book == book.value) - (row.credit_book == book.value)) for row in rows)


def alarms(house: House) -> list[str]:
    with house.ports.database.read(house.organisation_id) as session:
        return [row.kind for row in audit.open_alarms(session)]


def kept_at_gateway_cents(house: House) -> int:
    """What the gateway took and did not give back."""
    truth = house.simulator.truth(merchant=house.merchant_id)
    rows = [row for row in truth if row["success"] and (row["type"], row["status"]) not in NOT_GIVEN]
    took = sum(int(str(row["amount_cents"])) for row in rows if row["type"] == "sale" and row["status"] != "voided")
    return took - sum(int(str(row["amount_cents"])) for row in rows if row["type"] == "credit")


def settlement(house: House) -> tuple[str, str, str, str]:
    """(account, charge, gateway id, offer) of a settlement: 6,000 paid, 4,000 forgiven, nothing owed."""
    owed = house.account(10_000)
    with house.ports.database.transaction(house.organisation_id) as session:
        row = Offer(
            organisation_id=house.organisation_id, account_id=owed, kind="amount", amount_cents=6_000,
            valid_until=house.clock.at + timedelta(days=30), created_at=house.clock.at,
        )  # fmt: skip
        session.add(row)
        session.flush()
        offer_id = row.id
    due = house.obligation(owed, 6_000, forgiven_cents=4_000, offer_id=offer_id, payment_method_id=house.card_on_file())
    charge_obligation(house.ports, house.organisation_id, due, SOON)
    with house.ports.database.read(house.organisation_id) as session:
        [row_] = charge.of_obligation(session, due)
    return owed, row_.id, row_.gateway_id or "", offer_id


def status_of_offer(house: House, offer_id: str) -> str:
    with house.ports.database.read(house.organisation_id) as session:
        row = offer.by_id(session, offer_id)
        assert row is not None
        return row.status


def resolved(house: House, charge_id: str, minutes: float = 30) -> str:
    """The state of the last attempt to give a charge back, after the janitor has looked at all of them."""
    house.clock.pass_(minutes=minutes)
    for row in refunds_of(house, charge_id):
        resolve_refund(house.ports, house.organisation_id, row.id)
    rows = refunds_of(house, charge_id)
    return rows[-1].state if rows else ""
