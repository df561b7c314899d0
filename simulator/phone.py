"""The SMS carrier and the page that shows the messages it took.

`server.build` asks for its routes.
"""

from aiohttp import web

from simulator.world import World


def routes(world: World) -> list[web.AbstractRouteDef]:
    """The addresses of this room."""
    return []
