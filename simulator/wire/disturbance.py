"""Acting out the faults on the connection: statuses, silence, resets, spoiled bodies, late landings.

`wire.dispatch` decides whether the gateway did its work; here the answer is lost or ruined.
"""

import asyncio
import contextlib
import socket
import struct
from collections.abc import Callable
from datetime import timedelta
from weakref import WeakSet

from aiohttp import web

from simulator.codec import encode
from simulator.faults import Fault
from simulator.wire.call import Call, Pending, Reply

_used: WeakSet[asyncio.BaseTransport] = WeakSet()
_poisoned: WeakSet[asyncio.BaseTransport] = WeakSet()
HTML = "<!doctype html><html><head><title>Maintenance</title></head><body><h1>Back soon</h1><br></body></html>"
_WRONG = {"order_id": "another-order", "currency_iso_code": "EUR"}


def reset(request: web.Request) -> web.StreamResponse:
    """Answer with a TCP reset."""
    transport = request.transport
    if transport is not None:
        sock = transport.get_extra_info("socket")
        if sock is not None:
            with contextlib.suppress(OSError):
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport.abort()
    return web.Response(status=500)  # never written: the connection is gone


async def silence(request: web.Request, seconds: float) -> web.StreamResponse:
    """Say nothing until the client has left or the time is over, then reset."""
    loop = asyncio.get_running_loop()
    until = loop.time() + seconds
    while loop.time() < until and request.transport is not None and not request.transport.is_closing():
        await asyncio.sleep(min(0.05, max(0.0, until - loop.time())))
    return reset(request)


def land_later(call: Call, fault: Fault, begin: Callable[[], Reply | Pending], landed: Callable[[Reply], None]) -> None:
    """The work is done `seconds` from now. Held at the gateway it is in flight until then; held in the network the
    gateway knows nothing of it until then."""
    at = call.world.clock.now() + timedelta(seconds=fault.delay_seconds)
    begun = begin() if fault.held == "gateway" and call.operation in ("sale", "credit") else None

    def land() -> None:
        result = begun if begun is not None else begin()
        landed(result.finish() if isinstance(result, Pending) else result)

    call.world.later(at, land)


def first_on_connection(request: web.Request) -> bool:
    """Whether this connection carried no request before; a fresh one is poisoned for the next."""
    transport = request.transport
    if transport is None or transport in _used:
        return False
    _poisoned.add(transport)
    return True


def is_poisoned(request: web.Request) -> bool:
    """Whether the connection is dead although its client does not know yet."""
    return request.transport is not None and request.transport in _poisoned


def mark_used(request: web.Request) -> None:
    """The connection carried a request."""
    if request.transport is not None:
        _used.add(request.transport)


def echo_wrongly(reply: Reply, name: str) -> Reply:
    """The answer names another amount, order or currency than what was taken."""
    shown = reply.body if reply.root == "transaction" else reply.body.get("transaction") if reply.body else None
    if isinstance(shown, dict) and reply.transaction:
        cents = reply.transaction.amount_cents + 100
        shown[name] = f"{cents // 100}.{cents % 100:02d}" if name == "amount" else _WRONG[name]
    return reply


async def spoil(request: web.Request, fault: Fault, whole: web.Response | None) -> web.StreamResponse:
    """The answer as this fault leaves it; `whole` is None when nothing was processed."""
    effect, body = fault.kind.effect, bytes(whole.body) if whole and isinstance(whole.body, bytes) else b""
    if effect == "status":
        return web.Response(status=fault.kind.status, text="injected")
    if effect == "reset":
        return reset(request)
    if effect == "hang":
        return await silence(request, fault.delay_seconds)
    body = body or encode("transaction", {"id": "lost", "amount": "0.00"})
    status = whole.status if whole and whole.status < 300 else 201
    if effect == "cut_xml":
        return web.Response(status=status, body=body[: len(body) // 2], content_type="application/xml", charset="utf-8")
    if effect == "cut_body":
        return await _half(request, status, body)
    if effect == "html":
        return web.Response(status=200, text=HTML, content_type="text/html")
    if effect == "empty":
        return web.Response(status=200, body=b"", content_type="application/xml", charset="utf-8")
    if effect == "foreign_root":
        body = encode("notice", {"text": "not what you asked for"})
        return web.Response(status=200, body=body, content_type="application/xml", charset="utf-8")
    return whole or web.Response(status=500)


async def _half(request: web.Request, status: int, body: bytes) -> web.StreamResponse:
    response = web.StreamResponse(status=status, headers={"Content-Type": "application/xml; charset=utf-8"})
    response.content_length = len(body)
    await response.prepare(request)
    await response.write(body[: len(body) // 2])
    await asyncio.sleep(0.05)  # let the first half leave before the reset discards what is queued
    reset(request)
    return response
