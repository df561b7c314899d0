"""A real Redis or Valkey for tests: a given REDIS_URL, or else the server that comes in a wheel.

Called by tests/conftest.py, the crash rig and bench/. Each test process has a server (or, of a given
one, a database) of its own.
"""

import os
import shutil
import tempfile
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import redis

from demo.embedded import EmbeddedValkey


class ValkeyServer:
    """What a test needs of it: an address, a clean slate, and a way to take it away."""

    def __init__(self, worker_number: int = 0) -> None:
        self._embedded: EmbeddedValkey | None = None
        self._directory: Path | None = None
        given = os.environ.get("REDIS_URL", "")
        if given:
            # Database 0 stays whatever its owner keeps there.
            self.url = urlunsplit(urlsplit(given)._replace(path=f"/{worker_number + 1}"))
        else:
            self._directory = Path(tempfile.mkdtemp(prefix="paydoor-valkey-"))
            self._embedded = EmbeddedValkey(self._directory, durable=False)
            self.url = self._embedded.url

    def flush(self) -> None:
        with redis.Redis.from_url(self.url) as client:
            client.flushdb()

    def stop(self) -> None:
        if self._embedded:
            self._embedded.stop()
        if self._directory:
            shutil.rmtree(self._directory, ignore_errors=True)
