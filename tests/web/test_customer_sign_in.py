"""Customers sign in and out, by every way there is; what is shown, and what never is."""

import json

import pytest

from portal.app import create_app
from portal.storage import Session, account, message
from portal.storage import login as logins
from portal.usecases.organisation import set_setting
from tests.rig.house import House, found
from tests.rig.people import Payer, payer
from tests.rig.reader import Reader
from tests.web.conftest import Portal, settings, settled

SSN = "078-05-1120"


@pytest.fixture
def dana(portal: Portal) -> Payer:
    with portal.house.ports.database.transaction(portal.house.organisation_id) as session:
        for name in ("sign_in_account", "sign_in_ssn"):
            set_setting(session, name, True, by="test", now=portal.house.clock.now())
    return payer(portal.house, ssn=SSN)


def reference(portal: Portal) -> str:
    with portal.house.ports.database.read(portal.house.organisation_id) as session:
        row = account.by_id(session, portal.account_id)
        assert row is not None
        return row.reference


def sent(portal: Portal, event: str) -> dict[str, str]:
    """What the newest message of this kind carries, opened as the outbox opens it."""
    house = portal.house

    def rows(session: Session) -> list[message.Message]:
        return [row for row in message.of_customer(session, house.customer_id) if row.event == event]

    with house.ports.database.read(house.organisation_id) as session:
        found_rows = rows(session)
    if not found_rows:
        return {}
    newest = max(found_rows, key=lambda row: row.created_at)
    opened: dict[str, str] = json.loads(house.ports.seal.open(newest.sealed_facts or ""))
    return opened


def test_somebody_signs_in_sees_their_account_and_leaves(portal: Portal, dana: Payer) -> None:
    reader = dana.sign_in(portal.reader())
    assert reader.path == f"/{portal.slug}/account"
    assert reader.amount == "$500.00"
    assert reader.sees("Make a Payment")
    reader.press("Sign out")
    assert (reader.step, reader.sees("You are signed out.")) == ("sign-in", True)
    assert reader.open(f"/{portal.slug}/account").step == "sign-in"


@pytest.mark.parametrize(("way", "label"), [("account", "Account number"), ("ssn", "Social Security number")])
def test_c48_an_account_number_or_an_ssn_opens_with_a_pin_and_never_alone(
    portal: Portal, dana: Payer, way: str, label: str
) -> None:
    typed = reference(portal) if way == "account" else SSN
    reader = portal.reader().open(f"/{portal.slug}/sign-in/{way}").fill(label, typed).press("Sign in")
    assert (reader.status, reader.errors()) == (422, ["Enter your PIN."])
    reader.fill(label, typed).fill("PIN", "000001").press("Sign in")
    assert reader.status == 422
    assert SSN not in reader.html
    assert reader.fill(label, f" {typed} ").fill("PIN", dana.pin).press("Sign in").step == "account"


def test_c48_a_code_opens_it_once_in_the_browser_that_asked(portal: Portal, dana: Payer) -> None:
    reader = portal.reader().open(f"/{portal.slug}/sign-in/ssn").fill("Social Security number", SSN)
    reader.press("Send me a code instead")
    assert (reader.step, reader.heading) == ("code", "Enter the code")
    code = sent(portal, "sign_in_code")["code"]
    stranger = portal.reader("198.51.100.4").open(f"/{portal.slug}/sign-in/code").fill("Code", code).press("Sign in")
    assert (stranger.status, stranger.step) == (422, "code")
    reader.fill("Code", "000000" if code != "000000" else "000001").press("Sign in")
    assert reader.errors() == ["That code is wrong, was used, or has ended. Check it, or ask for a new one."]
    assert reader.fill("Code", f"{code[:3]} {code[3:]}").press("Sign in").step == "account"
    reader.press("Sign out").open(f"/{portal.slug}/sign-in/code").fill("Code", code).press("Sign in")
    assert reader.status == 422


def test_a_code_ends_after_ten_minutes_and_after_five_tries(portal: Portal, dana: Payer) -> None:
    def asked() -> tuple[Reader, str]:
        reader = portal.reader().open(f"/{portal.slug}/sign-in/username").fill("Username", dana.username)
        reader.press("Send me a code instead")
        return reader, sent(portal, "sign_in_code")["code"]

    reader, code = asked()
    portal.house.clock.pass_(minutes=10)
    assert reader.fill("Code", code).press("Sign in").status == 422
    reader, code = asked()
    for _ in range(5):
        reader.fill("Code", "123123" if code != "123123" else "321321").press("Sign in")
    assert reader.fill("Code", code).press("Sign in").status == 422


def test_c49_found_and_not_found_are_answered_alike(portal: Portal, dana: Payer) -> None:
    pages: dict[str, set[str]] = {"pin": set(), "code": set(), "forgot": set()}
    for typed in (SSN, "078-05-1121", "x", "９７８０５１１２０"):
        reader = portal.reader().open(f"/{portal.slug}/sign-in/ssn").fill("Social Security number", typed)
        pages["pin"].add(settled(reader.fill("PIN", "000001").press("Sign in").html))
        reader.open(f"/{portal.slug}/sign-in/ssn").fill("Social Security number", typed)
        pages["code"].add(settled(reader.press("Send me a code instead").html))
    for typed in (reference(portal), "NOBODY-1"):
        reader = portal.reader().open(f"/{portal.slug}/sign-in/pin?way=account").fill("Account number", typed)
        pages["forgot"].add(settled(reader.press("Send the link").html))
    assert {name: len(each) for name, each in pages.items()} == {"pin": 1, "code": 1, "forgot": 1}


@pytest.mark.parametrize("pin", ["８３９１７４", "839174\x00", "8" * 10_000, "83917", "", "839 1 7-4", "'; --"])
def test_attack_10_a_strange_pin_is_a_wrong_pin(portal: Portal, dana: Payer, pin: str) -> None:
    reader = portal.reader().open(f"/{portal.slug}/sign-in/username").fill("Username", dana.username)
    status = reader.fill("PIN", pin).press("Sign in").status
    assert status == {"839 1 7-4": 200, "839174\x00": 400}.get(pin, 422)


@pytest.mark.parametrize("username", ["%", "_____", "DANA%", "dana' OR '1'='1", "d" * 5_000])
def test_attack_11_a_wildcard_finds_nobody(portal: Portal, dana: Payer, username: str) -> None:
    reader = portal.reader().open(f"/{portal.slug}/sign-in/username").fill("Username", username)
    assert reader.fill("PIN", dana.pin).press("Sign in").status == 422


def test_attack_13_and_14_the_cookie_is_held_to_https_and_forgotten_on_leaving(
    portal: Portal, world: object, dana: Payer
) -> None:
    app = create_app(settings(world, portal_url="https://pay.example"), portal.house.ports)  # type: ignore[arg-type]  # only what the doors read
    reader = Reader(app, "https://pay.example").open(f"/{portal.slug}/sign-in/username")
    reader.fill("Username", dana.username).fill("PIN", dana.pin)
    form, button = reader.form_of("Sign in")
    answer = reader.raw("POST", form["action"], data=reader.values_of(form, button), headers={"Origin": reader.base})
    [cookie] = [value for value in answer.headers.getlist("Set-Cookie") if "customer-" in value]
    assert cookie.startswith(f"__Host-customer-{portal.slug}=")
    assert all(word in cookie.split("; ") for word in ("Secure", "HttpOnly", "SameSite=Lax", "Path=/"))
    reader.open(f"/{portal.slug}/account")
    form, button = reader.form_of("Sign out")
    answer = reader.raw("POST", form["action"], data=reader.values_of(form, button), headers={"Origin": reader.base})
    assert answer.headers["Clear-Site-Data"] == '"cache", "storage"'


def test_attack_12_the_session_before_is_not_the_session_after(portal: Portal, dana: Payer) -> None:
    reader = portal.reader()
    reader.client.set_cookie(f"customer-{portal.slug}", "A" * 32, domain="127.0.0.1")
    dana.sign_in(reader)
    held = [each.value for each in reader.client._cookies.values() if each.key.startswith("customer-")]
    assert held != ["A" * 32]


def test_attack_14_a_new_pin_ends_every_sign_in_and_forgets_every_device(portal: Portal, dana: Payer) -> None:
    reader, other = dana.sign_in(portal.reader(), remember=True), dana.sign_in(portal.reader("198.51.100.3"))
    assert reader.open(f"/{portal.slug}/account/profile").sees("Forget")
    reader.follow("Change your PIN").fill("Your PIN now", "111111").fill("New PIN", "902817").press("Set the PIN")
    assert reader.errors() == ["That is not your PIN now."]
    reader.fill("Your PIN now", dana.pin).fill("New PIN", "123456").press("Set the PIN")
    assert reader.status == 422
    reader.fill("Your PIN now", dana.pin).fill("New PIN", "902817").press("Set the PIN")
    assert reader.sees("Your new PIN is set")
    assert other.open(f"/{portal.slug}/account").step == "sign-in"
    dana.pin = "902817"
    assert not dana.sign_in(reader).open(f"/{portal.slug}/account/profile").sees("Forget")


def test_attack_15_a_cookie_ends_after_a_quarter_of_an_hour_and_after_twelve_hours(portal: Portal, dana: Payer) -> None:
    clock = portal.house.clock
    reader = dana.sign_in(portal.reader())
    clock.pass_(minutes=14)
    assert reader.open(f"/{portal.slug}/account").step == "account"
    clock.pass_(minutes=15)
    assert reader.open(f"/{portal.slug}/account").step == "sign-in"
    dana.sign_in(reader)
    for _ in range(59):
        clock.pass_(minutes=12)
        assert reader.open(f"/{portal.slug}/account").step == "account"
    clock.pass_(minutes=12)
    assert reader.open(f"/{portal.slug}/account").step == "sign-in"


def test_w25_the_end_is_told_three_minutes_before_and_can_be_put_off(portal: Portal, dana: Payer) -> None:
    reader = dana.sign_in(portal.reader())
    [ending] = reader.page.all("dialog")
    assert (ending["data-seconds"], int(ending["data-warn"]) >= 120) == ("900", True)
    for _ in range(12):
        portal.house.clock.pass_(minutes=14)
        assert reader.press("Stay signed in").step == "account"


def test_attack_19_a_customer_finds_no_console(portal: Portal, dana: Payer) -> None:
    reader = dana.sign_in(portal.reader())
    for path in ("password", "nothing-there"):
        assert reader.open(f"/{portal.slug}/staff/{path}").status == 404


def test_attack_20_an_ssn_opens_the_balance_and_paying_and_nothing_else(portal: Portal, dana: Payer) -> None:
    reader = portal.reader().open(f"/{portal.slug}/sign-in/ssn").fill("Social Security number", SSN)
    reader.fill("PIN", dana.pin).press("Sign in")
    assert reader.amount == "$500.00"
    assert reference(portal) not in reader.html
    for hidden in ("Ada", "Lovelace", "example.com", "History", "Profile"):
        assert hidden not in reader.text
    for path in ("profile", "history", "methods", "scheduled", "profile/contact", "pin"):
        assert reader.open(f"/{portal.slug}/account/{path}").status == 403
    assert reader.open(f"/{portal.slug}/account").press("Make a Payment").step == "amount"


def test_attack_21_a_link_sets_a_pin_once_for_ten_minutes(portal: Portal, dana: Payer) -> None:
    def link() -> str:
        reader = portal.reader().open(f"/{portal.slug}/sign-in/pin").fill("Username", dana.username)
        assert reader.press("Send the link").step == "sent"
        return sent(portal, "pin_reset")["link_url"].removeprefix("http://127.0.0.1:8080")

    inside = dana.sign_in(portal.reader("198.51.100.9"))
    path = link()
    for _ in range(3):
        reader = portal.reader().open(path)
        assert (reader.status, reader.heading) == (200, "Choose your PIN")
    assert reader.response.headers["Referrer-Policy"].startswith("no-referrer")
    assert reader.fill("New PIN", "111111").press("Set the PIN").status == 422
    assert reader.fill("New PIN", "902817").press("Set the PIN").sees("Your new PIN is set")
    assert inside.open(f"/{portal.slug}/account").step == "sign-in"
    assert portal.reader().open(path).status == 404
    old = link()
    portal.house.clock.pass_(minutes=10)
    assert portal.reader().open(old).status == 404
    dana.pin = "902817"
    assert dana.sign_in(portal.reader()).step == "account"


def test_attack_45_after_signing_in_nobody_is_led_away(portal: Portal, dana: Payer) -> None:
    for then in ("//evil.example", f"/{portal.slug}/staff", "https://evil.example", f"/{portal.slug}/sign-out"):
        reader = portal.reader().open(f"/{portal.slug}/sign-in/username").fill("Username", dana.username)
        reader.fill("PIN", dana.pin)
        form, button = reader.form_of("Sign in")
        typed = reader.values_of(form, button) | {"then": then}
        answer = reader.raw("POST", form["action"], data=typed, headers={"Origin": reader.base})
        assert answer.headers["Location"] == f"/{portal.slug}/account"


def test_attack_55_a_session_of_one_organisation_is_nobody_at_another(
    portal: Portal, house: House, dana: Payer
) -> None:
    other = found(house.ports, house.simulator)
    reader = dana.sign_in(portal.reader())
    assert reader.open(f"/{other.slug}/account").path == f"/{other.slug}/sign-in"
    [cookie] = [each for each in reader.client._cookies.values() if each.key.startswith("customer-")]
    reader.client.set_cookie(f"customer-{other.slug}", cookie.value, domain="127.0.0.1")
    assert reader.open(f"/{other.slug}/account").path == f"/{other.slug}/sign-in"


def test_the_address_of_an_app_leads_to_paying_in_three_pages(portal: Portal, dana: Payer) -> None:
    """S0:26-30: My Account, My Profile, Self Pay, sign in; no other site, window or cookie is needed."""
    reader = portal.reader().open(f"/{portal.slug}/self-pay")
    assert reader.step == "sign-in"
    reader.fill("Username", dana.username).fill("PIN", dana.pin).press("Sign in")
    assert reader.path == f"/{portal.slug}/account"
    reader.follow("My Profile").follow("Self Pay")
    assert reader.path == f"/{portal.slug}/account"
    assert not [each for each in reader.page.walk() if each.get("target") or each.tag == "iframe"]
    reader.press("Make a Payment")
    assert reader.step == "amount"


def test_a_way_that_is_switched_off_is_not_there(portal: Portal, dana: Payer) -> None:
    with portal.house.ports.database.transaction(portal.house.organisation_id) as session:
        set_setting(session, "sign_in_ssn", False, by="test", now=portal.house.clock.now())
    reader = portal.reader()
    assert reader.open(f"/{portal.slug}/sign-in/ssn").status == 404
    assert "Social Security" not in reader.open(f"/{portal.slug}/sign-in").text


def test_what_is_stored_of_an_ssn_is_a_keyed_digest_and_a_sealed_end(portal: Portal, dana: Payer) -> None:
    house = portal.house
    with house.ports.database.read(house.organisation_id) as session:
        row = logins.by_id(session, dana.login_id)
    assert row is not None
    assert row.ssn_digest == house.ports.secrets.digest("ssn", house.organisation_id, "078051120")
    assert row.ssn_last4_sealed == house.ports.seal.seal("1120")
