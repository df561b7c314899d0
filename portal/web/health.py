"""Two pages for machines: is this process answering (`/healthz`), and its counters (`/metrics`, not for the public)."""

import hmac
import ipaddress

from flask import Flask, Response, abort, make_response, request
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest


def install(app: Flask, metrics_token: str | None) -> None:
    """Adds both routes. Without a token the counters are shown only to a direct caller on this machine."""

    @app.get("/healthz")
    def health() -> Response:
        return _plain("ok\n", "text/plain; charset=utf-8")

    @app.get("/metrics")
    def metrics() -> Response:
        if not _may_read(metrics_token):
            abort(404)
        return _plain(generate_latest().decode(), CONTENT_TYPE_LATEST)


def _plain(text: str, kind: str) -> Response:
    response = make_response(text)
    response.headers["Content-Type"] = kind
    response.headers["Cache-Control"] = "no-store"
    return response


def _may_read(token: str | None) -> bool:
    if token:
        return hmac.compare_digest(request.headers.get("Authorization", "").encode(), f"Bearer {token}".encode())
    peer = request.environ.get("werkzeug.proxy_fix.orig", {}).get("REMOTE_ADDR") or request.remote_addr or ""
    if "X-Forwarded-For" in request.headers or "Forwarded" in request.headers:
        return False
    try:
        return ipaddress.ip_address(peer).is_loopback
    except ValueError:
        return False
