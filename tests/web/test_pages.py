"""Attacks 116-121 and what every page owes a browser: headers, parts, files, hosts, languages, weight."""

import gzip
import json
import re
from pathlib import Path

import pytest
from flask import Flask

from portal.app import create_app
from portal.web.refusals import SENTENCES
from tests.rig.document import read
from tests.rig.reader import Reader, header_problems
from tests.rig.simulator_process import SimulatorProcess
from tests.web.conftest import Portal, settings

ROOT = Path(__file__).resolve().parents[2]
HTMX = {"HX-Request": "true", "HX-Target": "main#step", "HX-Request-Type": "partial"}


def https(portal: Portal, world: object, **changes: object) -> Flask:
    return create_app(settings(world, portal_url="https://pay.example", **changes), portal.house.ports)  # type: ignore[arg-type]  # only what the doors read


def test_attack_116_every_kind_of_answer_carries_the_headers(portal: Portal) -> None:
    reader = portal.at_amount()
    stylesheet = reader.page.all("link", rel="stylesheet")[1]["href"]
    etag = reader.raw("GET", stylesheet).headers["ETag"]
    answers = [
        reader.raw("GET", stylesheet),
        reader.raw("GET", stylesheet, headers={"If-None-Match": etag}),
        reader.raw("GET", "/nowhere"),
        reader.raw("GET", f"/{portal.slug}/brand.css"),
        reader.raw("POST", reader.path, data="x", headers={"Content-Type": "text/plain"}),
        reader.raw("DELETE", reader.path),
        reader.raw("GET", "/healthz"),
        reader.raw("GET", f"{reader.path}/client-token"),
        reader.raw("GET", reader.path.replace("/amount", "/check")),
    ]
    assert [answer.status_code for answer in answers] == [200, 304, 404, 200, 415, 405, 200, 200, 303]
    for answer in answers:
        assert header_problems(answer) == [], answer.request.path


def test_attack_116_over_https_browsers_are_held_to_it(portal: Portal, world: object) -> None:
    reader = Reader(https(portal, world), "https://pay.example")
    answer = reader.raw("GET", portal.link())
    assert answer.headers["Strict-Transport-Security"] == "max-age=63072000; includeSubDomains"
    cookie = answer.headers["Set-Cookie"]
    assert cookie.startswith("__Host-session=")
    assert all(word in cookie for word in ("Secure", "HttpOnly", "SameSite=Lax", "Path=/"))
    assert "Domain" not in cookie
    reader.open(portal.link())
    form, button = reader.form_of("Continue")
    opened = reader.raw(
        "POST", reader.url, data=reader.values_of(form, button), headers={"Origin": "https://pay.example"}
    )
    assert opened.status_code == 303
    cookie = next(value for value in opened.headers.getlist("Set-Cookie") if "visit" in value)
    assert cookie.startswith("__Secure-visit=")
    assert all(word in cookie for word in ("Secure", "HttpOnly", "SameSite=Lax", f"Path=/{portal.slug}/pay/"))


def test_attack_117_the_gateway_is_let_in_on_the_card_page_only(portal: Portal, world: object) -> None:
    reader = portal.reader()
    origin = portal.house.simulator.url
    for go in (lambda: reader.open(portal.link()), lambda: reader.press("Continue")):
        go()
        assert origin not in reader.response.headers["Content-Security-Policy"]
        assert origin not in reader.html
    reader.press("Yes, continue")
    assert reader.response.headers["Content-Security-Policy"].count(origin) == 3
    portal.card(reader)
    assert origin not in reader.response.headers["Content-Security-Policy"]
    for gateway, host in (("sandbox", "api.sandbox.braintreegateway.com"), ("production", "api.braintreegateway.com")):
        base = "https://js.braintreegateway.com/web/3.144.0/js"
        app = create_app(
            settings(world, gateway=gateway, braintree_script_base=base),
            portal.house.ports,  # type: ignore[arg-type]  # a fixture without a type
        )
        card_page = portal.at_amount(Reader(app))
        policy = card_page.response.headers["Content-Security-Policy"]
        assert f"https://{host}" in policy
        assert "frame-src https://assets.braintreegateway.com;" in policy
        assert "http://127" not in policy


def test_attack_118_the_scripts_of_each_page_are_the_ones_that_are_listed(portal: Portal) -> None:
    everywhere, card_page = ["htmx"], ["htmx", "card_fields"]
    reader = portal.reader()

    def scripts(page: Reader) -> list[str]:
        return [each["src"].rsplit("/", 1)[1].split(".")[0] for each in page.page.all("script") if each.has("src")]

    inline = set()
    walk = (
        (lambda: reader.open(portal.link()), everywhere),
        (lambda: reader.press("Continue"), everywhere),
        (lambda: reader.press("Yes, continue"), card_page),
        (lambda: portal.card(reader), everywhere),
        (lambda: reader.press("Confirm and continue"), everywhere),
    )
    for go, expected in walk:
        assert scripts(go()) == expected
        inline |= set(re.findall(r"<script nonce=\"[^\"]+\">(.*?)</script>", reader.html, re.S))
    listed = (ROOT / "docs" / "payment_link.md").read_text()
    for script in card_page:
        assert f"| `{script}.js` |" in listed
    [shell_script] = inline
    assert shell_script.strip() == (ROOT / "portal" / "templates" / "parts" / "shell_script.js").read_text().strip()
    assert "eval(" not in shell_script


def test_attack_119_pages_are_never_stored_and_files_for_ever(portal: Portal) -> None:
    reader = portal.at_agreement()
    assert reader.response.headers["Cache-Control"] == "no-store"
    assert set(reader.response.headers["Vary"].split(", ")) >= {"HX-Request", "HX-Target"}
    for each in reader.page.all("link", rel="stylesheet"):
        answer = reader.raw("GET", each["href"])
        assert answer.status_code == 200
        assert "immutable" in answer.headers["Cache-Control"] or answer.headers["Cache-Control"] == "no-cache"


def test_attack_120_htmx_is_set_up_to_evaluate_and_keep_nothing(portal: Portal) -> None:
    page = portal.reader().open(portal.link()).page
    config = json.loads(next(each["content"] for each in page.all("meta") if each.get("name") == "htmx-config"))
    assert config == {
        "defaultSwap": "outerHTML",
        "includeIndicatorCSS": False,
        "history": "reload",
        "mode": "same-origin",
        "defaultTimeout": 45000,
    }


def test_attack_121_a_page_is_whole_without_htmx_and_a_part_with_it(portal: Portal) -> None:
    reader = portal.opened()
    whole = reader.raw("GET", reader.path)
    assert "<html" in whole.get_data(as_text=True)
    part = reader.raw("GET", reader.path, headers=HTMX)
    text = part.get_data(as_text=True)
    assert text.lstrip().startswith("<title>")
    assert "<html" not in text
    assert read(text).all("main")[0]["id"] == "step"
    assert "HX-Retarget" not in part.headers
    for header in ({"HX-History-Restore-Request": "true"}, {"HX-Request-Type": "full"}):
        assert "<html" in reader.raw("GET", reader.path, headers={**HTMX, **header}).get_data(as_text=True)
    odd = reader.raw("GET", reader.path, headers={**HTMX, "HX-Target": "div#nothing-here"})
    assert odd.headers["HX-Retarget"] == "#step"
    assert odd.headers["HX-Reswap"] == "outerHTML"


def test_the_card_page_is_entered_and_left_as_a_document_of_its_own(portal: Portal) -> None:
    reader = portal.at_amount()
    entering = reader.raw(
        "GET", reader.path, headers={**HTMX, "HX-Current-URL": reader.url.replace("amount", "contact")}
    )
    assert entering.headers["HX-Redirect"] == reader.path
    assert entering.get_data() == b""
    leaving = reader.raw(
        "GET", reader.path.replace("amount", "contact"), headers={**HTMX, "HX-Current-URL": reader.url}
    )
    assert leaving.headers["HX-Redirect"] == reader.path.replace("amount", "contact")
    form, _ = reader.form_of("Continue")
    wrong = reader.raw(
        "POST",
        reader.path,
        data=reader.values_of(form) | {"choice": "other", "amount": "x"},
        headers={**HTMX, "HX-Target": "div#choose", "HX-Current-URL": reader.url, "Origin": reader.base},
    )
    text = wrong.get_data(as_text=True)
    assert wrong.status_code == 422
    assert 'id="choose"' in text
    assert "card-number" not in text.replace('href="#card-number"', "")
    assert wrong.headers["HX-Push-Url"] == "false"


def test_a_first_visit_weighs_little_and_asks_little(portal: Portal) -> None:
    reader = portal.reader().open(portal.link())
    files = [each["href"] for each in reader.page.all("link", rel="stylesheet")]
    files += [each["src"] for each in reader.page.all("script") if each.has("src")]
    weight = len(reader.response.get_data())
    for path in files:
        body = reader.raw("GET", path, headers={"Accept-Encoding": "gzip"})
        raw = body.get_data()
        weight += len(raw) if "Content-Encoding" in body.headers else len(gzip.compress(raw, 9))
    assert 1 + len(files) <= 5
    assert weight <= 60_000
    assert all(path.startswith("/") for path in files)
    step = reader.press("Continue").raw("GET", reader.path, headers=HTMX)
    assert len(step.get_data()) <= 14_000


def test_the_language_follows_the_browser_then_the_file_then_the_person(portal: Portal) -> None:
    reader = portal.reader()
    reader.headers["Accept-Language"] = "es-MX,es;q=0.9"
    unknown = reader.open(f"/{portal.slug}/l/{'x' * 32}")
    assert unknown.page.all("html")[0]["lang"] == "es"
    reader.open(portal.link())
    assert reader.page.all("html")[0]["lang"] == "en"  # this customer's language on file
    reader.press("Español")
    assert reader.page.all("html")[0]["lang"] == "es"
    assert reader.heading == "Su página segura"
    reader.press("Continuar")
    assert reader.page.all("html")[0]["lang"] == "es"
    assert "Step" not in reader.text


def test_the_agreement_and_the_receipt_come_in_the_language_of_the_walk(portal: Portal) -> None:
    reader = portal.at_agreement(amount="Minimum payment")
    reader.press("Español")
    assert reader.step == "agreement"
    assert reader.sees("Autorizo a Harbour Recovery a cobrar una sola vez")
    reader.choose("He leído").press("Pagar $5.00")
    assert reader.heading == "Pago recibido"
    with portal.house.ports.database.transaction(portal.house.organisation_id) as session:
        from portal.storage import message

        row = message.lock(session, portal.house.doorbell.messages[0][1])
        assert row is not None
        assert row.locale == "es"


def test_an_organisation_with_a_host_of_its_own_answers_only_there(portal: Portal) -> None:
    from portal.storage import organisation

    link = portal.link()
    with portal.house.ports.database.transaction(portal.house.organisation_id) as session:
        organisation.by_id(session, portal.house.organisation_id).host = "pay.harbour.example"
    portal.app.extensions["doorstep"].kept.clear()
    assert portal.reader().raw("GET", link).status_code == 404
    own = portal.reader().raw("GET", link, headers={"Host": "pay.harbour.example"})
    assert own.status_code == 200
    assert portal.reader().raw("GET", "/healthz", headers={"Host": "pay.harbour.example"}).status_code == 200
    assert portal.reader().raw("GET", "/other/l/x", headers={"Host": "pay.harbour.example"}).status_code == 404


@pytest.mark.parametrize(
    "portal_url", ["http://Pay.Example.com", "http://pay.example.com:80", "https://PAY.example.com:443"]
)
def test_the_portal_is_found_however_its_own_address_was_written(
    portal: Portal, world: SimulatorProcess, portal_url: str
) -> None:
    """Browsers ask in small letters and without a port that goes without saying."""
    app = create_app(settings(world, portal_url=portal_url), portal.house.ports)  # type: ignore[arg-type]  # only what the doors read
    scheme = portal_url.partition(":")[0]
    assert app.test_client().get(portal.link(), base_url=f"{scheme}://pay.example.com").status_code == 200
    assert app.test_client().get(portal.link(), base_url=f"{scheme}://pay.example.com:81").status_code == 404


@pytest.mark.parametrize(
    "colour", ["#ffffff", "#ffff00", "#0b5394", "#000000", "#c0ffee", "red; } body { display: none"]
)
def test_a_brand_colour_is_moved_until_it_can_be_read(colour: str) -> None:
    from portal.web.brand import CONTRAST_MIN, DARK_GROUND, LIGHT_GROUND, contrast, stylesheet

    found = re.findall(r"--brand(?:-text)?:(#[0-9a-f]{6})", stylesheet(colour))
    assert len(found) == 3
    assert contrast(found[0], "#ffffff") >= CONTRAST_MIN
    assert contrast(found[1], LIGHT_GROUND) >= CONTRAST_MIN
    assert contrast(found[2], DARK_GROUND) >= CONTRAST_MIN
    assert "body" not in stylesheet(colour)


def test_f1_pages_work_while_redis_is_down(portal: Portal, world: object) -> None:
    app = create_app(settings(world, redis_url="redis://127.0.0.1:1/0"), portal.house.ports)  # type: ignore[arg-type]  # only what the doors read
    assert Reader(app).open(portal.link()).status == 200


def test_every_refusal_has_a_sentence() -> None:
    rooms = ROOT / "portal"
    subjects = ("checkout", "contact", "offer", "payment_link", "payment_method", "receipt_again", "visit", "money",
                "schedule", "schedule_checkout", "schedule_wish", "due_date")  # fmt: skip
    files = [path for floor in ("usecases", "domain") for path in (rooms / floor).glob("*.py") if path.stem in subjects]
    codes = {code for path in files for code in re.findall(r'Refused\(\s*"([a-z_0-9]+)"', path.read_text())}
    assert codes - {"split_too_small", "percent_out_of_range", "account_unknown"} <= set(SENTENCES)
