"""A plan's offer in a real Chromium: signed in each of the three ways on a phone, by keyboard, and without script.

Every page and state is looked at once, in light and dark, and at 400 % zoom (1280 pixels made 320 wide, WCAG 1.4.10).
"""

import io
import os
import urllib.request
from collections.abc import Callable, Sequence
from pathlib import Path

import pikepdf
import pytest
from PIL import Image
from playwright.sync_api import CDPSession, Locator, Page, expect

from portal.domain.organisation import Profile
from portal.storage import account as accounts
from portal.storage import message as messages
from portal.storage import plan as plans
from portal.storage import signing as signings
from portal.storage.plan import Plan
from portal.storage.signing import PlanSignature
from portal.usecases.ledger import lower_balance
from portal.usecases.outbox import deliver
from portal.usecases.plan_life import cancel, change
from portal.usecases.plan_offer import make_link
from tests.browser.conftest import DESK, PHONE, Site, Visitor, axe, fill_card, tab_to
from tests.rig.house import House, found
from tests.rig.plans import NEVER, offered, plan_now, settlement, wish
from tests.rig.simulator_process import SimulatorProcess

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]
Visit = Callable[..., Visitor]
ZOOMED = {"width": 320, "height": 256}
SHOTS = os.environ.get("SHOTS")  # a folder: each state is kept there as pictures, to be looked at
STROKE = ((0.1, 0.6), (0.25, 0.2), (0.4, 0.8), (0.6, 0.3), (0.9, 0.5))  # of the pad's width and height

PAD_FITS = """() => {
  const pad = document.querySelector('canvas.signature-pad');
  return pad.width === Math.floor(pad.offsetWidth * Math.min(devicePixelRatio, 2));
}"""
INK_AT_THE_EDGE = "pad => pad.getContext('2d').getImageData(pad.width - 1, 0, 1, pad.height).data.some((each) => each)"
HAS_INK = "pad => pad.getContext('2d').getImageData(0, 0, pad.width, pad.height).data.some((each) => each)"


@pytest.fixture
def house(site: Site, world: SimulatorProcess) -> House:
    """A debt collector of its own: it asks who it is, five times an hour, and nobody else's cards are on file."""
    return found(site.house.ports, world, Profile.receivables)


def link(house: House, plan: Plan) -> str:
    """A new link to an offer."""
    now = house.ports.clock.now()
    with house.ports.database.transaction(house.organisation_id) as session:
        row = plans.by_id(session, plan.id)
        assert row is not None
        token = make_link(session, row, expires_at=now + NEVER, now=now, made_by="test")
    return f"{house.ports.portal_url}/{house.slug}/agreement/{token}"


def looked_at(page: Page, name: str) -> None:
    """Nothing for axe to find in light and dark, and nothing to scroll sideways for at 400 %."""
    size = page.viewport_size
    assert size is not None
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]  # both are what it takes
        for width, wanted in (("phone", PHONE), ("desk", DESK)) if SHOTS else ():
            page.set_viewport_size(wanted)  # type: ignore[arg-type]  # the dict is one of a size
            page.screenshot(path=str(Path(SHOTS or "") / f"plan-{name}-{width}-{scheme}.png"), full_page=True)
            page.set_viewport_size(size)
        assert axe(page) == [], f"{name}, {scheme}"
    page.set_viewport_size(ZOOMED)  # type: ignore[arg-type]  # the dict is one of a size
    assert not page.evaluate("document.documentElement.scrollWidth > innerWidth"), f"{name} scrolls sideways"
    page.set_viewport_size(size)


def to_details(page: Page, address: str) -> None:
    page.goto(address)
    page.get_by_role("button", name="Continue").click()
    page.get_by_label("ZIP code of your home address").fill("60614")
    page.get_by_role("button", name="Continue").click()
    expect(page.get_by_role("button", name="Get Started")).to_be_visible()


def to_sign_page(page: Page, address: str) -> None:
    """By pointer, with the card on file."""
    to_details(page, address)
    page.get_by_role("button", name="Get Started").click()
    page.get_by_label("Visa on file").check()
    page.get_by_label("Last 4 digits of the card").fill("1111")
    page.get_by_label("Billing ZIP code").fill("94107")
    page.get_by_role("button", name="Continue").click()
    opens_the_document(page, page.get_by_role("button", name="Open the agreement").click)
    page.get_by_label("I opened the document").check()
    page.get_by_role("button", name="Continue to sign").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign your plan")


def opens_the_document(page: Page, press: Callable[[], None]) -> None:
    """The press that opens the agreement beside the page, and that what comes is the paper."""
    with (
        page.context.expect_page() as opened,
        page.context.expect_event("response", lambda each: each.url.endswith("/agreement.pdf")) as came,
    ):
        press()
    assert came.value.headers["content-type"] == "application/pdf"
    opened.value.close()  # a page behind another one is drawn once a second
    page.bring_to_front()


def signature_of(house: House, plan: Plan) -> PlanSignature:
    assert plan_now(house, plan.id).state == "signed"
    with house.ports.database.read(house.organisation_id) as session:
        row = signings.signature_of(session, plan.id)
    assert row is not None
    return row


def papers_in_the_mailbox(house: House, plan: Plan) -> dict[str, bytes]:
    """What came with the email that tells of the signature, by the beginning of its name."""
    with house.ports.database.read(house.organisation_id) as session:
        sent = [each for each in messages.of_customer(session, house.customer_id) if each.event == "plan_signed"]
    assert [each.subject_id for each in sent] == [plan.id]
    assert deliver(house.ports, house.organisation_id, sent[0].id)
    mails = house.simulator.call("GET", "/mailbox.json?recipient=ada@")
    mail = next(each for each in mails if any(plan.reference in one["name"] for one in each["attachments"]))
    return {
        each["name"].partition(f"-{plan.reference}")[0]: fetched(house, f"{mail['id']}/attachments/{each['number']}")
        for each in mail["attachments"]
    }


def fetched(house: House, path: str) -> bytes:
    with urllib.request.urlopen(f"{house.simulator.url}/mailbox/{path}", timeout=30) as answer:
        content: bytes = answer.read()
    return content


def inked(signature: PlanSignature) -> int:
    """How many points of the kept sheet are not paper."""
    assert signature.image is not None
    with Image.open(io.BytesIO(signature.image)) as sheet:
        return sum(sheet.convert("L").point(lambda shade: shade < 128).histogram()[1:])


def complaints(visitor: Visitor) -> list[str]:
    """What the browser complained of, but for answers that say what is wrong with a form."""
    return [each for each in visitor.complaints if "422" not in each]


def points(pad: Locator) -> Sequence[tuple[float, float]]:
    pad.scroll_into_view_if_needed()
    box = pad.bounding_box()
    assert box is not None
    return [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in STROKE]


def draw_with_finger(devtools: CDPSession, pad: Locator) -> None:
    """As a touch screen tells it; playwright itself only taps."""
    for kind, at in (("touchStart", points(pad)[:1]), ("touchMove", points(pad)[1:]), ("touchEnd", ())):
        for x, y in at or [(0, 0)]:
            touched = [{"x": x, "y": y}] if at else []
            devtools.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": touched})


def draw_with_mouse(page: Page, pad: Locator) -> None:
    first, *others = points(pad)
    page.mouse.move(*first)
    page.mouse.down()
    for each in others:
        page.mouse.move(*each, steps=4)
    page.mouse.up()


def test_a_plan_is_signed_on_a_phone_with_a_finger_and_each_page_is_in_order(
    site: Site, visit: Visit, house: House
) -> None:
    """S1:26-32: a new card, a drawn signature, a first payment at once; then the papers in the mailbox."""
    plan = offered(house, settlement(house, down_cents=5_000))
    visitor = visit(has_touch=True, is_mobile=True, reduced_motion="reduce")
    page = visitor.page
    page.goto(link(house, plan))
    looked_at(page, "01-landing")
    page.get_by_role("button", name="Continue").tap()
    page.get_by_role("button", name="Continue").tap()
    expect(page.locator("#error-summary")).to_be_focused()
    looked_at(page, "02-identity-wrong")
    page.get_by_label("ZIP code of your home address").fill("60614")
    page.get_by_role("button", name="Continue").tap()
    expect(page.get_by_role("heading", level=1)).to_have_text("Your payment plan")
    assert visitor.origins() == {site.url}, "no third party before the card page"
    looked_at(page, "03-details")
    page.get_by_role("button", name="Get Started").tap()
    expect(page.locator('form[data-card-state="ready"]')).to_be_visible()
    billing = page.frame_locator("#card-zip iframe").locator("input:visible").first
    expect(billing).to_have_value("60614")  # W27: it was typed a moment ago
    page.get_by_role("button", name="Continue").tap()
    expect(page.locator("#error-summary")).to_be_visible()
    looked_at(page, "04-card-wrong")
    fill_card(page)
    page.get_by_role("button", name="Continue").tap()
    expect(page.get_by_role("heading", level=1)).to_have_text("Terms and Authorization")
    page.get_by_role("button", name="Continue to sign").tap()
    expect(page.locator("#error-summary")).to_be_focused()
    looked_at(page, "05-terms-wrong")
    opens_the_document(page, page.get_by_role("button", name="Open the agreement").tap)
    page.get_by_label("I opened the document").check()
    page.get_by_role("button", name="Continue to sign").tap()
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign your plan")
    looked_at(page, "06-sign-typed")
    page.get_by_label("Draw my signature").check()
    page.get_by_role("button", name="Sign and pay $50.00 now").tap()
    expect(page.locator("#error-summary")).to_be_focused()
    looked_at(page, "07-sign-drawn-wrong")
    pad = page.locator("canvas.signature-pad")
    devtools = page.context.new_cdp_session(page)
    draw_with_finger(devtools, pad)
    assert pad.evaluate(HAS_INK)
    page.get_by_role("button", name="Clear").click()  # a tap at once after a quick stroke would only end its fling
    assert not pad.evaluate(HAS_INK)
    draw_with_finger(devtools, pad)
    looked_at(page, "08-sign-drawn")
    page.get_by_role("button", name="Sign and pay $50.00 now").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Your payment plan agreement is complete")
    expect(page.get_by_text("Paid", exact=True)).to_be_visible()
    looked_at(page, "09-done")
    signature = signature_of(house, plan)
    assert (signature.way, signature.typed_name) == ("drawn", None)
    assert inked(signature) > 300, "the line is on the sheet"
    with page.expect_download() as kept:
        page.get_by_role("link", name="Download the signed agreement").click()
    papers = papers_in_the_mailbox(house, plan)
    assert Path(kept.value.path()).read_bytes() == papers["authorization-agreement"]
    assert sorted(papers) == ["authorization-agreement", "payment-schedule"]
    for content in papers.values():
        with pikepdf.open(io.BytesIO(content)) as pdf:
            assert pdf.Root["/MarkInfo"]["/Marked"]
    assert complaints(visitor) == []


@pytest.mark.parametrize("way", ["typed", "pressed"])
def test_w28_a_keyboard_alone_signs_a_plan(visit: Visit, house: House, way: str) -> None:
    card_id = house.card_on_file()
    plan = offered(house)
    page = visit(reduced_motion="reduce").page

    def press(selector: str = "main button.primary", key: str = "Enter") -> None:
        tab_to(page, selector)
        page.keyboard.press(key)

    def type_(selector: str, words: str) -> None:
        tab_to(page, selector)
        page.keyboard.type(words)

    page.goto(link(house, plan))
    press()
    page.wait_for_url("**/identity")
    type_("#answer", "60614")
    press()
    page.wait_for_url("**/details")
    press()
    page.wait_for_url("**/card")
    expect(page.locator('form[data-card-state="ready"]')).to_be_visible()
    press(f"#method-{card_id}", "Space")
    type_("#proof-last4", "1111")
    type_("#proof-zip", "94107")
    looked_at(page, f"keyboard-{way}-card")
    press()
    page.wait_for_url("**/terms")
    opens_the_document(page, lambda: press("#open-document"))
    press("#consent", "Space")
    press()
    page.wait_for_url("**/sign")
    tab_to(page, "#way-typed")
    if way == "pressed":
        page.keyboard.press("ArrowUp")  # round to the last of the three
        expect(page.locator("#way-pressed")).to_be_checked()
        looked_at(page, "keyboard-pressed-sign")
    else:
        type_("#name", "Ada Q. Moss")
    press()
    page.wait_for_url("**/done")
    expect(page.get_by_role("heading", level=1)).to_be_focused()
    signature = signature_of(house, plan)
    assert (signature.way, signature.typed_name) == (way, "Ada Q. Moss" if way == "typed" else None)


def test_without_script_a_typed_name_and_a_card_on_file_sign_a_plan(visit: Visit, house: House) -> None:
    house.card_on_file()
    plan = offered(house)
    page = visit(java_script_enabled=False).page
    to_sign_page(page, link(house, plan))
    expect(page.get_by_label("Draw my signature")).to_be_hidden()
    page.get_by_label("Your full name").fill("Ada Moss")
    page.get_by_role("button", name="Sign the agreement").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Your payment plan agreement is complete")
    assert signature_of(house, plan).typed_name == "Ada Moss"
    assert sorted(papers_in_the_mailbox(house, plan)) == ["authorization-agreement", "payment-schedule"]


def test_a_mouse_draws_a_signature_that_a_wider_and_a_narrower_window_keep(visit: Visit, house: House) -> None:
    """As when a phone is turned on its side and back before the button is pressed."""
    house.card_on_file()
    plan = offered(house)
    page = visit().page
    to_sign_page(page, link(house, plan))
    page.get_by_label("Draw my signature").check()
    draw_with_mouse(page, page.locator("canvas.signature-pad"))
    pad = page.locator("canvas.signature-pad")
    for size in (DESK, ZOOMED):
        page.set_viewport_size(size)  # type: ignore[arg-type]  # the dict is one of a size
        page.wait_for_function(PAD_FITS)
        assert pad.evaluate(HAS_INK)
        assert not pad.evaluate(INK_AT_THE_EDGE), "nothing of it is cut off"
    page.get_by_role("button", name="Sign the agreement").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Your payment plan agreement is complete")
    assert signature_of(house, plan).way == "drawn"
    assert inked(signature_of(house, plan)) > 300


def test_every_end_of_an_offer_is_in_order(visit: Visit, house: House) -> None:
    """Expired, cancelled, changed while it was read, not fitting any more; and a new version beside the old one."""
    house.card_on_file()
    page = visit(reduced_motion="reduce").page
    plan = offered(house)
    to_sign_page(page, link(house, plan))
    house.set("plan_terms", value="A paragraph that nobody has read.")
    page.get_by_label("Sign by pressing").check()
    page.get_by_role("button", name="Sign the agreement").click()
    expect(page.get_by_text("Nothing was signed and nothing was charged.")).to_be_visible()
    looked_at(page, "10-changed")
    page.get_by_role("link", name="Go on from there").click()
    opens_the_document(page, page.get_by_role("button", name="Open the agreement").click)
    page.get_by_label("I opened the document").check()
    page.get_by_role("button", name="Continue to sign").click()
    page.get_by_label("Sign by pressing").check()
    page.get_by_role("button", name="Sign the agreement").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Your payment plan agreement is complete")
    page.get_by_role("button", name="Send my records on paper").click()
    expect(page.get_by_text("Your records come on paper, by mail.")).to_be_visible()
    looked_at(page, "11-done-on-paper")
    page.get_by_role("link", name="Tell us, so that your records reach you").click()
    page.get_by_role("button", name="Send").click()
    expect(page.locator("#error-summary")).to_be_focused()
    looked_at(page, "11-contact-wrong")

    new = change(house.ports, house.organisation_id, plan.id, wish(house, 5, down_cents=5_000), "staff")
    to_details(page, link(house, new))
    looked_at(page, "12-new-version")
    cancel(house.ports, house.organisation_id, new.id, "staff")
    page.get_by_role("button", name="Get Started").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("This link is inactive")
    looked_at(page, "13-inactive")

    other = offered(house)
    to_details(page, link(house, other))
    with house.ports.database.transaction(house.organisation_id) as session:
        owed_on = accounts.lock(session, other.account_id)
        lower_balance(session, owed_on, 10_000, event_key="test", now=house.ports.clock.now(), by="test")
    page.get_by_role("button", name="Get Started").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("This plan no longer fits")
    looked_at(page, "14-fits-no-more")

    late = offered(house)
    with house.ports.database.transaction(house.organisation_id) as session:
        row = plans.by_id(session, late.id)
        assert row is not None
        assert row.offered_at is not None
        row.expires_at = row.offered_at
    page.goto(link(house, late))
    expect(page.get_by_role("heading", level=1)).to_have_text("This link has expired")
    looked_at(page, "15-expired")
