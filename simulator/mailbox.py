"""The SMTP server and the pages that show what it received.

`server.build` asks for its routes and starts it. It takes mail for everybody, fails on cue, sends nothing on, and
nothing a mail says can run in the browser of the person who reads it.
"""

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable
from urllib.parse import quote

from aiohttp import web
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session

from simulator.mail_message import MailMessage
from simulator.message_faults import MessageFaults
from simulator.page import page, style
from simulator.world import World

EVENT = "mail"
SIZE_MAX = 25 * 1024 * 1024
MODES = {
    "accept": "nothing wrong: uses up a turn",
    "accept_then_drop": "the mail is taken, the connection is cut before the answer",
    "temporary_4xx": "451, not taken",
    "permanent_5xx": "550, not taken",
    "slow": "taken, answered after `seconds`",
}
# A mail is shown without script, forms or anything fetched from elsewhere; its links open in a tab of their own.
SANDBOX = "allow-popups allow-popups-to-escape-sandbox"
MAIL_POLICY = (
    f"sandbox {SANDBOX}; default-src 'none'; style-src 'unsafe-inline'; img-src data: {{origin}}/mailbox/; "
    "form-action 'none'; base-uri 'none'; frame-ancestors 'self'"
)
PLAIN = {"X-Content-Type-Options": "nosniff", "Content-Security-Policy": "sandbox; default-src 'none'"}
BASE = '<base target="_blank"><meta name="referrer" content="no-referrer">'


class Mailbox:
    """Every mail received, oldest first, kept in the journal of the world."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.faults = MessageFaults(MODES)
        self.mails = [MailMessage.replayed(record) for _, record in world.journal.read(EVENT)]

    def forget(self) -> None:
        """The reset."""
        self.mails.clear()
        self.faults.forget()

    def keep(self, envelope: Envelope) -> None:
        """Take one mail for good."""
        content = envelope.original_content or b""
        recipients = tuple(envelope.rcpt_tos)
        number = self.mails[-1].id + 1 if self.mails else 1
        mail = MailMessage(number, self.world.clock.now(), envelope.mail_from or "", recipients, content)
        self.world.journal.append(EVENT, mail.recorded())
        self.mails.append(mail)

    def newest_first(self, recipient: str = "") -> list[MailMessage]:
        """Mails whose envelope names this recipient, or a part of it."""
        wanted = recipient.strip().casefold()
        return [
            mail
            for mail in reversed(self.mails)
            if not wanted or any(wanted in each.casefold() for each in mail.recipients)
        ]

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        """What aiosmtpd calls when a mail has been read; the answer goes to the sender."""
        fault = self.faults.take(envelope.rcpt_tos[0])
        mode = fault.mode if fault else "accept"
        if mode == "temporary_4xx":
            return "451 4.3.0 Try again later"
        if mode == "permanent_5xx":
            return "550 5.1.1 No such mailbox here"
        self.keep(envelope)
        if fault and mode == "slow":
            await asyncio.sleep(fault.seconds)
        if mode == "accept_then_drop" and isinstance(server.transport, asyncio.WriteTransport):
            server.transport.abort()
        return "250 2.0.0 Taken"


def _login(server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: object) -> AuthResult:
    """Any name and password will do."""
    return AuthResult(success=True)


def _with_base(mail: MailMessage) -> str:
    """The HTML part with inline pictures pointing at this mailbox and links leaving the frame."""
    addresses = {part.content_id: f"/mailbox/{mail.id}/attachments/{part.number}" for part in mail.attachments}
    return BASE + re.sub(r"cid:([^\"'\s)>]+)", lambda found: addresses.get(found[1], found[0]), mail.html)


MAILBOX = web.AppKey("mailbox", Mailbox)


def _found(request: web.Request) -> MailMessage:
    """The mail an address names; 404 otherwise."""
    number = int(request.match_info["id"])
    for mail in request.app[MAILBOX].mails:
        if mail.id == number:
            return mail
    raise web.HTTPNotFound


async def _list(request: web.Request) -> web.Response:
    recipient = request.query.get("recipient", "")
    mails = request.app[MAILBOX].newest_first(recipient)
    return page("mailbox.html", mails=mails, recipient=recipient)


async def _json(request: web.Request) -> web.Response:
    mails = request.app[MAILBOX].newest_first(request.query.get("recipient", ""))
    return web.json_response([mail.described() for mail in mails])


async def _mail(request: web.Request) -> web.Response:
    return page("mail.html", mail=_found(request), sandbox=SANDBOX)


async def _html(request: web.Request) -> web.Response:
    policy = MAIL_POLICY.format(origin=f"{request.scheme}://{request.host}")
    headers = {**PLAIN, "Content-Security-Policy": policy, "Referrer-Policy": "no-referrer"}
    text = _with_base(_found(request))
    return web.Response(text=text, content_type="text/html", charset="utf-8", headers=headers)


async def _raw(request: web.Request) -> web.Response:
    return web.Response(body=_found(request).raw, content_type="text/plain", headers=PLAIN)


async def _attachment(request: web.Request) -> web.Response:
    number = int(request.match_info["number"])
    for attachment in _found(request).attachments:
        if attachment.number == number:
            name = quote(re.sub(r"[\x00-\x1f\x7f/\\]", "_", attachment.name), safe="")
            headers = {**PLAIN, "Content-Disposition": f"attachment; filename*=UTF-8''{name}"}
            return web.Response(body=attachment.content, content_type=attachment.content_type, headers=headers)
    raise web.HTTPNotFound


def _faults(name: str) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def answer(request: web.Request) -> web.Response:
        answered: web.Response = await getattr(request.app[MAILBOX].faults, name)(request)
        return answered

    return answer


def routes(world: World) -> list[web.AbstractRouteDef]:
    """The addresses of this room."""
    return [
        web.get("/mailbox", _list),
        web.get("/mailbox.json", _json),
        web.get(r"/mailbox/{id:\d+}", _mail),
        web.get(r"/mailbox/{id:\d+}/html", _html),
        web.get(r"/mailbox/{id:\d+}/raw", _raw),
        web.get(r"/mailbox/{id:\d+}/attachments/{number:\d+}", _attachment),
        web.get("/pages.css", style),
        web.post("/simulator/mail-faults", _faults("add")),
        web.get("/simulator/mail-faults", _faults("show")),
        web.delete("/simulator/mail-faults", _faults("clear")),
    ]


async def start(world: World, app: web.Application) -> None:
    """Read what came before, and open the SMTP port."""
    logging.getLogger("mail.log").setLevel(logging.ERROR)  # it warns of its own old names at each login
    mailbox = app[MAILBOX] = Mailbox(world)
    world.on_reset.append(mailbox.forget)
    server = await asyncio.get_running_loop().create_server(
        lambda: SMTP(
            mailbox,
            hostname="simulator",
            data_size_limit=SIZE_MAX,
            enable_SMTPUTF8=True,
            auth_require_tls=False,
            authenticator=_login,
        ),
        world.settings.host,
        world.settings.smtp_port,
    )
    world.ports["smtp"] = server.sockets[0].getsockname()[1]

    async def close(app: web.Application) -> None:
        server.close()

    app.on_cleanup.append(close)
