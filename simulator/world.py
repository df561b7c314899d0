"""Everything the simulated world remembers, in one object that each room is handed.

`server.build` and every room's `routes(world)` receive it; it knows no HTTP.
"""

import heapq
import itertools
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from simulator.clock import Clock
from simulator.disputes import Dispute
from simulator.faults import FaultPlan
from simulator.journal import Journal
from simulator.merchants import MerchantBook
from simulator.request_keys import RequestKeys
from simulator.transactions import Transaction, TransactionBook
from simulator.vault import VAULT_EVENTS, Ids, Vault

REQUESTS_KEPT = 20_000


@dataclass(frozen=True)
class Settings:
    """How the process was started; ports of 0 mean "any free one"."""

    host: str = "127.0.0.1"
    port: int = 8099
    smtp_port: int = 8025
    data: Path | None = None
    seed: int = 0
    latency_ms: int = 0
    port_file: Path | None = None


def settled_as(transaction: Transaction) -> str:
    """The status in which settlement leaves a transaction."""
    return "settlement_declined" if transaction.fails_to_settle else "settled"


@dataclass
class World:
    """State of the world. `ports` holds the real ports once they are open ("http", "smtp")."""

    settings: Settings = field(default_factory=Settings)
    ports: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.clock = Clock()
        self.journal = Journal(self.settings.data)
        self.ids = Ids(self.settings.seed)
        self.merchants = MerchantBook(self.journal)
        self.vault = Vault(self.journal, self.clock, self.ids)
        self.transactions = TransactionBook(self.journal)
        self.keys = RequestKeys(self.journal, self.clock)
        self.faults = FaultPlan()
        self.requests: deque[dict[str, Any]] = deque(maxlen=REQUESTS_KEPT)
        self.on_reset: list[Callable[[], None]] = []
        self.listeners: list[Callable[[str, Transaction, Dispute | None], None]] = []  # (kind of event, about what)
        self.in_flight: list[Any] = []  # sales between validation and authorisation
        self._later: list[tuple[datetime, int, Callable[[], object]]] = []
        self._count = itertools.count()
        self._replay()

    @property
    def url(self) -> str:
        """Where browsers and SDKs reach this simulator."""
        return f"http://{self.settings.host}:{self.ports.get('http', self.settings.port)}"

    def later(self, at: datetime, act: Callable[[], object]) -> None:
        """Do something when the clock of the world reaches `at`; forgotten when the process ends."""
        heapq.heappush(self._later, (at, next(self._count), act))

    def tick(self) -> None:
        """Do what has become due. Called before each request, so a shifted clock works at once."""
        now = self.clock.now()
        while self._later and self._later[0][0] <= now:
            heapq.heappop(self._later)[2]()

    def move(self, transaction: Transaction, status: str, keep: bool = True) -> None:
        """Give a transaction a status, and plan what time will do to it next."""
        self.transactions.move(transaction, status, self.clock.now(), keep)
        self._plan(transaction)
        if status == "settlement_declined" and transaction.refunded_transaction_id is not None:
            self.tell("refund_failed", transaction)

    def tell(self, kind: str, transaction: Transaction, dispute: Dispute | None = None) -> None:
        """Something happened that a merchant may want to hear of."""
        for listen in self.listeners:
            listen(kind, transaction, dispute)

    def open_dispute(self, transaction: Transaction, **fields: Any) -> Dispute:
        """The cardholder's bank takes a transaction back; the whole of it unless `amount_cents` says otherwise."""
        dispute = Dispute.opened(
            self.ids.word(16),
            f"CASE-{self.ids.digits(8)}",
            self.clock.now(),
            **{
                "merchant_id": transaction.merchant_id,
                "transaction_id": transaction.id,
                "merchant_account_id": transaction.merchant_account_id,
                "amount_cents": transaction.amount_cents,
                "currency": transaction.currency,
                **fields,
            },
        )
        transaction.disputes.append(dispute)
        self.transactions.keep(transaction)
        self.tell("dispute_opened", transaction, dispute)
        return dispute

    def move_dispute(
        self, transaction: Transaction, dispute: Dispute, status: str, won_cents: int | None = None
    ) -> None:
        """A dispute takes its next status."""
        dispute.move(status, self.clock.now(), won_cents)
        self.transactions.keep(transaction)
        self.tell(f"dispute_{'opened' if status == 'open' else status}", transaction, dispute)

    def retry(self, declined: Transaction) -> Transaction:
        """The gateway tries a declined sale again by itself, and this time it is taken."""
        merchant = self.merchants.by_id[declined.merchant_id]
        now = self.clock.now()
        again = replace(
            declined,
            id=self.ids.word(),
            created_at=now,
            order_id=declined.order_id if merchant.retries_keep_order_id else None,
            status_history=[],
            code="1000",
            text="Approved",
            kind="approved",
            additional=None,
            authorization_code=self.ids.word(6).upper(),
            retried_transaction_id=declined.id,
            retry_ids=[],
            refund_ids=[],
            partial_ids=[],
            disputes=[],
            fails_to_settle=False,
            retry_at=None,
            api_request_key=None,
        )
        self.move(again, "authorized", keep=False)
        self.move(again, "submitted_for_settlement")
        declined.retry_ids = [*declined.retry_ids, again.id]
        declined.retry_at = None
        self.transactions.keep(declined)
        self.tell("transaction_retried", again)
        return again

    def reset(self) -> None:
        """Forget everything, in memory and in the journal; rooms add what they hold to `on_reset`."""
        self.journal.clear()
        self.clock.offset_seconds = 0.0
        self._later.clear()
        self.requests.clear()
        self.in_flight.clear()
        forgetful = (self.merchants, self.vault, self.transactions, self.keys, self.faults)
        for forget in [*(room.forget for room in forgetful), *self.on_reset]:
            forget()

    def _plan(self, transaction: Transaction) -> None:
        if transaction.status == "authorized" and transaction.authorization_expires_at:
            self._move_later(transaction, transaction.authorization_expires_at, "authorization_expired")
        elif transaction.status == "authorizing" and transaction.authorizing_until:
            self._move_later(transaction, transaction.authorizing_until, "settled")
        elif transaction.status == "submitted_for_settlement":
            merchant = self.merchants.by_id.get(transaction.merchant_id)
            if merchant and merchant.settle_after_seconds is not None:
                at = self.clock.now() + timedelta(seconds=merchant.settle_after_seconds)
                self._move_later(transaction, at, settled_as(transaction))
        if transaction.retry_at and not transaction.retry_ids:
            self.later(transaction.retry_at, lambda: transaction.retry_ids or self.retry(transaction))

    def plan_retry(self, transaction: Transaction) -> None:
        """A soft decline of a merchant that lets the gateway retry."""
        seconds = self.merchants.by_id[transaction.merchant_id].retry_declines_after_seconds
        if seconds is not None and transaction.kind == "soft_declined" and transaction.retried_transaction_id is None:
            transaction.retry_at = self.clock.now() + timedelta(seconds=seconds)

    def _move_later(self, transaction: Transaction, at: datetime, status: str) -> None:
        expected = transaction.status

        def act() -> None:
            if transaction.status == expected:
                self.move(transaction, status)

        self.later(at, act)

    def _replay(self) -> None:
        records = 0
        for event, record in self.journal.read():
            records += 1
            if event == "transaction":
                self.transactions.replay(record)
            elif event in VAULT_EVENTS:
                self.vault.replay(event, record)
            elif event == "request_key":
                self.keys.replay(record)
            elif event == "merchant":
                self.merchants.replay(record)
            elif event == "clock":
                self.clock.offset_seconds = record["offset_seconds"]
        self.ids.resume(records)
        for transaction in self.transactions.all:
            self._plan(transaction)
