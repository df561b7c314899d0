"""AutoPay as a client walks it without script: off until they tick it, seen, skipped, changed, off with one press."""

import pytest

from portal.storage import agreement
from portal.storage import autopay as autopays
from portal.storage import customer as customers
from tests.rig.autopay import lived, payments, practice, turned_on
from tests.rig.people import Payer, payer
from tests.rig.practice import balances, service_of
from tests.rig.reader import Reader
from tests.web.conftest import Portal

OTHER_CARD = "5555555555554444"
TICK = "I allow"


@pytest.fixture
def owed(portal: Portal) -> str:
    return practice(portal.house)


@pytest.fixture
def client(portal: Portal) -> Payer:
    return payer(portal.house)


def opened(portal: Portal, client: Payer, owed: str) -> Reader:
    """Through the list: this client has another account."""
    listed = client.sign_in(portal.reader()).follow("AutoPay")
    assert listed.sees("Each account has its own.")
    return listed.open(f"/{portal.slug}/account/autopay/{owed}")


def is_on(portal: Portal, account_id: str) -> bool:
    with portal.house.ports.database.read(portal.house.organisation_id) as session:
        return autopays.on_account(session, account_id) is not None


def test_c1_c2_c52_it_is_read_with_card_and_limit_and_on_only_with_a_tick_of_their_own(
    portal: Portal, client: Payer, owed: str
) -> None:
    portal.house.card_on_file()
    reader = opened(portal, client, owed)
    assert reader.heading == "AutoPay"
    for expected in ("Off: you pay each service by hand", "What is paid", "When", "How much", "How to stop", "3 days",
                     "10 days", "Your limit for one payment"):  # fmt: skip
        assert reader.sees(expected), expected
    assert reader.press("Continue").errors() == ["Enter your limit for one payment, in US dollars."]
    assert reader.fill("Your limit", "100000000").press("Continue").status == 422
    reader.fill("Your limit", "200").press("Continue")
    assert reader.heading == "Your AutoPay authorization"
    assert reader.rows()["Card"].startswith("Visa •••• 1111")
    assert reader.rows()["Never more at once than"].startswith("$200.00")
    assert not reader.field(TICK).has("checked")
    assert reader.press("Turn on AutoPay").errors() == ["Tick the box to allow AutoPay. It is required to turn it on."]
    assert not is_on(portal, owed)
    reader.choose(TICK).press("Turn on AutoPay")
    assert reader.sees("AutoPay is on. A copy of your authorization is kept here.")
    assert reader.sees("No payment is announced.")
    assert is_on(portal, owed)
    sealed = reader.follow("Read your authorization")
    assert sealed.sees("never more than $200.00") or sealed.sees("No payment is more than $200.00")
    with portal.house.ports.database.read(portal.house.organisation_id) as session:
        [row] = autopays.on_of_customer(session, portal.house.customer_id)
        kept = agreement.by_id(session, row.agreement_id)
    assert kept is not None
    assert reader.raw("GET", f"{reader.path}.txt").get_data(as_text=True) == kept.text


def test_what_is_next_is_shown_and_can_be_skipped_or_paid_at_once(portal: Portal, client: Payer, owed: str) -> None:
    house = portal.house
    turned_on(house, owed)
    one, two = service_of(house, owed, 12_000), service_of(house, owed, 3_000)
    lived(house, 3.5)
    house.clock.pass_(days=1)
    three = service_of(house, owed, 2_500)
    lived(house, 3.5)
    reader = opened(portal, client, owed)
    assert [each.text.split(" on ")[0] for each in reader.page.all("h3")] == ["$150.00", "$25.00"]
    twin = client.sign_in(portal.reader()).open(reader.path)
    reader.press("Skip it")
    assert reader.sees("This payment is left out.")
    assert twin.press("Skip it").sees("This payment had been sent or was over already.")
    reader.press("Pay it now")
    assert (reader.heading, reader.amount) == ("Make a Payment", "$25.00")
    reader.press("Make a Payment")
    assert (reader.heading, reader.amount) == ("Payment received", "$25.00")
    lived(house, 14)
    assert balances(house, owed) == {one: 12_000, two: 3_000, three: 0}
    assert len(house.truth()) == 1, "what was skipped or paid by hand is not charged"


def test_above_the_limit_is_said_on_the_page_with_a_way_to_pay(portal: Portal, client: Payer, owed: str) -> None:
    house = portal.house
    turned_on(house, owed, 10_000)
    service_of(house, owed, 10_001)
    lived(house, 3.5)
    reader = opened(portal, client, owed)
    assert reader.sees("This was more than AutoPay may charge at once, so it is yours to pay by hand.")
    assert (reader.press("Pay it now").heading, reader.amount) == ("Make a Payment", "$100.01")
    house.set("maximum_payment_cents", 10_000)
    reader = reader.open(f"/{portal.slug}/account/autopay/{owed}")
    assert reader.sees("It is more than one payment may be ($100.00): pay it in parts.")
    assert reader.follow("Make a Payment").path == f"/{portal.slug}/account/services"


def test_off_is_one_press_and_its_authorization_stays_to_be_read(portal: Portal, client: Payer, owed: str) -> None:
    turned_on(portal.house, owed)
    service_of(portal.house, owed, 12_000)
    lived(portal.house, 3.5)
    reader = opened(portal, client, owed)
    portal.house.set("autopay", value=False)
    assert reader.open(reader.path).sees("has AutoPay turned off at the moment")
    twin = client.sign_in(portal.reader()).open(reader.path)
    assert reader.press("Turn off AutoPay").sees("AutoPay is off. Nothing more is charged by it")
    twin.press("Turn off AutoPay")
    assert not is_on(portal, owed)
    assert [each.status for each in payments(portal.house, owed)] == ["cancelled"]
    assert reader.follow("Read your last authorization").heading == "Your authorization"


def test_another_limit_and_card_are_authorized_anew_and_what_had_failed_is_charged_once(
    portal: Portal, client: Payer, owed: str
) -> None:
    house = portal.house
    turned_on(house, owed, 300_000)
    one = service_of(house, owed, 15_000)
    house.simulator.faults("decline_hard", merchant=house.merchant_id, operation="sale", times=1)
    lived(house, 16)
    house.clock.pass_(seconds=5)
    house.card_on_file(OTHER_CARD)
    reader = opened(portal, client, owed)
    assert reader.sees("Declined")
    reader.follow("Use another card").choose("•••• 4444").fill("Your limit", "250").press("Continue")
    assert reader.rows()["Charged now"] == "$150.00"
    twin = client.sign_in(portal.reader()).open(reader.path)
    reader.choose(TICK).press("Save the change and pay $150.00")
    assert reader.sees("Your change is saved. A payment that had failed is paid now.")
    twin.choose(TICK).press("Save the change and pay $150.00")
    assert balances(house, owed) == {one: 0}
    assert len([each for each in house.truth() if each["success"]]) == 1
    assert reader.rows()["Never more at once than"].startswith("$250.00")


def test_what_changed_since_it_was_read_is_shown_again(portal: Portal, client: Payer, owed: str) -> None:
    house = portal.house
    card = house.card_on_file()
    reader = client.sign_in(portal.reader()).open(f"/{portal.slug}/account/autopay/{owed}/{card}/20000")
    house.set("autopay_notice_days", 12)
    reader.choose(TICK).press("Turn on AutoPay")
    assert (reader.status, is_on(portal, owed)) == (409, False)
    assert reader.sees("at least 12 days ahead")
    assert reader.choose(TICK).press("Turn on AutoPay").sees("AutoPay is on.")


def test_without_a_card_one_is_typed_first(portal: Portal, client: Payer, owed: str) -> None:
    reader = opened(portal, client, owed).fill("Your limit", "200").press("Continue")
    assert reader.heading == "Add a card"
    assert reader.press("Save this card").errors() == ["Enter your card details."]
    reader.set_hidden("card_nonce", portal.house.nonce(OTHER_CARD)).press("Save this card")
    assert reader.heading == "Your AutoPay authorization"
    assert reader.rows()["Card"].startswith("Mastercard •••• 4444")
    assert not is_on(portal, owed)


def test_without_an_address_or_an_offer_nothing_is_turned_on(portal: Portal, client: Payer, owed: str) -> None:
    house = portal.house
    card = house.card_on_file()
    reader = opened(portal, client, owed)
    with house.ports.database.transaction(house.organisation_id) as session:
        person = customers.by_id(session, house.customer_id)
        assert person is not None
        person.email = None
    [said] = reader.fill("Your limit", "200").press("Continue").errors()
    assert said.startswith("Each payment is announced by email")
    house.set("autopay", value=False)
    assert reader.open(f"/{portal.slug}/account/autopay/{owed}").status == 404
    assert reader.open(f"/{portal.slug}/account/autopay/{owed}/{card}/20000").status == 404
    assert reader.open(f"/{portal.slug}/account/autopay").sees("AutoPay is not offered here at the moment.")
    assert not reader.open(f"/{portal.slug}/account").sees("AutoPay")


def test_a_card_that_only_autopay_needs_is_not_removed_and_another_takes_its_place(
    portal: Portal, client: Payer, owed: str
) -> None:
    house = portal.house
    first = house.card_on_file()
    turned_on(house, owed, method=first)
    house.clock.pass_(seconds=5)
    house.card_on_file(OTHER_CARD)
    reader = client.sign_in(portal.reader()).open(f"/{portal.slug}/account/methods")
    assert reader.sees("Used for AutoPay")
    reader.post(f"/{portal.slug}/account/methods/{first}/remove", reader.values_of(reader.form_of("Remove")[0]))
    [said] = reader.errors()
    assert said.startswith("AutoPay needs this card.")
    reader.follow("Use another card for AutoPay").choose("•••• 4444").press("Continue")
    assert reader.press("Use this card").errors() == ["Tick the box to authorize the payment."]
    reader.choose("I have read this and authorize what is written here.").press("Use this card")
    assert reader.sees("Your payments are charged to the other card from now on.")
    reader.post(f"/{portal.slug}/account/methods/{first}/remove", reader.values_of(reader.form_of("Remove")[0]))
    assert reader.sees("The card is removed.")
    assert is_on(portal, owed)


def test_it_is_found_from_the_first_page_the_profile_and_make_a_payment_and_is_whole_in_spanish(
    portal: Portal, client: Payer, owed: str
) -> None:
    service_of(portal.house, owed, 9_000)
    reader = client.sign_in(portal.reader())
    assert reader.follow("My Profile").follow("AutoPay").path == f"/{portal.slug}/account/autopay"
    portal.house.set("autopay", value=False)
    assert not reader.open(f"/{portal.slug}/account/profile").sees("AutoPay")
    portal.house.set("autopay", value=True)
    reader.open(f"/{portal.slug}/account")
    reader.follow("Make a Payment").follow("AutoPay: have new services charged by themselves")
    reader.open(f"/{portal.slug}/account/autopay/{owed}")
    assert reader.heading == "AutoPay"
    portal.house.card_on_file()
    reader.press("Español")
    reader.fill("Su límite", "200").press("Continuar")
    assert reader.sees("Su autorización")
    reader.choose("Autorizo a").press("Activar AutoPay")
    assert reader.sees("AutoPay está activado")
    with portal.house.ports.database.read(portal.house.organisation_id) as session:
        row = autopays.on_account(session, owed)
    assert row is not None
    assert row.locale == "es"
