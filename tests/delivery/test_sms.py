"""Texts through a real HTTP server that answers as the carrier does, sent by the carrier's own library."""

import base64
import logging
from typing import Any

import pytest

from portal.delivery.sms import NoSms, TwilioSms
from portal.delivery.text_message import carrier_text, segments, textable_number
from portal.delivery.wording import Wording
from portal.domain.message import DeliveryPermanent, DeliveryTemporary
from tests.delivery.conftest import FACTS, Carrier

SID = "AC" + "1" * 32


def sms_to(carrier: Carrier) -> TwilioSms:
    return TwilioSms(SID, "secret", carrier.url, "+12125550199", timeout=5)


def test_a_text_reaches_the_carrier_with_our_reference(carrier: Carrier, wording: Wording) -> None:
    body = wording.message("receipt", "es", FACTS["receipt"]).sms
    assert body is not None
    assert sms_to(carrier).send("(212) 555-0123", body, "receipt:1") == "SM" + "0" * 32
    (request,) = carrier.requests
    assert request["path"] == f"/2010-04-01/Accounts/{SID}/Messages.json"
    assert base64.b64decode(request["Authorization"].removeprefix("Basic ")) == f"{SID}:secret".encode()
    assert (request["To"], request["From"], request["Body"]) == ("+12125550123", "+12125550199", body)
    assert request["key"] == "receipt:1"


def test_n2_a_repeat_carries_the_same_reference(carrier: Carrier) -> None:
    for _ in range(2):
        sms_to(carrier).send("+12125550123", "Hello", "receipt:1")
    assert [request["key"] for request in carrier.requests] == ["receipt:1", "receipt:1"]


@pytest.mark.parametrize(
    "number",
    [
        "+19005550123", "900 555 0123", "+19765550123", "+18765550123", "+12424567890", "+442079460958",
        "+18005550123", "+15005550006", "011442079460958", "911", "12345", "", "call me", "+1212555012345678",
        "+12125550123;ext=9", "+12125550123\r\nTo: +19005550123", "whatsapp:+12125550123", "+" * 5_000,
    ],
)  # fmt: skip
def test_attack_083_premium_foreign_and_made_up_numbers_are_refused(carrier: Carrier, number: str) -> None:
    with pytest.raises(DeliveryPermanent, match="number_refused"):
        sms_to(carrier).send(number, "Hello", "receipt:1")
    assert carrier.requests == []


@pytest.mark.parametrize("number", ["+12125550123", "(416) 555-0123", "787-555-0123", "+1 305 555 0100"])
def test_ordinary_numbers_of_the_united_states_and_canada_are_texted(number: str) -> None:
    assert textable_number(number).startswith("+1")


@pytest.mark.parametrize("body", ["", "two\nlines", "bell\x07", "\u202eabc", "x" * 2_000, "\u4e2d" * 202, "\ud800"])
def test_attack_083_a_text_that_is_no_plain_line_is_refused(carrier: Carrier, body: str) -> None:
    with pytest.raises(DeliveryPermanent, match="bad_text"):
        sms_to(carrier).send("+12125550123", body, "receipt:1")
    assert carrier.requests == []


def test_a_reference_that_would_break_a_header_is_refused(carrier: Carrier) -> None:
    for reference in ("a\r\nX-Evil: 1", "a\nb", "é", "x" * 201):
        with pytest.raises(DeliveryPermanent, match="bad_reference"):
            sms_to(carrier).send("+12125550123", "Hello", reference)


@pytest.mark.parametrize(
    ("status", "code", "expected"),
    [
        (400, 21211, DeliveryPermanent),
        (400, 21610, DeliveryPermanent),
        (400, 21614, DeliveryPermanent),
        (401, 20003, DeliveryTemporary),
        (429, 20429, DeliveryTemporary),
        (500, 20500, DeliveryTemporary),
        (503, 0, DeliveryTemporary),
    ],
)
def test_what_the_carrier_says_decides_whether_to_try_again(
    carrier: Carrier, status: int, code: int, expected: type[Exception]
) -> None:
    carrier.status, carrier.reply = status, {"code": code, "message": "no: +12125550123", "status": status}
    with pytest.raises(expected) as failed:
        sms_to(carrier).send("+12125550123", "Hello", "receipt:1")
    assert "5550123" not in str(failed.value)


def test_an_answer_without_an_id_is_worth_another_try(carrier: Carrier) -> None:
    replies: list[Any] = [{}, {"sid": None}, [], "queued"]
    for reply in replies:
        carrier.reply = reply
        with pytest.raises(DeliveryTemporary):
            sms_to(carrier).send("+12125550123", "Hello", "receipt:1")


def test_a_carrier_that_is_down_is_worth_another_try() -> None:
    with pytest.raises(DeliveryTemporary):
        TwilioSms(SID, "secret", "http://127.0.0.1:1", "+12125550199", timeout=2).send("+12125550123", "Hello", "r:1")


def test_without_a_carrier_a_text_is_set_aside() -> None:
    with pytest.raises(DeliveryPermanent, match="sms_not_configured"):
        NoSms().send("+12125550123", "Hello", "receipt:1")


def test_an_address_that_is_no_origin_stops_the_start() -> None:
    for url in ("ftp://x", "127.0.0.1:80", "//x"):
        with pytest.raises(ValueError, match="api_url"):
            TwilioSms(SID, "secret", url, "+12125550199")


def test_no_number_and_no_text_is_logged(carrier: Carrier, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    sms_to(carrier).send("+12125550123", "Hello there", "receipt:1")
    assert "5550123" not in caplog.text
    assert "Hello there" not in caplog.text
    assert "secret" not in caplog.text


def test_segments_are_counted_as_the_carrier_bills_them() -> None:
    for text, count in (
        ("", 1), ("a" * 160, 1), ("a" * 161, 2), ("a" * 306, 2), ("a" * 307, 3), ("€" * 80, 1), ("€" * 81, 2),
        ("\u4e2d" * 70, 1), ("\u4e2d" * 71, 2), ("\U0001f600" * 35, 1), ("\U0001f600" * 36, 2),
    ):  # fmt: skip
        assert segments(text) == count


def test_accents_the_cheap_alphabet_lacks_are_written_plainly() -> None:
    assert carrier_text("Ángel – “Índigo” ñ é ¿") == 'Angel - "Indigo" ñ é ¿'
    assert carrier_text("\u4e2d") == "\u4e2d"
