"""Cards on file in a visit: which there are, and the proof that the person on the link knows the card.

A link may have been forwarded or opened by a scanner, so a stored card is never used on a press alone. Called by
checkout.
"""

from datetime import datetime, timedelta
from typing import Any, Protocol

from portal.domain.payment_method import CARD_ON_FILE, PROOF_TRIES_PER_HOUR, digits, has_expired, is_proven
from portal.domain.refusal import Refused
from portal.storage import Session
from portal.storage import limit as limits
from portal.storage import payment_method as methods
from portal.storage.customer import Customer
from portal.storage.payment_method import PaymentMethod


class Chosen(Protocol):
    """What a walk has chosen to pay with: of a visit to a payment link, or of the signing of a plan."""

    method: Any
    payment_method_id: Any
    method_proven_at: Any
    card_nonce: Any
    card_brand: Any
    card_last4: Any
    card_expires_month: Any
    card_expires_year: Any
    card_entered_at: Any


class Payer(Protocol):
    """Somebody at a page where a card is chosen."""

    @property
    def visit(self) -> Chosen: ...
    @property
    def customer(self) -> Customer: ...
    @property
    def knows_cards(self) -> bool: ...


NEW = "new"
ENTERED = "entered"  # the card typed a moment ago in this visit


def on_file(session: Session, walk: Payer, now: datetime) -> list[PaymentMethod]:
    """The cards that can be offered: kept, not expired, and with a ZIP that can prove them."""
    kept = methods.of_customer(session, walk.customer.id)
    return [card for card in kept if (card.postal_code or walk.knows_cards) and not _expired(card, now)]


def refused(
    session: Session, walk: Payer, method_id: str, last4: str, postal_code: str, now: datetime
) -> dict[str, Refused]:
    """Why this card on file may not be used, by field; empty when it may. Every wrong proof is counted.

    A card that was proven in this visit is not asked for again, nor is any of who is signed in. One sentence for wrong
    digits, ZIP or both.
    """
    card = methods.owned_by(session, method_id, walk.customer.id) if method_id else None
    if card is None or _expired(card, now) or not (card.postal_code or walk.knows_cards):
        return {"method-new": Refused("method_missing")}
    if walk.knows_cards:
        return {}
    if walk.visit.payment_method_id == card.id and walk.visit.method_proven_at is not None:
        return {}
    if not (digits(last4) and digits(postal_code)):
        return {"proof-last4": Refused("proof_missing")}
    if limits.count_up(session, "card_proof", card.id, timedelta(hours=1), now) > PROOF_TRIES_PER_HOUR:
        return {"proof-last4": Refused("proof_resting")}
    if not is_proven(card.last4, card.postal_code, digits(last4), digits(postal_code)):
        return {"proof-last4": Refused("proof_wrong")}
    return {}


def take(session: Session, walk: Payer, method_id: str, now: datetime) -> None:
    """The visit pays with this card, which has just been proven, so its last four digits may be shown from now on."""
    visit = walk.visit
    card = methods.owned_by(session, method_id, walk.customer.id)
    if card is None:
        raise Refused("method_missing")
    if visit.payment_method_id == card.id and visit.method_proven_at is not None:
        return
    visit.method, visit.payment_method_id, visit.method_proven_at = CARD_ON_FILE, method_id, now
    visit.card_brand, visit.card_last4 = card.brand, card.last4
    visit.card_expires_month, visit.card_expires_year = card.expires_month, card.expires_year
    visit.card_nonce = visit.card_entered_at = None


def _expired(card: PaymentMethod, now: datetime) -> bool:
    return has_expired(card.expires_year, card.expires_month, now)
