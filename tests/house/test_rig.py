"""The servers of the rig are real, and empty each time."""

import subprocess
import sys
import urllib.request
import uuid
from pathlib import Path

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
