"""The browser script itself: the interface of braintree-web v3, its states, events and errors, in a real browser."""

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.rig.simulator_process import SimulatorProcess
from tests.simulator.card_page import CardPage

pytestmark = pytest.mark.browser

VISA = "4111111111111111"
BOXES = "".join(f'<div id="{name}" class="card-field"></div>' for name in ("number", "date", "code"))
CREATE = """async ([authorization, options]) => {
  const client = await braintree.client.create({ authorization });
  const wanted = {
    number: { selector: '#number' }, expirationDate: { container: '#date' }, cvv: { selector: '#code' } };
  window.fields = await braintree.hostedFields.create({ client, fields: wanted, ...options });
  window.heard = [];
  const types = ['focus', 'blur', 'empty', 'notEmpty', 'cardTypeChange', 'validityChange', 'inputSubmitRequest'];
  for (const type of types) {
    fields.on(type, (report) => heard.push([type, report.emittedBy]));
  }
}"""
TOKENIZE = """async (options) => {
  try { return await fields.tokenize(options); }
  catch ({ name, code, type, message, details }) {
    return { name, code, type, keys: details && details.invalidFieldKeys, ids: details && details.invalidFields
      && Object.values(details.invalidFields).map((element) => element.id), status: details && details.httpStatus };
  }
}"""


@pytest.fixture
def page(chromium: Browser, simulator: SimulatorProcess, gateway: Any) -> Iterator[Page]:
    """A page with three empty boxes and the two scripts."""
    with CardPage(simulator.url, gateway.client_token.generate, BOXES) as shop:
        context = chromium.new_context()
        page = context.new_page()
        page.goto(shop.url)
        for script in ("client.min.js", "hosted-fields.min.js"):
            page.add_script_tag(url=f"{simulator.url}/web/3.144.0/js/{script}")
        yield page
        context.close()


@pytest.fixture
def token(gateway: Any) -> str:
    return str(gateway.client_token.generate())


@pytest.fixture
def form(page: Page, token: str) -> Page:
    """The same page with its fields open."""
    page.evaluate(CREATE, [token, {}])
    return page


def field(page: Page, name: str) -> Any:
    return page.frame_locator(f"#braintree-hosted-field-{name}").locator("input")


def type_card(page: Page, number: str = VISA, date: str = "12/2031", code: str = "123") -> None:
    for name, text in (("number", number), ("expirationDate", date), ("cvv", code)):
        field(page, name).fill(text)


def error_of(page: Page, script: str, argument: object = None) -> dict[str, Any]:
    """What a call is refused with."""
    found: dict[str, Any] = page.evaluate(
        f"async (argument) => {{ try {{ await ({script})(argument); return {{}}; }}"
        " catch ({ name, code, type }) { return { name, code, type }; } }",
        argument,
    )
    return found


def test_tokenize_answers_the_payload_by_promise_and_by_callback(form: Page) -> None:
    type_card(form)
    options = {"cardholderName": "Maria Gomez", "billingAddress": {"postalCode": "60622"}}
    payload = form.evaluate(TOKENIZE, options)
    assert set(payload) >= {"nonce", "type", "description", "details", "binData"}
    assert (payload["type"], payload["description"]) == ("CreditCard", "ending in 11")
    assert payload["details"] == {
        "bin": "411111", "lastTwo": "11", "lastFour": "1111", "cardType": "Visa", "cardholderName": "Maria Gomez",
        "expirationMonth": "12", "expirationYear": "2031",
    }  # fmt: skip
    called = form.evaluate(
        "() => new Promise((resolve) => fields.tokenize((error, found) => resolve([error, found.nonce])))"
    )
    assert called[0] is None
    assert called[1] != payload["nonce"]


def test_nothing_typed_and_wrong_things_typed_are_told_apart(form: Page) -> None:
    empty = form.evaluate(TOKENIZE, {})
    assert (empty["name"], empty["code"], empty["type"]) == ("BraintreeError", "HOSTED_FIELDS_FIELDS_EMPTY", "CUSTOMER")
    type_card(form, number="4111111111111112", date="12/2031", code="")
    invalid = form.evaluate(TOKENIZE, {})
    assert (invalid["code"], invalid["type"]) == ("HOSTED_FIELDS_FIELDS_INVALID", "CUSTOMER")
    assert (invalid["keys"], invalid["ids"]) == (["number", "cvv"], ["number", "code"])


def test_a_card_the_gateway_refuses_and_a_gateway_that_fails_are_told_apart(
    form: Page, simulator: SimulatorProcess
) -> None:
    type_card(form, number="4242424242424242")
    refused = form.evaluate(TOKENIZE, {})
    assert (refused["code"], refused["status"]) == ("HOSTED_FIELDS_FAILED_TOKENIZATION", 422)
    type_card(form)
    simulator.faults("status_503_before", operation="tokenize")
    failed = form.evaluate(TOKENIZE, {})
    assert (failed["code"], failed["type"]) == ("HOSTED_FIELDS_TOKENIZATION_NETWORK_ERROR", "NETWORK")
    simulator.faults("reset_before", operation="tokenize", times=5)
    assert form.evaluate(TOKENIZE, {})["code"] == "HOSTED_FIELDS_TOKENIZATION_NETWORK_ERROR"
    simulator.clear_faults()
    assert form.evaluate(TOKENIZE, {})["nonce"]


def test_states_and_events_have_the_shape_of_the_real_thing(form: Page) -> None:
    state = form.evaluate("() => fields.getState()")
    assert len(state["cards"]) > 5
    blank = {"isFocused": False, "isEmpty": True, "isPotentiallyValid": True, "isValid": False}
    assert {name: {key: found[key] for key in blank} for name, found in state["fields"].items()} == {
        "number": blank, "expirationDate": blank, "cvv": blank,
    }  # fmt: skip
    assert form.evaluate("() => fields.getState().fields.number.container.id") == "number"
    field(form, "number").press_sequentially("4")
    field(form, "number").press_sequentially(VISA[1:])
    field(form, "number").press("Enter")
    field(form, "cvv").focus()
    form.wait_for_function("() => heard.some(([event, field]) => event === 'blur' && field === 'number')")
    heard = form.evaluate("heard")
    for event in ("focus", "notEmpty", "cardTypeChange", "validityChange", "inputSubmitRequest", "blur"):
        assert [event, "number"] in heard, event
    state = form.evaluate("() => fields.getState()")
    assert state["fields"]["number"]["isValid"] is True
    (card,) = state["cards"]
    assert (card["type"], card["niceType"], card["code"]) == ("visa", "Visa", {"name": "CVV", "size": 3})
    assert card["lengths"] == [16, 18, 19]
    expect(form.locator("#number")).to_have_class("card-field braintree-hosted-fields-valid")
    expect(form.locator("#code")).to_have_class("card-field braintree-hosted-fields-focused")
    field(form, "number").fill("9")
    expect(form.locator("#number")).to_have_class(
        "card-field braintree-hosted-fields-focused braintree-hosted-fields-invalid"
    )


def test_a_date_is_understood_as_people_type_it_and_as_managers_fill_it(form: Page) -> None:
    date = field(form, "expirationDate")
    for typed, shown, is_valid in (
        ("1231", "12 / 31", True),
        ("531", "05 / 31", True),
        ("12/2031", "12 / 2031", True),
        ("5/31", "05 / 31", True),
        ("1/31", "01 / 31", True),
        ("0125", "01 / 25", False),
        ("1331", "13 / 31", False),
        ("12", "12 / ", False),
    ):
        # the frame tells the page by message, a moment later: wait for the empty field, then for what was typed
        date.fill("")
        form.wait_for_function("() => fields.getState().fields.expirationDate.isEmpty")
        date.press_sequentially(typed)
        expect(date).to_have_value(shown)
        form.wait_for_function("wanted => fields.getState().fields.expirationDate.isValid === wanted", arg=is_valid)
    type_card(form)
    for pasted in ("05/31", "05/2031", "05 / 31", "0531", "2031-05", "5/2031"):
        date.fill(pasted)
        details = form.evaluate(TOKENIZE, {})["details"]
        assert (details["expirationMonth"], details["expirationYear"]) == ("05", "2031"), pasted


def test_a_date_can_be_deleted_again(form: Page) -> None:
    field(form, "expirationDate").press_sequentially("1231")
    for _ in range(7):
        field(form, "expirationDate").press("Backspace")
    expect(field(form, "expirationDate")).to_have_value("")


def test_each_brand_is_grouped_and_recognised(form: Page) -> None:
    for number, shown, kind in (
        ("4111 1111-1111 1111", "4111 1111 1111 1111", "visa"),
        ("5555555555554444", "5555 5555 5555 4444", "mastercard"),
        ("2223000048400011", "2223 0000 4840 0011", "mastercard"),
        ("378282246310005", "3782 822463 10005", "american-express"),
        ("36259600000004", "3625 960000 0004", "diners-club"),
        ("6011111111111117", "6011 1111 1111 1117", "discover"),
        ("3530111333300000", "3530 1113 3330 0000", "jcb"),
        ("6304000000000000", "6304 0000 0000 0000", "maestro"),
        ("6243030000000001", "6243 0300 0000 0001", "unionpay"),
    ):
        field(form, "number").fill(number)
        expect(field(form, "number")).to_have_value(shown)
        form.wait_for_function("kind => fields.getState().cards.map((card) => card.type).join() === kind", arg=kind)
        assert form.evaluate("() => fields.getState().fields.number.isValid") is True, number


def test_a_digit_put_in_the_middle_leaves_the_caret_behind_it(form: Page) -> None:
    number = field(form, "number")
    number.press_sequentially("411111111111111")
    for _ in range(13):
        number.press("ArrowLeft")
    number.press_sequentially("9")
    assert number.evaluate("input => input.value.slice(0, input.selectionStart)").endswith("9")


def test_fields_do_what_they_are_told(form: Page) -> None:
    form.evaluate("() => fields.focus('cvv')")
    expect(field(form, "cvv")).to_be_focused()
    form.evaluate("() => fields.setAttribute({ field: 'cvv', attribute: 'aria-invalid', value: 'true' })")
    expect(field(form, "cvv")).to_have_attribute("aria-invalid", "true")
    form.evaluate("() => fields.removeAttribute({ field: 'cvv', attribute: 'aria-invalid' })")
    expect(field(form, "cvv")).not_to_have_attribute("aria-invalid", "true")
    form.evaluate("() => fields.setMessage({ field: 'cvv', message: 'Three digits' })")
    expect(field(form, "cvv")).to_have_accessible_description("Three digits")
    form.evaluate("() => fields.setPlaceholder('cvv', '123')")
    expect(field(form, "cvv")).to_have_attribute("placeholder", "123")
    form.evaluate("() => fields.addClass('cvv', 'wide')")
    expect(field(form, "cvv")).to_have_class("cvv wide")
    form.evaluate("() => fields.removeClass('cvv', 'wide')")
    expect(field(form, "cvv")).to_have_class("cvv")
    field(form, "cvv").fill("12")
    form.evaluate("() => fields.clear('cvv')")
    expect(field(form, "cvv")).to_have_value("")
    assert "Visa" in form.evaluate("() => fields.getSupportedCardTypes()")


def test_styles_reach_the_input_and_nothing_else_does(page: Page, token: str) -> None:
    styles = {
        "input": {"color": "rgb(10, 20, 30)", "fontSize": "19px", "color-scheme": "dark", "background-image": "url(x)"},
        ":focus": {"color": "rgb(1, 2, 3)"},
        ".invalid": {"color": "rgb(200, 0, 0)"},
        "@media (min-width: 1px)": {"input": {"letter-spacing": "2px"}},
    }
    page.evaluate(CREATE, [token, {"styles": styles}])
    number = field(page, "number")
    expect(number).to_have_css("color", "rgb(10, 20, 30)")
    expect(number).to_have_css("font-size", "19px")
    expect(number).to_have_css("letter-spacing", "2px")
    expect(number).to_have_css("background-image", "none")
    assert number.evaluate("() => getComputedStyle(document.documentElement).colorScheme") == "dark"
    number.fill("99")
    page.locator("body").click(position={"x": 1, "y": 1})
    expect(number).to_have_css("color", "rgb(200, 0, 0)")
    field(page, "cvv").focus()
    expect(field(page, "cvv")).to_have_css("color", "rgb(1, 2, 3)")


def test_a_torn_down_form_leaves_nothing_and_can_be_made_again(form: Page, token: str) -> None:
    type_card(form)
    form.evaluate("() => fields.teardown()")
    assert form.locator("iframe").count() == 0
    gone = error_of(form, "() => fields.tokenize()")
    assert gone["code"] == "METHOD_CALLED_AFTER_TEARDOWN"
    form.evaluate(CREATE, [token, {}])
    assert form.locator("iframe").count() == 3


def test_a_wrong_call_is_refused_by_name(form: Page, token: str) -> None:
    attribute = "{ field: 'cvv', attribute: 'onclick', value: 'x' }"
    invalid = "{ field: 'cvv', attribute: 'aria-invalid', value: 'maybe' }"
    opened = "async (authorization) => { const client = await braintree.client.create({ authorization });"
    create = "await braintree.hostedFields.create({ client, fields: { number: { selector: '%s' } } }); }"
    for script, code in (
        ("() => braintree.client.create({})", "INSTANTIATION_OPTION_REQUIRED"),
        ("() => braintree.client.create({ authorization: '%%%' })", "CLIENT_INVALID_AUTHORIZATION"),
        ("() => braintree.hostedFields.create({})", "INSTANTIATION_OPTION_REQUIRED"),
        ("() => fields.focus('colour')", "HOSTED_FIELDS_FIELD_INVALID"),
        ("() => fields.focus('postalCode')", "HOSTED_FIELDS_FIELD_NOT_PRESENT"),
        (f"() => fields.setAttribute({attribute})", "HOSTED_FIELDS_ATTRIBUTE_NOT_SUPPORTED"),
        (f"() => fields.setAttribute({invalid})", "HOSTED_FIELDS_ATTRIBUTE_VALUE_NOT_ALLOWED"),
        (opened + create % "#number", "HOSTED_FIELDS_FIELD_DUPLICATE_IFRAME"),
        (opened + create % "#none", "HOSTED_FIELDS_INVALID_FIELD_SELECTOR"),
    ):
        assert error_of(form, script, token)["code"] == code, script


def test_an_expired_or_forged_token_opens_nothing(page: Page, token: str, simulator: SimulatorProcess) -> None:
    simulator.shift_clock(25 * 3600)
    expired = error_of(page, "(authorization) => braintree.client.create({ authorization })", token)
    assert (expired["code"], expired["type"]) == ("CLIENT_AUTHORIZATION_INVALID", "MERCHANT")


def test_the_page_cannot_ask_a_frame_for_what_was_typed(form: Page) -> None:
    """Frames answer `ask` only to their own origin; a page that forges one hears nothing."""
    type_card(form)
    heard = form.evaluate(
        """() => new Promise((resolve) => {
          const heard = [];
          addEventListener('message', (event) => heard.push(JSON.stringify(event.data)));
          for (const frame of document.querySelectorAll('iframe')) {
            const id = frame.src.split('#')[1].split('/')[0];
            const channel = new MessageChannel();
            channel.port1.onmessage = (event) => heard.push(JSON.stringify(event.data));
            frame.contentWindow.postMessage({ hostedFields: id, kind: 'ask' }, '*', [channel.port2]);
          }
          fields.tokenize().then(() => setTimeout(() => resolve(heard)));
        })"""
    )
    assert heard
    assert not [said for said in heard if "4111 1111" in said or VISA in said or '"123"' in said]


def test_a_frame_runs_only_its_own_scripts_and_speaks_only_to_its_own_origin(
    simulator: SimulatorProcess, page: Page
) -> None:
    answer = page.request.get(f"{simulator.url}/web/3.144.0/html/hosted-fields-frame.html")
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "connect-src 'self'" in policy
    assert "unsafe" not in policy
    assert page.request.get(f"{simulator.url}/web/9.9.9/js/client.min.js").ok
    assert page.request.get(f"{simulator.url}/web/3.144.0/js/../../secret").status == 404
