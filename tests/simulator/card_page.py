"""A small shop of its own origin for the browser tests: card fields, a strict policy, a log of every byte it was sent.

It stands where the portal stands, so what it never receives the portal never receives.
"""

import json
import re
import secrets
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Self
from urllib.parse import parse_qs, urlsplit

ROOT = Path(__file__).resolve().parents[2]
FILES = {
    "/card_fields.js": ROOT / "portal/static/card_fields.js",
    "/htmx.js": ROOT / "node_modules/htmx.org/dist/htmx.min.js",
    "/card_page.css": Path(__file__).parent / "card_page.css",
}
HTMX_CONFIG = '<meta name="htmx-config" content=\'{"includeIndicatorCSS":false}\'>'


class CardPage:
    """The server. `body` is the main part of the page; `answer` decides what a POST gets."""

    def __init__(self, simulator_url: str, client_token: Callable[[], str], body: str = "", *, boosted: bool = False):
        self.simulator_url = simulator_url
        self.client_token = client_token
        self.body = body
        self.boosted = boosted
        self.log: list[str] = []
        self.posts: list[dict[str, list[str]]] = []
        self.answer: Callable[[dict[str, list[str]]], tuple[int, str]] = lambda post: (303, "/done")
        self.pages: dict[str, str] = {"/done": "<h1>Done</h1>"}
        self.policy_frame: str | None = None

    def __enter__(self) -> Self:
        page = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                page.log.append(f"{self.requestline}\n{self.headers}")
                path = urlsplit(self.path).path
                if path in FILES:
                    kind = "text/css" if path.endswith(".css") else "text/javascript"
                    self.reply(200, FILES[path].read_bytes(), kind)
                elif path == "/client-token":
                    self.reply(200, json.dumps({"client_token": page.client_token()}).encode(), "application/json")
                elif path == "/" or path in page.pages:
                    self.html(200, page.pages.get(path, page.body))
                else:
                    self.reply(404, b"", "text/plain")

            def do_POST(self) -> None:
                content = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
                page.log.append(f"{self.requestline}\n{self.headers}\n{content}")
                post = parse_qs(content, keep_blank_values=True)
                page.posts.append(post)
                status, answer = page.answer(post)
                if status == 303:
                    self.send_response(303)
                    self.send_header("Location", answer)
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                else:
                    self.html(status, answer)

            def html(self, status: int, main: str) -> None:
                nonce = secrets.token_urlsafe(16)
                content = page.document(main, nonce) if not self.headers.get("HX-Request") else page.block(main)
                self.reply(status, content.encode(), "text/html; charset=utf-8", page.policy(nonce))

            def reply(self, status: int, content: bytes, kind: str, policy: str = "") -> None:
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(content)))
                self.send_header("Referrer-Policy", "no-referrer")
                if policy:
                    self.send_header("Content-Security-Policy", policy)
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *arguments: object) -> None:
                """Quiet: `page.log` holds everything."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *stopped: object) -> None:
        self.server.shutdown()
        self.server.server_close()

    def policy(self, nonce: str) -> str:
        outside = self.simulator_url
        frames = outside if self.policy_frame is None else self.policy_frame
        return (
            f"default-src 'self'; script-src 'self' 'nonce-{nonce}' {outside}; frame-src {frames}; "
            f"connect-src 'self' {outside}; style-src 'self'; img-src 'self' data:; object-src 'none'; "
            "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
        )

    def block(self, main: str) -> str:
        return f'<title>Card page</title><main id="step">{main}</main>'

    def document(self, main: str, nonce: str) -> str:
        boost = ' hx-boost:inherited="true" hx-target:inherited="#step" hx-swap:inherited="outerHTML"'
        htmx = f'{HTMX_CONFIG}<script src="/htmx.js" nonce="{nonce}" defer></script>' if self.boosted else ""
        return (
            f'<!doctype html><html lang="en"><head><meta charset="utf-8">'
            f'<meta name="viewport" content="width=device-width, initial-scale=1"><title>Card page</title>'
            f'<link rel="icon" href="data:,"><link rel="stylesheet" href="/card_page.css">{htmx}'
            f'<script src="/card_fields.js" nonce="{nonce}" defer></script></head>'
            f'<body{boost if self.boosted else ""}><main id="step">{main}</main></body></html>'
        )

    def received(self) -> str:
        """Everything this server was sent, with what people put between the digits of a card number taken out."""
        return re.sub(r"(?<=[0-9])(?:[ +./-]|%20|%2F)+(?=[0-9])", "", "\n".join(self.log))


def card_form(script_base: str, *, token: str = "url", extra: str = "", status: str = "") -> str:
    """The markup that portal/static/card_fields.js describes in its head."""
    token_attribute = 'data-client-token-url="/client-token"' if token == "url" else f'data-client-token="{token}"'
    return f"""
<div id="error-summary" class="error-summary" hidden></div>
<h1>Pay by card</h1>
<form method="post" action="/pay" novalidate data-card-fields {status}
      data-script-base="{script_base}" {token_attribute}
      data-text-checking="Checking your card…"
      data-text-error-heading="There is a problem" data-text-error-title="Error: "
      data-text-network="We could not reach the card service. Nothing was charged."
      data-text-unavailable="The card fields could not be opened."
      data-text-refused="This card was not accepted. Check the number."
      data-text-try-again="Try again">
  <div id="choices">{extra}</div>
  <input type="hidden" name="card_nonce">
  <input type="hidden" name="card_last_four" data-card-detail="lastFour">
  <section data-card-section>
    <div data-card-fields-unavailable>
      <p>Typing a new card needs JavaScript.</p>
      <button type="button" data-card-retry hidden>Open the card fields again</button>
    </div>
    <div data-card-entry hidden>
      <div class="field">
        <span class="field-label" id="card-number-label">Card number</span>
        <p class="field-error" id="card-number-error" hidden></p>
        <div class="card-field" id="card-number" data-card-field="number" data-label="Card number"
             data-error-empty="Enter your card number" data-error-invalid="Check your card number"></div>
      </div>
      <div class="field">
        <span class="field-label" id="card-expiration-label">Expires</span>
        <p class="field-hint" id="card-expiration-hint">For example, 05 / 31</p>
        <p class="field-error" id="card-expiration-error" hidden></p>
        <div class="card-field short" id="card-expiration" data-card-field="expirationDate" data-label="Expires"
             data-error-empty="Enter the date your card expires"
             data-error-invalid="Check the date your card expires"></div>
      </div>
      <div class="field">
        <span class="field-label" id="card-cvv-label">Security code</span>
        <p class="field-hint" id="card-cvv-hint">The last 3 digits on the back of the card</p>
        <p class="field-error" id="card-cvv-error" hidden></p>
        <div class="card-field short" id="card-cvv" data-card-field="cvv" data-label="Security code"
             data-hint-amex="The 4 digits on the front of the card"
             data-error-empty="Enter the security code" data-error-invalid="The security code has 3 digits"
             data-error-invalid-amex="The security code has 4 digits"></div>
      </div>
      <div class="field">
        <span class="field-label" id="card-postal-label">ZIP code</span>
        <p class="field-error" id="card-postal-error" hidden></p>
        <div class="card-field short" id="card-postal" data-card-field="postalCode" data-label="ZIP code"
             data-error-empty="Enter your ZIP code" data-error-invalid="Check your ZIP code"></div>
      </div>
    </div>
  </section>
  <p role="status" data-card-status></p>
  <button type="submit">Continue</button>
</form>"""
