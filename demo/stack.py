"""What the demo runs, in which order, with which settings.

Called by demo/__main__.py and by tests that want the whole stack. Each part is a program an operator would
run; only their addresses are chosen here. Never knows what an organisation or a link is.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from config import development_secrets
from demo.embedded import EmbeddedValkey
from demo.numbers import tell_carrier
from demo.process import ChildProcess, Command, ProcessDied, free_port
from demo.seed_once import seed_once

ROOT = Path(__file__).resolve().parents[1]
Say = Callable[[str], None]


@dataclass(frozen=True)
class Addresses:
    """Where everything listens this time."""

    portal_url: str
    portal_port: int
    simulator_port: int
    smtp_port: int
    valkey_port: int
    moved: tuple[str, ...] = ()

    @property
    def simulator_url(self) -> str:
        return f"http://127.0.0.1:{self.simulator_port}"


def choose_addresses(environ: Mapping[str, str]) -> Addresses:
    """The usual ports, or the next free ones; PORTAL_URL follows its port."""
    wanted_url = urlsplit(environ.get("PORTAL_URL") or "http://127.0.0.1:8080")
    simulator = urlsplit(environ.get("SIMULATOR_URL") or "http://127.0.0.1:8099")
    wanted = {
        "portal": wanted_url.port or 8080,
        "simulator": simulator.port or 8099,
        "mail": int(environ.get("SMTP_PORT") or 8025),
        "valkey": 8379,
    }
    ports: dict[str, int] = {}
    for name, port in wanted.items():
        ports[name] = free_port(port, taken=frozenset(ports.values()))
    moved = [
        f"Port {wanted[name]} is taken: {name} moves to {port}." for name, port in ports.items() if port != wanted[name]
    ]
    if wanted_url.scheme == "http" and wanted_url.port != ports["portal"]:
        wanted_url = wanted_url._replace(netloc=f"{wanted_url.hostname}:{ports['portal']}")
    return Addresses(
        portal_url=urlunsplit(wanted_url).rstrip("/"),
        portal_port=ports["portal"],
        simulator_port=ports["simulator"],
        smtp_port=ports["mail"],
        valkey_port=ports["valkey"],
        moved=tuple(moved),
    )


@dataclass
class Stack:
    """Everything on one desk. `start` brings it up in order; `stop` takes all of it down, whatever happened."""

    addresses: Addresses
    var: Path
    say: Say
    environ: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    processes: list[ChildProcess] = field(default_factory=list)

    def start(self) -> dict[str, Any]:
        """Bring everything up; returns the links and logins."""
        environment = self._environment()
        command: list[str | Path] = [sys.executable, "-m", "simulator", "--data", self.var / "simulator"]
        command += ["--port", str(self.addresses.simulator_port), "--smtp-port", str(self.addresses.smtp_port)]
        simulator = self._run("simulator", command, environment)
        if not self.environ.get("REDIS_URL"):
            with self._step("Valkey answers"):
                valkey = EmbeddedValkey(
                    self.var / "valkey",
                    port=self.addresses.valkey_port,
                    log_path=self._log("valkey"),
                    dies_with_us=True,
                )
                self.processes.append(valkey.process)
        with self._step("The database is at the newest schema"):
            self._migrate(environment)
        with self._step("The simulator answers"):
            simulator.wait_until_healthy(f"{self.addresses.simulator_url}/simulator/health")
        with self._step("Four organisations are there"):
            seeded = seed_once(self.var, environment, root=ROOT)
            tell_carrier(self.addresses.simulator_url, self.addresses.portal_url)
        granian = ["--interface", "wsgi", "--host", "127.0.0.1", "--port", str(self.addresses.portal_port)]
        granian += ["--workers", "1", "--blocking-threads", "64", "--no-ws", "wsgi:app"]
        portal = self._run("portal", [sys.executable, "-m", "granian", *granian], environment)
        self._run("worker", [sys.executable, "worker.py", "work"], environment)
        self._run("clock", [sys.executable, "worker.py", "clock"], environment)
        with self._step("The portal answers; worker and clock run"):
            portal.wait_until_healthy(f"http://127.0.0.1:{self.addresses.portal_port}/healthz")
            self.raise_for_the_dead()
        return seeded

    def raise_for_the_dead(self) -> None:
        for process in self.processes:
            if process.exit_code is not None:
                raise ProcessDied(
                    f"{process.name} stopped with exit code {process.exit_code}. The end of {process.log_path}:\n"
                    + process.tail()
                )

    def stop(self) -> None:
        """Doors first, then what they lean on; each gets a moment to finish what it has begun."""
        for process in self.processes:
            if process.name not in {"simulator", "valkey"}:
                process.signal(signal.SIGTERM)
        for process in reversed(self.processes):
            process.stop()
        self.processes.clear()

    def _environment(self) -> dict[str, str]:
        """What every child is told; what the person at the desk set stays set."""
        given = {name: value for name, value in self.environ.items() if value}
        told = {
            "PORTAL_URL": self.addresses.portal_url,
            "SIMULATOR_URL": self.addresses.simulator_url,
            "PYTHONUNBUFFERED": "1",
        }
        defaults = {
            **development_secrets(self.var),
            "PAYDOOR_ENVIRONMENT": "development",
            "DATABASE_URL": f"sqlite:///{self.var / 'paydoor.sqlite3'}",
            "REDIS_URL": f"redis://127.0.0.1:{self.addresses.valkey_port}/0",
        }
        if "SMTP_HOST" not in given:
            told["SMTP_PORT"] = str(self.addresses.smtp_port)
        return {**defaults, **given, **told}

    def _log(self, name: str) -> Path:
        return self.var / "log" / f"{name}.log"

    def _run(self, name: str, command: Command, environment: Mapping[str, str]) -> ChildProcess:
        log = self._log(name)
        log.unlink(missing_ok=True)
        process = ChildProcess(name, command, log_path=log, environment=environment, directory=ROOT, dies_with_us=True)
        self.processes.append(process)
        return process

    def _migrate(self, environment: Mapping[str, str]) -> None:
        done = subprocess.run(
            [sys.executable, "-m", "alembic", "upgrade", "head"],
            cwd=ROOT,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise ProcessDied(f"The migration failed:\n{done.stdout[-2000:]}{done.stderr[-4000:]}")

    @contextmanager
    def _step(self, sentence: str) -> Iterator[None]:
        began = time.monotonic()
        yield
        self.say(f"{sentence} ({time.monotonic() - began:.1f} s)")
