"""The SMS carrier and the page that shows the messages it took.

`server.build` asks for its routes. It answers Twilio's REST API for messages, so the unmodified library can send
through it; it delivers nothing, fails on cue, and takes replies typed on its page, which it brings to the sender.
"""

import asyncio
import base64
import binascii
import hmac
import json
import re
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, dataclass
from typing import NamedTuple

from aiohttp import web

from simulator.carrier_posts import CarrierPosts
from simulator.message_faults import MessageFault, MessageFaults
from simulator.page import page
from simulator.text import API_VERSION, Text
from simulator.world import World

EVENT = "text"
NUMBER_EVENT = "sms_number"
BODY_MAX = 1600
NUMBER = re.compile(r"\+[1-9][0-9]{7,14}")
SENDER = re.compile(r"\+[1-9][0-9]{7,14}|[0-9]{5,6}|[A-Za-z0-9 ]{1,11}|MG[0-9a-f]{32}")
STOP_WORDS = frozenset({"stop", "stopall", "unsubscribe", "cancel", "end", "quit", "revoke", "optout"})
START_WORDS = frozenset({"start", "yes", "unstop"})
HELP_WORDS = frozenset({"help", "info"})
# Who deals with STOP: the carrier (blocks, and answers by itself), the carrier and says so in the post (`advanced`), or
# the application alone: then the carrier neither blocks nor answers.
OPT_OUT = ("carrier", "advanced", "application")
CARRIER_SAYS = {
    "STOP": "You have successfully been unsubscribed. You will not receive any more messages from this number. "
    "Reply START to resubscribe.",
    "START": "You have successfully been re-subscribed to messages from this number. Reply HELP for help. "
    "Reply STOP to unsubscribe. Msg&Data Rates May Apply.",
    "HELP": "Reply STOP to unsubscribe. Msg&Data Rates May Apply.",
}
MODES = {
    "accept": "nothing wrong: uses up a turn",
    "accept_then_drop": "the text is taken, the connection is cut before the answer",
    "temporary_503": "503, not taken",
    "throttled_429": "429 with 20429, not taken",
    "unauthorized": "401 with 20003, not taken",
    "invalid_number": "400 with 21211, not taken",
    "unsubscribed": "400 with 21610, not taken",
    "undelivered": "taken, and later undelivered with 30003",
    "landline": "taken, and later undelivered with 30006",
    "slow": "taken, answered after `seconds`",
}
REFUSALS = {
    "temporary_503": (503, 20503, "Service is temporarily unavailable"),
    "throttled_429": (429, 20429, "Too Many Requests"),
    "unauthorized": (401, 20003, "Authenticate"),
    "invalid_number": (400, 21211, "Invalid 'To' Phone Number"),
    "unsubscribed": (400, 21610, "Attempt to send to unsubscribed recipient"),
}


LOST = {"undelivered": 30003, "landline": 30006}


@dataclass(frozen=True)
class OwnNumber:
    """A number that an account has at the carrier, and where the carrier brings what people send to it."""

    number: str
    account_sid: str
    auth_token: str
    reply_url: str = ""
    opt_out: str = "carrier"


class Thread(NamedTuple):
    """What passed between one number and its senders, oldest first."""

    number: str
    texts: list[Text]
    has_stopped: bool


class Phone:
    """Every text, oldest first, kept in the journal of the world, and who said STOP."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.faults = MessageFaults(MODES)
        self.texts: list[Text] = []
        self.stopped: set[str] = set()
        self.tokens: dict[str, str] = {}  # an account is opened by its first call; later ones must bring its token
        self.posts = CarrierPosts()
        self.numbers: dict[str, OwnNumber] = {}
        for _, record in world.journal.read(NUMBER_EVENT):
            self.own(OwnNumber(**record), keep=False)
        for _, record in world.journal.read(EVENT):
            self._remember(Text.replayed(record))

    def forget(self) -> None:
        """The reset."""
        self.texts.clear()
        self.stopped.clear()
        self.tokens.clear()
        self.numbers.clear()
        self.faults.forget()
        self.posts.forget()

    def own(self, number: OwnNumber, *, keep: bool = True) -> None:
        """An account has this number from now on."""
        if keep:
            self.world.journal.append(NUMBER_EVENT, asdict(number))
        self.numbers[number.number] = number
        self.tokens.setdefault(number.account_sid, number.auth_token)

    def keep(self, text: Text) -> Text:
        """Take one text for good."""
        self.world.journal.append(EVENT, asdict(text))
        self._remember(text)
        return text

    def _remember(self, text: Text) -> None:
        self.texts.append(text)
        keyword = keyword_of(text.body) if text.is_inbound else None
        owner = self.numbers.get(text.recipient)
        if owner is not None and owner.opt_out == "application":
            return
        if keyword == "STOP":
            self.stopped.add(text.sender)
        elif keyword == "START":
            self.stopped.discard(text.sender)

    def new(self, account_sid: str, form: Mapping[str, str], reference: str, fault: MessageFault | None) -> Text:
        """A text out, as it is kept. It counts as delivered once somebody asks again."""
        lost = LOST.get(fault.mode) if fault is not None else None
        return Text(
            sid="SM" + secrets.token_hex(16),
            account_sid=account_sid,
            created_at=self.world.clock.now(),
            sender=form.get("From") or form["MessagingServiceSid"],
            recipient=form["To"],
            body=form["Body"],
            status="undelivered" if lost else "delivered",
            error_code=lost,
            status_callback=form.get("StatusCallback", ""),
            reference=reference,
        )

    def threads(self) -> list[Thread]:
        """One for each number, the one spoken to last on top."""
        found: dict[str, list[Text]] = {}
        for text in self.texts:
            texts = found.pop(text.number, [])
            found[text.number] = [*texts, text]
        return [Thread(number, texts, number in self.stopped) for number, texts in reversed(found.items())]

    def call_back(self, text: Text) -> None:
        """Tell the sender's address how the text fared."""
        facts = {
            "MessageSid": text.sid,
            "SmsSid": text.sid,
            "AccountSid": text.account_sid,
            "From": text.sender,
            "To": text.recipient,
            "ApiVersion": API_VERSION,
        }
        ends = {"ErrorCode": str(text.error_code)} if text.error_code else {}
        posts = [
            {**facts, **(ends if status == text.status else {}), "MessageStatus": status, "SmsStatus": status}
            for status in ("sent", text.status)
        ]
        self.posts.send(self.tokens[text.account_sid], text.status_callback, posts, text.recipient)

    def bring(self, text: Text, owner: OwnNumber) -> None:
        """Bring a person's text to the application of the number it was sent to; the carrier may answer it itself."""
        keyword = keyword_of(text.body)
        answers_itself = keyword is not None and owner.opt_out != "application"
        if keyword is not None and answers_itself:
            self.keep(
                Text("SM" + secrets.token_hex(16), text.account_sid, self.world.clock.now(), text.recipient,
                     text.sender, CARRIER_SAYS[keyword], "delivered")
            )  # fmt: skip
        if not owner.reply_url:
            return
        post = {
            "MessageSid": text.sid,
            "SmsSid": text.sid,
            "SmsMessageSid": text.sid,
            "AccountSid": text.account_sid,
            "From": text.sender,
            "To": text.recipient,
            "Body": text.body,
            "NumMedia": "0",
            "NumSegments": "1",
            "SmsStatus": "received",
            "ApiVersion": API_VERSION,
            **({"OptOutType": keyword} if keyword is not None and owner.opt_out == "advanced" else {}),
        }

        def answered(words: str) -> None:
            """The application has the carrier text this back."""
            self.keep(
                Text("SM" + secrets.token_hex(16), text.account_sid, self.world.clock.now(), text.recipient,
                     text.sender, words, "delivered")
            )  # fmt: skip

        self.posts.send(owner.auth_token, owner.reply_url, [post], text.sender, answered)


def keyword_of(body: str) -> str | None:
    """STOP, START or HELP when the whole text is one of the carrier's words for it."""
    word = body.strip().casefold()
    if word in STOP_WORDS:
        return "STOP"
    if word in START_WORDS:
        return "START"
    return "HELP" if word in HELP_WORDS else None


PHONE = web.AppKey("phone", Phone)


def _refusal(status: int, code: int, message: str) -> web.Response:
    said = {
        "code": code,
        "message": message,
        "more_info": f"https://www.twilio.com/docs/errors/{code}",
        "status": status,
    }
    return web.json_response(said, status=status)


def _credentials(request: web.Request) -> tuple[str, str] | None:
    """Name and password of the basic authorisation."""
    scheme, _, encoded = request.headers.get("Authorization", "").partition(" ")
    try:
        name, _, password = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    return (name, password) if scheme == "Basic" and name and password else None


def _is_known(request: web.Request) -> bool:
    account_sid, given = request.match_info["account_sid"], _credentials(request)
    if given is None or given[0] != account_sid:
        return False
    return hmac.compare_digest(request.app[PHONE].tokens.setdefault(account_sid, given[1]), given[1])


def _wrong(form: Mapping[str, str], phone: Phone) -> tuple[int, int, str] | None:
    """The first thing wrong with a text, in the carrier's words."""
    to, sender, body = form.get("To", ""), form.get("From") or form.get("MessagingServiceSid", ""), form.get("Body", "")
    if not to:
        return 400, 21604, "A 'To' phone number is required."
    if not sender:
        return 400, 21603, "A 'From' phone number is required."
    if not body:
        return 400, 21602, "Message body is required."
    if len(body) > BODY_MAX:
        return 400, 21617, "The concatenated message body exceeds the 1600 character limit"
    if not NUMBER.fullmatch(to):
        return 400, 21211, f"Invalid 'To' Phone Number: {to[:3]}XXXX"
    if not SENDER.fullmatch(sender):
        return 400, 21212, f"Invalid From Number (caller ID): {sender[:20]}"
    if to in phone.stopped:
        return 400, 21610, "Attempt to send to unsubscribed recipient"
    return None


async def _create(request: web.Request) -> web.StreamResponse:
    phone = request.app[PHONE]
    if not _is_known(request):
        return _refusal(401, 20003, "Authenticate")
    form = {name: str(value) for name, value in (await request.post()).items()}
    wrong = _wrong(form, phone)
    if wrong:
        return _refusal(*wrong)
    fault = phone.faults.take(form["To"])
    if fault and fault.mode in REFUSALS:
        return _refusal(*REFUSALS[fault.mode])
    reference = request.headers.get("Idempotency-Key", "")
    text = phone.keep(phone.new(request.match_info["account_sid"], form, reference, fault))
    if text.status_callback:
        phone.call_back(text)
    if fault and fault.mode == "slow":
        await asyncio.sleep(fault.seconds)
    if fault and fault.mode == "accept_then_drop" and request.transport:
        request.transport.abort()
    return web.json_response({**text.as_resource(), "status": "queued", "date_sent": None}, status=201)


async def _fetch(request: web.Request) -> web.Response:
    if not _is_known(request):
        return _refusal(401, 20003, "Authenticate")
    account_sid, sid = request.match_info["account_sid"], request.match_info["sid"]
    for text in request.app[PHONE].texts:
        if (text.account_sid, text.sid) == (account_sid, sid):
            return web.json_response(text.as_resource())
    return _refusal(
        404, 20404, f"The requested resource /{API_VERSION}/Accounts/{account_sid}/Messages/{sid} was not found"
    )


async def _list(request: web.Request) -> web.Response:
    return page("phone.html", threads=request.app[PHONE].threads())


async def _json(request: web.Request) -> web.Response:
    texts = request.app[PHONE].texts
    number = request.query.get("number", "")
    found = [
        text.described() for text in reversed(texts) if not number.strip() or text.number == f"+{number.strip(' +')}"
    ]
    return web.json_response(found)


async def _reply(request: web.Request) -> web.Response:
    """A person answers, on the page: the carrier hears STOP, and brings every text to the sender's application."""
    form = await request.post()
    number, body = str(form.get("from", "")), str(form.get("body", "")).strip()[:BODY_MAX]
    phone = request.app[PHONE]
    heard = [text for text in phone.texts if text.number == number and not text.is_inbound]
    if not heard:
        raise web.HTTPNotFound
    if body:
        last = heard[-1]
        now = phone.world.clock.now()
        text = phone.keep(
            Text("SM" + secrets.token_hex(16), last.account_sid, now, number, last.sender, body, "received", True)
        )
        if (owner := phone.numbers.get(last.sender)) is not None:
            phone.bring(text, owner)
    raise web.HTTPSeeOther("/phone")


async def _own(request: web.Request) -> web.Response:
    """An account gets a number: `number`, `account_sid`, `auth_token`, `reply_url`, `opt_out`."""
    try:
        number = OwnNumber(**await request.json())
        if number.opt_out not in OPT_OUT:
            raise ValueError(f"opt_out is one of {', '.join(OPT_OUT)}")
    except (TypeError, ValueError, json.JSONDecodeError) as problem:
        return web.json_response({"error": str(problem)}, status=400)
    request.app[PHONE].own(number)
    return web.json_response(asdict(number), status=201)


async def _posted(request: web.Request) -> web.Response:
    return web.json_response(request.app[PHONE].posts.answers)


def _faults(name: str, *, of_posts: bool = False) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def answer(request: web.Request) -> web.Response:
        phone = request.app[PHONE]
        answered: web.Response = await getattr(phone.posts.faults if of_posts else phone.faults, name)(request)
        return answered

    return answer


def routes(world: World) -> list[web.AbstractRouteDef]:
    """The addresses of this room."""
    account = f"/{API_VERSION}/Accounts/{{account_sid}}"
    return [
        web.post(f"{account}/Messages.json", _create),
        web.get(f"{account}/Messages/{{sid}}.json", _fetch),
        web.get("/phone", _list),
        web.get("/phone.json", _json),
        web.post("/phone/reply", _reply),
        web.post("/simulator/sms-numbers", _own),
        web.get("/simulator/sms-callbacks", _posted),
        web.post("/simulator/sms-callback-faults", _faults("add", of_posts=True)),
        web.get("/simulator/sms-callback-faults", _faults("show", of_posts=True)),
        web.delete("/simulator/sms-callback-faults", _faults("clear", of_posts=True)),
        web.post("/simulator/sms-faults", _faults("add")),
        web.get("/simulator/sms-faults", _faults("show")),
        web.delete("/simulator/sms-faults", _faults("clear")),
    ]


async def start(world: World, app: web.Application) -> None:
    """Read what came before."""
    phone = app[PHONE] = Phone(world)
    world.on_reset.append(phone.forget)
