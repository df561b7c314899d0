"""Payment method nonces (from a vaulted card, and looked up) and stand-alone card verifications."""

from simulator.cards import FAKE_NONCES, FOREIGN_KINDS, fake_face, read_card
from simulator.codec import mapping, text
from simulator.problems import Problems
from simulator.vault import Nonce
from simulator.wire import render, vaulting
from simulator.wire.call import Call, NotFound, Reply
from simulator.wire.instrument import IN_VAULT, Instrument, by_nonce
from simulator.wire.shape import read_address


def create(call: Call) -> Reply:
    """A one-use nonce for a vaulted card."""
    card = call.world.vault.card(call.merchant.id, call.ids[0])
    if card is None:
        raise NotFound(call.ids[0])
    nonce = call.world.vault.make_nonce(call.merchant.id, card.face, card.billing, card.token)
    return Reply(201, "payment_method_nonce", render.nonce(nonce))


def find(call: Call) -> Reply:
    """Its card's bin, last four, type and expiry, or that it is no card; finding does not use it up."""
    value = call.ids[0]
    kind = next((kind for start, kind in FOREIGN_KINDS.items() if value.startswith(start)), None)
    if kind is not None:
        return Reply(200, "payment_method_nonce", render.foreign_nonce(value, kind))
    if value in FAKE_NONCES:
        nonce: Nonce | None = Nonce(call.merchant.id, value, fake_face(value), call.world.clock.now())
    else:
        nonce = call.world.vault.nonce(call.merchant.id, value)
    if nonce is None:
        raise NotFound(value)
    return Reply(200, "payment_method_nonce", render.nonce(nonce))


def create_verification(call: Call) -> Reply:
    """POST /verifications: check a typed card or a nonce without keeping it."""
    problems, typed = Problems(), call.part("credit_card")
    value = text(call.params.get("payment_method_nonce"))
    if value:
        instrument = by_nonce(call, value, "verification", IN_VAULT, problems)
    else:
        face = read_card(typed, "verification.credit_card", problems)
        instrument = Instrument(face) if face else None
    billing = read_address(typed.get("billing_address"), "verification.credit_card.billing_address", problems)
    problems.raise_if_any()
    if instrument is None:
        raise AssertionError("a verification without a card was refused above")
    done = vaulting.verify(call, instrument, mapping(call.params.get("options")), billing or instrument.billing)
    return Reply(201, "verification", render.verification(done))


def find_verification(call: Call) -> Reply:
    """GET one."""
    verification = call.world.vault.verifications.get((call.merchant.id, call.ids[0]))
    if verification is None:
        raise NotFound(call.ids[0])
    return Reply(200, "verification", render.verification(verification))
