"""Self Pay in a real Chromium, line by line as the manual has it (S0:18-23), and nothing for axe to find on the way."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from playwright.sync_api import expect

from portal.usecases.account import add_customer
from tests.browser.conftest import DESK, PHONE, Site, Visitor, axe, fill_card
from tests.rig.people import payer
from tests.rig.series import today
from tests.rig.subscriptions import assigned, payments

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]
Visit = Callable[..., Visitor]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])
def test_s0_18_to_23_line_by_line_with_nothing_for_axe_to_find(
    site: Site, visit: Visit, size: dict[str, int], scheme: str
) -> None:
    house, first = site.house, today(site.house)
    with house.ports.database.transaction(house.organisation_id) as session:
        now = house.ports.clock.now()
        person = add_customer(
            session, reference=f"S-{now.timestamp()}", given_name="Jordan", family_name="Reyes",
            email="jordan@example.com", now=now,
        ).id  # fmt: skip
    own = replace(house, customer_id=person)
    one = assigned(own, first, first + timedelta(days=420), customer_id=person)
    known = payer(own, person)
    page = visit(viewport=size, color_scheme=scheme).page
    page.goto(f"{site.url}/{house.slug}/self-pay")
    page.get_by_label("Username").fill(known.username)  # S0:18
    page.get_by_label("PIN", exact=True).fill(known.pin)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="Order Details")).to_be_visible()  # S0:19
    expect(page.get_by_text("Noor Haddad").first).to_be_visible()
    expect(page.locator("li.payment")).to_have_count(14)
    expect(page.get_by_role("heading", name="Payment", exact=True)).to_be_attached()  # S0:20
    assert axe(page) == []
    box = page.get_by_role("checkbox", name="I allow")  # S0:21
    expect(box).not_to_be_checked()
    fill_card(page)  # S0:22
    button = page.get_by_role("button", name="Pay Now")
    expect(button).to_be_enabled()
    button.click()
    expect(page.locator("#error-summary")).to_contain_text("Tick the box to allow the monthly charge")
    expect(page).to_have_title("Error: Order Details - Harbour Recovery")
    assert axe(page) == []
    box.check()
    page.get_by_role("button", name="Pay Now").click()
    expect(page.get_by_role("heading", name="Payment received")).to_be_visible()
    expect(page.get_by_text("A receipt is on its way to jordan@example.com")).to_be_visible()  # S0:23
    assert axe(page) == []
    assert [each.status for each in payments(own, one)] == ["paid", *["due"] * 13]
    page.get_by_role("link", name="See your subscription").click()
    expect(page.get_by_role("heading", name="Your subscription")).to_be_visible()
    assert axe(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]
    page.get_by_role("link", name="Something is wrong").click()
    expect(page.get_by_role("heading", name="Something is wrong")).to_be_visible()
    assert axe(page) == []
