"""Signing in with a real Chromium: nothing for axe to find, by keyboard, the word before the end, nothing left over."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from playwright.sync_api import Page, expect

from portal.domain.second_factor import code_at
from portal.domain.sign_in import CUSTOMER_LIMITS
from portal.usecases.account import add_customer, open_account
from tests.browser.conftest import DESK, PHONE, Site, Visitor, axe, fill_card
from tests.rig.people import Payer, colleague, payer

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]
Visit = Callable[..., Visitor]


@pytest.fixture
def dana(site: Site) -> Payer:
    """A customer of their own for each test, who owes $500.00."""
    house = site.house
    with house.ports.database.transaction(house.organisation_id) as session:
        now = house.ports.clock.now()
        row = add_customer(
            session, reference=f"B-{now.timestamp()}", given_name="Dana", family_name="Whitfield",
            email="dana@example.com", phone="+13125550141", address_line1="482 Linden Avenue", city="Springfield",
            state="IL", postal_code="62704", now=now,
        )  # fmt: skip
        open_account(
            session, row.id, reference=f"B-{now.timestamp()}", label="Balance with Lakeside Dental",
            balance_cents=50_000, now=now, by="test",
        )  # fmt: skip
        customer_id = row.id
    return payer(replace(house, customer_id=customer_id), customer_id)


def sign_in(page: Page, site: Site, dana: Payer) -> None:
    page.goto(f"{site.url}/{site.house.slug}/sign-in/username")
    page.get_by_label("Username").fill(dana.username)
    page.get_by_label("PIN", exact=True).fill(dana.pin)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/account")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])
def test_axe_finds_nothing_on_any_page_behind_the_sign_in(
    site: Site, visit: Visit, dana: Payer, size: dict[str, int], scheme: str
) -> None:
    page = visit(viewport=size, color_scheme=scheme).page
    home = f"{site.url}/{site.house.slug}"
    for path in ("/sign-in", "/sign-in/account", "/sign-in/ssn", "/sign-in/pin", "/sign-in/code", "/staff/sign-in"):
        page.goto(home + path)
        assert axe(page) == [], path
    page.goto(f"{home}/sign-in")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="There is a problem")).to_be_visible()
    assert axe(page) == []
    sign_in(page, site, dana)
    for path in ("", "/history", "/methods", "/scheduled", "/profile", "/profile/contact", "/pin"):
        page.goto(f"{home}/account{path}")
        assert axe(page) == [], path
        assert page.evaluate("document.documentElement.scrollWidth") <= size["width"], path


def test_w24_a_wrong_form_says_so_and_no_number_of_them_brings_a_puzzle(site: Site, visit: Visit, dana: Payer) -> None:
    visitor = visit()
    page = visitor.page
    page.goto(f"{site.url}/{site.house.slug}/sign-in/username")
    page.get_by_label("Username").fill(dana.username)
    page.get_by_label("PIN", exact=True).fill("000001")
    page.get_by_role("button", name="Sign in").click()
    expect(page.locator("#error-summary")).to_be_focused()
    assert page.title().startswith("Error: ")
    expect(page.get_by_label("Username")).to_have_value(dana.username)
    expect(page.get_by_label("PIN", exact=True)).to_have_value("")
    asked = "[...document.querySelectorAll('main input, main iframe, main canvas, main img, main audio')]"
    before = page.evaluate(f"{asked}.map(each => each.tagName + each.type + each.name)")
    for _ in range(CUSTOMER_LIMITS[0].most):
        page.get_by_label("PIN", exact=True).fill("000001")
        with page.expect_response(lambda answer: answer.request.method == "POST") as answer:
            page.get_by_role("button", name="Sign in").click()
        assert answer.value.status == 422
        expect(page.locator("#error-summary")).to_be_focused()
    assert page.evaluate(f"{asked}.map(each => each.tagName + each.type + each.name)") == before
    assert visitor.origins() == {site.url}, "nobody else judges whether this is a person"
    page.get_by_role("button", name="Send me a code instead").click()
    expect(page.get_by_label("Code")).to_be_visible()


def test_w23_username_pin_and_codes_can_be_filled_by_a_manager_and_pasted(site: Site, visit: Visit) -> None:
    page = visit().page
    page.goto(f"{site.url}/{site.house.slug}/sign-in/username")
    assert page.get_by_label("Username").get_attribute("autocomplete") == "username"
    assert page.get_by_label("PIN", exact=True).get_attribute("autocomplete") == "current-password"
    page.goto(f"{site.url}/{site.house.slug}/sign-in/code")
    assert page.get_by_label("Code").get_attribute("autocomplete") == "one-time-code"
    assert page.locator("main input:not([type=hidden]):not([type=checkbox])").count() == 1, "one field, not six"


def test_signing_in_and_paying_works_by_keyboard_alone(site: Site, visit: Visit, dana: Payer) -> None:
    page = visit(viewport=DESK).page
    page.goto(f"{site.url}/{site.house.slug}/sign-in/username")
    page.get_by_label("Username").focus()
    page.keyboard.type(dana.username)
    page.keyboard.press("Tab")
    page.keyboard.type(dana.pin)
    page.keyboard.press("Enter")
    page.wait_for_url("**/account")
    page.get_by_role("button", name="Make a Payment").focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/amount")


def test_somebody_signed_in_pays_with_a_new_card_and_comes_back(site: Site, visit: Visit, dana: Payer) -> None:
    page = visit().page
    sign_in(page, site, dana)
    page.get_by_role("button", name="Make a Payment").click()
    page.wait_for_url("**/amount")
    expect(page.locator("#card-number iframe")).to_be_visible()
    fill_card(page)
    page.get_by_role("button", name="Continue").click()
    page.wait_for_url("**/check")
    page.get_by_role("button", name="Confirm and continue").click()
    page.get_by_label("I have read this").check()
    page.get_by_role("button", name="Pay $").click()
    page.wait_for_url("**/result")
    page.get_by_role("link", name="Back to your account").click()
    page.wait_for_url("**/account")
    expect(page.locator(".amount")).to_have_text("$0.00")


def test_w25_a_word_comes_before_the_end_and_what_was_typed_stays(site: Site, visit: Visit, dana: Payer) -> None:
    page = visit().page
    sign_in(page, site, dana)
    page.clock.install()
    page.goto(f"{site.url}/{site.house.slug}/account/profile/contact")
    page.get_by_label("Full name").fill("Dana M. Whitfield")
    page.clock.fast_forward("11:00")
    expect(page.locator("#ending")).to_be_hidden()
    for _ in range(2):
        page.clock.fast_forward("01:30")
        expect(page.get_by_role("dialog")).to_be_visible()
        assert axe(page) == []
        page.get_by_role("button", name="Stay signed in").click()
        expect(page.locator("#ending")).to_be_hidden()
        expect(page.get_by_label("Full name")).to_have_value("Dana M. Whitfield")
        page.clock.fast_forward("11:00")
        expect(page.locator("#ending")).to_be_hidden()
    page.clock.fast_forward("05:00")
    page.wait_for_url("**/sign-in?said=idle")
    expect(page.get_by_text("You were signed out because nothing was done")).to_be_visible()


def test_attack_119_after_signing_out_back_shows_nothing_and_nothing_is_kept(
    site: Site, visit: Visit, dana: Payer
) -> None:
    page = visit().page
    sign_in(page, site, dana)
    page.goto(f"{site.url}/{site.house.slug}/account/profile")
    expect(page.get_by_text("482 Linden Avenue")).to_be_visible()
    kept = "[localStorage.length, sessionStorage.length]"
    assert page.evaluate(kept) == [0, 0]
    page.locator(".masthead").get_by_role("button", name="Sign out").click()
    page.wait_for_url("**/sign-in?said=out")
    for _ in range(2):
        page.go_back()
        page.wait_for_load_state()
        assert "Linden" not in page.content()
        assert "Whitfield" not in page.content()
    assert page.evaluate(kept) == [0, 0]


def test_without_script_somebody_signs_in_and_sees_their_account(site: Site, visit: Visit, dana: Payer) -> None:
    page = visit(java_script_enabled=False).page
    sign_in(page, site, dana)
    expect(page.get_by_role("heading", level=1)).to_have_text("Hello Dana")
    expect(page.locator("#ending")).to_be_hidden()


def test_staff_sign_in_on_a_desk(site: Site, visit: Visit) -> None:
    robin = colleague(site.house)
    page = visit(viewport=DESK).page
    page.goto(f"{site.url}/{site.house.slug}/staff")
    page.get_by_label("Username").fill(robin.username)
    page.get_by_label("Password").fill(robin.password)
    page.get_by_label("Code from").fill(code_at(robin.totp_secret, datetime.now(UTC)))
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("What do you want to do?")
    assert axe(page) == []
