"""Disputes: a cardholder's bank takes a sale back, and what becomes of that. Each belongs to one transaction.

`world` opens and moves them and says so to whoever listens; the wire shows them, `webhooks` tells merchants.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from simulator.codec import read_time

KINDS = frozenset({"chargeback", "pre_arbitration", "retrieval"})
STATUSES = frozenset({"open", "accepted", "auto_accepted", "disputed", "under_review", "won", "lost", "expired"})
DAYS_TO_REPLY = 14
EVIDENCE_OUTCOME = {"compelling_evidence": "won", "losing_evidence": "lost"}
# Amounts whose disputes carry a network's fraud reason code.
REASON_CODES = {8_300: "83", 1_040: "1040", 1_310: "1310", 7_030: "7030"}
_TIMES = ("created_at", "updated_at", "reply_by_at", "won_at")


@dataclass
class Dispute:
    """One dispute; money is in cents, days are kept as moments."""

    id: str
    merchant_id: str
    transaction_id: str
    merchant_account_id: str
    amount_cents: int
    currency: str
    created_at: datetime
    updated_at: datetime
    reply_by_at: datetime
    case_number: str
    kind: str = "chargeback"
    reason: str = "fraud"
    reason_code: str = "83"
    status: str = "open"
    won_cents: int = 0
    won_at: datetime | None = None
    original_dispute_id: str | None = None
    evidence: list[dict[str, Any]] = field(default_factory=list)
    status_history: list[dict[str, Any]] = field(default_factory=list)

    def move(self, status: str, at: datetime, won_cents: int | None = None) -> None:
        """Give it a status; a won one gives back everything unless told otherwise."""
        self.status, self.updated_at = status, at
        if status == "won":
            self.won_at = at
            self.won_cents = self.amount_cents if won_cents is None else won_cents
        self.status_history.append({"status": status, "timestamp": at})

    @classmethod
    def opened(cls, id_: str, case_number: str, at: datetime, **fields: Any) -> "Dispute":
        """A new one."""
        amount_cents = fields["amount_cents"]
        fields.setdefault("reason_code", REASON_CODES.get(amount_cents, "83"))
        made = cls(
            id=id_, case_number=case_number, created_at=at, updated_at=at,
            reply_by_at=at + timedelta(days=DAYS_TO_REPLY), **fields,
        )  # fmt: skip
        made.status_history.append({"status": "open", "timestamp": at})
        return made

    @classmethod
    def replayed(cls, record: dict[str, Any]) -> "Dispute":
        """One read back from the journal."""
        for name in _TIMES:
            if record[name]:
                record[name] = read_time(record[name])
        for event in (*record["status_history"], *record["evidence"]):
            name = "timestamp" if "timestamp" in event else "created_at"
            event[name] = read_time(event[name])
        return cls(**record)
