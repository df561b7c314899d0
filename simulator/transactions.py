"""Every transaction the gateway took, declined ones too: the truth that tests compare with.

The wire writes here; `control` reads it out. Every change is journaled as the whole transaction and nothing is removed.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from simulator.cards import CardFace
from simulator.codec import read_time
from simulator.disputes import Dispute
from simulator.journal import Journal

TAKEN = frozenset(
    {"authorized", "submitted_for_settlement", "settling", "settled", "settlement_pending", "settlement_confirmed"}
)
SUCCEEDED = TAKEN | {"voided"}
_TIMES = (
    "created_at",
    "updated_at",
    "authorization_expires_at",
    "authorizing_until",
    "settled_at",
    "retry_at",
    "disbursed_at",
)


@dataclass
class Transaction:
    """One sale, credit or refund; money is in cents."""

    id: str
    merchant_id: str
    merchant_account_id: str
    type: str
    amount_cents: int
    currency: str
    created_at: datetime
    face: CardFace
    order_id: str | None = None
    status: str = ""
    status_history: list[dict[str, Any]] = field(default_factory=list)
    updated_at: datetime | None = None
    payment_method_token: str | None = None
    customer_id: str | None = None
    customer: dict[str, Any] = field(default_factory=dict)
    billing: dict[str, Any] = field(default_factory=dict)
    shipping: dict[str, Any] = field(default_factory=dict)
    descriptor: dict[str, Any] = field(default_factory=dict)
    custom_fields: dict[str, str] = field(default_factory=dict)
    details: dict[str, Any] = field(default_factory=dict)  # echoed as sent: channel, tax_amount...
    source: str | None = None
    code: str | None = None
    text: str | None = None
    kind: str | None = None
    additional: str | None = None
    rejection: str | None = None
    avs: list[str | None] = field(default_factory=lambda: [None, "I", "I"])
    cvv_response: str = "I"
    authorization_code: str | None = None
    network_transaction_id: str | None = None
    authorization_expires_at: datetime | None = None
    authorizing_until: datetime | None = None
    settled_at: datetime | None = None
    settlement_batch_id: str | None = None
    settlement_code: str = ""
    refund_ids: list[str] = field(default_factory=list)
    refunded_transaction_id: str | None = None
    partial_ids: list[str] = field(default_factory=list)
    authorized_transaction_id: str | None = None
    final_capture: bool = False
    nonce_used: bool = False
    api_request_key: str | None = None
    disputes: list[Dispute] = field(default_factory=list)
    retried_transaction_id: str | None = None  # the declined one that the gateway itself tried again
    retry_ids: list[str] = field(default_factory=list)
    retry_at: datetime | None = None
    disbursed_at: datetime | None = None
    fails_to_settle: bool = False  # by a fault: it is taken, and declined when it would settle

    @property
    def success(self) -> bool:
        """Whether the gateway took it, whatever became of it later."""
        return self.status not in ("processor_declined", "gateway_rejected", "failed")


class TransactionBook:
    """All transactions in the order they were taken, with the indexes that searching needs."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self.forget()

    def forget(self) -> None:
        """Empty the book."""
        self.all: list[Transaction] = []
        self._by_id: dict[tuple[str, str], Transaction] = {}
        self._by_order: dict[tuple[str, str], list[Transaction]] = {}
        self._by_merchant: dict[str, list[Transaction]] = {}

    def find(self, merchant_id: str, transaction_id: str) -> Transaction | None:
        """The merchant's transaction, or None."""
        return self._by_id.get((merchant_id, transaction_id))

    def find_dispute(self, merchant_id: str, dispute_id: str) -> tuple[Dispute, Transaction] | None:
        """The merchant's dispute and the transaction it takes back, or None."""
        for transaction in self._by_merchant.get(merchant_id, []):
            for dispute in transaction.disputes:
                if dispute.id == dispute_id:
                    return dispute, transaction
        return None

    def with_order(self, merchant_id: str, order_id: str) -> list[Transaction]:
        """Those with this order id, oldest first."""
        return self._by_order.get((merchant_id, order_id), [])

    def of(self, merchant_id: str) -> list[Transaction]:
        """All of a merchant, oldest first."""
        return self._by_merchant.get(merchant_id, [])

    def move(self, transaction: Transaction, status: str, at: datetime, keep: bool = True) -> None:
        """Give it a new status and write the history; `keep=False` when a caller stores it right after."""
        transaction.status = status
        transaction.updated_at = at
        if status == "settled":
            transaction.settled_at = at
            transaction.settlement_batch_id = f"{at:%Y-%m-%d}_{transaction.merchant_account_id}_simulated"
            transaction.settlement_code = "4000"
        elif status == "settlement_declined":
            transaction.settlement_code = "4001"
        transaction.status_history.append({"timestamp": at, "status": status, "amount_cents": transaction.amount_cents})
        if keep:
            self.keep(transaction)

    def keep(self, transaction: Transaction) -> None:
        """Store a new or changed transaction."""
        self._index(transaction)
        self._journal.append("transaction", transaction)

    def rename_order(self, transaction: Transaction, order_id: str | None) -> None:
        """Change the order id and its index; the caller stores it."""
        if transaction.order_id:
            self._by_order[transaction.merchant_id, transaction.order_id].remove(transaction)
        transaction.order_id = order_id
        if order_id:
            self._by_order.setdefault((transaction.merchant_id, order_id), []).append(transaction)

    def replay(self, record: dict[str, Any]) -> None:
        """Take back one journal record: the newest of an id wins."""
        for name in _TIMES:
            if record.get(name):
                record[name] = read_time(record[name])
        record["face"] = CardFace(**record["face"])
        for event in record["status_history"]:
            event["timestamp"] = read_time(event["timestamp"])
        record["disputes"] = [Dispute.replayed(item) for item in record.get("disputes", [])]
        known = self._by_id.get((record["merchant_id"], record["id"]))
        if known:
            self.rename_order(known, record["order_id"])
            vars(known).update(record)
        else:
            self._index(Transaction(**record))

    def _index(self, transaction: Transaction) -> None:
        key = (transaction.merchant_id, transaction.id)
        if key in self._by_id:
            return
        self._by_id[key] = transaction
        self.all.append(transaction)
        self._by_merchant.setdefault(transaction.merchant_id, []).append(transaction)
        if transaction.order_id:
            self._by_order.setdefault((transaction.merchant_id, transaction.order_id), []).append(transaction)
