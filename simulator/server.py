"""Puts the rooms of the simulator together into one web application and runs it.

`python -m simulator` calls `run`; tests may call `build`. Each room module has `routes(world)` and may have
`async start(world, app)`, called once the loop runs.
"""

import asyncio
import json
import signal

from aiohttp import web

from simulator import hosted_fields, mailbox, phone
from simulator.world import World

ROOMS = (hosted_fields, mailbox, phone)

INDEX = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Simulator</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<h1>Simulator</h1><p>The outside world on your desk.</p><ul>
<li><a href="/mailbox">Mailbox</a></li><li><a href="/phone">Phone</a></li>
<li><a href="/simulator/truth">Truth</a></li><li><a href="/simulator/faults">Faults</a></li>
<li><a href="/simulator/requests">Requests</a></li></ul></html>"""


async def _index(request: web.Request) -> web.Response:
    return web.Response(text=INDEX, content_type="text/html")


def build(world: World) -> web.Application:
    """The whole application; rooms that need a running loop are started with it."""
    app = web.Application(client_max_size=2 * 1024 * 1024)
    app.add_routes([web.get("/", _index)])
    for room in ROOMS:
        app.add_routes(room.routes(world))

    async def start_rooms(app: web.Application) -> None:
        for room in ROOMS:
            start = getattr(room, "start", None)
            if start:
                await start(world, app)

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
    print(f"simulator: {world.url} (SMTP port {world.ports.get('smtp', 'closed')})", flush=True)
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
