"""What the message about money given back may say, read from the rows when it is written.

Called by `portal.usecases.outbox` only. Sends nothing.
"""

from typing import Any

from portal.domain.message import DeliveryPermanent
from portal.domain.refund import RefundWay
from portal.storage import Session, message, refund


def refund_facts(session: Session, refund_id: str) -> dict[str, Any]:
    """The facts of one refund. DeliveryPermanent `refund_missing` when it or its payment's receipt is not there."""
    row = refund.by_id(session, refund_id)
    receipt = message.receipt_of_charge(session, row.charge_id) if row else None
    if row is None or receipt is None:
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
        "voided": row.way == RefundWay.void,
        "owed_again": row.reopens_balance,
    }
