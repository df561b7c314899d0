"""The box for texts on the contact step: a choice of its own, never ticked for anybody, never needed to pay (C27)."""

import pytest

from portal.storage import contact_wish
from portal.storage.contact_wish import ContactWish
from portal.usecases.contact_wish import standing
from tests.rig.reader import Reader
from tests.web.conftest import Portal

LABEL = "may text me at"


def said(portal: Portal) -> list[ContactWish]:
    with portal.house.ports.database.read(portal.house.organisation_id) as session:
        return contact_wish.of_customer(session, portal.house.customer_id, "consent")


def at_contact(portal: Portal) -> Reader:
    reader = portal.opened()
    assert reader.step == "contact"
    return reader


@pytest.fixture
def texting(portal: Portal) -> Portal:
    portal.house.has_carrier()
    portal.house.set("name_in_texts", "Harbour Office")
    return portal


def test_c27_the_box_is_not_ticked_and_names_sender_and_purpose(texting: Portal) -> None:
    reader = at_contact(texting)
    box = reader.field(LABEL)
    assert not box.has("checked")
    assert not box.has("required")
    for words in (
        "Harbour Office",
        "receipts, payment notices and links",
        "STOP",
        "HELP",
        "You do not need this to pay",
    ):
        assert reader.sees(words)


def test_c27_without_the_tick_everything_goes_on_and_nothing_is_kept(texting: Portal) -> None:
    reader = at_contact(texting).press("Yes, continue")
    assert reader.step != "contact"
    assert said(texting) == []


@pytest.mark.parametrize("language", ["en", "es"])
def test_c27_the_tick_is_kept_with_its_exact_words_source_time_and_place(texting: Portal, language: str) -> None:
    reader = at_contact(texting)
    label, button = LABEL, "Yes, continue"
    if language == "es":
        reader.press("Español")
        label, button = "puede enviarme", "Sí, continuar"
    shown = next(each.text for each in reader.page.all("label") if label in each.text)
    reader.choose(label).press(button)
    [row] = said(texting)
    assert (row.words, row.locale, row.source, row.is_on) == (shown, language, "payment_link", True)
    assert (row.ip, row.user_agent, row.said_at) == ("203.0.113.7", "A reader of pages", texting.house.clock.now())
    with texting.house.ports.database.read(texting.house.organisation_id) as session:
        assert standing(session, "sms", "+13125550123").granted_at is not None
    assert not at_contact(texting).sees(LABEL), "asked once"


@pytest.mark.parametrize("case", ["no carrier", "no number", "said stop"])
def test_c27_nobody_is_asked_who_cannot_or_will_not_get_texts(portal: Portal, case: str) -> None:
    house = portal.house
    if case != "no carrier":
        house.has_carrier()
    with house.ports.database.transaction(house.organisation_id) as session:
        from portal.domain.contact_wish import WishSource
        from portal.storage import customer
        from portal.usecases.contact_wish import Words, stop

        payer = customer.by_id(session, house.customer_id)
        assert payer is not None
        if case == "no number":
            payer.phone = None
        if case == "said stop":
            stop(session, "sms", "+13125550123", Words("STOP", WishSource.sms_reply), house.clock.now(), customer=None)
    reader = at_contact(portal)
    assert not reader.sees(LABEL)
    before = len(said(portal))
    form, button = reader.form_of("Yes, continue")
    reader.post(form.get("action") or reader.url, {**reader.values_of(form, button), "text_consent": "yes"})
    assert len(said(portal)) == before, "a forged tick is no consent to what was not shown"
