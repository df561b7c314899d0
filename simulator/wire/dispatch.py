"""The front of the wire: who is calling, what is meant, which fault meets it, and the answer as XML.

Every request ends here with one journal line that says what was done with it; it holds no card data.
"""

import asyncio
import base64
import binascii
import re
from collections.abc import Callable
from typing import Any

from aiohttp import web

from simulator.codec import Malformed, decode, encode, mapping, text
from simulator.faults import Fault
from simulator.merchants import Merchant
from simulator.problems import Problems, Refused, error_body, refuse
from simulator.request_keys import LENGTH_MAX, fingerprint
from simulator.wire import (
    client_token,
    customer,
    dispute,
    disturbance,
    nonce,
    payment_method,
    render,
    sale,
    searching,
    transaction,
    vaulting,
)
from simulator.wire.call import Call, NotFound, Pending, Reply
from simulator.world import World

Handler = Callable[[Call], Reply | Pending]
_ID = "([A-Za-z0-9_-]+)"
_ROUTES: tuple[tuple[str, str, str, Handler], ...] = (
    ("POST", "transactions", "sale", sale.create),
    ("POST", "transactions/advanced_search_ids", "search", searching.transaction_ids),
    ("POST", "transactions/advanced_search", "search", searching.transactions),
    ("GET", f"transactions/{_ID}", "find", transaction.find),
    ("PUT", f"transactions/{_ID}/void", "void", transaction.void),
    ("POST", f"transactions/{_ID}/refund", "refund", transaction.refund),
    ("POST", f"transactions/{_ID}/reverse", "reverse", transaction.reverse),
    ("PUT", f"transactions/{_ID}/submit_for_settlement", "submit", transaction.submit_for_settlement),
    ("POST", f"transactions/{_ID}/submit_for_partial_settlement", "submit", transaction.submit_for_partial_settlement),
    ("PUT", f"transactions/{_ID}/update_details", "update", transaction.update_details),
    ("GET", f"transactions/{_ID}/line_items", "find", transaction.line_items),
    (
        "PUT",
        f"transactions/{_ID}/(settle|settlement_confirm|settlement_decline|settlement_pending)",
        "settle",
        transaction.settle_for_test,
    ),
    ("POST", "disputes/advanced_search", "dispute", dispute.search),
    ("GET", f"disputes/{_ID}", "dispute", dispute.find),
    ("PUT", f"disputes/{_ID}/accept", "dispute", dispute.accept),
    ("PUT", f"disputes/{_ID}/finalize", "dispute", dispute.finalize),
    ("POST", f"disputes/{_ID}/evidence", "dispute", dispute.add_evidence),
    ("DELETE", f"disputes/{_ID}/evidence/{_ID}", "dispute", dispute.remove_evidence),
    ("POST", "client_token", "client_token", client_token.create),
    ("POST", "customers", "customer", customer.create),
    ("POST", "customers/advanced_search_ids", "customer", searching.customer_ids),
    ("POST", "customers/advanced_search", "customer", searching.customers),
    ("GET", f"customers/{_ID}", "customer", customer.find),
    ("PUT", f"customers/{_ID}", "customer", customer.update),
    ("DELETE", f"customers/{_ID}", "customer", customer.delete),
    ("POST", f"customers/{_ID}/addresses", "customer", customer.create_address),
    ("GET", f"customers/{_ID}/addresses/{_ID}", "customer", customer.find_address),
    ("PUT", f"customers/{_ID}/addresses/{_ID}", "customer", customer.update_address),
    ("DELETE", f"customers/{_ID}/addresses/{_ID}", "customer", customer.delete_address),
    ("POST", "payment_methods", "payment_method", payment_method.create),
    ("GET", f"payment_methods/(?:any|credit_card)/{_ID}", "payment_method", payment_method.find),
    ("PUT", f"payment_methods/(?:any|credit_card)/{_ID}", "payment_method", payment_method.update),
    ("DELETE", f"payment_methods/(?:any|credit_card)/{_ID}", "payment_method", payment_method.delete),
    ("GET", f"payment_methods/from_nonce/{_ID}", "nonce", payment_method.from_nonce),
    ("POST", "payment_methods/all/(?:expired|expiring)_ids", "payment_method", payment_method.expired_ids),
    ("POST", "payment_methods/all/(?:expired|expiring)", "payment_method", payment_method.expired),
    ("POST", f"payment_methods/{_ID}/nonces", "nonce", nonce.create),
    ("GET", f"payment_method_nonces/{_ID}", "nonce", nonce.find),
    ("POST", "verifications", "verification", nonce.create_verification),
    ("POST", "verifications/advanced_search_ids", "verification", searching.verification_ids),
    ("POST", "verifications/advanced_search", "verification", searching.verifications),
    ("GET", f"verifications/{_ID}", "verification", nonce.find_verification),
)
_TABLE = [(method, re.compile(path), operation, handler) for method, path, operation, handler in _ROUTES]
XML = "application/xml"


def find_route(method: str, path: str) -> tuple[str, tuple[str, ...], Handler] | None:
    """(operation, ids, handler) for a path below the merchant."""
    for verb, pattern, operation, handler in _TABLE:
        if verb == method:
            match = pattern.fullmatch(path)
            if match:
                return operation, match.groups(), handler
    return None


def authenticate(world: World, header: str | None, merchant_id: str) -> Merchant | int:
    """The merchant, or 401 for bad keys and unknown merchants, 403 for good keys of another merchant."""
    scheme, _, encoded = (header or "").partition(" ")
    try:
        public, _, private = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return 401
    merchant = world.merchants.by_public_key.get(public)
    if scheme.lower() != "basic" or not merchant or merchant.private_key != private:
        return 401
    if merchant.id != merchant_id:
        return 403 if merchant_id in world.merchants.by_id else 401
    return merchant


def start(call: Call, handler: Handler) -> Reply | Pending:
    """Run a handler under the rules of `api_request_key`; every refusal becomes its answer."""
    key = text(call.params.get("api_request_key")) if call.root == "transaction" else None
    try:
        if key is None:
            return handler(call)
        return _keyed(call, handler, key)
    except Refused as refused:
        body = error_body(refused.problems.tree(), refused.problems.message, call.root, call.params)
        note = ",".join(code for _, _, code in refused.problems.found)
        return Reply(422, "api_error_response", body, success=False, note=note)
    except vaulting.VerificationFailed as failed:
        return vaulting.failed_reply(call, failed.verification)
    except NotFound:
        return Reply(404, success=False)


def _keyed(call: Call, handler: Handler, key: str) -> Reply | Pending:
    keys = call.world.keys
    if len(key) > LENGTH_MAX:
        raise refuse("transaction", "api_request_key", "915230")
    if not call.merchant.api_request_key_allowed:
        raise refuse("transaction", "api_request_key", "915231")
    print_ = fingerprint(call.operation, call.ids, call.params)
    bound = keys.find(call.merchant.id, key)
    if bound:
        if bound.fingerprint != print_:
            raise refuse("transaction", "api_request_key", "915232")
        if bound.state == "running":
            raise refuse("transaction", "api_request_key", "915233")
        if bound.state == "failed":
            raise refuse("transaction", "api_request_key", "915234")
        original = call.world.transactions.find(call.merchant.id, bound.transaction_id or "")
        if original is None:
            raise NotFound(key)
        status = 201 if call.operation in ("sale", "refund", "reverse") else 200
        return Reply(status, "transaction", render.transaction(original), original, note="replayed")
    bound = keys.start(call.merchant.id, key, print_)
    try:
        result = handler(call)
    except BaseException:
        keys.finish(bound, None, False)
        raise
    if isinstance(result, Reply):
        keys.finish(bound, result.transaction.id if result.transaction else None, result.success)
        return result
    pending = result

    def finish() -> Reply:
        reply = pending.finish()
        keys.finish(bound, reply.transaction.id if reply.transaction else None, reply.success)
        return reply

    def abandon() -> None:
        pending.abandon()
        keys.finish(bound, None, False)

    return Pending(finish, abandon)


async def process(call: Call, handler: Handler, seconds: float) -> Reply:
    """Do the work; it takes so many seconds, and meanwhile the request is in flight."""
    result = start(call, handler)
    if seconds:
        await asyncio.sleep(seconds)
    return result.finish() if isinstance(result, Pending) else result


def _order_of(call: Call, path: str) -> str | None:
    """The order a request is about, for faults and the request log."""
    if call.operation == "search":
        return text(mapping(call.params.get("order_id")).get("is"))
    sent = text(call.params.get("order_id"))
    if sent or not path.startswith("transactions/") or not call.ids:
        return sent
    found = call.world.transactions.find(call.merchant.id, call.ids[0])
    return found.order_id if found else None


def to_response(reply: Reply) -> web.Response:
    """The answer as bytes; an answer without a root is empty."""
    body = encode(reply.root, reply.body) if reply.root else b""
    return web.Response(status=reply.status, body=body, content_type=XML, charset="utf-8")


async def _answer(world: World, request: web.Request) -> tuple[web.StreamResponse, dict[str, Any]]:
    record: dict[str, Any] = {"merchant_id": request.match_info["merchant"], "operation": None, "order_id": None}
    merchant = authenticate(world, request.headers.get("Authorization"), record["merchant_id"])
    if isinstance(merchant, int):
        return web.Response(status=merchant), record
    path = request.match_info["path"]
    route = find_route(request.method, path)
    try:
        root, params = decode(await request.read(), request.content_type)
    except Malformed as error:
        record["note"] = f"malformed: {error}"
        return web.Response(status=400, text="malformed request"), record
    if route is None:
        return web.Response(status=404), record
    operation, ids, handler = route
    if operation == "sale" and params.get("type") == "credit":
        operation = "credit"
    call = Call(
        world, merchant, operation, ids, root, params, dict(request.query), f"{request.scheme}://{request.host}"
    )
    record |= {"operation": operation, "order_id": _order_of(call, path)}
    fault = call.fault = world.faults.take(operation, merchant.id, record["order_id"])
    latency = world.settings.latency_ms / 1000
    if fault is None:
        reply = await process(call, handler, latency)
        _note(record, reply)
        return to_response(reply), record
    record |= {"fault": fault.fault, "fault_id": fault.id}
    return await _disturbed(call, handler, request, fault, record), record


async def _disturbed(
    call: Call, handler: Handler, request: web.Request, fault: Fault, record: dict[str, Any]
) -> web.StreamResponse:
    world = call.world
    if fault.kind.effect == "late":
        disturbance.land_later(
            call, fault, lambda: start(call, handler), lambda reply: _journal_late(world, record, reply)
        )
        return await disturbance.silence(request, fault.hang_seconds)
    if fault.kind.effect == "error":
        problems = Problems()
        problems.add("transaction", "api_request_key", fault.kind.code)
        if fault.was_processed:
            _note(record, await process(call, handler, 0))
        body = error_body(problems.tree(), problems.message, call.root, call.params)
        return to_response(Reply(422, "api_error_response", body, success=False))
    if fault.kind.effect == "stale" and not disturbance.first_on_connection(request):
        return disturbance.reset(request)
    reply = None
    if fault.was_processed or fault.kind.effect == "stale":
        delay = fault.delay_seconds if fault.kind.effect == "slow" else world.settings.latency_ms / 1000
        reply = await process(call, handler, delay)
        _note(record, reply)
    if fault.kind.effect == "echo" and reply:
        reply = disturbance.echo_wrongly(reply, fault.kind.code)
    return await disturbance.spoil(request, fault, to_response(reply) if reply else None)


def _journal_late(world: World, record: dict[str, Any], reply: Reply) -> None:
    """A late landing has a line of its own."""
    _note(record := dict(record), reply)
    world.journal.append("request", record | {"at": world.clock.now(), "landed": True, "status": reply.status})


def _note(record: dict[str, Any], reply: Reply) -> None:
    record["processed"] = reply.success
    if reply.transaction:
        record["transaction_id"] = reply.transaction.id
        record["order_id"] = record["order_id"] or reply.transaction.order_id
    if reply.note:
        record["note"] = reply.note


def routes(world: World) -> list[web.AbstractRouteDef]:
    """Everything below a merchant that is not the client API."""

    async def answer(request: web.Request) -> web.StreamResponse:
        response, record = await _answer(world, request)
        request["record"] = record
        return response

    return [web.route("*", "/merchants/{merchant}/{path:.*}", answer)]
