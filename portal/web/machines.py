"""Doors for machines: who may post without a form of ours, and how they are answered. A list, so it can be checked.

Read by the checks every request passes. A machine is never a person: no session, no page, no cookie, and one constant
answer for each status.
"""

from flask import Response, make_response, request

# endpoint -> why no form token can be asked for. Whoever adds one writes down what takes its place.
WITHOUT_FORM_TOKEN = {
    "notice.braintree": "Braintree signs each notice with the organisation's own key; it never saw a form of ours.",
    "carrier.reply": "Twilio signs each text it brings with the organisation's own token.",
    "one_click.press": "A mail program presses for its reader (RFC 8058); only the email held the token.",
    "carrier.status": "Twilio signs each status with the organisation's own token.",
}
DOORS = frozenset({"carrier", "notice", "one_click"})  # blueprints that only machines come to
FORM = "application/x-www-form-urlencoded"
BODY_KINDS = {"one_click": frozenset({FORM, "multipart/form-data"})}  # RFC 8058 allows both
BODY_BYTES_MAX = 64 * 1024
ANSWERS = {200: "ok\n", 429: "too many requests\n", 413: "too large\n", 500: "not now\n"}


def is_asking() -> bool:
    """Whether this request is for such a door."""
    return request.blueprint in DOORS


def reads(mimetype: str) -> bool:
    """Whether this door reads such a body; the others read plain forms."""
    return mimetype in BODY_KINDS.get(request.blueprint or "", frozenset({FORM}))


def say(status: int, text: str | None = None) -> Response:
    """The answer of a status: the same bytes for every reason."""
    response = make_response(text if text is not None else ANSWERS.get(status, "refused\n"), status)
    response.headers["Content-Type"] = "text/plain; charset=utf-8"
    response.headers["Cache-Control"] = "no-store"
    return response
