"""POST /client_token."""

import re

from simulator import client_tokens
from simulator.codec import text, truthy
from simulator.problems import Problems
from simulator.wire.call import Call, Reply

_DOMAIN = re.compile(r"(\*\.)?([A-Za-z0-9-]+\.)+[A-Za-z0-9-]+(:\d+)?")


def create(call: Call) -> Reply:
    """A token for a page of this merchant, perhaps for one customer."""
    problems = Problems()
    customer_id, version = text(call.params.get("customer_id")), text(call.params.get("version")) or "2"
    if customer_id and not call.world.vault.customer(call.merchant.id, customer_id):
        problems.add("client_token", "customer_id", "92804")
    domains = call.params.get("domains")
    if isinstance(domains, list) and len(domains) > 5:
        problems.add("client_token", "domains", "92810")
    elif isinstance(domains, list) and not all(_DOMAIN.fullmatch(text(domain) or "") for domain in domains):
        problems.add("client_token", "domains", "92011")
    problems.raise_if_any()
    options = {name: truthy(value) for name, value in call.part("options").items()}
    signed = client_tokens.fingerprint(
        call.merchant, call.world.clock.now(), customer_id, options, call.world.ids.word(16)
    )
    value = client_tokens.client_token(
        call.merchant,
        call.base_url,
        signed,
        int(version) if version in "123" else 2,
        text(call.params.get("merchant_account_id")),
    )
    return Reply(201, "client_token", {"value": value})
