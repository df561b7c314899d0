"""What a merchant keeps with the gateway: customers, addresses, cards, nonces, verifications."""

from datetime import date
from typing import Any

import pytest
from braintree.exceptions.not_found_error import NotFoundError

from tests.rig.simulator_process import SimulatorProcess
from tests.simulator.cards import codes, sale, typed


@pytest.fixture
def customer(gateway: Any) -> Any:
    return gateway.customer.create({"first_name": "Ann", "last_name": "Example"}).customer


def test_a_customer_lives_through_create_find_update_delete(gateway: Any) -> None:
    created = gateway.customer.create(
        {"first_name": "Ann", "email": "ann@b.example", "custom_fields": {"store_me": "x"}}
    )
    customer = created.customer
    assert customer.id.isdigit()
    assert len(customer.id) >= 6
    assert customer.custom_fields == {"store_me": "x"}
    changed = gateway.customer.update(customer.id, {"last_name": "B"}).customer
    assert (changed.first_name, changed.last_name, changed.email) == ("Ann", "B", "ann@b.example")
    assert gateway.customer.delete(customer.id).is_success
    for act in (gateway.customer.find, gateway.customer.delete):
        with pytest.raises(NotFoundError):
            act(customer.id)


def test_a_chosen_id_is_taken_once(gateway: Any) -> None:
    assert gateway.customer.create({"id": "chosen"}).is_success
    assert codes(gateway.customer.create({"id": "chosen"})) == ["91609"]
    assert codes(gateway.customer.create({"id": "not allowed"})) == ["91610"]
    assert codes(gateway.customer.create({"email": "nobody"})) == ["81604"]
    assert codes(gateway.customer.create({"custom_fields": {"other": "x"}})) == ["91602"]


def test_a_customer_comes_with_a_first_card(gateway: Any) -> None:
    wanted = {
        "credit_card": typed(token="first", billing_address={"postal_code": "60606"}, options={"verify_card": True})
    }
    customer = gateway.customer.create(wanted).customer
    [card] = customer.credit_cards
    assert (card.token, card.default, card.billing_address.postal_code) == ("first", True, "60606")
    assert card.verification.status == "verified"
    assert [address.postal_code for address in customer.addresses] == ["60606"]


def test_a_customer_with_a_bad_first_card_is_not_created(gateway: Any) -> None:
    card = typed("4000111111111115", options={"verify_card": True})
    assert (
        gateway.customer.create({"id": "never", "credit_card": card}).credit_card_verification.status
        == "processor_declined"
    )
    with pytest.raises(NotFoundError):
        gateway.customer.find("never")


def test_addresses_belong_to_a_customer(gateway: Any, customer: Any) -> None:
    address = gateway.address.create({"customer_id": customer.id, "postal_code": "60606"}).address
    assert gateway.address.find(customer.id, address.id).postal_code == "60606"
    assert gateway.address.update(customer.id, address.id, {"region": "IL"}).address.region == "IL"
    assert codes(gateway.address.create({"customer_id": customer.id, "country_code_alpha2": "usa"})) == ["91814"]
    gateway.address.delete(customer.id, address.id)
    with pytest.raises(NotFoundError):
        gateway.address.find(customer.id, address.id)


def test_a_nonce_becomes_a_stored_card_once(gateway: Any, customer: Any) -> None:
    token = gateway.credit_card.create(typed(customer_id=customer.id)).credit_card.token
    nonce = gateway.payment_method_nonce.create(token).payment_method_nonce.nonce
    other = gateway.customer.create({}).customer
    made = gateway.payment_method.create({"customer_id": other.id, "payment_method_nonce": nonce, "token": "mine"})
    assert made.payment_method.token == "mine"
    again = gateway.payment_method.create({"customer_id": other.id, "payment_method_nonce": nonce})
    assert codes(again) == ["93107"]


def test_a_stored_card_shows_six_digits_and_no_address_unless_it_has_one(gateway: Any, customer: Any) -> None:
    card = gateway.payment_method.create(
        {"customer_id": customer.id, "payment_method_nonce": "fake-valid-visa-nonce"}
    ).payment_method
    assert card.masked_number == "401288******1881"
    assert card.billing_address is None
    assert card.is_expired is False
    assert "png" in card.image_url
    assert len(card.unique_number_identifier) == 32
    twin = gateway.credit_card.create(typed("4012888888881881", customer_id=customer.id)).credit_card
    assert twin.unique_number_identifier == card.unique_number_identifier


@pytest.mark.parametrize(("change", "code"), [
    ({"payment_method_nonce": None}, "93103"), ({"payment_method_nonce": "unknown"}, "93108"),
    ({"payment_method_nonce": "fake-consumed-nonce"}, "93107"), ({"customer_id": None}, "93104"),
    ({"customer_id": "nobody"}, "93105"), ({"token": "not allowed"}, "91718"), ({"token": "x" * 37}, "91720"),
    ({"payment_method_nonce": "fake-paypal-billing-agreement-nonce"}, "93108"),
])  # fmt: skip
def test_a_payment_method_has_rules(gateway: Any, customer: Any, change: dict[str, Any], code: str) -> None:
    wanted = {"customer_id": customer.id, "payment_method_nonce": "fake-valid-nonce", **change}
    assert codes(gateway.payment_method.create(wanted)) == [code]


def test_a_token_in_use_is_refused(gateway: Any, customer: Any) -> None:
    gateway.credit_card.create(typed(customer_id=customer.id, token="taken"))
    assert codes(gateway.credit_card.create(typed(customer_id=customer.id, token="taken"))) == ["91719"]
    assert codes(gateway.credit_card.create(typed())) == ["91704"]
    assert codes(gateway.credit_card.create(typed(customer_id="nobody"))) == ["91705"]


def test_the_first_card_is_default_and_the_default_can_move(gateway: Any, customer: Any) -> None:
    first, second, third = (
        gateway.credit_card.create(typed(customer_id=customer.id, **more)).credit_card
        for more in ({}, {}, {"options": {"make_default": True}})
    )
    assert (first.default, second.default, third.default) == (True, False, True)
    gateway.customer.update(customer.id, {"default_payment_method_token": second.token})
    assert gateway.payment_method.find(second.token).default is True
    assert gateway.payment_method.find(third.token).default is False
    gateway.payment_method.delete(second.token)
    assert gateway.payment_method.find(first.token).default is True
    with pytest.raises(NotFoundError):
        gateway.payment_method.delete(second.token)


@pytest.mark.parametrize("number", ["4000111111111115", "5105105105105100", "378734493671000", "6011000990139424"])
def test_a_card_that_fails_verification_is_not_stored(gateway: Any, customer: Any, number: str) -> None:
    result = gateway.credit_card.create(
        typed(number, customer_id=customer.id, token="bad", options={"verify_card": True})
    )
    verification = result.credit_card_verification
    assert (verification.status, verification.processor_response_code) == ("processor_declined", "2000")
    assert (verification.processor_response_text, result.message) == ("Do Not Honor", "Do Not Honor")
    assert result.transaction is None
    with pytest.raises(NotFoundError):
        gateway.credit_card.find("bad")
    assert gateway.credit_card.create(typed(number, customer_id=customer.id)).is_success


def test_a_failed_verification_does_not_use_up_the_nonce(gateway: Any, customer: Any) -> None:
    token = gateway.credit_card.create(typed("4000111111111115", customer_id=customer.id)).credit_card.token
    nonce = gateway.payment_method_nonce.create(token).payment_method_nonce.nonce
    other = gateway.customer.create({}).customer
    wanted = {"customer_id": other.id, "payment_method_nonce": nonce, "options": {"verify_card": True}}
    assert gateway.payment_method.create(wanted).credit_card_verification.status == "processor_declined"
    assert gateway.payment_method.create({**wanted, "options": {}}).is_success


def test_a_verification_stands_alone_and_has_rules(gateway: Any) -> None:
    assert gateway.verification.create({"credit_card": typed()}).verification.status == "verified"
    failed = gateway.verification.create({"credit_card": typed("3566002020360505")}).credit_card_verification
    assert (failed.status, failed.processor_response_code) == ("failed", "3000")
    options = {"credit_card": typed(), "options": {"amount": "2000.00"}}
    assert gateway.verification.create(options).credit_card_verification.status == "processor_declined"
    assert codes(gateway.verification.create({"credit_card": typed(), "options": {"amount": "-1"}})) == ["94201"]
    assert codes(gateway.verification.create({"credit_card": typed(), "options": {"amount": "x"}})) == ["94202"]


def test_rules_of_the_merchant_reject_verifications_too(simulator: SimulatorProcess) -> None:
    strict = simulator.gateway("processing_rules_merchant_id")
    rejected = strict.verification.create({"credit_card": typed(cvv="200")}).credit_card_verification
    assert (rejected.status, rejected.gateway_rejection_reason) == ("gateway_rejected", "cvv")


def test_duplicate_cards_are_refused_when_asked(gateway: Any, customer: Any) -> None:
    gateway.credit_card.create(typed(customer_id=customer.id))
    other = gateway.customer.create({}).customer

    def create(owner: Any, option: str) -> Any:
        card = typed(customer_id=owner.id, expiration_date="01/2031", options={option: True})
        return gateway.credit_card.create(card)

    anyone = create(other, "fail_on_duplicate_payment_method")
    assert (codes(anyone), anyone.message) == (["81724"], "Duplicate card exists in the vault.")
    assert create(other, "fail_on_duplicate_payment_method_for_customer").is_success
    own = create(customer, "fail_on_duplicate_payment_method_for_customer")
    assert (codes(own), own.message) == (["81763"], "Duplicate card exists in the vault for the customer.")


def test_a_card_is_updated_in_place(gateway: Any, customer: Any) -> None:
    card = gateway.credit_card.create(typed(customer_id=customer.id)).credit_card
    changed = gateway.payment_method.update(
        card.token,
        {"expiration_date": "01/2035", "cardholder_name": "Ann E", "billing_address": {"postal_code": "60607"}},
    )
    assert changed.payment_method.expiration_date == "01/2035"
    assert changed.payment_method.billing_address.postal_code == "60607"
    renamed = gateway.credit_card.update(
        card.token, {"token": "renamed", "number": "5555555555554444", "expiration_date": "02/2036"}
    ).credit_card
    assert (renamed.token, renamed.last_4, renamed.default) == ("renamed", "4444", True)
    with pytest.raises(NotFoundError):
        gateway.credit_card.find(card.token)
    bad = gateway.credit_card.update("renamed", typed("4000111111111115", options={"verify_card": True}))
    assert bad.credit_card_verification.status == "processor_declined"
    assert gateway.credit_card.find("renamed").last_4 == "4444"


def test_a_nonce_tells_its_card_and_finding_does_not_use_it_up(gateway: Any, customer: Any) -> None:
    token = gateway.credit_card.create(typed(customer_id=customer.id, cardholder_name="Ann E")).credit_card.token
    nonce = gateway.payment_method_nonce.create(token).payment_method_nonce.nonce
    for _ in range(2):
        found = gateway.payment_method_nonce.find(nonce)
        assert found.details["bin"] == "411111"
        assert (found.details["last_four"], found.details["card_type"]) == ("1111", "Visa")
        assert (found.details["expiration_month"], found.details["expiration_year"]) == ("12", "2030")
        assert (found.type, found.consumed) == ("CreditCard", False)
    with pytest.raises(NotFoundError):
        gateway.payment_method_nonce.find("no-such-nonce")
    assert gateway.transaction.sale(sale(payment_method_nonce=nonce)).transaction.credit_card_details.token == token


@pytest.mark.parametrize(("nonce", "field", "value"), [
    ("fake-valid-debit-nonce", "debit", "Yes"), ("fake-valid-prepaid-nonce", "prepaid", "Yes"),
    ("fake-valid-no-indicators-nonce", "commercial", "No"), ("fake-valid-no-indicators-nonce", "product_id", "MSB"),
    ("fake-valid-country-of-issuance-cad-nonce", "country_of_issuance", "CAD"),
    ("fake-valid-issuing-bank-network-only-nonce", "issuing_bank", "NETWORK ONLY"),
    ("fake-valid-nonce", "payroll", "Unknown"),
])  # fmt: skip
def test_cards_tell_what_kind_they_are(gateway: Any, nonce: str, field: str, value: str) -> None:
    assert getattr(gateway.payment_method_nonce.find(nonce).bin_data, field) == value
    assert (
        getattr(gateway.transaction.sale(sale(payment_method_nonce=nonce)).transaction.credit_card_details, field)
        == value
    )


def test_a_card_is_read_from_its_nonce_once(gateway: Any, customer: Any) -> None:
    token = gateway.credit_card.create(typed(customer_id=customer.id)).credit_card.token
    nonce = gateway.payment_method_nonce.create(token).payment_method_nonce.nonce
    assert gateway.credit_card.from_nonce(nonce).token == token
    with pytest.raises(NotFoundError):
        gateway.credit_card.from_nonce(nonce)


def test_expired_and_expiring_cards_are_listed(gateway: Any, customer: Any) -> None:
    old = gateway.credit_card.create(typed(customer_id=customer.id, expiration_date="05/2009")).credit_card.token
    soon = gateway.credit_card.create(typed(customer_id=customer.id, expiration_date="06/2041")).credit_card.token
    gateway.credit_card.create(typed(customer_id=customer.id, expiration_date="07/2042"))
    assert [card.token for card in gateway.credit_card.expired().items] == [old]
    between = gateway.credit_card.expiring_between(date(2041, 1, 1), date(2041, 12, 31))
    assert [card.token for card in between.items] == [soon]
    assert gateway.credit_card.find(old).is_expired is True
