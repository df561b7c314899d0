"""Starts `python -m simulator` as a process of its own and speaks to its levers.

Tests of every room use it; it knows nothing of the portal.
"""

import json
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import braintree

ROOT = Path(__file__).resolve().parents[2]


class SimulatorProcess:
    """A running simulator. Ports are free ones unless given; `data` keeps its truth over a restart."""

    def __init__(
        self, data: Path | None = None, port: int = 0, smtp_port: int = 0, seed: int = 0, latency_ms: int = 0
    ) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="simulator-")
        self._port_file = Path(self._folder.name) / "ports.json"
        self._log = (Path(self._folder.name) / "log").open("w+")
        command = [
            sys.executable,
            "-m",
            "simulator",
            "--port",
            str(port),
            "--smtp-port",
            str(smtp_port),
            "--port-file",
            str(self._port_file),
            "--seed",
            str(seed),
            "--latency-ms",
            str(latency_ms),
        ]
        if data:
            command += ["--data", str(data)]
        self.process = subprocess.Popen(command, cwd=ROOT, stdout=self._log, stderr=subprocess.STDOUT)
        ports = self._wait_for_ports()
        self.port: int = ports["http"]
        self.smtp_port: int = ports.get("smtp", 0)
        self.url = f"http://127.0.0.1:{self.port}"

    def _wait_for_ports(self) -> dict[str, int]:
        until = time.monotonic() + 20
        while time.monotonic() < until and self.process.poll() is None:
            if self._port_file.exists():
                ports: dict[str, int] = json.loads(self._port_file.read_text())
                return ports
            time.sleep(0.02)
        output = self.log()
        self.stop()
        raise RuntimeError(f"the simulator did not start:\n{output}")

    def log(self) -> str:
        """What the process printed."""
        return Path(self._log.name).read_text()

    def call(self, method: str, path: str, document: Any = None) -> Any:
        """One request to a lever; JSON in and out. Raises AssertionError with the answer when it refuses."""
        body = json.dumps(document).encode() if document is not None else None
        request = urllib.request.Request(self.url + path, data=body, method=method)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{method} {path}: {error.code} {error.read().decode()}") from error

    def truth(self, **filters: str) -> list[dict[str, Any]]:
        """Transactions the gateway took; filters: order_prefix, merchant, since."""
        return list(self.call("GET", f"/simulator/truth?{urlencode(filters)}")["transactions"])

    def requests(self, **filters: str) -> list[dict[str, Any]]:
        """Requests of the outside; filters: path_prefix, order_id, operation, merchant_id, method."""
        return list(self.call("GET", f"/simulator/requests?{urlencode(filters)}")["requests"])

    def faults(self, fault: str, **settings: Any) -> str:
        """Plan a fault; gives its id."""
        return str(self.call("POST", "/simulator/faults", {"fault": fault, **settings})["id"])

    def clear_faults(self) -> None:
        """Nothing goes wrong any more."""
        self.call("DELETE", "/simulator/faults")

    def merchant(self, id: str, **settings: Any) -> dict[str, Any]:  # noqa: A002 - the lever calls it so
        """Add a merchant or change one; keys are `<id>_public_key` and `<id>_private_key` unless given."""
        return dict(self.call("POST", "/simulator/merchants", {"id": id, **settings}))

    def shift_clock(self, seconds: float) -> None:
        """Move the world's time."""
        self.call("POST", "/simulator/clock", {"seconds": seconds})

    def reset(self) -> None:
        """Forget everything."""
        self.call("POST", "/simulator/reset")

    def gateway(
        self,
        merchant_id: str = "integration_merchant_id",
        public_key: str | None = None,
        private_key: str | None = None,
        timeout: float = 10,
        wrap: bool = False,
    ) -> Any:
        """The real SDK, pointed here."""
        name = merchant_id.removesuffix("_merchant_id")
        environment = braintree.Environment(
            "simulator", "127.0.0.1", str(self.port), self.url, False, None, "127.0.0.1", str(self.port)
        )
        return braintree.BraintreeGateway(
            braintree.Configuration(
                environment=environment,
                merchant_id=merchant_id,
                public_key=public_key or f"{name}_public_key",
                private_key=private_key or f"{name}_private_key",
                timeout=timeout,
                wrap_http_exceptions=wrap,
            )
        )

    def stop(self) -> None:
        """End the process politely; kill it when it does not listen."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self._log.close()
        self._folder.cleanup()

    def kill(self) -> None:
        """SIGKILL: what a crash of the outside world looks like."""
        self.process.kill()
        self.process.wait()
