"""Attacks 42, 62 and 63 as the payment link meets them, and who may open each route.

The link has no login and no list of services: its press that opens a visit is what a login form is elsewhere, an
offer fixes the amount as several services do, and one visit names one offer and one method.
"""

import pytest
from flask import Flask
from werkzeug.datastructures import MultiDict

from portal.web.doors import LINK_DOORS
from tests.rig.reader import Reader
from tests.web.conftest import PORTAL_URL, Portal, settled


def test_attack_042_nobody_is_walked_into_a_visit_from_another_site(portal: Portal) -> None:
    path = portal.link()
    reader = portal.reader().open(path)
    token = reader.page.all("input", name="csrf_token")[0]["value"]
    stranger = portal.reader("198.51.100.9")
    for form, headers in (
        ({}, {}),
        ({"csrf_token": token}, {"Origin": "https://evil.example"}),
        ({"csrf_token": token}, {"Sec-Fetch-Site": "cross-site"}),
    ):
        answer = stranger.raw("POST", path, data=form, headers=headers)
        assert answer.status_code in (400, 403)
        assert not any(cookie.startswith("visit=") for cookie in answer.headers.getlist("Set-Cookie"))


def test_attack_062_an_edited_amount_beside_a_fixed_one_is_not_accepted(portal: Portal) -> None:
    portal.offer(amount_cents=30_000)
    reader = portal.opened().press("Yes, continue")
    reader.choose("Pay once and settle").press("Continue")
    assert reader.step == "amount"
    form, button = reader.form_of("Continue")
    tampered = reader.values_of(form, button) | {
        "choice": "other",
        "amount": "1.00",
        "method": "new",
        "card_nonce": portal.house.nonce(),
    }
    reader.post(reader.url, tampered)
    assert reader.step == "check"
    assert reader.rows()["You pay now"] == "$300.00"
    assert portal.house.truth() == []


def test_attack_063_the_same_choice_sent_many_times_is_one_choice(portal: Portal) -> None:
    """Doubled, contradicting and ten thousand values of one field are refused whole: nothing is picked from them."""
    reader = portal.at_amount()
    form, button = reader.form_of("Continue")
    values = MultiDict(
        reader.values_of(form, button) | {"choice": "whole", "method": "new", "card_nonce": portal.house.nonce()}
    )
    for name, given in (("choice", ["whole", "minimum"]), ("method", ["new", "new"]), ("method", ["new"] * 10_000)):
        doubled = values.copy()
        doubled.setlist(name, given)
        answer = reader.raw("POST", reader.path, data=doubled, headers={"Origin": PORTAL_URL})
        assert answer.status_code in (400, 413), name
        assert reader.raw("GET", reader.path.replace("amount", "check")).status_code == 303  # still too early
    assert portal.house.truth() == []


def test_attack_063_a_card_of_nobody_or_of_another_customer_pays_for_nothing(portal: Portal) -> None:
    reader = portal.at_amount()
    form, button = reader.form_of("Continue")
    for method in ("0" * 32, "../new", "new,new", "' OR 1=1 --"):
        reader.post(reader.url, reader.values_of(form, button) | {"choice": "whole", "method": method})
        assert reader.status == 422, method
        assert reader.errors(), method
    assert portal.house.truth() == []


# --- who may open what -------------------------------------------------------------------------------------------


BY_DOOR = {
    "agreement": "link", "opt_out": "link", "staff": "staff", "customer": "customer", "check": "everybody",
    "personal_link": "everybody", "carrier": "the carrier", "one_click": "mail programs",
}  # fmt: skip


def audience_of(app: Flask, endpoint: str) -> str | None:
    """Who a route is for: by its door, or by its path; None when nobody said."""
    if endpoint.partition(".")[0] in {door.blueprint.name for door in LINK_DOORS}:
        return "link"
    if endpoint.partition(".")[0] in BY_DOOR:
        return BY_DOOR[endpoint.partition(".")[0]]
    for line in app.url_map.iter_rules(endpoint):
        if line.rule in ("/healthz", "/favicon.ico", "/robots.txt") or line.rule.startswith("/static/"):
            return "everybody"
        if line.rule == "/metrics":
            return "machines here"
        if line.rule.endswith(("/brand.css", "/card-page")):
            return "everybody"
        if "/notice/" in line.rule:
            return "the gateway"
    return None


def test_each_route_declares_who_may_open_it(portal: Portal) -> None:
    undeclared = [
        rule.endpoint for rule in portal.app.url_map.iter_rules() if audience_of(portal.app, rule.endpoint) is None
    ]
    assert undeclared == []


@pytest.mark.parametrize("part", ["contact", "offer", "amount", "check", "agreement", "result", "result/receipt.pdf"])
def test_a_page_of_a_visit_is_the_same_closed_page_for_everyone_without_its_cookie(portal: Portal, part: str) -> None:
    mine = portal.opened()
    visit_id = mine.path.split("/pay/")[1].split("/")[0]
    stranger: Reader = portal.reader("198.51.100.10")
    foreign = stranger.raw("GET", f"/{portal.slug}/pay/{visit_id}/{part}")
    missing = stranger.raw("GET", f"/{portal.slug}/pay/{'0' * 32}/{part}")
    assert foreign.status_code == missing.status_code == 403
    assert settled(foreign.text).replace(visit_id, "") == settled(missing.text).replace("0" * 32, "")
