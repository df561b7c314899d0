"""A plan's offer as a person without script walks it: looked at, signed in each way, kept; and what is in the way."""

import io
import re

import pytest
from pypdf import PdfReader

from portal.storage import account as accounts
from portal.storage import customer as customers
from portal.storage import payment_method as methods
from portal.storage import plan as plans
from portal.storage import signing as signings
from portal.usecases.check_code import Kind, code_of
from portal.usecases.ledger import lower_balance
from portal.usecases.plan_life import cancel, change
from portal.usecases.plan_offer import expire, make_link
from portal.web.agreement.door import SIGNING
from tests.rig.plans import NEVER, drawn, instalments, offered, plan_now, settlement, wish
from tests.rig.reader import Reader
from tests.rig.series import told
from tests.web.conftest import Portal

DEBT_WORDS = re.compile(r"plan|debt|owe|balance|settle|collect|\$|amount due|payment plan", re.IGNORECASE)


@pytest.fixture(autouse=True)
def _asks_who_it_is(portal: Portal) -> None:
    portal.house.set("plan_identity", value="zip")


def link(portal: Portal, plan_id: str) -> str:
    """The path of a new link to an edition of a plan."""
    house, now = portal.house, portal.house.clock.now()
    with house.ports.database.transaction(house.organisation_id) as session:
        row = plans.by_id(session, plan_id)
        assert row is not None
        return f"/{house.slug}/agreement/{make_link(session, row, expires_at=now + NEVER, now=now, made_by='test')}"


def at_card(portal: Portal, plan_id: str, reader: Reader | None = None) -> Reader:
    reader = (reader or portal.reader()).open(link(portal, plan_id)).press("Continue")
    assert reader.step == "identity", reader.path
    reader.fill("ZIP code of your home address", "60614").press("Continue")
    assert reader.step == "details", reader.errors()
    return reader.press("Get Started")


def at_terms(portal: Portal, plan_id: str, reader: Reader | None = None) -> Reader:
    with portal.house.ports.database.read(portal.house.organisation_id) as session:
        kept = methods.of_customer(session, portal.house.customer_id)
    if not kept:
        portal.house.card_on_file()
    reader = at_card(portal, plan_id, reader)
    reader.choose("on file").fill("Last 4 digits of the card", "1111").fill("Billing ZIP code", "94107")
    reader.press("Continue")
    assert reader.step == "terms", reader.errors()
    return reader


def at_sign(portal: Portal, plan_id: str, reader: Reader | None = None) -> Reader:
    reader = at_terms(portal, plan_id, reader)
    terms = reader.url
    reader.press("Open the agreement")
    assert reader.response.mimetype == "application/pdf"
    reader.open(terms).choose("I opened the document").press("Continue to sign")
    assert reader.step == "sign", reader.errors()
    return reader


@pytest.mark.parametrize(("way", "label"), [("typed", "Type my name"), ("pressed", "Sign by pressing the button")])
def test_w28_a_plan_is_signed_without_script(portal: Portal, way: str, label: str) -> None:
    """S1:27-32, with a method on file, and every date and amount seen first."""
    plan = offered(portal.house, settlement(portal.house, down_cents=5_000))
    reader = portal.reader().open(link(portal, plan.id)).press("Continue")
    reader.fill("ZIP code", "60614").press("Continue")
    assert reader.amount == "$240.00"
    assert reader.sees("with the last payment, $260.00 is no longer owed")
    assert reader.rows()["Interest and fees"] == "None"
    payments = next(each for each in reader.page.all("ol") if each.get("class") == "plan-payments").all("li")
    assert [each.text.rsplit("$", 1)[1] for each in payments] == ["50.00", "63.33", "63.33", "63.34"]
    reader = at_sign(portal, plan.id)
    reader.choose(label)
    if way == "typed":
        reader.fill("Your full name", "Ada Q. Moss")
    reader.press("Sign and pay $50.00 now")
    assert (reader.step, reader.heading) == ("done", "Your payment plan agreement is complete")
    row = plan_now(portal.house, plan.id)
    assert row.state == "signed"
    assert [each.status for each in instalments(portal.house, row)] == ["paid", "due", "due", "due"]
    assert reader.page.all("ol")[0].text.count("Paid") == 1
    assert reader.page.all("ol")[0].text.count("Pending") == 3
    assert told(portal.house) == ["plan_offer", "plan_signed", "receipt"]


def test_the_copies_are_downloaded_and_mailed_to_the_byte(portal: Portal) -> None:
    plan = offered(portal.house)
    reader = (
        at_sign(portal, plan.id).choose("Type my name").fill("Your full name", "Ada Moss").press("Sign the agreement")
    )
    links = [each["href"] for each in reader.page.all("a") if each.get("href").endswith(".pdf")]
    assert len(links) == 2
    done = reader.url
    with portal.house.ports.database.read(portal.house.organisation_id) as session:
        signature = signings.signature_of(session, plan.id)
        assert signature is not None
        code = code_of(session, Kind.agreement, signature.agreement_id)
    assert code is not None
    for address in links:
        response = reader.raw("GET", address)
        assert response.mimetype == "application/pdf"
        assert response.headers["Content-Disposition"].startswith("attachment")
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert response.headers["Cache-Control"] == "no-store"
        pages = [page.extract_text() for page in PdfReader(io.BytesIO(response.data)).pages]
        assert all(plan.reference in page and code in page for page in pages)
        assert f"{portal.house.ports.portal_url}/{portal.house.slug}/check" in pages[-1]
        assert portal.reader().raw("GET", address).status_code == 403, "attack 52, 103: only to its party"
    told(portal.house)
    mails = portal.house.simulator.call("GET", "/mailbox.json?recipient=ada@")
    mail = next(each for each in mails if len(each["attachments"]) == 2)
    assert sorted(each["name"].rsplit("-PL", 1)[0] for each in mail["attachments"]) == [
        "authorization-agreement",
        "payment-schedule",
    ]
    checked = portal.reader().open(f"/{portal.house.slug}/check?code={code}").press("Check")
    assert (checked.heading, checked.rows()["What it is"]) == ("Yes, this is from us", "An agreement")
    reader.open(done).press("Send my records on paper")
    assert reader.sees("Your records come on paper, by mail.")


def test_attack_025_looking_has_no_effect_and_the_button_needs_more_than_a_press(portal: Portal) -> None:
    plan = offered(portal.house)
    address, reader = link(portal, plan.id), portal.reader()
    for _ in range(3):
        reader.open(address)
    for method in ("HEAD", "OPTIONS"):
        assert reader.raw(method, address).status_code == 200
    reader.press("Continue")
    reader.press("Continue")
    assert reader.step == "identity"
    assert plan_now(portal.house, plan.id).state == "offered"


@pytest.mark.parametrize("is_set", [True, False])
def test_c20_before_who_it_is_nothing_is_said_of_a_plan(portal: Portal, *, is_set: bool) -> None:
    """A debt collector is discreet whatever is set."""
    plan = offered(portal.house)
    portal.house.set("discreet_messages", value=is_set)
    reader = portal.reader().open(link(portal, plan.id))
    assert reader.response.headers["Referrer-Policy"].startswith("no-referrer")
    assert DEBT_WORDS.search(reader.text) is None
    reader.press("Continue")
    assert DEBT_WORDS.search(reader.text) is None
    assert DEBT_WORDS.search(reader.title) is None
    base = reader.url.rsplit("/", 1)[0]
    for step in ("details", "card", "terms", "sign", "done", "terms/agreement.pdf", "done/agreement.pdf"):
        assert reader.open(f"{base}/{step}").step == "identity"
    assert reader.fill("ZIP code", "00000").press("Continue").errors() == [
        "That is not what we have on file. Check it, or call us."
    ]


def test_c23_a_debt_collector_says_so_once_it_is_known_who_looks_and_nobody_else_does(portal: Portal) -> None:
    plan = offered(portal.house)
    reader = portal.reader().open(link(portal, plan.id)).press("Continue")
    said = "is a debt collector. This is an attempt to collect a debt"
    assert not reader.sees(said)
    reader.fill("ZIP code", "60614").press("Continue")
    assert reader.sees(f"Harbour Recovery {said}")
    portal.house.set("debt_collector", value=False)
    assert not reader.open(reader.url).sees(said)


def test_a_step_too_early_leads_to_the_furthest_one(portal: Portal) -> None:
    plan = offered(portal.house)
    reader = at_card(portal, plan.id)
    base = reader.url.rsplit("/", 1)[0]
    assert reader.open(f"{base}/sign").step == "card"
    assert reader.open(f"{base}/done").step == "card"
    reader = at_terms(portal, plan.id)
    base = reader.url.rsplit("/", 1)[0]
    assert reader.open(f"{base}/sign").step == "terms"


def test_c13_the_document_is_opened_before_the_tick_counts(portal: Portal) -> None:
    reader = at_terms(portal, offered(portal.house).id)
    reader.choose("I opened the document").press("Continue to sign")
    assert (reader.status, reader.errors()) == (
        422,
        ["Open the agreement first, so that we know that you can read it."],
    )
    terms = reader.url
    reader.press("Open the agreement").open(terms)
    assert reader.press("Continue to sign").errors() == [
        "Tick the box to go on, or call us to get everything on paper."
    ]


def test_c12_the_disclosures_stand_before_the_consent(portal: Portal) -> None:
    reader = at_terms(portal, offered(portal.house).id)
    for heading in ("Electronic records and signature", "If you prefer paper", "If you change your mind",
                    "If your email address or phone number changes", "What you need"):  # fmt: skip
        assert reader.text.index(heading) < reader.text.index("I opened the document")


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"way": "typed", "name": ""}, "Type your full name, or choose another way to sign."),
        ({"way": "typed", "name": "x" * 10_000}, "Shorten your name to 120 characters or fewer."),
        ({"way": "typed", "name": "\u202eAda"}, "Use letters, numbers and usual punctuation only."),
        ({"way": "drawn", "drawing": ""}, "Draw your signature in the box, or choose another way to sign."),
        ({"way": "drawn", "drawing": "data:image/svg+xml;base64,PHN2Zy8+"}, "The drawing could not be used."),
        ({"way": ""}, "Choose how you want to sign."),
    ],
)
def test_attack_102_104_what_is_no_signature_is_said_so_on_the_page(
    portal: Portal, fields: dict[str, str], error: str
) -> None:
    plan = offered(portal.house)
    reader = at_sign(portal, plan.id)
    form, _ = reader.form_of("Sign the agreement")
    reader.post(reader.url, {**reader.values_of(form), **fields})
    assert reader.status == 422
    assert reader.errors()[0].startswith(error)
    assert plan_now(portal.house, plan.id).state == "offered"


def test_a_drawing_signs_and_a_captured_form_signs_no_second_time(portal: Portal) -> None:
    plan = offered(portal.house, wish(portal.house, down_cents=1_000))
    reader = at_sign(portal, plan.id)
    form, _ = reader.form_of("Sign and pay")
    captured = {**reader.values_of(form), "way": "drawn", "drawing": drawn()}
    address = reader.url
    reader.post(address, captured)
    assert reader.step == "done"
    reader.post(address, {**captured, "way": "pressed"})
    assert reader.step == "done"
    payments = instalments(portal.house, plan_now(portal.house, plan.id))
    assert len(payments) == 4
    assert len([each for each in portal.house.truth() if each["amount_cents"] == 1_000]) == 1


def test_c14_a_new_address_is_told_on_the_page_of_the_signed_copies(portal: Portal) -> None:
    """As the disclosures promise; staff decide, and no message goes to what was typed."""
    plan = offered(portal.house)
    reader = at_sign(portal, plan.id).choose("Sign by pressing").press("Sign the agreement")
    reader.follow("Tell us, so that your records reach you").press("Send")
    assert reader.status == 422
    assert len(reader.errors()) == 1
    reader.fill("New email address", "not an address").press("Send")
    assert reader.status == 422
    reader.fill("New email address", "ada.moss@example.org").fill("New phone number", "312 555 0177").press("Send")
    assert reader.step == "done"
    assert reader.sees("We will check what you sent")
    house = portal.house
    with house.ports.database.read(house.organisation_id) as session:
        person = customers.by_id(session, house.customer_id)
        asked = customers.open_change_request(session, reader.url.split("/")[-2])
    assert person is not None
    assert asked is not None
    assert asked.changes == {"email": "ada.moss@example.org", "phone": "312 555 0177"}
    assert (asked.account_id, person.email) == (plan.account_id, "ada@example.com")
    assert told(house) == ["contact_change_request", "plan_offer", "plan_signed"]
    assert house.simulator.call("GET", "/mailbox.json?recipient=ada.moss@example.org") == []


def test_attack_103_a_drawn_signature_is_served_inside_its_paper_alone_to_its_party_alone(portal: Portal) -> None:
    """No address of the house answers with the picture: every page of the signing is read, and none is one."""
    house = portal.house
    plan = offered(house)
    reader = at_sign(portal, plan.id)
    form, _ = reader.form_of("Sign the agreement")
    reader.post(reader.url, {**reader.values_of(form), "way": "drawn", "drawing": drawn()})
    assert reader.step == "done"
    with house.ports.database.read(house.organisation_id) as session:
        signature = signings.signature_of(session, plan.id)
    assert signature is not None
    assert signature.image is not None
    base = reader.url.rsplit("/", 1)[0]
    rules = portal.app.url_map.iter_rules()
    pages = {each.rule.rpartition(">/")[2] for each in rules if each.rule.startswith(SIGNING) and "GET" in each.methods}
    assert {"done", "sign", "done/agreement.pdf", "done/schedule.pdf"} <= pages
    for page in sorted(pages):
        answer = reader.raw("GET", f"{base}/{page}")
        assert not answer.mimetype.startswith("image/"), page
        assert signature.image not in answer.data, page
        if answer.mimetype != "application/pdf":
            continue
        assert answer.headers["Content-Disposition"].startswith("attachment"), page
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Content-Security-Policy"].endswith("; sandbox")
        assert answer.headers["Cache-Control"] == "no-store"
        assert portal.reader().raw("GET", f"{base}/{page}").status_code == 403, "nobody without its cookie"


def test_attack_105_the_server_alone_says_when_and_from_where(portal: Portal) -> None:
    plan = offered(portal.house)
    reader = at_sign(portal, plan.id)
    form, _ = reader.form_of("Sign the agreement")
    lies = {"way": "pressed", "ip": "10.0.0.1", "signed_at": "2020-01-01", "user_agent": "x", "plan_id": "y"}
    reader.post(reader.url, {**reader.values_of(form), **lies}, **{"X-Forwarded-For": "10.0.0.1"})
    with portal.house.ports.database.read(portal.house.organisation_id) as session:
        signature = signings.signature_of(session, plan.id)
    assert signature is not None
    assert (signature.ip, signature.user_agent) == ("203.0.113.7", "A reader of pages")
    assert signature.signed_at == portal.house.clock.now()


def test_attack_067_a_changed_text_is_409_and_leads_back_to_reading(portal: Portal) -> None:
    plan = offered(portal.house)
    reader = at_sign(portal, plan.id)
    portal.house.set("plan_terms", value="A paragraph that nobody has read.")
    reader.choose("Sign by pressing").press("Sign the agreement")
    assert reader.status == 409
    assert reader.sees("Nothing was signed and nothing was charged.")
    reader.follow("Go on from there")
    assert reader.step == "terms"
    assert reader.sees("A paragraph that nobody has read.")
    assert plan_now(portal.house, plan.id).state == "offered"


def test_p9_a_changed_plan_shows_old_and_new_side_by_side(portal: Portal) -> None:
    plan = offered(portal.house)
    at_sign(portal, plan.id).choose("Sign by pressing").press("Sign the agreement")
    new = change(portal.house.ports, portal.house.organisation_id, plan.id, wish(portal.house, 5), "staff")
    reader = portal.reader().open(link(portal, new.id)).press("Continue").fill("ZIP code", "60614").press("Continue")
    lists = [each for each in reader.page.all("ol") if each.get("class") == "plan-payments"]
    assert [len(each.all("li")) for each in lists] == [3, 5]
    assert reader.sees("Nothing is charged under the old one until you have signed this one")
    assert plan_now(portal.house, plan.id).state == "paused"
    at_sign(portal, new.id).choose("Sign by pressing").press("Sign the agreement")
    assert [plan_now(portal.house, each).state for each in (plan.id, new.id)] == ["superseded", "signed"]


def test_s1_40_an_expired_offer_is_inactive_and_sends_a_fresh_one_where_it_may(portal: Portal) -> None:
    plan = offered(portal.house)
    address = link(portal, plan.id)
    assert plan.expires_at is not None
    portal.house.clock.at = plan.expires_at
    assert expire(portal.house.ports) >= 1
    reader = portal.reader().open(address)
    assert (reader.status, reader.heading) == (410, "This link has expired")
    reader.press("Send me a fresh one")
    assert reader.heading == "Look for a new message"
    with portal.house.ports.database.read(portal.house.organisation_id) as session:
        editions = plans.editions(session, plan.reference)
    assert [each.state for each in editions] == ["superseded", "offered"]
    assert sum(each["amount_cents"] for each in editions[1].instalments) == 50_000
    portal.house.set("plan_fresh_offer", value=False)
    other = offered(portal.house)
    address = link(portal, other.id)
    assert other.expires_at is not None
    portal.house.clock.at = other.expires_at
    reader = portal.reader().open(address)
    assert reader.status == 410
    assert not reader.sees("Send me a fresh one")


def test_attack_030_a_cancelled_plans_link_is_a_friendly_end(portal: Portal) -> None:
    plan = offered(portal.house)
    address = link(portal, plan.id)
    reader = at_sign(portal, plan.id)
    cancel(portal.house.ports, portal.house.organisation_id, plan.id, "staff")
    reader.choose("Sign by pressing").press("Sign the agreement")
    assert reader.status == 410
    assert portal.reader().open(address).heading == "This link is inactive"


def test_a_plan_that_no_longer_fits_what_is_owed_is_not_signed(portal: Portal) -> None:
    plan = offered(portal.house)
    house = portal.house
    reader = at_card(portal, plan.id)
    with house.ports.database.transaction(house.organisation_id) as session:
        account = accounts.lock(session, plan.account_id)
        lower_balance(session, account, 10_000, event_key="test", now=house.clock.now(), by="test")
    reader.open(reader.url)
    assert (reader.status, reader.heading) == (409, "This plan no longer fits")


def test_the_whole_walk_comes_in_spanish(portal: Portal) -> None:
    plan = offered(portal.house)
    reader = portal.reader().open(link(portal, plan.id)).press("Español").press("Continuar")
    reader.fill("Código postal de su domicilio", "60614").press("Continuar")
    assert reader.heading == "Su plan de pagos"
    assert "De lunes a viernes, de 9 a.m. a 5 p.m." in reader.response.text
    reader.press("Comenzar").set_hidden("card_nonce", portal.house.nonce()).press("Continuar")
    assert reader.sees("Sus registros llegan entonces en papel")
    terms = reader.url
    reader.press("Abrir el acuerdo").open(terms).choose("Abrí el documento").press("Continuar a la firma")
    reader.choose("Firmar al presionar").press("Firmar el acuerdo")
    assert reader.heading == "Su acuerdo de plan de pagos está completo"
    told(portal.house)
    mails = portal.house.simulator.call("GET", "/mailbox.json?recipient=ada@")
    assert any(each["attachments"] and "acuerdo-de-autorizacion" in each["attachments"][1]["name"] for each in mails)
