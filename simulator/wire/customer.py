"""Customers and their addresses: create, find, update, delete."""

from typing import Any

from simulator.cards import read_card
from simulator.codec import mapping, text
from simulator.problems import Problems
from simulator.vault import Customer
from simulator.wire import render, vaulting
from simulator.wire.call import Call, NotFound, Reply
from simulator.wire.instrument import IN_VAULT, Instrument, by_nonce
from simulator.wire.shape import ID, read_address, read_custom_fields, read_person


def _customer(call: Call) -> Customer:
    customer = call.world.vault.customer(call.merchant.id, call.ids[0])
    if customer is None:
        raise NotFound(call.ids[0])
    return customer


def _reply(call: Call, customer: Customer, status: int) -> Reply:
    return Reply(status, "customer", render.customer(customer, call.world.vault, call.world.clock.now()))


def find(call: Call) -> Reply:
    """GET one."""
    return _reply(call, _customer(call), 200)


def delete(call: Call) -> Reply:
    """DELETE with all cards; the second time is 404."""
    call.world.vault.drop_customer(_customer(call))
    return Reply(200)


def create(call: Call) -> Reply:
    """POST, with or without a first card (typed or nonce)."""
    problems = Problems()
    wanted = text(call.params.get("id"))
    if wanted and (not ID.fullmatch(wanted) or len(wanted) > 36):
        problems.add("customer", "id", "91610")
    elif wanted and call.world.vault.customer(call.merchant.id, wanted):
        problems.add("customer", "id", "91609")
    fields = read_person(call.params, "customer", problems)
    custom = read_custom_fields(call, "customer", "91602", problems)
    typed, instrument = call.part("credit_card"), None
    nonce = text(call.params.get("payment_method_nonce")) or text(typed.get("payment_method_nonce"))
    if nonce:
        instrument = by_nonce(call, nonce, "customer", IN_VAULT, problems)
    elif typed:
        face = read_card(typed, "customer.credit_card", problems)
        instrument = Instrument(face) if face else None
    token = text(typed.get("token"))
    options = mapping(typed.get("options"))
    vaulting.check_token(call, token, "customer.credit_card", problems)
    billing = read_address(typed.get("billing_address"), "customer.credit_card.billing_address", problems)
    if instrument:
        vaulting.check_duplicates(call, instrument, "", options, "customer.credit_card", problems)
    problems.raise_if_any()
    customer = vaulting.new_customer(call, fields, wanted)
    customer.custom_fields = custom
    if instrument:
        try:
            vaulting.store_card(call, customer, instrument, token, billing or instrument.billing, options)
        except vaulting.VerificationFailed:
            call.world.vault.drop_customer(customer)
            raise
        if instrument.nonce:
            call.world.vault.consume(instrument.nonce)
    call.world.vault.keep_customer(customer)
    return _reply(call, customer, 201)


def update(call: Call) -> Reply:
    """PUT what is named; `default_payment_method_token` moves the default."""
    customer, problems = _customer(call), Problems()
    fields = read_person(call.params, "customer", problems)
    custom = read_custom_fields(call, "customer", "91602", problems)
    default = text(call.params.get("default_payment_method_token"))
    if default:
        card = call.world.vault.card(call.merchant.id, default)
        if not card or card.customer_id != customer.id:
            problems.add("customer", "default_payment_method_token", "91518")
    problems.raise_if_any()
    customer.fields |= fields
    customer.custom_fields |= custom
    customer.default_token = default or customer.default_token
    call.world.vault.keep_customer(customer)
    return _reply(call, customer, 200)


def _address(call: Call, customer: Customer) -> dict[str, Any]:
    for address in customer.addresses:
        if address["id"] == call.ids[1]:
            return address
    raise NotFound(call.ids[1])


def create_address(call: Call) -> Reply:
    """POST an address."""
    customer, problems, now = _customer(call), Problems(), call.world.clock.now()
    fields = read_address(call.params, "address", problems) or {}
    problems.raise_if_any()
    address = fields | {"id": call.world.ids.word(4), "created_at": now, "updated_at": now}
    customer.addresses.append(address)
    call.world.vault.keep_customer(customer)
    return Reply(201, "address", render.stored_address(address, customer.id))


def find_address(call: Call) -> Reply:
    """GET an address."""
    customer = _customer(call)
    return Reply(200, "address", render.stored_address(_address(call, customer), customer.id))


def update_address(call: Call) -> Reply:
    """PUT an address."""
    customer, problems = _customer(call), Problems()
    address = _address(call, customer)
    fields = read_address(call.params, "address", problems) or {}
    problems.raise_if_any()
    address.update(fields, updated_at=call.world.clock.now())
    call.world.vault.keep_customer(customer)
    return Reply(200, "address", render.stored_address(address, customer.id))


def delete_address(call: Call) -> Reply:
    """DELETE an address."""
    customer = _customer(call)
    customer.addresses.remove(_address(call, customer))
    call.world.vault.keep_customer(customer)
    return Reply(200)
