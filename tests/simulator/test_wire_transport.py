"""The wire below the SDK: keys, statuses, hostile bodies, the JSON dialect, and what would crash an SDK's parser."""

import base64
import socket
import xml.etree.ElementTree as ElementTree
from typing import Any

import pytest
import requests
from braintree.exceptions.authentication_error import AuthenticationError
from braintree.exceptions.authorization_error import AuthorizationError
from braintree.exceptions.not_found_error import NotFoundError
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.codec import Collection, Malformed, Many, decode, encode
from tests.rig.simulator_process import SimulatorProcess
from tests.simulator.cards import VISA, sale, typed

KEYS = ("integration_public_key", "integration_private_key")
BASE = "/merchants/integration_merchant_id"


def _post(simulator: SimulatorProcess, path: str, body: Any, content_type: str = "application/xml", **more: Any) -> Any:
    return requests.post(
        simulator.url + BASE + path, data=body, auth=KEYS, headers={"Content-Type": content_type}, timeout=30, **more
    )


@pytest.mark.parametrize(("merchant", "public", "private", "error"), [
    ("integration_merchant_id", "integration_public_key", "wrong", AuthenticationError),
    ("integration_merchant_id", "nobody", "integration_private_key", AuthenticationError),
    ("nobody", *KEYS, AuthenticationError),
    ("demo_therapy", *KEYS, AuthorizationError),
])  # fmt: skip
def test_keys_open_one_merchant_only(
    simulator: SimulatorProcess, merchant: str, public: str, private: str, error: type[Exception]
) -> None:
    gateway = simulator.gateway(merchant, public, private)
    with pytest.raises(error):
        gateway.transaction.sale(sale())
    with pytest.raises(error):
        gateway.client_token.generate()
    assert simulator.truth() == []


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "Basic",
        "Basic !!!",
        "Basic " + base64.b64encode(b"\xff\xfe").decode(),
        "Bearer x",
        "Basic " + base64.b64encode(b"nocolon").decode(),
    ],
)
def test_a_strange_authorization_is_401(simulator: SimulatorProcess, header: str | None) -> None:
    headers = {"Authorization": header} if header is not None else {}
    answer = requests.get(simulator.url + BASE + "/transactions/abc", headers=headers, timeout=30)
    assert answer.status_code == 401


def test_demo_merchants_have_keys_and_an_account_of_their_own(simulator: SimulatorProcess) -> None:
    for name in ("demo_supervision", "demo_receivables", "demo_therapy", "demo_two_screens"):
        assert simulator.gateway(name).transaction.sale(sale()).transaction.merchant_account_id == f"{name}_usd"
    assert [item["merchant_id"] for item in simulator.truth()] == [
        "demo_supervision",
        "demo_receivables",
        "demo_therapy",
        "demo_two_screens",
    ]


def test_a_merchant_is_added_and_changed_while_running(simulator: SimulatorProcess) -> None:
    simulator.merchant("fresh", accounts=["fresh_usd", "fresh_other"], private_key="secret")
    gateway = simulator.gateway("fresh", private_key="secret")
    assert gateway.transaction.sale(sale(merchant_account_id="fresh_other")).is_success
    simulator.merchant("fresh", duplicate_seconds=60)
    gateway.transaction.sale(sale(order_id="twice"))
    assert gateway.transaction.sale(sale(order_id="twice")).transaction.gateway_rejection_reason == "duplicate"
    for bad in (
        {"id": "x", "colour": "red"},
        {"id": 3},
        {"id": "x", "avs_rules": "yes"},
        {"id": "x", "accounts": "one"},
    ):
        with pytest.raises(AssertionError, match="400"):
            simulator.call("POST", "/simulator/merchants", bad)


def test_what_does_not_exist_is_404(gateway: Any, simulator: SimulatorProcess) -> None:
    for act in (
        gateway.transaction.find,
        gateway.transaction.void,
        gateway.customer.find,
        gateway.payment_method.find,
        gateway.verification.find,
    ):
        with pytest.raises(NotFoundError):
            act("nosuchthing")
    assert _post(simulator, "/no/such/resource", "<a/>").status_code == 404


HOSTILE = [
    b"", b"not xml", b"<transaction>", b"<transaction></customer>", b"\x00\x01\x02", b"<a>" * 5000,
    b'<!DOCTYPE a [<!ENTITY b "c">]><transaction><amount>&b;</amount></transaction>',
    b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><transaction><order_id>&x;</order_id></transaction>',
    b'<?xml version="1.0" encoding="no-such"?><transaction/>',
    b"<transaction><amount>&undefined;</amount></transaction>",
    b'<transaction><amount type="integer">ten</amount></transaction>',
    b"<transaction>" + b"<x/>" * 60_000 + b"</transaction>",
    b'<search><created_at><min type="datetime">yesterday</min></created_at></search>',
]  # fmt: skip


def test_no_entity_is_ever_expanded(simulator: SimulatorProcess) -> None:
    kind = '<!DOCTYPE a [<!ENTITY ten "10.00">]>'
    body = (
        "<transaction><type>sale</type><amount>%s</amount>"
        "<payment_method_nonce>fake-valid-nonce</payment_method_nonce></transaction>"
    )
    assert _post(simulator, "/transactions", kind + body % "&ten;").status_code == 400
    assert _post(simulator, "/transactions", kind + body % "10.00").status_code == 400
    assert simulator.truth() == []
    assert _post(simulator, "/transactions", body % "10.00").status_code == 201


@pytest.mark.parametrize("body", HOSTILE, ids=range(len(HOSTILE)))
def test_a_hostile_body_is_refused_and_harms_nobody(simulator: SimulatorProcess, gateway: Any, body: bytes) -> None:
    answer = _post(simulator, "/transactions", body)
    assert answer.status_code in (400, 422)
    assert b"passwd" not in answer.content
    assert simulator.truth() == []
    assert gateway.transaction.sale(sale()).is_success


@pytest.mark.parametrize("body", [
    "<transaction><type>sale</type><amount><x>1</x></amount><payment_method_nonce>fake-valid-nonce</payment_method_nonce></transaction>",
    '<transaction type="array"><item>1</item></transaction>',
    "<transaction><type>sale</type><amount>1.00</amount><credit_card>text</credit_card><options>text</options></transaction>",
    '<transaction><type>sale</type><amount>1.00</amount><order_id type="array"><item>1</item></order_id>'
    "<customer>x</customer><billing>y</billing><descriptor>z</descriptor><custom_fields>q</custom_fields></transaction>",
    "<other><type>sale</type></other>",
])  # fmt: skip
def test_a_body_of_the_wrong_shape_is_a_validation_error(simulator: SimulatorProcess, body: str) -> None:
    answer = _post(simulator, "/transactions", body)
    assert answer.status_code == 422
    assert ElementTree.fromstring(answer.content).tag == "api-error-response"


def test_a_body_over_the_limit_is_413(simulator: SimulatorProcess) -> None:
    assert _post(simulator, "/transactions", b"<a>" + b"x" * 3_000_000 + b"</a>").status_code == 413


def test_a_client_that_leaves_in_mid_request_harms_nobody(simulator: SimulatorProcess, gateway: Any) -> None:
    for part in (
        b"POST",
        b"POST /merchants/x/transactions HTTP/1.1\r\nContent-Length: 100\r\n\r\n<a>",
        b"\x16\x03\x01junk",
    ):
        with socket.create_connection(("127.0.0.1", simulator.port)) as wire:
            wire.sendall(part)
    assert gateway.transaction.sale(sale()).is_success


def test_json_requests_are_understood_as_the_node_sdk_sends_them(simulator: SimulatorProcess) -> None:
    body = {
        "transaction": {
            "type": "sale",
            "amount": "7.00",
            "orderId": "json-1",
            "payment_method_nonce": "fake-valid-nonce",
            "options": {"submit_for_settlement": True, "store_in_vault": False},
            "customer": {"firstName": None},
        }
    }
    answer = requests.post(simulator.url + BASE + "/transactions", json=body, auth=KEYS, timeout=30)
    assert answer.status_code == 201
    assert "application/xml" in answer.headers["Content-Type"]
    assert simulator.truth()[0]["order_id"] == "json-1"
    for bad in (b"[1]", b"{", b'"text"', b"[" * 50_000):
        assert _post(simulator, "/transactions", bad, "application/json").status_code == 400


def test_success_statuses_suit_every_client(simulator: SimulatorProcess) -> None:
    customer = _post(simulator, "/customers", "<customer><id>gone</id></customer>")
    assert customer.status_code == 201
    deleted = requests.delete(simulator.url + BASE + "/customers/gone", auth=KEYS, timeout=30)
    assert (deleted.status_code, deleted.content) == (200, b"")


def _all_answers(simulator: SimulatorProcess) -> list[bytes]:
    gateway = simulator.gateway()
    customer = gateway.customer.create({"credit_card": typed(options={"verify_card": True})}).customer
    taken = gateway.transaction.sale(sale(order_id="<&>", customer_id=customer.id)).transaction
    kept = f"/payment_methods/any/{customer.credit_cards[0].token}"
    answers = [
        requests.get(simulator.url + BASE + path, auth=KEYS, timeout=30).content
        for path in (f"/transactions/{taken.id}", f"/customers/{customer.id}", kept)
    ]
    pay = "<payment_method_nonce>fake-valid-nonce</payment_method_nonce>"
    for amount in ("2000.00", "5001.00", "-1"):
        body = f"<transaction><type>sale</type><amount>{amount}</amount>{pay}<order_id></order_id></transaction>"
        answers.append(_post(simulator, "/transactions", body).content)
    answers.append(_post(simulator, "/transactions/advanced_search_ids", "<search/>").content)
    answers.append(_post(simulator, "/transactions/advanced_search", "<search/>").content)
    card = "<number>4000111111111115</number><expiration_date>12/2030</expiration_date>"
    body = f"<verification><credit_card>{card}</credit_card></verification>"
    answers.append(_post(simulator, "/verifications", body).content)
    return answers


def test_no_answer_holds_what_crashes_the_sdk(simulator: SimulatorProcess) -> None:
    """Nil never has a type; errors are typed arrays at every level; what must have children has them."""
    with_children = {
        "billing",
        "customer",
        "shipping",
        "descriptor",
        "disbursement-details",
        "subscription",
        "credit-card",
    }
    for answer in _all_answers(simulator):
        root = ElementTree.fromstring(answer)
        echoed = set(params.iter()) if (params := root.find("params")) is not None else set()
        for element in set(root.iter()) - echoed:
            if element.get("nil"):
                assert element.attrib == {"nil": "true"}, element.tag
            if element.tag in with_children:
                assert len(element), element.tag
            if element.tag in ("risk-data", "transfer", "payment-facilitator", "facilitated-details"):
                raise AssertionError(element.tag)
            if element.tag in ("transaction", "status-event") and element.find("id") is not None:
                assert element.findtext("amount"), element.tag
            if element.tag == "credit-card":
                expired = element.find("expired")
                assert expired is not None
                assert expired.get("type") == "boolean"
        if root.tag == "api-error-response":
            assert root.find("message") is not None
            tree = root.find("errors")
            assert tree is not None
            nodes = [
                node
                for node in tree.iter()
                if node.tag in ("errors", "transaction", "verification") and not node.get("type")
            ]
            assert nodes
            for node in nodes:
                listed = node.find("errors")
                assert listed is not None
                assert listed.get("type") == "array"


def test_letters_of_all_scripts_and_markup_come_back_as_sent(gateway: Any) -> None:
    name = 'Zoë & <b>Ann</b> "O\'Neil" 漢字 🙂'
    customer = gateway.customer.create({"first_name": name}).customer
    assert customer.first_name == name
    assert gateway.customer.find(customer.id).first_name == name
    assert gateway.transaction.sale(sale(order_id=name)).transaction.order_id == name


def test_booleans_are_understood_as_words_too(gateway: Any) -> None:
    taken = gateway.transaction.sale(
        {"amount": "1.00", "payment_method_nonce": "fake-valid-nonce", "options": {"submit_for_settlement": "true"}}
    ).transaction
    assert taken.status == "submitted_for_settlement"


def test_the_number_never_comes_back(simulator: SimulatorProcess) -> None:
    body = (
        f"<transaction><type>sale</type><amount>x</amount><credit_card><number>{VISA}</number><cvv>987</cvv>"
        "</credit_card></transaction>"
    )
    answer = _post(simulator, "/transactions", body).text
    assert VISA not in answer
    assert "987" not in answer


TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff"), min_size=1).filter(
    str.strip
)
NAMES = st.from_regex(r"[a-z]([a-z0-9_]{0,8}[a-z0-9])?", fullmatch=True)
VALUES = st.recursive(
    TEXT | st.booleans() | st.integers(),
    lambda inner: st.dictionaries(NAMES, inner, min_size=1, max_size=4) | st.lists(inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(NAMES, VALUES, min_size=1, max_size=5))
@settings(max_examples=150, deadline=None)
def test_what_is_written_is_read_again(document: dict[str, Any]) -> None:
    assert decode(encode("root_name", document)) == ("root_name", document)


@given(st.binary(max_size=200))
@settings(max_examples=150, deadline=None)
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    for content_type in ("application/xml", "application/json"):
        try:
            decode(body, content_type)
        except Malformed:
            continue


def test_lists_with_names_and_pages_are_typed() -> None:
    text = encode("a", {"b": Many("c_d", ["1"]), "e": Collection("f", [{}], {"page_size": 50})}).decode()
    assert '<b type="array"><c-d>1</c-d></b>' in text
    assert '<e type="collection"><page-size type="integer">50</page-size><f></f></e>' in text
