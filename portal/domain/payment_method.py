"""Ways to pay: how a card may be named, how one on file is proven, and how a card number typed in the wrong place is
seen.

Called by the payment method and checkout use cases. Never sees a card number that a person meant to pay with.
"""

import hmac
import re
import unicodedata
from datetime import UTC, datetime, timedelta
from typing import Final

from portal.domain.card_number import card_numbers
from portal.domain.refusal import Refused

NEW_CARD: Final = "new_card"
CARD_ON_FILE: Final = "card_on_file"
PROOF_TRIES_PER_HOUR = 5

BRANDS = {
    "visa": "Visa",
    "mastercard": "Mastercard",
    "master-card": "Mastercard",
    "american-express": "American Express",
    "american express": "American Express",
    "discover": "Discover",
    "diners-club": "Diners Club",
    "jcb": "JCB",
    "unionpay": "UnionPay",
    "maestro": "Maestro",
}
NONCE = re.compile(r"[A-Za-z0-9_-]{8,200}", re.ASCII)
LAST4 = re.compile(r"[0-9]{4}", re.ASCII)
ZIP = re.compile(r"[0-9]{5}(-?[0-9]{4})?", re.ASCII)
TEXT_LENGTH_MAX = 2_000
LABEL_LENGTH_MAX = 40
CARDS_MAX = 12  # of one customer
DAY_ENDS_LAST = timedelta(hours=12)  # after it does in UTC, in the zone farthest to the west


def has_expired(expires_year: int, expires_month: int, now: datetime) -> bool:
    """Whether the last day of a card's month is over everywhere: until then the gateway says whether it is good."""
    there = now.astimezone(UTC) - DAY_ENDS_LAST
    return (expires_year, expires_month) < (there.year, there.month)


def brand_name(said: str) -> str:
    """The brand as people know it; what a browser says is only for show, so anything else is just a card."""
    return BRANDS.get(said.strip().lower(), "Card")


def is_nonce(value: str) -> bool:
    """Whether this has the shape of what the card fields hand over. The gateway judges the rest."""
    return NONCE.fullmatch(value) is not None


def digits(typed: str) -> str:
    """What was typed without the spaces and hyphens people put between digits."""
    return typed.replace(" ", "").replace("-", "")


def is_proven(last4: str, postal_code: str | None, typed_last4: str, typed_zip: str) -> bool:
    """Whether the person knows the last four digits and the billing ZIP of the card on file; both, or nothing."""
    if not (LAST4.fullmatch(typed_last4) and ZIP.fullmatch(typed_zip)) or not postal_code:
        return False
    same_last4 = hmac.compare_digest(last4.encode(), typed_last4.encode())
    same_zip = hmac.compare_digest(postal_code[:5].encode(), typed_zip[:5].encode())
    return same_last4 and same_zip


def holds_card_number(text: str) -> bool:
    """Whether a text holds a card number (C47). Only the first 2,000 characters are read."""
    return bool(card_numbers(text[:TEXT_LENGTH_MAX]))


def label_of(typed: str) -> str:
    """A name for a card, as it was typed, less spaces around it. Refused `label_long`, `label_unreadable`,
    `holds_card_number`.
    """
    label = " ".join(typed.split())
    if len(label) > LABEL_LENGTH_MAX:
        raise Refused("label_long", number=LABEL_LENGTH_MAX)
    if not label.isprintable() or any(unicodedata.category(each) in ("Cf", "Cs", "Co") for each in label):
        raise Refused("label_unreadable")
    if holds_card_number(label):
        raise Refused("holds_card_number")
    return label
