"""One JSON line for each request, without secrets: link tokens are cut out of the path, queries and bodies are never
written.

Called by Flask around each request. Counts the same requests for /metrics.
"""

import json
import re
import secrets
import sys
import time
from datetime import UTC, datetime

from flask import Flask, Response, g, request
from prometheus_client import Counter, Histogram

SECRET_IN_PATH = re.compile(r"(/(?:l|card|scheduled|pin|stop|agreement)/)[^/]+", re.I)  # before a secret
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
PATH_LENGTH_MAX = 200

REQUESTS = Counter("portal_requests_total", "Requests answered", ["endpoint", "method", "status"])
SECONDS = Histogram(
    "portal_request_seconds",
    "Time to answer",
    ["endpoint"],
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)

KNOWN_METHODS = {"GET", "HEAD", "POST", "OPTIONS", "PUT", "PATCH", "DELETE"}


def redacted(path: str) -> str:
    """A path fit for a log: `/l/<token>` loses its token, control characters become `?`, and it is cut to 200."""
    return CONTROL.sub("?", SECRET_IN_PATH.sub(r"\1[redacted]", path))[:PATH_LENGTH_MAX]


def install(app: Flask) -> None:
    """Starts a clock before each request and writes the line after it."""

    @app.before_request
    def start() -> None:
        g.started_at = time.perf_counter()
        g.request_id = secrets.token_hex(8)

    @app.after_request
    def write(response: Response) -> Response:
        seconds = time.perf_counter() - g.get("started_at", time.perf_counter())
        endpoint = request.endpoint or "none"
        method = request.method if request.method in KNOWN_METHODS else "other"
        REQUESTS.labels(endpoint, method, str(response.status_code)).inc()
        SECONDS.labels(endpoint).observe(seconds)
        organisation = g.get("organisation")
        line = {
            "event": "request",
            "timestamp": datetime.now(UTC).isoformat(),
            "id": g.get("request_id", ""),
            "method": method,
            "path": redacted(request.path),
            "endpoint": endpoint,
            "status": response.status_code,
            "ms": round(seconds * 1000, 1),
            "ip": request.remote_addr,
            "organisation": organisation.slug if organisation is not None else None,
        }
        sys.stdout.write(json.dumps(line) + "\n")
        return response
