"""The card link as a person without script walks it: another card for what is left, what had failed paid at once."""

from datetime import timedelta

import pytest

from portal.domain.payment_link import Purpose
from portal.storage import agreement as agreements
from portal.storage import message, payment_method
from portal.usecases.charge import charge_obligation
from portal.usecases.schedule_change import cancel, cancel_one
from tests.rig.payment import balance_of
from tests.rig.reader import Reader
from tests.rig.series import attempts_of, go_to, link_to, payments_of, plan_of, scheduled, told, weekly
from tests.web.conftest import Portal

OTHER_CARD = "5555555555554444"
SOON = timedelta(seconds=2)


def card_link(portal: Portal, schedule_id: str, days: int = 30) -> str:
    """The path of a new link that changes the card of a schedule."""
    return link_to(portal.house, schedule_id, Purpose.card, days)


def declined_once(portal: Portal) -> str:
    """A schedule of four payments whose first was declined once, softly; its id."""
    made = scheduled(portal.house)
    due = payments_of(portal.house, made.schedule_id)[0]
    go_to(portal.house, due)
    portal.house.simulator.faults("decline_soft", merchant=portal.house.merchant_id, operation="sale", times=1)
    charge_obligation(portal.house.ports, portal.house.organisation_id, due.id, SOON)
    return made.schedule_id


def at_authorization(
    portal: Portal, schedule_id: str, number: str = OTHER_CARD, reader: Reader | None = None
) -> Reader:
    reader = (reader or portal.reader()).open(card_link(portal, schedule_id)).press("Continue")
    assert reader.step == "card", reader.path
    reader.set_hidden("card_nonce", portal.house.nonce(number)).press("Continue")
    assert reader.step == "authorize", reader.errors()
    return reader


def test_another_card_is_authorized_and_what_had_failed_is_paid_at_once(portal: Portal) -> None:
    schedule_id = declined_once(portal)
    reader = portal.reader().open(card_link(portal, schedule_id)).press("Continue")
    assert reader.amount == "$10.00"
    assert reader.sees("A payment did not go through")
    assert reader.sees("3 more payments are then charged to the new card, each on its date.")
    reader.set_hidden("card_nonce", portal.house.nonce(OTHER_CARD)).press("Continue")
    assert reader.rows()["New card"] == "Mastercard •••• 4444"
    assert reader.rows()["Charged now"] == "$10.00"
    assert reader.sees("in place of the card used until now")
    assert reader.press("Use this card").errors() == ["Tick the box to authorize the payment."]
    reader.choose("I have read this").press("Use this card and pay $10.00")
    assert (reader.step, reader.heading) == ("done", "Your card was changed")
    assert reader.sees("Mastercard •••• 4444")
    rows = payments_of(portal.house, schedule_id)
    assert [row.status for row in rows] == ["paid", "due", "due", "due"]
    assert {row.card_last4 for row in rows} == {"4444"}
    assert balance_of(portal.house, rows[0].account_id) == 49_000
    assert attempts_of(portal.house, rows[0].id)[-1].source == "installment_first"


def test_c1_c32_the_sealed_text_is_the_one_shown_and_covers_what_is_left(portal: Portal) -> None:
    schedule_id = declined_once(portal)
    reader = at_authorization(portal, schedule_id)
    shown = next(each.text for each in reader.page.walk() if each.get("class") == "agreement")
    reader.choose("I have read this").press("Use this card")
    plan = plan_of(portal.house, schedule_id)
    with portal.house.ports.database.read(portal.house.organisation_id) as session:
        sealed = agreements.by_id(session, plan.agreement_id)
        kept = payment_method.owned_by(session, plan.payment_method_id, plan.customer_id)
        assert sealed is not None
        assert kept is not None
    assert (sealed.kind, sealed.ip) == ("schedule_card", "203.0.113.7")
    assert "".join(sealed.text.split()).casefold() == "".join(shown.split()).casefold()  # headings are in capitals
    assert "only for the scheduled payments you authorize" in kept.consent_text
    assert {row.agreement_id for row in payments_of(portal.house, schedule_id)} == {sealed.id}


def test_attack_065_a_second_press_is_shown_what_the_first_one_did(portal: Portal) -> None:
    schedule_id = declined_once(portal)
    reader = at_authorization(portal, schedule_id)
    form, button = reader.form_of("Use this card")
    values = {**reader.values_of(form, button), "agreed": "yes"}
    path = reader.path
    for _ in range(3):
        assert reader.post(path, values).heading == "Your card was changed"
    assert len([row for row in portal.house.truth() if row["success"]]) == 1
    assert reader.open(path.replace("authorize", "card")).step == "done"


def test_a_card_that_is_declined_as_well_can_be_changed_again(portal: Portal) -> None:
    schedule_id = declined_once(portal)
    reader = at_authorization(portal, schedule_id)
    portal.house.simulator.faults("decline_soft", merchant=portal.house.merchant_id, operation="sale", times=1)
    reader.choose("I have read this").press("Use this card")
    assert reader.sees("did not approve the payment with this card either")
    assert reader.sees("Declined")
    assert reader.sees("We try again on")
    reader.press("Use another card")
    assert reader.step == "card"
    reader.set_hidden("card_nonce", portal.house.nonce()).press("Continue")
    reader.choose("I have read this").press("Use this card")
    assert payments_of(portal.house, schedule_id)[0].status == "paid"


def test_a_card_the_bank_will_not_have_kept_changes_nothing(portal: Portal) -> None:
    schedule_id = declined_once(portal)
    before = plan_of(portal.house, schedule_id)
    reader = at_authorization(portal, schedule_id, "4000111111111115")  # does not pass verification
    reader.choose("I have read this").press("Use this card")
    assert (reader.status, reader.heading) == (409, "Your card was not changed")
    after = plan_of(portal.house, schedule_id)
    assert (after.payment_method_id, after.agreement_id) == (before.payment_method_id, before.agreement_id)
    reader.follow("Enter another card")
    assert reader.step == "card"


def test_attack_070_after_several_refused_cards_the_link_rests(portal: Portal) -> None:
    schedule_id = declined_once(portal)
    for _ in range(4):  # with the decline of the run it is five
        reader = at_authorization(portal, schedule_id, "4000111111111115")
        assert reader.choose("I have read this").press("Use this card").status == 409
    reader = portal.reader().open(card_link(portal, schedule_id)).press("Continue")
    reader.set_hidden("card_nonce", portal.house.nonce()).press("Continue")
    assert reader.errors()[0].startswith("Several cards were declined")


def test_attack_066_no_step_can_be_left_out(portal: Portal) -> None:
    schedule_id = declined_once(portal)
    reader = portal.reader().open(card_link(portal, schedule_id)).press("Continue")
    for step in ("authorize", "done"):
        assert reader.open(reader.path.rsplit("/", 1)[0] + f"/{step}").step == "card"
    reader.press("Continue")
    assert (reader.status, reader.errors()) == (422, ["Enter your card details."])
    assert plan_of(portal.house, schedule_id).version == 1


def test_attack_067_a_text_that_changed_meanwhile_is_read_again(portal: Portal) -> None:
    schedule_id = declined_once(portal)
    reader = at_authorization(portal, schedule_id)
    cancel_one(portal.house.ports, portal.house.organisation_id, payments_of(portal.house, schedule_id)[3].id, "staff")
    reader.choose("I have read this").press("Use this card")
    assert reader.status == 409
    assert reader.sees("The agreement has changed since you read it.")
    assert [row["status"] for row in portal.house.truth() if row["success"]] == []


@pytest.mark.parametrize("by", ["customer", "staff"])
def test_attack_030_a_schedule_that_is_over_leaves_nothing_to_change(portal: Portal, by: str) -> None:
    schedule_id = declined_once(portal)
    cancel(portal.house.ports, portal.house.organisation_id, schedule_id, by)
    reader = portal.reader().open(card_link(portal, schedule_id)).press("Continue")
    assert reader.heading == "No payment is left"
    reader.open(reader.path.replace("/card", "/authorize"))
    assert reader.heading == "No payment is left"


def test_attack_033_an_expired_link_sends_one_of_its_own_kind(portal: Portal) -> None:
    schedule_id = declined_once(portal)
    link = card_link(portal, schedule_id, days=1)
    portal.house.clock.pass_(days=2)
    reader = portal.reader().open(link)
    assert (reader.status, reader.heading) == (410, "This link has expired")
    reader.press("Send me a fresh link")
    told(portal.house)
    [mail] = [mail for mail in portal.house.simulator.call("GET", "/mailbox.json?recipient=ada@")
              if "need do nothing" in mail.get("text", "") and portal.slug in mail.get("text", "")]  # fmt: skip
    path = mail["text"].split("127.0.0.1:8080")[1].split()[0]
    assert path.startswith(f"/{portal.slug}/card/")
    assert portal.reader().open(path).press("Continue").step == "card"


def test_the_message_of_a_decline_leads_to_the_card_page(portal: Portal) -> None:
    declined_once(portal)
    told(portal.house)
    with portal.house.ports.database.read(portal.house.organisation_id) as session:
        events = [row.event for row in message.of_customer(session, portal.house.customer_id)]
    assert "payment_declined" in events
    mails = portal.house.simulator.call("GET", "/mailbox.json?recipient=ada@")
    path = next(
        mail["text"].split("127.0.0.1:8080")[1].split()[0]
        for mail in mails
        if f"/{portal.slug}/card/" in mail.get("text", "")
    )
    reader = portal.reader().open(path).press("Continue")
    assert reader.sees("A payment did not go through")


def test_a_page_in_spanish_seals_a_spanish_authorization(portal: Portal) -> None:
    schedule_id = declined_once(portal)
    reader = portal.reader().open(card_link(portal, schedule_id)).press("Continue").press("Español")
    assert reader.heading == "Usar otra tarjeta"
    reader.set_hidden("card_nonce", portal.house.nonce(OTHER_CARD)).press("Continuar")
    reader.choose("He leído").press("Usar esta tarjeta")
    plan = plan_of(portal.house, schedule_id)
    with portal.house.ports.database.read(portal.house.organisation_id) as session:
        sealed = agreements.by_id(session, plan.agreement_id)
    assert sealed is not None
    assert (sealed.locale, plan.locale) == ("es", "es")


def test_while_charging_is_off_the_card_is_changed_and_the_page_says_what_waits(portal: Portal) -> None:
    schedule_id = declined_once(portal)
    portal.house.set("charging_enabled", False)
    reader = at_authorization(portal, schedule_id)
    reader.choose("I have read this").press("Use this card")
    assert reader.sees("has paused payments at the moment")
    assert payments_of(portal.house, schedule_id)[0].status == "due"


def test_nothing_failed_nothing_is_charged_today(portal: Portal) -> None:
    made = scheduled(portal.house, weekly(portal.house, 2))
    reader = at_authorization(portal, made.schedule_id)
    assert "Charged now" not in reader.rows()
    reader.choose("I have read this").press("Use this card")
    assert reader.heading == "Your card was changed"
    assert portal.house.truth() == []
