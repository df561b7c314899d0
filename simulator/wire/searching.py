"""Two-step search: first all matching ids, then pages of objects with the same criteria plus those ids.

The index may lag behind (`search_lag`): a transaction is found only so many seconds after it was taken.
"""

from datetime import timedelta
from typing import Any

from simulator.codec import mapping, text
from simulator.search import TRANSACTION_FIELDS, VERIFICATION_FIELDS, BadCriteria, customer_fields, select
from simulator.transactions import Transaction
from simulator.vault import Customer, Verification
from simulator.wire import render
from simulator.wire.call import Call, Reply

# A search for amounts between these never answers: the suite of the SDK relies on it.
TIMEOUT_AMOUNTS = {"min": "-1100", "max": "1600"}


def _transactions(call: Call) -> list[Transaction]:
    """Matching and indexed, newest first."""
    world, criteria = call.world, call.params
    order_id = text(mapping(criteria.get("order_id")).get("is"))
    if order_id:
        candidates = world.transactions.with_order(call.merchant.id, order_id)
    elif isinstance(criteria.get("ids"), list):
        found = (world.transactions.find(call.merchant.id, str(id_)) for id_ in criteria["ids"])
        candidates = [transaction for transaction in found if transaction]
    else:
        candidates = list(reversed(world.transactions.of(call.merchant.id)))
    lag = max(call.merchant.search_lag_seconds, world.faults.lag_seconds(call.merchant.id))
    if lag:
        indexed_until = world.clock.now() - timedelta(seconds=lag)
        candidates = [item for item in candidates if item.created_at <= indexed_until]
    return select(candidates, criteria, TRANSACTION_FIELDS)


def _unknown(call: Call, error: BadCriteria) -> Reply:
    return Reply(200, "unknown_criteria", {"name": str(error)}, success=False, note=f"unknown criteria {error}")


def transaction_ids(call: Call) -> Reply:
    """First step."""
    if call.params.get("amount") == TIMEOUT_AMOUNTS:
        return Reply(200, "search_timeout", {}, success=False)
    try:
        return Reply(200, "search_results", render.found_ids([item.id for item in _transactions(call)]))
    except BadCriteria as error:
        return _unknown(call, error)


def transactions(call: Call) -> Reply:
    """Second step, one page."""
    try:
        found = [render.transaction(item) for item in _transactions(call)[: render.PAGE_SIZE]]
        return Reply(200, "credit_card_transactions", render.page("transaction", found))
    except BadCriteria as error:
        return _unknown(call, error)


def _customers(call: Call) -> list[Customer]:
    vault = call.world.vault
    mine = [item for (owner, _), item in vault.customers.items() if owner == call.merchant.id]
    return select(reversed(mine), call.params, customer_fields(vault))


def customer_ids(call: Call) -> Reply:
    """First step; an empty body means all."""
    try:
        return Reply(200, "search_results", render.found_ids([item.id for item in _customers(call)]))
    except BadCriteria as error:
        return _unknown(call, error)


def customers(call: Call) -> Reply:
    """Second step."""
    now, vault = call.world.clock.now(), call.world.vault
    try:
        found: list[dict[str, Any]] = [render.customer(item, vault, now) for item in _customers(call)]
        return Reply(200, "customers", render.page("customer", found))
    except BadCriteria as error:
        return _unknown(call, error)


def _verifications(call: Call) -> list[Verification]:
    mine = [item for (owner, _), item in call.world.vault.verifications.items() if owner == call.merchant.id]
    return select(reversed(mine), call.params, VERIFICATION_FIELDS)


def verification_ids(call: Call) -> Reply:
    """First step."""
    try:
        return Reply(200, "search_results", render.found_ids([item.id for item in _verifications(call)]))
    except BadCriteria as error:
        return _unknown(call, error)


def verifications(call: Call) -> Reply:
    """Second step."""
    try:
        found = [render.verification(item) for item in _verifications(call)]
        return Reply(200, "credit_card_verifications", render.page("verification", found))
    except BadCriteria as error:
        return _unknown(call, error)
