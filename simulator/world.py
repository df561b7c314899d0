"""Everything the simulated world remembers, in one object that each room is handed.

`server.build` and every room's `routes(world)` receive it; it knows no HTTP.
"""

import heapq
import itertools
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from simulator.clock import Clock
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
                self._move_later(transaction, at, "settled")

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
