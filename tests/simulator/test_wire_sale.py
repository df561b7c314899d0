"""Sales as the real SDK sees them: taken, declined, rejected, refused."""

from decimal import Decimal
from typing import Any

import braintree
import pytest
import requests

from tests.rig.simulator_process import SimulatorProcess
from tests.simulator.cards import VISA, codes, sale, typed


def test_a_sale_is_taken_and_found_again(gateway: Any, simulator: SimulatorProcess) -> None:
    result = gateway.transaction.sale(sale("12.34", order_id="order-1"))
    assert result.is_success
    taken = result.transaction
    assert (taken.status, taken.amount, taken.order_id) == ("submitted_for_settlement", Decimal("12.34"), "order-1")
    assert (taken.currency_iso_code, taken.merchant_account_id, taken.type) == ("USD", "sandbox_credit_card", "sale")
    assert [event.status for event in taken.status_history] == ["authorized", "submitted_for_settlement"]
    assert all(event.amount == Decimal("12.34") for event in taken.status_history)
    assert (taken.processor_response_code, taken.processor_response_type) == ("1000", "approved")
    assert gateway.transaction.find(taken.id).order_id == "order-1"
    [truth] = simulator.truth()
    assert (truth["id"], truth["amount_cents"], truth["success"]) == (taken.id, 1234, True)


def test_without_submit_it_is_only_authorized(gateway: Any) -> None:
    taken = gateway.transaction.sale({"amount": "5.00", "payment_method_nonce": "fake-valid-nonce"}).transaction
    assert taken.status == "authorized"
    assert taken.authorization_expires_at > taken.created_at


def test_a_card_in_a_sale_shows_eight_digits_and_whether_it_is_expired(gateway: Any) -> None:
    card = gateway.transaction.sale(sale(credit_card={"number": VISA, "expiration_date": "05/2009"})).transaction
    assert card.credit_card_details.masked_number == "41111111****1111"
    assert card.credit_card_details.is_expired is True
    assert card.credit_card_details.token is None


@pytest.mark.parametrize(("cents", "status", "code", "kind"), [
    ("1999.99", "submitted_for_settlement", "1000", "approved"),
    ("2000.00", "processor_declined", "2000", "soft_declined"),
    ("2004.50", "processor_declined", "2004", "hard_declined"),
    ("2999.99", "processor_declined", "2999", "soft_declined"),
    ("3000.00", "failed", "3000", "soft_declined"),
    ("3001.00", "submitted_for_settlement", "1000", "approved"),
    ("4001.00", "submitted_for_settlement", "1000", "approved"),
    ("5001.00", "gateway_rejected", "", ""),
    ("5002.00", "submitted_for_settlement", "1000", "approved"),
])  # fmt: skip
def test_the_amount_decides(gateway: Any, cents: str, status: str, code: str, kind: str) -> None:
    result = gateway.transaction.sale(sale(cents))
    shown = result.transaction
    assert (shown.status, shown.processor_response_code, shown.processor_response_type) == (status, code, kind)
    assert result.is_success == (status == "submitted_for_settlement")


def test_a_decline_has_a_transaction_and_no_validation_error(gateway: Any) -> None:
    result = gateway.transaction.sale(sale("2001.00", order_id="declined-1"))
    assert not result.is_success
    assert result.message == "Insufficient Funds"
    assert codes(result) == []
    assert result.transaction.additional_processor_response == "2001 : Insufficient Funds"
    assert result.params["transaction"]["order_id"] == "declined-1"
    assert gateway.transaction.find(result.transaction.id).status == "processor_declined"


def test_a_rejection_names_its_reason(gateway: Any) -> None:
    result = gateway.transaction.sale(sale("5001.00"))
    assert result.transaction.gateway_rejection_reason == "application_incomplete"
    assert result.message == "Gateway Rejected: application_incomplete"


def test_an_error_echoes_the_request_without_card_number_and_security_code(gateway: Any) -> None:
    result = gateway.transaction.sale({"amount": None, "credit_card": typed(cvv="123"), "order_id": 'a<b>&"ü'})
    assert codes(result) == ["81502"]
    assert result.message == "Amount is required."
    assert result.transaction is None
    assert result.params == {
        "transaction": {
            "type": "sale",
            "amount": None,
            "order_id": 'a<b>&"ü',
            "credit_card": {"expiration_date": "12/2030"},
        }
    }


@pytest.mark.parametrize(("change", "code"), [
    ({"amount": "ten"}, "81503"), ({"amount": "-1"}, "81501"), ({"amount": "0.00"}, "81531"),
    ({"amount": "99999999999.00"}, "81528"), ({"amount": "1.234"}, "81503"), ({"amount": ""}, "81502"),
    ({"order_id": "x" * 256}, "91501"), ({"merchant_account_id": "nobody"}, "91513"),
    ({"transaction_source": "thin_air"}, "915133"), ({"custom_fields": {"other": "1"}}, "91526"),
    ({"purchase_order_number": "x" * 18}, "91537"), ({"purchase_order_number": "ä"}, "91548"),
    ({"tax_amount": "much"}, "81535"), ({"customer": {"email": "nobody"}}, "81604"),
    ({"descriptor": {"name": "ab*cd"}}, "92201"), ({"descriptor": {"phone": "12"}}, "92202"),
    ({"descriptor": {"url": "a-very-long-host"}}, "92206"), ({"billing": {"country_code_alpha2": "USA"}}, "91814"),
    ({"payment_method_nonce": "no-such-nonce"}, "91565"), ({"payment_method_nonce": "fake-consumed-nonce"}, "91564"),
    ({"payment_method_nonce": "fake-luhn-invalid-nonce"}, "81715"),
    ({"payment_method_nonce": "fake-paypal-one-time-nonce"}, "91578"),
    ({"payment_method_token": "no-such-token"}, "91518"), ({"customer_id": "nobody"}, "91510"),
    ({"credit_card": {"number": "4111111111111112", "expiration_date": "12/2030"}}, "81715"),
    ({"credit_card": {"number": "4242424242424242", "expiration_date": "12/2030"}}, "81717"),
    ({"credit_card": {"number": "411111", "expiration_date": "12/2030"}}, "81716"),
    ({"credit_card": {"number": VISA}}, "81709"),
    ({"credit_card": {"number": VISA, "expiration_date": "13/2030"}}, "81710"),
    ({"credit_card": {"expiration_date": "12/2030"}}, "81714"),
    ({"credit_card": {"number": VISA, "expiration_date": "12/30", "cvv": "12"}}, "81707"),
])  # fmt: skip
def test_a_broken_rule_is_refused_before_anything_is_taken(
    gateway: Any, simulator: SimulatorProcess, change: dict[str, Any], code: str
) -> None:
    result = gateway.transaction.sale(sale(**change))
    assert codes(result) == [code]
    assert result.transaction is None
    assert simulator.truth() == []


def test_errors_sit_where_the_sdk_looks_for_them(gateway: Any) -> None:
    result = gateway.transaction.sale(sale("-1", credit_card={"number": "1"}, descriptor={"phone": "1"}))
    transaction = result.errors.for_object("transaction")
    assert transaction.on("amount")[0].code == "81501"
    assert transaction.for_object("credit_card").on("number")[0].code == "81716"
    assert transaction.for_object("descriptor").on("phone")[0].code == "92202"
    assert len(result.errors) == 4
    assert result.message.count("\n") == 3


def test_no_way_to_pay_is_refused(gateway: Any) -> None:
    assert codes(gateway.transaction.sale({"amount": "1.00"})) == ["91508"]
    customer = gateway.customer.create({}).customer
    assert codes(gateway.transaction.sale({"amount": "1.00", "customer_id": customer.id})) == ["91511"]


def test_a_one_use_nonce_is_used_up_by_a_sale_even_a_declined_one(gateway: Any, simulator: SimulatorProcess) -> None:
    card = gateway.customer.create({"credit_card": typed()}).customer.credit_cards[0]
    for amount in ("10.00", "2000.00"):
        nonce = gateway.payment_method_nonce.create(card.token).payment_method_nonce.nonce
        first = gateway.transaction.sale(sale(amount, payment_method_nonce=nonce))
        assert first.transaction.id
        assert codes(gateway.transaction.sale(sale(amount, payment_method_nonce=nonce))) == ["91564"]
        assert gateway.payment_method_nonce.find(nonce).consumed is True
    assert len(simulator.truth()) == 2


def test_a_validation_error_does_not_use_up_the_nonce(gateway: Any) -> None:
    card = gateway.customer.create({"credit_card": typed()}).customer.credit_cards[0]
    nonce = gateway.payment_method_nonce.create(card.token).payment_method_nonce.nonce
    assert codes(gateway.transaction.sale(sale("-1", payment_method_nonce=nonce))) == ["81501"]
    assert gateway.transaction.sale(sale(payment_method_nonce=nonce)).is_success


def test_a_nonce_is_locked_while_a_sale_holds_it(gateway: Any, simulator: SimulatorProcess) -> None:
    card = gateway.customer.create({"credit_card": typed()}).customer.credit_cards[0]
    nonce = gateway.payment_method_nonce.create(card.token).payment_method_nonce.nonce
    simulator.faults("late", order_id="first", seconds=60, hang_seconds=0)
    with pytest.raises(requests.ConnectionError):
        gateway.transaction.sale(sale(payment_method_nonce=nonce, order_id="first"))
    assert codes(gateway.transaction.sale(sale(payment_method_nonce=nonce, order_id="second"))) == ["91566"]
    assert gateway.payment_method_nonce.find(nonce).locked is True
    simulator.shift_clock(61)
    assert codes(gateway.transaction.sale(sale(payment_method_nonce=nonce, order_id="second"))) == ["91564"]
    assert [item["order_id"] for item in simulator.truth()] == ["first"]


def test_a_nonce_belongs_to_one_merchant_and_lives_three_hours(gateway: Any, simulator: SimulatorProcess) -> None:
    card = gateway.customer.create({"credit_card": typed()}).customer.credit_cards[0]
    nonce = gateway.payment_method_nonce.create(card.token).payment_method_nonce.nonce
    other = simulator.gateway("demo_therapy")
    assert codes(other.transaction.sale(sale(payment_method_nonce=nonce))) == ["91565"]
    simulator.shift_clock(3 * 3600 + 1)
    assert codes(gateway.transaction.sale(sale(payment_method_nonce=nonce))) == ["91565"]
    with pytest.raises(braintree.exceptions.NotFoundError):
        gateway.payment_method_nonce.find(nonce)


@pytest.mark.parametrize(("card", "billing", "cvv", "postal", "street", "error"), [
    ({"cvv": "200"}, {}, "N", "I", "I", None), ({"cvv": "201"}, {}, "U", "I", "I", None),
    ({"cvv": "301"}, {}, "S", "I", "I", None), ({}, {}, "I", "I", "I", None),
    ({"cvv": "123"}, {"postal_code": "60606", "street_address": "1 Main"}, "M", "M", "M", None),
    ({}, {"postal_code": "20000", "street_address": "200 Main"}, "I", "N", "N", None),
    ({}, {"postal_code": "20001", "street_address": "201 Main"}, "I", "U", "U", None),
    ({}, {"postal_code": "30000"}, "I", "I", "I", "E"), ({}, {"postal_code": "30001"}, "I", "I", "I", "S"),
])  # fmt: skip
def test_security_code_and_address_earn_their_letters(
    gateway: Any, card: dict[str, str], billing: dict[str, str], cvv: str, postal: str, street: str, error: str | None
) -> None:
    shown = gateway.transaction.sale(sale(credit_card=typed(**card), billing=billing)).transaction
    assert shown.cvv_response_code == cvv
    assert (shown.avs_postal_code_response_code, shown.avs_street_address_response_code) == (postal, street)
    assert shown.avs_error_response_code == error


def test_skipping_the_checks_shows_b(gateway: Any) -> None:
    options = {"skip_avs": True, "skip_cvv": True}
    shown = gateway.transaction.sale({**sale(credit_card=typed(cvv="200")), "options": options}).transaction
    assert (shown.cvv_response_code, shown.avs_postal_code_response_code) == ("B", "B")


@pytest.mark.parametrize(("card", "billing", "reason"), [
    ({"cvv": "200"}, {}, "cvv"), ({"cvv": "123"}, {"postal_code": "20000"}, "avs"),
    ({"cvv": "123"}, {"street_address": "200 Main"}, "avs"), ({"cvv": "200"}, {"postal_code": "20000"}, "avs_and_cvv"),
])  # fmt: skip
def test_rules_of_the_merchant_reject_after_the_processor_approved(
    simulator: SimulatorProcess, card: dict[str, str], billing: dict[str, str], reason: str
) -> None:
    gateway = simulator.gateway("processing_rules_merchant_id")
    result = gateway.transaction.sale(sale(credit_card=typed(**card), billing=billing))
    assert result.transaction.gateway_rejection_reason == reason
    assert result.transaction.processor_response_code == "1000"
    assert result.transaction.processor_response_text == "Approved"


def test_fraud_cards_are_rejected_only_where_fraud_tools_are_on(gateway: Any, simulator: SimulatorProcess) -> None:
    strict = simulator.gateway("advanced_fraud_integration_merchant_id")
    for number, reason in (("4000111111111511", "fraud"), ("4111130000000003", "risk_threshold")):
        assert gateway.transaction.sale(sale(credit_card=typed(number))).is_success
        assert strict.transaction.sale(sale(credit_card=typed(number))).transaction.gateway_rejection_reason == reason
    skipped = sale(credit_card=typed("4000111111111511"))
    skipped["options"]["skip_advanced_fraud_checking"] = True
    assert strict.transaction.sale(skipped).is_success


@pytest.mark.parametrize(("nonce", "status", "reason"), [
    ("fake-processor-declined-visa-nonce", "processor_declined", None),
    ("fake-processor-declined-amex-nonce", "processor_declined", None),
    ("fake-processor-failure-jcb-nonce", "failed", None),
    ("fake-gateway-rejected-fraud-nonce", "gateway_rejected", "fraud"),
    ("fake-gateway-rejected-risk-thresholds-nonce", "gateway_rejected", "risk_threshold"),
])  # fmt: skip
def test_standing_nonces_fail_as_their_names_say(gateway: Any, nonce: str, status: str, reason: str | None) -> None:
    shown = gateway.transaction.sale(sale(payment_method_nonce=nonce)).transaction
    assert (shown.status, shown.gateway_rejection_reason) == (status, reason)


def test_a_card_that_fails_verification_is_good_in_a_sale(gateway: Any) -> None:
    assert gateway.transaction.sale(sale(credit_card=typed("5105105105105100"))).is_success


def test_a_partial_authorisation_says_so(gateway: Any, simulator: SimulatorProcess) -> None:
    shown = gateway.transaction.sale(sale("1004.00", accept_partial_authorization=True)).transaction
    assert shown.partially_authorized is True
    assert shown.amount == Decimal("502.00")
    assert gateway.transaction.sale(sale("1004.00")).transaction.amount == Decimal("1004.00")


@pytest.mark.parametrize(("source", "recurring"), [
    ("recurring_first", True), ("recurring", True), ("moto", False), ("merchant", False), ("unscheduled", False),
])  # fmt: skip
def test_the_source_says_whether_it_recurs(gateway: Any, source: str, recurring: bool) -> None:
    assert gateway.transaction.sale(sale(transaction_source=source)).transaction.recurring is recurring


def test_a_card_is_kept_with_the_sale_when_asked(gateway: Any) -> None:
    wanted = {
        **sale(credit_card=typed(token="kept-card"), customer={"id": "kept", "first_name": "Ann"}),
        "options": {"store_in_vault": True},
    }
    shown = gateway.transaction.sale({**wanted, "amount": "2000.00"}).transaction
    assert (shown.customer_details.id, shown.credit_card_details.token) == ("kept", "kept-card")
    assert gateway.payment_method.find("kept-card").customer_id == "kept"


def test_a_card_is_not_kept_when_only_success_keeps_it(gateway: Any) -> None:
    wanted = {"amount": "2000.00", "credit_card": typed(), "options": {"store_in_vault_on_success": True}}
    declined = gateway.transaction.sale(dict(wanted)).transaction
    assert (declined.customer_details.id, declined.credit_card_details.token) == (None, None)
    taken = gateway.transaction.sale({**wanted, "amount": "20.00"}).transaction
    assert gateway.payment_method.find(taken.credit_card_details.token).customer_id == taken.customer_details.id


def test_a_stored_card_is_charged_by_token_by_customer_and_with_a_new_security_code(gateway: Any) -> None:
    customer = gateway.customer.create({"email": "a@b.example", "credit_card": typed()}).customer
    token = customer.credit_cards[0].token
    by_token = gateway.transaction.sale(sale(payment_method_token=token)).transaction
    assert (by_token.customer_details.id, by_token.customer_details.email) == (customer.id, "a@b.example")
    assert gateway.transaction.sale(sale(customer_id=customer.id)).transaction.credit_card_details.token == token
    with_code = {**sale(payment_method_token=token), "credit_card": {"cvv": "200"}}
    assert gateway.transaction.sale(with_code).transaction.cvv_response_code == "N"


def test_a_credit_is_processed_as_1002(gateway: Any) -> None:
    shown = gateway.transaction.credit({"amount": "5.00", "payment_method_nonce": "fake-valid-nonce"}).transaction
    assert (shown.type, shown.status, shown.processor_response_code) == ("credit", "submitted_for_settlement", "1002")


def test_custom_fields_are_registered_by_merchant(gateway: Any) -> None:
    assert gateway.transaction.sale(sale(custom_fields={"store_me": "x"})).transaction.custom_fields == {
        "store_me": "x"
    }
    assert gateway.transaction.sale(sale()).transaction.custom_fields == ""
