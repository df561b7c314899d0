"""Scheduling in a real Chromium: with script, without it, by keyboard, in light and dark; axe on every state of it."""

from collections.abc import Callable, Iterator
from datetime import date, timedelta

import pytest
from playwright.sync_api import Page, expect

from portal.domain.due_date import local_date
from portal.storage import obligation, payment_method, schedule
from tests.browser.conftest import DESK, PHONE, Site, Visitor, axe, fill_card
from tests.rig.simulator_process import SimulatorProcess

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]
Visit = Callable[..., Visitor]


@pytest.fixture(autouse=True)
def _no_cards_left(site: Site) -> Iterator[None]:
    """A schedule keeps its card with the customer that all these tests share."""
    yield
    with site.house.ports.database.transaction(site.house.organisation_id) as session:
        for card in payment_method.of_customer(session, site.house.customer_id):
            card.removed_at = site.house.ports.clock.now()


def in_days(site: Site, days: int) -> date:
    return local_date(site.house.ports.clock.now(), "America/Chicago") + timedelta(days=days)


def open_amount(page: Page, site: Site, account_id: str) -> None:
    page.goto(site.link(account_id))
    page.get_by_role("button", name="Continue").click()
    page.get_by_role("button", name="Yes, continue").click()
    page.wait_for_url("**/amount")


def to_dates(page: Page, site: Site, account_id: str, expiry: str = "12/31") -> None:
    open_amount(page, site, account_id)
    page.get_by_label("Schedule payments").check()
    expect(page.locator("#card-number iframe")).to_be_visible()
    fill_card(page, expiry=expiry)
    page.get_by_role("button", name="Continue").click()
    page.wait_for_url("**/schedule")


def promised(site: Site, account_id: str) -> list[int]:
    with site.house.ports.database.read(site.house.organisation_id) as session:
        rows = obligation.live_of_account(session, account_id)
        assert len(schedule.of_account(session, account_id)) == 1
    return [row.amount_cents for row in sorted(rows, key=lambda row: row.seq)]


def complaints(visitor: Visitor) -> list[str]:
    """What the browser complained of, but for answers that say what is wrong with a form."""
    return [each for each in visitor.complaints if "422" not in each and "409" not in each]


def test_a_person_with_a_phone_schedules_payments_on_their_payday(site: Site, visit: Visit) -> None:
    visitor, owed = visit(), site.house.account(50_000)
    page = visitor.page
    to_dates(page, site, owed)
    page.get_by_label("On my payday").check()
    page.get_by_label("Every other week").check()
    page.get_by_label("One of your paydays").fill(in_days(site, 3).isoformat())
    page.get_by_label("How many payments").fill("4")
    page.get_by_role("button", name="Show the dates").click()
    expect(page.locator("#dates-heading")).to_have_text("4 payments, $500.00 in all")
    expect(page.locator("#dates-heading")).to_be_focused()
    assert page.url.endswith("/schedule")
    expect(page.locator("#dates .payment")).to_have_count(4)
    page.get_by_role("button", name="Continue").click()
    page.wait_for_url("**/check")
    expect(page.get_by_role("heading", level=1)).to_be_focused()
    for row in ("dates", "card", *(f"payment {number}" for number in range(1, 5))):  # W26
        expect(page.get_by_role("link", name=f"Change {row}", exact=True)).to_be_visible()
    page.get_by_role("link", name="Back").click()
    page.wait_for_url("**/schedule")
    expect(page.locator("#dates .payment")).to_have_count(4)
    page.get_by_role("button", name="Continue").click()
    page.wait_for_url("**/check")
    page.get_by_role("button", name="Confirm and continue").click()
    page.wait_for_url("**/agreement")
    page.get_by_label("I have read this").check()
    page.get_by_role("button", name="Schedule 4 payments").click()
    page.wait_for_url("**/result")
    expect(page.get_by_role("heading", level=1)).to_have_text("Your payments are scheduled")
    assert promised(site, owed) == [12_500] * 4
    assert complaints(visitor) == []


def test_the_list_changes_in_place_and_nothing_typed_is_lost(site: Site, visit: Visit) -> None:
    page = visit().page
    to_dates(page, site, site.house.account(50_000))
    page.get_by_role("button", name="Show the dates").click()
    summary = page.locator("#error-summary")
    expect(summary).to_be_focused()
    expect(summary).to_contain_text("Enter the date of the first payment.")
    page.get_by_label("Every week").check()
    page.get_by_label("Date of the first payment").fill(in_days(site, 2).isoformat())
    page.get_by_label("How many payments").fill("3")
    page.get_by_role("button", name="Show the dates").click()
    expect(page.locator("#dates .payment")).to_have_count(3)
    expect(summary).to_have_count(0)
    page.get_by_label("Same amount each time").check()
    page.get_by_label("Amount of each payment").fill("75")
    page.get_by_label("How many payments").fill("6")
    page.get_by_role("button", name="Show the dates").click()
    expect(page.locator("#dates-heading")).to_have_text("6 payments, $450.00 in all")
    expect(page.get_by_label("Amount of each payment")).to_have_value("75")
    page.get_by_label("I choose each amount").check()
    page.get_by_role("button", name="Show the dates").click()
    page.get_by_label("2. ").fill("5")
    page.get_by_label("3. ").fill("12,5")
    page.get_by_role("button", name="Continue").click()
    expect(summary).to_be_focused()
    expect(page.get_by_label("2. ")).to_have_value("5")
    expect(page.get_by_label("3. ")).to_have_value("12,5")
    page.get_by_label("3. ").fill("12.50")
    page.get_by_role("button", name="Continue").click()
    page.wait_for_url("**/check")
    page.get_by_role("link", name="Change payment 2").click()
    page.wait_for_url("**/schedule?change=2")
    expect(page.get_by_label("2. ")).to_be_focused()
    page.go_back()
    page.wait_for_url("**/check")
    expect(page.get_by_role("heading", level=1)).to_have_text("Check your payments")


def test_only_what_was_chosen_is_asked_for(site: Site, visit: Visit) -> None:
    page = visit().page
    to_dates(page, site, site.house.account(50_000))
    expect(page.get_by_label("How many payments")).to_be_hidden()
    expect(page.get_by_label("Whole balance")).to_be_visible()
    page.get_by_label("Twice a month").check()
    expect(page.get_by_label("First day")).to_be_visible()
    expect(page.get_by_label("Whole balance")).to_be_hidden()
    page.get_by_label("On my payday").check()
    expect(page.get_by_label("First day")).to_be_hidden()
    page.get_by_label("Weekly").check()
    expect(page.get_by_label("Day of the week")).to_be_visible()
    page.get_by_label("Two days a month").check()
    expect(page.get_by_label("First day")).to_be_visible()
    expect(page.get_by_label("Day of the week")).to_be_hidden()


def test_the_box_for_keeping_a_card_is_not_there_where_payments_are_scheduled(site: Site, visit: Visit) -> None:
    page = visit().page
    open_amount(page, site, site.house.account(50_000))
    expect(page.get_by_label("Save this card")).to_be_visible()
    page.get_by_label("Schedule payments").check()
    expect(page.get_by_label("Save this card")).to_be_hidden()
    expect(page.get_by_text("keeps this card with its card processor")).to_be_visible()
    expect(page.get_by_label("Whole balance")).to_be_hidden()


def test_a_wrong_date_never_costs_the_card_that_was_typed(site: Site, visit: Visit) -> None:
    page = visit().page
    to_dates(page, site, site.house.account(50_000))
    page.get_by_role("button", name="Continue").click()
    expect(page.locator("#error-summary")).to_be_focused()
    page.get_by_label("Date of the first payment").fill(in_days(site, 5).isoformat())
    page.get_by_role("button", name="Continue").click()
    page.wait_for_url("**/check")
    expect(page.get_by_text("Visa •••• 1111")).to_be_visible()


def test_a_keyboard_alone_schedules_payments(site: Site, visit: Visit) -> None:
    page, owed = visit(viewport=DESK).page, site.house.account(50_000)

    def tab_to(selector: str) -> None:
        for _ in range(40):
            page.keyboard.press("Tab")
            if page.evaluate("selector => document.activeElement.matches(selector)", selector):
                return
        raise AssertionError(f"no way to {selector} by keyboard")

    to_dates(page, site, owed)
    tab_to("#often-once")
    page.keyboard.press("ArrowDown")
    expect(page.get_by_label("Every week")).to_be_checked()
    tab_to("#start-on")
    day = in_days(site, 1)
    page.keyboard.type(f"{day:%m%d%Y}")
    tab_to("#number")
    page.keyboard.type("2")
    page.keyboard.press("Enter")
    expect(page.locator("#dates .payment")).to_have_count(2)
    tab_to("main button.primary")
    page.keyboard.press("Enter")
    page.wait_for_url("**/check")
    tab_to("main button.primary")
    page.keyboard.press("Enter")
    page.wait_for_url("**/agreement")
    tab_to("#agreed")
    page.keyboard.press("Space")
    tab_to("main button.primary")
    page.keyboard.press("Enter")
    page.wait_for_url("**/result")
    assert promised(site, owed) == [25_000] * 2


def test_without_script_payments_are_scheduled_with_a_card_on_file(site: Site, visit: Visit) -> None:
    kept, owed = site.house.card_on_file(), site.house.account(50_000)
    page = visit(java_script_enabled=False).page
    open_amount(page, site, owed)
    page.get_by_label("Schedule payments").check()
    page.locator(f"label[for='method-{kept}']").click()
    page.get_by_label("Last 4 digits of the card").fill("1111")
    page.get_by_label("Billing ZIP code").first.fill("94107")
    page.get_by_role("button", name="Continue").click()
    page.wait_for_url("**/schedule")
    page.get_by_label("Every week").check()
    page.get_by_label("Date of the first payment").fill(in_days(site, 1).isoformat())
    page.get_by_label("How many payments").fill("3")
    page.get_by_role("button", name="Show the dates").click()
    expect(page.locator("#dates .payment")).to_have_count(3)
    page.get_by_role("button", name="Continue").click()
    page.wait_for_url("**/check")
    page.get_by_role("button", name="Confirm and continue").click()
    page.get_by_label("I have read this").check()
    page.get_by_role("button", name="Schedule 3 payments").click()
    page.wait_for_url("**/result")
    assert promised(site, owed) == [16_666, 16_666, 16_668]


def test_a_declined_payment_of_today_says_what_to_do(site: Site, visit: Visit, world: SimulatorProcess) -> None:
    page, owed = visit().page, site.house.account(50_000)
    to_dates(page, site, owed)
    page.get_by_label("Every week").check()
    page.get_by_label("Date of the first payment").fill(in_days(site, 0).isoformat())
    page.get_by_label("How many payments").fill("2")
    page.get_by_role("button", name="Continue").click()
    page.wait_for_url("**/check")
    page.get_by_role("button", name="Confirm and continue").click()
    page.wait_for_url("**/agreement")
    page.get_by_label("I have read this").check()
    if page.get_by_role("button", name="and schedule").count() == 0:
        pytest.skip("today is a weekend or a holiday here, so nothing is due today")
    world.faults("decline_soft", merchant=site.house.merchant_id, operation="sale", times=1)
    page.get_by_role("button", name="and schedule").click()
    page.wait_for_url("**/result")
    expect(page.locator(".payment").first).to_contain_text("Declined")
    expect(page.get_by_text("Your bank did not approve today's payment.")).to_be_visible()
    assert axe(page) == []


@pytest.mark.parametrize(
    ("size", "scheme"),
    [(PHONE, "light"), (DESK, "light"), ({"width": 320, "height": 640}, "dark")],
    ids=["phone-light", "desk-light", "narrow-dark"],
)
def test_axe_finds_nothing_on_any_state_of_scheduling(
    site: Site, visit: Visit, scheme: str, size: dict[str, int]
) -> None:
    page = visit(viewport=size, color_scheme=scheme, bypass_csp=True, reduced_motion="reduce").page
    found: dict[str, list[str]] = {}

    def look(name: str) -> None:
        page.wait_for_load_state("networkidle")
        if problems := axe(page):
            found[name] = problems
        if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
            found[f"{name} sideways"] = ["scrolls sideways"]

    owed, soon = site.house.account(500_000), in_days(site, 40)
    open_amount(page, site, owed)
    page.get_by_label("Schedule payments").check()
    expect(page.locator("#card-number iframe")).to_be_visible()
    look("amount")
    fill_card(page, expiry=f"{soon:%m/%y}")
    page.get_by_role("button", name="Continue").click()
    page.wait_for_url("**/schedule")
    look("dates")
    page.get_by_role("button", name="Show the dates").click()
    expect(page.locator("#error-summary")).to_be_focused()
    look("dates error")
    page.get_by_label("On my payday").check()
    page.get_by_label("Two days a month").check()
    look("payday")
    page.get_by_label("First day").select_option("1")
    page.get_by_label("Second day").select_option("31")
    page.get_by_label("Date of the first payment").fill("")
    page.get_by_label("How many payments").fill("8")
    page.get_by_role("button", name="Show the dates").click()
    expect(page.locator("#error-summary")).to_be_focused()
    page.get_by_label("Second day").select_option("15")
    page.get_by_role("button", name="Show the dates").click()
    expect(page.locator("#dates .payment")).to_have_count(8)
    expect(page.get_by_text("This card ends")).to_be_visible()
    look("dates listed")
    page.get_by_label("I choose each amount").check()
    page.get_by_role("button", name="Show the dates").click()
    page.get_by_label("2. ").fill("1")
    page.get_by_role("button", name="Continue").click()
    expect(page.locator("#error-summary")).to_be_focused()
    look("amounts error")
    page.get_by_label("2. ").fill("100")
    page.get_by_role("button", name="Continue").click()
    page.wait_for_url("**/check")
    look("check")
    page.get_by_role("button", name="Confirm and continue").click()
    page.wait_for_url("**/agreement")
    page.get_by_role("button", name="Schedule 8 payments").click()
    expect(page.locator("#error-summary")).to_be_focused()
    look("agreement error")
    page.get_by_label("I have read this").check()
    page.get_by_role("button", name="Schedule 8 payments").click()
    page.wait_for_url("**/result")
    look("scheduled")
    open_amount(page, site, owed)
    expect(page.get_by_text("is scheduled for later already")).to_be_visible()
    look("part scheduled")
    assert found == {}
