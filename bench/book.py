"""A book of scheduled payments by the thousand: rows as `usecases.schedule.make` leaves them, written many at once.

Called by the benchmarks of the run. Cards are kept at the simulator for real; everything else is inserted, because
making twenty thousand schedules one by one would take longer than what is measured.
"""

import hashlib
import uuid
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import insert

from portal.domain.due_date import local_date
from portal.storage.account import Account
from portal.storage.agreement import Agreement
from portal.storage.customer import Customer
from portal.storage.ledger import LedgerEntry
from portal.storage.obligation import Obligation
from portal.storage.payment_method import PaymentMethod
from portal.storage.rows import TenantRow
from portal.storage.schedule import Schedule
from tests.rig.house import House

AT_ONCE = 1_000
AMOUNT_CENTS, OWED_CENTS = 2_500, 10_000
ZONE = "America/Chicago"


@dataclass(frozen=True, slots=True)
class Payer:
    """A customer with a card on file."""

    customer_id: str
    method_id: str


def people(house: House, number: int, *, threads: int = 8) -> list[Payer]:
    """So many customers with an address, each with a card kept at the gateway as the portal keeps it."""

    def keep(_: int) -> str:
        token = f"b{uuid.uuid4().hex}"
        answer = house.ports.gateways.of(house.organisation_id).keep_card(
            house.customer_id, token, "fake-valid-nonce", timedelta(seconds=30)
        )
        if answer.card is None:
            raise RuntimeError(f"no card to pay with: {answer}")
        return token

    with ThreadPoolExecutor(threads) as pool:
        tokens = list(pool.map(keep, range(number)))
    made, now = [Payer(_id(), _id()) for _ in tokens], house.ports.clock.now()
    customers = [
        {
            "organisation_id": house.organisation_id, "id": payer.customer_id, "reference": f"B-{token}",
            "given_name": "Ada", "family_name": "Moss", "email": f"{token}@example.com", "locale": "en",
            "is_active": True, "created_at": now,
        }
        for payer, token in zip(made, tokens, strict=True)
    ]  # fmt: skip
    methods = [
        {
            "organisation_id": house.organisation_id, "id": payer.method_id, "customer_id": payer.customer_id,
            "kind": "card", "token": token, "brand": "Visa", "last4": "1111", "expires_month": 12,
            "expires_year": now.year + 3, "consent_text": "Keep it", "saved_at": now,
        }
        for payer, token in zip(made, tokens, strict=True)
    ]  # fmt: skip
    _write(house, [(Customer, customers), (PaymentMethod, methods)])
    return made


def write(house: House, payers: Sequence[Payer], number: int, due_at: datetime) -> list[str]:
    """So many payments due at one moment, each on its own account under its own sealed schedule; ids of them.

    No two of them wait for the same lock.
    """
    made: list[str] = []
    for start in range(0, number, AT_ONCE):
        rows = [_rows(house, payers[n % len(payers)], due_at) for n in range(start, min(start + AT_ONCE, number))]
        tables = (Account, LedgerEntry, Agreement, Schedule, Obligation)
        _write(house, [(kind, [each[place] for each in rows]) for place, kind in enumerate(tables)])
        made += [each[-1]["id"] for each in rows]
    if not house.ports.database.is_sqlite:
        _take_statistics(house)
    return made


def _take_statistics(house: House) -> None:
    """What autovacuum does by itself in a database that was not filled a second ago."""
    with house.ports.database.writer.begin() as connection:
        connection.exec_driver_sql("ANALYZE")


def _write(house: House, tables: Sequence[tuple[type[TenantRow], list[dict[str, Any]]]]) -> None:
    with house.ports.database.transaction(house.organisation_id) as session:
        for kind, values in tables:
            session.execute(insert(kind), values)


def _rows(house: House, payer: Payer, due_at: datetime) -> tuple[dict[str, Any], ...]:
    """Account, its opening entry, agreement, schedule and payment."""
    account_id, schedule_id, agreement_id = _id(), _id(), _id()
    now, own = house.ports.clock.now(), {"organisation_id": house.organisation_id}
    owner = own | {"customer_id": payer.customer_id, "account_id": account_id}
    text = f"I authorise payments on account {account_id}."
    account = own | {
        "id": account_id, "customer_id": payer.customer_id, "reference": f"B-{account_id}", "label": "Balance",
        "balance_cents": OWED_CENTS, "currency": "USD", "status": "open", "created_at": now, "version": 1,
    }  # fmt: skip
    entry = own | {
        "id": _id(), "account_id": account_id, "recipe": "balance_placed", "debit_book": "receivable",
        "credit_book": "placed", "amount_cents": OWED_CENTS, "currency": "USD",
        "event_key": f"balance_placed:{account_id}", "posted_at": now, "posted_by": "bench",
    }  # fmt: skip
    agreement = owner | {
        "id": agreement_id, "kind": "schedule", "text_version": "1", "locale": "en", "text": text,
        "text_sha256": hashlib.sha256(text.encode()).hexdigest(), "accepted_at": now, "ip": "192.0.2.7",
        "user_agent": "bench",
    }  # fmt: skip
    schedule = owner | {
        "id": schedule_id, "agreement_id": agreement_id, "payment_method_id": payer.method_id, "status": "active",
        "series": "installment", "rhythm": {}, "locale": "en", "made_at": now, "made_by": "bench", "version": 1,
    }  # fmt: skip
    payment = owner | {
        "id": _id(), "kind": "scheduled", "subject_id": schedule_id, "seq": 1, "amount_cents": AMOUNT_CENTS,
        "forgiven_cents": 0, "currency": "USD", "agreement_id": agreement_id, "payment_method_id": payer.method_id,
        "card_brand": "Visa", "card_last4": "1111", "due_at": due_at, "due_on": local_date(due_at, ZONE),
        "retries": 0, "source": "installment", "status": "due", "version": 1, "created_at": now,
    }  # fmt: skip
    return account, entry, agreement, schedule, payment


def _id() -> str:
    return uuid.uuid4().hex
