"""The servers of the rig are real, and empty each time."""

import os
import signal
import subprocess
import sys
import time
import urllib.request
import uuid
from pathlib import Path

import pytest
import redis
from sqlalchemy import create_engine, text

from tests.rig import postgres
from tests.rig.postgres import PostgresServer
from tests.rig.simulator_process import SimulatorProcess
from tests.rig.valkey import ValkeyServer


def test_valkey_of_the_rig_answers_and_is_empty(redis_url: str, valkey_server: ValkeyServer) -> None:
    with redis.Redis.from_url(redis_url) as client:
        assert client.dbsize() == 0
        client.set("left", "behind")
        valkey_server.flush()
        assert client.dbsize() == 0


def test_each_postgres_database_is_a_new_one(postgres_server: PostgresServer) -> None:
    first, second = (postgres_server.create(migrated=False) for _ in range(2))
    try:
        assert first != second
        assert first.startswith("postgresql+psycopg://")
    finally:
        postgres_server.drop(first)
        postgres_server.drop(second)


def test_who_leaves_a_shared_server_stops_it_for_nobody_else() -> None:
    run_id = uuid.uuid4().hex[:8]
    ours = postgres.start(run_id)
    try:
        postgres.start(run_id).stop()  # a part of this process, which goes on
        done = subprocess.run(
            [sys.executable, "-c", f"from tests.rig import postgres; postgres.start({run_id!r}).stop()"],
            cwd=Path(__file__).resolve().parents[2], capture_output=True, text=True, timeout=60,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert ours.create(migrated=False)
    finally:
        ours.stop()


def test_a_migrated_database_is_empty_and_each_tests_own(database_url: str) -> None:
    engine = create_engine(database_url)
    with engine.begin() as connection:
        assert connection.execute(text("SELECT count(*) FROM organisation")).scalar() == 0
        assert connection.execute(text("SELECT count(*) FROM alembic_version")).scalar() == 1
    engine.dispose()


def test_the_simulator_of_the_rig_answers(simulator: SimulatorProcess) -> None:
    with urllib.request.urlopen(f"{simulator.url}/simulator/health", timeout=5) as answer:
        assert answer.status == 200


STARTS_ONE = """
import sys, time
from pathlib import Path
from bench.ending import end_in_order
from tests.rig import processes

end_in_order()
child = processes.python("child", ["-c", "import time; time.sleep(600)"], {}, Path(sys.argv[1]), dies_with_us=True)
try:
    print(child.pid, flush=True)
    time.sleep(600)
finally:
    child.stop()
"""


def is_there(pid: int) -> bool:
    """A process that ended and that nobody has asked after yet is not there."""
    stat = Path(f"/proc/{pid}/stat")
    try:
        return stat.read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="only Linux ends a child with its parent")
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_measurement_that_is_interrupted_leaves_no_worker_behind(how: signal.Signals, tmp_path: Path) -> None:
    root = Path(__file__).resolve().parents[2]
    starter = subprocess.Popen(
        [sys.executable, "-c", STARTS_ONE, str(tmp_path / "log")], cwd=root, stdout=subprocess.PIPE, text=True
    )
    assert starter.stdout is not None
    pid = int(starter.stdout.readline())
    assert is_there(pid)
    os.kill(starter.pid, how)
    starter.wait()
    until = time.monotonic() + 60
    while is_there(pid) and time.monotonic() < until:  # the kernel's signal is under way
        time.sleep(0.01)
    assert not is_there(pid)
