"""The levers of the world under /simulator: truth, faults, merchants, clock, request log, reset.

Only tests and developers call them; they answer JSON and are not part of any real gateway.
"""

import json
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

from aiohttp import web

from simulator.codec import Malformed, read_time
from simulator.faults import BadFault, read_fault
from simulator.merchants import UnknownSetting
from simulator.transactions import Transaction
from simulator.world import World


def _json(content: Any, status: int = 200) -> web.Response:
    return web.Response(text=json.dumps(content, default=_plain), status=status, content_type="application/json")


def _plain(value: object) -> object:
    return value.isoformat() if isinstance(value, datetime) else vars(value)


def _bad(reason: str) -> web.Response:
    return _json({"error": reason}, 400)


def shown(t: Transaction) -> dict[str, Any]:
    """One transaction as the truth tells it; cents are integers, times ISO UTC."""
    return {
        "id": t.id,
        "merchant_id": t.merchant_id,
        "merchant_account_id": t.merchant_account_id,
        "order_id": t.order_id,
        "amount_cents": t.amount_cents,
        "currency": t.currency,
        "status": t.status,
        "type": t.type,
        "success": t.success,
        "created_at": t.created_at,
        "settled_at": t.settled_at,
        "payment_method_token": t.payment_method_token,
        "customer_id": t.customer_id,
        "nonce_used": t.nonce_used,
        "api_request_key": t.api_request_key,
        "refunded_transaction_id": t.refunded_transaction_id,
        "refund_ids": t.refund_ids,
        "retried_transaction_id": t.retried_transaction_id,
        "retry_ids": t.retry_ids,
        "disputes": t.disputes,
        "processor_response_code": t.code,
        "gateway_rejection_reason": t.rejection,
        "card": {"bin": t.face.bin, "last_4": t.face.last_4, "card_type": t.face.card_type},
        "status_history": t.status_history,
    }


async def _body(request: web.Request) -> dict[str, Any]:
    """The JSON object that was sent; nothing sent is an empty one. Raises ValueError."""
    content = await request.read()
    document = json.loads(content) if content.strip() else {}
    if not isinstance(document, dict):
        raise ValueError("a JSON object is expected")
    return document


Act = Callable[[web.Request, dict[str, Any]], Awaitable[web.Response]]


def _with_body(act: Act) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def handler(request: web.Request) -> web.Response:
        try:
            document = await _body(request)
        except ValueError as error:
            return _bad(str(error))
        return await act(request, document)

    return handler


def _faults(world: World) -> list[web.AbstractRouteDef]:
    async def add(request: web.Request, document: dict[str, Any]) -> web.Response:
        try:
            fault = world.faults.add(read_fault(document))
        except BadFault as error:
            return _bad(str(error))
        world.journal.append("fault", fault)
        return _json({"id": fault.id, "fault": fault.fault}, 201)

    async def listed(request: web.Request) -> web.Response:
        return _json({"faults": world.faults.listed()})

    async def clear(request: web.Request) -> web.Response:
        world.faults.forget()
        return _json({"faults": []})

    async def remove(request: web.Request) -> web.Response:
        found = world.faults.remove(request.match_info["id"])
        return _json({"removed": found}, 200 if found else 404)

    return [
        web.get("/simulator/faults", listed),
        web.post("/simulator/faults", _with_body(add)),
        web.delete("/simulator/faults", clear),
        web.delete("/simulator/faults/{id}", remove),
    ]


def _truth(world: World) -> list[web.AbstractRouteDef]:
    async def truth(request: web.Request) -> web.Response:
        world.tick()
        prefix, merchant = request.query.get("order_prefix", ""), request.query.get("merchant")
        chosen = world.transactions.all if merchant is None else world.transactions.of(merchant)
        if prefix:
            chosen = [item for item in chosen if (item.order_id or "").startswith(prefix)]
        if request.query.get("since"):
            try:
                since = read_time(request.query["since"])
            except Malformed as error:
                return _bad(str(error))
            chosen = [item for item in chosen if item.created_at >= since]
        return _json({"now": world.clock.now(), "transactions": [shown(item) for item in chosen]})

    async def requests(request: web.Request) -> web.Response:
        wanted = {
            name: request.query[name]
            for name in ("order_id", "operation", "merchant_id", "method")
            if name in request.query
        }
        start = request.query.get("path_prefix", "")
        return _json(
            {
                "requests": [
                    entry
                    for entry in world.requests
                    if entry["path"].startswith(start)
                    and all(entry.get(name) == value for name, value in wanted.items())
                ]
            }
        )

    return [web.get("/simulator/truth", truth), web.get("/simulator/requests", requests)]


def routes(world: World) -> list[web.AbstractRouteDef]:
    """All levers."""

    async def health(request: web.Request) -> web.Response:
        return _json(
            {
                "status": "ok",
                "now": world.clock.now(),
                "ports": world.ports,
                "transactions": len(world.transactions.all),
            }
        )

    async def reset(request: web.Request) -> web.Response:
        world.reset()
        return _json({"status": "reset"})

    async def clock(request: web.Request, document: dict[str, Any]) -> web.Response:
        seconds = document.get("seconds")
        if not isinstance(seconds, (int, float)) or isinstance(seconds, bool):
            return _bad("seconds is required")
        world.clock.shift(seconds)
        world.journal.append("clock", world.clock)
        world.tick()
        return _json({"now": world.clock.now(), "offset_seconds": world.clock.offset_seconds})

    async def merchant(request: web.Request, document: dict[str, Any]) -> web.Response:
        try:
            kept = world.merchants.put(document)
        except UnknownSetting as error:
            return _bad(str(error))
        return _json(kept, 201)

    async def merchants(request: web.Request) -> web.Response:
        return _json({"merchants": list(world.merchants.by_id.values())})

    return [
        web.get("/simulator/health", health),
        web.post("/simulator/reset", reset),
        web.post("/simulator/clock", _with_body(clock)),
        web.get("/simulator/merchants", merchants),
        web.post("/simulator/merchants", _with_body(merchant)),
        *_truth(world),
        *_faults(world),
    ]
