"""What the messages about money given back may say, read from the rows when they are written.

Called by `portal.usecases.outbox` only. Sends nothing.
"""

from typing import Any

from portal.domain.message import DeliveryPermanent
from portal.domain.refund import RefundWay
from portal.storage import Session, message, refund
from portal.storage.refund import Refund
from portal.usecases.refund_book import kept_of


def refund_facts(session: Session, refund_id: str) -> dict[str, Any]:
    """The facts of one refund. DeliveryPermanent `refund_missing` when it or its payment's receipt is not there."""
    row = _row(session, refund_id)
    return _facts(session, row) | {"voided": row.way == RefundWay.void, "owed_again": row.reopens_balance}


def refund_failed_facts(session: Session, refund_id: str) -> dict[str, Any]:
    """The facts of one refund that did not arrive, and what became of its money. DeliveryPermanent `refund_missing`."""
    kept = kept_of(session, refund_id)
    return _facts(session, _row(session, refund_id)) | {
        "paid_again_cents": kept.paid_again_cents or None,
        "theirs_cents": kept.theirs_cents or None,
    }


def _row(session: Session, refund_id: str) -> Refund:
    row = refund.by_id(session, refund_id)
    if row is None:
        raise DeliveryPermanent("refund_missing")
    return row


def _facts(session: Session, row: Refund) -> dict[str, Any]:
    receipt = message.receipt_of_charge(session, row.charge_id)
    if receipt is None:
        raise DeliveryPermanent("refund_missing")
    paid = receipt.facts
    return {
        "customer_name": paid["customer_name"],
        "amount_cents": row.amount_cents,
        "refunded_at": row.resolved_at or row.claimed_at,
        "paid_at": receipt.issued_at,
        "paid_cents": paid["amount_cents"],
        "card_brand": paid["card_brand"],
        "card_last4": paid["card_last4"],
        "receipt_number": receipt.number,
        "account_reference": paid["account_reference"],
    }
