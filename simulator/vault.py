"""What merchants keep with the gateway: customers, addresses, cards, one-use nonces and verifications.

The wire and the client API call it. Every change is journaled as the whole object, and no card number is ever held.
"""

import string
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import Any

from simulator.cards import CardFace
from simulator.clock import Clock
from simulator.codec import read_time
from simulator.journal import Journal

NONCE_LIFE = timedelta(hours=3)
_ALPHABET = string.ascii_lowercase + string.digits


class Ids:
    """Generated ids; they fit the alphabet an SDK accepts in a path. A seed makes them repeatable."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._random = Random(seed or None)

    def resume(self, records: int) -> None:
        """Go on after so many records of an earlier run, so that a seed does not give its ids again."""
        if self._seed and records:
            self._random = Random(f"{self._seed}:{records}")

    def word(self, length: int = 8) -> str:
        """Lower-case letters and digits."""
        return "".join(self._random.choices(_ALPHABET, k=length))

    def digits(self, length: int) -> str:
        """Digits without a leading zero."""
        return str(self._random.randrange(10 ** (length - 1), 10**length))


@dataclass
class Customer:
    """`fields` holds what the merchant sent: names, email, phone..."""

    merchant_id: str
    id: str
    created_at: datetime
    updated_at: datetime
    fields: dict[str, Any] = field(default_factory=dict)
    custom_fields: dict[str, str] = field(default_factory=dict)
    addresses: list[dict[str, Any]] = field(default_factory=list)
    default_token: str | None = None


@dataclass
class Card:
    """A vaulted card."""

    merchant_id: str
    token: str
    customer_id: str
    face: CardFace
    created_at: datetime
    updated_at: datetime
    billing: dict[str, Any] | None = None
    verifications: list[str] = field(default_factory=list)


@dataclass
class Nonce:
    """A one-use stand-in for a card. `state`: fresh, locked while a request holds it, consumed."""

    merchant_id: str
    value: str
    face: CardFace
    created_at: datetime
    billing: dict[str, Any] | None = None
    token: str | None = None  # a card that is already vaulted
    state: str = "fresh"


@dataclass
class Verification:
    """The answer to "is this card good?", with the wire facts in `fields`."""

    merchant_id: str
    id: str
    status: str
    amount_cents: int
    created_at: datetime
    face: CardFace
    merchant_account_id: str
    billing: dict[str, Any] | None = None
    customer_id: str | None = None
    token: str | None = None
    fields: dict[str, Any] = field(default_factory=dict)


class Vault:
    """Everything stored, keyed by (merchant id, id)."""

    def __init__(self, journal: Journal, clock: Clock, ids: Ids) -> None:
        self._journal = journal
        self._clock = clock
        self.ids = ids
        self.forget()

    def forget(self) -> None:
        """Empty every shelf."""
        self.customers: dict[tuple[str, str], Customer] = {}
        self.cards: dict[tuple[str, str], Card] = {}
        self.nonces: dict[tuple[str, str], Nonce] = {}
        self.verifications: dict[tuple[str, str], Verification] = {}
        self._tokens: dict[tuple[str, str], list[str]] = {}  # of a customer, oldest first

    def customer(self, merchant_id: str, customer_id: object) -> Customer | None:
        """The customer, or None."""
        return self.customers.get((merchant_id, str(customer_id)))

    def card(self, merchant_id: str, token: object) -> Card | None:
        """The vaulted card, or None."""
        return self.cards.get((merchant_id, str(token)))

    def cards_of(self, customer: Customer) -> list[Card]:
        """The cards of a customer, oldest first."""
        tokens = self._tokens.get((customer.merchant_id, customer.id), [])
        return [self.cards[customer.merchant_id, token] for token in tokens]

    def cards_like(self, merchant_id: str, number_hash: str) -> list[Card]:
        """Cards with the same number."""
        return [
            card
            for (owner, _), card in self.cards.items()
            if owner == merchant_id and card.face.number_hash == number_hash
        ]

    def nonce(self, merchant_id: str, value: object) -> Nonce | None:
        """The nonce unless it is unknown, of another merchant or three hours old."""
        nonce = self.nonces.get((merchant_id, str(value)))
        if nonce and nonce.state != "consumed" and self._clock.now() - nonce.created_at > NONCE_LIFE:
            return None
        return nonce

    def keep_customer(self, customer: Customer) -> None:
        """Store a new or changed customer."""
        customer.updated_at = self._clock.now()
        self.customers[customer.merchant_id, customer.id] = customer
        self._journal.append("customer", customer)

    def keep_card(self, card: Card) -> None:
        """Store a new or changed card; the first of a customer becomes the default."""
        card.updated_at = self._clock.now()
        self._shelve(card)
        self._journal.append("card", card)
        customer = self.customers[card.merchant_id, card.customer_id]
        if customer.default_token is None:
            customer.default_token = card.token
            self.keep_customer(customer)

    def drop_card(self, card: Card) -> None:
        """Delete a card; another one becomes the default."""
        self._unshelve(card)
        self._journal.append("card_deleted", {"merchant_id": card.merchant_id, "token": card.token})
        customer = self.customers[card.merchant_id, card.customer_id]
        if customer.default_token == card.token:
            left = self._tokens.get((card.merchant_id, card.customer_id), [])
            customer.default_token = left[0] if left else None
            self.keep_customer(customer)

    def drop_customer(self, customer: Customer) -> None:
        """Delete a customer with all cards."""
        for card in self.cards_of(customer):
            self._unshelve(card)
            self._journal.append("card_deleted", {"merchant_id": card.merchant_id, "token": card.token})
        del self.customers[customer.merchant_id, customer.id]
        self._journal.append("customer_deleted", {"merchant_id": customer.merchant_id, "id": customer.id})

    def make_nonce(
        self, merchant_id: str, face: CardFace, billing: dict[str, Any] | None = None, token: str | None = None
    ) -> Nonce:
        """A fresh nonce for a card."""
        value = "_".join(["tokencc_bc", *(self.ids.word(6) for _ in range(4)), self.ids.word(3)])
        nonce = Nonce(merchant_id, value, face, self._clock.now(), billing, token)
        self.nonces[merchant_id, value] = nonce
        self._journal.append("nonce", nonce)
        return nonce

    def consume(self, nonce: Nonce) -> None:
        """The nonce was used and is worth nothing now."""
        nonce.state = "consumed"
        self._journal.append("nonce", nonce)

    def keep_verification(self, verification: Verification) -> None:
        """Store a verification."""
        self.verifications[verification.merchant_id, verification.id] = verification
        self._journal.append("verification", verification)

    def replay(self, event: str, record: dict[str, Any]) -> None:
        """Take back one journal record."""
        for name in ("created_at", "updated_at"):
            if name in record:
                record[name] = read_time(record[name])
        for address in record.get("addresses", []):
            address |= {name: read_time(address[name]) for name in ("created_at", "updated_at")}
        if "face" in record:
            record["face"] = CardFace(**record["face"])
        merchant_id = record["merchant_id"]
        if event == "customer":
            self.customers[merchant_id, record["id"]] = Customer(**record)
        elif event == "card":
            self._shelve(Card(**record))
        elif event == "card_deleted":
            self._unshelve(self.cards[merchant_id, record["token"]])
        elif event == "customer_deleted":
            del self.customers[merchant_id, record["id"]]
        elif event == "nonce":
            self.nonces[merchant_id, record["value"]] = Nonce(**record)
        elif event == "verification":
            self.verifications[merchant_id, record["id"]] = Verification(**record)

    def _shelve(self, card: Card) -> None:
        self.cards[card.merchant_id, card.token] = card
        tokens = self._tokens.setdefault((card.merchant_id, card.customer_id), [])
        if card.token not in tokens:
            tokens.append(card.token)

    def _unshelve(self, card: Card) -> None:
        del self.cards[card.merchant_id, card.token]
        self._tokens[card.merchant_id, card.customer_id].remove(card.token)


VAULT_EVENTS = ("customer", "customer_deleted", "card", "card_deleted", "nonce", "verification")
