"""Any order of sales, settlements, voids, refunds, lost answers and other hands: the books end as the truth."""

import contextlib
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from portal.domain.ledger import Book
from portal.domain.refusal import Refused
from portal.storage import account, ledger
from portal.usecases.ledger import differs_from_entries
from portal.usecases.reconcile import reconcile_window
from tests.rig.house import House, build_ports, found
from tests.rig.payment import book_cents, give_back, kept_at_gateway_cents, paid, resolved, settle
from tests.rig.simulator_process import SimulatorProcess

FAULTS = [None, None, "reset_after", "reset_before", "status_500_after", "empty_200"]
STEP = st.one_of(
    st.tuples(st.just("sale"), st.integers(100, 9_000)),
    st.tuples(st.sampled_from(["settle", "void there", "refund there", "resolve"]), st.integers(0, 3)),
    st.tuples(st.just("give back"), st.integers(0, 3), st.one_of(st.none(), st.integers(1, 9_000)),
              st.booleans(), st.sampled_from(FAULTS)),
)  # fmt: skip


@pytest.fixture
def houses(database: Any, world: SimulatorProcess) -> Iterator[Any]:
    yield lambda: found(build_ports(database, world), world)
    world.clear_faults()


@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(steps=st.lists(STEP, min_size=3, max_size=9))
def test_m3_after_any_history_the_gateway_book_is_what_the_gateway_holds(houses: Any, steps: list[Any]) -> None:
    house: House = houses()
    house.clock.at = datetime.now(UTC)
    sales = [paid(house, 5_000)]
    for step in steps:
        act(house, sales, step)
    house.simulator.clear_faults()
    for _ in range(3):
        for _, charge_id, _ in sales:
            resolved(house, charge_id, minutes=40)
    now = house.clock.at
    reconcile_window(house.ports, house.organisation_id, now - timedelta(days=1), now, "test")
    again = reconcile_window(house.ports, house.organisation_id, now - timedelta(days=1), now, "test")
    assert again.differences == []
    assert sum(book_cents(house, owed, Book.gateway) for owed, _, _ in sales) == kept_at_gateway_cents(house)
    truth = house.simulator.truth(merchant=house.merchant_id)
    for owed, _, gateway_id in sales:
        [sale] = [row for row in truth if row["id"] == gateway_id]
        back = sum(row["amount_cents"] for row in truth
                   if row["refunded_transaction_id"] == gateway_id and row["success"])  # fmt: skip
        assert back <= sale["amount_cents"]
        with house.ports.database.read(house.organisation_id) as session:
            from_entries = ledger.receivable_cents(session, owed)
            row = account.by_id(session, owed)
            assert row is not None
            assert differs_from_entries(session, row) == 0
            assert row.balance_cents == from_entries


def act(house: House, sales: list[tuple[str, str, str]], step: tuple[Any, ...]) -> None:
    """One step of a history; what a rule or the gateway refuses is simply not done."""
    key = house.merchant_id
    sdk = house.simulator.gateway(key, f"{key}_public_key", f"{key}_private_key")
    if step[0] == "sale":
        if len(sales) < 4:
            sales.append(paid(house, step[1]))
        return
    _, charge_id, gateway_id = sales[step[1] % len(sales)]
    match step[0]:
        case "settle":
            try:
                settle(house, gateway_id)
            except AssertionError:
                return  # voided or settled already
        case "void there":
            sdk.transaction.void(gateway_id)
        case "refund there":
            sdk.transaction.refund(gateway_id, {"amount": "1.00", "order_id": uuid.uuid4().hex})
        case "resolve":
            resolved(house, charge_id)
        case _:
            _, _, amount_cents, reopens, fault = step
            for operation in ("void", "refund") if fault else ():
                house.simulator.faults(fault, merchant=house.merchant_id, operation=operation)
            with contextlib.suppress(Refused):
                give_back(house, charge_id, amount_cents, reopens_balance=reopens)
            house.simulator.clear_faults()
