"""Counters hold when everybody counts at once, and forget by the window."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from portal.storage import limit
from portal.storage.limit import LimitCount
from tests.storage.conftest import NOW, Tenant

HOUR = timedelta(hours=1)


def test_attack_007_sixteen_at_once_are_counted_one_by_one(ours: Tenant) -> None:
    def count(_: int) -> int:
        with ours.transaction() as session:
            return limit.count_up(session, "guess", "victim", HOUR, NOW)

    with ThreadPoolExecutor(16) as pool:
        numbers = list(pool.map(count, range(64)))
    assert sorted(numbers) == list(range(1, 65))
    with ours.read() as session:
        assert limit.current(session, "guess", "victim", HOUR, NOW) == 64


def test_a_new_window_starts_at_nothing(ours: Tenant) -> None:
    with ours.transaction() as session:
        assert limit.count_up(session, "b", "k", HOUR, NOW) == 1
        assert limit.count_up(session, "b", "k", HOUR, NOW.replace(minute=59, second=59)) == 2
        assert limit.count_up(session, "b", "k", HOUR, NOW.replace(hour=16, minute=0, second=0, microsecond=0)) == 1


def test_buckets_and_keys_are_counted_apart(ours: Tenant) -> None:
    with ours.transaction() as session:
        for bucket, key in (("a", "x"), ("a", "y"), ("b", "x")):
            assert limit.count_up(session, bucket, key, HOUR, NOW) == 1


def test_what_was_refused_with_its_transaction_is_not_counted(ours: Tenant) -> None:
    with ours.transaction() as session:
        limit.count_up(session, "b", "k", HOUR, NOW)
        session.rollback()
    with ours.read() as session:
        assert limit.current(session, "b", "k", HOUR, NOW) == 0


def test_a_key_is_kept_as_a_digest_whatever_was_typed(ours: Tenant) -> None:
    with ours.transaction() as session:
        for key in ("203.0.113.9", "a\x00b", "\ud83d", "x" * 100_000):
            assert limit.count_up(session, "b", key, HOUR, NOW) == 1
        kept = session.query(LimitCount.key_sha256).all()
    assert all(len(row[0]) == 64 for row in kept)
    assert not any("203.0.113.9" in row[0] for row in kept)
