"""The phone answers the unmodified twilio library, keeps every text, hears STOP, and fails on cue."""

import base64
import hashlib
import hmac
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from queue import Queue
from urllib.parse import parse_qsl

import pytest
import requests
from twilio.base.exceptions import TwilioRestException
from twilio.http.http_client import TwilioHttpClient
from twilio.http.response import Response
from twilio.rest import Client

from simulator.carrier_posts import message_in
from tests.rig.simulator_process import SimulatorProcess

ACCOUNT = "AC" + "0" * 32
MARIA = "+13125550123"
SENDER = "+13125550100"


class Rerouted(TwilioHttpClient):
    """The library's documented way to another address: its own HTTP client with the origin swapped."""

    def __init__(self, origin: str) -> None:
        super().__init__(timeout=30)
        self.origin = origin

    def request(self, method: str, url: str, *arguments: object, **named: object) -> Response:
        return super().request(method, url.replace("https://api.twilio.com", self.origin), *arguments, **named)


def carrier(simulator: SimulatorProcess, token: str = "token") -> Client:
    return Client(ACCOUNT, token, http_client=Rerouted(simulator.url))


def test_the_library_sends_a_text_and_asks_for_it(simulator: SimulatorProcess) -> None:
    sent = carrier(simulator).messages.create(to=MARIA, from_=SENDER, body="Your receipt: https://pay.example/r/1")
    assert sent.sid.startswith("SM")
    assert (sent.status, sent.to, sent.num_segments) == ("queued", MARIA, "1")
    asked = carrier(simulator).messages(sent.sid).fetch()
    assert (asked.status, asked.body) == ("delivered", "Your receipt: https://pay.example/r/1")
    (text,) = simulator.call("GET", "/phone.json")
    assert (text["sid"], text["to"], text["from"], text["body"]) == (sent.sid, MARIA, SENDER, asked.body)
    shown = requests.get(f"{simulator.url}/phone", timeout=30).text
    assert MARIA in shown
    assert 'href="https://pay.example/r/1"' in shown


@pytest.mark.parametrize(
    ("to", "sender", "body", "code"),
    [
        ("3125550123", SENDER, "hello", 21211),
        ("+1", SENDER, "hello", 21211),
        (MARIA, "not a number!", "hello", 21212),
        (MARIA, SENDER, "", 21602),
        (MARIA, SENDER, "x" * 1601, 21617),
    ],
)
def test_a_wrong_text_is_refused_in_the_carriers_words(
    simulator: SimulatorProcess, to: str, sender: str, body: str, code: int
) -> None:
    with pytest.raises(TwilioRestException) as refused:
        carrier(simulator).messages.create(to=to, from_=sender, body=body)
    assert (refused.value.status, refused.value.code) == (400, code)
    assert simulator.call("GET", "/phone.json") == []


def test_another_token_for_the_same_account_is_refused(simulator: SimulatorProcess) -> None:
    carrier(simulator).messages.create(to=MARIA, from_=SENDER, body="first")
    with pytest.raises(TwilioRestException) as refused:
        carrier(simulator, "another").messages.create(to=MARIA, from_=SENDER, body="second")
    assert (refused.value.status, refused.value.code) == (401, 20003)
    assert requests.post(f"{simulator.url}/2010-04-01/Accounts/{ACCOUNT}/Messages.json", timeout=30).status_code == 401


def say(simulator: SimulatorProcess, words: str) -> None:
    answer = requests.post(f"{simulator.url}/phone/reply", data={"from": MARIA, "body": words}, timeout=30)
    assert answer.status_code == 200


def test_a_person_who_says_stop_gets_no_more_texts_until_start(tmp_path: Path) -> None:
    simulator = SimulatorProcess(data=tmp_path)
    carrier(simulator).messages.create(to=MARIA, from_=SENDER, body="hello")
    say(simulator, " Stop ")
    simulator.kill()
    simulator = SimulatorProcess(data=tmp_path)
    with pytest.raises(TwilioRestException) as refused:
        carrier(simulator).messages.create(to=MARIA, from_=SENDER, body="again")
    assert refused.value.code == 21610
    assert "said STOP" in requests.get(f"{simulator.url}/phone", timeout=30).text
    say(simulator, "START")
    carrier(simulator).messages.create(to=MARIA, from_=SENDER, body="again")
    texts = simulator.call("GET", "/phone.json?number=13125550123")
    assert [text["body"] for text in texts] == ["again", "START", "Stop", "hello"]
    simulator.stop()


@pytest.mark.parametrize(
    ("mode", "status", "code"),
    [
        ("temporary_503", 503, 20503),
        ("throttled_429", 429, 20429),
        ("unauthorized", 401, 20003),
        ("invalid_number", 400, 21211),
        ("unsubscribed", 400, 21610),
    ],
)
def test_a_refused_text_is_not_kept(simulator: SimulatorProcess, mode: str, status: int, code: int) -> None:
    simulator.call("POST", "/simulator/sms-faults", {"mode": mode, "recipient": MARIA})
    with pytest.raises(TwilioRestException) as refused:
        carrier(simulator).messages.create(to=MARIA, from_=SENDER, body="hello")
    assert (refused.value.status, refused.value.code) == (status, code)
    assert simulator.call("GET", "/phone.json") == []
    carrier(simulator).messages.create(to=MARIA, from_=SENDER, body="hello")
    assert len(simulator.call("GET", "/phone.json")) == 1


def test_a_text_can_be_taken_while_its_sender_learns_nothing(simulator: SimulatorProcess) -> None:
    simulator.call("POST", "/simulator/sms-faults", {"mode": "accept_then_drop"})
    with pytest.raises(requests.ConnectionError):
        carrier(simulator).messages.create(to=MARIA, from_=SENDER, body="hello")
    assert len(simulator.call("GET", "/phone.json")) == 1


def test_a_text_that_is_lost_on_the_way_says_so_when_asked(simulator: SimulatorProcess) -> None:
    simulator.call("POST", "/simulator/sms-faults", {"mode": "undelivered"})
    sent = carrier(simulator).messages.create(to=MARIA, from_=SENDER, body="hello")
    asked = carrier(simulator).messages(sent.sid).fetch()
    assert (asked.status, asked.error_code) == ("undelivered", 30003)


def test_the_status_is_called_back_and_signed(simulator: SimulatorProcess) -> None:
    heard: Queue[tuple[str, dict[str, str]]] = Queue()

    class Listener(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            content = self.rfile.read(int(self.headers["Content-Length"])).decode()
            heard.put((self.headers["X-Twilio-Signature"], dict(parse_qsl(content))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *arguments: object) -> None:
            """Quiet."""

    with HTTPServer(("127.0.0.1", 0), Listener) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}/notice/sms"
        carrier(simulator).messages.create(to=MARIA, from_=SENDER, body="hello", status_callback=address)
        notices = [heard.get(timeout=30), heard.get(timeout=30)]
        server.shutdown()
    assert [post["MessageStatus"] for _, post in notices] == ["sent", "delivered"]
    for signature, post in notices:
        signed = address + "".join(name + post[name] for name in sorted(post))
        assert signature == base64.b64encode(hmac.digest(b"token", signed.encode(), hashlib.sha1)).decode()


def test_a_long_text_or_one_beyond_the_plain_alphabet_counts_its_segments(simulator: SimulatorProcess) -> None:
    for body in ("x" * 160, "x" * 161, "ñ" * 160, "ś" * 70, "ś" * 71, "€" * 81):
        carrier(simulator).messages.create(to=MARIA, from_=SENDER, body=body)
    assert [text["segments"] for text in reversed(simulator.call("GET", "/phone.json"))] == [1, 2, 1, 1, 2, 2]


def test_what_a_text_says_is_never_markup_of_the_page(simulator: SimulatorProcess) -> None:
    carrier(simulator).messages.create(
        to=MARIA, from_=SENDER, body='<script>alert(1)</script> "https://x.example/?a=1&b=2"'
    )
    answer = requests.get(f"{simulator.url}/phone", timeout=30)
    assert "<script" not in answer.text
    assert 'href="https://x.example/?a=1&amp;b=2"' in answer.text
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("<Response><Message>Tom &amp; Co: help</Message></Response>", "Tom & Co: help"),
        ('<?xml version="1.0" encoding="UTF-8"?><Response></Response>', None),
        ("<Response/>", None),
        ("<Other><Message>no</Message></Other>", None),
        ("refused", None),
        ("", None),
    ],
)
def test_an_answer_has_the_carrier_text_what_its_message_says(body: str, words: str | None) -> None:
    assert message_in(body) == words


def test_what_the_application_answers_a_text_with_is_texted_back(simulator: SimulatorProcess) -> None:
    answered = threading.Event()

    class Listener(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            content = b"<Response><Message>Harbour: call us</Message></Response>"
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)
            answered.set()

        def log_message(self, *arguments: object) -> None:
            """Quiet."""

    with HTTPServer(("127.0.0.1", 0), Listener) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}/sms/reply"
        number = {"number": SENDER, "account_sid": ACCOUNT, "auth_token": "token", "reply_url": address,
                  "opt_out": "application"}  # fmt: skip
        simulator.call("POST", "/simulator/sms-numbers", number)
        carrier(simulator).messages.create(to=MARIA, from_=SENDER, body="hello")
        say(simulator, "HELP")
        assert answered.wait(30)
        until = time.monotonic() + 30
        while len(texts := simulator.call("GET", "/phone.json?number=13125550123")) < 3:
            assert time.monotonic() < until, texts
        server.shutdown()
    assert [text["body"] for text in texts] == ["Harbour: call us", "HELP", "hello"]
