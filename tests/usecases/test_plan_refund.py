"""Money of a settlement in parts that goes back after it was kept: what is owed again, and what is forgiven again.

Whichever instalment it is: docs/decisions/money-given-back.md. Settlements in one payment are in test_refund.py.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from portal.domain.ledger import Book
from portal.domain.plan import PlanWish
from portal.storage import charge
from portal.storage.charge import Charge
from portal.storage.plan import Plan
from portal.usecases.dispute import look_at_dispute
from portal.usecases.refund_look import look_at_refund
from tests.rig.house import House
from tests.rig.payment import alarms, balance_of, book_cents, give_back, refunds_of, settle
from tests.rig.plans import instalments, plan_now, settlement, signed, wish
from tests.rig.series import run_due, told

FORGIVEN, EACH = 26_000, 8_000  # of 50,000, in three parts


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(2) as made:
        yield made


@pytest.fixture
def kept(house: House, pool: ThreadPoolExecutor) -> Plan:
    """A settlement in three parts that was kept: 24,000 paid, 26,000 forgiven, nothing owed."""
    row = signed(house, settlement(house))
    for due in instalments(house, row):
        house.clock.at = max(house.clock.at, due.due_at)
        run_due(house, pool)
    row = plan_now(house, row.id)
    assert (row.state, balance_of(house, row.account_id)) == ("completed", 0)
    return row


def charges(house: House, row: Plan) -> list[Charge]:
    """The one that took each instalment."""
    found, payments = [], instalments(house, row)
    with house.ports.database.read(house.organisation_id) as session:
        for due in payments:
            found += [each for each in charge.of_obligation(session, due.id) if each.state == "succeeded"]
    assert len(found) == 3
    return found


def owed(house: House, row: Plan) -> tuple[int, int]:
    """(what the account owes, what is forgiven)."""
    return balance_of(house, row.account_id), book_cents(house, row.account_id, Book.settled_away)


@pytest.mark.parametrize("number", [0, 1, 2])
def test_an_instalment_given_back_whole_undoes_the_settlement_whichever_it_is(
    house: House, kept: Plan, number: int
) -> None:
    each = charges(house, kept)
    give_back(house, each[number].id)
    assert owed(house, kept) == (EACH + FORGIVEN, 0)
    assert alarms(house) == ["plan_settlement_undone"]
    give_back(house, each[number - 1].id)
    assert owed(house, kept) == (2 * EACH + FORGIVEN, 0), "once, however many go back"
    assert plan_now(house, kept.id).state == "completed"


def test_a_part_and_what_was_never_owed_leave_the_settlement_as_it_is(house: House, kept: Plan) -> None:
    first, second, _ = charges(house, kept)
    settle(house, first.gateway_id or "")
    give_back(house, first.id, EACH - 1)
    assert owed(house, kept) == (EACH - 1, FORGIVEN)
    give_back(house, second.id, reopens_balance=False)
    assert owed(house, kept) == (EACH - 1, FORGIVEN)
    give_back(house, first.id)
    assert owed(house, kept) == (EACH + FORGIVEN, 0), "with its last part it went back whole"


def test_a_refund_that_did_not_arrive_forgives_again_when_no_other_instalment_is_missing(
    house: House, kept: Plan
) -> None:
    first, second, _ = charges(house, kept)
    for each in (first, second):
        settle(house, each.gateway_id or "")
        house.simulator.faults("settlement_declined", merchant=house.merchant_id, operation="refund")
        give_back(house, each.id)
        settle(house, refunds_of(house, each.id)[0].gateway_id or "")
    assert owed(house, kept) == (2 * EACH + FORGIVEN, 0)
    not_arrived(house, first)
    assert owed(house, kept) == (EACH + FORGIVEN, 0)
    not_arrived(house, second)
    assert owed(house, kept) == (0, FORGIVEN)


@pytest.mark.parametrize("make", [wish, settlement])
def test_a_plan_that_was_broken_by_a_refund_is_kept_when_that_refund_does_not_arrive(
    house: House, pool: ThreadPoolExecutor, make: Callable[[House], PlanWish]
) -> None:
    """It was broken at its end, for want of what had been given back; whoever heard that hears that it was kept."""
    row, first = two_of_three_paid(house, make(house), pool)
    settle(house, first.gateway_id or "")
    house.simulator.faults("settlement_declined", merchant=house.merchant_id, operation="refund")
    give_back(house, first.id)
    settle(house, refunds_of(house, first.id)[0].gateway_id or "")
    last_paid(house, row, pool)
    assert (plan_now(house, row.id).state, alarms(house)) == ("broken", ["plan_broken"])
    assert balance_of(house, row.account_id) == 50_000 - row.total_cents + first.amount_cents
    assert {"plan_broken", "refund"} <= set(told(house))
    not_arrived(house, first)
    assert plan_now(house, row.id).state == "completed"
    assert balance_of(house, row.account_id) == 0
    assert alarms(house) == ["refund_failed"], "what plan_broken called for was done"
    assert {"plan_completed", "refund_failed"} <= set(told(house))


@pytest.mark.parametrize(("make", "is_lost"), [(wish, True), (settlement, False), (settlement, True)])
def test_a_plan_that_was_broken_by_a_dispute_is_kept_when_that_is_won(
    house: House, pool: ThreadPoolExecutor, make: Callable[[House], PlanWish], is_lost: bool
) -> None:
    row, first = two_of_three_paid(house, make(house), pool)
    found = disputed(house, first)
    if is_lost:
        decide(house, found, "lost")
    last_paid(house, row, pool)
    assert plan_now(house, row.id).state == "broken"
    assert "plan_broken" in alarms(house)
    decide(house, found, "won")
    assert (plan_now(house, row.id).state, balance_of(house, row.account_id)) == ("completed", 0)
    assert "plan_broken" not in alarms(house)
    assert {"plan_broken", "plan_completed"} <= set(told(house))


def two_of_three_paid(house: House, wanted: PlanWish, pool: ThreadPoolExecutor) -> tuple[Plan, Charge]:
    """A signed plan in three parts of which two are paid, and the charge that took the first."""
    row = signed(house, wanted)
    payments = instalments(house, row)
    for due in payments[:2]:
        house.clock.at = max(house.clock.at, due.due_at)
        run_due(house, pool)
    with house.ports.database.read(house.organisation_id) as session:
        [first] = charge.of_obligation(session, payments[0].id)
        return row, first


def last_paid(house: House, row: Plan, pool: ThreadPoolExecutor) -> None:
    house.clock.at = max(house.clock.at, instalments(house, row)[2].due_at)
    run_due(house, pool)


def test_an_instalment_that_a_bank_keeps_undoes_it_until_it_is_won(house: House, kept: Plan) -> None:
    first, second, _ = charges(house, kept)
    disputes = [disputed(house, each) for each in (first, second)]
    assert owed(house, kept) == (0, FORGIVEN), "opened, and counted as paid"
    for number, expected in ((0, EACH + FORGIVEN), (1, 2 * EACH + FORGIVEN)):
        decide(house, disputes[number], "lost")
        assert owed(house, kept) == (expected, 0)
    decide(house, disputes[0], "won")
    assert owed(house, kept) == (EACH + FORGIVEN, 0), "the other one is still missing"
    decide(house, disputes[1], "won")
    assert owed(house, kept) == (0, FORGIVEN)


def not_arrived(house: House, paid: Charge) -> None:
    """The daily look finds that the gateway has declined the refund after all."""
    [row] = refunds_of(house, paid.id)
    house.clock.pass_(days=1, minutes=1)
    look_at_refund(house.ports, house.organisation_id, row.id)


def disputed(house: House, paid: Charge) -> str:
    asked = house.simulator.call("POST", "/simulator/disputes", {"transaction_id": paid.gateway_id})
    look_at_dispute(house.ports, house.organisation_id, str(asked["id"]))
    return str(asked["id"])


def decide(house: House, dispute_id: str, status: str) -> None:
    house.simulator.call("POST", f"/simulator/disputes/{dispute_id}", {"status": status})
    look_at_dispute(house.ports, house.organisation_id, dispute_id)
