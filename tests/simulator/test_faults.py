"""Each fault, as the real SDK shows it, and whether money moved: the table a careful client is built on."""

import socket
import threading
import time
from decimal import Decimal
from pathlib import Path
from typing import Any
from xml.parsers.expat import ExpatError

import braintree
import pytest
import requests
from braintree.exceptions.authentication_error import AuthenticationError
from braintree.exceptions.authorization_error import AuthorizationError
from braintree.exceptions.gateway_timeout_error import GatewayTimeoutError
from braintree.exceptions.http.connection_error import ConnectionError as WrappedConnectionError
from braintree.exceptions.http.timeout_error import ReadTimeoutError
from braintree.exceptions.request_timeout_error import RequestTimeoutError
from braintree.exceptions.server_error import ServerError
from braintree.exceptions.service_unavailable_error import ServiceUnavailableError
from braintree.exceptions.too_many_requests_error import TooManyRequestsError
from braintree.exceptions.unexpected_error import UnexpectedError
from braintree.exceptions.upgrade_required_error import UpgradeRequiredError

from simulator.faults import KINDS
from tests.rig.simulator_process import SimulatorProcess
from tests.simulator.cards import codes, sale

BROKEN = [
    ("status_500_before", ServerError, False), ("status_500_after", ServerError, True),
    ("status_502_before", UnexpectedError, False), ("status_502_after", UnexpectedError, True),
    ("status_503_before", ServiceUnavailableError, False), ("status_503_after", ServiceUnavailableError, True),
    ("status_504_before", GatewayTimeoutError, False), ("status_504_after", GatewayTimeoutError, True),
    ("status_408_before", RequestTimeoutError, False), ("status_408_after", RequestTimeoutError, True),
    ("throttled_429", TooManyRequestsError, False), ("unauthorized_401", AuthenticationError, False),
    ("forbidden_403", AuthorizationError, False), ("upgrade_426", UpgradeRequiredError, False),
    ("reset_before", requests.ConnectionError, False), ("reset_after", requests.ConnectionError, True),
    ("hang_before", requests.ReadTimeout, False), ("hang_after", requests.ReadTimeout, True),
    ("cut_xml", ExpatError, True), ("cut_body", requests.exceptions.ChunkedEncodingError, True),
    ("html_200", ExpatError, True),
]  # fmt: skip


@pytest.mark.parametrize(("fault", "error", "charged"), BROKEN)
def test_a_broken_answer_raises_and_may_have_charged(
    simulator: SimulatorProcess, fault: str, error: type[Exception], charged: bool
) -> None:
    order_id = f"o-{fault}"  # a request that hung in the test before may end, and be listed, during this one
    simulator.faults(fault, order_id=order_id)
    gateway = simulator.gateway(timeout=0.5 if "hang" in fault else 5)
    with pytest.raises(error):
        gateway.transaction.sale(sale(order_id=order_id))
    assert [item["success"] for item in simulator.truth()] == [True] * charged
    [seen] = simulator.requests(order_id=order_id) if "hang" not in fault else [{"fault": fault}]
    assert seen["fault"] == fault


@pytest.mark.parametrize(("fault", "error"), [
    ("reset_after", WrappedConnectionError), ("hang_after", ReadTimeoutError), ("cut_body", UnexpectedError),
    ("cut_xml", ExpatError), ("status_500_after", ServerError),
])  # fmt: skip
def test_wrapped_exceptions_hide_no_uncertainty(
    simulator: SimulatorProcess, fault: str, error: type[Exception]
) -> None:
    simulator.faults(fault)
    gateway = simulator.gateway(timeout=0.5 if "hang" in fault else 5, wrap=True)
    with pytest.raises(error):
        gateway.transaction.sale(sale())
    assert len(simulator.truth()) == 1


@pytest.mark.parametrize("fault", ["empty_200", "foreign_root_200"])
def test_an_answer_about_nothing_gives_none_although_it_charged(
    simulator: SimulatorProcess, gateway: Any, fault: str
) -> None:
    simulator.faults(fault)
    assert gateway.transaction.sale(sale()) is None
    assert len(simulator.truth()) == 1


def test_a_reset_is_a_real_one(simulator: SimulatorProcess, gateway: Any) -> None:
    for fault in ("reset_before", "reset_after"):
        simulator.faults(fault)
        with pytest.raises(requests.ConnectionError, match="ConnectionResetError"):
            gateway.transaction.sale(sale())


def test_a_refused_connection_was_never_sent() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    environment = braintree.Environment(
        "nowhere", "127.0.0.1", port, "http://127.0.0.1", False, None, "127.0.0.1", port
    )
    gateway = braintree.BraintreeGateway(braintree.Configuration(environment, "m", "p", "k"))
    with pytest.raises(requests.ConnectionError) as raised:
        gateway.transaction.sale(sale())
    assert "NewConnectionError" in repr(raised.value)


@pytest.mark.parametrize(("fault", "status", "kind"), [
    ("decline_soft", "processor_declined", "soft_declined"), ("decline_hard", "processor_declined", "hard_declined"),
    ("gateway_rejected_duplicate", "gateway_rejected", ""), ("gateway_rejected_fraud", "gateway_rejected", ""),
])  # fmt: skip
def test_a_forced_refusal_is_an_error_with_a_transaction(
    simulator: SimulatorProcess, gateway: Any, fault: str, status: str, kind: str
) -> None:
    simulator.faults(fault)
    result = gateway.transaction.sale(sale())
    assert not result.is_success
    assert (result.transaction.status, result.transaction.processor_response_type) == (status, kind)
    assert result.transaction.gateway_rejection_reason == (
        fault.removeprefix("gateway_rejected_") if not kind else None
    )
    assert gateway.transaction.sale(sale()).is_success


def test_a_forced_decline_may_name_its_code(simulator: SimulatorProcess, gateway: Any) -> None:
    simulator.faults("decline_hard", code="2012")
    shown = gateway.transaction.sale(sale()).transaction
    assert (shown.processor_response_code, shown.processor_response_text) == (
        "2012",
        "Processor Declined - Possible Lost Card",
    )


@pytest.mark.parametrize("code", ["915230", "915231", "915232", "915233", "915234", "915235"])
def test_each_answer_about_the_key_can_be_forced(simulator: SimulatorProcess, gateway: Any, code: str) -> None:
    simulator.faults(f"error_{code}")
    result = gateway.transaction.sale(sale(api_request_key="key"))
    assert codes(result) == [code]
    assert result.transaction is None
    assert simulator.truth() == []
    assert gateway.transaction.sale(sale(api_request_key="key")).is_success


def test_a_server_error_about_the_key_may_have_charged(simulator: SimulatorProcess, gateway: Any) -> None:
    simulator.faults("error_915235", processed=True)
    assert codes(gateway.transaction.sale(sale(api_request_key="key"))) == ["915235"]
    [truth] = simulator.truth()
    assert gateway.transaction.sale(sale(api_request_key="key")).transaction.id == truth["id"]


def test_the_answer_may_name_another_amount_order_or_currency_than_the_truth(
    simulator: SimulatorProcess, gateway: Any
) -> None:
    for fault in ("wrong_amount", "wrong_order_id", "wrong_currency"):
        simulator.faults(fault)
    shown = [gateway.transaction.sale(sale(order_id="o")).transaction for _ in range(3)]
    assert [item.amount for item in shown] == [Decimal("11.00"), Decimal("10.00"), Decimal("10.00")]
    assert [item.order_id for item in shown] == ["o", "another-order", "o"]
    assert [item.currency_iso_code for item in shown] == ["USD", "USD", "EUR"]
    assert {(item["amount_cents"], item["order_id"], item["currency"]) for item in simulator.truth()} == {
        (1000, "o", "USD")
    }


def test_a_partial_authorisation_takes_half(simulator: SimulatorProcess, gateway: Any) -> None:
    simulator.faults("partial_authorization")
    shown = gateway.transaction.sale(sale()).transaction
    assert (shown.partially_authorized, shown.amount) == (True, Decimal("5.00"))
    assert simulator.truth()[0]["amount_cents"] == 500


def test_an_undecided_sale_settles_later(simulator: SimulatorProcess, gateway: Any) -> None:
    simulator.faults("authorizing_then_settled", seconds=60)
    shown = gateway.transaction.sale(sale()).transaction
    assert shown.status == "authorizing"
    assert gateway.transaction.find(shown.id).status == "authorizing"
    simulator.shift_clock(61)
    assert gateway.transaction.find(shown.id).status == "settled"


def test_a_late_sale_lands_after_the_client_gave_up(simulator: SimulatorProcess) -> None:
    simulator.faults("late", order_id="o", seconds=60)
    with pytest.raises(requests.ReadTimeout):
        simulator.gateway(timeout=0.4).transaction.sale(sale(order_id="o"))
    gateway = simulator.gateway()
    assert simulator.truth() == []
    assert list(gateway.transaction.search(braintree.TransactionSearch.order_id == "o").items) == []
    simulator.shift_clock(61)
    [found] = gateway.transaction.search(braintree.TransactionSearch.order_id == "o").items
    assert found.status == "submitted_for_settlement"
    assert simulator.truth()[0]["id"] == found.id


def test_a_late_sale_is_in_flight_until_it_lands(simulator: SimulatorProcess, gateway: Any) -> None:
    simulator.faults("late", seconds=60, hang_seconds=0)
    with pytest.raises(requests.ConnectionError):
        gateway.transaction.sale(sale(api_request_key="key"))
    assert codes(gateway.transaction.sale(sale(api_request_key="key"))) == ["915233"]
    simulator.shift_clock(61)
    assert gateway.transaction.sale(sale(api_request_key="key")).transaction.id == simulator.truth()[0]["id"]
    assert len(simulator.truth()) == 1


@pytest.mark.parametrize(("second_key", "charges"), [("key", 1), ("another", 2)])
def test_a_sale_held_in_the_network_doubles_unless_the_key_is_the_same(
    simulator: SimulatorProcess, gateway: Any, second_key: str, charges: int
) -> None:
    simulator.faults("late", seconds=60, hang_seconds=0, held="network")
    with pytest.raises(requests.ConnectionError):
        gateway.transaction.sale(sale(api_request_key="key"))
    assert gateway.transaction.sale(sale(api_request_key=second_key)).is_success
    simulator.shift_clock(61)
    assert sum(item["success"] for item in simulator.truth()) == charges


def test_a_slow_answer_is_done_although_the_client_left(simulator: SimulatorProcess) -> None:
    simulator.faults("slow", seconds=0.8)
    with pytest.raises(requests.ReadTimeout):
        simulator.gateway(timeout=0.2).transaction.sale(sale())
    until = time.monotonic() + 5
    while not simulator.truth() and time.monotonic() < until:
        threading.Event().wait(0.05)
    assert len(simulator.truth()) == 1


def test_a_stale_socket_dies_without_charging(simulator: SimulatorProcess, gateway: Any) -> None:
    gateway.transaction.sale(sale(order_id="warm-up"))
    simulator.faults("stale_keepalive", order_id="o")
    with pytest.raises(requests.ConnectionError, match="aborted"):
        gateway.transaction.sale(sale(order_id="o"))
    assert [item["order_id"] for item in simulator.truth()] == ["warm-up"]
    assert gateway.transaction.sale(sale(order_id="o")).is_success


def test_a_fresh_socket_dies_after_its_first_answer(simulator: SimulatorProcess) -> None:
    simulator.faults("stale_keepalive", order_id="o")
    with requests.Session() as session:
        auth = ("integration_public_key", "integration_private_key")
        url = f"{simulator.url}/merchants/integration_merchant_id/transactions"
        body = (
            "<transaction><type>sale</type><amount>1.00</amount><order_id>o</order_id>"
            "<payment_method_nonce>fake-valid-nonce</payment_method_nonce></transaction>"
        )
        headers = {"Content-Type": "application/xml"}
        assert session.post(url, body, auth=auth, headers=headers, timeout=5).status_code == 201
        with pytest.raises(requests.ConnectionError):
            session.post(url, body, auth=auth, headers=headers, timeout=5)
        assert session.post(url, body, auth=auth, headers=headers, timeout=5).status_code == 201
    assert len(simulator.truth()) == 2


def test_search_lags_behind_for_all_or_for_one_merchant(simulator: SimulatorProcess, gateway: Any) -> None:
    simulator.faults("search_lag", seconds=30)
    taken = gateway.transaction.sale(sale(order_id="o")).transaction
    wanted = braintree.TransactionSearch.order_id == "o"
    assert list(gateway.transaction.search(wanted).items) == []
    assert gateway.transaction.find(taken.id).id == taken.id
    simulator.shift_clock(31)
    assert [item.id for item in gateway.transaction.search(wanted).items] == [taken.id]
    simulator.clear_faults()
    simulator.merchant("laggard", search_lag_seconds=30)
    slow = simulator.gateway("laggard")
    slow.transaction.sale(sale(order_id="o"))
    assert list(slow.transaction.search(wanted).items) == []
    gateway.transaction.sale(sale(order_id="p"))
    assert gateway.transaction.search(braintree.TransactionSearch.order_id == "p").maximum_size == 1


def test_faults_meet_other_operations_too(simulator: SimulatorProcess, gateway: Any) -> None:
    taken = gateway.transaction.sale(sale(order_id="o")).transaction
    simulator.faults("status_503_before", operation="search", order_id="o")
    with pytest.raises(ServiceUnavailableError):
        gateway.transaction.search(braintree.TransactionSearch.order_id == "o")
    simulator.faults("status_500_after", operation="void", order_id="o")
    with pytest.raises(ServerError):
        gateway.transaction.void(taken.id)
    assert simulator.truth()[0]["status"] == "voided"
    simulator.faults("throttled_429", operation="find")
    with pytest.raises(TooManyRequestsError):
        gateway.transaction.find(taken.id)
    simulator.faults("forbidden_403", operation="any", merchant="demo_therapy")
    assert gateway.client_token.generate()
    with pytest.raises(AuthorizationError):
        simulator.gateway("demo_therapy").client_token.generate()


def test_a_lost_refund_is_found_on_the_sale(simulator: SimulatorProcess, gateway: Any) -> None:
    taken = gateway.transaction.sale(sale()).transaction
    gateway.testing.settle_transaction(taken.id)
    simulator.faults("reset_after", operation="refund")
    with pytest.raises(requests.ConnectionError):
        gateway.transaction.refund(taken.id)
    assert len(gateway.transaction.find(taken.id).refund_ids) == 1


def test_settlement_declined_takes_a_refund_and_declines_it_when_it_settles(
    simulator: SimulatorProcess, gateway: Any
) -> None:
    taken = gateway.transaction.sale(sale(amount="10.00")).transaction
    gateway.testing.settle_transaction(taken.id)
    simulator.faults("settlement_declined", operation="refund")
    credit = gateway.transaction.refund(taken.id, "4.00").transaction
    assert credit.status == "submitted_for_settlement"
    assert gateway.testing.settle_transaction(credit.id).transaction.status == "settlement_declined"
    again = gateway.transaction.refund(taken.id).transaction  # what did not arrive can be given back again, whole
    assert (str(again.amount), again.status) == ("10.00", "submitted_for_settlement")


def test_settlement_declined_of_a_sale_comes_with_time(simulator: SimulatorProcess, gateway: Any) -> None:
    simulator.merchant("integration_merchant_id", settle_after_seconds=60)
    simulator.faults("settlement_declined")
    taken = gateway.transaction.sale(sale()).transaction
    assert taken.status == "submitted_for_settlement"
    simulator.call("POST", "/simulator/clock", {"seconds": 61})
    found = gateway.transaction.find(taken.id)
    assert (found.status, found.processor_settlement_response_code) == ("settlement_declined", "4001")


def test_faults_are_used_up_by_the_orders_they_name(simulator: SimulatorProcess, gateway: Any) -> None:
    simulator.faults("decline_soft", order_prefix="a-", times=2)
    simulator.faults("decline_hard", order_regex="^b.*z$", times=0)
    results = [
        gateway.transaction.sale(sale(order_id=order)).is_success
        for order in ("a-1", "c", "a-2", "a-3", "b-z", "b-y", "b-zz")
    ]
    assert results == [False, True, False, True, False, True, False]
    listed = simulator.call("GET", "/simulator/faults")["faults"]
    assert [(item["fault"], item["hits"]) for item in listed] == [("decline_hard", 2)]
    simulator.call("DELETE", f"/simulator/faults/{listed[0]['id']}")
    assert simulator.call("GET", "/simulator/faults")["faults"] == []


def test_chance_depends_on_seed_and_order_only(simulator: SimulatorProcess, gateway: Any) -> None:
    def run(seed: int, orders: list[str]) -> dict[str, bool]:
        simulator.clear_faults()
        simulator.faults("decline_soft", probability=0.5, seed=seed, times=0)
        return {order: gateway.transaction.sale(sale(order_id=order)).is_success for order in orders}

    orders = [f"order-{number}" for number in range(24)]
    first = run(7, orders)
    assert run(7, orders[::-1]) == first
    assert run(8, orders) != first
    assert 0 < sum(first.values()) < 24


@pytest.mark.parametrize("settings", [
    {}, {"fault": "nonsense"}, {"fault": "ok", "operation": "dance"}, {"fault": "ok", "color": "red"},
    {"fault": "ok", "times": "two"}, {"fault": "ok", "order_regex": "("}, {"fault": "late", "held": "sky"},
    {"fault": "ok", "times": True},
])  # fmt: skip
def test_a_fault_that_is_described_wrongly_is_refused(simulator: SimulatorProcess, settings: dict[str, Any]) -> None:
    with pytest.raises(AssertionError, match="400"):
        simulator.call("POST", "/simulator/faults", settings)
    assert simulator.call("GET", "/simulator/faults")["faults"] == []


def test_every_fault_of_the_table_is_proven_here_and_documented() -> None:
    root = Path(__file__).resolve().parents[2]
    proofs = Path(__file__).read_text()
    page = (root / "docs/simulator.md").read_text()
    for name in KINDS:
        stem = name.removesuffix(name.rpartition("_")[2]) if name.startswith("error_") else name
        assert stem in proofs or name == "ok", f"{name} is proven by no test"
        assert f"`{name}`" in page, f"{name} is not in docs/simulator.md"
