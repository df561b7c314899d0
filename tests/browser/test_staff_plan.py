"""A plan made at the console in a real Chromium: on a phone with script, at a desk without; axe on each state of it."""

from collections.abc import Callable
from datetime import UTC, datetime
from re import compile as pattern

import pytest
from playwright.sync_api import Page, expect

from portal.domain.second_factor import code_at
from portal.storage import account, plan
from tests.browser.conftest import DESK, PHONE, Site, Visitor, axe
from tests.rig.people import colleague

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]
Visit = Callable[..., Visitor]


def sign_in(page: Page, site: Site) -> None:
    robin = colleague(site.house)
    page.goto(f"{site.url}/{site.house.slug}/staff/sign-in")
    page.get_by_label("Username").fill(robin.username)
    page.get_by_label("Password").fill(robin.password)
    page.get_by_label("Code from").fill(code_at(robin.totp_secret, datetime.now(UTC)))
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/staff")


def reference(site: Site, account_id: str) -> str:
    with site.house.ports.database.read(site.house.organisation_id) as session:
        row = account.by_id(session, account_id)
    assert row is not None
    return row.reference


def state(site: Site, account_id: str) -> str:
    with site.house.ports.database.read(site.house.organisation_id) as session:
        [row] = plan.of_account(session, account_id)
    return row.state


@pytest.mark.parametrize(
    ("size", "scheme", "script"),
    [(PHONE, "light", True), (DESK, "dark", False)],
    ids=["phone-light-with-script", "desk-dark-without-script"],
)
def test_staff_make_a_plan_see_all_of_it_offer_it_and_cancel_it(
    site: Site, visit: Visit, size: dict[str, int], scheme: str, script: bool
) -> None:
    owed = site.house.account(50_000)
    visitor = visit(viewport=size, color_scheme=scheme, java_script_enabled=script)
    page = visitor.page

    def audited() -> None:
        if script:
            assert axe(page) == []
            assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]

    sign_in(page, site)
    page.get_by_role("link", name="Payment plans").click()
    page.wait_for_url("**/staff/plans")
    audited()
    page.get_by_role("link", name="Make a plan").click()
    page.wait_for_url("**/plans/new")
    page.get_by_label("Account number").fill(reference(site, owed))
    page.get_by_role("button", name="Find").click()
    found = page.locator("#found").get_by_role("link")
    expect(found).to_have_count(1)
    audited()
    found.click()
    page.wait_for_url(pattern(r"/plans/new/[0-9a-f]{32}$"))
    page.get_by_label("A settlement").check()
    page.get_by_label("Total in US dollars").fill("500")
    page.get_by_label("Down payment").fill("50")
    if script:
        expect(page.get_by_label("One of the customer's paydays")).to_be_hidden()
    page.get_by_label("How often").select_option(label="On payday: last working day of the month")
    page.get_by_label("How many payments").fill("3")
    page.get_by_role("button", name="Show the whole plan").click()
    expect(page.locator("#total-error")).to_contain_text("less than the $500.00")
    expect(page.get_by_label("How many payments")).to_have_value("3")
    if script:
        expect(page.locator("#error-summary")).to_be_focused()
    audited()
    page.get_by_label("Total in US dollars").fill("200")
    page.get_by_role("button", name="Show the whole plan").click()
    expect(page.get_by_role("heading", name="Check this plan")).to_be_visible()
    expect(page.get_by_role("heading", name="4 payments, $200.00 in all")).to_be_visible()
    expect(page.locator(".payment-amount")).to_have_text(["$50.00", "$50.00", "$50.00", "$50.00"])
    assert state(site, owed) == "draft"
    audited()
    page.get_by_role("button", name="Offer it to the customer").click()
    expect(page.get_by_text("The offer is on its way")).to_be_visible()
    assert state(site, owed) == "offered"
    page.get_by_role("link", name="Change this plan").click()
    page.wait_for_url("**/change")
    audited()
    page.get_by_label("How many payments").fill("5")
    page.get_by_role("button", name="Show the whole plan").click()
    expect(page.get_by_role("heading", name="Check the new version")).to_be_visible()
    expect(page.locator("section[aria-labelledby=payments-heading] .payment-amount")).to_have_text(
        ["$50.00"] + ["$30.00"] * 5
    )
    audited()
    page.get_by_role("link", name="Leave it as it is").click()
    page.wait_for_url(pattern(r"/plans/[0-9a-f]{32}$"))
    page.get_by_role("link", name="Cancel this plan").click()
    page.wait_for_url("**/cancel")
    audited()
    page.get_by_label("Why").fill("Paid another way.")
    page.get_by_role("button", name="Cancel this plan").click()
    expect(page.get_by_text("The plan is cancelled.")).to_be_visible()
    audited()
    assert state(site, owed) == "cancelled"
    assert [each for each in visitor.complaints if "422" not in each] == []


def test_the_list_is_narrowed_without_leaving_the_page(site: Site, visit: Visit) -> None:
    page = visit(viewport=DESK).page
    sign_in(page, site)
    page.get_by_role("link", name="Payment plans").click()
    page.wait_for_url("**/staff/plans")
    heading = page.locator("h1").element_handle()
    page.get_by_role("link", name="Expired").click()
    page.wait_for_url("**/plans?state=expired")
    expect(page.get_by_role("link", name="Expired")).to_have_attribute("aria-current", "true")
    assert heading.evaluate("each => each.isConnected"), "only the list was swapped"
    page.go_back()
    page.wait_for_url("**/staff/plans")
    expect(page.get_by_role("link", name="All plans")).to_have_attribute("aria-current", "true")
