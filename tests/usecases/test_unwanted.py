"""Payments that were cancelled on their way: never asked for anew, given back once, and never kept in silence."""

import uuid
from datetime import timedelta

from portal.domain.charge import ChargeState, Outcome, OutcomeKind
from portal.storage import charge
from portal.usecases.charge import apply, charge_obligation, claim, send
from portal.usecases.refund import RefundWish, refund_charge
from portal.usecases.resolve import resolve
from portal.usecases.schedule_change import CUSTOMER, cancel, cancel_one, settle_unwanted
from tests.rig.house import House
from tests.rig.payment import alarms, refunds_of, settle
from tests.rig.series import attempts_of, go_to, payments_of, scheduled, told, weekly

SOON = timedelta(seconds=2)


def test_p1_one_payment_cancelled_while_its_key_was_refused_is_not_asked_for_again_without_one(house: House) -> None:
    made = scheduled(house)
    due = payments_of(house, made.schedule_id)[0]
    go_to(house, due)
    claimed = claim(house.ports, house.organisation_id, due.id, SOON)
    cancel_one(house.ports, house.organisation_id, due.id, CUSTOMER)
    apply(house.ports, claimed, Outcome(OutcomeKind.key_refused, reason="915231"))
    charge_obligation(house.ports, house.organisation_id, due.id, SOON)
    assert house.truth() == []
    assert payments_of(house, made.schedule_id)[0].status == "cancelled"
    assert told(house) == ["payment_cancelled", "payment_stopped", "schedule_made"]


def test_p2_what_staff_gave_back_first_is_settled(house: House) -> None:
    charge_id = taken_while_cancelled(house, 1_000)
    wish = RefundWish(uuid.uuid4().hex, charge_id, by="staff")
    assert refund_charge(house.ports, house.organisation_id, wish, SOON).state is ChargeState.succeeded
    settle_unwanted(house.ports, house.organisation_id, charge_id)
    assert unwanted_now(house) == []


def test_p2_what_cannot_be_given_back_calls_a_person_and_is_not_asked_for_without_end(house: House) -> None:
    charge_id = taken_while_cancelled(house, 350_000)
    with house.ports.database.read(house.organisation_id) as session:
        row = charge.by_id(session, charge_id)
    assert row is not None
    settle(house, row.gateway_id or "")
    wish = RefundWish(uuid.uuid4().hex, charge_id, by="staff", amount_cents=149_600)
    assert refund_charge(house.ports, house.organisation_id, wish, SOON).state is ChargeState.succeeded
    for _ in range(3):  # what is left is an amount that the gateway declines to give back
        for _, each in unwanted_now(house):
            settle_unwanted(house.ports, house.organisation_id, each)
        house.clock.pass_(seconds=5)
    assert sorted(row.state for row in refunds_of(house, charge_id)) == ["declined", "succeeded"]
    assert "unwanted_not_given_back" in alarms(house)
    house.clock.pass_(days=1)
    assert [each for _, each in unwanted_now(house)] == [charge_id]  # and it is not forgotten


def test_the_kill_switch_stops_what_was_lost_from_being_sent_again(house: House) -> None:
    due = house.obligation(house.account(), 1_000, payment_method_id=house.card_on_file())
    house.simulator.faults("reset_before", order_prefix=house.organisation_id, operation="sale")
    charge_obligation(house.ports, house.organisation_id, due, SOON)
    house.set("charging_enabled", value=False)
    [row] = attempts_of(house, due)
    house.clock.pass_(hours=1)
    resolve(house.ports, house.organisation_id, row.id)
    assert house.truth() == []
    house.set("charging_enabled", value=True)
    house.clock.pass_(hours=1)
    resolve(house.ports, house.organisation_id, row.id)
    assert len(house.truth()) == 1


def taken_while_cancelled(house: House, cents: int) -> str:
    """The charge of a payment that was cancelled while it was on the way, and taken."""
    made = scheduled(house, weekly(house, 1, cents), balance_cents=cents)
    due = payments_of(house, made.schedule_id)[0]
    go_to(house, due)
    claimed = claim(house.ports, house.organisation_id, due.id, SOON)
    cancel(house.ports, house.organisation_id, made.schedule_id, CUSTOMER)
    outcome = send(house.ports, claimed, SOON)
    assert outcome is not None
    apply(house.ports, claimed, outcome)
    return claimed.charge_id


def unwanted_now(house: House) -> list[tuple[str, str]]:
    with house.ports.database.across() as session:
        found = charge.unwanted(session, 1_000, house.clock.now())
    return [each for each in found if each[0] == house.organisation_id]
