"""Answers a person's request with a page: the whole page, or only the block htmx asks for.

Every view of every door ends in `page()`. Views never branch on htmx; only this file and the shell know it is there.
"""

from typing import Any
from urllib.parse import urlsplit

from flask import Response, current_app, g, make_response, redirect, render_template, request
from jinja2_fragments.flask import render_blocks
from markupsafe import escape
from werkzeug.wrappers import Response as AnyResponse

CARD_PATHS = ("/amount", "/card", "/method")  # how the addresses of pages with card fields end
IDENTITY_PATH = "/identity"  # the page behind it calls the organisation by its own name: another header (C20)
STEP = "step"  # the block, and the id of the element, that every page has


def asked_block() -> str | None:
    """The id htmx wants to replace, or None when a whole page is due (also when it restores history)."""
    if request.headers.get("HX-Request") != "true" or "HX-History-Restore-Request" in request.headers:
        return None
    if request.headers.get("HX-Request-Type") == "full":
        return None
    _, _, block = request.headers.get("HX-Target", "").partition("#")
    return block or STEP


def page(
    template: str, status: int = 200, *, card: bool = False, whole: bool = False, announce: str = "", **context: Any
) -> Response:
    """Renders `template`. `card` says that this page is a document of its own: its security policy lets the gateway in,
    and that policy belongs to a document, so it is never entered or left by swapping a part.
    `whole` answers with the step where only a part of it was asked for: what has to be said stands outside that part.
    `announce` is spoken once by the polite live region after a swap.
    """
    g.card_page = card
    asked, retarget = asked_block(), False
    if asked is not None and (whole or asked not in current_app.jinja_env.get_template(template).blocks):
        asked, retarget = STEP, True
    if asked is None:
        response = make_response(render_template(template, **context), status)
    elif (card != _on_card_page() or _was_unknown()) and request.method == "GET":
        response = make_response("", 200)
        response.headers["HX-Redirect"] = request.path
    else:
        response = make_response(_blocks(template, asked, announce, context), status)
        if retarget:
            response.headers["HX-Retarget"] = f"#{STEP}"
            response.headers["HX-Reswap"] = "outerHTML"
        if status >= 400:
            # the same form again is not a new place: Back should leave it in one press
            response.headers["HX-Push-Url"] = "false"
    response.headers["Vary"] = "HX-Request, HX-Target"
    response.headers["Cache-Control"] = "no-store"
    return response


def move_on(url: str) -> AnyResponse:
    """The second half of post, redirect, get. The target is always one of our own paths, never something a
    person sent.
    """
    response = redirect(url, code=303)
    response.headers["Cache-Control"] = "no-store"
    return response


def _blocks(template: str, asked: str, announce: str, context: dict[str, Any]) -> str:
    html = render_blocks(template, ["title", asked], **context)
    if announce:
        html += f'<div id="announcement" hx-swap-oob="innerHTML">{escape(announce)}</div>'
    return html


def _on_card_page() -> bool:
    """True when the document that asks is the one with the card fields."""
    return _asking_path().endswith(CARD_PATHS)


def _was_unknown() -> bool:
    """True when the document that asks was shown before it was known who looks, and this page is not."""
    return _asking_path().endswith(IDENTITY_PATH) and not request.path.endswith(IDENTITY_PATH)


def _asking_path() -> str:
    try:
        return urlsplit(request.headers.get("HX-Current-URL", "")).path
    except ValueError:  # no address at all: no page of ours asks so
        return ""
