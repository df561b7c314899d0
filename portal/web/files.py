"""Files handed to a browser: a document to its party alone. Called by doors; prints nothing."""

from flask import Response, make_response


def pdf(content: bytes, name: str, disposition: str) -> Response:
    """A document that no browser's cache keeps (attack 103). `disposition`: `inline` or `attachment`."""
    response = make_response(content)
    response.headers["Content-Type"] = "application/pdf"
    response.headers["Content-Disposition"] = f'{disposition}; filename="{name}"'
    response.headers["Cache-Control"] = "no-store"
    return response
