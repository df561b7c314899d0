"""My Profile, messages: what is said there is kept in its words, and what follows is said (C14, C27)."""

import pytest

from portal.domain.contact_wish import WishSource
from portal.storage import contact_wish, customer
from portal.storage.contact_wish import ContactWish
from portal.usecases.contact_wish import Words, may_text, refuse_medium, standing
from tests.rig.people import Payer, payer
from tests.rig.reader import Reader
from tests.web.conftest import Portal


@pytest.fixture
def dana(portal: Portal) -> Payer:
    return payer(portal.house)


def at_messages(portal: Portal, dana: Payer) -> Reader:
    return dana.sign_in(portal.reader()).follow("My Profile").follow("Emails and texts")


def said(portal: Portal) -> list[ContactWish]:
    with portal.house.ports.database.read(portal.house.organisation_id) as session:
        return contact_wish.of_customer(session, portal.house.customer_id, "consent")


def test_c14_emails_end_by_a_box_that_says_what_follows_and_begin_again(portal: Portal, dana: Payer) -> None:
    reader = at_messages(portal, dana)
    box = reader.field("may email me about my account")
    assert box.has("checked")
    assert reader.sees("Without the tick you get no links")
    assert reader.sees("the law asks for them")
    reader.untick("may email me about my account").press("Save")
    assert reader.sees("Saved.")
    [row] = said(portal)
    assert (row.is_on, row.source, row.words) == (False, "profile", "No more emails about my account.")
    reader.open(f"/{portal.slug}/account/profile/messages")
    assert not reader.field("may email me about my account").has("checked")
    reader.choose("may email me about my account").press("Save")
    rows = said(portal)
    assert [each.is_on for each in rows] == [False, True]
    assert rows[1].words.endswith("may email me about my account.")


def test_saving_what_was_said_before_adds_nothing(portal: Portal, dana: Payer) -> None:
    at_messages(portal, dana).press("Save")
    assert said(portal) == []


def test_c27_texts_need_a_tick_beside_their_exact_words(portal: Portal, dana: Payer) -> None:
    portal.house.has_carrier()
    portal.house.set("name_in_texts", "Harbour Office")
    reader = at_messages(portal, dana)
    box = reader.field("may text me at")
    assert not box.has("checked")
    shown = next(each.text for each in reader.page.all("label") if "may text me at" in each.text)
    reader.choose("may text me at").press("Save")
    [row] = said(portal)
    assert (row.is_on, row.channel, row.words, row.ip) == (True, "sms", " ".join(shown.split()), "203.0.113.7")
    with portal.house.ports.database.read(portal.house.organisation_id) as session:
        about = customer.by_id(session, portal.house.customer_id)
        assert about is not None
        assert may_text(session, about)
    reader.open(f"/{portal.slug}/account/profile/messages")
    reader.untick("may text me at").press("Save")
    with portal.house.ports.database.read(portal.house.organisation_id) as session:
        assert standing(session, "sms", about.phone or "").granted_at is None


def test_without_an_account_to_text_by_nobody_is_asked_for_texts(portal: Portal, dana: Payer) -> None:
    assert not at_messages(portal, dana).sees("may text me at")


def test_a_medium_that_was_refused_on_the_phone_is_wanted_again(portal: Portal, dana: Payer) -> None:
    house = portal.house
    with house.ports.database.transaction(house.organisation_id) as session:
        about = customer.by_id(session, house.customer_id)
        assert about is not None
        refuse_medium(session, about, "email", Words("No email, please.", WishSource.phone), house.clock.now(), on=True)
    house.clock.pass_(seconds=5)
    reader = at_messages(portal, dana)
    assert not reader.field("may email me").has("checked")
    reader.choose("may email me").press("Save").open(f"/{portal.slug}/account/profile/messages")
    assert reader.field("may email me").has("checked")


def test_who_signed_in_with_an_ssn_changes_nothing_here(portal: Portal) -> None:
    """Attack 20."""
    portal.house.set("sign_in_ssn", True)
    dana = payer(portal.house, ssn="078-05-1120")
    reader = portal.reader().open(f"/{portal.slug}/sign-in/ssn").fill("Social Security number", "078-05-1120")
    reader.fill("PIN", dana.pin).press("Sign in").open(f"/{portal.slug}/account/profile/messages")
    assert reader.status == 403
