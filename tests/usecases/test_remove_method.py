"""A card is not taken away from under a payment: whoever uses it holds the account that removing it locks."""

from threading import Event, Thread

import pytest

from portal.domain.refusal import Refused
from portal.storage import account, obligation, payment_method
from portal.usecases.charge import apply, charge_obligation, claim, send
from portal.usecases.remove_method import remove_method
from tests.rig.house import House


def remove(house: House, card: str) -> None:
    remove_method(house.ports, house.organisation_id, house.customer_id, card)


def is_kept(house: House, card: str) -> bool:
    with house.ports.database.read(house.organisation_id) as session:
        return payment_method.owned_by(session, card, house.customer_id) is not None


def test_a_card_that_a_payment_is_being_made_with_stays_until_it_is_known(house: House) -> None:
    card = house.card_on_file()
    due = house.obligation(house.account(5_000), 1_000, payment_method_id=card)
    with pytest.raises(Refused, match="method_in_use"):
        remove(house, card)
    timeout = house.ports.timing.page_timeout
    claimed = claim(house.ports, house.organisation_id, due, timeout)
    with pytest.raises(Refused, match="method_in_use"):
        remove(house, card)
    outcome = send(house.ports, claimed, timeout)
    assert outcome is not None
    apply(house.ports, claimed, outcome)
    remove(house, card)
    assert not is_kept(house, card)
    assert [sale["success"] for sale in house.truth()] == [True]


def test_whoever_removes_a_card_waits_for_a_payment_that_is_just_beginning(house: House) -> None:
    """Pressed while Pay Now holds the account and has not committed yet: it waits, and finds the payment."""
    card, owed = house.card_on_file(), house.account(5_000)
    due = house.obligation(owed, 1_000)
    said: list[str] = []
    is_over = Event()

    def press() -> None:
        try:
            remove(house, card)
        except Refused as refused:
            said.append(refused.code)
        finally:
            is_over.set()

    other = Thread(target=press)
    with house.ports.database.transaction(house.organisation_id) as session:
        account.lock(session, owed)
        other.start()
        assert not is_over.wait(0.3), "it did not wait for the account"
        obligation.fresh(session, due).payment_method_id = card
    other.join(30)
    assert said == ["method_in_use"]
    charge_obligation(house.ports, house.organisation_id, due, house.ports.timing.page_timeout)
    assert [sale["success"] for sale in house.truth()] == [True]


def test_a_payment_that_comes_after_the_card_is_gone_sends_nothing(house: House) -> None:
    card = house.card_on_file()
    owed = house.account(5_000)
    remove(house, card)
    due = house.obligation(owed, 1_000, payment_method_id=card)
    result = charge_obligation(house.ports, house.organisation_id, due, house.ports.timing.page_timeout)
    assert result.obligation_status == "declined"
    assert house.truth() == []
