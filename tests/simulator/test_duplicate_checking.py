"""Duplicate checking: the weaker net for merchants without `api_request_key`."""

import threading
import time
from typing import Any

import pytest

from tests.rig.simulator_process import SimulatorProcess
from tests.simulator.cards import sale, typed


@pytest.fixture
def checking(simulator: SimulatorProcess) -> Any:
    return simulator.gateway("dup_checking_integration_merchant_id")


def _reason(result: Any) -> str | None:
    reason: str | None = result.transaction.gateway_rejection_reason
    return reason


def test_a_twin_inside_the_window_is_rejected(checking: Any, simulator: SimulatorProcess) -> None:
    assert checking.transaction.sale(sale(order_id="o")).is_success
    twin = checking.transaction.sale(sale(order_id="o"))
    assert not twin.is_success
    assert (twin.transaction.status, _reason(twin)) == ("gateway_rejected", "duplicate")
    assert twin.message == "Gateway Rejected: duplicate"
    assert [item["success"] for item in simulator.truth()] == [True, False]


@pytest.mark.parametrize("change", [
    {"amount": "10.01"}, {"order_id": "other"}, {"payment_method_nonce": "fake-valid-visa-nonce"},
])  # fmt: skip
def test_another_amount_order_or_card_is_no_twin(checking: Any, change: dict[str, str]) -> None:
    checking.transaction.sale(sale(order_id="o"))
    assert checking.transaction.sale({**sale(order_id="o"), **change}).is_success


def test_another_expiry_is_no_twin(checking: Any) -> None:
    checking.transaction.sale(sale(credit_card=typed()))
    assert checking.transaction.sale(sale(credit_card=typed(expiration_date="11/2030"))).is_success


def test_without_an_order_id_amount_and_card_make_a_twin(checking: Any) -> None:
    checking.transaction.sale(sale(order_id="o"))
    assert _reason(checking.transaction.sale(sale())) == "duplicate"


def test_a_declined_one_has_no_twin(checking: Any) -> None:
    checking.transaction.sale(sale("2000.00"))
    assert _reason(checking.transaction.sale(sale("2000.00"))) is None


def test_after_the_window_nothing_protects(checking: Any, simulator: SimulatorProcess) -> None:
    checking.transaction.sale(sale(order_id="o"))
    simulator.shift_clock(31)
    assert checking.transaction.sale(sale(order_id="o")).is_success


def test_a_request_with_a_key_is_not_checked(checking: Any) -> None:
    checking.transaction.sale(sale(order_id="o", api_request_key="a"))
    assert checking.transaction.sale(sale(order_id="o", api_request_key="b")).is_success


def test_a_twin_in_flight_is_seen_at_once(checking: Any, simulator: SimulatorProcess) -> None:
    simulator.faults("slow", order_id="o", seconds=0.5)
    first = threading.Thread(target=lambda: checking.transaction.sale(sale(order_id="o")))
    first.start()
    time.sleep(0.2)
    assert _reason(checking.transaction.sale(sale(order_id="o"))) == "duplicate"
    first.join()
    assert sum(item["success"] for item in simulator.truth()) == 1
