"""Email out by SMTP: one message, one connection, every header checked before it is set.

Called by the outbox through its port. Never makes up a Message-ID: a repeat must carry the one its first try carried.
"""

import re
import smtplib
import ssl
import unicodedata
from collections.abc import Sequence
from datetime import UTC, datetime
from email import policy
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Literal

from portal.domain.message import (
    AddressRefused,
    Attachment,
    DeliveryFailed,
    DeliveryPermanent,
    DeliveryTemporary,
    MessageText,
)

_ADDRESS = re.compile(
    r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]{1,64}(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]{1,64}){0,10}"
    r"@[A-Za-z0-9]([A-Za-z0-9-]{0,62})(\.[A-Za-z0-9]([A-Za-z0-9-]{0,62})){0,8}",
    re.ASCII,
)
_MESSAGE_ID = re.compile(r"<[A-Za-z0-9._+-]{1,80}@[A-Za-z0-9.-]{1,100}>", re.ASCII)
_FILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 _-]{0,80}\.[a-z0-9]{1,5}", re.ASCII)
_MIME = re.compile(r"[a-z]+/[a-z0-9.+-]+", re.ASCII)
_LINK = re.compile(r"https?://[A-Za-z0-9.:\[\]_~%/\-]{1,160}", re.ASCII)
_UNSAFE = frozenset({"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})
_ENHANCED = re.compile(r"[245]\.[0-9]{1,3}\.[0-9]{1,3}", re.ASCII)
# RFC 3463: 5.1.x is about the address, 5.2.1 a mailbox that is switched off. A full mailbox (5.2.2) and a message that
# was not liked (5.7.x) say nothing against the address. Where a server gives no such code, RFC 5321's own must do.
_NO_MAILBOX = re.compile(r"5\.1\.(?:1|2|3|6|10)|5\.2\.1", re.ASCII)
_REPLY_NO_MAILBOX = frozenset({550, 551, 553, 556})
_POLICY = policy.SMTP.clone(max_line_length=200)  # a Message-ID folded at 78 would come out as an encoded word


class SmtpMail:
    """A mail server to hand messages to. Safe to share between threads: each send opens its own connection."""

    def __init__(
        self,
        host: str,
        port: int,
        username: str = "",
        password: str = "",
        tls: Literal["none", "starttls", "tls"] = "none",
        sender: str = "",
        timeout: float = 20.0,
    ) -> None:
        self._host, self._port = host, port
        self._username, self._password = username, password
        self._tls, self._timeout = tls, timeout
        self._sender = _address(sender, "bad_sender")

    def send(
        self,
        to: str,
        from_name: str,
        reply_to: str,
        message_id: str,
        text: MessageText,
        attachments: Sequence[Attachment] = (),
        one_click_url: str = "",
    ) -> None:
        """Returns when the server took the message. DeliveryTemporary: try again with the same `message_id`;
        DeliveryPermanent: refused for good, or a value that would break a header. The last three may be empty."""
        message = self._message(to, from_name, reply_to, message_id, text, attachments)
        if one_click_url:  # mail programs show a button of their own that posts there (RFC 8058)
            if not _LINK.fullmatch(one_click_url):
                raise DeliveryPermanent("bad_one_click_url")
            message["List-Unsubscribe"] = f"<{one_click_url}>"
            message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
        try:
            with self._connection() as connection:
                connection.send_message(message, self._sender, [to])
        except smtplib.SMTPRecipientsRefused as refused:
            code, said = next(iter(refused.recipients.values()))
            raise _refusal("recipient_refused", code, said) from None
        except smtplib.SMTPDataError as refused:
            raise _refusal("message_refused", refused.smtp_code, refused.smtp_error) from None
        except (smtplib.SMTPException, OSError) as problem:
            # Sign-in, sender and connection troubles are the house's: the message waits until they are put right.
            raise DeliveryTemporary(f"smtp_{type(problem).__name__}") from None

    def _connection(self) -> smtplib.SMTP:
        context = ssl.create_default_context() if self._tls != "none" else None
        if self._tls == "tls":
            connection: smtplib.SMTP = smtplib.SMTP_SSL(self._host, self._port, timeout=self._timeout, context=context)
        else:
            connection = smtplib.SMTP(self._host, self._port, timeout=self._timeout)
        try:
            if self._tls == "starttls":
                connection.starttls(context=context)
            if self._username:
                connection.login(self._username, self._password)
        except BaseException:
            connection.close()
            raise
        return connection

    def _message(
        self,
        to: str,
        from_name: str,
        reply_to: str,
        message_id: str,
        text: MessageText,
        attachments: Sequence[Attachment],
    ) -> EmailMessage:
        if not _MESSAGE_ID.fullmatch(message_id):
            raise DeliveryPermanent("bad_message_id")
        message = EmailMessage(policy=_POLICY)
        message["From"] = Address(_header(from_name, "bad_from_name"), addr_spec=self._sender)
        message["To"] = Address(addr_spec=_address(to, "bad_recipient"))
        if reply_to:
            message["Reply-To"] = Address(addr_spec=_address(reply_to, "bad_reply_to"))
        message["Subject"] = _header(text.subject, "bad_subject")
        message["Message-ID"] = message_id
        message["Date"] = format_datetime(datetime.now(UTC))
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(text.text, cte="quoted-printable")
        message.add_alternative(text.html, subtype="html", cte="quoted-printable")
        for attachment in attachments:
            if not _FILE_NAME.fullmatch(attachment.name) or not _MIME.fullmatch(attachment.mime):
                raise DeliveryPermanent("bad_attachment")
            maintype, _, subtype = attachment.mime.partition("/")
            message.add_attachment(attachment.content, maintype=maintype, subtype=subtype, filename=attachment.name)
        message["Content-Language"] = _header(text.locale, "bad_locale")  # last: making parts moves Content-* into them
        return message


def _address(address: str, reason: str) -> str:
    if len(address) > 254 or not _ADDRESS.fullmatch(address):
        raise DeliveryPermanent(reason)
    return address


def _header(value: str, reason: str) -> str:
    """The value itself; refused when it could start a header, hide text, or be decoded into one by the reader."""
    if not value or len(value) > 200 or "=?" in value:
        raise DeliveryPermanent(reason)
    if any(unicodedata.category(character) in _UNSAFE for character in value):
        raise DeliveryPermanent(reason)
    return value


def _refusal(reason: str, code: int, said: bytes | str) -> DeliveryFailed:
    """What the server's answer means; its words are left behind, for they often hold the address."""
    found = _ENHANCED.match(said if isinstance(said, str) else said.decode("ascii", "replace"))
    reason = f"{reason}_{code}" + (f"_{found[0]}" if found else "")
    if code < 500:
        return DeliveryTemporary(reason)
    is_address = _NO_MAILBOX.fullmatch(found[0]) if found else code in _REPLY_NO_MAILBOX
    return AddressRefused(reason) if is_address else DeliveryPermanent(reason)
