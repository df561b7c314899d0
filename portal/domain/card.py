"""What passes between the house and the card gateway: a sale asked for, a card described, a card kept.

Values only; spoken by use cases and by `portal.gateway`. A card number fits nowhere here.
"""

from dataclasses import dataclass
from enum import StrEnum


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


class KeepKind(StrEnum):
    """What became of a request to keep a card."""

    kept = "kept"
    declined = "declined"  # the card did not pass verification
    unusable = "unusable"  # the nonce is used up, expired or foreign
    unknown = "unknown"  # ask again with the same token: it is safe


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
