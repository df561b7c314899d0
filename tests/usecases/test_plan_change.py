"""A signed plan is changed while a payment of it is on its way: each cent is in the old edition or in the new, once."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from portal.domain.refusal import Refused
from portal.storage import account as accounts
from portal.storage import obligation as obligations
from portal.storage import plan as plans
from portal.storage.plan import Plan
from portal.usecases.charge import apply, charge_obligation, claim, send
from portal.usecases.plan import payable_cents
from portal.usecases.plan_life import cancel as withdraw
from portal.usecases.plan_life import change
from portal.usecases.schedule_change import CUSTOMER, cancel
from tests.rig.house import House
from tests.rig.plans import account_now, instalments, offered, plan_now, signed, signer, wish
from tests.rig.series import go_to, run_due

PATIENT = timedelta(seconds=30)
BALANCE, FIRST = 30_000, 10_000


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(4) as made:
        yield made


def changed(house: House, plan: Plan) -> Plan:
    return change(house.ports, house.organisation_id, plan.id, wish(house, 2), "staff")


def kept_by_its_customer(house: House, new: Plan, pool: ThreadPoolExecutor) -> list[int]:
    """Signed and paid to its end; what it took."""
    before = len(house.truth())
    signer(house, new).read(house.card_on_file()).sign()
    for each in instalments(house, plan_now(house, new.id)):
        go_to(house, each)
        run_due(house, pool)
    return [int(str(sale["amount_cents"])) for sale in house.truth()[before:] if sale["success"]]


def test_p9_a_plan_is_not_changed_while_a_payment_of_it_is_on_its_way(house: House, pool: ThreadPoolExecutor) -> None:
    plan = signed(house, balance_cents=BALANCE)
    first = instalments(house, plan)[0]
    go_to(house, first)
    claimed = claim(house.ports, house.organisation_id, first.id, PATIENT)
    with pytest.raises(Refused, match="plan_payment_under_way"):
        changed(house, plan)
    assert plan_now(house, plan.id).state == "signed", "nothing was changed"
    with house.ports.database.read(house.organisation_id) as session:
        owed_on = accounts.by_id(session, plan.account_id)
        assert owed_on is not None
        assert payable_cents(session, owed_on, plan.schedule_id) == BALANCE - FIRST, "the other two are left out"
    outcome = send(house.ports, claimed, PATIENT)
    assert outcome is not None
    apply(house.ports, claimed, outcome)
    new = changed(house, plan)
    assert new.total_cents == BALANCE - FIRST
    assert kept_by_its_customer(house, new, pool) == [FIRST, FIRST]
    assert account_now(house, plan).balance_cents == 0


def test_p9_of_a_change_and_a_charge_at_once_neither_takes_the_others_money(
    house: House, pool: ThreadPoolExecutor
) -> None:
    plan = signed(house, balance_cents=BALANCE)
    first = instalments(house, plan)[0]
    go_to(house, first)
    gate = threading.Barrier(2)

    def charged() -> str:
        gate.wait()
        return charge_obligation(house.ports, house.organisation_id, first.id, PATIENT).obligation_status

    def asked() -> Plan:
        gate.wait()
        return changed(house, plan)

    status, new = pool.submit(charged), pool.submit(asked)
    ended, refused = status.result(), new.exception()
    assert refused is None or (isinstance(refused, Refused) and refused.code == "plan_payment_under_way")
    new_row = new.result() if refused is None else changed(house, plan)
    took = FIRST if ended == "paid" else 0
    assert ended in {"paid", "due"}
    assert [each["amount_cents"] for each in house.truth()] == [took] * bool(took)
    assert new_row.total_cents == BALANCE - took
    assert sum(kept_by_its_customer(house, new_row, pool)) == BALANCE - took
    assert account_now(house, plan).balance_cents == 0
    assert {each.status for each in instalments(house, plan)} <= {"paid", "cancelled"}


def test_p9_a_change_of_a_plan_that_its_customer_cancels_meanwhile_ends_with_it(house: House) -> None:
    plan = signed(house, balance_cents=BALANCE)
    new = changed(house, plan)
    reads = signer(house, new).read()
    cancel(house.ports, house.organisation_id, plan.schedule_id or "", CUSTOMER)
    assert [plan_now(house, each.id).state for each in (plan, new)] == ["cancelled", "cancelled"]
    with pytest.raises(Refused, match="plan_not_open"):
        reads.sign()


def test_p9_a_change_of_a_plan_that_was_kept_meanwhile_is_not_signed(house: House) -> None:
    """It seemed broken at its end, staff offered a change, and then the money was there after all."""
    plan = signed(house, balance_cents=BALANCE)
    new = changed(house, plan)
    reads = signer(house, new).read()
    shown = reads.digest()
    with house.ports.database.transaction(house.organisation_id) as session:
        row = plans.by_id(session, plan.id)
        assert row is not None
        row.state, row.paused_for = "completed", None
    with pytest.raises(Refused, match="plan_outdated"):
        reads.sign(shown_digest=shown)
    assert plan_now(house, new.id).schedule_id is None


def test_p9_a_broken_plan_is_not_changed_beside_another_one_on_its_account(house: House) -> None:
    """An account has one plan at most: who comes second reads so, before a customer is asked to sign both."""
    plan = signed(house, balance_cents=BALANCE)
    with house.ports.database.transaction(house.organisation_id) as session:
        row = plans.by_id(session, plan.id)
        assert row is not None
        row.state = "broken"
        for due in obligations.of_subject(session, plan.schedule_id or ""):
            due.status, due.refused_code = "cancelled", "plan_broken"
    other = offered(house, account_id=plan.account_id)
    with pytest.raises(Refused, match="plan_exists") as refusal:
        changed(house, plan)
    assert refusal.value.facts["reference"] == other.reference
    assert [plan_now(house, each.id).state for each in (plan, other)] == ["broken", "offered"]


def test_p9_after_a_change_that_was_withdrawn_the_plan_is_changed_again(house: House, pool: ThreadPoolExecutor) -> None:
    plan = signed(house, balance_cents=BALANCE)
    withdrawn = changed(house, plan)
    withdraw(house.ports, house.organisation_id, withdrawn.id, "staff")
    new = changed(house, plan)
    assert (new.edition, new.total_cents, new.replaces_id) == (3, BALANCE, plan.id)
    assert kept_by_its_customer(house, new, pool) == [BALANCE // 2, BALANCE // 2]
    assert account_now(house, plan).balance_cents == 0


def test_p9_a_change_that_is_changed_before_it_is_signed_takes_the_place_of_the_same_plan(
    house: House, pool: ThreadPoolExecutor
) -> None:
    plan = signed(house, balance_cents=BALANCE)
    first = changed(house, plan)
    new = changed(house, first)
    states = {each.edition: each.state for each in (plan_now(house, one.id) for one in (plan, first, new))}
    assert states == {1: "paused", 2: "superseded", 3: "offered"}
    assert (new.total_cents, new.replaces_id) == (BALANCE, plan.id)
    assert kept_by_its_customer(house, new, pool) == [BALANCE // 2, BALANCE // 2]
    assert [plan_now(house, one.id).state for one in (plan, new)] == ["superseded", "completed"]
