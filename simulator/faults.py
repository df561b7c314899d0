"""What may go wrong on cue: the table of faults, and which one meets a request.

`POST /simulator/faults` adds one, the wire asks for each request; how it is acted out is in `wire.disturbance`.
"""

import re
from dataclasses import asdict, dataclass
from random import Random
from typing import Any


@dataclass(frozen=True)
class Kind:
    """`effect` is what the wire does; `processed` whether the gateway did its work before or despite it."""

    effect: str
    processed: bool
    says: str
    status: int = 0
    code: str = ""


def _statuses() -> dict[str, Kind]:
    kinds = {}
    for status in (500, 502, 503, 504, 408):
        kinds[f"status_{status}_before"] = Kind("status", False, f"{status}, nothing processed", status)
        kinds[f"status_{status}_after"] = Kind("status", True, f"{status}, although it was processed", status)
    return kinds


KINDS: dict[str, Kind] = {
    "ok": Kind("pass", True, "nothing wrong: uses up a turn"),
    "slow": Kind("slow", True, "the work takes `seconds`; the key is in flight meanwhile"),
    "decline_soft": Kind("force", True, "processor decline, soft (2001, or `code`)", code="2001"),
    "decline_hard": Kind("force", True, "processor decline, hard (2004, or `code`)", code="2004"),
    "gateway_rejected_duplicate": Kind("force", True, "rejected as a duplicate", code="duplicate"),
    "gateway_rejected_fraud": Kind("force", True, "rejected as fraud", code="fraud"),
    "partial_authorization": Kind("force", True, "only half of the amount is authorised (1004)", code="1004"),
    "settlement_declined": Kind(
        "force", True, "taken, and declined when it settles: a sale or a refund", code="settlement_declined"
    ),
    "authorizing_then_settled": Kind("force", True, "status authorizing; settled `seconds` later", code="authorizing"),
    **_statuses(),
    "throttled_429": Kind("status", False, "429, nothing processed", 429),
    "unauthorized_401": Kind("status", False, "401, nothing processed", 401),
    "forbidden_403": Kind("status", False, "403, nothing processed", 403),
    "upgrade_426": Kind("status", False, "426, nothing processed", 426),
    "reset_before": Kind("reset", False, "TCP reset, nothing processed"),
    "reset_after": Kind("reset", True, "TCP reset, although it was processed"),
    "hang_before": Kind("hang", False, "no answer for `seconds`, then a reset; nothing processed"),
    "hang_after": Kind("hang", True, "processed at once, no answer for `seconds`, then a reset"),
    "late": Kind("late", True, "no answer; processed `seconds` after it came"),
    "stale_keepalive": Kind("stale", False, "a socket used before is reset unprocessed; a fresh one dies after it"),
    "cut_xml": Kind("cut_xml", True, "the document stops in the middle, the length agrees"),
    "cut_body": Kind("cut_body", True, "the connection is reset in the middle of the answer"),
    "html_200": Kind("html", True, "200 with a page of HTML"),
    "empty_200": Kind("empty", True, "200 with nothing"),
    "foreign_root_200": Kind("foreign_root", True, "200 with XML about something else"),
    "wrong_amount": Kind("echo", True, "the answer names one dollar more", code="amount"),
    "wrong_order_id": Kind("echo", True, "the answer names another order", code="order_id"),
    "wrong_currency": Kind("echo", True, "the answer names euros", code="currency_iso_code"),
    **{
        f"error_{code}": Kind("error", False, f"422 with {code} on api_request_key", code=code)
        for code in ("915230", "915231", "915232", "915233", "915234", "915235")
    },
    "search_lag": Kind("lag", True, "new transactions are found only after `seconds`"),
}
OPERATIONS = frozenset(
    {
        "any",
        "sale",
        "credit",
        "search",
        "void",
        "refund",
        "reverse",
        "find",
        "submit",
        "settle",
        "update",
        "client_token",
        "customer",
        "payment_method",
        "nonce",
        "verification",
        "tokenize",
        "dispute",
    }
)
SECONDS_DEFAULT = {
    "slow": 1.0,
    "hang_before": 300.0,
    "hang_after": 300.0,
    "late": 5.0,
    "authorizing_then_settled": 2.0,
    "search_lag": 10.0,
}


class BadFault(ValueError):
    """A fault was described wrongly."""


@dataclass
class Fault:
    """One planned failure. It meets a request when everything that is set here agrees."""

    fault: str
    id: str = ""
    operation: str = "sale"
    merchant: str | None = None
    order_id: str | None = None
    order_prefix: str | None = None
    order_regex: str | None = None
    times: int = 1  # 0: every time
    seconds: float | None = None
    hang_seconds: float = 300.0  # `late`: how long the silent connection stays open
    held: str = "gateway"  # `late`: "gateway" has it in flight, "network" has not delivered it yet
    probability: float = 1.0
    seed: int = 0
    code: str | None = None
    processed: bool | None = None  # overrides the table
    hits: int = 0
    asked: int = 0  # requests without an order id draw by their number

    @property
    def kind(self) -> Kind:
        """Its line in the table."""
        return KINDS[self.fault]

    @property
    def was_processed(self) -> bool:
        """Whether the gateway does its work."""
        return self.kind.processed if self.processed is None else self.processed

    @property
    def delay_seconds(self) -> float:
        """`seconds`, or what the table says."""
        return SECONDS_DEFAULT.get(self.fault, 0.0) if self.seconds is None else self.seconds

    def meets(self, operation: str, merchant_id: str, order_id: str | None) -> bool:
        """Whether this fault is for such a request; chance depends on seed and order only."""
        if self.operation not in (operation, "any") or self.merchant not in (None, merchant_id):
            return False
        order = order_id or ""
        if self.order_id is not None and self.order_id != order:
            return False
        if self.order_prefix is not None and not order.startswith(self.order_prefix):
            return False
        if self.order_regex is not None and not re.search(self.order_regex, order):
            return False
        if self.probability >= 1:
            return True
        self.asked += not order
        return Random(f"{self.seed}:{operation}:{order or self.asked}").random() < self.probability


_TYPES: dict[str, tuple[type, ...]] = {
    "fault": (str,),
    "operation": (str,),
    "merchant": (str,),
    "order_id": (str,),
    "order_prefix": (str,),
    "order_regex": (str,),
    "times": (int,),
    "seconds": (int, float),
    "hang_seconds": (int, float),
    "held": (str,),
    "probability": (int, float),
    "seed": (int,),
    "code": (str,),
    "processed": (bool,),
}


def read_fault(settings: dict[str, Any]) -> Fault:
    """A fault from JSON. Raises BadFault with a sentence that says what is wrong."""
    for name, value in settings.items():
        if name not in _TYPES:
            raise BadFault(f"unknown setting {name!r}; known: {', '.join(_TYPES)}")
        if not isinstance(value, _TYPES[name]) or (isinstance(value, bool) and name != "processed"):
            raise BadFault(f"{name} has the wrong type")
    if settings.get("fault") not in KINDS:
        raise BadFault(f"unknown fault; known: {', '.join(KINDS)}")
    fault = Fault(**settings)
    if fault.operation not in OPERATIONS:
        raise BadFault(f"unknown operation; known: {', '.join(sorted(OPERATIONS))}")
    if fault.held not in ("gateway", "network"):
        raise BadFault("held is gateway or network")
    if fault.order_regex is not None:
        try:
            re.compile(fault.order_regex)
        except re.error as error:
            raise BadFault(f"order_regex: {error}") from error
    return fault


class FaultPlan:
    """The faults that are waiting; the first that meets a request is used."""

    def __init__(self) -> None:
        self.waiting: list[Fault] = []
        self._count = 0

    def add(self, fault: Fault) -> Fault:
        """Put it last in the row."""
        self._count += 1
        fault.id = f"fault-{self._count}"
        self.waiting.append(fault)
        return fault

    def remove(self, fault_id: str) -> bool:
        """Take one back."""
        before = len(self.waiting)
        self.waiting = [fault for fault in self.waiting if fault.id != fault_id]
        return len(self.waiting) < before

    def forget(self) -> None:
        """Nothing goes wrong any more."""
        self.waiting = []

    def take(self, operation: str, merchant_id: str, order_id: str | None) -> Fault | None:
        """The fault for this request, with one of its turns used up."""
        for fault in self.waiting:
            if fault.kind.effect != "lag" and fault.meets(operation, merchant_id, order_id):
                fault.hits += 1
                if fault.times and fault.hits >= fault.times:
                    self.waiting.remove(fault)
                return fault
        return None

    def lag_seconds(self, merchant_id: str) -> float:
        """How far the search index is behind."""
        return max(
            (
                fault.delay_seconds
                for fault in self.waiting
                if fault.kind.effect == "lag" and fault.merchant in (None, merchant_id)
            ),
            default=0.0,
        )

    def listed(self) -> list[dict[str, Any]]:
        """The waiting faults as JSON."""
        return [asdict(fault) for fault in self.waiting]
