"""What every page with card fields hands to its script. Called by the doors that have such a page."""

from flask import Response, current_app, jsonify

from portal.domain.card import GatewayRefused, GatewayUnreachable
from portal.web.access import organisation, ports


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
