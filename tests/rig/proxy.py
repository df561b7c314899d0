"""A line to PostgreSQL that can be cut in the middle of a commit: before it arrives, or before its answer comes back.

Called by tests of what a lost COMMIT and a restarted server leave behind. Passes bytes on; knows nothing of the portal.
"""

import contextlib
import socket
import tempfile
import threading
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

COMMIT = b"COMMIT"


class PostgresProxy:
    """Stands before the server of `url`; `self.url` leads through it. Cuts nothing until told to."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        there = parse_qs(parts.query).get("host", [parts.hostname or "127.0.0.1"])[0]
        self._server = (
            f"{there}/.s.PGSQL.{parts.port or 5432}" if there.startswith("/") else (there, parts.port or 5432)
        )
        self._folder = tempfile.TemporaryDirectory(prefix="pg-")
        login = f"{parts.username or 'postgres'}:{parts.password or ''}"
        self.url = f"{parts.scheme}://{login}@/{parts.path.lstrip('/')}?host={self._folder.name}"
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._cut: tuple[str, int] | None = None
        self.hits = 0
        self.is_down = False
        self._door = socket.socket(socket.AF_UNIX)
        self._door.bind(str(Path(self._folder.name) / ".s.PGSQL.5432"))
        self._door.listen(64)
        threading.Thread(target=self._accept, name="proxy", daemon=True).start()

    def cut(self, when: str, nth: int) -> None:
        """The nth COMMIT from now on meets a dead line: `before` it arrives, or `after` it was done; `down`: before it
        arrives, and every other line dies too, and no new one is taken until `up`.
        """
        with self._lock:
            self._cut, self.hits = (when, nth), 0

    def up(self) -> None:
        """The server is there again."""
        with self._lock:
            self._cut, self.is_down = None, False

    def stop(self) -> None:
        self._door.close()
        self._drop_all()
        self._folder.cleanup()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._door.accept()
            except OSError:
                return
            if self.is_down:
                client.close()
                continue
            server = socket.socket(socket.AF_UNIX if isinstance(self._server, str) else socket.AF_INET)
            server.connect(self._server)
            with self._lock:
                self._open |= {client, server}
            line = _Line(client, server)
            threading.Thread(target=self._outward, args=(line,), daemon=True).start()
            threading.Thread(target=self._inward, args=(line,), daemon=True).start()

    def _outward(self, line: "_Line") -> None:
        """What the portal says. A COMMIT of ours is small and comes in one piece."""
        with contextlib.suppress(OSError):
            while data := line.client.recv(65_536):
                when = self._met() if COMMIT in data else None
                if when == "after":
                    line.answer_is_lost = True
                elif when:
                    break
                line.server.sendall(data)
        self._drop(line.client, line.server)

    def _inward(self, line: "_Line") -> None:
        with contextlib.suppress(OSError):
            while data := line.server.recv(65_536):
                if line.answer_is_lost:
                    break
                line.client.sendall(data)
        self._drop(line.client, line.server)

    def _met(self) -> str | None:
        """What happens to this COMMIT."""
        with self._lock:
            if self._cut is None:
                return None
            self.hits += 1
            when, nth = self._cut
            if self.hits != nth:
                return None
            self.is_down = when == "down"
        if when == "down":
            self._drop_all()
        return when

    def _drop_all(self) -> None:
        with self._lock:
            lines = list(self._open)
        self._drop(*lines)

    def _drop(self, *lines: socket.socket) -> None:
        for line in lines:
            with contextlib.suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)
            line.close()
        with self._lock:
            self._open -= set(lines)


class _Line:
    """One connection, both ways."""

    def __init__(self, client: socket.socket, server: socket.socket) -> None:
        self.client, self.server = client, server
        self.answer_is_lost = False
