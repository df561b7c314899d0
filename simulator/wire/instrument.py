"""Which card a request means: by nonce, by token, by customer, or typed out; and the checks each way has.

Sales and the vault both come here. Nothing is consumed here.
"""

from dataclasses import dataclass
from typing import Any

from simulator.cards import FAKE_NONCES, FOREIGN_NONCES, CardFace, cvv_response, fake_face, read_card
from simulator.codec import mapping, text
from simulator.problems import Problems
from simulator.vault import Card, Nonce
from simulator.wire.call import Call


@dataclass
class Instrument:
    """A card to be charged or kept. `nonce` is to be consumed, `card` is vaulted already."""

    face: CardFace
    nonce: Nonce | None = None
    card: Card | None = None
    billing: dict[str, Any] | None = None
    wanted_token: str | None = None


@dataclass(frozen=True)
class NonceCodes:
    """The same three answers have other codes in a sale and in the vault."""

    unknown: str
    consumed: str
    locked: str
    foreign: str


IN_SALE = NonceCodes("91565", "91564", "91566", "91578")
IN_VAULT = NonceCodes("93108", "93107", "93109", "93108")


def by_nonce(call: Call, value: str, path: str, codes: NonceCodes, problems: Problems) -> Instrument | None:
    """The card behind a nonce; standing `fake-*` nonces are never used up."""
    if value in FAKE_NONCES:
        return Instrument(fake_face(value))
    code = codes.unknown
    if value == "fake-consumed-nonce":
        code = codes.consumed
    elif value == "fake-luhn-invalid-nonce":
        problems.add(f"{path}.credit_card" if codes is IN_SALE else "credit_card", "number", "81715")
        return None
    elif FOREIGN_NONCES.match(value):
        code = codes.foreign
    else:
        nonce = call.world.vault.nonce(call.merchant.id, value)
        if nonce and nonce.state == "fresh":
            card = call.world.vault.card(call.merchant.id, nonce.token) if nonce.token else None
            return Instrument(nonce.face, nonce, card, nonce.billing)
        if nonce:
            code = codes.consumed if nonce.state == "consumed" else codes.locked
    problems.add(path, "payment_method_nonce", code)
    return None


def for_sale(call: Call, problems: Problems) -> Instrument | None:
    """The card a sale or credit is for, in the gateway's order: nonce, token, typed card, customer's default."""
    params, typed = call.params, call.part("credit_card")
    vault, merchant_id = call.world.vault, call.merchant.id
    nonce, token, customer_id = (
        text(params.get(name)) for name in ("payment_method_nonce", "payment_method_token", "customer_id")
    )
    if customer_id and not vault.customer(merchant_id, customer_id):
        problems.add("transaction", "customer_id", "91510")
        return None
    if nonce:
        return by_nonce(call, nonce, "transaction", IN_SALE, problems)
    if token:
        card = vault.card(merchant_id, token)
        if not card or (customer_id and card.customer_id != customer_id):
            problems.add("transaction", "payment_method_token", "91518")
            return None
        return _stored(card, typed)
    if typed.get("number") is not None or (typed and not customer_id):
        face = read_card(typed, "transaction.credit_card", problems)
        return Instrument(face, wanted_token=text(typed.get("token"))) if face else None
    if customer_id:
        customer = vault.customers[merchant_id, customer_id]
        if customer.default_token is None:
            problems.add("transaction", "customer_id", "91511")
            return None
        return _stored(vault.cards[merchant_id, customer.default_token], typed)
    problems.add("transaction", "base", "91508")
    return None


def _stored(card: Card, typed: dict[str, Any]) -> Instrument:
    """A vaulted card; a security code sent along is judged, a stored one never exists."""
    face = CardFace(**vars(card.face))
    face.cvv_response = cvv_response(text(mapping(typed).get("cvv")))
    return Instrument(face, card=card, billing=card.billing)
