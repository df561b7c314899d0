"""One text message, out or in, as the carrier keeps it and as its API shows it.

The phone keeps these; nothing here knows HTTP.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from email.utils import format_datetime
from typing import Any, Self

API_VERSION = "2010-04-01"
# The 7-bit alphabet of the network; a text with any other letter travels in 16 bits and holds fewer.
GSM_LETTERS = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿"
    "abcdefghijklmnopqrstuvwxyzäöñüà"
)
GSM_PAIRS = frozenset("^{}\\[~]|€\f")


def segments(body: str) -> int:
    """How many parts the network cuts the text into, which is what is paid for."""
    if all(letter in GSM_LETTERS or letter in GSM_PAIRS for letter in body):
        length, alone, joined = sum(2 if letter in GSM_PAIRS else 1 for letter in body), 160, 153
    else:
        length, alone, joined = len(body.encode("utf-16-be")) // 2, 70, 67
    return 1 if length <= alone else -(-length // joined)


@dataclass
class Text:
    """`reference` is what the sender's Idempotency-Key header said; like the real carrier nothing is done with it."""

    sid: str
    account_sid: str
    created_at: datetime
    sender: str
    recipient: str
    body: str
    status: str
    is_inbound: bool = False
    error_code: int | None = None
    status_callback: str = ""
    reference: str = ""

    @classmethod
    def replayed(cls, record: Mapping[str, Any]) -> Self:
        """From a line of the journal."""
        return cls(**{**record, "created_at": datetime.fromisoformat(record["created_at"])})

    @property
    def number(self) -> str:
        """The person's number, whoever speaks."""
        return self.sender if self.is_inbound else self.recipient

    def described(self) -> dict[str, object]:
        """For /phone.json."""
        return {
            **asdict(self),
            "created_at": self.created_at.isoformat(),
            "from": self.sender,
            "to": self.recipient,
            "segments": segments(self.body),
        }

    def as_resource(self) -> dict[str, object]:
        """As the carrier's API shows it."""
        path = f"/{API_VERSION}/Accounts/{self.account_sid}/Messages/{self.sid}"
        is_sent = self.status not in {"queued", "sending"}
        created = format_datetime(self.created_at.replace(microsecond=0))
        return {
            "account_sid": self.account_sid,
            "api_version": API_VERSION,
            "body": self.body,
            "date_created": created,
            "date_sent": created if is_sent else None,
            "date_updated": created,
            "direction": "inbound" if self.is_inbound else "outbound-api",
            "error_code": self.error_code,
            "error_message": None,
            "from": self.sender,
            "messaging_service_sid": None,
            "num_media": "0",
            "num_segments": str(segments(self.body)),
            "price": None,
            "price_unit": "USD",
            "sid": self.sid,
            "status": self.status,
            "subresource_uris": {"media": f"{path}/Media.json"},
            "to": self.recipient,
            "uri": f"{path}.json",
        }
