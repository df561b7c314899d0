"""Puts the rooms of the simulator together into one web application and runs it.

`python -m simulator` calls `run`; tests may call `build`. Each room module has `routes(world)` and may have
`async start(world, app)`, called once the loop runs.
"""

import asyncio
import contextlib
import json
import signal
import sys
from collections.abc import AsyncIterator

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from simulator import client_api, control, hosted_fields, mailbox, phone, webhook_levers
from simulator.wire import dispatch, disturbance
from simulator.world import World

# The client API lies below the same path as the wire: it must be asked first.
ROOMS = (client_api, dispatch, control, hosted_fields, mailbox, phone, webhook_levers)
TICK_SECONDS = 0.2

INDEX = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Simulator</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<h1>Simulator</h1><p>The outside world on your desk.</p><ul>
<li><a href="/mailbox">Mailbox</a></li><li><a href="/phone">Phone</a></li>
<li><a href="/simulator/truth">Truth</a></li><li><a href="/simulator/faults">Faults</a></li>
<li><a href="/simulator/requests">Requests</a></li></ul></html>"""


async def _index(request: web.Request) -> web.Response:
    return web.Response(text=INDEX, content_type="text/html")


def _watch(world: World) -> Middleware:
    """Notes every request of the outside (not the levers): what it was, where it came from, what it got."""

    @web.middleware
    async def watch(request: web.Request, handler: Handler) -> web.StreamResponse:
        world.tick()
        if disturbance.is_poisoned(request):
            return disturbance.reset(request)
        if request.path.startswith("/simulator/"):
            return await handler(request)
        at, status = world.clock.now(), 500
        try:
            response = await handler(request)
            status = response.status
            return response
        except web.HTTPException as error:
            status = error.status
            raise
        finally:
            disturbance.mark_used(request)
            entry = {
                "at": at.isoformat(),
                "method": request.method,
                "path": request.path,
                "query": request.query_string,
                "referer": request.headers.get("Referer"),
                "order_id": None,
                "status": status,
                **request.get("record", {}),
            }
            world.requests.append(entry)
            if "record" in request:
                world.journal.append("request", entry)

    return watch


def build(world: World) -> web.Application:
    """The whole application; rooms that need a running loop are started with it."""
    app = web.Application(client_max_size=2 * 1024 * 1024, middlewares=[_watch(world)])
    app.add_routes([web.get("/", _index)])
    for room in ROOMS:
        app.add_routes(room.routes(world))

    async def ticking(app: web.Application) -> AsyncIterator[None]:
        async def tick() -> None:
            while True:
                await asyncio.sleep(TICK_SECONDS)
                world.tick()

        task = asyncio.create_task(tick())
        yield
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task

    async def start_rooms(app: web.Application) -> None:
        for room in ROOMS:
            start = getattr(room, "start", None)
            if asyncio.iscoroutinefunction(start):
                await start(world, app)

    app.cleanup_ctx.append(ticking)
    app.on_startup.append(start_rooms)
    return app


async def serve(world: World) -> None:
    """Open the ports, write the port file, run until SIGINT or SIGTERM."""
    settings = world.settings
    runner = web.AppRunner(build(world), access_log=None, keepalive_timeout=75, shutdown_timeout=1)
    await runner.setup()
    site = web.TCPSite(runner, settings.host, settings.port, backlog=1024)
    await site.start()
    world.ports["http"] = runner.addresses[0][1]
    if settings.port_file:
        partial = settings.port_file.with_suffix(".partial")
        partial.write_text(json.dumps(world.ports))
        partial.replace(settings.port_file)
    sys.stdout.write(f"simulator: {world.url} (SMTP port {world.ports.get('smtp', 'closed')})\n")
    sys.stdout.flush()
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped.set)
    await stopped.wait()
    await runner.cleanup()
    world.journal.close()


def run(world: World) -> None:
    """Run the simulator in this process until it is told to stop."""
    asyncio.run(serve(world))
