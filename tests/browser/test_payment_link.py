"""The payment link in a real Chromium: with script, without it, by keyboard, in both languages, in light and dark."""

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from portal.storage import charge as charges
from portal.storage import obligation as obligations
from portal.storage import payment_method
from portal.usecases.resolve import resolve
from tests.browser.conftest import DESK, PHONE, Site, Visitor, axe, fill_card, tab_to
from tests.rig.house import ManualClock
from tests.rig.keyboard import leave_frames, type_in_frame
from tests.rig.simulator_process import SimulatorProcess

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]
Visit = Callable[..., Visitor]
CARD = "4111111111111111"


def walk_to_amount(page: Page, site: Site, balance_cents: int = 50_000) -> None:
    page.goto(site.link(site.house.account(balance_cents)))
    page.get_by_role("button", name="Continue").click()
    page.get_by_role("button", name="Yes, continue").click()
    page.wait_for_url("**/amount")


def pay_with_new_card(page: Page, number: str = CARD) -> None:
    page.get_by_label("Debit or credit card").or_(page.get_by_label("New debit or credit card")).first.check()
    expect(page.locator("#card-number iframe")).to_be_visible()
    fill_card(page, number)
    page.get_by_role("button", name="Continue").click()
    page.wait_for_url("**/check")


def agree(page: Page) -> None:
    page.get_by_role("button", name="Confirm and continue").click()
    page.get_by_label("I have read this").check()
    page.get_by_role("button", name="Pay $").click()
    page.wait_for_url("**/result")


def complaints(visitor: Visitor) -> list[str]:
    """What the browser complained of, but for answers that say what is wrong with a form."""
    return [each for each in visitor.complaints if "422" not in each and "409" not in each and "410" not in each]


def test_a_person_with_a_phone_pays_with_a_new_card(site: Site, visit: Visit) -> None:
    visitor = visit()
    page = visitor.page
    walk_to_amount(page, site)
    assert visitor.origins() == {site.url, site.house.simulator.url}
    pay_with_new_card(page)
    agree(page)
    expect(page.get_by_role("heading", level=1)).to_have_text("Payment received")
    assert complaints(visitor) == []


def test_attack_028_no_third_party_is_loaded_before_the_card_page(site: Site, visit: Visit) -> None:
    visitor = visit()
    page = visitor.page
    page.goto(site.link(site.house.account()))
    page.get_by_role("button", name="Continue").click()
    page.wait_for_url("**/contact")
    assert visitor.origins() == {site.url}
    assert "/l/" not in page.url


def test_attack_038_the_landing_page_lets_its_own_form_say_where_it_comes_from(site: Site, visit: Visit) -> None:
    """As Safari before 16.4: no `Sec-Fetch-Site` reaches the portal, so `Origin` must; the token is told to nobody."""
    page = visit().page
    posted: list[dict[str, str]] = []

    def as_safari(route: Route) -> None:
        headers = {
            name: value for name, value in route.request.all_headers().items() if not name.startswith("sec-fetch")
        }
        if route.request.method == "POST":
            posted.append(headers)
        route.continue_(headers=headers)

    page.route(f"{site.url}/**", as_safari)
    link = site.link(site.house.account())
    page.goto(link)
    page.get_by_role("button", name="Continue").click()
    page.wait_for_url("**/contact")
    assert posted[0]["origin"] == site.url
    assert link.rsplit("/", 1)[1] not in posted[0].get("referer", "")


def test_attack_029_the_token_is_in_no_referer_to_the_gateway(site: Site, visit: Visit) -> None:
    visitor = visit()
    page = visitor.page
    link = site.link(site.house.account())
    page.goto(link)
    page.get_by_role("button", name="Continue").click()
    page.get_by_role("button", name="Yes, continue").click()
    page.wait_for_url("**/amount")
    page.wait_for_selector("#card-number iframe", state="attached")
    token = link.rsplit("/", 1)[1]
    outside = [request for request in visitor.requests if not request.url.startswith(site.url)]
    assert outside
    for request in outside:
        assert token not in str(request.all_headers()) + request.url
        assert "/pay/" not in request.all_headers().get("referer", "")


def test_the_card_number_reaches_the_gateway_and_never_the_portal(site: Site, visit: Visit) -> None:
    visitor = visit()
    page = visitor.page
    walk_to_amount(page, site)
    pay_with_new_card(page, "5555555555554444")
    agree(page)
    for request in visitor.requests:
        if request.url.startswith(site.url):
            assert "5555555555554444" not in (request.post_data or "") + request.url
    assert any("5555555555554444" in (request.post_data or "") for request in visitor.requests)
    log = site.log_path.read_text()
    assert "5555555555554444" not in log
    assert '"event": "request"' in log


def test_attack_119_nothing_is_left_in_the_browser(site: Site, visit: Visit) -> None:
    page = visit().page
    walk_to_amount(page, site)
    pay_with_new_card(page)
    agree(page)
    assert page.evaluate("[localStorage.length, sessionStorage.length]") == [0, 0]


def test_w26_what_was_typed_stays_after_a_wrong_amount_and_is_checked_and_changed_before_it_is_paid(
    site: Site, visit: Visit
) -> None:
    page = visit().page
    walk_to_amount(page, site)
    page.get_by_label("Another amount").check()
    page.get_by_label("Amount in US dollars").fill("1")
    page.get_by_label("Debit or credit card").check()
    fill_card(page)
    page.get_by_role("button", name="Continue").click()
    summary = page.locator("#error-summary")
    expect(summary).to_contain_text("The amount must be at least $5.00.")
    expect(summary).to_be_focused()
    assert page.title().startswith("Error: ")
    shown = page.frame_locator("#card-number iframe").locator("input:visible").first.input_value()
    assert shown.replace(" ", "") == CARD
    page.get_by_label("Amount in US dollars").fill("$25.00")
    page.get_by_role("button", name="Continue").click()
    page.wait_for_url("**/check")
    expect(page.locator(".row-total dd").first).to_have_text("$25.00")
    changes = page.locator("main .rows .change a")
    assert changes.count() >= 3
    assert all(re.fullmatch(r"Change \w[\w ]+", each) for each in map(spoken, changes.all()))
    page.get_by_role("link", name="Change card").click()
    page.wait_for_url("**/amount")
    expect(page.get_by_label("Visa •••• 1111")).to_be_checked()
    page.go_back()
    page.wait_for_url("**/check")
    page.get_by_role("link", name="Back").click()
    page.wait_for_url("**/amount")
    expect(page.get_by_label("Amount in US dollars")).to_have_value("25.00")
    page.get_by_role("button", name="Continue").click()
    page.wait_for_url("**/check")
    expect(page.locator(".row-total dd").first).to_have_text("$25.00")


def spoken(link: Locator) -> str:
    """What a screen reader says of a link, on one line."""
    return " ".join((link.text_content() or "").split())


def test_each_new_page_takes_the_focus_to_its_heading_and_changes_the_title(site: Site, visit: Visit) -> None:
    page = visit().page
    page.goto(site.link(site.house.account()))
    titles = [page.title()]
    page.get_by_role("button", name="Continue").click()
    page.wait_for_url("**/contact")
    expect(page.get_by_role("heading", level=1)).to_be_focused()
    titles.append(page.title())
    page.get_by_role("button", name="Yes, continue").click()
    page.wait_for_url("**/amount")
    expect(page.get_by_role("heading", level=1)).to_be_focused()
    titles.append(page.title())
    assert len(set(titles)) == 3


def test_a_keyboard_alone_completes_the_walk(site: Site, visit: Visit) -> None:
    page = visit(viewport=DESK).page
    page.goto(site.link(site.house.account()))
    tab_to(page, "main button.primary")
    page.keyboard.press("Enter")
    page.wait_for_url("**/contact")
    tab_to(page, "main button.primary")
    page.keyboard.press("Enter")
    page.wait_for_url("**/amount")
    expect(page.locator('form[data-card-state="ready"]')).to_be_visible()
    tab_to(page, "#choice-whole")
    tab_to(page, "#method-new")
    page.keyboard.press("Space")
    tab_to(page, "#card-number iframe")
    for field, typed in (("number", CARD), ("expiry", "1231"), ("code", "123"), ("zip", "94107")):
        box = page.frame_locator(f"#card-{field} iframe").locator("input:visible").first
        type_in_frame(page, box, typed)
        page.keyboard.press("Tab")
    tab_to(page, "main button.primary")
    leave_frames(page, page.locator("main button.primary"))
    page.keyboard.press("Enter")
    page.wait_for_url("**/check")
    tab_to(page, "main button.primary")
    page.keyboard.press("Enter")
    page.wait_for_url("**/agreement")
    tab_to(page, "#agreed")
    page.keyboard.press("Space")
    tab_to(page, "main button.primary")
    page.keyboard.press("Enter")
    page.wait_for_url("**/result")
    expect(page.get_by_role("heading", level=1)).to_have_text("Payment received")


def test_w27_back_and_reload_show_the_page_they_name_and_nothing_typed_is_asked_for_twice(
    site: Site, visit: Visit
) -> None:
    page = visit().page
    page.goto(site.link(site.house.account()))
    page.get_by_role("button", name="Continue").click()
    page.wait_for_url("**/contact")
    page.get_by_role("link", name="Something is wrong").click()
    page.wait_for_url("**/change")
    page.go_back()
    page.wait_for_url("**/contact")
    expect(page.get_by_role("heading", level=1)).to_have_text("Are these your contact details?")
    page.reload()
    expect(page.get_by_role("heading", level=1)).to_have_text("Are these your contact details?")
    page.get_by_role("link", name="Something is wrong").click()
    page.get_by_label("ZIP code").fill("62705")
    page.get_by_role("button", name="Send corrections").click()
    page.wait_for_url("**/amount")
    page.get_by_label("Debit or credit card").check()
    expect(page.frame_locator("#card-zip iframe").locator("input:visible").first).to_have_value("62705")
    assert page.locator("main").get_by_label(re.compile("name|address|email|phone", re.IGNORECASE)).count() == 0
    page.go_back()
    page.wait_for_url("**/contact/change")
    expect(page.get_by_label("ZIP code")).to_have_value("62705")


def test_a_payment_in_doubt_resolves_on_the_page_by_itself(site: Site, visit: Visit, world: SimulatorProcess) -> None:

    page = visit().page
    walk_to_amount(page, site)
    pay_with_new_card(page)
    world.faults("reset_after", merchant=site.house.merchant_id, operation="sale", times=1)
    agree(page)
    expect(page.get_by_role("heading", level=1)).to_have_text("We are confirming your payment")
    assert axe(page) == []
    visit_id = page.url.split("/")[-2]
    with site.house.ports.database.read(site.house.organisation_id) as session:
        [due] = obligations.of_subject(session, visit_id)
        [attempt] = charges.of_obligation(session, due.id)
    later = replace(site.house.ports, clock=ManualClock(site.house.ports.clock.now() + timedelta(minutes=10)))
    resolve(later, site.house.organisation_id, attempt.id)
    expect(page.get_by_role("heading", level=1)).to_have_text("Payment received")
    expect(page.locator("#announcement")).to_have_text("Payment received")


def test_without_script_a_card_on_file_pays(site: Site, visit: Visit) -> None:
    kept = site.house.card_on_file()
    visitor = visit(java_script_enabled=False)
    page = visitor.page
    walk_to_amount(page, site)
    expect(page.locator("[data-card-fields-unavailable]")).to_be_hidden()
    page.locator("label[for=method-new]").click()
    expect(page.locator("[data-card-fields-unavailable]")).to_be_visible()
    page.locator(f"label[for='method-{kept}']").click()
    page.get_by_label("Last 4 digits of the card").fill("1111")
    page.get_by_label("Billing ZIP code").first.fill("94107")
    page.get_by_role("button", name="Continue").click()
    page.wait_for_url("**/check")
    agree(page)
    expect(page.get_by_role("heading", level=1)).to_have_text("Payment received")
    with site.house.ports.database.transaction(site.house.organisation_id) as session:
        for card in payment_method.of_customer(session, site.house.customer_id):
            card.removed_at = site.house.ports.clock.now()


def test_a_lost_connection_is_said_aloud(site: Site, visit: Visit) -> None:
    page = visit().page
    page.goto(site.link(site.house.account()))
    page.get_by_role("button", name="Continue").click()
    page.wait_for_url("**/contact")
    page.route("**/contact", lambda route: route.abort())
    page.get_by_role("button", name="Yes, continue").click()
    expect(page.locator("#alert")).to_contain_text("The connection was lost.")
    expect(page.get_by_role("button", name="Yes, continue")).to_be_enabled()


def test_the_language_can_be_switched_on_any_page_and_stays(site: Site, visit: Visit) -> None:
    page = visit().page
    page.goto(site.link(site.house.account()))
    page.get_by_role("button", name="Continue").click()
    page.wait_for_url("**/contact")
    page.get_by_role("button", name="Español").click()
    expect(page.locator("html")).to_have_attribute("lang", "es")
    assert page.url.endswith("/contact")
    page.get_by_role("button", name="Sí, continuar").click()
    page.wait_for_url("**/amount")
    expect(page.locator("html")).to_have_attribute("lang", "es")
    page.get_by_label("Tarjeta de débito o crédito").check()
    expect(page.locator("#card-number iframe")).to_be_visible()
    assert axe(page) == []


@pytest.mark.parametrize(
    ("size", "scheme"),
    [(PHONE, "light"), (DESK, "light"), ({"width": 320, "height": 640}, "dark")],
    ids=["phone-light", "desk-light", "narrow-dark"],
)
def test_axe_finds_nothing_on_any_page_state(
    site: Site, visit: Visit, world: SimulatorProcess, scheme: str, size: dict[str, int]
) -> None:
    visitor = visit(viewport=size, color_scheme=scheme, bypass_csp=True, reduced_motion="reduce")
    page = visitor.page
    found: dict[str, list[str]] = {}

    def look(name: str) -> None:
        page.wait_for_load_state("networkidle")
        if problems := axe(page):
            found[name] = problems
        if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
            found[f"{name} sideways"] = ["scrolls sideways"]

    page.goto(f"{site.url}/{site.house.slug}/l/{'x' * 32}")
    look("unknown")
    page.goto(site.link(site.house.account(), days=-1))
    look("expired")
    page.get_by_role("button", name="Send me a fresh link").click()
    page.wait_for_url("**/fresh-link?language=en")
    look("fresh link")
    page.goto(site.link(site.house.account()))
    look("landing")
    page.get_by_role("button", name="Continue").click()
    page.wait_for_url("**/contact")
    look("contact")
    page.get_by_role("link", name="Something is wrong").click()
    page.wait_for_url("**/change")
    page.get_by_label("Email address").fill("x")
    page.get_by_role("button", name="Send corrections").click()
    expect(page.locator("#error-summary")).to_be_focused()
    look("contact error")
    page.goto(page.url.replace("/contact/change", "/contact"))
    page.get_by_role("button", name="Yes, continue").click()
    page.wait_for_url("**/amount")
    expect(page.locator("#card-number iframe")).to_be_visible()
    look("amount")
    page.get_by_role("button", name="Continue").click()
    expect(page.locator("#error-summary")).to_be_visible()
    look("card error")
    fill_card(page)
    page.get_by_role("button", name="Continue").click()
    page.wait_for_url("**/check")
    look("check")
    page.get_by_role("button", name="Confirm and continue").click()
    page.wait_for_url("**/agreement")
    page.get_by_role("button", name="Pay $").click()
    expect(page.locator("#error-summary")).to_be_focused()
    look("agreement error")
    page.get_by_label("I have read this").check()
    world.faults("decline_hard", merchant=site.house.merchant_id, operation="sale", times=1)
    page.get_by_role("button", name="Pay $").click()
    page.wait_for_url("**/result")
    look("declined")
    page.get_by_role("button", name="Try again").click()
    page.wait_for_url("**/amount")
    pay_with_new_card(page)
    agree(page)
    look("received")
    assert found == {}
