"""One mail as it came in, and what can be read out of its bytes: subject, text, HTML, attachments.

The mailbox keeps these. Reading never fails: of a broken mail it gives what could be read.
"""

import base64
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import default
from functools import cached_property
from typing import Any, Self

_UNREADABLE = (ValueError, LookupError, TypeError, AttributeError)


@dataclass(frozen=True)
class Attachment:
    """A file sent along; `content_id` is set for pictures that the HTML shows."""

    number: int
    name: str
    content_type: str
    content: bytes
    content_id: str

    def described(self) -> dict[str, object]:
        """For JSON: everything but the bytes."""
        return {
            "number": self.number,
            "name": self.name,
            "content_type": self.content_type,
            "size": len(self.content),
            "sha256": hashlib.sha256(self.content).hexdigest(),
        }


@dataclass(frozen=True)
class MailMessage:
    """`sender` and `recipients` are the envelope's, which a header may contradict."""

    id: int
    received_at: datetime
    sender: str
    recipients: tuple[str, ...]
    raw: bytes

    @classmethod
    def replayed(cls, record: dict[str, Any]) -> Self:
        """From a line of the journal."""
        return cls(
            id=record["id"],
            received_at=datetime.fromisoformat(record["received_at"]),
            sender=record["sender"],
            recipients=tuple(record["recipients"]),
            raw=base64.b64decode(record["raw"]),
        )

    def recorded(self) -> dict[str, object]:
        """For a line of the journal."""
        return {
            "id": self.id,
            "received_at": self.received_at,
            "sender": self.sender,
            "recipients": list(self.recipients),
            "raw": base64.b64encode(self.raw).decode(),
        }

    @cached_property
    def _message(self) -> EmailMessage:
        return BytesParser(EmailMessage, policy=default).parsebytes(self.raw)

    def header(self, name: str) -> str:
        """The header as a person reads it, "" when it is missing or beyond reading."""
        try:
            return str(self._message.get(name, ""))
        except _UNREADABLE:
            return ""

    @property
    def headers(self) -> list[tuple[str, str]]:
        """Every header in the order it came."""
        return [(name, self.header(name)) for name in dict.fromkeys(self._message.keys())]

    @property
    def subject(self) -> str:
        return self.header("Subject")

    @property
    def text(self) -> str:
        """The plain part."""
        return self._part("plain")

    @property
    def html(self) -> str:
        """The HTML part as it was sent, not made safe: show it in a sandbox only."""
        return self._part("html")

    def _part(self, kind: str) -> str:
        try:
            part = self._message.get_body((kind,))
            return str(part.get_content()) if part else ""
        except _UNREADABLE:
            return ""

    @cached_property
    def attachments(self) -> list[Attachment]:
        """Files and inline pictures, numbered from 1 in the order they came."""
        return [
            Attachment(
                number=number,
                name=part.get_filename() or f"part-{number}",
                content_type=part.get_content_type(),
                content=_content(part),
                content_id=str(part.get("Content-ID", "")).strip("<> "),
            )
            for number, part in enumerate(self._files(), start=1)
        ]

    def _files(self) -> Iterator[EmailMessage]:
        for part in self._message.walk():
            is_file = part.get_content_disposition() == "attachment" or part.get_filename()
            if not part.is_multipart() and (is_file or "Content-ID" in part):
                yield part

    def described(self) -> dict[str, object]:
        """For JSON."""
        return {
            "id": self.id,
            "received_at": self.received_at.isoformat(),
            "sender": self.sender,
            "recipients": list(self.recipients),
            "from": self.header("From"),
            "to": self.header("To"),
            "subject": self.subject,
            "message_id": self.header("Message-ID").strip(),
            "headers": dict(self.headers),
            "text": self.text,
            "html": self.html,
            "attachments": [attachment.described() for attachment in self.attachments],
        }


def _content(part: EmailMessage) -> bytes:
    content = part.get_payload(decode=True)
    return content if isinstance(content, bytes) else b""
