"""Notices and disputes as the SDK reads them, in our words.

The SDK's reader raises whatever it likes for what a stranger sends; here that is either no notice, or a notice.

Called by `portal.gateway.braintree` with the organisation's own SDK. Asks the network nothing.
"""

import re
from base64 import decodebytes
from datetime import UTC, date, datetime
from typing import Any

from portal.domain.dispute import DisputeFacts
from portal.domain.notice import UNREADABLE, Notice
from portal.gateway.reading import cents_of

# What the SDK can check without stumbling: `a|b|c` and letters outside ASCII make it raise, and it reads DTDs.
_SIGNATURE = re.compile(r"[\x21-\x7b\x7d-\x7e]{1,200}\|[0-9a-f]{40}", re.ASCII)
_PAYLOAD = re.compile(r"[A-Za-z0-9+/=\n]+", re.ASCII)
_CHALLENGE = re.compile(r"[0-9a-f]{20,32}", re.ASCII)
SIGNATURE_LENGTH_MAX = 2_000
FORGED = "InvalidSignatureError"


def read(sdk: Any, signature: str, payload: str) -> Notice | None:
    """The notice, or None when it is not signed with this merchant's key. No XML is read before the signature fits."""
    if len(signature) > SIGNATURE_LENGTH_MAX or not all(map(_SIGNATURE.fullmatch, signature.split("&"))):
        return None
    if not _PAYLOAD.fullmatch(payload) or _has_document_type(payload):
        return None
    try:
        heard = sdk.webhook_notification.parse(signature, payload)
        return Notice(str(heard.kind), _utc(heard.timestamp), _subject_id(heard))
    except Exception as error:
        if type(error).__name__ == FORGED:
            return None
        return Notice(UNREADABLE, None)  # the signature fits: it is the gateway's, whatever it means


def answer(sdk: Any, challenge: str) -> str | None:
    """What the gateway wants to hear when it checks our address; None for anything that is no challenge of its."""
    if not _CHALLENGE.fullmatch(challenge):  # the SDK's own check lets a line end through
        return None
    return str(sdk.webhook_notification.verify(challenge))


def dispute_facts(dispute: Any) -> DisputeFacts:
    """A dispute as it stands."""
    sale = dispute.transaction_details
    disputed = getattr(dispute, "amount_disputed", None)
    won = getattr(dispute, "amount_won", None)
    return DisputeFacts(
        gateway_id=dispute.id,
        sale_gateway_id=str(sale.id),
        sale_order_id=str(getattr(sale, "order_id", None) or ""),
        status=str(dispute.status),
        kind=str(dispute.kind or ""),
        amount_cents=cents_of(disputed if disputed is not None else dispute.amount),
        won_cents=cents_of(won) if won is not None else 0,
        currency=str(dispute.currency_iso_code),
        reason=str(getattr(dispute, "reason", None) or ""),
        reason_code=str(getattr(dispute, "reason_code", None) or ""),
        case_number=str(getattr(dispute, "case_number", None) or ""),
        opened_on=_day(getattr(dispute, "date_opened", None) or getattr(dispute, "received_date", None)),
        reply_by_on=_day(getattr(dispute, "reply_by_date", None)),
    )


def _has_document_type(payload: str) -> bool:
    """Whether the XML declares anything of its own, or is in an encoding that could hide it. Nothing is parsed."""
    try:
        document = decodebytes(payload.encode("ascii"))
    except ValueError:
        return True
    return b"<!" in document or b"\x00" in document


def _subject_id(heard: Any) -> str | None:
    for name in ("transaction", "dispute"):
        subject = getattr(heard, name, None)
        if subject is not None:
            return str(subject.id)
    review = getattr(heard, "transaction_review", None)
    return str(review.transaction_id) if review is not None else None


def _utc(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _day(value: Any) -> date | None:
    return value.date() if isinstance(value, datetime) else value if isinstance(value, date) else None
