"""Self Pay as a participant walks it (S0:18-23, S0:26-35), without script; everything around it, and who may not."""

import re
from datetime import date

import pytest

from portal.storage import message as messages
from portal.storage import subscription as subscriptions
from portal.storage.organisation import Organisation
from portal.usecases.account import add_customer
from tests.rig.people import Payer, payer
from tests.rig.reader import Reader
from tests.rig.series import told
from tests.rig.subscriptions import activated, assigned, lived, payments, row_of
from tests.web.conftest import Portal


@pytest.fixture
def participant(portal: Portal) -> Payer:
    return payer(portal.house)


def opened(portal: Portal, participant: Payer) -> Reader:
    """By the address in the email, through the sign-in, to Order Details."""
    reader = portal.reader().open(f"/{portal.slug}/self-pay")
    assert reader.path.endswith("/sign-in")
    return reader.fill("Username", participant.username).fill("PIN", participant.pin).press("Sign in")


def typed(portal: Portal, reader: Reader, number: str = "4111111111111111") -> Reader:
    return reader.choose("Enter New Card").set_hidden("card_nonce", portal.house.nonce(number))


def test_s0_18_to_23_order_details_the_tick_the_card_pay_now_and_a_receipt(portal: Portal, participant: Payer) -> None:
    one = assigned(portal.house, end_on=date(2027, 1, 1))
    reader = opened(portal, participant)
    assert (reader.heading, reader.path) == ("Order Details", f"/{portal.slug}/account/subscriptions/{one}/card")
    for expected in ("Location monitoring", "GPS device", "$45.00 of $90.00 a month", "$70.00", "December 2",
                     "2 payments, in all", "$140.00", "reach out to your case manager", "Noor Haddad",
                     "+1 312 555 0117", "until the end of my program on January 1, 2027"):  # fmt: skip
        assert reader.sees(expected), expected
    box = reader.field("I allow")
    assert not box.has("checked")
    assert not box.has("required"), "W5: an error of ours says it, no bubble"
    typed(portal, reader).press("Pay Now")
    assert (reader.status, reader.errors()) == (422, ["Tick the box to allow the monthly charge. It is required."])
    assert reader.title.startswith("Error: ")
    assert portal.house.truth() == []
    typed(portal, reader).choose("I allow").press("Pay Now")
    assert (reader.heading, reader.amount) == ("Payment received", "$70.00")
    for expected in ("active until January 1, 2027", "Visa •••• 1111", "$70.00 on December 2, 2026", "ada@example.com"):
        assert reader.sees(expected), expected
    assert [each.status for each in payments(portal.house, one)] == ["paid", "due"]
    assert told(portal.house) == ["receipt", "schedule_made", "subscription_assigned"]
    assert reader.open(f"/{portal.slug}/self-pay").heading == "Your subscription", "and nothing is asked twice"
    assert reader.open(f"/{portal.slug}/account/subscriptions/{one}/card").heading == "Your subscription"


@pytest.mark.parametrize(("profile", "is_said"), [("supervision", True), ("receivables", False)])
def test_s0_18_a_participant_signs_in_with_what_opens_their_app(portal: Portal, profile: str, is_said: bool) -> None:
    with portal.house.ports.database.transaction(portal.house.organisation_id) as session:
        row = session.get(Organisation, portal.house.organisation_id)
        assert row is not None
        row.profile = profile
    page = portal.reader().open(f"/{portal.slug}/sign-in/username")
    assert page.sees("Your username and PIN are the same as in the app.") == is_said


def test_s0_26_to_30_my_account_my_profile_self_pay(portal: Portal, participant: Payer) -> None:
    assigned(portal.house)
    reader = participant.sign_in(portal.reader())
    assert reader.sees("$70.00 a month until January 1, 2028")
    reader.follow("My Profile").follow("Self Pay")
    assert reader.heading == "Order Details"


def test_c36_the_receipt_shows_the_last_four_digits_and_no_expiry(portal: Portal, participant: Payer) -> None:
    house = portal.house
    one = assigned(house)
    activated(house, one)
    told(house)
    number = row_of(house, one).reference
    mails = house.simulator.call("GET", "/mailbox.json?recipient=ada")
    own = [each["text"] for each in mails if number in each["text"]]
    assert len(own) == 2, "what was authorized, and the receipt"
    assert all("1111" in text for text in own)
    for text in own:
        assert not re.search(r"12/(20)?31|4111 ?1111", text)


def test_s0_23_without_an_email_address_the_receipt_is_printed_or_found_in_the_portal(portal: Portal) -> None:
    house = portal.house
    with house.ports.database.transaction(house.organisation_id) as session:
        person = add_customer(session, reference="C-2", given_name="Bo", family_name="Lee", now=house.clock.at).id
    one = assigned(house, customer_id=person)
    reader = opened(portal, payer(house, person))
    typed(portal, reader).choose("I allow").press("Pay Now")
    assert reader.heading == "Payment received"
    assert reader.sees("There is no email address on file: download or print your receipt here")
    assert reader.sees("Print this page")
    with house.ports.database.read(house.organisation_id) as session:
        assert messages.of_customer(session, person) == []
    assert row_of(house, one).state == "active"
    assert reader.open(f"/{portal.slug}/account/history").sees("$70.00")


def test_something_is_wrong_reaches_the_case_manager_and_charges_nothing(portal: Portal, participant: Payer) -> None:
    one = assigned(portal.house)
    reader = opened(portal, participant).follow("Something is wrong")
    reader.press("Send to your case manager")
    assert (reader.status, len(reader.errors())) == (422, 1)
    reader.fill("Your message", "My program ends in June <b>").press("Send to your case manager")
    assert (reader.heading, reader.sees("Your case manager has your message")) == ("Sent to your case manager", True)
    with portal.house.ports.database.read(portal.house.organisation_id) as session:
        [report] = subscriptions.reports_of(session, one)
    assert (report.kind, report.said) == ("wrong", "My program ends in June <b>")
    assert told(portal.house) == ["subscription_assigned", "subscription_report"]
    assert portal.house.truth() == []


def test_c4_c52_asking_to_stop_is_simple_and_says_what_the_bank_can_do(portal: Portal, participant: Payer) -> None:
    one = assigned(portal.house)
    activated(portal.house, one)
    reader = opened(portal, participant).follow("Ask to stop")
    assert reader.sees("at least three business days before its date")
    reader.fill("Your message", "I am done").press("Ask to stop")
    assert reader.sees("Nothing more is charged for now")
    assert row_of(portal.house, one).state == "paused"
    reader.open(f"/{portal.slug}/account/subscriptions/{one}")
    assert reader.sees("You asked to stop")
    lived(portal.house, 40)
    assert len(portal.house.truth()) == 1


def test_a_declined_card_recovers_through_the_card_door(portal: Portal, participant: Payer) -> None:
    one = assigned(portal.house)
    reader = opened(portal, participant)
    portal.house.simulator.faults("decline_hard", merchant=portal.house.merchant_id)
    typed(portal, reader).choose("I allow").press("Pay Now")
    assert reader.heading == "Your payment did not go through"
    reader.press("Try again")
    assert (reader.step, reader.sees("$70.00")) == ("card", True)
    reader.follow("Back to your account").follow("Use another card")
    assert reader.sees("Or pay what is due under My Account: the payments after it then go on.")
    reader.press("Change the card").set_hidden("card_nonce", portal.house.nonce("5555555555554444")).press("Continue")
    reader.choose("I have read this").press("Use this card")
    assert reader.heading == "Your card was changed"
    assert reader.follow("Back to your account").path == f"/{portal.slug}/account"
    assert [each.status for each in payments(portal.house, one)][:2] == ["paid", "due"]
    assert reader.open(f"/{portal.slug}/self-pay").sees("4444")


def test_a_card_the_bank_refuses_is_said_at_the_card_and_another_is_taken(portal: Portal, participant: Payer) -> None:
    one = assigned(portal.house)
    reader = opened(portal, participant)
    typed(portal, reader, "4000111111111115").choose("I allow").press("Pay Now")
    assert reader.status == 422
    assert reader.errors() == ["Your bank did not accept this card. Check the details, or use another card."]
    assert row_of(portal.house, one).state == "assigned"
    typed(portal, reader).press("Pay Now")
    assert (reader.heading, row_of(portal.house, one).state) == ("Payment received", "active")


def test_a_card_on_file_pays_without_script(portal: Portal, participant: Payer) -> None:
    one = assigned(portal.house)
    portal.house.card_on_file()
    reader = opened(portal, participant)
    assert reader.field("Visa •••• 1111").has("checked")
    reader.choose("I allow").press("Pay Now")
    assert (reader.heading, row_of(portal.house, one).state) == ("Payment received", "active")


def test_m8_other_dates_than_were_shown_are_shown_first(portal: Portal, participant: Payer) -> None:
    one = assigned(portal.house, billing_day=20)
    portal.house.card_on_file()
    reader = opened(portal, participant)
    address, (form, pressed) = reader.path, reader.form_of("Pay Now")
    values = reader.values_of(form, pressed) | {"consent": "yes"}
    for changed in ({"quote": "0"}, {"agreement": "0"}):
        reader.post(address, values | changed)
        assert (reader.status, reader.sees("Nothing was charged.")) == (409, True)
        assert not reader.field("I allow").has("checked"), "what is new is agreed to anew"
    assert (row_of(portal.house, one).state, portal.house.truth()) == ("assigned", [])


def test_one_that_was_not_activated_in_time_says_who_opens_it_again(portal: Portal, participant: Payer) -> None:
    one = assigned(portal.house, activation_days=1)
    portal.house.clock.pass_(days=2)
    reader = participant.sign_in(portal.reader()).open(f"/{portal.slug}/account/subscriptions/{one}")
    assert reader.sees("Your case manager can open it again")
    assert reader.open(f"/{portal.slug}/account/subscriptions/{one}/card").heading == "Your subscription"


def test_c2_the_authorization_stays_word_for_word(portal: Portal, participant: Payer) -> None:
    one = assigned(portal.house)
    activated(portal.house, one)
    reader = opened(portal, participant).follow("Read your authorization")
    assert reader.sees("Visa ending in 1111")
    answer = reader.raw("GET", f"/{portal.slug}/account/subscriptions/{one}/authorization.txt")
    assert "I, Ada Moss, authorize Harbour Recovery" in answer.get_data(as_text=True)


def test_attack_119_125_nothing_of_it_is_kept_by_the_browser_or_shown_after_signing_out(
    portal: Portal, participant: Payer
) -> None:
    one = assigned(portal.house)
    activated(portal.house, one)
    reader = opened(portal, participant)
    paths = ["", "/card", "/result", "/authorization", "/authorization.txt", "/wrong", "/stop", "/written"]
    for path in paths:
        answer = reader.raw("GET", f"/{portal.slug}/account/subscriptions/{one}{path}")
        assert answer.headers["Cache-Control"] == "no-store", path
        assert answer.headers["X-Content-Type-Options"] == "nosniff", path
        assert "default-src" in answer.headers["Content-Security-Policy"], path
    reader.open(f"/{portal.slug}/account").press("Sign out")
    for path in paths:
        assert "/sign-in" in reader.open(f"/{portal.slug}/account/subscriptions/{one}{path}").path


def test_attack_050_another_participants_subscription_is_not_found(portal: Portal, participant: Payer) -> None:
    house = portal.house
    with house.ports.database.transaction(house.organisation_id) as session:
        other = add_customer(session, reference="C-2", given_name="Bo", family_name="Lee", now=house.clock.at).id
    theirs = assigned(house, customer_id=other)
    reader = participant.sign_in(portal.reader())
    for path in ("", "/card", "/result", "/authorization", "/wrong", "/stop", "/card/client-token"):
        assert reader.open(f"/{portal.slug}/account/subscriptions/{theirs}{path}").status == 404


def test_the_first_page_names_a_subscription_once_and_what_is_owed_of_it_by_another_heading(
    portal: Portal, participant: Payer
) -> None:
    """Two headings of one name lead a screen reader astray; "Nothing is owed here" beside "Review and pay" is false."""
    one = assigned(portal.house)
    reader = participant.sign_in(portal.reader()).open(f"/{portal.slug}/account")
    assert headings(reader).count("Location monitoring") == 1
    assert not reader.sees("Nothing is owed here.")
    activated(portal.house, one)
    portal.house.simulator.faults("decline_hard", merchant=portal.house.merchant_id)
    lived(portal.house, 32)
    found = headings(participant.sign_in(portal.reader()).open(f"/{portal.slug}/account"))
    assert {"Location monitoring", "Location monitoring, what is owed"} <= set(found)
    assert len(found) == len(set(found))


def headings(reader: Reader) -> list[str]:
    return [each.text for each in reader.page.all("h2")]
