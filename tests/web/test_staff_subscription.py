"""The console's subscriptions: assigned, looked at, answered, opened again, changed by one person or by two."""

import pytest

from portal.domain.staff import Role
from portal.storage import customer as customers
from portal.storage import subscription as subscriptions
from portal.usecases.subscription import set_program
from portal.usecases.subscription_deadline import expire
from portal.usecases.subscription_report import STOP, write
from tests.rig.house import House
from tests.rig.people import Colleague, colleague
from tests.rig.reader import Reader
from tests.rig.series import told
from tests.rig.subscriptions import GPS, activated, assigned, payments, row_of
from tests.web.conftest import Portal


@pytest.fixture
def clerk(portal: Portal) -> Colleague:
    return colleague(portal.house, Role.clerk)


def shown(portal: Portal, who: Colleague, one: str = "") -> Reader:
    path = f"/{portal.slug}/staff/subscriptions" + (f"/{one}" if one else "")
    return who.sign_in(portal.reader()).open(path)


def test_r1_a_subscription_is_assigned_on_a_page_and_its_participant_told(portal: Portal, clerk: Colleague) -> None:
    house = portal.house
    with house.ports.database.transaction(house.organisation_id) as session:
        set_program(session, "Location monitoring", GPS, "test", house.clock.now())
    reader = shown(portal, clerk).follow("Assign a subscription").follow("Location monitoring")
    reader.press("Assign it and tell the participant")
    assert reader.status == 422
    reader.fill("Number of the participant", "C-1").fill("GPS device", "45").fill("First day", "12/01/2026")
    reader.fill("Last day", "2028-01-31").fill("Day of the month", "1").fill("Name of the case", "Noor Haddad")
    reader.fill("Email of the case", "noor@example.com").fill("Phone of the case", "17")
    reader.press("Assign it and tell the participant")
    assert reader.errors() == ["A case manager needs a name, an email address and a US phone number."]
    button = "Assign it and tell the participant"
    reader.fill("Phone of the case", "312 555 0117")
    address, form = reader.path, reader.values_of(*reader.form_of(button))
    reader.press(button)
    assert reader.sees("Assigned. The participant is told by email.")
    assert reader.post(address, form).sees("Assigned."), "pressed twice, it is assigned once"
    with house.ports.database.read(house.organisation_id) as session:
        [row] = subscriptions.of_customer(session, house.customer_id)
    assert (row.price_cents, row.billing_day, row.assigned_by) == (7_000, 1, f"staff:{clerk.id}")
    assert told(house) == ["subscription_assigned"]
    assert shown(portal, clerk).sees(row.reference)
    house.clock.pass_(minutes=2)
    reader.post(address, form)
    with house.ports.database.read(house.organisation_id) as session:
        assert len(subscriptions.of_customer(session, house.customer_id)) == 2, "later it is meant"


def test_a_change_says_why_is_done_and_told_and_above_the_limit_waits_for_a_second_person(
    portal: Portal, clerk: Colleague
) -> None:
    one = assigned(portal.house)
    activated(portal.house, one)
    portal.house.set("subscription_approval_cents", 5_000)
    reader = shown(portal, clerk, one).follow("Lower payments")
    reader.choose("2. December").fill("New amount", "30").press("Lower payments")
    assert (reader.status, reader.errors()) == (422, ["Say why, in up to 300 characters."])
    reader.fill("Why", "Lost work").press("Lower payments")
    assert reader.sees("Done. The participant is told by email.")
    assert payments(portal.house, one)[1].amount_cents == 3_000
    reader.follow("Waive payments").choose("3. January").choose("4. February")
    reader.fill("Why", "Lost work").press("Waive payments")
    assert reader.sees("It waits for a second person")
    assert reader.sees("3. $70.00, not charged")
    assert reader.sees("4. $70.00, not charged")
    assert not reader.sees("Approve"), "a clerk decides nothing"
    manager = shown(portal, colleague(portal.house, Role.manager), one)
    manager.press("Approve")
    assert manager.sees("Approved and done.")
    assert [each.status for each in payments(portal.house, one)][:4] == ["paid", "due", "cancelled", "cancelled"]


def test_an_approval_of_other_numbers_than_were_asked_for_is_refused_in_a_sentence(
    portal: Portal, clerk: Colleague
) -> None:
    one = assigned(portal.house)
    activated(portal.house, one)
    portal.house.set("subscription_approval_cents", 5_000)
    reader = shown(portal, clerk, one).follow("Waive payments").choose("3. January")
    reader.fill("Why", "Lost work").press("Waive payments")
    reader.follow("Lower payments").choose("3. January").fill("New amount", "30").fill("Why", "x").press(
        "Lower payments"
    )
    manager = shown(portal, colleague(portal.house, Role.manager), one)
    manager.press("Approve")
    assert manager.status == 409
    assert manager.errors() == [
        "Payments have changed since this was asked for, so it would not do what was asked. "
        "Refuse it, and ask for it again."
    ]
    assert payments(portal.house, one)[2].status == "due"
    manager.press("Refuse")
    assert manager.sees("Refused. Nothing was changed.")


def test_the_console_says_how_a_participant_hears_of_it_and_when_nobody_but_staff_can_tell_them(
    portal: Portal, clerk: Colleague
) -> None:
    house = portal.house
    one = assigned(house)
    activated(house, one)
    reached(house, email=None, phone="+13125550123")
    reader = shown(portal, clerk, one).follow("Pause")
    by_hand = "There is no address to tell the participant: call them, or write on paper."
    assert reader.sees(by_hand), "no text says it"
    reader.fill("Why", "Lost work").press("Pause")
    assert reader.sees(f"Done. {by_hand}")
    late = assigned(house, activation_days=1)
    house.clock.pass_(days=2)
    expire(house.ports)
    house.agrees_to_texts()
    assert (
        shown(portal, clerk, late)
        .press("Open it again")
        .sees("It is open again. The participant is told by text message.")
    )


def reached(house: House, **address: str | None) -> None:
    with house.ports.database.transaction(house.organisation_id) as session:
        person = customers.by_id(session, house.customer_id)
        assert person is not None
        person.email, person.phone = address["email"], address["phone"]


@pytest.mark.parametrize("number", ["9" * 5_000, "-1", "\u0663", "99"])
def test_a_payment_that_there_cannot_be_is_not_found(portal: Portal, clerk: Colleague, number: str) -> None:
    one = assigned(portal.house)
    activated(portal.house, one)
    reader = shown(portal, clerk, one).follow("Waive payments").fill("Why", "Lost work")
    values = reader.values_of(*reader.form_of("Waive payments"))
    others = {f"payment-{1_000 + more}": "yes" for more in range(100)}  # a long program has as many boxes
    for chosen in ({f"payment-{number}": "yes"}, others):
        reader.post(reader.path, values | chosen)
        assert (reader.status, reader.errors()) == (422, ["Choose at least one payment."])
    assert {each.status for each in payments(portal.house, one)[1:]} == {"due"}


def test_a_request_to_stop_is_shown_answered_and_ended_by_staff(portal: Portal, clerk: Colleague) -> None:
    house = portal.house
    one = assigned(house)
    activated(house, one)
    write(house.ports, house.organisation_id, house.customer_id, one, STOP, "I moved away")
    reader = shown(portal, clerk, one)
    assert reader.sees("The participant asked to stop.")
    assert reader.sees("I moved away")
    reader.press("I have answered this")
    assert not reader.sees("I moved away")
    reader.follow("Cancel this subscription").fill("Why", "Moved").press("Cancel this subscription")
    assert row_of(house, one).state == "cancelled"


def test_one_that_was_not_activated_in_time_is_opened_again(portal: Portal, clerk: Colleague) -> None:
    one = assigned(portal.house, activation_days=1)
    portal.house.clock.pass_(days=2)
    expire(portal.house.ports)
    shown(portal, clerk, one).press("Open it again")
    assert row_of(portal.house, one).state == "assigned"


def test_an_auditor_looks_and_changes_nothing(portal: Portal) -> None:
    one = assigned(portal.house)
    activated(portal.house, one)
    auditor = colleague(portal.house, Role.auditor)
    reader = shown(portal, auditor, one)
    assert reader.sees("Location monitoring")
    assert not reader.sees("Waive payments")
    assert reader.open(f"/{portal.slug}/staff/subscriptions/{one}/waive").status == 403
