"""What changes while a page is open or a request is on its way: nobody is charged twice, and everybody has a way on."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from portal.gateway.braintree import BraintreeGateway
from tests.rig.reader import Reader
from tests.rig.simulator_process import SimulatorProcess
from tests.web.conftest import PORTAL_URL, Portal

Meanwhile = Callable[[], object]
OWN = {"Origin": PORTAL_URL, "Sec-Fetch-Site": "same-origin"}


@pytest.fixture
def while_the_card_is_asked_about(monkeypatch: pytest.MonkeyPatch) -> Callable[[Meanwhile], None]:
    """Between the two transactions of the amount page, while the real gateway is asked, something happens once."""
    ask = BraintreeGateway.card_behind

    def install(happens: Meanwhile) -> None:
        def card_behind(gateway: BraintreeGateway, nonce: str) -> object:
            monkeypatch.setattr(BraintreeGateway, "card_behind", ask)
            happens()
            return ask(gateway, nonce)

        monkeypatch.setattr(BraintreeGateway, "card_behind", card_behind)

    return install


def agreed(reader: Reader) -> dict[str, str]:
    form, _ = reader.form_of("Pay $")
    return reader.values_of(form) | {"agreed": "yes"}


def test_attack_065_the_other_window_pays_while_a_card_is_asked_about(
    portal: Portal, while_the_card_is_asked_about: Callable[[Meanwhile], None]
) -> None:
    reader = portal.at_agreement()
    values, agreement = agreed(reader), reader.path
    nonce = portal.house.nonce()
    while_the_card_is_asked_about(lambda: reader.raw("POST", agreement, data=values, headers=OWN))
    reader.post(
        agreement.replace("agreement", "amount"),
        {"csrf_token": values["csrf_token"], "choice": "whole", "method": "new", "card_nonce": nonce},
    )
    assert (reader.status, reader.step, reader.heading) == (200, "result", "Payment received")
    assert len(portal.house.truth()) == 1


def test_attack_060_somebody_else_pays_while_a_card_is_asked_about(
    portal: Portal, while_the_card_is_asked_about: Callable[[Meanwhile], None]
) -> None:
    reader, other = portal.at_amount(), portal.at_agreement(portal.reader("198.51.100.8"))
    while_the_card_is_asked_about(lambda: other.choose("I have read this").press("Pay $"))
    portal.card(reader)
    assert (reader.status, reader.heading) == (200, "There is nothing to pay")
    assert len(portal.house.truth()) == 1


@contextmanager
def being_paid(portal: Portal, world: SimulatorProcess) -> Iterator[Reader]:
    """Another visit of the account waits for its answer."""
    other = portal.at_agreement(portal.reader("198.51.100.8"))
    world.faults("reset_after", merchant=portal.house.merchant_id, operation="sale")
    other.choose("I have read this").press("Pay $")
    assert other.heading == "We are confirming your payment"
    yield other


@pytest.mark.parametrize("page", ["contact", "contact/change", "amount", "check", "result/again", "result/receipt"])
def test_while_another_payment_is_under_way_no_form_is_taken_and_the_page_can_be_looked_at_again(
    portal: Portal, world: SimulatorProcess, page: str
) -> None:
    reader = portal.at_amount()
    token = reader.page.all("input", name="csrf_token")[0]["value"]
    base = reader.path.rsplit("/", 1)[0]
    with being_paid(portal, world):
        reader.post(f"{base}/{page}", {"csrf_token": token})
        assert (reader.status, reader.heading) == (409, "A payment is being confirmed")
        assert reader.follow("Check again").status == 200
        assert reader.heading == "A payment is being confirmed"


def test_a_link_that_was_cancelled_while_pay_was_pressed_says_so(
    portal: Portal, monkeypatch: pytest.MonkeyPatch
) -> None:
    from portal.usecases import checkout

    reader = portal.at_agreement()
    accept = checkout.accept

    def cancelled_first(*given: object, **named: object) -> str:
        given[1].link.status = "revoked"  # type: ignore[attr-defined]  # the walk, in the transaction that accepts
        return accept(*given, **named)  # type: ignore[arg-type]  # handed on as it came

    monkeypatch.setattr(checkout, "accept", cancelled_first)
    answer = reader.raw("POST", reader.path, data=agreed(reader), headers=OWN)
    assert (answer.status_code, answer.headers["Location"]) == (303, reader.path)
    portal.revoke()
    assert reader.open(reader.path).heading == "This link was cancelled"
    assert reader.status == 410
    assert portal.house.truth() == []


def test_asking_for_a_fresh_link_that_is_not_needed_leads_to_the_link(portal: Portal) -> None:
    reader = portal.reader().open(portal.link())
    token = reader.page.all("input", name="csrf_token")[0]["value"]
    link = reader.path
    reader.post(f"{link}/fresh", {"csrf_token": token})
    assert (reader.path, reader.heading) == (link, "Your secure page")


def test_the_language_can_be_switched_on_the_answer_to_a_press(portal: Portal) -> None:
    """The answer stands at an address that only takes presses; the switch leads to the nearest one that can be read."""
    paid = portal.paid()
    reader = portal.reader().open(portal.link())
    token = reader.page.all("input", name="csrf_token")[0]["value"]
    reader.post(f"{paid.path}/again", {"csrf_token": token})
    assert (reader.status, reader.heading) == (403, "Please open your link again")
    reader.press("Español")
    assert (reader.status, reader.path) == (403, paid.path)
    assert reader.page.all("html")[0]["lang"] == "es"
