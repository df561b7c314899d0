"""Cards on file as their owner looks after them: added, named, put first, replaced where they are used, taken away."""

import pytest

from portal.domain.payment_method import CARDS_MAX
from portal.storage import agreement, payment_method, schedule
from portal.storage.payment_method import PaymentMethod
from portal.usecases.account import add_customer
from portal.usecases.remove_method import remove_method
from portal.usecases.schedule_change import cancel_one
from tests.rig.people import Payer, payer
from tests.rig.reader import Reader
from tests.rig.series import payments_of, plan_of, scheduled
from tests.web.conftest import Portal
from tests.web.test_card_link import declined_once

OTHER_CARD = "5555555555554444"


@pytest.fixture
def dana(portal: Portal) -> Payer:
    return payer(portal.house)


def cards_of(portal: Portal) -> list[PaymentMethod]:
    with portal.house.ports.database.read(portal.house.organisation_id) as session:
        return payment_method.of_customer(session, portal.house.customer_id)


def at_cards(portal: Portal, dana: Payer) -> Reader:
    return dana.sign_in(portal.reader()).follow("Cards on file")


def type_card(portal: Portal, reader: Reader, number: str = OTHER_CARD) -> Reader:
    return reader.set_hidden("card_nonce", portal.house.nonce(number)).press("Save this card")


def headings(reader: Reader) -> list[str]:
    return [each.text.strip() for each in reader.page.all("h2")]


def test_a_card_is_added_without_paying_and_its_words_are_kept_with_it(portal: Portal, dana: Payer) -> None:
    reader = at_cards(portal, dana)
    assert reader.sees("No card is kept.")
    reader.follow("Add a card")
    assert reader.press("Save this card").errors() == ["Enter your card details."]
    type_card(portal, reader)
    assert reader.sees("The card is kept.")
    [card] = cards_of(portal)
    assert (card.brand, card.last4) == ("Mastercard", "4444")
    assert card.consent_text.startswith("Save this card for future payments to")
    assert portal.house.truth() == []


def test_the_same_press_twice_keeps_one_card(portal: Portal, dana: Payer) -> None:
    reader, twin = at_cards(portal, dana).follow("Add a card"), dana.sign_in(portal.reader())
    nonce = portal.house.nonce(OTHER_CARD)
    for each in (reader, twin.open(f"/{portal.slug}/account/methods/card")):
        each.set_hidden("card_nonce", nonce).press("Save this card")
    assert len(cards_of(portal)) == 1


def test_a_card_the_bank_refuses_is_not_kept_and_many_of_them_rest(portal: Portal, dana: Payer) -> None:
    """Attack 70: adding cards is no way to find out which of many stolen ones work."""
    portal.house.set("declines_per_hour", 2)
    reader = at_cards(portal, dana).follow("Add a card")
    said = []
    for _ in range(3):
        type_card(portal, reader, "4000111111111115")
        said.append(reader.errors()[0])
    assert cards_of(portal) == []
    assert said[0] == said[1] == "Your bank did not accept this card. Check the details, or use another card."
    assert said[2] != said[0]


def test_nobody_keeps_more_cards_than_a_person_has(portal: Portal, dana: Payer) -> None:
    for _ in range(CARDS_MAX):
        portal.house.card_on_file()
    reader = type_card(portal, at_cards(portal, dana).follow("Add a card"))
    assert reader.errors() == [f"You have {CARDS_MAX} cards here, which is the most we keep. Remove one first."]


def test_an_organisation_that_keeps_no_cards_offers_none_to_add(portal: Portal, dana: Payer) -> None:
    portal.house.set("save_card", False)
    reader = at_cards(portal, dana)
    assert not reader.sees("Add a card")
    assert reader.open(f"/{portal.slug}/account/methods/card").status == 404


def test_a_card_has_a_name_of_its_owners_own(portal: Portal, dana: Payer) -> None:
    portal.house.card_on_file()
    reader = at_cards(portal, dana)
    assert reader.fill("Name of the card", "4111 1111 1111 1111").press("Save").errors() == [
        "This looks like a card number. Please remove it: cards are entered later."
    ]
    assert reader.fill("Name of the card", "x" * 41).press("Save").status == 422
    assert reader.fill("Name of the card", "a\u202eb").press("Save").status in (400, 422)
    reader.open(f"/{portal.slug}/account/methods").fill("Name of the card", "  <b>Family</b>  card ").press("Save")
    assert [card.label for card in cards_of(portal)] == ["<b>Family</b> card"]
    assert "<b>Family</b> card" in headings(reader)
    reader.fill("Name of the card", "").press("Save")
    assert "Visa" in headings(reader)


def test_the_card_put_first_is_the_one_offered_first(portal: Portal, dana: Payer) -> None:
    old = portal.house.card_on_file()
    portal.house.clock.pass_(seconds=5)
    portal.house.card_on_file(OTHER_CARD)
    reader = at_cards(portal, dana)
    assert headings(reader)[:2] == ["MasterCard", "Visa"]
    reader.press("Offer first")
    assert headings(reader)[:2] == ["Visa", "MasterCard"]
    assert cards_of(portal)[0].id == old
    reader.open(f"/{portal.slug}/account").press("Make a Payment")
    first = reader.page.all("input", name="method")[0]
    assert first["value"].endswith(old) or old in first["id"]


def test_an_expired_card_says_so(portal: Portal, dana: Payer) -> None:
    portal.house.card_on_file()
    [card] = cards_of(portal)
    portal.house.clock.at = portal.house.clock.at.replace(year=card.expires_year + 1)
    assert at_cards(portal, dana).sees(f"Expired {card.expires_month:02d}/{card.expires_year}")


def test_everything_that_runs_on_a_card_moves_to_another_under_its_own_authorization(
    portal: Portal, dana: Payer
) -> None:
    house = portal.house
    runs = [scheduled(house).schedule_id for _ in range(2)]
    shared = plan_of(house, runs[0]).payment_method_id
    with house.ports.database.transaction(house.organisation_id) as session:
        row = schedule.by_id(session, runs[1])
        assert row is not None
        row.payment_method_id = shared
    before = {each: plan_of(house, each).agreement_id for each in runs}
    house.clock.pass_(seconds=5)
    new = house.card_on_file(OTHER_CARD)
    reader = dana.sign_in(portal.reader()).open(f"/{portal.slug}/account/methods/{shared}/replace")
    assert reader.press("Continue").errors() == ["Choose how you want to pay."]
    reader.choose("•••• 4444").press("Continue")
    assert reader.rows()["From now on"].endswith("•••• 4444")
    assert len(reader.page.all("div", class_="agreement")) == 2
    assert reader.press("Use this card").errors() == ["Tick the box to authorize the payment."]
    reader.choose("I have read this").press("Use this card")
    assert reader.sees("Your payments are charged to the other card from now on.")
    for each in runs:
        plan = plan_of(house, each)
        assert plan.payment_method_id == new
        assert plan.agreement_id != before[each]
        assert {due.payment_method_id for due in payments_of(house, each)} == {new}
        with house.ports.database.read(house.organisation_id) as session:
            sealed = agreement.by_id(session, plan.agreement_id)
        assert sealed is not None
        assert "4444" in sealed.text
        assert sealed.customer_id == house.customer_id
    reader.open(f"/{portal.slug}/account/methods/{shared}/replace")
    assert reader.step == "methods", "nothing runs on it any more"
    remove_method(house.ports, house.organisation_id, house.customer_id, shared)
    assert shared not in {card.id for card in cards_of(portal)}


def test_what_had_failed_is_paid_at_once_with_the_other_card(portal: Portal, dana: Payer) -> None:
    house = portal.house
    schedule_id = declined_once(portal)
    old = plan_of(house, schedule_id).payment_method_id
    house.clock.pass_(seconds=5)
    new = house.card_on_file(OTHER_CARD)
    address = f"/{portal.slug}/account/methods/{old}/replace/{new}"
    reader, twin = dana.sign_in(portal.reader()).open(address), dana.sign_in(portal.reader()).open(address)
    assert reader.rows()["Charged now"] == "$10.00"
    reader.choose("I have read this").press("Use this card and pay $10.00")
    assert reader.sees("A payment that had failed is paid now.")
    twin.choose("I have read this").press("Use this card and pay $10.00")
    statuses = [each.status for each in payments_of(house, schedule_id)]
    assert statuses.count("paid") == 1
    assert len([each for each in house.truth() if each["status"] not in ("processor_declined", "failed")]) == 1


def test_a_schedule_that_changed_since_it_was_shown_is_shown_again(portal: Portal, dana: Payer) -> None:
    house = portal.house
    schedule_id = scheduled(house).schedule_id
    old = plan_of(house, schedule_id).payment_method_id
    new = house.card_on_file(OTHER_CARD)
    reader = dana.sign_in(portal.reader()).open(f"/{portal.slug}/account/methods/{old}/replace/{new}")
    cancel_one(house.ports, house.organisation_id, payments_of(house, schedule_id)[1].id, "staff:robin")
    reader.choose("I have read this").press("Use this card")
    assert reader.status == 409
    assert plan_of(house, schedule_id).payment_method_id == old


def test_without_another_card_the_way_leads_over_a_new_one(portal: Portal, dana: Payer) -> None:
    house = portal.house
    schedule_id = scheduled(house).schedule_id
    house.clock.pass_(seconds=5)
    reader = at_cards(portal, dana).follow("Use another card for them")
    assert reader.heading == "Add a card"
    type_card(portal, reader)
    assert reader.heading == "Authorize the other card"
    reader.choose("I have read this").press("Use this card")
    assert plan_of(house, schedule_id).payment_method_id == cards_of(portal)[0].id


def test_attack_69_another_persons_card_is_neither_replaced_nor_put_in(portal: Portal, dana: Payer) -> None:
    house = portal.house
    schedule_id = scheduled(house).schedule_id
    own = plan_of(house, schedule_id).payment_method_id
    with house.ports.database.transaction(house.organisation_id) as session:
        other = add_customer(session, reference="C-K", given_name="Kim", family_name="Lee", now=house.clock.now()).id
        session.add(
            PaymentMethod(
                customer_id=other, token="k1", brand="Visa", last4="0005", expires_month=12, expires_year=2039,
                consent_text="", saved_at=house.clock.now(),
            )
        )  # fmt: skip
        session.flush()
        foreign = payment_method.of_customer(session, other)[0].id
    reader = dana.sign_in(portal.reader())
    for path in (f"{foreign}/replace", f"{own}/replace/{foreign}", f"{foreign}/replace/{own}"):
        assert reader.open(f"/{portal.slug}/account/methods/{path}").status == 404
    assert plan_of(house, schedule_id).payment_method_id == own
