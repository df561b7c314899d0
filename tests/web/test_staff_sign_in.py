"""The console's door: who is let in, who is sent where, and what a browser is told to forget."""

import pytest
from flask import Flask, Response, request

from portal.app import create_app
from portal.domain.staff import DECIDERS, Role
from portal.web.access import of_organisation
from portal.web.fragments import page
from portal.web.staff.guard import DANGEROUS, ROLES_OF, Here, guarded
from tests.rig.house import House, found
from tests.rig.people import Colleague, colleague
from tests.rig.reader import Reader
from tests.web.conftest import Portal, settings, settled


@pytest.fixture
def robin(portal: Portal) -> Colleague:
    return colleague(portal.house)


def https(portal: Portal, world: object) -> Flask:
    return create_app(settings(world, portal_url="https://pay.example"), portal.house.ports)  # type: ignore[arg-type]  # only what the doors read


def test_somebody_of_the_staff_signs_in_sees_the_first_page_and_leaves(portal: Portal, robin: Colleague) -> None:
    reader = robin.sign_in(portal.reader())
    assert (reader.path, reader.heading) == (f"/{portal.slug}/staff", "What do you want to do?")
    assert reader.sees("Robin Clerk")
    assert reader.sees("Change your password")
    reader.press("Sign out")
    assert reader.path == f"/{portal.slug}/staff/sign-in"
    assert reader.sees("You are signed out.")
    assert reader.open(f"/{portal.slug}/staff").step == "sign-in"


def test_a_stranger_is_led_back_to_the_page_that_was_asked_for(portal: Portal, robin: Colleague) -> None:
    reader = portal.reader().open(f"/{portal.slug}/staff/password")
    assert reader.step == "sign-in"
    reader.fill("Username", robin.username).fill("Password", robin.password).fill("Code from", robin.code())
    assert reader.press("Sign in").step == "password"


@pytest.mark.parametrize(
    "then",
    [
        "//evil.example/staff", "/\\evil.example", "https:evil.example", "https://evil.example", "%2f%2fevil.example",
        "\t//evil.example", "/{slug}/staff@evil.example", "/{slug}/staff/../../x", "/{slug}/staff/sign-out",
        "/{slug}/l/" + "a" * 32, "/other-house/staff", "/{slug}/staff/password?x=1", "/{slug}/staff/nowhere",
        "x" * 5000,
    ],
)  # fmt: skip
def test_attack_45_after_signing_in_nobody_is_led_away(portal: Portal, robin: Colleague, then: str) -> None:
    reader = portal.reader().open(f"/{portal.slug}/staff/sign-in")
    then = then.format(slug=portal.slug)
    form, button = reader.form_of("Sign in")
    typed = reader.values_of(form, button) | {
        "username": robin.username, "password": robin.password, "code": robin.code(), "then": then,
    }  # fmt: skip
    answer = reader.raw("POST", reader.url, data=typed, headers={"Origin": reader.base})
    assert (answer.status_code, answer.headers["Location"]) == (303, f"/{portal.slug}/staff")
    shown = portal.reader().raw(
        "GET", f"/{portal.slug}/staff/sign-in", query_string={"then": then.format(slug=portal.slug)}
    )
    assert b'name="then"' not in shown.data


def test_attack_1_the_page_is_the_same_whatever_was_wrong(portal: Portal, robin: Colleague) -> None:
    pages = set()
    for username, password, code in (
        (robin.username, "wrong wrong wrong", "000000"),
        (robin.username, robin.password, "000000"),
        ("nobody-at-all", robin.password, "000000"),
    ):
        reader = portal.reader().open(f"/{portal.slug}/staff/sign-in")
        reader.fill("Username", username).fill("Password", password).fill("Code from", code).press("Sign in")
        assert reader.status == 422
        assert reader.title.startswith("Error: ")
        pages.add(settled(reader.html).replace(username, ""))
        assert password not in reader.html
    for _ in range(9):
        reader.fill("Username", robin.username).fill("Password", "x").fill("Code from", "1").press("Sign in")
    pages.add(settled(reader.html).replace(robin.username, ""))
    assert len(pages) == 1


def test_attack_12_the_session_before_is_not_the_session_after(portal: Portal, robin: Colleague) -> None:
    reader = portal.reader().open(f"/{portal.slug}/staff/sign-in")
    before = {cookie.key: cookie.value for cookie in reader.client._cookies.values()}
    old_token = reader.page.all("input", name="csrf_token")[0]["value"]
    planted = "A" * 32
    reader.client.set_cookie(f"staff-{portal.slug}", planted, domain="127.0.0.1")
    robin.sign_in(reader)
    after = {cookie.key: cookie.value for cookie in reader.client._cookies.values()}
    assert after[f"staff-{portal.slug}"] not in (planted, before.get(f"staff-{portal.slug}"))
    answer = reader.raw(
        "POST", f"/{portal.slug}/staff/sign-out", data={"csrf_token": old_token}, headers={"Origin": reader.base}
    )
    assert answer.status_code == 400
    assert reader.open(f"/{portal.slug}/staff").step == "staff"


def test_attack_13_the_cookie_is_held_to_this_host_and_to_https(
    portal: Portal, world: object, robin: Colleague
) -> None:
    reader = Reader(https(portal, world), "https://pay.example").open(f"/{portal.slug}/staff/sign-in")
    form, button = reader.form_of("Sign in")
    typed = reader.values_of(form, button) | {
        "username": robin.username, "password": robin.password, "code": robin.code(),
    }  # fmt: skip
    answer = reader.raw("POST", reader.url, data=typed, headers={"Origin": "https://pay.example"})
    [cookie] = [value for value in answer.headers.getlist("Set-Cookie") if "staff-" in value]
    assert cookie.startswith(f"__Host-staff-{portal.slug}=")
    assert all(word in cookie.split("; ") for word in ("Secure", "HttpOnly", "SameSite=Lax", "Path=/"))
    assert "Domain" not in cookie


def test_attack_14_signing_out_ends_it_on_the_server_and_tells_the_browser_to_forget(
    portal: Portal, robin: Colleague
) -> None:
    reader = robin.sign_in(portal.reader())
    stolen = portal.reader("198.51.100.2")
    [cookie] = [each for each in reader.client._cookies.values() if each.key.startswith("staff-")]
    stolen.client.set_cookie(cookie.key, cookie.value, domain="127.0.0.1")
    assert stolen.open(f"/{portal.slug}/staff").step == "staff"
    form, button = reader.form_of("Sign out")
    answer = reader.raw("POST", form["action"], data=reader.values_of(form, button), headers={"Origin": reader.base})
    assert answer.headers["Clear-Site-Data"] == '"cache", "storage"'
    assert "Max-Age=0" in next(value for value in answer.headers.getlist("Set-Cookie") if value.startswith("staff-"))
    assert stolen.open(f"/{portal.slug}/staff").step == "sign-in"


def test_attack_16_a_cookie_that_is_not_ours_is_nobody(portal: Portal, robin: Colleague) -> None:
    reader = robin.sign_in(portal.reader())
    [cookie] = [each for each in reader.client._cookies.values() if each.key.startswith("staff-")]
    for value in ("", cookie.value[:-1], cookie.value + "x", cookie.value.swapcase(), "x" * 5_000, "%00", "ü"):
        other = portal.reader()
        answer = other.raw("GET", f"/{portal.slug}/staff", headers={"Cookie": f"{cookie.key}={value}"})
        assert answer.status_code == 303, value
        assert answer.headers["Location"].endswith("/staff/sign-in")


def test_attack_19_a_session_of_another_organisation_finds_no_page(
    portal: Portal, house: House, robin: Colleague
) -> None:
    other = found(house.ports, house.simulator)
    reader = colleague(other, Role.admin).sign_in(portal.reader())
    for path in ("password", "nowhere-at-all"):
        assert reader.open(f"/{portal.slug}/staff/{path}").status == 404
    [cookie] = [each for each in reader.client._cookies.values() if each.key.startswith("staff-")]
    moved = portal.reader()
    moved.client.set_cookie(f"staff-{portal.slug}", cookie.value, domain="127.0.0.1")
    assert moved.open(f"/{portal.slug}/staff").step == "sign-in"


def test_attack_42_signing_in_needs_a_form_of_ours(portal: Portal, robin: Colleague) -> None:
    reader = portal.reader()
    typed = {"username": robin.username, "password": robin.password, "code": robin.code()}
    answer = reader.raw("POST", f"/{portal.slug}/staff/sign-in", data=typed, headers={"Origin": reader.base})
    assert answer.status_code == 400


def test_a_password_is_changed_and_every_browser_is_out(portal: Portal, robin: Colleague) -> None:
    reader, other = robin.sign_in(portal.reader()), robin.sign_in(portal.reader("198.51.100.3"))
    reader.follow("Change your password").fill("Your password now", "wrong wrong wrong").fill("New password", "short")
    reader.press("Change password")
    assert (reader.status, reader.errors()) == (422, ["That is not your password now."])
    reader.fill("Your password now", robin.password).fill("New password", "passwordpassword").press("Change password")
    assert reader.errors() == ["That is easy to guess. Use several words that do not belong together."]
    reader.fill("Your password now", robin.password).fill("New password", "ochre kettle harbour").press(
        "Change password"
    )
    assert reader.sees("Your password is changed")
    assert other.open(f"/{portal.slug}/staff").step == "sign-in"
    robin.password = "ochre kettle harbour"
    assert robin.sign_in(reader).step == "staff"


def test_every_page_of_the_console_says_who_may_open_it(portal: Portal) -> None:
    open_to_all = {"staff.sign_in", "staff.sign_in_post", "staff.sign_out"}
    endpoints = {rule.endpoint for rule in portal.app.url_map.iter_rules() if rule.endpoint.startswith("staff.")}
    assert endpoints - open_to_all == set(ROLES_OF)
    assert set(ROLES_OF) >= DANGEROUS


def test_the_console_speaks_spanish_too(portal: Portal) -> None:
    reader = portal.reader()
    reader.headers["Accept-Language"] = "es"
    assert reader.open(f"/{portal.slug}/staff").heading == "Acceso del personal"


@pytest.fixture
def done(portal: Portal) -> list[dict[str, str]]:
    """What a dangerous page for managers was asked to do."""
    asked: list[dict[str, str]] = []

    def act(_here: Here) -> Response:
        asked.append(request.form.to_dict())
        return page("staff/home.html", rows=[], role="")

    view = of_organisation(guarded(act, DECIDERS, dangerous=True))
    portal.app = create_app(settings(portal.house.simulator), portal.house.ports)  # type: ignore[arg-type]  # only what the doors read
    portal.app.add_url_rule("/<slug:slug>/staff/act", endpoint="staff.act", view_func=view, methods=["POST"])
    return asked


def ask(portal: Portal, reader: Reader) -> Reader:
    token = reader.open(f"/{portal.slug}/staff").page.all("input", name="csrf_token")[0]["value"]
    return reader.post(f"/{portal.slug}/staff/act", {"csrf_token": token, "amount": "12.50", "why": "asked <by> phone"})


def test_attack_18_a_dangerous_act_asks_for_a_code_and_forgets_nothing(
    portal: Portal, done: list[dict[str, str]]
) -> None:
    boss = colleague(portal.house, Role.manager)
    reader = boss.sign_in(portal.reader())
    ask(portal, reader)
    assert len(done) == 1
    portal.house.clock.pass_(minutes=11)
    ask(portal, reader)
    assert (reader.status, reader.heading, len(done)) == (403, "Confirm that it is you", 1)
    reader.fill("Code from", "000000").press("Confirm")
    assert (reader.status, len(done)) == (422, 1)
    assert reader.errors() == ["That code is wrong or was used before. Wait for the next one."]
    reader.fill("Code from", boss.code()).press("Confirm")
    assert {name: value for name, value in done[1].items() if name in ("amount", "why")} == {
        "amount": "12.50", "why": "asked <by> phone",
    }  # fmt: skip
    ask(portal, reader)
    assert len(done) == 3


def test_attack_18_five_wrong_codes_end_the_sign_in(portal: Portal, done: list[dict[str, str]]) -> None:
    reader = colleague(portal.house, Role.manager).sign_in(portal.reader())
    portal.house.clock.pass_(minutes=11)
    ask(portal, reader)
    for _ in range(5):
        reader.fill("Code from", "000000").press("Confirm")
    assert (reader.step, done) == ("sign-in", [])


def test_a_role_that_may_not_is_told_so_and_nothing_happens(
    portal: Portal, robin: Colleague, done: list[dict[str, str]]
) -> None:
    reader = ask(portal, robin.sign_in(portal.reader()))
    assert (reader.status, reader.heading, done) == (403, "Your role does not allow this", [])
