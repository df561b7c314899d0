"""Limits on how often one address may ask, for its sake and others'. Called before each request.

Counts live in Redis while it is up and in this process while it is not; limits that guard money or identity are rows in
the database and do not depend on either.
"""

from flask import Flask
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address

# many customers may share one address (a mobile carrier, an office), so the plain limit is wide
GUESSES = "60 per minute"


def install(app: Flask, redis_url: str | None, pages: str) -> Limiter:
    """`pages` is the plain limit, such as "600 per minute"."""
    remote = redis_url is not None
    limiter = Limiter(
        get_remote_address,
        app=app,
        default_limits=[pages],
        storage_uri=redis_url or "memory://",
        storage_options={"socket_connect_timeout": 1, "socket_timeout": 1} if remote else {},
        in_memory_fallback_enabled=remote,
        strategy="fixed-window",
        key_prefix="paydoor",
        headers_enabled=False,
    )
    for endpoint in ("static_file", "health"):
        limiter.exempt(app.view_functions[endpoint])
    return limiter
