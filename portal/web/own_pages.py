"""The portal's own pages, for who watches them: as this program makes them, and as the network brings them.

Built by portal/app.py. `made` goes through the whole application, headers and all, without leaving the process.
"""

from collections.abc import Callable
from typing import Protocol

from flask import Flask

from portal.domain.page_inventory import Received


class Reader(Protocol):
    """Reads an address over the network."""

    def received(self, url: str) -> Received | None: ...


class OwnPages:
    """The application is made when first asked for: the clock has no pages otherwise."""

    def __init__(self, make_app: Callable[[], Flask], reader: Reader) -> None:
        self._make_app, self._reader = make_app, reader
        self._app: Flask | None = None

    def made(self, path: str, base: str) -> Received:
        """The answer of a path under `https://host`."""
        if self._app is None:
            self._app = self._make_app()
        answer = self._app.test_client(use_cookies=False).get(path, base_url=base)
        return Received(answer.status_code, dict(answer.headers), answer.data)

    def received(self, url: str) -> Received | None:
        """What stands at an address, seen from here."""
        return self._reader.received(url)
