"""The links about scheduled payments in a real Chromium: the list and its changes, another card; axe on every state."""

import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from portal.domain.payment_link import Purpose
from portal.usecases.charge import charge_obligation
from tests.browser.conftest import DESK, PHONE, Site, Visitor, axe, fill_card
from tests.rig.series import link_to, payments_of, scheduled, weekly
from tests.rig.simulator_process import SimulatorProcess

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]
Visit = Callable[..., Visitor]
OTHER_CARD = "5555555555554444"
SHOTS = os.environ.get("SHOTS")  # a folder: each state is kept there as a picture, to be looked at


def looked_at(page: Page, name: str) -> None:
    """What axe has to say of a state: nothing."""
    if SHOTS:
        page.screenshot(path=str(Path(SHOTS) / f"{name}.png"), full_page=True)
    assert axe(page) == [], name


def declined(site: Site, world: SimulatorProcess) -> str:
    """A schedule whose first payment, due today, was declined once."""
    site.house.set("weekend_rule", "same")  # due today, whatever day it is
    made = scheduled(site.house, weekly(site.house, 4, days_ahead=0))
    site.house.set("weekend_rule", "after")
    due = payments_of(site.house, made.schedule_id)[0]
    world.faults("decline_soft", merchant=site.house.merchant_id, operation="sale", times=1)
    charge_obligation(site.house.ports, site.house.organisation_id, due.id, timedelta(seconds=3))
    return made.schedule_id


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])
def test_every_state_of_the_schedule_link_is_in_order(
    site: Site, visit: Visit, size: dict[str, int], scheme: str
) -> None:
    name = f"schedule-{'phone' if size is PHONE else 'desk'}-{scheme}"
    made = scheduled(site.house, weekly(site.house, 4, days_ahead=10))
    page = visit(viewport=size, color_scheme=scheme).page
    page.goto(site.url + link_to(site.house, made.schedule_id, Purpose.schedule))
    looked_at(page, f"{name}-01-landing")
    page.get_by_role("button", name="Continue").click()
    page.wait_for_url("**/list")
    expect(page.get_by_role("heading", level=1)).to_be_focused()
    looked_at(page, f"{name}-02-list")
    page.get_by_role("link", name="Move payment 2").click()
    page.wait_for_url("**/2/move")
    page.get_by_role("button", name="Continue").click()
    expect(page.locator("#error-summary")).to_be_focused()
    looked_at(page, f"{name}-03-move-wrong")
    page.get_by_label("New date").select_option(index=2)
    page.get_by_role("button", name="Continue").click()
    page.wait_for_url("**/2/move/*")
    looked_at(page, f"{name}-04-move-check")
    page.get_by_role("button", name="Move the payment").click()
    page.wait_for_url("**/list")
    expect(page.get_by_role("main").get_by_role("status")).to_contain_text("The payment is now on")
    expect(page.get_by_text("moved from")).to_be_visible()
    looked_at(page, f"{name}-05-moved")
    page.get_by_role("link", name="Skip payment 3").click()
    page.wait_for_url("**/3/skip")
    looked_at(page, f"{name}-06-skip")
    page.get_by_label("Yes, leave out").check()
    page.get_by_role("button", name="Skip this payment").click()
    page.wait_for_url("**/list")
    page.get_by_role("link", name="Cancel payment 1").click()
    page.wait_for_url("**/1/cancel")
    page.get_by_role("button", name="Cancel this payment").click()
    expect(page.locator("#error-summary")).to_be_focused()
    looked_at(page, f"{name}-07-cancel-one-wrong")
    page.get_by_role("link", name="Keep it").click()
    page.wait_for_url("**/list")
    page.get_by_role("link", name="Read your authorization").click()
    page.wait_for_url("**/authorization")
    looked_at(page, f"{name}-08-authorization")
    page.get_by_role("link", name="Back").click()
    page.get_by_role("link", name="Cancel all payments").click()
    page.wait_for_url("**/cancel")
    looked_at(page, f"{name}-09-cancel")
    page.get_by_label("Yes, cancel all").check()
    page.get_by_role("button", name="Cancel all payments").click()
    page.wait_for_url("**/list")
    looked_at(page, f"{name}-10-cancelled")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])
def test_every_state_of_the_card_link_is_in_order(
    site: Site, visit: Visit, world: SimulatorProcess, size: dict[str, int], scheme: str
) -> None:
    name = f"card-{'phone' if size is PHONE else 'desk'}-{scheme}"
    schedule_id = declined(site, world)
    visitor = visit(viewport=size, color_scheme=scheme)
    page = visitor.page
    page.goto(site.url + link_to(site.house, schedule_id, Purpose.card))
    looked_at(page, f"{name}-01-landing")
    assert visitor.origins() == {site.url}, "no third party before the press"
    page.get_by_role("button", name="Continue").click()
    page.wait_for_url("**/card")
    expect(page.locator('form[data-card-state="ready"]')).to_be_visible()
    looked_at(page, f"{name}-02-card")
    page.get_by_role("button", name="Continue").click()
    expect(page.locator("#error-summary")).to_be_focused()
    looked_at(page, f"{name}-03-card-wrong")
    fill_card(page, OTHER_CARD)
    page.get_by_role("button", name="Continue").click()
    page.wait_for_url("**/authorize")
    looked_at(page, f"{name}-04-authorize")
    page.get_by_role("button", name="Use this card").click()
    expect(page.locator("#error-summary")).to_be_focused()
    looked_at(page, f"{name}-05-authorize-wrong")
    page.get_by_label("I have read this").check()
    page.get_by_role("button", name="Use this card").click()
    page.wait_for_url("**/done")
    expect(page.get_by_role("heading", level=1)).to_have_text("Your card was changed")
    expect(page.get_by_text("Paid", exact=True)).to_be_visible()
    looked_at(page, f"{name}-06-done")
    for request in visitor.requests:
        if request.url.startswith(site.url):
            assert OTHER_CARD not in (request.post_data or "") + request.url


def test_a_card_that_is_declined_too_says_so_and_offers_another(
    site: Site, visit: Visit, world: SimulatorProcess
) -> None:
    schedule_id = declined(site, world)
    page = visit().page
    page.goto(site.url + link_to(site.house, schedule_id, Purpose.card))
    page.get_by_role("button", name="Continue").click()
    page.wait_for_url("**/card")
    fill_card(page, OTHER_CARD)
    page.get_by_role("button", name="Continue").click()
    page.wait_for_url("**/authorize")
    world.faults("decline_soft", merchant=site.house.merchant_id, operation="sale", times=1)
    page.get_by_label("I have read this").check()
    page.get_by_role("button", name="Use this card").click()
    page.wait_for_url("**/done")
    looked_at(page, "card-declined-again")
    page.get_by_role("button", name="Use another card").click()
    page.wait_for_url("**/card")


def test_attack_119_nothing_of_these_links_is_left_in_the_browser(site: Site, visit: Visit) -> None:
    made = scheduled(site.house)
    page = visit().page
    link = site.url + link_to(site.house, made.schedule_id, Purpose.schedule)
    page.goto(link)
    page.get_by_role("button", name="Continue").click()
    page.wait_for_url("**/list")
    page.get_by_role("link", name="Cancel all payments").click()
    page.wait_for_url("**/cancel")
    assert page.evaluate("[localStorage.length, sessionStorage.length]") == [0, 0]
    assert page.evaluate("document.cookie") == ""
    page.context.clear_cookies()
    page.go_back()
    expect(page.get_by_role("heading", level=1)).to_have_text("Please open your link again")


def test_without_script_payments_are_cancelled_and_the_card_page_says_what_to_do(site: Site, visit: Visit) -> None:
    made = scheduled(site.house, weekly(site.house, 2, days_ahead=10))
    page = visit(java_script_enabled=False).page
    page.goto(site.url + link_to(site.house, made.schedule_id, Purpose.card))
    page.get_by_role("button", name="Continue").click()
    expect(page.get_by_text("the card fields are the card processor's own and need JavaScript")).to_be_visible()
    page.goto(site.url + link_to(site.house, made.schedule_id, Purpose.schedule))
    page.get_by_role("button", name="Continue").click()
    page.get_by_role("link", name="Cancel all payments").click()
    page.get_by_label("Yes, cancel all").check()
    page.get_by_role("button", name="Cancel all payments").click()
    expect(page.get_by_text("2 payments were cancelled.")).to_be_visible()
