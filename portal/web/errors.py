"""What a person sees when a request cannot be answered: a calm page that says what to do, never how the house is built.

Called by Flask for every error of every door. The page is in the organisation's look where that is known.
"""

from typing import Any

import structlog
from flask import Flask, Response, g, make_response, request
from flask_babel import gettext as _
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import BadRequest, HTTPException

from portal.domain.message import DeliveryFailed
from portal.storage.scope import UnstorableText
from portal.web import machines
from portal.web.access_log import redacted
from portal.web.fragments import page

LAST_RESORT = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Something went wrong</title></head>
<body><main id="step"><h1>Something went wrong</h1><p>We could not show this page. Please try again in a few minutes.
If you had just pressed a payment button, do not pay again: open your link to see whether the payment went
through.</p></main></body></html>"""

log = structlog.get_logger("portal.web")


def install(app: Flask) -> None:
    """A handler each for refused forms, known errors, what no database can hold or no paper show, and the rest."""
    app.register_error_handler(CSRFError, stale_form)
    app.register_error_handler(HTTPException, known)
    app.register_error_handler(UnstorableText, unstorable)
    app.register_error_handler(DeliveryFailed, unprintable)
    app.register_error_handler(Exception, unexpected)


def stale_form(_error: CSRFError) -> Response:
    """The form's token is missing, old, or its cookie was blocked: say so once, with a way on, and no loop."""
    if machines.is_asking():
        return machines.say(400)
    return _show("errors/stale_form.html", 400)


def known(error: HTTPException) -> Response:
    """Any other answer that Flask or a view gives by status."""
    status = error.code or 500
    if machines.is_asking():
        return machines.say(status)
    heading, advice = _sentences(status)
    response = _show("errors/error.html", status, heading=heading, advice=advice)
    for name, value in error.get_headers():
        if name in ("Allow", "Retry-After"):
            response.headers[name] = value
    return response


def unstorable(_error: UnstorableText) -> Response:
    """A text that no page of ours sends and no database can hold got past every check: theirs to mend, not ours."""
    return known(BadRequest())


def unprintable(error: DeliveryFailed) -> Response:
    """A document could not be printed. Whatever it is about stands as it was, and it can be asked for again."""
    log.error("unprintable", id=g.get("request_id", ""), reason=error.reason, path=redacted(request.path))
    return _show(
        "errors/error.html",
        503,
        heading=_("We cannot show this document right now"),
        advice=_("Nothing is lost: everything stands as it was. Go back and try again in a few minutes."),
    )


def unexpected(error: Exception) -> Response:
    """A fault of ours. The log gets the class and the place of it; the person gets neither."""
    frame = error.__traceback__
    while frame is not None and frame.tb_next is not None:
        frame = frame.tb_next
    place = f"{frame.tb_frame.f_code.co_name}:{frame.tb_lineno}" if frame is not None else "?"
    log.error(
        "unexpected", id=g.get("request_id", ""), kind=type(error).__name__, place=place, path=redacted(request.path)
    )
    if machines.is_asking():
        return machines.say(500)
    heading, advice = _sentences(500)
    return _show("errors/error.html", 500, heading=heading, advice=advice)


def _show(template: str, status: int, **context: Any) -> Response:
    try:
        return page(template, status, **context)
    except Exception as error:  # the page that explains an error must not need the thing that broke
        log.error("error_page", id=g.get("request_id", ""), kind=type(error).__name__)
        response = make_response(LAST_RESORT, status)
        response.headers["Cache-Control"] = "no-store"
        return response


def _sentences(status: int) -> tuple[str, str]:
    """Heading and advice by status; a status that is not listed reads like its family."""
    table = {
        403: (
            _("This page cannot be opened here"),
            _("Your request did not come from one of our pages. Open your payment link again and start from there."),
        ),
        404: (
            _("Page not found"),
            _("Check that the whole address was copied: no letter may be missing and none may be added."),
        ),
        405: (
            _("This page cannot be used that way"),
            _("Open your payment link again and use the buttons on the page."),
        ),
        413: (
            _("That is too much to send"),
            _("The form holds more than it can take. Go back and shorten what you entered."),
        ),
        429: (
            _("Please wait a moment"),
            _("There were many requests from your connection in a short time. Nothing is lost. Try again in a minute."),
        ),
    }
    if status in table:
        return table[status]
    if status >= 500:
        return (
            _("Something went wrong on our side"),
            _(
                "Please try again in a few minutes. If you had just pressed a payment button, do not pay again: "
                "open your link to see whether the payment went through."
            ),
        )
    return _("We could not read that request"), _("Go back, reload the page and try again.")
