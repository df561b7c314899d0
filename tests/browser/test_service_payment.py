"""Paying for services with real browsers: by keyboard, narrow, magnified, without script, and with every third party
shut out. Chromium always; WebKit, the engine of Safari, where this machine has Debian's webkit2gtk-driver and xvfb.
"""

import json
import os
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Page, Playwright, expect

from portal.storage import account
from portal.usecases.account import add_customer, open_account
from tests.browser.conftest import DESK, PHONE, Site, Visitor, axe, fill_card
from tests.conftest import CHROMIUM_OPTIONS
from tests.rig.house import House
from tests.rig.people import Payer, payer
from tests.rig.practice import patient_of, service_of
from tests.rig.webkit import WebKit, why_not

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]
Visit = Callable[..., Visitor]
NARROW = {"width": 320, "height": 640}
MAGNIFIED = {"width": 320, "height": 256}  # 1280x1024 at 400 % (WCAG 2.2, 1.4.10)


class Client:
    """Somebody with two services of $150.00 and $90.00, and a way to sign in."""

    def __init__(self, site: Site) -> None:
        house = site.house
        with house.ports.database.transaction(house.organisation_id) as session:
            now = house.ports.clock.now()
            row = add_customer(
                session, reference=f"S-{now.timestamp()}", given_name="Sam", family_name="Okafor",
                email="sam@example.com", address_line1="118 Alder Court", city="Oakland", state="CA",
                postal_code="94610", now=now,
            )  # fmt: skip
            owed = open_account(
                session, row.id, reference=f"S-{now.timestamp()}", label="Sessions", balance_cents=0, now=now, by="test"
            )
            self.account_id, customer_id = owed.id, row.id
        self.house: House = replace(house, customer_id=customer_id)
        self.payer: Payer = payer(self.house, customer_id)
        self.site = site
        patient = patient_of(self.house, "Sam")
        self.services = [service_of(self.house, self.account_id, cents, patient, days_ago=days)
                         for days, cents in ((9, 15_000), (2, 9_000))]  # fmt: skip

    @property
    def home(self) -> str:
        return f"{self.site.url}/{self.house.slug}"

    def sign_in(self, page: Page) -> None:
        page.goto(f"{self.home}/sign-in/username")
        page.get_by_label("Username").fill(self.payer.username)
        page.get_by_label("PIN", exact=True).fill(self.payer.pin)
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url("**/account")

    def owes(self) -> int:
        with self.house.ports.database.read(self.house.organisation_id) as session:
            row = account.by_id(session, self.account_id)
        assert row is not None
        return row.balance_cents

    def set(self, **settings: object) -> None:
        for name, value in settings.items():
            self.house.set(name, value)


@pytest.fixture
def client(site: Site) -> Client:
    made = Client(site)
    made.set(pay_services_screens="one", practice_ein="94-3312208")
    return made


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_on_the_pages_of_services_and_none_is_too_wide(
    visit: Visit, client: Client, scheme: str
) -> None:
    page = visit(viewport=PHONE, color_scheme=scheme).page
    client.sign_in(page)
    page.goto(f"{client.home}/account/services")
    page.get_by_role("button", name="Superbill for the service of").first.click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Superbill SB-")
    paper = page.url
    addresses = [f"{client.home}/account/{each}" for each in ("services", "documents", "statement", "history")]
    for address in (*addresses, paper):
        page.goto(address)
        for size in (PHONE, DESK, NARROW, MAGNIFIED):
            page.set_viewport_size({"width": size["width"], "height": size["height"]})
            assert page.evaluate("document.documentElement.scrollWidth") <= size["width"], (address, size)
        assert axe(page) == [], address


def test_the_whole_journey_by_keyboard_alone(visit: Visit, client: Client) -> None:
    client.house.card_on_file()
    page = visit(viewport=NARROW).page
    client.sign_in(page)

    def go_to(label: re.Pattern[str] | str, role: str) -> None:
        """Tab until the thing has the focus, as somebody without a mouse does."""
        wanted = page.get_by_role(role, name=label).first  # type: ignore[arg-type]  # a role by its name
        for _ in range(60):
            if wanted.evaluate("element => element === document.activeElement"):
                return
            page.keyboard.press("Tab")
        raise AssertionError(f"{label} is not reached by Tab")

    go_to("Make a Payment", "button")
    page.keyboard.press("Enter")
    page.wait_for_url("**/services")
    go_to(re.compile("^Check All"), "checkbox")
    page.keyboard.press("Space")
    expect(page.locator("[data-total]")).to_contain_text("$240.00")
    go_to("Make a Payment for checked services", "button")
    page.keyboard.press("Enter")
    page.wait_for_url("**/services/pay/**")
    go_to("Make a Payment", "button")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Payment received")
    assert client.owes() == 0
    page.goto(f"{client.home}/account/history")
    go_to(re.compile("^Invoice"), "button")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Invoice INV-")
    expect(page.locator(".stamp")).to_have_text("Paid")


def test_w22_check_all_is_mixed_when_some_are_checked_and_the_total_is_announced(visit: Visit, client: Client) -> None:
    page = visit().page
    client.sign_in(page)
    page.goto(f"{client.home}/account/services")
    every = page.get_by_role("checkbox", name=re.compile("^Check All"))
    first = page.get_by_role("checkbox", name=re.compile(r"[A-Z][a-z]+ \d+, 20\d\d.*Miriam Reed")).first
    first.check()
    assert every.evaluate("box => box.indeterminate"), "mixed"
    expect(page.locator("#announcement")).to_have_text("Total of checked services: $150.00")
    every.check()
    assert not every.evaluate("box => box.indeterminate")
    expect(page.locator("#announcement")).to_have_text("Total of checked services: $240.00")
    every.uncheck()
    expect(page.locator("#announcement")).to_have_text("No service is checked.")
    expect(page.get_by_text("For one service you can change the amount")).to_be_visible()


def test_w21_choosing_how_to_pay_sends_nothing_and_goes_nowhere(visit: Visit, client: Client) -> None:
    client.house.card_on_file()
    visitor = visit()
    page = visitor.page
    client.sign_in(page)
    page.goto(f"{client.home}/account/services")
    page.get_by_role("button", name="Make a Payment for the service of").first.click()
    group = page.get_by_role("group", name="Credit Card")
    expect(group.get_by_role("radio")).to_have_count(2)
    before, address = len(visitor.requests), page.url
    for name in ("Enter New Card", "Visa", "Enter New Card"):
        group.get_by_label(name).check()
    ours = [
        each for each in visitor.requests[before:] if each.url.startswith(client.site.url) and each.method == "POST"
    ]
    assert (page.url, ours) == (address, [])


@pytest.mark.parametrize("screens", ["one", "two"])
def test_s2_a_client_walks_the_manual_line_by_line(visit: Visit, client: Client, screens: str) -> None:
    """Seed S2, the numbers are its lines; a new card that is kept, then the same card from the file."""
    client.set(pay_services_screens=screens)
    two = screens == "two"
    page = visit().page
    client.sign_in(page)
    expect(page.get_by_text("Balance due")).to_be_visible()  # 1
    page.get_by_role("button", name="Make a Payment").click()  # 1, 8
    expect(page.get_by_role("checkbox", name=re.compile("^Check All"))).to_be_visible()  # 9
    page.get_by_role("button", name="Make a Payment for the service of").first.click()  # 9, 11
    page.get_by_label("Payment Amount").fill("50.00")  # 10, 12
    page.get_by_label("Notes").fill("For October")  # 13
    if two:
        expect(page.get_by_label("New Payment Method")).to_have_count(0)
        page.get_by_role("button", name="Next").click()  # 14, 16
    page.get_by_label("New Payment Method" if two else "Enter New Card").check()  # 15, 17, 18
    save = page.get_by_label("Save for Future Use" if two else "Save Card for Future Payments")
    expect(save).not_to_be_checked()
    save.check()  # 18, 19, 20
    fill_card(page)
    page.get_by_role("button", name="Submit" if two else "Make a Payment").click()  # 15, 17
    expect(page.get_by_role("heading", level=1)).to_have_text("Payment received")
    assert client.owes() == 19_000
    page.goto(f"{client.home}/account/services")
    page.get_by_role("checkbox", name=re.compile("^Check All")).check()  # 9
    page.get_by_role("button", name="Make a Payment for checked services").click()
    expect(page.locator("span#amount")).to_have_text("$190.00")  # 10: nothing to type
    if two:
        page.get_by_role("button", name="Next").click()
        expect(page.get_by_role("group", name="Saved Payment Method")).to_be_visible()  # 17
    page.get_by_label("Visa").check()  # 15
    page.get_by_role("button", name="Submit" if two else "Make a Payment").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Payment received")
    assert client.owes() == 0
    page.get_by_role("link", name="Back to your account").click()
    page.get_by_role("link", name="Payment history").click()  # 21
    expect(page.locator(".history-amount")).to_have_text(["$190.00", "$50.00"])
    page.get_by_role("button", name=re.compile("^Superbill for receipt")).first.click()  # 1, after payment as well
    expect(page.get_by_role("heading", level=1)).to_contain_text("Superbill SB-")
    expect(page.locator(".stamp")).to_have_text("Paid")
    with page.expect_download() as paper:
        page.get_by_role("link", name="Download as PDF").click()
    assert Path(paper.value.path()).read_bytes().startswith(b"%PDF-")


@pytest.mark.parametrize("screens", ["one", "two"])
def test_without_script_a_saved_card_pays_and_an_invoice_is_there(visit: Visit, client: Client, screens: str) -> None:
    client.house.card_on_file()
    client.set(pay_services_screens=screens)
    page = visit(java_script_enabled=False).page
    client.sign_in(page)
    page.goto(f"{client.home}/account/services")
    page.get_by_role("button", name="Make a Payment for the service of").first.click()
    page.get_by_label("Payment Amount").fill("50.00")
    if screens == "two":
        page.get_by_role("button", name="Next").click()
    page.get_by_role("button", name="Submit" if screens == "two" else "Make a Payment").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Payment received")
    assert client.owes() == 19_000
    page.goto(f"{client.home}/account/services")
    page.get_by_role("button", name="Invoice for the service of").first.click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Invoice INV-")
    expect(page.get_by_role("cell", name="$100.00").first).to_be_visible()


def set_by(page: Page) -> dict[str, object]:
    """Everything a page keeps in this browser, in its own document."""
    kept: dict[str, object] = page.evaluate(
        """async () => ({
          local: {...localStorage}, session: Object.keys(sessionStorage), cookies: document.cookie,
          databases: indexedDB.databases ? (await indexedDB.databases()).map((each) => each.name) : [],
          caches: 'caches' in window ? await caches.keys() : [],
          workers: navigator.serviceWorker ? (await navigator.serviceWorker.getRegistrations()).length : 0,
        })"""
    )
    return kept


def there(client: Client) -> str:
    """The portal under its other name: the gateway's fields, on 127.0.0.1, are then a third party of another site."""
    return client.home.replace("127.0.0.1", "localhost")


NOTHING_KEPT = {"local": {}, "session": [], "cookies": "", "databases": [], "caches": [], "workers": 0}


def test_t9_everything_the_pages_set_is_a_first_party_cookie_no_script_can_read(visit: Visit, client: Client) -> None:
    """The audit of a whole payment with a new card: cookies by name and attribute, and no storage of any kind."""
    client.house.card_on_file()
    page = visit().page
    client.sign_in(page)
    seen: set[str] = set()
    addresses = [f"{client.home}/account{each}" for each in ("", "/services", "/documents", "/statement", "/history")]
    for address in addresses:
        page.goto(address)
        assert set_by(page) == NOTHING_KEPT, address
    pay_with_a_new_card(page, client.home)
    assert set_by(page) == NOTHING_KEPT
    for cookie in page.context.cookies():
        seen.add(re.sub(r"[-_]?org-.*|[0-9a-f]{32}", "", cookie["name"]))
        assert (cookie["httpOnly"], cookie["sameSite"] in ("Lax", "Strict")) == (True, True), cookie["name"]
        assert cookie["domain"] == "127.0.0.1", "ours, and of this host alone"
    assert len(seen) <= 3, seen


def pay_with_a_new_card(page: Page, home: str) -> None:
    page.goto(f"{home}/account/services")
    page.get_by_role("button", name="Make a Payment for the service of").first.click()
    page.get_by_label("Enter New Card").check()
    fill_card(page)
    page.get_by_role("button", name="Make a Payment").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Payment received")


def test_t9_a_new_card_pays_where_third_parties_have_neither_cookies_nor_storage(
    playwright: Playwright, client: Client, tmp_path: Path
) -> None:
    """A Chromium told so by its own preferences; that it keeps them out is seen in the gateway's frame first."""
    (tmp_path / "Default").mkdir()
    wishes = {"profile": {"block_third_party_cookies": True, "cookie_controls_mode": 1}}
    (tmp_path / "Default" / "Preferences").write_text(json.dumps(wishes))
    given = os.environ.get("CHROMIUM_PATH") or shutil.which("chromium") or shutil.which("google-chrome")
    context = playwright.chromium.launch_persistent_context(
        tmp_path, executable_path=given, args=CHROMIUM_OPTIONS, viewport={"width": 390, "height": 844}
    )
    try:
        page = context.pages[0]
        home = there(client)
        page.goto(f"{home}/sign-in/username")
        page.get_by_label("Username").fill(client.payer.username)
        page.get_by_label("PIN", exact=True).fill(client.payer.pin)
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url("**/account")
        page.goto(f"{home}/account/services")
        page.get_by_role("button", name="Make a Payment for the service of").first.click()
        page.get_by_label("Enter New Card").check()
        page.frame_locator("#card-number iframe").locator("input:visible").first.wait_for()
        [frame] = [each for each in page.frames if each.parent_frame and "127.0.0.1" in each.url][:1]
        assert frame.evaluate(THIRD_PARTY) == {"cookie": "", "storage": "refused"}
        assert page.evaluate(THIRD_PARTY)["storage"] == "given", "and only third parties are kept out"
        pay_with_a_new_card(page, home)
        assert {cookie["domain"] for cookie in context.cookies()} == {"localhost"}
    finally:
        context.close()
    assert client.owes() == 9_000


READY = "return document.querySelector('[data-card-fields]').dataset.cardState"
THIRD_PARTY = """() => {
  document.cookie = 'kept=1; SameSite=None; Secure';
  document.cookie = 'kept=1';
  try { localStorage.length; return {cookie: document.cookie.includes('kept') ? 'kept' : '', storage: 'given'}; }
  catch { return {cookie: document.cookie.includes('kept') ? 'kept' : '', storage: 'refused'}; }
}"""


@pytest.mark.skipif(bool(why_not()), reason=why_not() or "-")
@pytest.mark.parametrize("screens", ["one", "two"])
def test_t9_safari_as_it_comes_pays_with_a_new_card_and_prints_a_superbill(
    client: Client, tmp_path: Path, screens: str
) -> None:
    """In WebKit itself, with its tracking prevention on and third-party cookies out, S2:3-4 need not be done."""
    client.set(pay_services_screens=screens)
    webkit = WebKit(tmp_path)
    home = there(client)
    try:
        webkit.open(f"{home}/sign-in/username")
        webkit.type("#who", client.payer.username)
        webkit.type("#pin", client.payer.pin)
        webkit.click("main form button.primary")
        webkit.sees("h1", "Hello Sam")
        webkit.open(f"{home}/account/services")
        webkit.click("button[name=only]")
        webkit.sees("h1", "Make a Payment")
        if screens == "two":
            webkit.click("main form button.primary")
            webkit.sees("h1", "Payment method")
        webkit.until(lambda: webkit.run(READY) == "ready", "the card fields never open")
        for field, value in (("card-number", "4111111111111111"), ("card-expiry", "12/31"), ("card-code", "123"),
                             ("card-zip", "94107")):  # fmt: skip
            webkit.type_by_hand(f"#{field} iframe", value)
        webkit.click("main form button.primary")
        webkit.sees("h1", "Payment received")
        webkit.open(f"{home}/account/documents")
        webkit.click(".service-list input[type=checkbox]")
        webkit.click("button[name=superbill]")
        webkit.sees("h1", "Superbill SB-")
        assert webkit.run("return [localStorage.length, sessionStorage.length, document.cookie]") == [0, 0, ""]
        assert {cookie["domain"] for cookie in webkit.cookies()} == {"localhost"}
    finally:
        webkit.stop()
    assert client.owes() == 9_000
