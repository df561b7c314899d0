"""The security headers of every answer: pages, errors, files, 304s. Called by Flask after each request.

The gateway's origins are let in on the card page and nowhere else; a policy is made anew, with a new nonce, for each
answer.
"""

import secrets
from collections.abc import Callable
from urllib.parse import urlsplit

from flask import Flask, Response, g

BRAINTREE = {
    # developer.paypal.com/braintree/docs/guides/hosted-fields, "Content Security Policy"
    "production": {
        "script": "https://js.braintreegateway.com https://assets.braintreegateway.com",
        "frame": "https://assets.braintreegateway.com",
        "connect": "https://api.braintreegateway.com https://client-analytics.braintreegateway.com https://payments.braintree-api.com",
    },
    "sandbox": {
        "script": "https://js.braintreegateway.com https://assets.braintreegateway.com",
        "frame": "https://assets.braintreegateway.com",
        "connect": "https://api.sandbox.braintreegateway.com https://client-analytics.sandbox.braintreegateway.com "
        "https://payments.sandbox.braintree-api.com",
    },
}

CLOSED_FEATURES = (
    "accelerometer", "autoplay", "camera", "display-capture", "encrypted-media", "fullscreen", "geolocation",
    "gyroscope", "magnetometer", "microphone", "midi", "picture-in-picture", "publickey-credentials-get",
    "screen-wake-lock", "usb", "xr-spatial-tracking",
)  # fmt: skip


def nonce() -> str:
    """The nonce of this answer, made when a page first asks for it."""
    if "nonce" not in g:
        g.nonce = secrets.token_urlsafe(18)
    return str(g.nonce)


def gateway_origins(gateway: str, script_base: str) -> dict[str, str]:
    """What the card page may load, by kind. The simulator serves all of it from one origin."""
    if gateway in BRAINTREE:
        return BRAINTREE[gateway]
    parts = urlsplit(script_base)
    origin = f"{parts.scheme}://{parts.netloc}"
    return {"script": origin, "frame": origin, "connect": origin}


def policy(origins: dict[str, str] | None) -> str:
    """One Content-Security-Policy; `origins` only for the card page."""
    script, frame, connect = ("", "", "")
    if origins is not None:
        script, frame, connect = (f" {origins[kind]}" for kind in ("script", "frame", "connect"))
    framed = frame or " 'none'"
    rules = (
        "default-src 'none'",
        f"script-src 'self' 'nonce-{nonce()}'{script}",
        "style-src 'self'",
        "img-src 'self' data:",
        f"connect-src 'self'{connect}",
        f"frame-src{framed}",
        "object-src 'none'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
    return "; ".join(rules)


def install(app: Flask, *, https: bool, gateway: str, script_base: str) -> None:
    """Hooks `dress` onto every answer of the app."""
    app.jinja_env.globals["nonce"] = nonce
    app.after_request(dress(https=https, origins=gateway_origins(gateway, script_base)))


def dress(*, https: bool, origins: dict[str, str]) -> Callable[[Response], Response]:
    """The function that puts the headers on an answer. A view may have chosen a stricter Referrer-Policy; it
    is kept.
    """
    closed = ", ".join(f"{feature}=()" for feature in CLOSED_FEATURES)

    def put_on(response: Response) -> Response:
        headers = response.headers
        on_card_page = bool(g.get("card_page"))
        payment = f'payment=(self "{origins["frame"].split()[0]}")' if on_card_page else "payment=(self)"
        headers["Content-Security-Policy"] = policy(origins if on_card_page else None)
        if headers.get("Content-Disposition", "").startswith("attachment"):
            headers["Content-Security-Policy"] += "; sandbox"  # a file to keep, never one that runs here (attack 103)
        headers["X-Content-Type-Options"] = "nosniff"
        headers["Cross-Origin-Opener-Policy"] = "same-origin"
        headers["Cross-Origin-Resource-Policy"] = "same-origin"
        headers["Permissions-Policy"] = f"{closed}, {payment}"
        # same-origin, not no-referrer: under no-referrer a browser sends "Origin: null" with our own forms
        headers.setdefault("Referrer-Policy", "same-origin")
        headers.setdefault("Cache-Control", "no-store")
        if https:
            headers["Strict-Transport-Security"] = "max-age=63072000; includeSubDomains"
        return response

    return put_on
