"""Behind the customers' sign-in: paying, history, cards, profile; and that nothing of another person is ever there."""

from dataclasses import dataclass

import pytest

from portal.storage import customer, message, payment_method, visit
from portal.usecases.account import add_customer, open_account
from portal.usecases.organisation import set_setting
from tests.rig.house import House
from tests.rig.people import Payer, payer
from tests.rig.reader import Reader
from tests.rig.series import scheduled
from tests.web.conftest import Portal

SSN = "078-05-1120"


@pytest.fixture
def dana(portal: Portal) -> Payer:
    with portal.house.ports.database.transaction(portal.house.organisation_id) as session:
        set_setting(session, "sign_in_ssn", True, by="test", now=portal.house.clock.now())
    return payer(portal.house, ssn=SSN)


@dataclass
class Sibling:
    """Another customer of the same organisation, who owes and has paid nothing yet."""

    payer: Payer
    account_id: str


@pytest.fixture
def kim(portal: Portal) -> Sibling:
    house = portal.house
    with house.ports.database.transaction(house.organisation_id) as session:
        now = house.clock.now()
        row = add_customer(
            session, reference="C-KIM", given_name="Kim", family_name="Lee", email="kim@example.com", now=now
        )
        owed = open_account(
            session, row.id, reference="A-KIM", label="Kim's own", balance_cents=7_700, now=now, by="test"
        )
        ids = row.id, owed.id
    return Sibling(payer(house, ids[0]), ids[1])


def pay_with_card_on_file(reader: Reader) -> Reader:
    reader.press("Make a Payment")
    assert reader.step == "amount"
    reader.choose("Whole balance").choose("•••• 1111").press("Continue")
    assert reader.step == "check", reader.errors()
    reader.press("Confirm and continue").choose("I have read this").press("Pay $")
    return reader


def test_somebody_signed_in_pays_with_their_card_on_file_and_finds_the_receipt(portal: Portal, dana: Payer) -> None:
    portal.house.card_on_file()
    reader = pay_with_card_on_file(dana.sign_in(portal.reader()))
    assert reader.heading == "Payment received"
    assert portal.balance() == 0
    reader.follow("Back to your account")
    assert reader.amount == "$0.00"
    assert reader.sees("Nothing is owed here.")
    reader.follow("Payment history")
    [link] = [each["href"] for each in reader.page.all("a") if each.has("download")]
    paper = reader.raw("GET", link)
    assert (paper.status_code, paper.mimetype, paper.data[:5]) == (200, "application/pdf", b"%PDF-")


def test_somebody_signed_in_schedules_payments_and_finds_their_way_back(portal: Portal, dana: Payer) -> None:
    portal.house.card_on_file()
    reader = dana.sign_in(portal.reader()).press("Make a Payment")
    reader.choose("Schedule payments").choose("•••• 1111").press("Continue")
    assert reader.step == "schedule", reader.errors()
    reader.choose("Every week").fill("Date of the first payment", "11/09/2026").fill("How many payments", "2")
    reader.press("Continue").press("Confirm and continue").choose("I have read this").press("Schedule 2 payments")
    assert reader.heading == "Your payments are scheduled"
    reader.follow("Back to your account")
    assert reader.sees("Next payment:")


def by_ssn(portal: Portal, dana: Payer) -> Reader:
    """Signed in with no more than that, at the page that asks for the card."""
    reader = portal.reader().open(f"/{portal.slug}/sign-in/ssn").fill("Social Security number", SSN)
    return reader.fill("PIN", dana.pin).press("Sign in").press("Make a Payment")


def test_attack_20_an_ssn_still_has_to_prove_a_card_on_file(portal: Portal, dana: Payer) -> None:
    portal.house.card_on_file()
    reader = by_ssn(portal, dana)
    assert "1111" not in reader.text
    assert reader.sees("You will confirm its last 4 digits and ZIP code.")
    assert reader.open(reader.path.replace("amount", "contact")).step == "amount", "no contact details either"


def test_attack_14_signing_out_closes_the_walk_that_was_begun(portal: Portal, dana: Payer) -> None:
    reader = dana.sign_in(portal.reader()).press("Make a Payment")
    walk = reader.path
    reader.open(f"/{portal.slug}/account").press("Sign out")
    assert reader.open(walk).status == 403


def test_w25_walking_keeps_the_sign_in_alive_and_nothing_else_does(portal: Portal, dana: Payer) -> None:
    reader = dana.sign_in(portal.reader()).press("Make a Payment")
    for _ in range(4):
        portal.house.clock.pass_(minutes=10)
        assert reader.open(reader.path).step == "amount"
    assert reader.open(f"/{portal.slug}/account").step == "account"
    portal.house.clock.pass_(minutes=16)
    assert reader.open(reader.path).step == "sign-in"


def test_a_link_and_a_sign_in_are_two_walks(portal: Portal, dana: Payer) -> None:
    """A link opened by somebody signed in asks for proof as always: it may have been forwarded."""
    portal.house.card_on_file()
    reader = portal.at_amount(dana.sign_in(portal.reader()))
    assert reader.sees("You will confirm its last 4 digits and ZIP code.")
    house = portal.house
    with house.ports.database.read(house.organisation_id) as session:
        row = visit.by_id(session, reader.path.split("/")[3])
    assert row is not None
    assert row.sign_in_id is None


def test_attack_48_to_50_what_is_another_persons_is_as_if_it_were_not_there(
    portal: Portal, dana: Payer, kim: Sibling
) -> None:
    house = portal.house
    card_id = house.card_on_file()
    reader = pay_with_card_on_file(dana.sign_in(portal.reader()))
    with house.ports.database.read(house.organisation_id) as session:
        [receipt] = message.receipts_of(session, house.customer_id, 5)
    other = kim.payer.sign_in(portal.reader("198.51.100.7"))
    token = other.page.all("input", name="csrf_token")[0]["value"]
    headers = {"Origin": other.base, "Sec-Fetch-Site": "same-origin"}
    missing = "0" * 32
    for method, path in (
        ("GET", "/history/{}.pdf"), ("POST", "/methods/{}/remove"), ("POST", "/pay/{}"),
        ("POST", "/methods/{}/name"), ("POST", "/methods/{}/first"), ("GET", "/methods/{}/replace"),
        ("POST", "/profile/devices/{}/forget"),
    ):  # fmt: skip
        answers = []
        for found in (receipt.id, card_id, portal.account_id, missing):
            address = f"/{portal.slug}/account{path.format(found)}"
            given = {"data": {"csrf_token": token}, "headers": headers} if method == "POST" else {}
            answers.append(other.raw(method, address, **given))  # type: ignore[arg-type]  # the form or nothing
        assert {answer.status_code for answer in answers} == {404}, path
        assert len({answer.data.replace(b"", b"") for answer in answers if b"nonce" not in answer.data}) <= 1
    assert other.open(f"/{portal.slug}/account/history").sees("Nothing paid yet")
    assert reader.heading == "Payment received"


def test_attack_53_and_119_no_page_behind_the_sign_in_is_kept_by_anybody(portal: Portal, dana: Payer) -> None:
    reader = dana.sign_in(portal.reader())
    for path in ("", "/history", "/methods", "/scheduled", "/profile", "/profile/contact", "/pin"):
        reader.open(f"/{portal.slug}/account{path}")
        assert reader.response.headers["Cache-Control"] == "no-store"
        assert "HX-Request" in reader.response.headers["Vary"]


def test_a_card_is_removed_unless_scheduled_payments_need_it(portal: Portal, house: House, dana: Payer) -> None:
    card_id = house.card_on_file()
    reader = dana.sign_in(portal.reader()).follow("Cards on file")
    assert reader.sees("Visa •••• 1111")
    reader.press("Remove")
    assert reader.sees("The card is removed.")
    with house.ports.database.read(house.organisation_id) as session:
        assert payment_method.owned_by(session, card_id, house.customer_id) is None
    scheduled(house)
    reader.open(f"/{portal.slug}/account/methods")
    assert reader.sees("Used for scheduled payments")
    reader.press("Remove")
    assert (reader.status, "needed for scheduled payments" in reader.errors()[0]) == (422, True)


def test_what_is_scheduled_is_shown_with_the_next_payment_first(portal: Portal, house: House, dana: Payer) -> None:
    scheduled(house)
    reader = dana.sign_in(portal.reader())
    assert reader.sees("Next payment:")
    rows = reader.follow("Scheduled payments").rows()
    assert len(rows) > 1


def test_a_correction_is_a_request_and_the_language_is_kept(portal: Portal, house: House, dana: Payer) -> None:
    reader = dana.sign_in(portal.reader()).follow("My Profile").follow("Something is wrong")
    reader.fill("Email address", "not an address").press("Send corrections")
    assert (reader.status, len(reader.errors())) == (422, 1)
    reader.fill("Email address", "new@example.com").press("Send corrections")
    assert reader.sees("We have your corrections")
    reader.choose("Español").press("Save")
    with house.ports.database.read(house.organisation_id) as session:
        row = customer.by_id(session, house.customer_id)
        asked = customer.open_own_request(session, house.customer_id)
    assert row is not None
    assert asked is not None
    assert (row.locale, asked.changes) == ("es", {"email": "new@example.com"})
    assert row.email != "new@example.com"


def test_the_portal_speaks_spanish_when_the_customer_does(portal: Portal, dana: Payer) -> None:
    reader = portal.reader()
    reader.headers["Accept-Language"] = "es"
    reader.open(f"/{portal.slug}/sign-in/username").fill("Nombre de usuario", dana.username).fill("PIN", dana.pin)
    reader.press("Iniciar sesión")
    assert reader.sees("Saldo por pagar") or reader.sees("Balance due")


def test_attack_20_and_w27_a_zip_code_is_filled_in_only_where_its_owner_typed_or_saw_it(
    portal: Portal, dana: Payer
) -> None:
    def filled_in(reader: Reader) -> str:
        assert reader.step == "amount"
        return next(
            each.get("data-prefill") for each in reader.page.walk() if each.get("data-card-field") == "postalCode"
        )

    house = portal.house
    with house.ports.database.read(house.organisation_id) as session:
        person = customer.by_id(session, house.customer_id)
        assert person is not None
        on_file = person.postal_code
    assert on_file
    for masks in (True, False):
        house.set("mask_contact", masks)
        assert filled_in(portal.at_amount()) == ("" if masks else on_file)
        typed = portal.opened().follow("Something is wrong").fill("ZIP code", "62799").press("Send corrections")
        assert filled_in(typed) == "62799"
        assert filled_in(by_ssn(portal, dana)) == ""
