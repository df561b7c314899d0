"""Questions about cards and sales: kept, burned, forgotten, looked up, searched, voided. All may be asked again."""

import base64
import json
import uuid
from datetime import timedelta

import pytest

from portal.domain.card import CardFacts, GatewayRefused, GatewayUnreachable, KeepKind
from portal.domain.charge import OutcomeKind
from tests.gateway.conftest import SOON, Desk

LOST = ["reset_before", "status_500_before", "status_503_before", "html_200", "cut_xml", "throttled_429", "empty_200"]
REFUSED = ["unauthorized_401", "forbidden_403", "upgrade_426"]


def token() -> str:
    return f"t{uuid.uuid4().hex}"


def test_a_client_token_is_for_this_merchant(desk: Desk) -> None:
    decoded = json.loads(base64.b64decode(desk.gateway.client_token()))
    assert desk.own in json.dumps(decoded)
    assert f"{desk.own}_private_key" not in json.dumps(decoded)


def test_the_card_behind_a_nonce_is_told_without_its_number_and_stays_usable(desk: Desk) -> None:
    nonce = desk.nonce("5555555555554444")
    expected = CardFacts("MasterCard", "4444", "555555", 12, 2031)
    assert desk.gateway.card_behind(nonce) == expected
    assert desk.gateway.card_behind(nonce) == expected
    assert desk.gateway.sale(desk.request(nonce=nonce), SOON).kind is OutcomeKind.succeeded


def test_attack_068_no_card_stands_behind_a_used_a_foreign_or_an_unknown_nonce(desk: Desk) -> None:
    used, foreign = desk.nonce(), desk.nonce(organisation_id=desk.merchant())
    desk.gateway.sale(desk.request(nonce=used), SOON)
    for nonce in (used, foreign, "tokencc_unknown"):
        assert desk.gateway.card_behind(nonce) is None


@pytest.mark.parametrize(
    "nonce",
    ["fake-us-bank-account-nonce", "fake-paypal-billing-agreement-nonce", "fake-paypal-one-time-nonce",
     "fake-venmo-account-nonce"],
)  # fmt: skip
def test_c8_no_bank_account_stands_behind_a_card_is_kept_or_is_charged(desk: Desk, nonce: str) -> None:
    """A debit of a bank account needs the account verified first (Nacha, WEB debits): the house takes cards alone."""
    assert desk.gateway.card_behind(nonce) is None
    name = token()
    assert desk.gateway.keep_card("customer1", name, nonce, SOON).kind is KeepKind.unusable
    assert desk.gateway.sale(desk.request(nonce=nonce), SOON).kind is OutcomeKind.not_sent
    assert desk.gateway.sale(desk.request(token=name), SOON).kind is OutcomeKind.not_sent


@pytest.mark.parametrize("nonce", ["../transactions", "a/b", "%2e%2e", "x?y=z", "x#y", "é", "a b"])
def test_a_nonce_with_an_address_in_it_asks_for_nothing_else(desk: Desk, nonce: str) -> None:
    try:
        found = desk.gateway.card_behind(nonce)
    except GatewayUnreachable:
        return
    assert found is None


def test_a_kept_card_can_be_charged_by_its_token(desk: Desk) -> None:
    name = token()
    answer = desk.gateway.keep_card("customer1", name, desk.nonce(), SOON)
    assert answer.kind is KeepKind.kept
    assert answer.card == CardFacts("Visa", "1111", "411111", 12, 2031, "94107")
    assert desk.gateway.sale(desk.request(token=name), SOON).kind is OutcomeKind.succeeded


def test_keeping_the_same_card_under_the_same_token_again_is_the_same_card(desk: Desk) -> None:
    name, nonce = token(), desk.nonce()
    first = desk.gateway.keep_card("customer1", name, nonce, SOON)
    assert desk.gateway.keep_card("customer1", name, nonce, SOON) == first


@pytest.mark.parametrize("fault", ["reset_after", "status_500_after", "cut_xml", "html_200", "hang_after"])
def test_a_card_kept_without_an_answer_is_found_when_asked_again(desk: Desk, fault: str) -> None:
    name, nonce = token(), desk.nonce()
    desk.gateway.keep_card("customer1", token(), desk.nonce(), SOON)  # so that the customer exists by now
    desk.world.faults(fault, merchant=desk.own, operation="payment_method")
    assert desk.gateway.keep_card("customer1", name, nonce, timedelta(milliseconds=600)).kind is KeepKind.unknown
    assert desk.gateway.keep_card("customer1", name, nonce, SOON).kind is KeepKind.kept


def test_a_card_that_fails_its_verification_is_not_kept(desk: Desk) -> None:
    name = token()
    answer = desk.gateway.keep_card("customer1", name, desk.nonce("4000111111111115"), SOON)
    assert (answer.kind, answer.code) == (KeepKind.declined, "2000")
    assert desk.gateway.sale(desk.request(token=name), SOON).kind is not OutcomeKind.succeeded


def test_attack_068_a_used_a_foreign_and_an_unknown_nonce_keep_no_card(desk: Desk) -> None:
    used, foreign = desk.nonce(), desk.nonce(organisation_id=desk.merchant())
    desk.gateway.sale(desk.request(nonce=used), SOON)
    for nonce in (used, foreign, "tokencc_unknown"):
        assert desk.gateway.keep_card("customer1", token(), nonce, SOON).kind is KeepKind.unusable


@pytest.mark.parametrize("fault", REFUSED)
def test_keeping_a_card_with_keys_that_are_refused_says_so(desk: Desk, fault: str) -> None:
    desk.world.faults(fault, merchant=desk.own, operation="payment_method")
    with pytest.raises(GatewayRefused):
        desk.gateway.keep_card("customer1", token(), desk.nonce(), SOON)


def test_a_burned_nonce_pays_nothing_and_leaves_no_card(desk: Desk) -> None:
    name, nonce = token(), desk.nonce()
    assert desk.gateway.burn("customer1", name, nonce)
    assert desk.gateway.burn("customer1", name, nonce), "again, as after a crash"
    desk.gateway.forget_card(name)
    desk.gateway.forget_card(name)
    assert desk.gateway.burn("customer1", name, nonce) is False, "forgotten: now nobody can tell who used it"
    for request in (desk.request(nonce=nonce), desk.request(token=name)):
        assert desk.gateway.sale(request, SOON).kind is not OutcomeKind.succeeded
    assert desk.taken() == []


def test_a_nonce_that_paid_cannot_be_burned(desk: Desk) -> None:
    nonce = desk.nonce()
    desk.gateway.sale(desk.request(nonce=nonce), SOON)
    assert desk.gateway.burn("customer1", token(), nonce) is False


def test_a_nonce_that_never_was_needs_no_burning(desk: Desk) -> None:
    assert desk.gateway.burn("customer1", token(), "tokencc_unknown")


def test_a_search_finds_what_stands_under_the_order_id_oldest_first(desk: Desk) -> None:
    request = desk.request(is_keyed=False)
    desk.world.faults("decline_soft", order_id=request.order_id)
    declined = desk.gateway.sale(request, SOON)
    first, second = desk.gateway.sale(request, SOON), desk.gateway.sale(request, SOON)
    desk.gateway.sale(desk.request(order_id=request.order_id + "1"), SOON)
    hits = desk.gateway.search(request.order_id)
    assert {hit.gateway_id for hit in hits} == {declined.gateway_id, first.gateway_id, second.gateway_id}
    assert [hit.kind for hit in hits].count(OutcomeKind.succeeded) == 2
    assert {hit.order_id for hit in hits} == {request.order_id}
    assert desk.gateway.search("nothing-under-this") == []


def test_a_search_sees_nothing_of_another_merchant(desk: Desk) -> None:
    other = Desk(desk.world)
    request = other.request()
    other.gateway.sale(request, SOON)
    assert desk.gateway.search(request.order_id) == []


def test_a_sale_is_voided_once_and_then_stands_as_voided(desk: Desk) -> None:
    request = desk.request()
    sale = desk.gateway.sale(request, SOON)
    assert desk.gateway.void(sale.gateway_id or "")
    assert [(hit.kind, hit.status) for hit in desk.gateway.search(request.order_id)] == [(OutcomeKind.review, "voided")]
    assert not desk.gateway.void(sale.gateway_id or ""), "it stands voided already"
    assert not desk.gateway.void("nosuchid")


@pytest.mark.parametrize("fault", LOST)
def test_a_question_whose_answer_is_lost_says_so_and_nothing_else(desk: Desk, fault: str) -> None:
    nonce = desk.nonce()
    for operation, ask in (
        ("search", lambda: desk.gateway.search("x")),
        ("client_token", desk.gateway.client_token),
        ("nonce", lambda: desk.gateway.card_behind(nonce)),
    ):
        desk.world.faults(fault, merchant=desk.own, operation=operation)
        with pytest.raises(GatewayUnreachable):
            ask()
        desk.world.clear_faults()
        ask()


@pytest.mark.parametrize("fault", REFUSED)
def test_a_question_with_keys_that_are_refused_says_so(desk: Desk, fault: str) -> None:
    desk.world.faults(fault, merchant=desk.own, operation="search")
    with pytest.raises(GatewayRefused):
        desk.gateway.search("x")
