"""Make a Payment in two tabs of one browser: what the one has paid, the other does not offer any more."""

import pytest

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
