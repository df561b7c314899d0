"""Client tokens and the JSON API that a browser script uses with them."""

import base64
import json
from typing import Any

import pytest
import requests

from tests.rig.simulator_process import SimulatorProcess
from tests.simulator.cards import VISA, codes, sale

CARD = {"number": VISA, "expirationMonth": "12", "expirationYear": "2030", "cvv": "123"}


def _token(gateway: Any, **params: Any) -> dict[str, Any]:
    return dict(json.loads(base64.b64decode(gateway.client_token.generate(params))))


def _tokenize(
    simulator: SimulatorProcess, fingerprint: str, card: dict[str, Any], merchant: str = "integration_merchant_id"
) -> requests.Response:
    url = f"{simulator.url}/merchants/{merchant}/client_api/v1/payment_methods/credit_cards"
    return requests.post(
        url,
        json={"authorizationFingerprint": fingerprint, "creditCard": card},
        timeout=30,
        headers={"Origin": "http://portal.example"},
    )


def test_a_token_points_here(gateway: Any, simulator: SimulatorProcess) -> None:
    token = _token(gateway, merchant_account_id="sandbox_credit_card")
    assert token["version"] == 2
    assert token["merchantAccountId"] == "sandbox_credit_card"
    assert token["clientApiUrl"] == f"{simulator.url}/merchants/integration_merchant_id/client_api"
    shown = requests.get(
        token["configUrl"], {"authorizationFingerprint": token["authorizationFingerprint"]}, timeout=30
    )
    assert shown.json()["merchantId"] == "integration_merchant_id"
    assert shown.json()["clientApiUrl"] == token["clientApiUrl"]
    assert json.loads(gateway.client_token.generate({"version": 1}))["version"] == 1
    assert _token(gateway, version=3).keys() == {"version", "authorizationFingerprint", "configUrl"}


def test_a_token_for_a_stranger_is_refused(gateway: Any) -> None:
    with pytest.raises(ValueError, match="does not exist"):
        gateway.client_token.generate({"customer_id": "nobody"})
    with pytest.raises(ValueError, match="invalid format"):
        gateway.client_token.generate({"domains": ["nodot"]})
    with pytest.raises(ValueError, match="at most 5"):
        gateway.client_token.generate({"domains": [f"d{number}.example" for number in range(6)]})


def test_a_typed_card_becomes_a_nonce_that_pays_once(gateway: Any, simulator: SimulatorProcess) -> None:
    answer = _tokenize(simulator, _token(gateway)["authorizationFingerprint"], CARD)
    assert answer.status_code == 201
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    [made] = answer.json()["creditCards"]
    assert made["details"] == {
        "bin": "411111",
        "lastTwo": "11",
        "lastFour": "1111",
        "cardType": "Visa",
        "cardholderName": None,
        "expirationMonth": "12",
        "expirationYear": "2030",
    }
    assert (made["type"], made["consumed"], made["description"]) == ("CreditCard", False, "ending in 11")
    assert gateway.payment_method_nonce.find(made["nonce"]).details["last_four"] == "1111"
    paid = gateway.transaction.sale(sale(payment_method_nonce=made["nonce"]))
    assert paid.transaction.cvv_response_code == "M"
    assert simulator.truth()[0]["nonce_used"] is True
    again = gateway.transaction.sale(sale(payment_method_nonce=made["nonce"]))
    assert codes(again) == ["91564"]


def test_address_and_holder_travel_with_the_nonce(gateway: Any, simulator: SimulatorProcess) -> None:
    card = {**CARD, "cardholderName": "Ann E", "billingAddress": {"postalCode": "20000", "streetAddress": "200 Main"}}
    nonce = _tokenize(simulator, _token(gateway)["authorizationFingerprint"], card).json()["creditCards"][0]["nonce"]
    paid = gateway.transaction.sale(sale(payment_method_nonce=nonce)).transaction
    assert paid.credit_card_details.cardholder_name == "Ann E"
    assert (paid.billing_details.postal_code, paid.avs_postal_code_response_code) == ("20000", "N")


@pytest.mark.parametrize(("change", "field", "code"), [
    ({"number": "4111111111111112"}, "number", "81715"), ({"number": ""}, "number", "81714"),
    ({"number": "4242424242424242"}, "number", "81717"), ({"cvv": "1"}, "cvv", "81707"),
    ({"expirationMonth": "13"}, "expirationDate", "81710"),
])  # fmt: skip
def test_a_wrong_card_is_422_with_its_field(
    gateway: Any, simulator: SimulatorProcess, change: dict[str, str], field: str, code: str
) -> None:
    answer = _tokenize(simulator, _token(gateway)["authorizationFingerprint"], {**CARD, **change})
    assert answer.status_code == 422
    [error] = answer.json()["fieldErrors"][0]["fieldErrors"]
    assert (error["field"], error["code"]) == (field, code)
    assert change.get("number") not in (answer.text, VISA)


def test_without_validation_it_is_accepted_202(gateway: Any, simulator: SimulatorProcess) -> None:
    fingerprint = _token(gateway)["authorizationFingerprint"]
    assert _tokenize(simulator, fingerprint, {**CARD, "options": {"validate": False}}).status_code == 202


def test_a_customers_token_vaults_a_validated_card(gateway: Any, simulator: SimulatorProcess) -> None:
    customer = gateway.customer.create({}).customer
    options = {"verify_card": True, "fail_on_duplicate_payment_method_for_customer": True}
    fingerprint = _token(gateway, customer_id=customer.id, options=options)["authorizationFingerprint"]
    nonce = _tokenize(simulator, fingerprint, CARD).json()["creditCards"][0]["nonce"]
    [kept] = gateway.customer.find(customer.id).credit_cards
    assert (
        gateway.payment_method.create({"customer_id": customer.id, "payment_method_nonce": nonce}).payment_method.token
        == kept.token
    )
    assert _tokenize(simulator, fingerprint, CARD).status_code == 422
    assert (
        _tokenize(simulator, fingerprint, {**CARD, "number": "4000111111111115"}).json()["error"]["message"]
        == "Do Not Honor"
    )
    assert len(gateway.customer.find(customer.id).credit_cards) == 1


def test_a_forged_foreign_or_old_fingerprint_is_401(gateway: Any, simulator: SimulatorProcess) -> None:
    fingerprint = _token(gateway)["authorizationFingerprint"]
    head, body, signature = fingerprint.split(".")
    other = base64.urlsafe_b64encode(
        base64.urlsafe_b64decode(body + "==").replace(b"integration", b"demo_therapy")
    ).decode()
    for bad in ("", "x", f"{head}.{body}.{'0' * 64}", f"{head}.{other.rstrip('=')}.{signature}", "a.b.c", "ä.b.c"):
        assert _tokenize(simulator, bad, CARD).status_code == 401
    assert _tokenize(simulator, fingerprint, CARD, merchant="demo_therapy").status_code == 401
    simulator.shift_clock(86_401)
    assert _tokenize(simulator, fingerprint, CARD).status_code == 401


def test_a_browser_of_another_origin_may_ask(simulator: SimulatorProcess) -> None:
    url = f"{simulator.url}/merchants/integration_merchant_id/client_api/v1/payment_methods/credit_cards"
    answer = requests.options(
        url,
        timeout=30,
        headers={
            "Origin": "http://portal.example",
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "content-type",
        },
    )
    assert answer.status_code == 204
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert "POST" in answer.headers["Access-Control-Allow-Methods"]
    assert "Content-Type" in answer.headers["Access-Control-Allow-Headers"]
    assert requests.post(url, data="{", timeout=30).status_code == 400


def test_tokenising_can_fail_on_cue(gateway: Any, simulator: SimulatorProcess) -> None:
    fingerprint = _token(gateway)["authorizationFingerprint"]
    simulator.faults("status_503_before", operation="tokenize")
    failed = _tokenize(simulator, fingerprint, CARD)
    assert failed.status_code == 503
    assert failed.headers["Access-Control-Allow-Origin"] == "*"
    simulator.faults("reset_before", operation="tokenize")
    with pytest.raises(requests.ConnectionError):
        _tokenize(simulator, fingerprint, CARD)
    assert _tokenize(simulator, fingerprint, CARD).status_code == 201
