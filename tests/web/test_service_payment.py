"""Make a Payment as a client walks it: one service or several, one screen or two, without script."""

import csv
import io
from datetime import timedelta
from decimal import Decimal

import pytest

from portal.storage import account
from portal.storage import payment_method as methods
from portal.usecases.account import add_customer, open_account
from portal.usecases.selection import Chosen, enter, look
from portal.web.customer import service_payment
from portal.web.strictness import FORM_FIELDS_MAX
from tests.rig.people import Payer, payer
from tests.rig.practice import balances, patient_of, service_of
from tests.rig.practice import pay as pay_at_once
from tests.rig.reader import Reader
from tests.web.conftest import Portal


@pytest.fixture
def owed(portal: Portal) -> str:
    return portal.house.account(0)


@pytest.fixture
def client(portal: Portal) -> Payer:
    return payer(portal.house)


def opened(portal: Portal, client: Payer) -> Reader:
    return client.sign_in(portal.reader()).open(f"/{portal.slug}/account/services")


def form(reader: Reader, button: str = "Make a Payment for checked services") -> dict[str, str]:
    found, pressed = reader.form_of(button)
    return reader.values_of(found, pressed)


def chosen(portal: Portal, reader: Reader, *services: str, **more: str) -> Reader:
    values = form(reader) | {f"service-{each}": "yes" for each in services} | more
    return reader.post(f"/{portal.slug}/account/services", values)


def test_t2_t3_t4_one_service_is_paid_in_part_on_one_screen_with_a_card_on_file(
    portal: Portal, client: Payer, owed: str
) -> None:
    house = portal.house
    house.card_on_file()
    one, two = service_of(house, owed, 15_000, days_ago=9, insurance_cents=3_000), service_of(house, owed, 9_000)
    reader = opened(portal, client)
    for expected in ("Check All", "Fee", "$150.00", "Insurance", "-$30.00", "$120.00", "$90.00", "Miriam Reed"):
        assert reader.sees(expected), expected
    reader.post(f"/{portal.slug}/account/services", form(reader) | {"only": one, "checked": ""})
    assert reader.heading == "Make a Payment"
    for expected in ("Payment Amount", "Notes", "Credit Card", "Visa •••• 1111", "Enter New Card"):
        assert reader.sees(expected), expected
    reader.fill("Payment Amount", "50.00").fill("Notes", "For October").press("Make a Payment")
    assert (reader.step, reader.heading, reader.amount) == ("result", "Payment received", "$50.00")
    assert reader.rows()["Notes"] == "For October"
    assert balances(house, owed) == {one: 7_000, two: 9_000}


def test_t1_t2_t4_check_all_and_the_second_screen_pay_the_whole_of_all(
    portal: Portal, client: Payer, owed: str
) -> None:
    house = portal.house
    house.set("pay_services_screens", "two")
    house.card_on_file()
    one, two = service_of(house, owed, 15_000, days_ago=9), service_of(house, owed, 9_000)
    reader = chosen(portal, opened(portal, client), all=owed)
    assert reader.amount == "$240.00"
    assert reader.sees("The amount of two or more services cannot be changed.")
    assert not reader.sees("Enter New Card")
    reader.press("Next")
    assert (reader.heading, reader.amount) == ("Payment method", "$240.00")
    for expected in ("Saved Payment Method", "New Payment Method"):
        assert reader.sees(expected), expected
    reader.press("Submit")
    assert (reader.heading, reader.amount) == ("Payment received", "$240.00")
    assert balances(house, owed) == {one: 0, two: 0}
    assert len(house.truth()) == 1


def test_t2_attack_062_check_all_fixes_the_amount_also_where_one_service_is_owed(
    portal: Portal, client: Payer, owed: str
) -> None:
    house = portal.house
    house.card_on_file()
    one = service_of(house, owed, 15_000)
    reader = chosen(portal, opened(portal, client), all=owed)
    assert reader.amount == "$150.00"
    assert reader.sees("With Check All the amount cannot be changed.")
    reader.post(reader.path, form(reader, "Make a Payment") | {"amount": "1.00"})
    assert (reader.heading, reader.amount) == ("Payment received", "$150.00")
    assert balances(house, owed) == {one: 0}


def test_t5_c52_the_boxes_that_keep_a_card_are_never_ticked_for_anybody(
    portal: Portal, client: Payer, owed: str
) -> None:
    one = service_of(portal.house, owed, 15_000)
    for screens, label in (("one", "Save Card for Future Payments"), ("two", "Save for Future Use")):
        portal.house.set("pay_services_screens", screens)
        reader = chosen(portal, opened(portal, client), one)
        if screens == "two":
            reader.press("Next")
        assert not reader.field(label).has("checked")
        assert reader.field("Enter New Card" if screens == "one" else "New Payment Method").has("checked")


def test_a_year_of_services_is_checked_paid_and_printed_as_one(portal: Portal, client: Payer, owed: str) -> None:
    """More boxes than any other form of ours has fields."""
    house = portal.house
    house.card_on_file()
    ada = patient_of(house)
    several = [service_of(house, owed, 100 + number, ada, days_ago=number) for number in range(FORM_FIELDS_MAX)]
    left_out = service_of(house, owed, 9_000, ada)
    boxes = {f"service-{each}": "yes" for each in several}
    reader = opened(portal, client)
    values = form(reader) | boxes | {"checked": "", "invoice": ""}
    reader.post(f"/{portal.slug}/account/documents", values)
    assert reader.heading == "Invoice INV-000001"
    assert (reader.sees("$1.00"), reader.sees("$1.59"), reader.sees("$90.00")) == (True, True, False)
    chosen(portal, reader.open(f"/{portal.slug}/account/services"), *several)
    assert reader.amount == "$77.70"
    reader.press("Make a Payment")
    assert (reader.heading, reader.amount) == ("Payment received", "$77.70")
    assert balances(house, owed) == dict.fromkeys(several, 0) | {left_out: 9_000}


def test_nothing_checked_is_said_at_the_boxes_and_keeps_nothing(portal: Portal, client: Payer, owed: str) -> None:
    service_of(portal.house, owed, 15_000)
    reader = chosen(portal, opened(portal, client))
    assert (reader.status, reader.errors()) == (422, ["Check at least one service, or Check All."])


def test_more_than_one_payment_may_be_is_said_where_fewer_can_be_checked(
    portal: Portal, client: Payer, owed: str
) -> None:
    house = portal.house
    house.set("maximum_payment_cents", 20_000)
    one, two = service_of(house, owed, 15_000, days_ago=9), service_of(house, owed, 9_000)
    said = "These services come to $240.00, and one payment can be at most $200.00. Check fewer of them."
    for boxes in ({f"service-{one}": "yes", f"service-{two}": "yes"}, {"all": owed}):
        reader = opened(portal, client)
        reader.post(reader.path, form(reader) | boxes)
        assert (reader.status, reader.errors()) == (422, [said])
    assert chosen(portal, reader, one).heading == "Make a Payment"


def test_attack_062_an_amount_that_is_sent_for_several_services_is_not_looked_at(
    portal: Portal, client: Payer, owed: str
) -> None:
    house = portal.house
    house.card_on_file()
    one, two = service_of(house, owed, 15_000, days_ago=9), service_of(house, owed, 9_000)
    reader = chosen(portal, opened(portal, client), one, two)
    address, values = reader.path, form(reader, "Make a Payment")
    reader.post(address, values | {"amount": "1.00", "amount_cents": "100", "total": "1.00"})
    assert (reader.heading, reader.amount) == ("Payment received", "$240.00")


def test_attack_060_065_what_was_paid_meanwhile_is_shown_and_a_second_press_charges_nothing(
    portal: Portal, client: Payer, owed: str
) -> None:
    house = portal.house
    house.card_on_file()
    one, two = service_of(house, owed, 15_000, days_ago=9), service_of(house, owed, 9_000)
    reader = chosen(portal, opened(portal, client), one)
    address, values = reader.path, form(reader, "Make a Payment")
    pay_at_once(house, owed, {one: 5_000})
    reader.post(address, values | {"amount": "150.00"})
    assert (reader.status, reader.field("Payment Amount")["value"]) == (409, "100.00")
    assert reader.sees("The figures have changed since you last saw them. Nothing was charged.")
    fresh = form(reader, "Make a Payment")
    reader.post(address, fresh | {"amount": "60.00"})
    assert reader.amount == "$60.00"
    for again in (fresh | {"amount": "60.00"}, fresh | {"amount": "40.00"}, values):
        assert reader.post(address, again).amount == "$60.00", "the first one's result"
    assert balances(house, owed) == {one: 4_000, two: 9_000}
    assert len(house.truth()) == 2


def test_m8_an_amount_that_another_tab_stores_between_a_press_and_its_payment_is_not_charged_by_it(
    portal: Portal, client: Payer, owed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = portal.house
    house.card_on_file()
    one = service_of(house, owed, 15_000)
    reader = chosen(portal, opened(portal, client), one)
    selection_id = reader.path.rpartition("/")[2]
    asked = service_payment._has_two_screens

    def meanwhile(found: Chosen) -> bool:
        with house.ports.database.transaction(house.organisation_id) as session:
            other = look(session, selection_id, house.customer_id, locked=True)
            assert other is not None
            assert enter(session, other, "40.00", "", other.version) == {}
        return asked(found)

    monkeypatch.setattr(service_payment, "_has_two_screens", meanwhile)
    reader.fill("Payment Amount", "60.00").press("Make a Payment")
    assert reader.status == 409
    assert reader.sees("The figures have changed since you last saw them. Nothing was charged.")
    assert house.truth() == []


@pytest.mark.parametrize("typed", ["", "0", "-1", "1e3", "NaN", "12,50", "١٢", "150.01", "9" * 60])
@pytest.mark.sqlite
def test_attack_059_a_wrong_amount_is_explained_and_nothing_is_lost(
    portal: Portal, client: Payer, owed: str, typed: str
) -> None:
    house = portal.house
    card = house.card_on_file()
    one = service_of(house, owed, 15_000)
    reader = chosen(portal, opened(portal, client), one)
    reader.fill("Payment Amount", typed).fill("Notes", "For October").press("Make a Payment")
    assert reader.status == 422
    assert len(reader.errors()) == 1
    assert reader.title.startswith("Error: ")
    assert reader.field("Payment Amount")["value"] == typed
    assert reader.field("Visa").get("value") == card
    assert house.truth() == []


def test_c47_attack_074_a_card_number_in_the_notes_is_refused_kindly(portal: Portal, client: Payer, owed: str) -> None:
    house = portal.house
    house.card_on_file()
    one = service_of(house, owed, 15_000)
    reader = chosen(portal, opened(portal, client), one)
    reader.fill("Notes", "my card is 4111 1111 1111 1111").press("Make a Payment")
    assert reader.status == 422
    assert "looks like a card number" in reader.errors()[0]
    assert house.truth() == []


def test_m12_attack_048_050_069_another_clients_pages_services_and_cards_are_not_found(
    portal: Portal, client: Payer, owed: str
) -> None:
    house = portal.house
    mine = service_of(house, owed, 15_000)
    with house.ports.database.transaction(house.organisation_id) as session:
        other = add_customer(session, reference="C-2", given_name="Bo", family_name="Lee", now=house.clock.at).id
        theirs_owed = open_account(
            session, other, reference="A-2", label="B", balance_cents=0, now=house.clock.at, by="test"
        ).id
    house_of_other = type(house)(**{**house.__dict__, "customer_id": other})
    theirs = service_of(house_of_other, theirs_owed, 9_000, patient_of(house_of_other, "Bo"))
    their_card = house_of_other.card_on_file()
    reader = opened(portal, client)
    assert reader.post(f"/{portal.slug}/account/services", form(reader) | {"only": theirs}).status == 422
    assert reader.open(f"/{portal.slug}/account/services").post(
        f"/{portal.slug}/account/services", form(reader) | {"all": theirs_owed, "checked": theirs_owed}
    ).status == 422  # fmt: skip
    paying = chosen(portal, opened(portal, client), mine)
    address = paying.path
    paying.post(address, form(paying, "Make a Payment") | {"method": their_card})
    assert (paying.status, paying.errors()) == (422, ["Choose how you want to pay."])
    stranger = payer(house_of_other).sign_in(portal.reader())
    for path in (address, f"{address}/method", f"{address}/result", f"{address}/client-token"):
        assert stranger.open(path).status == 404
    missing = address.rpartition("/")[0] + "/" + "0" * 32
    assert stranger.open(missing).status == 404
    assert house.truth() == []


def test_t8_payments_turned_off_leave_no_option_and_say_whom_to_ask(portal: Portal, client: Payer, owed: str) -> None:
    service_of(portal.house, owed, 15_000)
    portal.house.set("pay_services", False)
    reader = opened(portal, client)
    assert reader.sees("Please ask your practice how to pay")
    assert not reader.sees("Check All")
    assert 'name="only"' not in reader.html
    home = reader.open(f"/{portal.slug}/account")
    assert home.sees("Please ask your practice how to pay")
    assert "/account/pay/" not in home.html


def test_t8_a_practice_whose_charging_is_stopped_leaves_no_option_and_says_whom_to_ask(
    portal: Portal, client: Payer, owed: str
) -> None:
    service_of(portal.house, owed, 15_000)
    portal.house.set("charging_enabled", False)
    reader = opened(portal, client)
    assert reader.sees("Please ask your practice how to pay")
    assert not reader.sees("Check All")
    home = reader.open(f"/{portal.slug}/account")
    assert home.sees("Please ask your practice how to pay")
    assert 'class="primary" role="button"' not in home.html


def test_t8_a_payment_on_the_account_as_a_whole_is_refused_as_well(portal: Portal, client: Payer) -> None:
    reader = client.sign_in(portal.reader())
    pressed, values = reader.action_of("Make a Payment"), form(reader, "Make a Payment")
    portal.house.set("pay_services", False)
    assert reader.post(pressed, values).status == 409
    assert reader.sees("Payments are turned off here")


def test_a_guardian_signs_in_once_and_sees_which_child_a_service_was_for(
    portal: Portal, client: Payer, owed: str
) -> None:
    house = portal.house
    for name in ("Lina", "Omar"):
        service_of(house, owed, 9_000, patient_of(house, name))
    reader = opened(portal, client)
    assert reader.sees("for Lina Moss")
    assert reader.sees("for Omar Moss")


def test_a_declined_card_leaves_everything_owed_and_leads_back(portal: Portal, client: Payer, owed: str) -> None:
    house = portal.house
    house.card_on_file()
    one = service_of(house, owed, 200_100)
    reader = chosen(portal, opened(portal, client), one)
    reader.fill("Payment Amount", "2,001.00").press("Make a Payment")
    assert reader.heading == "Your payment did not go through"
    reader.press("Try again")
    assert reader.heading == "Make a Payment"
    reader.fill("Payment Amount", "10.00").press("Make a Payment")
    assert reader.amount == "$10.00"
    assert balances(house, owed) == {one: 199_100}


def test_the_first_page_leads_a_client_to_the_services(portal: Portal, client: Payer, owed: str) -> None:
    service_of(portal.house, owed, 15_000)
    reader = client.sign_in(portal.reader())
    assert reader.sees("Make a Payment")
    assert f"/{portal.slug}/account/services" in reader.html


def test_a_client_who_reads_spanish_pays_in_spanish(portal: Portal, client: Payer, owed: str) -> None:
    house = portal.house
    house.card_on_file()
    one = service_of(house, owed, 15_000)
    reader = opened(portal, client).press("Español")
    assert reader.sees("Marcar todos")
    values = form(reader, "Hacer un pago por los servicios marcados") | {f"service-{one}": "yes"}
    reader.post(f"/{portal.slug}/account/services", values).press("Hacer un pago")
    assert reader.amount == "$150.00"
    with house.ports.database.read(house.organisation_id) as session:
        row = account.by_id(session, owed)
        assert row is not None
        assert row.balance_cents == 0
        assert len(methods.of_customer(session, house.customer_id)) == 1


def test_attack_084_the_history_names_what_was_paid_filters_by_date_and_downloads_without_a_formula(
    portal: Portal, client: Payer, owed: str
) -> None:
    house = portal.house
    one = service_of(house, owed, 15_000, patient_of(house, "=1+1"))
    pay_at_once(house, owed, {one: 5_000})
    reader = client.sign_in(portal.reader()).open(f"/{portal.slug}/account/history")
    for expected in ("$50.00", "Miriam Reed", "\u2022\u2022\u2022\u2022 1111", "Download as CSV"):
        assert reader.sees(expected), expected
    assert not reader.fill("From", "2999-01-01").press("Show these days").sees("$50.00")
    assert reader.open(f"/{portal.slug}/account/history?until=2999-01-01&from=nonsense").sees("$50.00")
    csv = reader.raw("GET", f"/{portal.slug}/account/history.csv").get_data(as_text=True)
    assert '"\'=1+1 Moss"' in csv
    assert '"50.00"' in csv
    stranger = portal.reader().raw("GET", f"/{portal.slug}/account/history.csv")
    assert stranger.status_code == 303


def test_the_history_finds_days_behind_the_newest_payments_and_its_file_has_all_of_them(
    portal: Portal, client: Payer, owed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = portal.house
    one, two = service_of(house, owed, 15_000, days_ago=9), service_of(house, owed, 9_000)
    pay_at_once(house, owed, {one: 5_000})
    house.clock.pass_(days=40)
    pay_at_once(house, owed, {one: 6_000, two: 1_500})
    monkeypatch.setattr("portal.web.customer.history.SHOWN_MAX", 1)
    reader = client.sign_in(portal.reader()).open(f"/{portal.slug}/account/history")
    assert (reader.sees("$75.00"), reader.sees("$50.00")) == (True, False)
    until = (house.clock.at - timedelta(days=20)).date().isoformat()
    reader.open(f"/{portal.slug}/account/history?until={until}")
    assert (reader.sees("$75.00"), reader.sees("$50.00")) == (False, True)
    said = reader.raw("GET", f"/{portal.slug}/account/history.csv").get_data(as_text=True).lstrip("\ufeff")
    rows = list(csv.DictReader(io.StringIO(said)))
    assert len(rows) == 3
    for column in ("Amount", "Share"):
        assert sum(Decimal(row[column] or "0") for row in rows) == Decimal("125.00"), column
