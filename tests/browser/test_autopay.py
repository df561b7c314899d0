"""AutoPay in a real Chromium, by keyboard: from the first page to on, then a payment skipped and all of it off.

Each page is looked at once, in light and dark, and at 320 pixels.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from playwright.sync_api import Locator, Page, expect

from portal.domain.due_date import local_date, moment_of
from portal.domain.organisation import Profile
from portal.storage import autopay as autopays
from portal.usecases.autopay_announce import announce
from tests.browser.conftest import Site, Visitor
from tests.browser.test_methods import looked_at, sign_in
from tests.rig.autopay import payments, practice, seen_of, turned_on
from tests.rig.house import House, ManualClock, found
from tests.rig.people import payer
from tests.rig.practice import service_of
from tests.rig.simulator_process import SimulatorProcess

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]
Visit = Callable[..., Visitor]


@pytest.fixture
def house(site: Site, world: SimulatorProcess) -> House:
    """A practice of its own."""
    return found(site.house.ports, world, Profile.therapy)


def announced(house: House, account_id: str) -> None:
    """On since some days, as a client has it: one payment is announced, and one was above their limit."""
    house.set("autopay_quiet_days", 1)
    clock = ManualClock(house.ports.clock.now() - timedelta(days=6))
    then = replace(house, ports=replace(house.ports, clock=clock))
    turned_on(then, account_id, 15_000)
    zone = seen_of(then, account_id).paid_to.timezone
    for days, cents in ((2, 12_000), (4, 20_000)):
        service_of(then, account_id, cents)
        clock.at = moment_of(local_date(clock.at, zone) + timedelta(days=days), 12, zone)
        announce(then.ports)


def press(page: Page, goal: Locator, key: str = "Enter") -> None:
    """As somebody without a mouse does it."""
    goal.focus()
    page.keyboard.press(key)


def test_a_client_turns_it_on_skips_a_payment_and_turns_it_off_by_keyboard(visit: Visit, house: House) -> None:
    running = practice(house)
    announced(house, running)
    new = house.account(0)
    visitor = visit()
    page = visitor.page
    sign_in(page, house, payer(house))
    press(page, page.get_by_role("link", name="AutoPay"))
    expect(page.get_by_text("Each account has its own. On which one?")).to_be_visible()
    press(page, page.locator(f"a.entry[href$='{new}']"))
    expect(page.get_by_text("Off: you pay each service by hand")).to_be_visible()
    expect(page.get_by_role("heading", name="AutoPay", level=1)).to_be_focused()
    press(page, page.get_by_role("button", name="Continue"))
    expect(page.locator("#error-summary")).to_be_focused()
    looked_at(page, "autopay-off-wrong")
    page.get_by_label("Your limit for one payment").fill("200")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Your AutoPay authorization")).to_be_focused()
    turn_on = page.get_by_role("button", name="Turn on AutoPay")
    expect(turn_on).to_be_enabled()
    press(page, turn_on)
    expect(page.locator("#error-summary")).to_contain_text("Tick the box to allow AutoPay.")
    looked_at(page, "autopay-authorize-wrong")
    press(page, page.get_by_label("I allow"), "Space")
    press(page, turn_on)
    expect(page.locator("#announcement")).to_contain_text("AutoPay is on.")
    with house.ports.database.read(house.organisation_id) as session:
        assert autopays.on_account(session, new) is not None
    page.goto(f"{house.ports.portal_url}/{house.slug}/account/autopay/{running}")
    expect(page.get_by_role("heading", name="Not charged by AutoPay")).to_be_visible()
    looked_at(page, "autopay-on")
    press(page, page.get_by_role("button", name="Skip it"))
    expect(page.locator("#step").get_by_text("This payment is left out.")).to_be_visible()
    assert [each.refused_code for each in payments(house, running)] == ["skipped"]
    press(page, page.get_by_role("button", name="Turn off AutoPay"))
    expect(page.locator("#step").get_by_text("AutoPay is off. Nothing more is charged by it")).to_be_visible()
    looked_at(page, "autopay-off")
    with house.ports.database.read(house.organisation_id) as session:
        assert autopays.on_account(session, running) is None
    assert [each for each in visitor.complaints if "422" not in each and "inline style" not in each] == []  # of axe
