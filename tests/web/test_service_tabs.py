"""Make a Payment in two tabs of one browser: what the one has paid, the other does not offer any more."""

from datetime import UTC, datetime

import pytest

from portal.storage import payment_method as methods
from tests.rig.people import Payer, payer
from tests.rig.practice import balances, service_of
from tests.rig.practice import pay as pay_at_once
from tests.web.conftest import Portal
from tests.web.test_service_payment import chosen, form, opened


@pytest.fixture
def owed(portal: Portal) -> str:
    return portal.house.account(0)


@pytest.fixture
def client(portal: Portal) -> Payer:
    return payer(portal.house)


@pytest.mark.parametrize("screens", ["one", "two"])
def test_what_holds_a_service_that_was_paid_in_another_tab_says_so_and_leads_back(
    portal: Portal, client: Payer, owed: str, screens: str
) -> None:
    house = portal.house
    house.set("pay_services_screens", screens)
    house.card_on_file()
    one, two = service_of(house, owed, 15_000), service_of(house, owed, 9_000)
    reader = chosen(portal, opened(portal, client), one, two)
    address, values = reader.path, form(reader, "Next" if screens == "two" else "Make a Payment")
    if screens == "two":
        reader.press("Next")
        second, submit = reader.path, form(reader, "Submit")
    pay_at_once(house, owed, {one: 15_000})
    for pressed, said in [(address, values), *([(second, submit)] if screens == "two" else [])]:
        for each in (reader.post(pressed, said), reader.open(pressed)):
            assert (each.status, each.heading) == (409, "Nothing was charged")
            assert each.sees("One of these services is paid, or is being paid. Choose again.")
    assert reader.follow("Back to the services").sees("$90.00")
    assert balances(house, owed) == {one: 0, two: 9_000}


def test_notes_typed_on_the_first_screen_are_kept_where_figures_change_on_the_second(
    portal: Portal, client: Payer, owed: str
) -> None:
    house = portal.house
    house.set("pay_services_screens", "two")
    house.card_on_file()
    one = service_of(house, owed, 15_000)
    reader = chosen(portal, opened(portal, client), one).fill("Notes", "For October").press("Next")
    pay_at_once(house, owed, {one: 5_000})
    reader.press("Submit")
    assert (reader.status, reader.field("Payment Amount")["value"]) == (409, "100.00")
    assert reader.field("Notes").text == "For October"


def test_a_card_is_good_until_the_last_day_of_its_month_is_over_where_the_client_is(
    portal: Portal, client: Payer, owed: str
) -> None:
    house = portal.house
    card = house.card_on_file()
    service_of(house, owed, 15_000)
    with house.ports.database.transaction(house.organisation_id) as session:
        kept = methods.owned_by(session, card, house.customer_id)
        assert kept is not None
        kept.expires_year, kept.expires_month = 2027, 8
    for now, is_offered in (
        (datetime(2027, 9, 1, 4, 30, tzinfo=UTC), True),  # the evening of August 31 in Chicago
        (datetime(2027, 9, 1, 12, 30, tzinfo=UTC), False),  # September everywhere
    ):
        house.clock.at = now
        reader = opened(portal, client)
        reader.post(f"/{portal.slug}/account/services", form(reader) | {"all": owed})
        assert reader.sees("Visa •••• 1111") is is_offered
