"""What can be done to a transaction later, and what time does to it."""

from decimal import Decimal
from typing import Any

import braintree
import pytest

from tests.rig.simulator_process import SimulatorProcess
from tests.simulator.cards import codes, sale


def _authorized(gateway: Any, amount: str = "10.00") -> Any:
    return gateway.transaction.sale({"amount": amount, "payment_method_nonce": "fake-valid-nonce"}).transaction


def _settled(gateway: Any, amount: str = "10.00", **more: Any) -> Any:
    taken = gateway.transaction.sale(sale(amount, **more)).transaction
    return gateway.testing.settle_transaction(taken.id).transaction


def test_a_void_before_settlement_and_no_second_one(gateway: Any) -> None:
    taken = gateway.transaction.sale(sale()).transaction
    assert gateway.transaction.void(taken.id).transaction.status == "voided"
    assert codes(gateway.transaction.void(taken.id)) == ["91504"]
    assert codes(gateway.transaction.void(_settled(gateway).id)) == ["91504"]


def test_settlement_names_its_day(gateway: Any) -> None:
    settled = _settled(gateway)
    assert settled.status == "settled"
    assert settled.settlement_batch_id.split("_")[0] == f"{settled.updated_at:%Y-%m-%d}"
    assert settled.processor_settlement_response_code == "4000"


@pytest.mark.parametrize(("helper", "status", "code"), [
    ("settle_transaction", "settled", "4000"), ("settlement_confirm_transaction", "settlement_confirmed", ""),
    ("settlement_decline_transaction", "settlement_declined", "4001"),
    ("settlement_pending_transaction", "settlement_pending", "4002"),
])  # fmt: skip
def test_helpers_settle_only_what_was_submitted(gateway: Any, helper: str, status: str, code: str) -> None:
    assert codes(getattr(gateway.testing, helper)(_authorized(gateway).id)) == ["91575"]
    moved = getattr(gateway.testing, helper)(gateway.transaction.sale(sale()).transaction.id).transaction
    assert (moved.status, moved.processor_settlement_response_code) == (status, code)


def test_submitting_captures_the_whole_or_a_part_once(gateway: Any) -> None:
    part = gateway.transaction.submit_for_settlement(_authorized(gateway).id, "4.00").transaction
    assert (part.status, part.amount) == ("submitted_for_settlement", Decimal("4.00"))
    assert codes(gateway.transaction.submit_for_settlement(part.id)) == ["91507"]
    assert codes(gateway.transaction.submit_for_settlement(_authorized(gateway).id, "10.01")) == ["91522"]


def test_partial_settlements_never_exceed_the_authorisation(gateway: Any) -> None:
    parent = _authorized(gateway)
    first = gateway.transaction.submit_for_partial_settlement(parent.id, "6.00").transaction
    assert (first.authorized_transaction_id, first.amount) == (parent.id, Decimal("6.00"))
    assert codes(gateway.transaction.submit_for_partial_settlement(parent.id, "4.01")) == ["91522"]
    second = gateway.transaction.submit_for_partial_settlement(parent.id, "1.00", {"final_capture": True}).transaction
    assert codes(gateway.transaction.submit_for_partial_settlement(parent.id, "1.00")) == ["915103"]
    shown = gateway.transaction.find(parent.id)
    assert shown.partial_settlement_transaction_ids == [first.id, second.id]
    assert shown.status == "settlement_pending"


def test_refunds_stop_at_what_was_captured(gateway: Any, simulator: SimulatorProcess) -> None:
    settled = _settled(gateway, order_id="refundable")
    first = gateway.transaction.refund(settled.id, {"amount": "4.00", "order_id": "refund-1"}).transaction
    assert (first.type, first.status, first.order_id) == ("credit", "submitted_for_settlement", "refund-1")
    assert first.refunded_transaction_id == settled.id
    assert codes(gateway.transaction.refund(settled.id, "6.01")) == ["91521"]
    rest = gateway.transaction.refund(settled.id).transaction
    assert (rest.amount, rest.order_id) == (Decimal("6.00"), "refundable")
    assert codes(gateway.transaction.refund(settled.id, "0.01")) == ["91512"]
    assert gateway.transaction.find(settled.id).refund_ids == [first.id, rest.id]
    assert [item["refunded_transaction_id"] for item in simulator.truth()] == [None, settled.id, settled.id]


def test_only_settled_sales_are_refunded(gateway: Any) -> None:
    assert codes(gateway.transaction.refund(_authorized(gateway).id)) == ["91506"]
    assert codes(gateway.transaction.refund(gateway.transaction.sale(sale()).transaction.id)) == ["91506"]
    refund = gateway.transaction.refund(_settled(gateway).id).transaction
    assert codes(gateway.transaction.refund(refund.id)) == ["91505"]


def test_a_soft_decline_of_a_refund_still_succeeds_and_a_hard_one_fails(gateway: Any) -> None:
    settled = _settled(gateway, "5002.00")
    soft = gateway.transaction.refund(settled.id, "2046.00")
    assert soft.is_success
    assert (soft.transaction.status, soft.transaction.processor_response_type) == (
        "submitted_for_settlement",
        "approved",
    )
    assert soft.transaction.additional_processor_response == "2046 : Declined"
    hard = gateway.transaction.refund(settled.id, "2004.00")
    assert (hard.transaction.status, hard.transaction.processor_response_type) == (
        "processor_declined",
        "hard_declined",
    )
    assert hard.transaction.additional_processor_response == "2004 : Expired Card"
    assert gateway.transaction.find(settled.id).refund_ids == [soft.transaction.id]


def test_reverse_voids_or_refunds(gateway: Any) -> None:
    assert gateway.transaction.reverse(_authorized(gateway).id).transaction.status == "voided"
    assert gateway.transaction.reverse(_settled(gateway).id).transaction.type == "credit"


def test_details_change_only_before_settlement_and_only_downwards(gateway: Any) -> None:
    taken = gateway.transaction.sale(sale("10.00", order_id="before")).transaction
    changed = gateway.transaction.update_details(taken.id, {"amount": "8.00", "order_id": "after"}).transaction
    assert (changed.amount, changed.order_id) == (Decimal("8.00"), "after")
    assert codes(gateway.transaction.update_details(taken.id, {"amount": "9.00"})) == ["91522"]
    assert codes(gateway.transaction.update_details(_authorized(gateway).id, {"amount": "1.00"})) == ["915129"]
    found = gateway.transaction.search(braintree.TransactionSearch.order_id == "after")
    assert [item.id for item in found.items] == [taken.id]
    assert list(gateway.transaction.search(braintree.TransactionSearch.order_id == "before").items) == []


def test_an_authorisation_expires(gateway: Any, simulator: SimulatorProcess) -> None:
    taken = _authorized(gateway)
    simulator.shift_clock(9 * 86_400)
    assert gateway.transaction.find(taken.id).status == "authorization_expired"


def test_a_merchant_may_settle_by_itself_after_a_while(simulator: SimulatorProcess) -> None:
    simulator.merchant("night_batch", settle_after_seconds=3600)
    gateway = simulator.gateway("night_batch")
    taken = gateway.transaction.sale(sale()).transaction
    assert gateway.transaction.find(taken.id).status == "submitted_for_settlement"
    simulator.shift_clock(3601)
    assert gateway.transaction.find(taken.id).status == "settled"
    assert simulator.truth()[0]["settled_at"]


def test_nothing_of_another_merchant_can_be_touched(gateway: Any, simulator: SimulatorProcess) -> None:
    taken = gateway.transaction.sale(sale()).transaction
    other = simulator.gateway("demo_receivables")
    for act in (other.transaction.find, other.transaction.void, other.transaction.refund):
        with pytest.raises(braintree.exceptions.NotFoundError):
            act(taken.id)
    assert simulator.truth()[0]["status"] == "submitted_for_settlement"
