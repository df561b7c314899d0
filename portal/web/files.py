"""Files handed to a browser: a document to its party alone. Called by doors; prints nothing."""

from flask import Response, make_response

from portal.storage.agreement import Agreement


def pdf(content: bytes, name: str, disposition: str) -> Response:
    """A document that no browser's cache keeps (attack 103). `disposition`: `inline` or `attachment`."""
    response = make_response(content)
    response.headers["Content-Type"] = "application/pdf"
    response.headers["Content-Disposition"] = f'{disposition}; filename="{name}"'
    response.headers["Cache-Control"] = "no-store"
    return response


def authorization(sealed: Agreement) -> Response:
    """The bytes of a sealed authorization, to keep (C2)."""
    name = "autorizacion.txt" if sealed.locale == "es" else "authorization.txt"
    response = make_response(sealed.text.encode())
    response.headers["Content-Type"] = "text/plain; charset=utf-8"
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    response.headers["Cache-Control"] = "no-store"
    return response


def paragraphs(sealed: Agreement) -> list[str]:
    """Its text as a page shows it."""
    return [each for each in sealed.text.split("\n") if each.strip()]
