"""The browser script and iframes that take card numbers, served from this origin so that the portal never sees one.

`server.build` asks for its routes. The files speak to the client API of the gateway from inside the frames; this
room keeps nothing and decides nothing.
"""

from pathlib import Path

from aiohttp import web

from simulator.world import World

STATIC = Path(__file__).parent / "static"

# Address below /web/<any version>/ -> file and type.
FILES = {
    "js/client.js": ("client.js", "text/javascript"),
    "js/client.min.js": ("client.js", "text/javascript"),
    "js/hosted-fields.js": ("hosted_fields.js", "text/javascript"),
    "js/hosted-fields.min.js": ("hosted_fields.js", "text/javascript"),
    "js/card-rules.js": ("card_rules.js", "text/javascript"),
    "js/hosted-fields-frame.js": ("hosted_fields_frame.js", "text/javascript"),
    "css/hosted-fields-frame.css": ("hosted_fields_frame.css", "text/css"),
    "html/hosted-fields-frame.html": ("hosted_fields_frame.html", "text/html"),
    "html/hosted-fields-frame.min.html": ("hosted_fields_frame.html", "text/html"),
}

HEADERS = {
    "Cache-Control": "public, max-age=300",
    "Cross-Origin-Resource-Policy": "cross-origin",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Access-Control-Allow-Origin": "*",
}

# The frame holds a card number: it runs its own two scripts and talks to its own origin, nothing else.
FRAME_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'"
)


async def _file(request: web.Request) -> web.Response:
    found = FILES.get(request.match_info["name"])
    if found is None:
        raise web.HTTPNotFound
    name, content_type = found
    headers = dict(HEADERS)
    if content_type == "text/html":
        headers["Content-Security-Policy"] = FRAME_POLICY
    text = (STATIC / name).read_text(encoding="utf-8")
    return web.Response(text=text, content_type=content_type, charset="utf-8", headers=headers)


def routes(world: World) -> list[web.AbstractRouteDef]:
    """The addresses of this room."""
    return [web.get("/web/{version}/{name:.+}", _file)]
