"""One child process with a log, a health check and a certain end.

Called by the demo and, with the same code, by the test rig. Each child is the head of its own process
group, so that stopping it also stops what it started. Never decides what to run.
"""

import contextlib
import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path

Command = Sequence[str | Path]
PR_SET_PDEATHSIG = 1
# Loaded before any fork: a child between fork and exec must not load anything.
_libc = ctypes.CDLL(None) if sys.platform == "linux" else None


class ProcessDied(RuntimeError):
    """A child ended before it was asked to. The sentence carries the end of its log."""


class ChildProcess:
    """A program started with its own log file and process group."""

    def __init__(
        self,
        name: str,
        command: Command,
        *,
        log_path: Path,
        environment: Mapping[str, str],
        directory: Path,
        dies_with_us: bool = False,
    ) -> None:
        self.name = name
        self.log_path = log_path
        log_path.parent.mkdir(parents=True, exist_ok=True)
        with log_path.open("ab") as log:
            self._popen = subprocess.Popen(
                [str(part) for part in command],
                cwd=directory,
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                # Only from a main thread: the kernel sends the signal when the starting thread ends.
                preexec_fn=_die_with_parent if dies_with_us else None,  # noqa: PLW1509 - it takes no lock
            )

    @property
    def pid(self) -> int:
        return self._popen.pid

    @property
    def exit_code(self) -> int | None:
        """None while it runs."""
        return self._popen.poll()

    def signal(self, number: signal.Signals) -> None:
        """To the whole group: SIGKILL and SIGSTOP hit what the child started as well."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._popen.pid, number)

    def stop(self, *, patience_seconds: float = 8.0) -> int:
        """SIGTERM, then SIGKILL for what is still there; returns the exit code."""
        if self.exit_code is None:
            self.signal(signal.SIGTERM)
            self.signal(signal.SIGCONT)  # a frozen process cannot hear SIGTERM
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._popen.wait(patience_seconds)
        self.signal(signal.SIGKILL)
        return self._popen.wait()

    def kill(self) -> int:
        """The hard way, as a power cut would."""
        self.signal(signal.SIGKILL)
        return self._popen.wait()

    def wait(self, timeout_seconds: float | None = None) -> int:
        return self._popen.wait(timeout_seconds)

    def tail(self, lines: int = 25) -> str:
        """The end of its log."""
        with contextlib.suppress(FileNotFoundError):
            return "\n".join(self.log_path.read_text(errors="replace").splitlines()[-lines:])
        return ""

    def wait_until_healthy(self, url: str, *, timeout_seconds: float = 60.0) -> None:
        """Until `url` answers 200; says what went wrong when the child dies or never answers."""
        end = time.monotonic() + timeout_seconds
        last_word = "no answer"
        while time.monotonic() < end:
            if self.exit_code is not None:
                raise ProcessDied(f"{self.name} stopped with exit code {self.exit_code}:\n{self.tail()}")
            try:
                with urllib.request.urlopen(url, timeout=2) as answer:  # noqa: S310 - our own http address
                    if answer.status == 200:
                        return
            except urllib.error.HTTPError as error:
                last_word = f"HTTP {error.code}"
                error.close()
            except OSError as error:
                last_word = str(error)
            time.sleep(0.05)
        raise ProcessDied(f"{self.name} is not healthy at {url} ({last_word}):\n{self.tail()}")


def _die_with_parent() -> None:
    """Runs in the child: a killed demo leaves nothing behind. Linux only; elsewhere Ctrl-C has to do."""
    if _libc is not None:
        _libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def is_free(port: int, host: str = "127.0.0.1") -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
        return True


def free_port(preferred: int = 0, *, taken: frozenset[int] = frozenset()) -> int:
    """The preferred port or the next one up that is free; any free one for 0."""
    if preferred == 0:
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.bind(("127.0.0.1", 0))
            return int(probe.getsockname()[1])
    for port in range(preferred, min(preferred + 200, 65536)):
        if port not in taken and is_free(port):
            return port
    raise RuntimeError(f"No free port from {preferred} to {preferred + 199}.")
