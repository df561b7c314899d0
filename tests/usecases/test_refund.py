"""Money given back, on both databases, with the real SDK: void or refund, owed again or not, never too much."""

import uuid
from typing import Any

import pytest

from portal.domain.charge import ChargeState
from portal.domain.ledger import Book
from portal.domain.refund import RefundWay, refund_line
from portal.domain.refusal import Refused
from portal.storage import charge, hold, message, refund
from portal.storage.hold import ChargingHold
from portal.usecases.charge import charge_obligation
from portal.usecases.outbox import deliver
from portal.usecases.refund import given_back
from tests.rig.house import House
from tests.rig.payment import (
    SOON,
    alarms,
    balance_of,
    book_cents,
    give_back,
    kept_at_gateway_cents,
    paid,
    refunds_of,
    resolved,
    settle,
    settled,
    settlement,
    status_of_offer,
)


def test_a_sale_that_has_not_settled_is_voided_whole_and_owed_again(house: House) -> None:
    owed, charge_id, _ = paid(house)
    done = give_back(house, charge_id)
    assert (done.way, done.state, done.amount_cents) == (RefundWay.void, ChargeState.succeeded, 10_000)
    assert balance_of(house, owed) == 50_000
    assert book_cents(house, owed, Book.gateway) == kept_at_gateway_cents(house) == 0
    with house.ports.database.read(house.organisation_id) as session:
        row = charge.by_id(session, charge_id)
        assert row is not None
        assert (row.state, row.gateway_status) == ("succeeded", "voided")
        line = refund_line(row.amount_cents, given_back(session, charge_id))
    assert line is not None
    assert (line.code, line.amount_cents, line.at) == ("refunded", 10_000, house.clock.at)


def test_m11_a_settled_sale_is_refunded_in_parts_up_to_what_was_taken(house: House) -> None:
    owed, charge_id, gateway_id = settled(house)
    first = give_back(house, charge_id, 4_000)
    assert (first.way, first.state) == (RefundWay.refund, ChargeState.succeeded)
    assert balance_of(house, owed) == 44_000
    with pytest.raises(Refused, match="refund_above_payment") as refused:
        give_back(house, charge_id, 6_001)
    assert refused.value.facts["left_cents"] == 6_000
    assert give_back(house, charge_id).amount_cents == 6_000
    with pytest.raises(Refused, match="refund_amount"):
        give_back(house, charge_id)
    assert balance_of(house, owed) == 50_000
    given = [row for row in house.simulator.truth(merchant=house.merchant_id) if row["type"] == "credit"]
    given.sort(key=lambda row: int(str(row["amount_cents"])))  # one second holds both
    assert [(row["amount_cents"], row["refunded_transaction_id"]) for row in given] == [
        (4_000, gateway_id), (6_000, gateway_id),
    ]  # fmt: skip
    names = {row.order_id for row in refunds_of(house, charge_id)}
    assert {row["order_id"] for row in given} == {row["api_request_key"] for row in given} == names


def test_a_part_of_a_sale_that_has_not_settled_waits_and_nothing_is_sent(house: House) -> None:
    _, charge_id, gateway_id = paid(house)
    with pytest.raises(Refused, match="refund_part_unsettled"):
        give_back(house, charge_id, 4_000)
    assert refunds_of(house, charge_id) == []
    settle(house, gateway_id, "settlement_pending_transaction")
    with pytest.raises(Refused, match="refund_while_settling"):
        give_back(house, charge_id)


def test_a_billing_correction_is_given_back_without_being_owed_again(house: House) -> None:
    owed, charge_id, _ = settled(house)
    give_back(house, charge_id, 2_500, reopens_balance=False)
    assert balance_of(house, owed) == 40_000
    assert book_cents(house, owed, Book.gateway) == kept_at_gateway_cents(house) == 7_500
    assert book_cents(house, owed, Book.placed) == -47_500
    house.set("refunds_reopen_balance", False)
    give_back(house, charge_id, 500)
    assert balance_of(house, owed) == 40_000


def test_a_settlement_given_back_whole_forgives_nothing_any_more(house: House) -> None:
    owed, charge_id, _, offer_id = settlement(house)
    assert (balance_of(house, owed), status_of_offer(house, offer_id)) == (0, "taken")
    give_back(house, charge_id)
    assert (balance_of(house, owed), status_of_offer(house, offer_id)) == (10_000, "open")
    assert book_cents(house, owed, Book.settled_away) == 0


def test_a_settlement_given_back_in_parts_comes_back_with_the_last_part(house: House) -> None:
    owed, charge_id, gateway_id, offer_id = settlement(house)
    settle(house, gateway_id)
    give_back(house, charge_id, 5_999)
    assert (balance_of(house, owed), status_of_offer(house, offer_id)) == (5_999, "taken")
    give_back(house, charge_id)
    assert (balance_of(house, owed), status_of_offer(house, offer_id)) == (10_000, "open")


def test_a_refund_of_a_correction_leaves_the_settlement_settled(house: House) -> None:
    owed, charge_id, _, offer_id = settlement(house)
    give_back(house, charge_id, reopens_balance=False)
    assert (balance_of(house, owed), status_of_offer(house, offer_id)) == (0, "taken")


def test_the_same_wish_pressed_again_is_one_refund(house: House) -> None:
    _, charge_id, _ = settled(house)
    key = uuid.uuid4().hex
    first = give_back(house, charge_id, 1_000, request_key=key)
    assert give_back(house, charge_id, 1_000, request_key=key).refund_id == first.refund_id
    with pytest.raises(Refused, match="request_key_used"):
        give_back(house, charge_id, 2_000, request_key=key)
    assert kept_at_gateway_cents(house) == 9_000


def test_a_refund_is_told_to_the_customer_once_and_in_words(house: House) -> None:
    _, charge_id, _ = settled(house)
    house.doorbell.messages.clear()
    give_back(house, charge_id, 1_234)
    [(organisation_id, message_id)] = house.doorbell.messages
    assert deliver(house.ports, organisation_id, message_id)
    with house.ports.database.read(house.organisation_id) as session:
        sent = message.by_dedupe_key(session, f"refund:{refunds_of_session(session, charge_id)[0].id}")
        assert sent is not None
    mails = house.simulator.call("GET", "/mailbox.json?recipient=ada@example.com")
    mails = mails["messages"] if isinstance(mails, dict) else mails
    [mail] = [each for each in mails if sent.message_id in each["message_id"]]
    assert "About your receipt" in mail["subject"]  # receivables write discreetly
    assert "$12.34" in mail["text"]
    assert "$100.00" in mail["text"]


def refunds_of_session(session: Any, charge_id: str) -> list[refund.Refund]:
    return refund.of_charge(session, charge_id)


def test_what_was_not_taken_is_not_given_back(house: House) -> None:
    due = house.obligation(house.account(500_000), 200_100, payment_method_id=house.card_on_file())
    charge_obligation(house.ports, house.organisation_id, due, SOON)
    with house.ports.database.read(house.organisation_id) as session:
        [row] = charge.of_obligation(session, due)
    with pytest.raises(Refused, match="charge_not_paid"):
        give_back(house, row.id)
    with pytest.raises(Refused, match="charge_unknown"):
        give_back(house, uuid.uuid4().hex)


def test_nothing_is_given_back_while_charging_is_held(house: House) -> None:
    _, charge_id, _ = paid(house)
    with house.ports.database.transaction(house.organisation_id) as session:
        session.add(
            ChargingHold(
                organisation_id=house.organisation_id, reason="restored", held_at=house.clock.at, held_by="test"
            )
        )
    with pytest.raises(Refused, match="charging_held"):
        give_back(house, charge_id)
    with house.ports.database.read(house.organisation_id) as session:
        assert hold.standing(session) is not None


def test_a_silent_gateway_stops_a_refund_before_anything_is_written(house: House) -> None:
    _, charge_id, _ = paid(house)
    house.simulator.faults("status_500_before", merchant=house.merchant_id, operation="find")
    with pytest.raises(Refused, match="gateway_silent"):
        give_back(house, charge_id)
    assert refunds_of(house, charge_id) == []


def test_a_hard_decline_of_a_refund_changes_nothing_and_frees_the_amount(house: House) -> None:
    owed, charge_id, _ = settled(house, 1_000_000, balance_cents=2_000_000)
    declined = give_back(house, charge_id, 200_400)  # 2004: expired card
    assert (declined.state, declined.reason) == (ChargeState.declined, "2004")
    assert balance_of(house, owed) == 1_000_000
    soft = give_back(house, charge_id, 204_600)  # 2046, soft: taken all the same
    assert soft.state is ChargeState.succeeded
    assert give_back(house, charge_id).amount_cents == 1_000_000 - 204_600


def test_m10_an_echo_of_another_amount_goes_to_a_person(house: House) -> None:
    owed, charge_id, _ = settled(house)
    house.simulator.faults("wrong_amount", merchant=house.merchant_id, operation="refund")
    assert give_back(house, charge_id, 3_000).state is ChargeState.review
    assert balance_of(house, owed) == 40_000
    assert alarms(house) == ["refund_review"]
    with pytest.raises(Refused, match="refund_above_payment"):
        give_back(house, charge_id, 7_001)  # what may have been given back is not free


def test_a_merchant_without_keys_gives_back_without_keys(house: House) -> None:
    _, charge_id, _ = settled(house)
    house.simulator.merchant(house.merchant_id, api_request_key_allowed=False)
    assert give_back(house, charge_id, 1_000).state is ChargeState.succeeded
    assert [(row.state, row.is_keyed) for row in refunds_of(house, charge_id)] == [
        ("not_sent", True), ("succeeded", False),
    ]  # fmt: skip
    assert alarms(house) == ["keys_not_allowed"]
    assert kept_at_gateway_cents(house) == 9_000


def test_refused_keys_of_the_account_stop_the_refund_and_call_a_person(house: House) -> None:
    _, charge_id, _ = settled(house)
    house.simulator.faults("unauthorized_401", merchant=house.merchant_id, operation="refund")
    assert give_back(house, charge_id, 1_000).state is ChargeState.not_sent
    assert alarms(house) == ["gateway_refuses_us"]


@pytest.mark.parametrize("code", ["915233", "915235"])
def test_a_key_in_flight_or_in_trouble_is_looked_for_not_sent_anew(house: House, code: str) -> None:
    owed, charge_id, _ = settled(house)
    house.simulator.faults(f"error_{code}", merchant=house.merchant_id, operation="refund", processed=True)
    assert give_back(house, charge_id, 1_000).state is ChargeState.unknown
    resolved(house, charge_id)
    assert (balance_of(house, owed), kept_at_gateway_cents(house)) == (41_000, 9_000)


def test_a_key_of_another_request_goes_to_a_person(house: House) -> None:
    _, charge_id, _ = settled(house)
    house.simulator.faults("error_915232", merchant=house.merchant_id, operation="refund")
    assert give_back(house, charge_id, 1_000).state is ChargeState.review
