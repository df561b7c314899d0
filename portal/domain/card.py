"""What passes between the house and the card gateway: a sale or a refund asked for, a card described or kept, and
what the gateway has on its books.

Values only; spoken by use cases and by `portal.gateway`. A card number fits nowhere here.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from portal.domain.charge import Outcome
from portal.domain.refund import RefundWay


@dataclass(frozen=True, slots=True)
class CardFacts:
    """What may be known of a card. `last4` four digits, `bin` the issuer's first six."""

    brand: str
    last4: str
    bin: str
    expires_month: int
    expires_year: int
    postal_code: str | None = None


@dataclass(frozen=True, slots=True)
class SaleRequest:
    """One sale, complete. Exactly one of `token` (card on file) and `nonce` (card typed now).

    Equal requests under one `order_id` are one sale where the merchant may use keys (`is_keyed`).
    """

    order_id: str
    is_keyed: bool
    amount_cents: int
    currency: str
    token: str | None = None
    nonce: str | None = None
    source: str | None = None

    def __post_init__(self) -> None:
        if (self.token is None) == (self.nonce is None):
            raise AssertionError("a sale is by token or by nonce")


@dataclass(frozen=True, slots=True)
class RefundRequest:
    """Money to be given back of one sale. Equal requests under one `order_id` are one where keys are allowed.

    A void has no name of its own at the gateway: there `order_id` is its key only.
    """

    way: RefundWay
    order_id: str
    is_keyed: bool
    sale_gateway_id: str
    amount_cents: int
    currency: str


class RecordKind(StrEnum):
    """Which way the money of a gateway's record goes."""

    sale = "sale"
    credit = "credit"


@dataclass(frozen=True, slots=True)
class GatewayRecord:
    """One entry of the gateway's books as it stands there now; `outcome` is what it means for its charge or refund."""

    kind: RecordKind
    outcome: Outcome
    created_at: datetime
    settled_at: datetime | None = None  # first seen settled in its history
    refunded_gateway_id: str | None = None  # of a credit: the sale it gives back
    refund_gateway_ids: tuple[str, ...] = ()  # of a sale: its credits
    retried_gateway_id: str | None = None  # of a sale the gateway made by itself: the declined one it repeats
    dispute_gateway_ids: tuple[str, ...] = ()
    token: str | None = None
    card_brand: str | None = None
    card_last4: str | None = None

    @property
    def gateway_id(self) -> str:
        """The gateway's name for it."""
        return self.outcome.gateway_id or ""

    @property
    def order_id(self) -> str:
        """Our name for it, or whatever somebody else wrote there."""
        return self.outcome.order_id or ""

    @property
    def status(self) -> str:
        """Where it stands, in the gateway's words."""
        return self.outcome.status or ""

    @property
    def amount_cents(self) -> int:
        """How much."""
        return self.outcome.amount_cents or 0


class KeepKind(StrEnum):
    """What became of a request to keep a card."""

    kept = "kept"
    declined = "declined"  # the card did not pass verification
    unusable = "unusable"  # the nonce is used up, expired or foreign
    unknown = "unknown"  # ask again with the same token: it is safe
    refused = "refused"  # our keys or our account were refused: nothing was kept


@dataclass(frozen=True, slots=True)
class KeepAnswer:
    """Answer to keeping a card under a token of our choosing."""

    kind: KeepKind
    card: CardFacts | None = None
    code: str | None = None


class GatewayUnreachable(Exception):
    """A question (not a sale) got no usable answer; asking again is always safe. `reason` is for logs."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class GatewayRefused(Exception):
    """The gateway refused our keys or our account; nothing works for this organisation until a person mends it."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
