"""The simulator as a process of its own, with its mailbox and phone, for the tests of its rooms.

Started with free ports; `restart` keeps the data folder, as a person who comes back the next day does.
"""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Self

import requests

ROOT = Path(__file__).resolve().parents[2]


class Desk:
    """`url` is the HTTP address, `smtp_port` the mail server's."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.folder.mkdir(parents=True, exist_ok=True)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *stopped: object) -> None:
        self.stop()

    def start(self) -> None:
        port_file = self.folder / "ports.json"
        port_file.unlink(missing_ok=True)
        command = [sys.executable, "-m", "simulator", "--port", "0", "--smtp-port", "0"]
        command += ["--data", str(self.folder / "data"), "--port-file", str(port_file)]
        self.process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, env={**os.environ})
        end = time.monotonic() + 30
        while not port_file.exists():
            assert self.process.poll() is None, "the simulator died"
            assert time.monotonic() < end, "the simulator did not open its ports"
            time.sleep(0.05)
        ports = json.loads(port_file.read_text())
        self.url, self.smtp_port = f"http://127.0.0.1:{ports['http']}", ports["smtp"]

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(10)

    def restart(self) -> None:
        self.stop()
        self.start()

    def json(self, path: str) -> Any:
        answer = requests.get(self.url + path, timeout=10)
        answer.raise_for_status()
        return answer.json()

    def post(self, path: str, content: object) -> requests.Response:
        return requests.post(self.url + path, json=content, timeout=10)
