"""`api_request_key`: one transaction for one key, and each answer the gateway has for a misuse."""

import threading
import time
from typing import Any

import pytest

from tests.rig.simulator_process import SimulatorProcess
from tests.simulator.cards import codes, sale, typed

DAY_SECONDS = 86_400


def test_the_same_request_gives_the_original_transaction(gateway: Any, simulator: SimulatorProcess) -> None:
    first = gateway.transaction.sale(sale(order_id="o", api_request_key="key")).transaction
    again = gateway.transaction.sale(sale(order_id="o", api_request_key="key")).transaction
    assert again.id == first.id
    assert len(simulator.truth()) == 1


def test_the_original_is_shown_as_it_is_now(gateway: Any) -> None:
    first = gateway.transaction.sale(sale(api_request_key="key")).transaction
    gateway.testing.settle_transaction(first.id)
    assert gateway.transaction.sale(sale(api_request_key="key")).transaction.status == "settled"


def test_a_used_up_nonce_does_not_stand_in_the_way(gateway: Any) -> None:
    card = gateway.customer.create({"credit_card": typed()}).customer.credit_cards[0]
    nonce = gateway.payment_method_nonce.create(card.token).payment_method_nonce.nonce
    wanted = sale(payment_method_nonce=nonce, api_request_key="key")
    first = gateway.transaction.sale(dict(wanted)).transaction
    assert gateway.transaction.sale(dict(wanted)).transaction.id == first.id


@pytest.mark.parametrize(
    "change", [{"amount": "11.00"}, {"order_id": "other"}, {"payment_method_nonce": "fake-valid-visa-nonce"}]
)
def test_another_request_is_refused(gateway: Any, simulator: SimulatorProcess, change: dict[str, str]) -> None:
    gateway.transaction.sale(sale(order_id="o", api_request_key="key"))
    assert codes(gateway.transaction.sale({**sale(order_id="o", api_request_key="key"), **change})) == ["915232"]
    assert len(simulator.truth()) == 1


def test_255_characters_are_enough(gateway: Any) -> None:
    assert gateway.transaction.sale(sale(api_request_key="k" * 255)).is_success
    result = gateway.transaction.sale(sale(api_request_key="k" * 256))
    assert codes(result) == ["915230"]
    assert result.errors.for_object("transaction").on("api_request_key")[0].code == "915230"


def test_a_merchant_may_not_be_allowed_to_use_it(simulator: SimulatorProcess) -> None:
    simulator.merchant("keyless", api_request_key_allowed=False)
    gateway = simulator.gateway("keyless")
    assert codes(gateway.transaction.sale(sale(api_request_key="key"))) == ["915231"]
    assert gateway.transaction.sale(sale()).is_success


def test_a_declined_request_keeps_its_key_for_itself(gateway: Any, simulator: SimulatorProcess) -> None:
    assert gateway.transaction.sale(sale("2000.00", api_request_key="key")).transaction.status == "processor_declined"
    result = gateway.transaction.sale(sale("2000.00", api_request_key="key"))
    assert codes(result) == ["915234"]
    assert result.transaction is None
    assert len(simulator.truth()) == 1


def test_a_refused_request_leaves_the_key_free(gateway: Any) -> None:
    assert codes(gateway.transaction.sale(sale("-1", api_request_key="key"))) == ["81501"]
    assert gateway.transaction.sale(sale(api_request_key="key")).is_success


def test_a_request_in_progress_is_not_done_twice(gateway: Any, simulator: SimulatorProcess) -> None:
    simulator.faults("slow", order_id="o", seconds=0.6)
    done: list[Any] = []
    wanted = sale(order_id="o", api_request_key="key")
    first = threading.Thread(target=lambda: done.append(gateway.transaction.sale(dict(wanted))))
    first.start()
    time.sleep(0.2)
    assert codes(gateway.transaction.sale(dict(wanted))) == ["915233"]
    first.join()
    assert gateway.transaction.sale(dict(wanted)).transaction.id == done[0].transaction.id
    assert len(simulator.truth()) == 1


def test_a_key_belongs_to_a_merchant(gateway: Any, simulator: SimulatorProcess) -> None:
    mine = gateway.transaction.sale(sale(api_request_key="key")).transaction
    theirs = simulator.gateway("demo_therapy").transaction.sale(sale(api_request_key="key")).transaction
    assert mine.id != theirs.id


def test_a_key_is_forgotten_after_thirty_days(gateway: Any, simulator: SimulatorProcess) -> None:
    first = gateway.transaction.sale(sale(api_request_key="key")).transaction
    simulator.shift_clock(29 * DAY_SECONDS)
    assert gateway.transaction.sale(sale(api_request_key="key")).transaction.id == first.id
    simulator.shift_clock(2 * DAY_SECONDS)
    assert gateway.transaction.sale(sale(api_request_key="key")).transaction.id != first.id


def test_void_submit_and_refund_are_done_once_too(gateway: Any, simulator: SimulatorProcess) -> None:
    held = gateway.transaction.sale({"amount": "10.00", "payment_method_nonce": "fake-valid-nonce"}).transaction
    for _ in range(2):
        moved = gateway.transaction.submit_for_settlement(held.id, "9.00", {"api_request_key": "submit"}).transaction
        assert moved.id == held.id
    gateway.testing.settle_transaction(held.id)
    refunds = {
        gateway.transaction.refund(held.id, {"amount": "1.00", "api_request_key": "refund"}).transaction.id
        for _ in range(3)
    }
    assert len(refunds) == 1
    other = gateway.transaction.sale(sale()).transaction
    for _ in range(2):
        assert gateway.transaction.void(other.id, {"api_request_key": "void"}).transaction.status == "voided"
    assert len(simulator.truth()) == 3


def test_two_hundred_callers_with_one_key_make_one_transaction(simulator: SimulatorProcess) -> None:
    results: list[Any] = []

    def press() -> None:
        gateway = simulator.gateway(timeout=30)
        results.extend(gateway.transaction.sale(sale(order_id="many", api_request_key="many")) for _ in range(20))

    callers = [threading.Thread(target=press) for _ in range(10)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert len(results) == 200
    assert len(simulator.truth(order_prefix="many")) == 1
    assert {result.transaction.id for result in results if result.is_success} == {simulator.truth()[0]["id"]}
