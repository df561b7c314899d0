"""Signing in, attacked from outside: Redis stopped, addresses forged, an organisation closed, and what the log says."""

import json

import pytest
from flask import Flask

from portal.app import create_app
from portal.storage import message, organisation
from portal.usecases.organisation import set_setting
from tests.rig.people import Payer, colleague, payer
from tests.rig.reader import Reader
from tests.web.conftest import PORTAL_URL, Portal, settings

SSN = "078-05-1120"


@pytest.fixture
def dana(portal: Portal) -> Payer:
    with portal.house.ports.database.transaction(portal.house.organisation_id) as session:
        set_setting(session, "sign_in_ssn", True, by="test", now=portal.house.clock.now())
    return payer(portal.house, ssn=SSN)


def app(portal: Portal, **changes: object) -> Flask:
    return create_app(settings(portal.house.simulator, **changes), portal.house.ports)  # type: ignore[arg-type]  # only what the doors read


def guess(reader: Reader, dana: Payer, pin: str, **headers: str) -> int:
    reader.open(f"/{dana.house.slug}/sign-in/username").fill("Username", dana.username).fill("PIN", pin)
    return reader.press("Sign in", **headers).status


def test_f2_attack_6_with_redis_stopped_the_limits_hold(portal: Portal, dana: Payer) -> None:
    reader = Reader(app(portal, redis_url="redis://127.0.0.1:1/0"), PORTAL_URL)
    assert [guess(reader, dana, "000001") for _ in range(5)] == [422] * 5
    assert guess(reader, dana, dana.pin) == 422, "the sixth is not compared, though it is right"
    portal.house.clock.pass_(minutes=15)
    assert guess(reader, dana, dana.pin) == 200


def test_attack_8_a_forged_address_makes_no_new_network(portal: Portal, dana: Payer) -> None:
    reader = Reader(app(portal), PORTAL_URL)
    for number in range(5):
        guess(
            reader,
            dana,
            "000001",
            **{"X-Forwarded-For": f"198.51.100.{number}", "Forwarded": f"for=198.51.100.{number}"},
        )
    assert guess(reader, dana, dana.pin, **{"X-Forwarded-For": "198.51.100.99"}) == 422


def test_attack_8_behind_one_proxy_only_the_hop_it_adds_is_believed(portal: Portal, dana: Payer) -> None:
    reader = Reader(app(portal, trusted_proxies=1), PORTAL_URL, ip="10.0.0.1")
    for number in range(5):
        guess(reader, dana, "000001", **{"X-Forwarded-For": f"198.51.100.{number}, 203.0.113.50"})
    assert guess(reader, dana, dana.pin, **{"X-Forwarded-For": "198.51.100.99, 203.0.113.50"}) == 422
    assert guess(reader, dana, dana.pin, **{"X-Forwarded-For": "203.0.113.51"}) == 200


def test_attack_56_an_organisation_that_is_closed_is_gone_for_who_is_signed_in(portal: Portal, dana: Payer) -> None:
    reader, desk = dana.sign_in(portal.reader()), colleague(portal.house).sign_in(portal.reader("198.51.100.8"))
    house = portal.house
    with house.ports.database.transaction(house.organisation_id) as session:
        organisation.by_id(session, house.organisation_id).is_active = False
    portal.app.extensions["doorstep"].kept.clear()  # two seconds go by
    for who, path in ((reader, "/account"), (reader, "/account/history"), (desk, "/staff")):
        assert who.open(f"/{portal.slug}{path}").status == 404


def test_attack_110_nothing_secret_that_is_typed_or_held_reaches_the_log(
    portal: Portal, dana: Payer, capsys: pytest.CaptureFixture[str]
) -> None:
    house, reader = portal.house, portal.reader()
    reader.open(f"/{portal.slug}/sign-in/ssn").fill("Social Security number", SSN).fill("PIN", "402817").press(
        "Sign in"
    )
    reader.open(f"/{portal.slug}/sign-in/ssn").fill("Social Security number", SSN).press("Send me a code instead")
    with house.ports.database.read(house.organisation_id) as session:
        rows = {row.event: row for row in message.of_customer(session, house.customer_id)}
    code = json.loads(house.ports.seal.open(rows["sign_in_code"].sealed_facts or ""))["code"]
    reader.fill("Code", code).press("Sign in").press("Sign out")
    dana.sign_in(reader, remember=True)
    cookies = [each.value for each in reader.client._cookies.values()]
    reader.open(f"/{portal.slug}/sign-in/pin")
    portal.reader().open(f"/{portal.slug}/sign-in/pin").fill("Username", dana.username).press("Send the link")
    with house.ports.database.read(house.organisation_id) as session:
        rows = {row.event: row for row in message.of_customer(session, house.customer_id)}
    link = json.loads(house.ports.seal.open(rows["pin_reset"].sealed_facts or ""))["link_url"]
    portal.reader().open(link.removeprefix(PORTAL_URL)).fill("New PIN", "902817").press("Set the PIN")
    robin = colleague(house)
    robin.sign_in(portal.reader("198.51.100.9"))
    said = "".join(capsys.readouterr())
    assert "sign-in/ssn" in said
    secrets = [
        SSN, SSN.replace("-", ""), "402817", dana.pin, "902817", code, link.rpartition("/")[2], robin.password,
        robin.totp_secret, *cookies,
    ]  # fmt: skip
    assert [secret for secret in secrets if secret and secret in said] == []
