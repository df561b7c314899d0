"""The portal's card form against the simulator in a real browser, from another origin, under the portal's policy."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from tests.rig.keyboard import leave_frames, type_in_frame
from tests.rig.simulator_process import SimulatorProcess
from tests.simulator.card_page import ROOT, CardPage, card_form

pytestmark = pytest.mark.browser

AXE = ROOT / "node_modules/axe-core/axe.min.js"
VISA, AMEX = "4111111111111111", "378282246310005"
METHODS = """<label><input type="radio" name="method" value="file"> Visa on file</label>
<label><input type="radio" name="method" value="new" checked> New card</label>"""


class Visitor:
    """One person with a browser: what they see, and everything the browser complained of."""

    def __init__(self, chromium: Browser, shop: CardPage, **options: Any) -> None:
        self.shop = shop
        self.context = chromium.new_context(viewport={"width": 390, "height": 844}, **options)
        self.page = self.context.new_page()
        self.complaints: list[str] = []
        self.page.on("console", lambda said: self.complaints.append(said.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def open(self, path: str = "/") -> Page:
        self.page.goto(self.shop.url + path)
        self.wait_for_fields()
        return self.page

    def wait_for_fields(self, state: str = "ready") -> None:
        self.page.wait_for_selector(f"form[data-card-state={state}]")

    def field(self, name: str) -> Any:
        return self.page.frame_locator(f"#braintree-hosted-field-{name}").locator("input")

    def type_card(self, number: str = VISA, date: str = "1231", code: str = "123", postal_code: str = "60622") -> None:
        for name, text in (("number", number), ("expirationDate", date), ("cvv", code), ("postalCode", postal_code)):
            self.field(name).fill("")
            self.field(name).press_sequentially(text)

    def press(self) -> None:
        self.page.get_by_role("button", name="Continue").click()

    def summary(self) -> Any:
        return self.page.locator("#error-summary")


@pytest.fixture
def shop(simulator: SimulatorProcess, gateway: Any) -> Iterator[CardPage]:
    with CardPage(simulator.url, gateway.client_token.generate) as page:
        page.body = card_form(f"{simulator.url}/web/3.144.0/js")
        yield page


@pytest.fixture
def visitor(chromium: Browser, shop: CardPage) -> Iterator[Visitor]:
    visitor = Visitor(chromium, shop)
    yield visitor
    visitor.context.close()


@pytest.fixture
def boosted(visitor: Visitor, simulator: SimulatorProcess) -> Visitor:
    """The same shop with htmx switched on for every form, the card fields outside of what a 422 swaps."""
    visitor.shop.boosted = True
    swap = 'hx-status:422="target:#choices select:#choices"'
    visitor.shop.body = card_form(f"{simulator.url}/web/3.144.0/js", extra=METHODS, status=swap)
    return visitor


def test_a_typed_card_becomes_a_nonce_that_the_real_sdk_sells_and_the_page_never_saw_it(
    visitor: Visitor, gateway: Any, simulator: SimulatorProcess
) -> None:
    visitor.open()
    visitor.type_card()
    visitor.press()
    visitor.page.wait_for_url("**/done")
    (post,) = visitor.shop.posts
    assert post["card_last_four"] == ["1111"]
    sale = gateway.transaction.sale({"amount": "12.50", "payment_method_nonce": post["card_nonce"][0]})
    assert sale.is_success
    assert sale.transaction.credit_card_details.last_4 == "1111"
    assert (sale.transaction.cvv_response_code, sale.transaction.avs_postal_code_response_code) == ("M", "M")
    assert VISA[:6] not in visitor.shop.received()
    assert "60622" not in visitor.shop.received()
    assert visitor.complaints == []
    assert simulator.requests(path_prefix="/merchants/", operation="tokenize")
    assert all(not request["referer"] or "pay" not in request["referer"] for request in simulator.requests())


def test_a_card_is_typed_with_the_keyboard_alone(visitor: Visitor) -> None:
    page = visitor.open()
    page.locator("#card-number-label").click()
    for name, text in (("number", VISA), ("expirationDate", "122031"), ("cvv", "123"), ("postalCode", "60622")):
        type_in_frame(page, visitor.field(name), text)
        page.keyboard.press("Tab")
    leave_frames(page, page.get_by_role("button", name="Continue"))
    page.keyboard.press("Enter")
    page.wait_for_url("**/done")
    assert len(visitor.shop.posts) == 1


def test_enter_inside_a_field_submits(visitor: Visitor) -> None:
    visitor.open()
    visitor.type_card()
    visitor.field("postalCode").press("Enter")
    visitor.page.wait_for_url("**/done")


def test_empty_fields_are_named_in_a_summary_that_takes_the_focus_and_leads_to_them(visitor: Visitor) -> None:
    page = visitor.open()
    visitor.press()
    expect(visitor.summary()).to_be_focused()
    expect(visitor.summary().get_by_role("heading")).to_have_text("There is a problem")
    assert visitor.summary().get_by_role("link").all_inner_texts() == [
        "Enter your card number", "Enter the date your card expires", "Enter the security code", "Enter your ZIP code",
    ]  # fmt: skip
    assert page.title() == "Error: Card page"
    expect(page.locator("#card-number-error")).to_have_text("Enter your card number")
    expect(visitor.field("number")).to_have_attribute("aria-invalid", "true")
    expect(visitor.field("number")).to_have_accessible_description("Enter your card number")
    visitor.summary().get_by_role("link", name="Enter your card number").click()
    expect(visitor.field("number")).to_be_focused()
    visitor.field("number").press_sequentially(VISA)
    expect(page.locator("#card-number-error")).to_be_hidden()
    expect(visitor.field("number")).not_to_have_attribute("aria-invalid", "true")
    visitor.type_card()
    visitor.press()
    page.wait_for_url("**/done")
    assert visitor.complaints == []


def test_a_field_says_what_it_is_and_takes_what_a_card_manager_offers(visitor: Visitor) -> None:
    visitor.open()
    for name, label, kind, identifier in (
        ("number", "Card number", "cc-number", "credit-card-number"),
        ("expirationDate", "Expires", "cc-exp", "expiration"),
        ("cvv", "Security code", "cc-csc", "cvv"),
        ("postalCode", "ZIP code", "billing postal-code", "postal-code"),
    ):
        field = visitor.field(name)
        expect(field).to_have_accessible_name(label)
        expect(field).to_have_attribute("autocomplete", kind)
        expect(field).to_have_id(identifier)
        expect(visitor.page.locator(f"#braintree-hosted-field-{name}")).to_have_attribute("title", label)
    expect(visitor.field("number")).to_have_attribute("inputmode", "numeric")
    expect(visitor.field("cvv")).to_have_accessible_description("The last 3 digits on the back of the card")


def test_axe_finds_nothing_outside_and_inside_the_frames(visitor: Visitor) -> None:
    page = visitor.open()
    for state in ("empty", "wrong"):
        if state == "wrong":
            visitor.press()
            expect(visitor.summary()).to_be_focused()
        for frame in page.frames:
            frame.evaluate(AXE.read_text() + ";axe.configure({ allowedOrigins: ['<unsafe_all_origins>'] })")
        result = page.evaluate("axe.run(document)")
        assert [(found["id"], found["nodes"]) for found in result["violations"]] == [], state
        looked_at = [node["target"] for rule in result["passes"] for node in rule["nodes"]]
        assert ["#braintree-hosted-field-number", "#credit-card-number"] in looked_at


def test_american_express_asks_for_four_digits_on_the_front(visitor: Visitor) -> None:
    page = visitor.open()
    visitor.type_card(AMEX, code="123")
    expect(visitor.field("number")).to_have_value("3782 822463 10005")
    expect(page.locator("#card-cvv-hint")).to_have_text("The 4 digits on the front of the card")
    expect(visitor.field("cvv")).to_have_accessible_description("The 4 digits on the front of the card")
    visitor.press()
    assert visitor.summary().get_by_role("link").all_inner_texts() == ["The security code has 4 digits"]
    visitor.field("cvv").fill("1234")
    visitor.field("number").fill(VISA)
    expect(page.locator("#card-cvv-hint")).to_have_text("The last 3 digits on the back of the card")


def test_another_method_is_sent_without_asking_for_a_card(visitor: Visitor, simulator: SimulatorProcess) -> None:
    visitor.shop.body = card_form(f"{simulator.url}/web/3.144.0/js", extra=METHODS)
    page = visitor.open()
    expect(page.locator("[data-card-section]")).to_be_visible()
    page.get_by_label("Visa on file").check()
    expect(page.locator("[data-card-section]")).to_be_hidden()
    visitor.press()
    page.wait_for_url("**/done")
    assert visitor.shop.posts == [{"method": ["file"], "card_nonce": [""], "card_last_four": [""]}]


def test_a_double_press_sends_once_and_the_button_keeps_its_name(visitor: Visitor, simulator: SimulatorProcess) -> None:
    simulator.faults("slow", operation="tokenize", seconds=1)
    page = visitor.open()
    visitor.type_card()
    page.get_by_role("button", name="Continue").dblclick()
    expect(page.get_by_role("button", name="Continue")).to_have_attribute("aria-disabled", "true")
    expect(page.get_by_role("status")).to_have_text("Checking your card…")
    page.get_by_role("button", name="Continue").click(force=True)
    page.wait_for_url("**/done")
    assert len(visitor.shop.posts) == 1


def test_a_refused_card_is_shown_at_the_number(visitor: Visitor) -> None:
    page = visitor.open()
    visitor.type_card("4242424242424242")
    visitor.press()
    expect(visitor.summary()).to_be_focused()
    assert visitor.summary().get_by_role("link").all_inner_texts() == ["This card was not accepted. Check the number."]
    expect(page.get_by_role("button", name="Continue")).not_to_have_attribute("aria-disabled", "true")
    visitor.type_card()
    visitor.press()
    page.wait_for_url("**/done")


def test_a_gateway_that_does_not_answer_is_said_and_can_be_tried_again(visitor: Visitor) -> None:
    page = visitor.open()
    visitor.type_card()
    calls = re.compile(r"/payment_methods/credit_cards")
    visitor.context.route(calls, lambda route: route.abort())
    visitor.press()
    expect(visitor.summary()).to_be_focused()
    expect(visitor.summary()).to_contain_text("We could not reach the card service. Nothing was charged.")
    expect(page.get_by_role("status")).to_have_text("")
    visitor.context.unroute(calls)
    visitor.summary().get_by_role("button", name="Try again").click()
    page.wait_for_url("**/done")
    assert len(visitor.shop.posts) == 1


def test_blocked_scripts_show_what_to_do_and_can_be_loaded_again(visitor: Visitor) -> None:
    def block(route: Route) -> None:
        route.abort()

    visitor.context.route("**/hosted-fields.min.js", block)
    visitor.page.goto(visitor.shop.url)
    visitor.wait_for_fields("unavailable")
    page = visitor.page
    expect(page.locator("[data-card-fields-unavailable]")).to_be_visible()
    expect(page.locator("[data-card-entry]")).to_be_hidden()
    expect(page.get_by_role("status")).to_have_text("The card fields could not be opened.")
    visitor.press()
    expect(visitor.summary()).to_contain_text("The card fields could not be opened.")
    assert visitor.shop.posts == []
    visitor.context.unroute("**/hosted-fields.min.js", block)
    page.get_by_role("button", name="Open the card fields again").click()
    visitor.wait_for_fields()
    visitor.type_card()
    visitor.press()
    page.wait_for_url("**/done")


def test_without_script_the_page_says_what_to_do(chromium: Browser, shop: CardPage) -> None:
    visitor = Visitor(chromium, shop, java_script_enabled=False)
    visitor.page.goto(shop.url)
    expect(visitor.page.locator("[data-card-fields-unavailable]")).to_be_visible()
    expect(visitor.page.locator("[data-card-entry]")).to_be_hidden()
    visitor.context.close()


def test_a_boosted_form_keeps_the_card_through_a_server_side_error_and_makes_a_fresh_nonce(boosted: Visitor) -> None:
    page = boosted.open()
    answers = iter([(422, boosted.shop.body.replace("New card", "New card (try again)")), (303, "/done")])
    boosted.shop.answer = lambda post: next(answers)
    boosted.type_card()
    boosted.press()
    expect(page.get_by_text("try again")).to_be_visible()
    expect(boosted.field("number")).to_have_value("4111 1111 1111 1111")
    expect(page.get_by_role("button", name="Continue")).not_to_have_attribute("aria-disabled", "true")
    assert page.locator("input[name=card_nonce]").input_value() == ""
    boosted.press()
    page.wait_for_url("**/done")
    first, second = (post["card_nonce"][0] for post in boosted.shop.posts)
    assert first
    assert second
    assert first != second
    assert page.locator("iframe").count() == 0
    assert [said for said in boosted.complaints if "422" not in said] == []


def test_a_card_page_brought_by_a_swap_opens_its_fields_and_closes_them_when_left(boosted: Visitor) -> None:
    boosted.shop.pages["/start"] = '<h1>Start</h1><a href="/">To the card</a>'
    page = boosted.page
    page.goto(boosted.shop.url + "/start")
    page.evaluate("window.same = true")
    for _ in range(2):
        page.get_by_role("link", name="To the card").click()
        boosted.wait_for_fields()
        boosted.type_card()
        page.go_back()
        expect(page.get_by_role("heading", name="Start")).to_be_visible()
        assert page.locator("iframe").count() == 0
    page.get_by_role("link", name="To the card").click()
    boosted.wait_for_fields()
    boosted.type_card()
    boosted.press()
    page.wait_for_url("**/done")
    assert page.evaluate("window.same") is True
    assert boosted.complaints == []


def test_a_card_page_brought_by_a_swap_under_a_narrower_policy_is_loaded_anew(boosted: Visitor) -> None:
    boosted.shop.pages["/start"] = '<h1>Start</h1><a href="/">To the card</a>'
    boosted.shop.policy_frame = "'none'"
    page = boosted.page
    page.goto(boosted.shop.url + "/start")
    boosted.shop.policy_frame = None
    with page.expect_event("load"):
        page.get_by_role("link", name="To the card").click()
    boosted.wait_for_fields()
    boosted.type_card()
    boosted.press()
    page.wait_for_url("**/done")


def test_light_turning_dark_keeps_what_is_typed_readable(visitor: Visitor) -> None:
    page = visitor.open()
    before = visitor.field("number").evaluate("input => getComputedStyle(input).color")
    page.emulate_media(color_scheme="dark")
    expect(visitor.field("number")).not_to_have_css("color", before)
    visitor.type_card()
    ground = page.locator("#card-number").evaluate("box => getComputedStyle(box).backgroundColor")
    page.emulate_media(color_scheme="light")
    expect(page.locator("#card-number")).to_have_css("background-color", ground)
    expect(visitor.field("number")).to_have_value("4111 1111 1111 1111")


def test_an_expired_client_token_is_replaced_by_a_fresh_one(visitor: Visitor, simulator: SimulatorProcess) -> None:
    page = visitor.open()
    visitor.type_card()
    simulator.shift_clock(25 * 3600)
    visitor.press()
    expect(visitor.summary()).to_contain_text("We could not reach the card service.")
    visitor.wait_for_fields()
    visitor.type_card()
    visitor.press()
    page.wait_for_url("**/done")
