"""Attacks 77-80 and 110-112: text that wants to be more than text, and secrets that want out."""

import logging

import pytest

from portal.storage import account, customer, organisation
from tests.rig.document import read
from tests.rig.reader import Reader
from tests.web.conftest import Portal

CORPUS = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "<svg onload=alert(1)>",
    "javascript:alert(1)",
    '" hx-get="/x" hx-trigger="load',
    '<div hx-get="/evil" hx-trigger="load" data-hx-post="/evil"></div>',
    '<div id="announcement" hx-swap-oob="true">x</div>',
    "<template><p>x</p></template>",
    "<hx-partial hx-target='#step'>x</hx-partial>",
    "{{8191*7}}",
    "{% raw %}x{% endraw %}",
    "${8191*7}",
    "{0.__class__}",
    "%(name)s %s",
    "'; DROP TABLE visit;--",
    "' OR '1'='1",
]
SQL = ["' OR 1=1--", "1; DROP TABLE visit", '" OR ""="', "%", "_", "\\", "') UNION SELECT 1--", "sleep(5)"]


def poison(portal: Portal, text: str) -> None:
    """Puts the same text wherever somebody's words can stand on a page."""
    house = portal.house
    with house.ports.database.transaction(house.organisation_id) as session:
        person = customer.by_id(session, house.customer_id)
        owed = account.by_id(session, portal.account_id)
        assert person is not None
        assert owed is not None
        person.given_name, person.city, person.address_line1 = text, text, text
        owed.label = text
        organisation.by_id(session, house.organisation_id).name = text
    house.set("agreement_terms", text)
    house.set("support_hours", text[:100])
    house.set("mask_contact", False)


def inert(reader: Reader, text: str) -> None:
    """The text stands there as text, and the page has no element or attribute that it brought."""
    assert "57337" not in reader.html
    for each in reader.page.walk():
        assert each.tag not in ("template", "hx-partial"), text
        if each.tag == "script":
            assert each.has("nonce"), text
        assert not any(name.startswith("on") for name in each.attributes), text
        for name in ("hx-get", "data-hx-post", "hx-swap-oob"):
            assert "evil" not in each.get(name), text
            assert each.get(name) != "/x", text
        assert not each.get("href").startswith("javascript:"), text


@pytest.mark.parametrize("text", CORPUS)
def test_attack_077_to_079_text_stays_text_on_every_page(portal: Portal, text: str) -> None:
    poison(portal, text)
    portal.app.extensions["doorstep"].kept.clear()
    reader = portal.reader().open(portal.link())
    inert(reader, text)
    reader.press("Continue")
    inert(reader, text)
    assert " ".join(text.split()) in reader.rows()["Name"]
    reader.follow("Something is wrong").fill("City", text + "x").fill("Email address", text).press("Send corrections")
    assert reader.status == 422
    inert(reader, text)
    assert reader.field("City")["value"] == text + "x"
    reader.open(reader.path.removesuffix("/change")).press("Yes, continue")
    reader.choose("Another amount").fill("Amount in US dollars", text).choose("Debit or credit card").press("Continue")
    assert reader.status == 422
    assert reader.field("Amount in US dollars")["value"] == text
    inert(reader, text)
    portal.card(reader, amount="Minimum payment")
    inert(reader, text)
    reader.press("Confirm and continue")
    inert(reader, text)
    reader.choose("I have read this").press("Pay $")
    assert reader.heading == "Payment received"
    inert(reader, text)


def test_attack_078_no_template_switches_escaping_off_for_what_a_person_wrote() -> None:
    from portal.app import TEMPLATES

    for path in TEMPLATES.rglob("*.html"):
        text = path.read_text()
        if path.parts[-2] in ("message", "document"):
            continue
        assert "|safe" not in text.replace("paths[name]|safe", ""), path
        assert "autoescape false" not in text, path


@pytest.mark.parametrize("text", SQL)
def test_attack_080_sql_in_every_field_has_no_effect(portal: Portal, text: str) -> None:
    reader = portal.opened()
    base = reader.path.rsplit("/", 1)[0]
    reader.press("Yes, continue")
    token = reader.page.all("input", name="csrf_token")[0]["value"]
    fields = (
        "offer",
        "choice",
        "amount",
        "method",
        "card_nonce",
        "proof_last4",
        "proof_zip",
        "quote",
        "agreement",
        "name",
    )
    for step in ("offer", "amount", "check", "agreement", "contact/change"):
        reader.post(f"{base}/{step}?q={text}&sort={text}", dict.fromkeys(fields, text) | {"csrf_token": token})
        assert reader.status < 500, step
    assert portal.balance() == 50_000
    assert portal.house.truth() == []


def test_attack_110_secrets_of_a_walk_are_in_no_log_and_no_page_that_should_not_have_them(
    capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture, portal: Portal
) -> None:
    caplog.set_level(logging.DEBUG)
    reader = portal.at_amount()
    nonce = portal.house.nonce()
    reader.choose("Whole balance").choose("Debit or credit card").set_hidden("card_nonce", nonce).press("Continue")
    pages = reader.html
    reader.press("Confirm and continue")
    pages += reader.html
    reader.choose("I have read this").press("Pay $500.00")
    pages += reader.html
    secrets = {
        "link token": portal.tokens[0],
        "nonce": nonce,
        "card number": "4111111111111111",
        "cookie": next(cookie.value for cookie in reader.client._cookies.values() if cookie.key == "visit"),
        "gateway key": f"{portal.house.merchant_id}_private_key",
    }
    out = capsys.readouterr()
    # the HTTP client's own debugging is switched off where logging is set up, and production refuses LOG_LEVEL=DEBUG
    records = [record.getMessage() for record in caplog.records if not record.name.startswith("urllib3")]
    log = out.out + out.err + "\n".join(records)
    for name, secret in secrets.items():
        assert secret not in log, name
        assert secret not in pages, name
    for private in ("ada@example.com", "5550123", "Moss"):
        assert private not in log


@pytest.mark.parametrize("broken", ["template", "database"])
def test_attack_111_errors_tell_nothing_of_the_house(
    portal: Portal, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    monkeypatch.setenv("FLASK_DEBUG", "1")
    reader = portal.opened()

    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("SELECT secret FROM somewhere at /etc/passwd")

    if broken == "template":
        monkeypatch.setattr("portal.web.payment_link.contact.details_of", fail)
    else:
        monkeypatch.setattr(portal.house.ports.database, "read", fail)
    reader.open(reader.url)
    assert reader.status == 500
    assert reader.heading == "Something went wrong on our side"
    assert reader.sees("do not pay again")
    for word in ("SELECT", "Traceback", "passwd", "Werkzeug", "Flask", "RuntimeError", ".py"):
        assert word not in reader.html
    part = reader.raw("GET", reader.path, headers={"HX-Request": "true", "HX-Target": "main#step"})
    assert part.status_code == 500
    assert "<html" not in part.get_data(as_text=True)
    assert read(part.get_data(as_text=True)).all("h1")


def test_attack_111_an_error_on_the_error_page_still_answers(portal: Portal, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise RuntimeError("no look")

    monkeypatch.setattr("portal.web.access.look", fail)
    answer = portal.reader().raw("GET", "/nowhere/at/all")
    assert answer.status_code == 404
    assert "do not pay again" in answer.get_data(as_text=True)
