"""The browser script and iframes that take card numbers, served from this origin so that the portal never sees one.

`server.build` asks for its routes.
"""

from aiohttp import web

from simulator.world import World


def routes(world: World) -> list[web.AbstractRouteDef]:
    """The addresses of this room."""
    return []
