"""Turns away requests that no page of ours makes, before any view runs: wrong origin, wrong kind of body, two values
for one field, bytes that are not text. Called by Flask before each request; never decides who a person is.
"""

import re

from flask import Flask, abort, request
from werkzeug.datastructures import MultiDict
from werkzeug.exceptions import UnsupportedMediaType

from portal.web import machines

FORM = "application/x-www-form-urlencoded"
BODY_BYTES_MAX = 1_000_000
FORM_FIELDS_MAX = 60
# Lists with a box for each service, of whatever years, or each payment: what is chosen says itself how much it takes.
LISTS = frozenset(
    {
        "customer.choose_services",
        "customer.issue_document",
        "staff.subscription_reduce_post",
        "staff.subscription_waive_post",
    }
)
LIST_FIELDS_MAX = 2_000
SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}
NOT_TEXT = re.compile("[\x00\ud800-\udfff\ufffd]")


def install(app: Flask) -> None:
    """Limits on bodies, and the two checks on every request."""
    app.config["MAX_CONTENT_LENGTH"] = BODY_BYTES_MAX
    app.config["MAX_FORM_MEMORY_SIZE"] = BODY_BYTES_MAX
    app.config["MAX_FORM_PARTS"] = FORM_FIELDS_MAX
    app.before_request(check_origin)
    app.before_request(check_body)


def check_origin() -> None:
    """A form of ours is posted from our own origin, and browsers say so. 403 otherwise.

    A page that sends no referrer posts `Origin: null`; that is believed only when the browser itself adds that the
    request stayed on this origin. Both absent is an old or private client; the form's token still has to fit.
    """
    if request.method in SAFE_METHODS:
        return
    site = request.headers.get("Sec-Fetch-Site")
    if site not in (None, "same-origin", "none"):
        abort(403)
    own = f"{request.scheme}://{request.host}"
    origin = request.headers.get("Origin")
    referrer = request.headers.get("Referer")
    if origin == "null":
        if site != "same-origin":
            abort(403)
    elif origin is not None:
        if origin != own:
            abort(403)
    elif referrer is not None and not referrer.startswith(own + "/"):
        abort(403)


def check_body() -> None:
    """Only plain form posts, each field once, and only text that both databases can hold. 400, 413 or 415 otherwise."""
    if machines.is_asking() and machines.reads(request.mimetype):
        return  # the door itself reads only what a signature can be checked on, and refuses in its own way
    if _has_bad_text(request.args) or NOT_TEXT.search(request.path):
        abort(400)
    if request.method in SAFE_METHODS:
        return
    has_body = (request.content_length or 0) > 0 or "Transfer-Encoding" in request.headers
    if has_body and request.mimetype != FORM:
        raise UnsupportedMediaType
    fields_max = LIST_FIELDS_MAX if request.endpoint in LISTS else FORM_FIELDS_MAX
    if len(request.form) > fields_max:
        abort(413)
    if any(len(values) > 1 for _, values in request.form.lists()) or _has_bad_text(request.form):
        abort(400)


def _has_bad_text(fields: MultiDict[str, str]) -> bool:
    return any(NOT_TEXT.search(name) or NOT_TEXT.search(value) for name, value in fields.items(multi=True))
