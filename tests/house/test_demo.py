"""The demo starts as a whole, keeps what it made, and leaves nothing running, whichever way it ends."""

import json
import os
import signal
import socket
import sqlite3
import stat
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from demo.embedded import EmbeddedValkey, answers_ping
from demo.process import ChildProcess, ProcessDied, free_port
from demo.stack import choose_addresses

ROOT = Path(__file__).resolve().parents[2]


def child(tmp_path: Path, code: str) -> ChildProcess:
    return ChildProcess(
        "child", [sys.executable, "-c", code], log_path=tmp_path / "log" / "child.log",
        environment=os.environ, directory=tmp_path,
    )  # fmt: skip


def is_running(pid: int) -> bool:
    """A zombie that nobody has waited for yet runs no more."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def wait_until(condition: object, *, seconds: float = 10) -> bool:
    """Whether it comes true in time. For other processes, which have no clock of ours to turn."""
    assert callable(condition)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.02)
    return False


def test_a_child_that_will_not_stop_is_killed_with_all_it_started(tmp_path: Path) -> None:
    stubborn = child(
        tmp_path,
        "import signal, subprocess, sys, time\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "print(subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']).pid, flush=True)\n"
        "time.sleep(60)",
    )
    assert wait_until(lambda: stubborn.tail().strip().isdigit())
    grandchild = int(stubborn.tail())
    assert stubborn.stop(patience_seconds=0.2) == -signal.SIGKILL
    assert wait_until(lambda: not is_running(grandchild))


def test_a_child_that_dies_early_is_reported_with_the_end_of_its_log(tmp_path: Path) -> None:
    dying = child(tmp_path, "raise SystemExit('no settings')")
    with pytest.raises(ProcessDied, match="exit code 1:\nno settings"):
        dying.wait_until_healthy("http://127.0.0.1:9/", timeout_seconds=10)


def test_a_taken_port_is_said_and_the_next_one_is_taken(tmp_path: Path) -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        taken = holder.getsockname()[1]
        addresses = choose_addresses({"PORTAL_URL": f"http://127.0.0.1:{taken}", "SMTP_PORT": str(taken)})
    assert addresses.portal_port > taken
    assert addresses.portal_url == f"http://127.0.0.1:{addresses.portal_port}"
    assert addresses.smtp_port not in {taken, addresses.portal_port}
    assert f"Port {taken} is taken: portal moves to {addresses.portal_port}." in addresses.moved


def test_valkey_keeps_what_it_was_told_over_a_restart(tmp_path: Path) -> None:
    import redis

    for expected in (None, b"kept"):
        server = EmbeddedValkey(tmp_path / "valkey")
        try:
            with redis.Redis.from_url(server.url) as client:
                assert client.get("word") == expected
                client.set("word", "kept")
        finally:
            server.stop()
    assert not answers_ping("127.0.0.1", server.port)


class Demo:
    """`python -m demo` on a folder of its own."""

    def __init__(self, var: Path) -> None:
        self.var = var
        names = ("portal", "simulator", "smtp")
        ports = {name: free_port() for name in names}
        kept = {name: value for name, value in os.environ.items() if name not in {"DATABASE_URL", "REDIS_URL"}}
        self.environment = {
            **kept,
            "PORTAL_URL": f"http://127.0.0.1:{ports['portal']}",
            "SIMULATOR_URL": f"http://127.0.0.1:{ports['simulator']}",
            "SMTP_PORT": str(ports["smtp"]),
        }
        self.command = [sys.executable, "-m", "demo", "--var", str(var)]

    def start(self) -> dict[str, dict[str, str]]:
        self.process = subprocess.Popen(
            self.command, cwd=ROOT, env=self.environment, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        report = self.var / "demo.json"
        if (
            not wait_until(lambda: report.exists() or self.process.poll() is not None, seconds=90)
            or not report.exists()
        ):
            self.process.terminate()
            raise AssertionError(self.process.communicate()[0])
        said: dict[str, dict[str, str]] = json.loads(report.read_text())
        return said

    def offers(self) -> set[str]:
        """How the messages about the plan's offer stand: sent, or waiting for the morning, and nothing else."""
        with closing(sqlite3.connect(f"file:{self.var / 'paydoor.sqlite3'}?mode=ro", uri=True)) as database:
            rows = database.execute("SELECT channel, state, held_by FROM message WHERE event = 'plan_offer'").fetchall()
        assert sorted(channel for channel, _, _ in rows) == ["email", "sms"]
        return {held_by or state for _, state, held_by in rows}

    def children(self) -> list[int]:
        path = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return [int(pid) for pid in path.read_text().split()]

    def end(self, number: signal.Signals) -> tuple[int, str]:
        self.process.send_signal(number)
        said = self.process.communicate(timeout=60)[0]
        return self.process.returncode, said


def answer_of(url: str) -> int:
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        error.close()
        return error.code


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Demo]:
    demo = Demo(tmp_path / "var")
    yield demo
    if demo.process.poll() is None:
        demo.process.kill()
        demo.process.communicate()


@pytest.mark.slow
def test_a_demo_keeps_its_links_over_a_restart_and_stops_as_a_whole(demo: Demo) -> None:
    first = demo.start()
    assert set(first) == {"portal", "simulator", "mailbox", "phone", "links", "logins"}
    assert first["links"]
    assert [url for url in first["links"].values() if answer_of(url) not in {200, 404, 410}] == []
    assert [answer_of(str(first[name])) for name in ("mailbox", "phone")] == [200, 200]
    assert answer_of(first["links"]["card"]) == 200
    assert wait_until(lambda: demo.offers() <= {"sent", "quiet_hours"}, seconds=30), demo.offers()
    for private in ("links.json", "secrets.json", "demo.json"):
        assert stat.S_IMODE((demo.var / private).stat().st_mode) == 0o600

    second = subprocess.run(demo.command, cwd=ROOT, env=demo.environment, capture_output=True, text=True)
    assert second.returncode == 1
    assert "running already" in second.stdout

    children = demo.children()
    assert len(children) == 5
    code, said = demo.end(signal.SIGINT)
    assert code == 0, said
    assert [pid for pid in children if is_running(pid)] == []
    assert not (demo.var / "demo.json").exists()

    again = demo.start()
    assert again["links"] == first["links"]

    clock = next(pid for pid in demo.children() if b"clock" in Path(f"/proc/{pid}/cmdline").read_bytes())
    children = demo.children()
    os.kill(clock, signal.SIGKILL)
    said = demo.process.communicate(timeout=60)[0]
    assert demo.process.returncode == 1
    assert "clock stopped with exit code -9" in said
    assert [pid for pid in children if is_running(pid)] == []

    demo.start()
    children = demo.children()
    demo.end(signal.SIGKILL)
    assert wait_until(lambda: not any(is_running(pid) for pid in children), seconds=20), "a killed demo leaves nothing"

    reset = subprocess.run([*demo.command, "--reset"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert "starts afresh" in reset.stdout
    assert [path.name for path in demo.var.iterdir()] == ["demo.lock"]
