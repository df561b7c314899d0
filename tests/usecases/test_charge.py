"""One charge, on both databases, with the real SDK: claim, send, apply, and everything that may go wrong in between."""

from datetime import timedelta

import pytest

from portal.domain.charge import ChargeState
from portal.storage import account, audit, charge, ledger, message, obligation
from portal.usecases.charge import charge_obligation, claim
from portal.usecases.ledger import differs_from_entries
from portal.usecases.resolve import resolve
from tests.rig.house import House

SOON = timedelta(seconds=2)


def charges_of(house: House, obligation_id: str) -> list[charge.Charge]:
    with house.ports.database.read(house.organisation_id) as session:
        return charge.of_obligation(session, obligation_id)


def balance_of(house: House, account_id: str) -> int:
    with house.ports.database.read(house.organisation_id) as session:
        row = account.by_id(session, account_id)
        assert row is not None
        assert differs_from_entries(session, row) == 0
        return row.balance_cents


def status_of(house: House, obligation_id: str) -> tuple[str, str | None]:
    with house.ports.database.read(house.organisation_id) as session:
        row = obligation.by_id(session, obligation_id)
        assert row is not None
        return row.status, row.refused_code


def test_a_charge_takes_the_money_once_and_writes_it_down(house: House) -> None:
    owed = house.account(50_000)
    due = house.obligation(owed, 12_345, card_nonce=house.nonce(), card_brand="Visa", card_last4="1111")
    result = charge_obligation(house.ports, house.organisation_id, due, SOON)
    assert (result.obligation_status, result.state) == ("paid", ChargeState.succeeded)
    assert balance_of(house, owed) == 50_000 - 12_345
    [sale] = house.truth()
    assert sale["amount_cents"] == 12_345
    assert sale["order_id"] == sale["api_request_key"] == f"{house.organisation_id}-{due}-1"
    with house.ports.database.read(house.organisation_id) as session:
        [entry] = [row for row in ledger.of_account(session, owed) if row.recipe == "payment_taken"]
        assert (entry.debit_book, entry.credit_book, entry.amount_cents) == ("gateway", "receivable", 12_345)
        receipt = message.receipt_of_charge(session, charges_of_session(session, due)[0].id)
        assert receipt is not None
    assert len(house.doorbell.messages) == 1


def charges_of_session(session: object, due: str) -> list[charge.Charge]:
    return charge.of_obligation(session, due)  # type: ignore[arg-type]  # a Session of storage


def test_a_second_press_of_pay_makes_no_second_charge(house: House) -> None:
    owed = house.account()
    due = house.obligation(owed, 1_000, payment_method_id=house.card_on_file())
    for _ in range(3):
        assert charge_obligation(house.ports, house.organisation_id, due, SOON).obligation_status == "paid"
    assert len(house.truth()) == 1
    assert len(charges_of(house, due)) == 1


def test_a_decline_ends_the_obligation_and_takes_nothing(house: House) -> None:
    owed = house.account(500_000)
    due = house.obligation(owed, 200_100, card_nonce=house.nonce())
    result = charge_obligation(house.ports, house.organisation_id, due, SOON)
    assert (result.obligation_status, result.state) == ("declined", ChargeState.declined)
    assert balance_of(house, owed) == 500_000
    assert charges_of(house, due)[0].processor_code == "2001"
    assert house.doorbell.messages == []


def test_m7_more_than_is_owed_is_never_charged(house: House) -> None:
    owed = house.account(1_000)
    due = house.obligation(owed, 1_001, card_nonce=house.nonce())
    result = charge_obligation(house.ports, house.organisation_id, due, SOON)
    assert (result.obligation_status, result.state) == ("declined", None)
    assert status_of(house, due) == ("declined", "balance_too_low")
    assert house.truth() == []


def test_the_kill_switch_stops_every_charge(house: House) -> None:
    house.set("charging_enabled", False)
    due = house.obligation(house.account(), 1_000, card_nonce=house.nonce())
    charge_obligation(house.ports, house.organisation_id, due, SOON)
    assert status_of(house, due) == ("declined", "charging_off")
    assert house.truth() == []


@pytest.mark.parametrize(
    "fault",
    ["reset_after", "status_500_after", "status_503_after", "status_408_after", "cut_xml", "html_200", "empty_200"],
)
def test_m2_a_lost_answer_is_unknown_and_found_again_never_charged_again(house: House, fault: str) -> None:
    owed = house.account()
    due = house.obligation(owed, 2_500, payment_method_id=house.card_on_file())
    house.simulator.faults(fault, order_prefix=house.organisation_id, operation="sale")
    result = charge_obligation(house.ports, house.organisation_id, due, SOON)
    assert (result.obligation_status, result.state) == ("charging", ChargeState.unknown)
    house.clock.pass_(seconds=6)
    [attempt] = charges_of(house, due)
    resolve(house.ports, house.organisation_id, attempt.id)
    assert status_of(house, due) == ("paid", None)
    assert balance_of(house, owed) == 50_000 - 2_500
    assert len(house.truth()) == 1
    assert len(house.doorbell.messages) == 1


@pytest.mark.parametrize("fault", ["reset_before", "status_500_before", "status_502_before", "status_504_before"])
def test_a_request_that_was_lost_on_the_way_is_sent_again_under_the_same_key(house: House, fault: str) -> None:
    owed = house.account()
    due = house.obligation(owed, 2_500, payment_method_id=house.card_on_file())
    house.simulator.faults(fault, order_prefix=house.organisation_id, operation="sale")
    charge_obligation(house.ports, house.organisation_id, due, SOON)
    [attempt] = charges_of(house, due)
    assert attempt.state == "unknown"
    house.clock.pass_(seconds=6)
    resolve(house.ports, house.organisation_id, attempt.id)
    assert charges_of(house, due)[0].state == "unknown"  # too early to believe that nothing is there
    house.clock.pass_(minutes=30)
    resolve(house.ports, house.organisation_id, attempt.id)
    assert status_of(house, due) == ("paid", None)
    [sale] = [row for row in house.truth() if row["success"]]
    assert sale["api_request_key"] == attempt.order_id
    assert len(charges_of(house, due)) == 1


def test_a_typed_card_is_never_sent_again_but_burned_and_asked_for_again(house: House) -> None:
    due = house.obligation(house.account(), 2_500, card_nonce=house.nonce())
    house.simulator.faults("reset_before", order_prefix=house.organisation_id, operation="sale")
    charge_obligation(house.ports, house.organisation_id, due, SOON)
    [attempt] = charges_of(house, due)
    house.clock.pass_(minutes=30)
    resolve(house.ports, house.organisation_id, attempt.id)
    assert status_of(house, due) == ("declined", "never_received")
    assert charges_of(house, due)[0].state == "never_received"
    assert [row for row in house.truth() if row["success"]] == []


def test_a_frozen_sender_can_do_nothing_with_a_burned_card(house: House) -> None:
    owed = house.account()
    nonce = house.nonce()
    due = house.obligation(owed, 2_500, card_nonce=nonce)
    claimed = claim(house.ports, house.organisation_id, due, SOON)  # and then the process freezes for an hour
    house.clock.pass_(hours=1)
    resolve(house.ports, house.organisation_id, claimed.charge_id)
    assert status_of(house, due) == ("declined", "never_received")
    late = house.ports.gateways.of(house.organisation_id).sale(claimed.request, SOON)  # it thaws past its guard
    assert late.kind.value != "succeeded"
    assert [row for row in house.truth() if row["success"]] == []


@pytest.mark.parametrize("fault", ["wrong_amount", "wrong_currency", "wrong_order_id", "partial_authorization"])
def test_m10_an_echo_of_something_else_than_was_asked_for_is_never_silently_paid(house: House, fault: str) -> None:
    owed = house.account()
    due = house.obligation(owed, 2_500, payment_method_id=house.card_on_file())
    house.simulator.faults(fault, order_prefix=house.organisation_id, operation="sale")
    charge_obligation(house.ports, house.organisation_id, due, SOON)
    assert status_of(house, due)[0] == "review"
    assert balance_of(house, owed) == 50_000
    with house.ports.database.read(house.organisation_id) as session:
        assert [alarm.kind for alarm in audit.open_alarms(session)] == ["charge_review"]


def test_a_merchant_without_keys_is_charged_without_keys(house: House) -> None:
    house.simulator.merchant(house.merchant_id, api_request_key_allowed=False)
    owed = house.account()
    due = house.obligation(owed, 2_500, payment_method_id=house.card_on_file())
    result = charge_obligation(house.ports, house.organisation_id, due, SOON)
    assert result.obligation_status == "paid"
    assert [row.state for row in charges_of(house, due)] == ["not_sent", "succeeded"]
    again = house.obligation(owed, 2_500, payment_method_id=house.card_on_file())
    charge_obligation(house.ports, house.organisation_id, again, SOON)
    assert [row.is_keyed for row in charges_of(house, again)] == [False]


def test_refused_keys_stop_the_charge_and_call_a_person(house: House) -> None:
    due = house.obligation(house.account(), 2_500, payment_method_id=house.card_on_file())
    house.simulator.faults("unauthorized_401", order_prefix=house.organisation_id, operation="sale")
    charge_obligation(house.ports, house.organisation_id, due, SOON)
    assert status_of(house, due) == ("declined", "not_sent")
    with house.ports.database.read(house.organisation_id) as session:
        assert [alarm.kind for alarm in audit.open_alarms(session)] == ["gateway_refuses_us"]
