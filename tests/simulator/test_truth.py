"""The simulator's own truth: append only, free of card numbers, kept over restarts and crashes; and its levers."""

import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import requests
from braintree.exceptions.authentication_error import AuthenticationError
from braintree.exceptions.server_error import ServerError

from tests.rig.simulator_process import SimulatorProcess
from tests.simulator.cards import VISA, codes, sale, typed


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Any]:
    """Starts simulators on one data folder, one after the other."""
    started: list[SimulatorProcess] = []

    def begin(**options: Any) -> SimulatorProcess:
        started.append(SimulatorProcess(data=tmp_path / "data", **options))
        return started[-1]

    yield begin
    for simulator in started:
        simulator.stop()


def test_a_second_start_keeps_everything(start: Any) -> None:
    first = start()
    first.merchant("extra", custom_fields=["kept"])
    gateway = first.gateway("extra")
    customer = gateway.customer.create(
        {
            "first_name": "Ann",
            "credit_card": typed(token="card", billing_address={"postal_code": "60606"}, options={"verify_card": True}),
        }
    ).customer
    gateway.credit_card.create(typed(customer_id=customer.id, token="deleted"))
    gateway.payment_method.delete("deleted")
    fresh = gateway.payment_method_nonce.create("card").payment_method_nonce.nonce
    used = gateway.payment_method_nonce.create("card").payment_method_nonce.nonce
    taken = gateway.transaction.sale(sale(payment_method_nonce=used, api_request_key="key", order_id="o")).transaction
    gateway.transaction.update_details(taken.id, {"order_id": "renamed"})
    gateway.testing.settle_transaction(taken.id)
    gateway.transaction.refund(taken.id, "1.00")
    gateway.transaction.sale(sale("2000.00", order_id="declined"))
    fingerprint = gateway.client_token.generate({})
    before = first.truth()
    first.kill()

    second = start()
    assert second.truth() == before
    gateway = second.gateway("extra")
    assert (
        gateway.transaction.sale(sale(payment_method_nonce=used, api_request_key="key", order_id="o")).transaction.id
        == taken.id
    )
    assert codes(gateway.transaction.sale(sale(payment_method_nonce=used))) == ["91564"]
    assert gateway.transaction.sale(sale(payment_method_nonce=fresh)).transaction.credit_card_details.token == "card"
    assert [card.token for card in gateway.customer.find(customer.id).credit_cards] == ["card"]
    assert gateway.customer.find(customer.id).addresses[0].postal_code == "60606"
    assert gateway.payment_method.find("card").verification.status == "verified"
    assert codes(gateway.transaction.refund(taken.id, "9.01")) == ["91521"]
    assert gateway.transaction.find(taken.id).status_history[-1].status == "settled"
    assert fingerprint


def test_a_half_written_last_line_is_dropped(start: Any, tmp_path: Path) -> None:
    first = start()
    first.gateway().transaction.sale(sale(order_id="whole"))
    first.kill()
    with (tmp_path / "data" / "truth.jsonl").open("a") as journal:
        journal.write('{"event":"transaction","record":{"id":"ha')
    second = start()
    assert [item["order_id"] for item in second.truth()] == ["whole"]
    second.gateway().transaction.sale(sale(order_id="next"))
    assert [item["order_id"] for item in second.truth()] == ["whole", "next"]


def test_the_journal_only_grows_and_never_holds_a_card_number(start: Any, tmp_path: Path) -> None:
    simulator = start()
    gateway, journal = simulator.gateway(), tmp_path / "data" / "truth.jsonl"
    seen = b""
    customer = gateway.customer.create({"credit_card": typed("5555555555554444", cvv="737")}).customer
    for act in (
        lambda: gateway.transaction.sale(sale(credit_card=typed(cvv="737"), order_id="o")),
        lambda: gateway.transaction.sale(sale("-1", credit_card=typed(cvv="737"))),
        lambda: gateway.transaction.sale(sale("2000.00", customer_id=customer.id)),
        lambda: gateway.verification.create({"credit_card": typed("378282246310005", cvv="7373")}),
        lambda: gateway.transaction.sale(sale(credit_card=typed("4242424242424242", cvv="737"))),
        lambda: requests.post(f"{simulator.url}/merchants/integration_merchant_id/transactions", timeout=5,
                              auth=("integration_public_key", "integration_private_key"),
                              data=f'<transaction><amount type="integer">{VISA}x</amount></transaction>'),
    ):  # fmt: skip
        act()
        now = journal.read_bytes()
        assert now.startswith(seen)
        assert len(now) > len(seen)
        seen = now
    for number in (VISA, "5555555555554444", "378282246310005", "4242424242424242"):
        assert number.encode() not in seen
        assert number not in json.dumps(simulator.call("GET", "/simulator/truth"))
        assert number not in json.dumps(simulator.call("GET", "/simulator/requests"))
    for line in seen.decode().splitlines():
        assert 'cvv":' not in line
        assert '"737"' not in line


def test_every_request_is_in_the_journal_with_what_was_done(start: Any, tmp_path: Path) -> None:
    simulator = start()
    simulator.faults("status_500_after", order_id="b")
    gateway = simulator.gateway()
    taken = gateway.transaction.sale(sale(order_id="a")).transaction
    with pytest.raises(ServerError):
        gateway.transaction.sale(sale(order_id="b"))
    gateway.transaction.sale(sale("-1", order_id="c"))
    lines = [json.loads(line) for line in (tmp_path / "data" / "truth.jsonl").read_text().splitlines()]
    noted = [line["record"] for line in lines if line["event"] == "request"]
    assert [(item["operation"], item["order_id"], item["status"], item.get("fault")) for item in noted] == [
        ("sale", "a", 201, None),
        ("sale", "b", 500, "status_500_after"),
        ("sale", "c", 422, None),
    ]
    assert noted[0]["transaction_id"] == taken.id
    assert (noted[1]["processed"], noted[2]["processed"], noted[2]["note"]) == (True, False, "81501")


def test_the_truth_is_ordered_and_can_be_narrowed(simulator: SimulatorProcess) -> None:
    for merchant, order in (("demo_therapy", "a-1"), ("demo_supervision", "a-2"), ("demo_therapy", "b-1")):
        simulator.gateway(merchant).transaction.sale(sale(order_id=order))
    simulator.shift_clock(3600)
    simulator.gateway("demo_therapy").transaction.sale(sale("2000.00", order_id="a-3"))
    assert [item["order_id"] for item in simulator.truth()] == ["a-1", "a-2", "b-1", "a-3"]
    assert [item["order_id"] for item in simulator.truth(order_prefix="a-", merchant="demo_therapy")] == ["a-1", "a-3"]
    last = simulator.truth()[-1]
    assert [item["order_id"] for item in simulator.truth(since=last["created_at"])] == ["a-3"]
    assert (last["success"], last["status"], last["processor_response_code"]) == (False, "processor_declined", "2000")
    assert type(last["amount_cents"]) is int
    assert datetime.fromisoformat(last["created_at"]).utcoffset() is not None
    assert [event["status"] for event in last["status_history"]] == ["processor_declined"]
    with pytest.raises(AssertionError, match="400"):
        simulator.truth(since="yesterday")


def test_a_reset_forgets_everything(start: Any, tmp_path: Path) -> None:
    simulator = start()
    simulator.merchant("extra")
    simulator.faults("decline_hard", times=0)
    simulator.shift_clock(86_400)
    gateway = simulator.gateway()
    gateway.transaction.sale(sale(api_request_key="key"))
    simulator.reset()
    assert simulator.truth() == []
    assert simulator.requests() == []
    assert (tmp_path / "data" / "truth.jsonl").read_text() == ""
    assert gateway.transaction.sale(sale(api_request_key="key")).is_success
    assert (
        abs(
            datetime.fromisoformat(simulator.truth()[0]["created_at"]).timestamp()
            - datetime.now().astimezone().timestamp()
        )
        < 60
    )
    with pytest.raises(AuthenticationError):
        simulator.gateway("extra").client_token.generate()


def test_the_shifted_clock_survives_a_restart(start: Any) -> None:
    first = start()
    first.shift_clock(86_400)
    now = datetime.fromisoformat(first.call("GET", "/simulator/health")["now"])
    first.stop()
    then = datetime.fromisoformat(start().call("GET", "/simulator/health")["now"])
    assert 0 <= (then - now).total_seconds() < 60


def test_requests_show_where_they_came_from(simulator: SimulatorProcess) -> None:
    requests.get(
        f"{simulator.url}/web/3.144.0/js/client.min.js",
        headers={"Referer": "http://portal.example/l/secret"},
        timeout=5,
    )
    simulator.gateway().transaction.sale(sale(order_id="o"))
    [script] = simulator.requests(path_prefix="/web/")
    assert (script["method"], script["referer"]) == ("GET", "http://portal.example/l/secret")
    [sold] = simulator.requests(order_id="o")
    assert (sold["operation"], sold["status"], sold["referer"]) == ("sale", 201, None)
    assert not [entry for entry in simulator.requests() if entry["path"].startswith("/simulator/")]


def test_a_seed_repeats_the_ids(tmp_path: Path) -> None:
    ids = []
    for run in range(2):
        simulator = SimulatorProcess(data=tmp_path / str(run), seed=11)
        ids.append([simulator.gateway().transaction.sale(sale()).transaction.id for _ in range(3)])
        simulator.stop()
    assert ids[0] == ids[1]


def test_ids_stay_unique_when_a_seeded_simulator_starts_again(start: Any) -> None:
    ids = []
    for _ in range(2):
        simulator = start(seed=5)
        ids += [simulator.gateway().transaction.sale(sale()).transaction.id for _ in range(3)]
        simulator.stop()
    assert len(set(ids)) == 6


@pytest.mark.parametrize(("path", "body"), [
    ("/simulator/clock", b"{}"), ("/simulator/clock", b"[]"), ("/simulator/clock", b"{"),
    ("/simulator/faults", b"x"), ("/simulator/merchants", b"{}"),
])  # fmt: skip
def test_a_lever_pulled_wrongly_says_so(simulator: SimulatorProcess, path: str, body: bytes) -> None:
    answer = requests.post(simulator.url + path, data=body, timeout=5)
    assert answer.status_code == 400
    assert answer.json()["error"]


def test_the_front_page_links_to_the_rooms(simulator: SimulatorProcess) -> None:
    page = requests.get(simulator.url + "/", timeout=5)
    for link in ("/mailbox", "/phone", "/simulator/truth", "/simulator/faults"):
        assert f'href="{link}"' in page.text
        assert requests.get(simulator.url + link, timeout=5).status_code == 200
