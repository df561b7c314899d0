"""Vaulted cards: create from a nonce or a typed card, find, update, delete, and cards that expire."""

from simulator.cards import CardFace, read_card, read_expiration
from simulator.codec import mapping, text, truthy
from simulator.problems import Problems
from simulator.vault import Card
from simulator.wire import render, vaulting
from simulator.wire.call import Call, NotFound, Reply
from simulator.wire.instrument import IN_VAULT, Instrument, by_nonce
from simulator.wire.shape import read_address


def _card(call: Call) -> Card:
    card = call.world.vault.card(call.merchant.id, call.ids[0])
    if card is None:
        raise NotFound(call.ids[0])
    return card


def _reply(call: Call, card: Card, status: int) -> Reply:
    return Reply(status, "credit_card", render.card(card, call.world.vault, call.world.clock.now()))


def find(call: Call) -> Reply:
    """GET one by token."""
    return _reply(call, _card(call), 200)


def delete(call: Call) -> Reply:
    """DELETE; the second time is 404."""
    call.world.vault.drop_card(_card(call))
    return Reply(200)


def create(call: Call) -> Reply:
    """POST as `payment_method` (nonce required) or as `credit_card` (nonce or typed card)."""
    params, problems, vault, root = call.params, Problems(), call.world.vault, call.root
    customer_id, nonce = text(params.get("customer_id")), text(params.get("payment_method_nonce"))
    customer = vault.customer(call.merchant.id, customer_id) if customer_id else None
    if customer is None:
        codes = ("93104", "93105") if root == "payment_method" else ("91704", "91705")
        problems.add(root, "customer_id", codes[1] if customer_id else codes[0])
    instrument = None
    if nonce:
        instrument = by_nonce(call, nonce, root, IN_VAULT, problems)
    elif root == "payment_method" and not params.get("number"):
        problems.add(root, "payment_method_nonce", "93103")
    else:
        face = read_card(params, "credit_card", problems)
        instrument = Instrument(face) if face else None
    options = call.part("options")
    vaulting.check_token(call, text(params.get("token")), root, problems)
    billing = read_address(params.get("billing_address"), f"{root}.billing_address", problems)
    if instrument and customer:
        vaulting.check_duplicates(call, instrument, customer.id, options, "credit_card", problems)
    problems.raise_if_any()
    if instrument is None or customer is None:
        raise AssertionError("a payment method without card or customer was refused above")
    if text(params.get("cardholder_name")):
        instrument.face = CardFace(**vars(instrument.face) | {"cardholder_name": text(params["cardholder_name"])})
    if instrument.card and instrument.card.customer_id == customer.id:
        card = instrument.card
    else:
        card = vaulting.store_card(
            call, customer, instrument, text(params.get("token")), billing or instrument.billing, options
        )
    if instrument.nonce:
        vault.consume(instrument.nonce)
    return _reply(call, card, 201)


def update(call: Call) -> Reply:
    """PUT what is named; a new card by nonce or number replaces the face and keeps the token."""
    card, params, problems, vault = _card(call), call.params, Problems(), call.world.vault
    options, face, token = call.part("options"), card.face, text(call.params.get("token"))
    nonce = text(params.get("payment_method_nonce"))
    instrument = None
    if nonce:
        instrument = by_nonce(call, nonce, call.root, IN_VAULT, problems)
        face = instrument.face if instrument else face
    elif params.get("number"):
        face = read_card(params, call.root, problems) or face
    elif any(params.get(name) for name in ("expiration_date", "expiration_month", "expiration_year")):
        month, year = read_expiration(params, call.root, problems)
        face = CardFace(**vars(face) | {"expiration_month": month, "expiration_year": year})
    if text(params.get("cardholder_name")):
        face = CardFace(**vars(face) | {"cardholder_name": text(params["cardholder_name"])})
    vaulting.check_token(call, token, call.root, problems, own=card.token)
    sent = mapping(params.get("billing_address"))
    billing = read_address(sent, f"{call.root}.billing_address", problems)
    problems.raise_if_any()
    if truthy(options.get("verify_card")):
        verification = vaulting.verify(call, Instrument(face), options, billing or card.billing, card.customer_id)
        card.verifications.append(verification.id)
    customer = vault.customers[card.merchant_id, card.customer_id]
    was_default = customer.default_token == card.token
    if token and token != card.token:
        vault.drop_card(card)
        card.token = token
    card.face = CardFace(**vars(face) | {"cvv_response": "I"})
    if billing:
        same = truthy(mapping(sent.get("options")).get("update_existing")) and card.billing
        card.billing = (card.billing or {}) | billing if same else billing | {"id": call.world.ids.word(4)}
    vault.keep_card(card)
    if truthy(options.get("make_default")) or was_default:
        customer.default_token = card.token
        vault.keep_customer(customer)
    if instrument and instrument.nonce:
        vault.consume(instrument.nonce)
    return _reply(call, card, 200)


def from_nonce(call: Call) -> Reply:
    """The vaulted card behind a nonce; the nonce is used up, so a second call is 404."""
    nonce = call.world.vault.nonce(call.merchant.id, call.ids[0])
    card = call.world.vault.card(call.merchant.id, nonce.token) if nonce and nonce.token else None
    if not nonce or nonce.state != "fresh" or not card:
        raise NotFound(call.ids[0])
    call.world.vault.consume(nonce)
    return _reply(call, card, 200)


def expired_ids(call: Call) -> Reply:
    """First step of `CreditCard.expired` and `expiring_between`."""
    return Reply(200, "search_results", render.found_ids([card.token for card in _expiring(call)]))


def expired(call: Call) -> Reply:
    """Second step: the cards themselves."""
    wanted = set(mapping(call.params).get("ids") or [])
    now = call.world.clock.now()
    cards = [render.card(card, call.world.vault, now) for card in _expiring(call) if card.token in wanted]
    return Reply(200, "payment_methods", render.page("credit_card", cards))


def _expiring(call: Call) -> list[Card]:
    now = call.world.clock.now()
    start, end = call.query.get("start", ""), call.query.get("end", "")
    if start and end:
        first, last = (start[2:], start[:2]), (end[2:], end[:2])
    else:
        first, last = ("", ""), _month_before(now.year, now.month)
    return [
        card
        for (owner, _), card in call.world.vault.cards.items()
        if owner == call.merchant.id and first <= (card.face.expiration_year, card.face.expiration_month) <= last
    ]


def _month_before(year: int, month: int) -> tuple[str, str]:
    """The month before this one as comparable text."""
    return (str(year), f"{month - 1:02d}") if month > 1 else (str(year - 1), "12")
