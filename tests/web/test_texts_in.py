"""The carrier's door: what people text back, how our texts fared, and what comes to it that the carrier never sent."""

import html
import re
from typing import Any

import pytest
from twilio.request_validator import RequestValidator
from werkzeug.test import TestResponse

from portal.domain.contact_wish import address_key
from portal.storage import audit, bounce, contact_wish, customer, inbound_text, message, message_fact, organisation
from portal.storage.message import Message
from portal.usecases.contact_wish import standing
from portal.usecases.outbox import deliver
from portal.usecases.promise import promise
from tests.rig.house import House, found
from tests.rig.reader import header_problems
from tests.web.conftest import PORTAL_URL, Portal

ADA = "+13125550123"


@pytest.fixture
def texting(portal: Portal) -> Portal:
    """An organisation with a number at the carrier, and a customer who agreed to texts."""
    portal.house.has_carrier()
    portal.house.agrees_to_texts()
    portal.house.simulator.call("DELETE", "/simulator/sms-faults")
    return portal


def account_of(house: House) -> tuple[str, str]:
    return f"AC{house.organisation_id}", f"token-{house.organisation_id}"


def signed(house: House, path: str, fields: dict[str, str], token: str | None = None) -> str:
    url = f"{PORTAL_URL}/{house.slug}/{path}"
    return str(RequestValidator(token or account_of(house)[1]).compute_signature(url, fields))


def post(portal: Portal, path: str, fields: Any, signature: str, **headers: str) -> TestResponse:
    return portal.reader("203.0.113.88").raw(
        "POST", f"/{portal.slug}/{path}", data=fields, headers={"X-Twilio-Signature": signature, **headers}
    )


def said(body: str, sid: str = "SM1", **more: str) -> dict[str, str]:
    return {"MessageSid": sid, "From": ADA, "To": "+13125550100", "Body": body, **more}


def texts(portal: Portal, body: str, sid: str = "SM1", **more: str) -> TestResponse:
    fields = said(body, sid, AccountSid=account_of(portal.house)[0], **more)
    return post(portal, "sms/reply", fields, signed(portal.house, "sms/reply", fields))


def delivered(house: House) -> list[str]:
    """Sends what was rung for; the texts that left, as the phone shows them, newest first."""
    for organisation_id, message_id in house.doorbell.messages:
        deliver(house.ports, organisation_id, message_id)
    house.doorbell.messages.clear()
    shown = house.simulator.call("GET", f"/phone.json?number={ADA}")
    return [text["body"] for text in shown if text["account_sid"] == account_of(house)[0] and not text["is_inbound"]]


def stands(house: House, number: str = ADA) -> tuple[bool, bool]:
    """(agreed, stopped)."""
    with house.ports.database.read(house.organisation_id) as session:
        found_ = standing(session, "sms", number)
    return found_.granted_at is not None, found_.revoked_at is not None


def sent_text(house: House, event: str = "sms_help") -> Message:
    with house.ports.database.transaction(house.organisation_id) as session:
        payer = customer.by_id(session, house.customer_id)
        assert payer is not None
        key = f"{event}:{house.clock.pass_(seconds=1)}"
        message_id = promise(session, event, "sms", payer, ADA, "s", key, house.clock.now(), is_answer=True)
    assert deliver(house.ports, house.organisation_id, message_id)
    with house.ports.database.read(house.organisation_id) as session:
        row = message.by_id(session, message_id)
        assert row is not None
        return row


@pytest.mark.parametrize("body", ["STOP", "please stop texting me", "No más mensajes"])
def test_c28_c29_a_stop_counts_at_once_and_gets_one_confirmation(texting: Portal, body: str) -> None:
    house = texting.house
    answer = texts(texting, body)
    assert (answer.status_code, answer.mimetype) == (200, "text/xml")
    assert answer.get_data(as_text=True).endswith("<Response></Response>"), "whatever it held would be texted"
    assert header_problems(answer) == []
    assert stands(house) == (False, True)
    [confirmation] = delivered(house)
    assert "no more texts" in confirmation
    with house.ports.database.read(house.organisation_id) as session:
        row = contact_wish.about(session, "consent", f"sms:{ADA}")[-1]
        assert (row.words, row.source, row.is_on, row.customer_id) == (body, "sms_reply", False, house.customer_id)
    house.clock.pass_(minutes=1)
    texts(texting, "STOP", "SM2")
    assert delivered(house) == [confirmation], "a second STOP is kept and not confirmed again"


def test_c29_a_confirmation_that_would_come_late_does_not_come(texting: Portal) -> None:
    texts(texting, "STOP")
    texting.house.clock.pass_(minutes=6)
    assert delivered(texting.house) == []


def test_a_text_told_twice_is_one_text_and_one_answer(texting: Portal) -> None:
    for _ in range(3):
        assert texts(texting, "HELP").status_code == 200
    assert len(delivered(texting.house)) == 1
    with texting.house.ports.database.read(texting.house.organisation_id) as session:
        assert len(inbound_text.of_number(session, ADA)) == 1


def test_an_old_stop_told_again_after_a_start_changes_nothing(texting: Portal) -> None:
    texts(texting, "STOP", "SM1")
    texts(texting, "START", "SM2")
    texts(texting, "STOP", "SM1")
    assert stands(texting.house) == (True, False)


def test_c30_help_is_answered_with_the_sender_and_a_contact_whoever_has_stopped(texting: Portal) -> None:
    texting.house.set("name_in_texts", "Harbour Office")
    texts(texting, "STOP", "SM1")
    texts(texting, "AYUDA", "SM2")
    assert any("Harbour Office" in text and "555" in text for text in delivered(texting.house))


def test_start_brings_texts_back(texting: Portal) -> None:
    texts(texting, "STOP", "SM1")
    texts(texting, "unstop", "SM2")
    assert stands(texting.house) == (True, False)
    assert "again" in delivered(texting.house)[0]


def test_what_cannot_be_understood_changes_nothing_and_calls_a_person(texting: Portal) -> None:
    texts(texting, "When is my payment due?")
    assert stands(texting.house) == (True, False)
    assert delivered(texting.house) == []
    with texting.house.ports.database.read(texting.house.organisation_id) as session:
        assert [alarm.kind for alarm in audit.open_alarms(session)] == ["text_to_read"]


@pytest.mark.parametrize("told", ["STOP", "START", "HELP"])
def test_c29_where_the_carrier_has_answered_we_do_not(texting: Portal, told: str) -> None:
    texts(texting, "fin" if told == "STOP" else told, OptOutType=told)
    assert stands(texting.house) == (told != "STOP", told == "STOP")
    assert delivered(texting.house) == []


def test_c31_one_stop_ends_every_kind_unless_the_organisation_keeps_them_apart(texting: Portal) -> None:
    house = texting.house
    house.set("revoke_one_revokes_all", value=False)
    row = sent_text(house, "sms_help")
    assert row.state == "sent"
    texts(texting, "STOP", "SM1")
    assert stands(house) == (False, True), "it answers no text of a kind, so it ends all"
    texts(texting, "START", "SM2")
    texts(texting, "STOPALL", "SM3")
    assert stands(house) == (False, True)


def texts_of_a_stranger(portal: Portal, body: str, sid: str) -> str:
    """What the carrier is told to text back."""
    fields = {**said(body, sid), "From": "+13125559999", "AccountSid": account_of(portal.house)[0]}
    answer = post(portal, "sms/reply", fields, signed(portal.house, "sms/reply", fields))
    assert answer.status_code == 200
    assert portal.house.doorbell.messages == [], "there is no customer to write to"
    return answer.get_data(as_text=True)


NOTHING = '<?xml version="1.0" encoding="UTF-8"?><Response></Response>'


def test_c29_a_stop_from_a_number_on_nobodys_file_counts_and_is_confirmed_once(texting: Portal) -> None:
    confirmed = texts_of_a_stranger(texting, "STOP", "SM1")
    assert stands(texting.house, "+13125559999") == (False, True)
    assert re.search(r"<Message>.*no more texts from us.*</Message>", confirmed)
    assert texts_of_a_stranger(texting, "STOP", "SM1") == NOTHING, "the same text told twice"
    assert texts_of_a_stranger(texting, "STOP", "SM2") == NOTHING, "a second stop"


def test_c30_help_from_a_number_on_nobodys_file_names_the_sender_and_a_contact_once_a_day(texting: Portal) -> None:
    texting.house.set("name_in_texts", value="Harbour & Co")
    helped = texts_of_a_stranger(texting, "HELP", "SM1")
    with texting.house.ports.database.read(texting.house.organisation_id) as session:
        sender = organisation.by_id(session, texting.house.organisation_id)
    assert "Harbour & Co: texts about your account" in html.unescape(helped)
    assert (sender.support_phone or "?")[-4:] in helped
    assert texts_of_a_stranger(texting, "INFO", "SM2") == NOTHING
    texting.house.clock.pass_(days=1)
    assert texts_of_a_stranger(texting, "HELP", "SM3") == helped


def test_what_a_stranger_says_otherwise_is_read_by_a_person_and_not_answered(texting: Portal) -> None:
    assert texts_of_a_stranger(texting, "Who is this?", "SM1") == NOTHING


def test_only_the_carrier_is_believed(texting: Portal) -> None:
    house = texting.house
    other = found(house.ports, house.simulator)
    other.has_carrier()
    sid = account_of(house)[0]
    good = said("STOP", AccountSid=sid)
    signature = signed(house, "sms/reply", good)
    wrong: list[tuple[dict[str, Any], str]] = [
        (good, ""),
        (good, "é" * 20),
        (good, signature[:-2] + ("A=" if signature[-2] != "A" else "E=")),
        (good, signed(house, "sms/reply", good, token=account_of(other)[1])),
        ({**good, "Body": "STOP "}, signature),
        ({**good, "Extra": "1"}, signature),
        ({key: value for key, value in good.items() if key != "From"}, signature),
        ({**good, "AccountSid": account_of(other)[0]}, signed(house, "sms/reply", good)),
        ({**good, "Body": ["STOP", "STOP"]}, signature),
        (good, signed(house, "sms/status/" + "0" * 32, good)),
    ]
    for fields, given in wrong:
        answer = post(texting, "sms/reply", fields, given.encode("latin-1", "replace").decode("latin-1"))
        assert (answer.status_code, answer.get_data()) == (400, b"refused\n"), fields
    genuine_of_other = said("STOP", AccountSid=account_of(other)[0])
    elsewhere = post(texting, "sms/reply", genuine_of_other, signed(other, "sms/reply", genuine_of_other))
    assert elsewhere.status_code == 400
    assert stands(house) == (True, False)
    assert post(texting, "sms/reply", b"{}", signature, **{"Content-Type": "application/json"}).status_code == 415
    assert post(texting, "sms/reply", {**good, "Body": "x" * 70_000}, signature).status_code == 413


@pytest.mark.parametrize(
    "body", ["STOP\x01", "\u202eSTOP", "a" * 2_000, "👩🏽‍⚖️ STOP", "'; DROP TABLE message; --", "{{7*7}}"]
)
def test_attack_083_hostile_texts_are_kept_without_harm(texting: Portal, body: str) -> None:
    assert texts(texting, body).status_code == 200
    with texting.house.ports.database.read(texting.house.organisation_id) as session:
        [row] = inbound_text.of_number(session, ADA)
    assert row.words.isprintable()


def status(portal: Portal, row: Message, what: str, code: str = "", sid: str | None = None) -> TestResponse:
    fields = {"MessageSid": sid or row.provider_id or "SM9", "MessageStatus": what, "To": ADA, "From": "+13125550100",
              "AccountSid": account_of(portal.house)[0], **({"ErrorCode": code} if code else {})}  # fmt: skip
    path = f"sms/status/{row.id}"
    return post(portal, path, fields, signed(portal.house, path, fields))


def heard(house: House, row: Message) -> list[tuple[str, str]]:
    with house.ports.database.read(house.organisation_id) as session:
        return [(fact.what, fact.code) for fact in message_fact.of_message(session, row.id)]


def test_how_a_text_fared_is_in_its_log_once_whatever_the_order(texting: Portal) -> None:
    row = sent_text(texting.house)
    for what in ("delivered", "sent", "delivered", "sent", "dancing"):
        assert status(texting, row, what).status_code == 200
    assert sorted(heard(texting.house, row)) == [("handed_over", "sms"), ("heard", "delivered"), ("heard", "sent")]


def test_a_number_that_can_get_no_texts_is_marked_with_the_carriers_reason(texting: Portal) -> None:
    house = texting.house
    row = sent_text(house)
    status(texting, row, "undelivered", "30003")
    with house.ports.database.read(house.organisation_id) as session:
        assert bounce.all_standing(session) == [], "a phone that is switched off is no wrong number"
    status(texting, sent_text(house), "undelivered", "30006")
    with house.ports.database.read(house.organisation_id) as session:
        [marked] = bounce.all_standing(session)
        assert (marked.channel, marked.address, marked.reason) == ("sms", address_key("sms", ADA), "carrier_30006")


def test_a_stop_that_only_the_carrier_heard_is_heard_from_it(texting: Portal) -> None:
    status(texting, sent_text(texting.house), "failed", "21610")
    assert stands(texting.house) == (False, True)


def test_a_status_before_our_own_mark_says_that_the_text_has_left(texting: Portal) -> None:
    """The sender died between the carrier's answer and its own note: the text is not sent a second time."""
    house = texting.house
    row = sent_text(house)
    with house.ports.database.transaction(house.organisation_id) as session:
        known = message.lock(session, row.id)
        assert known is not None
        known.state, known.sent_at, known.provider_id = "queued", None, None
    status(texting, row, "sent", sid="SM77")
    house.clock.pass_(minutes=3)
    assert not deliver(house.ports, house.organisation_id, row.id)
    with house.ports.database.read(house.organisation_id) as session:
        again = message.by_id(session, row.id)
        assert again is not None
        assert (again.state, again.provider_id) == ("sent", "SM77")


def test_a_status_that_is_not_the_carriers_changes_nothing(texting: Portal) -> None:
    row = sent_text(texting.house)
    fields = {"MessageSid": "SM9", "MessageStatus": "delivered", "AccountSid": account_of(texting.house)[0]}
    other = sent_text(texting.house)
    path = f"sms/status/{row.id}"
    borrowed = signed(texting.house, f"sms/status/{other.id}", fields)
    for signature in ("", borrowed, signed(texting.house, path, fields, token="wrong")):
        assert post(texting, path, fields, signature).status_code == 400
    assert heard(texting.house, row) == [("handed_over", "sms")]
