"""`api_request_key`: at most one transaction for one key, as the gateway promises for 30 days.

The wire asks before it processes and tells it what came of it. A request that failed validation leaves no mark; a
declined one binds its key for good, and a repeat answers 915234.
"""

import hashlib
import hmac
import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from simulator.clock import Clock
from simulator.codec import read_time
from simulator.journal import Journal

LIFE = timedelta(days=30)
LENGTH_MAX = 255


@dataclass
class Bound:
    """What a key was used for. `state`: running, succeeded, failed."""

    merchant_id: str
    key: str
    fingerprint: str
    state: str
    transaction_id: str | None
    at: datetime


def fingerprint(operation: str, ids: tuple[str, ...], params: dict[str, Any]) -> str:
    """One hash for one request; it keeps no card data readable."""
    text = json.dumps([operation, ids, params], sort_keys=True, default=str)
    return hmac.new(b"simulator", text.encode(), hashlib.sha256).hexdigest()


class RequestKeys:
    """Keys by merchant."""

    def __init__(self, journal: Journal, clock: Clock) -> None:
        self._journal = journal
        self._clock = clock
        self.forget()

    def forget(self) -> None:
        """No key was ever used."""
        self._bound: dict[tuple[str, str], Bound] = {}

    def find(self, merchant_id: str, key: str) -> Bound | None:
        """What the key is bound to, or None; older than 30 days is forgotten."""
        bound = self._bound.get((merchant_id, key))
        if bound and self._clock.now() - bound.at > LIFE:
            del self._bound[merchant_id, key]
            return None
        return bound

    def start(self, merchant_id: str, key: str, print_: str) -> Bound:
        """A request with this key is in progress now."""
        bound = Bound(merchant_id, key, print_, "running", None, self._clock.now())
        self._bound[merchant_id, key] = bound
        return bound

    def finish(self, bound: Bound, transaction_id: str | None, success: bool) -> None:
        """The request is over; without a transaction the key is free again."""
        if transaction_id is None:
            self._bound.pop((bound.merchant_id, bound.key), None)
            return
        bound.state = "succeeded" if success else "failed"
        bound.transaction_id = transaction_id
        self._journal.append("request_key", bound)

    def replay(self, record: dict[str, Any]) -> None:
        """Take back one journal record."""
        record["at"] = read_time(record["at"])
        self._bound[record["merchant_id"], record["key"]] = Bound(**record)
