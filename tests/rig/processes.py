"""Real processes of ours for tests: the portal under its production server, a worker, a clock.

Called by tests/browser, tests/crash, tests/jobs and bench/. Never replaces a part by a fake one.
"""

import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path

from demo.process import ChildProcess, free_port

ROOT = Path(__file__).resolve().parents[2]


def environment(**settings: str) -> dict[str, str]:
    """The environment of a child: no settings of the person at the desk, only what the test says."""
    kept = {name: value for name, value in os.environ.items() if name in {"PATH", "HOME", "LANG", "TMPDIR", "TZ"}}
    return {**kept, "PAYDOOR_ENVIRONMENT": "test", "PYTHONUNBUFFERED": "1", **settings}


def portal(
    settings: Mapping[str, str], log_path: Path, *, port: int = 0, threads: int = 16, dies_with_us: bool = False
) -> ChildProcess:
    """wsgi.py under granian, healthy; PORTAL_URL in `settings` should name `port`."""
    chosen = port or free_port()
    process = ChildProcess(
        "portal",
        [sys.executable, "-m", "granian", "--interface", "wsgi", "--host", "127.0.0.1", "--port", str(chosen),
         "--workers", "1", "--blocking-threads", str(threads), "wsgi:app"],
        log_path=log_path,
        environment=environment(**settings),
        directory=ROOT,
        dies_with_us=dies_with_us,
    )  # fmt: skip
    try:
        process.wait_until_healthy(f"http://127.0.0.1:{chosen}/healthz")
    except BaseException:
        process.kill()
        raise
    return process


def worker(settings: Mapping[str, str], log_path: Path, *, dies_with_us: bool = False) -> ChildProcess:
    """`worker.py work`: what RQ rings for."""
    return python("worker", ["worker.py", "work"], settings, log_path, dies_with_us=dies_with_us)


def clock(settings: Mapping[str, str], log_path: Path, *, dies_with_us: bool = False) -> ChildProcess:
    """`worker.py clock`: the janitor."""
    return python("clock", ["worker.py", "clock"], settings, log_path, dies_with_us=dies_with_us)


def freeze(process: ChildProcess) -> None:
    process.signal(signal.SIGSTOP)


def thaw(process: ChildProcess) -> None:
    process.signal(signal.SIGCONT)


def python(
    name: str, arguments: list[str], settings: Mapping[str, str], log_path: Path, *, dies_with_us: bool = False
) -> ChildProcess:
    """A program of ours. `dies_with_us`: also when nobody is left to stop it; only from a main thread."""
    return ChildProcess(
        name,
        [sys.executable, *arguments],
        log_path=log_path,
        environment=environment(**settings),
        directory=ROOT,
        dies_with_us=dies_with_us,
    )
