"""The payment link, walked as a person without script walks it, on both databases and against the real SDK."""

import re
from concurrent.futures import ThreadPoolExecutor

import pytest

from portal.storage import agreement, customer, obligation, payment_method
from portal.usecases.janitor import sweep
from portal.usecases.plan_life import cancel
from portal.usecases.restore import hold_charging
from portal.usecases.sign import withdraw
from tests.rig.plans import BROWSER, IP, offered, signer
from tests.rig.reader import Reader
from tests.rig.series import told
from tests.web.conftest import Portal


def words_of(reader: Reader) -> str:
    """The page without addresses and ids, whose random digits may happen to be anything."""
    return re.sub(r"[0-9a-f]{16,}", "", reader.html)


def test_a_person_pays_the_whole_balance_with_a_new_card(portal: Portal) -> None:
    reader = portal.reader().open(portal.link())
    assert reader.heading == "Your secure page"
    assert "500.00" not in reader.html
    reader.press("Continue")
    assert reader.step == "contact"
    reader.press("Yes, continue")
    assert reader.step == "amount"
    portal.card(reader)
    assert reader.step == "check", reader.errors()
    assert reader.rows()["You pay now"] == "$500.00"
    assert reader.rows()["Pay with"] == "Visa •••• 1111"
    reader.press("Confirm and continue")
    assert reader.step == "agreement"
    reader.choose("I have read this").press("Pay $500.00")
    assert reader.step == "result"
    assert reader.heading == "Payment received"
    assert portal.balance() == 0
    assert [row["amount_cents"] for row in portal.house.truth()] == [50_000]


def test_each_step_says_where_it_stands_and_leads_back(portal: Portal) -> None:
    reader = portal.opened()
    assert reader.sees("Step 1 of 4")
    reader.press("Yes, continue")
    assert reader.sees("Step 2 of 4")
    reader.follow("Back")
    assert reader.step == "contact"
    reader.open(reader.url.replace("/contact", "/amount"))
    portal.card(reader)
    assert reader.sees("Step 3 of 4")
    reader.press("Confirm and continue")
    assert reader.sees("Step 4 of 4")


def test_without_contact_verification_the_walk_begins_at_the_amount(portal: Portal) -> None:
    portal.house.set("contact_verification", False)
    reader = portal.opened()
    assert reader.step == "amount"
    assert reader.sees("Step 1 of 3")


def test_an_offer_taken_fixes_the_amount_and_forgives_the_rest(portal: Portal) -> None:
    portal.offer(basis_points=6_000)
    reader = portal.opened().press("Yes, continue")
    assert reader.step == "offer"
    assert reader.sees("$300.00")
    assert reader.sees("You save $200.00 (40%)")
    reader.choose("Pay once and settle").press("Continue")
    assert reader.step == "amount"
    assert reader.amount == "$300.00"
    assert "Whole balance" not in reader.text
    reader.choose("Debit or credit card").set_hidden("card_nonce", portal.house.nonce()).press("Continue")
    assert reader.rows()["Left to pay after this"] == "$0.00"
    reader.press("Confirm and continue")
    assert reader.sees("full settlement of the balance shown, and the remaining $200.00 is no longer owed")
    reader.choose("I have read this").press("Pay $300.00")
    assert reader.heading == "Payment received"
    assert portal.balance() == 0
    assert [row["amount_cents"] for row in portal.house.truth()] == [30_000]


def test_an_offer_of_a_fixed_amount_is_shown_until_its_moment_and_not_after(portal: Portal) -> None:
    portal.offer(amount_cents=25_000, days=1)
    link = portal.link()
    assert portal.reader().open(link).press("Continue").press("Yes, continue").step == "offer"
    portal.house.clock.pass_(days=1)
    assert portal.reader().open(link).press("Continue").press("Yes, continue").step == "amount"


def test_offers_can_be_skipped_only_where_the_setting_allows_it(portal: Portal) -> None:
    portal.offer(basis_points=5_000)
    reader = portal.opened().press("Yes, continue")
    reader.choose("Skip the offers").press("Continue")
    assert reader.step == "amount"
    assert reader.sees("$500.00")
    portal.house.set("allow_skip_offer", False)
    reader = portal.opened().press("Yes, continue")
    assert "Skip the offers" not in reader.text
    form, _ = reader.form_of("Continue")
    reader.post(reader.url, {**reader.values_of(form), "offer": "skip"})
    assert reader.status == 422
    assert reader.errors() == ["Choose one of the offers to go on."]
    reader.open(reader.url.replace("/offer", "/amount"))
    assert reader.step == "offer"


def test_without_virtual_collection_no_offer_is_shown(portal: Portal) -> None:
    portal.offer(basis_points=5_000)
    portal.house.set("virtual_collection", False)
    assert portal.opened().press("Yes, continue").step == "amount"


def test_the_minimum_and_another_amount_can_be_paid(portal: Portal) -> None:
    reader = portal.card(portal.at_amount(), amount="Minimum payment")
    assert reader.rows()["You pay now"] == "$5.00"
    reader.follow("Change amount")
    reader.choose("Another amount").fill("Amount in US dollars", " $125.50 ").choose("1111").press("Continue")
    assert reader.rows()["You pay now"] == "$125.50"
    assert reader.rows()["Left to pay after this"] == "$374.50"


def test_amounts_outside_the_limits_are_refused_with_the_limit_and_what_was_typed_stays(portal: Portal) -> None:
    portal.house.set("minimum_payment_cents", 2_000)
    portal.house.set("maximum_payment_cents", 40_000)
    reader = portal.at_amount()
    assert "Whole balance" not in reader.text
    for typed, sentence in (
        ("19.99", "The amount must be at least $20.00."),
        ("400.01", "The amount can be at most $400.00 in one payment."),
        ("500.01", "The amount can be at most $500.00, which is what you owe."),
    ):
        reader.choose("Another amount").fill("Amount in US dollars", typed)
        reader.choose("Debit or credit card").set_hidden("card_nonce", portal.house.nonce()).press("Continue")
        assert reader.status == 422
        assert reader.errors() == [sentence]
        assert reader.title.startswith("Error: ")
        assert reader.field("Amount in US dollars")["value"] == typed
        assert reader.field("Amount in US dollars")["aria-invalid"] == "true"


def test_only_the_whole_balance_can_be_paid_when_other_amounts_are_off(portal: Portal) -> None:
    portal.house.set("other_amount", False)
    reader = portal.at_amount()
    assert "Another amount" not in reader.text
    assert "Minimum payment" not in reader.text
    form, _ = reader.form_of("Continue")
    values = reader.values_of(form) | {
        "choice": "other",
        "amount": "20.00",
        "method": "new",
        "card_nonce": portal.house.nonce(),
    }
    assert reader.post(reader.url, values).status == 422


def test_a_card_is_kept_only_when_the_box_is_ticked(portal: Portal) -> None:
    reader = portal.at_amount()
    assert not reader.field("Save this card").has("checked")
    portal.paid()
    with portal.house.ports.database.read(portal.house.organisation_id) as session:
        assert payment_method.of_customer(session, portal.house.customer_id) == []


def test_a_saved_card_can_be_used_next_time_by_its_last_digits_and_zip(portal: Portal) -> None:
    reader = portal.at_amount()
    reader.choose("Save this card")
    portal.card(reader, amount="Minimum payment")
    assert reader.rows()["Card for later"]
    reader.press("Confirm and continue")
    assert reader.sees("Keeping your card")
    reader.choose("I have read this").press("Pay $5.00")
    assert reader.heading == "Payment received"
    with portal.house.ports.database.read(portal.house.organisation_id) as session:
        [kept] = payment_method.of_customer(session, portal.house.customer_id)
        assert kept.consent_text == "Save this card for future payments to Harbour Recovery."
    reader = portal.at_amount(portal.reader())
    assert "1111" not in words_of(reader)
    reader.choose("Whole balance").choose("Visa on file").press("Continue")
    assert reader.errors() == ["Enter the last 4 digits of the card and its billing ZIP code."]
    reader.choose("Visa on file").fill("Last 4 digits", "1111").fill("Billing ZIP code", "94107").press("Continue")
    assert reader.step == "check", reader.errors()
    reader.press("Confirm and continue").choose("I have read this").press("Pay $495.00")
    assert reader.heading == "Payment received"
    assert portal.balance() == 0


def test_a_card_that_was_removed_meanwhile_is_not_blamed_on_the_bank(portal: Portal) -> None:
    """Staff remove it while the agreement is read; the customer is told to enter a card, not to call a bank."""
    method_id = portal.house.card_on_file()
    reader = portal.at_amount()
    reader.choose("Whole balance").choose("Visa on file").fill("Last 4 digits", "1111").fill(
        "Billing ZIP code", "94107"
    )
    reader.press("Continue").press("Confirm and continue")
    with portal.house.ports.database.transaction(portal.house.organisation_id) as session:
        row = payment_method.owned_by(session, method_id, portal.house.customer_id)
        assert row is not None
        row.removed_at = portal.house.clock.now()
    reader.choose("I have read this").press("Pay $")
    assert reader.heading == "Your payment did not go through"
    assert reader.sees("Enter the card again.")
    assert not reader.sees("Your bank did not approve")
    assert portal.house.truth() == []
    assert reader.press("Try again").step == "amount"


def test_a_declined_card_says_what_to_do_and_another_one_pays(portal: Portal) -> None:
    reader = portal.at_amount()
    portal.card(reader, amount="Another amount", other="200.00")
    assert reader.step == "check"
    portal.house.simulator.faults("decline_hard", merchant=portal.house.merchant_id, operation="sale", times=1)
    reader.press("Confirm and continue").choose("I have read this").press("Pay $200.00")
    assert reader.heading == "Your payment did not go through"
    assert portal.balance() == 50_000
    reader.press("Try again")
    assert reader.step == "amount"
    assert "1111" not in words_of(reader)
    portal.card(reader, amount="Another amount", other="200.00")
    reader.press("Confirm and continue").choose("I have read this").press("Pay $200.00")
    assert reader.heading == "Payment received"
    assert portal.balance() == 30_000


def test_a_correction_becomes_a_request_and_changes_nothing_on_file(portal: Portal) -> None:
    portal.house.set("mask_contact", False)
    reader = portal.opened()
    assert reader.rows()["Email"] == "ada@example.com"
    reader.follow("Something is wrong")
    assert reader.field("Email address")["value"] == "ada@example.com"
    reader.fill("Email address", "ada@").fill("Phone number", "12").press("Send corrections")
    assert reader.status == 422
    assert len(reader.errors()) == 2
    reader.fill("Email address", "ada@new.example").fill("Phone number", "312 555 0199").press("Send corrections")
    assert reader.step == "amount"
    visit_id = reader.path.split("/")[3]
    with portal.house.ports.database.read(portal.house.organisation_id) as session:
        row = customer.open_change_request(session, visit_id)
        assert row is not None
        assert row.changes == {"email": "ada@new.example", "phone": "312 555 0199"}
        person = customer.by_id(session, portal.house.customer_id)
        assert person is not None
        assert person.email == "ada@example.com"


def test_contact_details_are_shown_in_part_where_the_setting_says_so(portal: Portal) -> None:
    reader = portal.opened()
    assert reader.rows() == {
        "Name": "Ada M.",
        "Email": "a•••@e•••.com",
        "Phone": "(•••) •••-0123",
        "Address": "Chicago, IL",
    }
    for secret in ("Moss", "ada@example.com", "5550123", "Elm Street", "60614"):
        assert secret not in reader.html


def test_the_text_that_was_accepted_is_sealed_word_for_word(portal: Portal) -> None:
    portal.house.set("agreement_terms", "Payments are posted <b>within</b> two days.")
    reader = portal.at_agreement(amount="Minimum payment")
    shown = next(each for each in reader.page.walk() if each.get("class") == "agreement").text
    digest = reader.page.all("input", name="agreement")[0]["value"]
    reader.choose("I have read this").press("Pay $5.00")
    visit_id = reader.path.split("/")[3]
    with portal.house.ports.database.read(portal.house.organisation_id) as session:
        [due] = obligation.of_subject(session, visit_id)
        sealed = agreement.by_id(session, due.agreement_id or "")
        assert sealed is not None
        assert sealed.text_sha256 == digest
        assert sealed.ip == "203.0.113.7"
        assert sealed.user_agent == "A reader of pages"
        assert sealed.accepted_at == portal.house.clock.now()
        for paragraph in sealed.text.split("\n\n"):
            assert " ".join(paragraph.split()).lower() in shown.lower()


def test_the_receipt_can_be_sent_again_three_times_and_kept_as_pdf(portal: Portal) -> None:
    reader = portal.paid()
    for _ in range(3):
        reader.press("Email the receipt again")
        assert reader.sees("We sent the receipt again")
    reader.press("Email the receipt again")
    assert reader.sees("already sent several times")
    assert len(portal.house.doorbell.messages) == 4
    answer = reader.raw("GET", f"{reader.path}/receipt.pdf")
    assert answer.mimetype == "application/pdf"
    assert answer.get_data().startswith(b"%PDF")
    assert answer.headers["Cache-Control"] == "no-store"


def test_c14_who_took_the_consent_to_files_back_reads_that_the_receipt_comes_on_paper_and_gets_one(
    portal: Portal,
) -> None:
    house = portal.house
    person = signer(house, offered(house)).read()
    person.sign()
    withdraw(house.ports, house.organisation_id, person.signing_id, person.secret, ip=IP, user_agent=BROWSER)
    told(house)
    reader = portal.card(portal.at_amount(), amount="Minimum payment")
    assert reader.rows()["Receipt to"] == "By mail, on paper"
    token = reader.values_of(reader.form_of("Confirm and continue")[0])["csrf_token"]
    reader.press("Confirm and continue").choose("I have read this").press("Pay $5.00")
    assert reader.sees("Your receipt comes by mail, on paper, as you asked.")
    assert not reader.sees("Email the receipt again")
    asked = len(house.doorbell.messages)
    reader.post(f"{reader.path}/receipt", {"csrf_token": token})
    assert reader.sees("Your records come by mail, on paper.")
    assert len(house.doorbell.messages) == asked


def test_a_payment_without_an_answer_is_being_confirmed_and_resolves_by_itself(portal: Portal) -> None:
    portal.house.simulator.faults("hang_after", merchant=portal.house.merchant_id, operation="sale", times=1)
    reader = portal.paid()
    assert reader.heading == "We are confirming your payment"
    assert reader.sees("Please do not pay again.")
    part = reader.raw("GET", reader.path, headers={"HX-Request": "true", "HX-Target": "div#outcome"})
    assert part.get_data(as_text=True).lstrip().startswith("<title>")
    assert "<html" not in part.get_data(as_text=True)
    assert 'hx-trigger="every 3s"' in part.get_data(as_text=True)
    portal.house.clock.pass_(minutes=10)
    with ThreadPoolExecutor(2) as pool:
        sweep(portal.house.ports, pool)
    reader.follow("Check again")
    assert reader.heading == "Payment received"
    assert portal.balance() == 0


def test_without_script_the_missing_card_is_said_where_it_can_be_seen(portal: Portal) -> None:
    """The card fields are the gateway's script's; the summary leads to the choice of a card, which is always there."""
    reader = portal.at_amount().choose("Whole balance").choose("ebit or credit card").press("Continue")
    assert (reader.status, reader.errors()) == (422, ["Enter your card details."])
    summary = next(each for each in reader.page.walk() if each.get("id") == "error-summary")
    target = next(each for each in reader.page.walk() if each.get("id") == summary.all("a")[0]["href"][1:])
    assert target.tag == "input"
    assert any(
        each.get("class") == "field-error" and each.get("id") == "method-new-error" for each in reader.page.walk()
    )


def test_while_charging_is_on_hold_the_page_says_so_and_the_payment_waits(portal: Portal) -> None:
    reader = portal.at_agreement()
    hold_charging(portal.house.ports, portal.house.clock.at, "test")
    reader.choose("I have read this").press("Pay $")
    assert reader.step == "result"
    assert reader.sees("Yours has not been charged yet")
    assert reader.sees("Please do not pay again.")
    assert portal.house.truth() == []


@pytest.mark.parametrize("state", ["offered", "signed", "cancelled"])
def test_c6_the_whole_debt_can_be_paid_by_hand_whatever_became_of_a_plan(portal: Portal, state: str) -> None:
    """Nobody needs to authorize debits to pay: a plan that is not signed, runs or was stopped takes nothing away."""
    house = portal.house
    plan = offered(house, account_id=portal.account_id)
    if state != "offered":
        signer(house, plan).read().sign()
    if state == "cancelled":
        cancel(house.ports, house.organisation_id, plan.id, "staff", "The customer revoked it.")
    portal.paid()
    assert portal.balance() == 0
    assert [row["amount_cents"] for row in house.truth()] == [50_000]
