"""The servers of the rig are real, and empty each time."""

import redis

from tests.rig.postgres import PostgresServer
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
