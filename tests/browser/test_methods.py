"""Cards on file and message choices in a real Chromium: a card is typed, named, and takes over what ran on another.

Each page is looked at once, in light and dark, and at 320 pixels.
"""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from portal.domain.organisation import Profile
from tests.browser.conftest import DESK, PHONE, Site, Visitor, axe, fill_card
from tests.rig.house import House, found
from tests.rig.people import Payer, payer
from tests.rig.series import plan_of, scheduled
from tests.rig.simulator_process import SimulatorProcess

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]
Visit = Callable[..., Visitor]
SHOTS = os.environ.get("SHOTS")  # a folder: each state is kept there as pictures, to be looked at


@pytest.fixture
def house(site: Site, world: SimulatorProcess) -> House:
    """An organisation of its own: nobody else's cards and limits."""
    return found(site.house.ports, world, Profile.therapy)


def sign_in(page: Page, house: House, dana: Payer) -> None:
    page.goto(f"{house.ports.portal_url}/{house.slug}/sign-in/username")
    page.get_by_label("Username").fill(dana.username)
    page.get_by_label("PIN", exact=True).fill(dana.pin)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/account")


def looked_at(page: Page, name: str) -> None:
    """Nothing for axe to find in light and dark, and nothing to scroll sideways for at 320 pixels."""
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")  # type: ignore[arg-type]  # both are what it takes
        for width, wanted in (("phone", PHONE), ("desk", DESK)) if SHOTS else ():
            page.set_viewport_size(wanted)  # type: ignore[arg-type]  # the dict is one of a size
            page.screenshot(path=str(Path(SHOTS or "") / f"{name}-{width}-{scheme}.png"), full_page=True)
            page.set_viewport_size(PHONE)  # type: ignore[arg-type]  # the dict is one of a size
        assert axe(page) == [], f"{name}, {scheme}"
    page.set_viewport_size({"width": 320, "height": 640})
    assert not page.evaluate("document.documentElement.scrollWidth > innerWidth"), f"{name} scrolls sideways"
    page.set_viewport_size(PHONE)  # type: ignore[arg-type]  # the dict is one of a size


def test_a_card_is_added_named_and_takes_over_what_ran_on_another(visit: Visit, house: House) -> None:
    schedule_id = scheduled(house).schedule_id
    old = plan_of(house, schedule_id).payment_method_id
    visitor = visit()
    page = visitor.page
    sign_in(page, house, payer(house))
    page.get_by_role("link", name="Cards on file").click()
    expect(page.get_by_text("Used for scheduled payments")).to_be_visible()
    looked_at(page, "cards-one")
    page.get_by_role("button", name="Remove").click()
    expect(page.get_by_role("heading", name="There is a problem")).to_be_visible()
    looked_at(page, "cards-needed")
    page.get_by_role("link", name="Use another card for them").click()
    expect(page.get_by_role("heading", name="Add a card")).to_be_visible()
    fill_card(page, "5555555555554444")
    looked_at(page, "card-new")
    page.get_by_role("button", name="Save this card").click()
    expect(page.get_by_role("heading", name="Authorize the other card")).to_be_visible()
    looked_at(page, "card-authorize")
    page.get_by_label("I have read this").check()
    page.get_by_role("button", name="Use this card").click()
    expect(page.get_by_text("Your payments are charged to the other card from now on.")).to_be_visible()
    assert plan_of(house, schedule_id).payment_method_id != old
    page.locator("summary").first.focus()
    page.keyboard.press("Enter")
    page.get_by_label("Name of the card").first.fill("Family card")
    looked_at(page, "cards-naming")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Family card")).to_be_visible()
    looked_at(page, "cards-two")
    page.goto(
        f"{house.ports.portal_url}/{house.slug}/account/methods/{plan_of(house, schedule_id).payment_method_id}/replace"
    )
    looked_at(page, "card-replace")
    ours = [
        each for each in visitor.complaints if "422" not in each and "inline style" not in each
    ]  # of axe, of pictures
    assert ours == []


def test_messages_are_chosen_by_keyboard(visit: Visit, house: House) -> None:
    house.has_carrier()
    page = visit().page
    sign_in(page, house, payer(house))
    page.get_by_role("link", name="My Profile").click()
    expect(page.get_by_role("heading", name="My Profile", level=1)).to_be_visible()
    looked_at(page, "profile")
    page.get_by_role("link", name="Emails and texts").click()
    expect(page.get_by_role("heading", name="Our messages", level=1)).to_be_visible()
    looked_at(page, "messages")
    page.get_by_label("may text me at").focus()
    page.keyboard.press("Space")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Saved.")).to_be_visible()
