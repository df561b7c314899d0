"""Papers to post at the console in a real Chromium: in order on a phone and at a desk, for axe too, and ticked off."""

import uuid
from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from portal.usecases.account import add_customer
from portal.usecases.sign import withdraw
from tests.browser.conftest import DESK, PHONE, Site, Visitor, axe
from tests.browser.test_staff_plan import sign_in
from tests.rig.house import House
from tests.rig.plans import BROWSER, IP, offered, signer
from tests.rig.series import told

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]
Visit = Callable[..., Visitor]


def of_somebody_else(house: House, family_name: str) -> House:
    """The same organisation with a customer of this test alone: who wants paper wants it in every other test too."""
    with house.ports.database.transaction(house.organisation_id) as session:
        row = add_customer(
            session, reference=family_name, given_name="Paula", family_name=family_name, email="paula@example.com",
            now=house.ports.clock.now(),
        )  # fmt: skip
        row.address_line1, row.city, row.state, row.postal_code = "12 Elm Street", "Chicago", "IL", "60614"
        return House(house.ports, house.simulator, house.organisation_id, row.id, house.merchant_id, house.slug)


@pytest.mark.parametrize(("size", "scheme"), [(PHONE, "light"), (DESK, "dark")], ids=["phone-light", "desk-dark"])
def test_c14_papers_wait_to_be_posted_and_are_ticked_off(
    site: Site, visit: Visit, size: dict[str, int], scheme: str
) -> None:
    name = f"Page{uuid.uuid4().hex[:8]}"
    house = of_somebody_else(site.house, name)
    person = signer(house, offered(house, account_id=house.account(50_000))).read()
    person.sign()
    withdraw(house.ports, house.organisation_id, person.signing_id, person.secret, ip=IP, user_agent=BROWSER)
    told(house)
    page = visit(viewport=size, color_scheme=scheme, bypass_csp=True).page
    sign_in(page, site)
    page.get_by_role("link", name="Print and post").click()
    paper = page.get_by_role("listitem").filter(has_text=name)
    expect(paper.get_by_role("heading", name="Payment schedule, Signed agreement")).to_be_visible()
    assert axe(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]
    with page.expect_popup() as opened:
        paper.get_by_role("link", name="Open to print (PDF): Signed agreement").click()
    opened.value.close()
    paper.get_by_role("button", name="It is in the mail").click()
    expect(page.get_by_text("Noted as posted.")).to_be_visible()
    expect(page.get_by_role("listitem").filter(has_text=name).get_by_role("button")).to_have_count(0)
    assert axe(page) == []
