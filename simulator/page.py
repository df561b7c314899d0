"""The few HTML pages of the simulator for people: templates with everything escaped, under a policy without script.

The mailbox and the phone call it. Nothing a message says can become markup or run here.
"""

import re
from pathlib import Path

from aiohttp import web
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

FOLDER = Path(__file__).parent
POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self' data:; frame-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
ADDRESS = re.compile(r"https?://[^\s<>\"']+[^\s<>\"'.,;:!?)\]]")

_templates = Environment(
    loader=FileSystemLoader(FOLDER / "pages"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
)


def _with_links(text: str) -> Markup:
    """The text, escaped, with its web addresses pressable in a tab of their own."""
    linked, end = Markup(), 0
    for found in ADDRESS.finditer(text):
        link = Markup('<a href="{0}" target="_blank" rel="noreferrer noopener">{0}</a>').format(found[0])
        linked += escape(text[end : found.start()]) + link
        end = found.end()
    return linked + escape(text[end:])


_templates.filters["with_links"] = _with_links


def page(name: str, **facts: object) -> web.Response:
    """The named template as a whole page."""
    text = _templates.get_template(name).render(**facts)
    headers = {
        "Content-Security-Policy": POLICY,
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cache-Control": "no-store",
    }
    return web.Response(text=text, content_type="text/html", charset="utf-8", headers=headers)


async def style(request: web.Request) -> web.Response:
    """The one style sheet of these pages, at /pages.css."""
    return web.Response(text=(FOLDER / "static" / "pages.css").read_text(encoding="utf-8"), content_type="text/css")
