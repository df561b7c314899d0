"""Subscriptions at the console in a real Chromium: each page in both schemes, nothing for axe to find, nothing wide."""

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import DESK, PHONE, Site, Visitor, axe
from tests.browser.test_staff_plan import sign_in
from tests.rig.series import today
from tests.rig.subscriptions import activated, assigned, row_of

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]
Visit = Callable[..., Visitor]


@pytest.mark.parametrize(("size", "scheme"), [(PHONE, "light"), (DESK, "dark")], ids=["phone-light", "desk-dark"])
def test_staff_look_at_a_subscription_and_at_each_change_of_it(
    site: Site, visit: Visit, size: dict[str, int], scheme: str
) -> None:
    one = assigned(site.house, today(site.house), today(site.house).replace(year=today(site.house).year + 1, day=1))
    activated(site.house, one)
    page = visit(viewport=size, color_scheme=scheme).page

    def audited() -> None:
        assert axe(page) == [], page.url
        assert page.evaluate("document.documentElement.scrollWidth") <= size["width"], page.url

    sign_in(page, site)
    page.get_by_role("link", name="Subscriptions").click()
    page.wait_for_url("**/staff/subscriptions")
    audited()
    home = f"{site.url}/{site.house.slug}/staff/subscriptions"
    page.goto(f"{home}/{one}")
    expect(page.get_by_role("heading", name=row_of(site.house, one).reference)).to_be_visible()
    audited()
    for kind in ("reduce", "extend", "pause"):
        page.goto(f"{home}/{one}/{kind}")
        audited()
    page.goto(f"{home}/programs")
    audited()
    page.get_by_role("link", name="Location monitoring").click()
    page.get_by_role("button", name="Assign it and tell the participant").click()
    expect(page.get_by_role("heading", name="There is a problem")).to_be_visible()
    audited()
