"""What every page with card fields hands to its script, and how it names cards on file. Called by the doors with such
a page.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from flask import Response, current_app, jsonify

from portal.domain.card import GatewayRefused, GatewayUnreachable
from portal.storage.payment_method import PaymentMethod
from portal.web.access import organisation, ports


@dataclass(frozen=True, slots=True)
class CardOnFile:
    """A card as a page may name it: behind a link never by its last four digits before they were typed."""

    id: str
    brand: str
    saved_at: datetime
    is_proven: bool
    last4: str = ""  # only where the person is signed in


def named(cards: Iterable[PaymentMethod], *, proven_id: str | None, is_signed_in: bool = False) -> list[CardOnFile]:
    """Cards on file as a page may name them; `proven_id` is the one whose holder was asked for it in this visit."""
    return [
        CardOnFile(
            card.id,
            card.brand,
            card.saved_at,
            is_proven=is_signed_in or card.id == proven_id,
            last4=card.last4 if is_signed_in else "",
        )
        for card in cards
    ]


def client_token_answer() -> Response:
    """What the card fields need to open, or 503; asked for by their script alone."""
    try:
        token = ports().gateways.of(organisation().id).client_token()
    except (GatewayUnreachable, GatewayRefused):
        response = jsonify(error="unavailable")
        response.status_code = 503
        return response
    response = jsonify(client_token=token)
    response.headers["Cache-Control"] = "no-store"
    return response


def script_base() -> str:
    """Where the gateway's scripts lie."""
    found: str = current_app.extensions["script_base"]
    return found
