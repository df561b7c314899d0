"""The JSON API that a browser script uses with a client token: configuration, and turning a card into a nonce.

Answers carry CORS headers, because the script's page lives on another origin.
"""

import asyncio
import json
from typing import Any

from aiohttp import web

from simulator import client_tokens
from simulator.cards import INDICATORS, CardFace, read_card
from simulator.client_tokens import Bearer
from simulator.codec import Malformed, decode, mapping, text
from simulator.problems import TEXTS, Problems
from simulator.vault import Nonce
from simulator.wire import disturbance, vaulting
from simulator.wire.call import Call
from simulator.wire.instrument import Instrument
from simulator.wire.shape import read_address
from simulator.world import World

CORS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "GET, POST, OPTIONS",
    "Access-Control-Allow-Headers": "*, Authorization, Content-Type, Braintree-Version",
    "Access-Control-Max-Age": "3600",
}


def _json(status: int, content: Any) -> web.Response:
    return web.Response(status=status, text=json.dumps(content), content_type="application/json", headers=CORS)


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


def _bearer(world: World, request: web.Request, params: dict[str, Any]) -> Bearer | None:
    shown = text(params.get("authorization_fingerprint")) or request.query.get("authorizationFingerprint", "")
    bearer = client_tokens.read_fingerprint(shown, world.merchants, world.clock.now())
    return bearer if bearer and bearer.merchant.id == request.match_info["merchant"] else None


def _details(face: CardFace) -> dict[str, Any]:
    return {
        "bin": face.bin,
        "lastTwo": face.last_4[-2:],
        "lastFour": face.last_4,
        "cardType": face.card_type,
        "cardholderName": face.cardholder_name,
        "expirationMonth": face.expiration_month,
        "expirationYear": face.expiration_year,
    }


def _shown(nonce: Nonce) -> dict[str, Any]:
    indicators = dict.fromkeys((*INDICATORS, "issuing_bank", "country_of_issuance", "product_id"), "Unknown")
    indicators |= dict(nonce.face.behaviour.indicators)
    return {
        "type": "CreditCard",
        "nonce": nonce.value,
        "description": f"ending in {nonce.face.last_4[-2:]}",
        "consumed": nonce.state == "consumed",
        "threeDSecureInfo": None,
        "details": _details(nonce.face),
        "binData": {_camel(name): value for name, value in indicators.items()},
    }


def _refused(problems: Problems) -> web.Response:
    fields = [{"field": _camel(name), "code": code, "message": TEXTS[code]} for _, name, code in problems.found]
    return _json(
        422,
        {
            "error": {"message": "Credit card is invalid"},
            "fieldErrors": [{"field": "creditCard", "fieldErrors": fields}],
        },
    )


def tokenize(world: World, bearer: Bearer, params: dict[str, Any]) -> web.Response:
    """A typed card becomes a one-use nonce; for a customer's token a validated card is vaulted at once."""
    problems, typed = Problems(), mapping(params.get("credit_card"))
    checked = mapping(typed.get("options")).get("validate") is not False
    face = read_card(typed, "credit_card", problems)
    billing = read_address(typed.get("billing_address"), "credit_card.billing_address", problems)
    if problems or face is None:
        return _refused(problems)
    customer = world.vault.customer(bearer.merchant.id, bearer.customer_id) if bearer.customer_id else None
    token = None
    if checked and customer:
        call = Call(world, bearer.merchant, "tokenize", (), "credit_card", {})
        instrument = Instrument(face, billing=billing)
        vaulting.check_duplicates(call, instrument, customer.id, bearer.options, "credit_card", problems)
        if problems:
            return _refused(problems)
        try:
            token = vaulting.store_card(call, customer, instrument, None, billing, bearer.options).token
        except vaulting.VerificationFailed as failed:
            message = failed.verification.fields["processor_response_text"] or "Credit card verification failed"
            return _json(422, {"error": {"message": message}, "fieldErrors": []})
    nonce = world.vault.make_nonce(bearer.merchant.id, face, billing, token)
    return _json(201 if checked else 202, {"creditCards": [_shown(nonce)]})


def routes(world: World) -> list[web.AbstractRouteDef]:
    """Configuration, payment methods and tokenisation, with and without `.json`."""

    async def preflight(request: web.Request) -> web.StreamResponse:
        return web.Response(status=204, headers=CORS)

    async def configuration(request: web.Request) -> web.StreamResponse:
        bearer = _bearer(world, request, {})
        if bearer is None:
            return _json(401, {"error": {"message": "Unauthorized"}})
        base_url = f"{request.scheme}://{request.host}"
        return _json(200, client_tokens.configuration(bearer.merchant, base_url))

    async def methods(request: web.Request) -> web.StreamResponse:
        bearer = _bearer(world, request, {})
        if bearer is None:
            return _json(401, {"error": {"message": "Unauthorized"}})
        customer = world.vault.customer(bearer.merchant.id, bearer.customer_id) if bearer.customer_id else None
        cards = world.vault.cards_of(customer) if customer else []
        nonces = [world.vault.make_nonce(bearer.merchant.id, card.face, card.billing, card.token) for card in cards]
        return _json(200, {"paymentMethods": [_shown(nonce) for nonce in nonces]})

    async def credit_cards(request: web.Request) -> web.StreamResponse:
        try:
            root, params = decode(await request.read(), "application/json")
        except Malformed:
            return _json(400, {"error": {"message": "Malformed request"}})
        params = {root: params} if root else params
        bearer = _bearer(world, request, params)
        if bearer is None:
            return _json(401, {"error": {"message": "Unauthorized"}})
        request["record"] = {"merchant_id": bearer.merchant.id, "operation": "tokenize", "order_id": None}
        fault = world.faults.take("tokenize", bearer.merchant.id, None)
        if fault and fault.kind.effect == "slow":
            await asyncio.sleep(fault.delay_seconds)
        whole = tokenize(world, bearer, params) if fault is None or fault.was_processed else None
        if fault is None:
            return whole or _json(500, {})
        request["record"]["fault"] = fault.fault
        response = await disturbance.spoil(request, fault, whole)
        if not response.prepared:
            response.headers.update(CORS)
        return response

    base = "/merchants/{merchant}/client_api/v1"
    return [
        web.options(base + "/{path:.*}", preflight),
        web.get(base + "/configuration", configuration),
        *(web.get(base + f"/payment_methods{suffix}", methods) for suffix in ("", ".json")),
        *(web.post(base + f"/payment_methods/credit_cards{suffix}", credit_cards) for suffix in ("", ".json")),
    ]
