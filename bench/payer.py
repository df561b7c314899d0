"""A payer without a browser: walks a link over real HTTP and keeps its cookies. Opens the visits that are measured."""

import http.client
import re
from dataclasses import dataclass, field
from html import unescape
from urllib.parse import urlencode, urlsplit

from bench.load import ADDRESS

HIDDEN = re.compile(r'<input type="hidden" name="([^"]+)" value="([^"]*)"')


@dataclass
class Payer:
    """One cookie jar. Paths are those of the portal at `url`."""

    url: str
    cookies: dict[str, tuple[str, str]] = field(default_factory=dict)  # name and path -> value, path
    path: str = ""
    body: str = ""

    def open(self, path: str) -> "Payer":
        """GET, following redirects."""
        return self._go("GET", path, None)

    def press(self, **fields: str) -> "Payer":
        """Sends the form of the page that is open, with its hidden fields and these."""
        return self._go("POST", self.path, {**self.hidden(), **fields})

    def hidden(self) -> dict[str, str]:
        return {name: unescape(value) for name, value in HIDDEN.findall(self.body)}

    def walk_to(self, step: str, link: str, nonce: str) -> "Payer":
        """Opens a link and goes on until `step` is the page that is open; every answer on the way is the plain one."""
        self.open(link).press()
        return self.go_on_to(step, nonce)

    def go_on_to(self, step: str, nonce: str) -> "Payer":
        """From the page that is open until `step` is, every answer the plain one."""
        answers = {
            "contact": {},
            "offer": {"offer": "skip"},
            "amount": {"choice": "whole", "method": "new", "card_nonce": nonce},
            "check": {},
            "agreement": {"agreed": "yes"},
        }
        while self.step != step:
            here = self.step
            self.press(**answers[here])
            if self.step == here:
                raise RuntimeError(f"the walk stays at {here}: {self.body[:3000]}")
        return self

    @property
    def step(self) -> str:
        return self.path.rsplit("/", 1)[-1]

    @property
    def visit_id(self) -> str:
        return self.path.split("/")[3]

    def request(self, path: str, method: str = "GET", fields: dict[str, str] | None = None, **headers: str) -> str:
        """The text of a request as this payer's browser would send it, for the load driver."""
        body = urlencode(fields) if fields is not None else ""
        sent = {
            "Host": urlsplit(self.url).netloc,
            "User-Agent": "Mozilla/5.0 (Linux; Android 15) Mobile",
            "Accept": "text/html,application/xhtml+xml",
            "Accept-Language": "en-US,en;q=0.9",
            "Accept-Encoding": "gzip, deflate, br",
            "Cookie": self._cookie_header(path),
            "X-Forwarded-For": ADDRESS,
        }
        if fields is not None:
            sent |= {
                "Origin": self.url,
                "Sec-Fetch-Site": "same-origin",
                "Content-Type": "application/x-www-form-urlencoded",
                "Content-Length": str(len(body)),
            }
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        return f"{method} {path} HTTP/1.1\r\n" + "".join(f"{k}: {v}\r\n" for k, v in sent.items()) + f"\r\n{body}"

    def _cookie_header(self, path: str) -> str:
        return "; ".join(
            f"{key.split('|')[0]}={value}" for key, (value, at) in self.cookies.items() if path.startswith(at)
        )

    def _go(self, method: str, path: str, fields: dict[str, str] | None) -> "Payer":
        connection = http.client.HTTPConnection(urlsplit(self.url).netloc, timeout=30)
        for _ in range(6):
            headers = {"Cookie": self._cookie_header(path), "Accept-Language": "en"}
            if method == "POST":
                headers |= {
                    "Origin": self.url,
                    "Sec-Fetch-Site": "same-origin",
                    "Content-Type": "application/x-www-form-urlencoded",
                }
            connection.request(method, path, urlencode(fields) if fields else None, headers)
            answer = connection.getresponse()
            self.body = answer.read().decode()
            for line in answer.headers.get_all("Set-Cookie") or ():
                self._keep(line)
            self.path = path
            if answer.status == 200:
                connection.close()
                return self
            if answer.status not in (301, 302, 303):
                raise RuntimeError(f"{method} {path}: {answer.status}\n{self.body[:3000]}")
            path, method, fields = urlsplit(answer.headers["Location"]).path, "GET", None
        raise RuntimeError(f"redirected in circles at {path}")

    def _keep(self, line: str) -> None:
        first, *rest = line.split(";")
        name, _, value = first.partition("=")
        at = next((part.split("=", 1)[1] for part in rest if part.strip().lower().startswith("path=")), "/")
        self.cookies[f"{name.strip()}|{at}"] = (value, at)
