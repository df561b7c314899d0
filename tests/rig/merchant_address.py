"""An address of a merchant's own that hooks are posted to: keeps what came, answers what it is told to.

Tests of the simulator use it in the portal's place.
"""

import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit


class MerchantAddress:
    """A small HTTP server on a free port; `statuses` are answered in turn, then 200."""

    def __init__(self, answer_challenge: str = "") -> None:
        self.received: list[dict[str, str]] = []
        self.statuses: list[int] = []
        address = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                status = address.statuses.pop(0) if address.statuses else 200
                address.received.append({name: values[0] for name, values in parse_qs(body).items()})
                self._say(status, b"")

            def do_GET(self) -> None:
                challenge = parse_qs(urlsplit(self.path).query).get("bt_challenge", [""])[0]
                address.received.append({"bt_challenge": challenge})
                self._say(200, answer_challenge.encode())

            def _say(self, status: int, body: bytes) -> None:
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/hook"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        self._thread.start()

    def wait_for(self, number: int, seconds: float = 8) -> list[dict[str, str]]:
        """What was received once there are so many; fails when they do not come."""
        until = time.monotonic() + seconds
        while len(self.received) < number and time.monotonic() < until:
            time.sleep(0.02)
        assert len(self.received) >= number, self.received
        return self.received

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
