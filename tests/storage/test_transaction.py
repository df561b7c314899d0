"""What a unit of work may do: read sessions cannot write, none is opened inside another, writers take turns."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event, insert, select, text, update
from sqlalchemy.exc import DBAPIError

from portal.storage import Database, Session, account, limit
from portal.storage.account import Account
from portal.storage.audit import Alarm
from portal.storage.database import NestedTransaction, vacuum_into
from tests.storage.conftest import NOW, Tenant, tenant

WRITES: dict[str, Callable[[Session], Any]] = {
    "flush": lambda session: (
        session.add(Alarm(kind="k", subject_id="s", facts={}, raised_at=NOW)), session.flush(),
    ),
    "orm update": lambda session: session.execute(update(Account).values(balance_cents=1)),
    "bulk insert": lambda session: session.execute(
        insert(Alarm),
        [{"organisation_id": session.info["organisation_id"], "kind": "k", "subject_id": "s", "facts": {},
          "raised_at": NOW}],
    ),
    "counter": lambda session: limit.count_up(session, "b", "k", timedelta(hours=1), NOW),
    "raw": lambda session: session.execute(
        text("UPDATE account SET label = 'x' WHERE organisation_id = :own"), {"own": session.info["organisation_id"]}
    ),
}  # fmt: skip


@pytest.mark.parametrize("way", WRITES)
def test_a_read_session_cannot_write(ours: Tenant, way: str) -> None:
    with ours.read() as session:
        with pytest.raises(DBAPIError, match=r"(?i)read-?only"):
            WRITES[way](session)
        session.rollback()
    with ours.read() as session:
        assert session.scalars(select(Account.label)).all() == ["Balance"]


def test_a_connection_that_read_can_write_again_when_it_is_used_for_writing(ours: Tenant) -> None:
    """PostgreSQL shares one pool: read-only must not stick to the connection."""
    for _ in range(3):
        with ours.read() as session:
            session.scalars(select(Account)).all()
        with ours.transaction() as session:
            account.lock(session, ours.ids["account"]).label = "Balance"
            session.add(Alarm(kind="k", subject_id=str(_), facts={}, raised_at=NOW))


OPENERS: dict[str, Callable[[Tenant], AbstractContextManager[Session]]] = {
    "transaction": lambda each: each.transaction(),
    "read": lambda each: each.read(),
    "across": lambda each: each.database.across(),
}


@pytest.mark.parametrize("outer", OPENERS)
@pytest.mark.parametrize("inner", OPENERS)
def test_no_unit_of_work_is_opened_inside_another(ours: Tenant, outer: str, inner: str) -> None:
    with OPENERS[outer](ours):
        with pytest.raises(NestedTransaction), OPENERS[inner](ours):
            pass
        with pytest.raises(NestedTransaction):
            ours.database.require_no_transaction()
    ours.database.require_no_transaction()
    with OPENERS[inner](ours):  # the refused one left nothing behind
        pass


def test_what_another_thread_holds_open_does_not_count(ours: Tenant) -> None:
    with ours.read(), ThreadPoolExecutor(1) as pool:
        pool.submit(ours.database.require_no_transaction).result()


def test_an_exception_rolls_everything_back(ours: Tenant) -> None:
    def work() -> None:
        with ours.transaction() as session:
            account.lock(session, ours.ids["account"]).balance_cents = 1
            session.flush()
            raise RuntimeError

    with pytest.raises(RuntimeError):
        work()
    ours.database.require_no_transaction()
    with ours.read() as session:
        assert session.scalars(select(Account.balance_cents)).one() == 5_000


@pytest.mark.sqlite
def test_a_writing_transaction_on_sqlite_begins_by_taking_the_write_lock(sqlite_url: str) -> None:
    """BEGIN alone would read first, and find out too late that the balance it read is old (C.4)."""
    database = Database(sqlite_url)
    ours = tenant(database, "ours")
    begun: dict[str, list[str]] = {"writer": [], "reader": []}
    for name, engine in (("writer", database.writer), ("reader", database.reader)):
        event.listen(
            engine, "before_cursor_execute",
            lambda _c, _cursor, statement, *_rest, name=name: begun[name].append(statement),
        )  # fmt: skip
    with ours.transaction() as session:
        session.scalars(select(Account)).all()
    with ours.read() as session:
        session.scalars(select(Account)).all()
    assert begun["writer"][0] == "BEGIN IMMEDIATE"
    assert begun["reader"][0] == "BEGIN"
    with ours.read() as session:
        modes = {
            name: session.execute(text(f"PRAGMA {name}")).scalar_one()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout", "recursive_triggers")
        }
    assert modes == {
        "journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 10_000, "recursive_triggers": 1,
    }  # fmt: skip
    database.dispose()


@pytest.mark.postgres
def test_a_postgres_connection_gives_up_in_time(postgres_url: str) -> None:
    database = Database(postgres_url)
    with database.across() as session:
        limits = {
            name: session.execute(text(f"SHOW {name}")).scalar_one()
            for name in (
                "lock_timeout",
                "statement_timeout",
                "idle_in_transaction_session_timeout",
                "transaction_isolation",
            )
        }
    assert limits == {
        "lock_timeout": "5s", "statement_timeout": "15s", "idle_in_transaction_session_timeout": "30s",
        "transaction_isolation": "read committed",
    }  # fmt: skip
    database.dispose()


def test_readers_are_not_held_up_by_a_writer(ours: Tenant) -> None:
    with ThreadPoolExecutor(1) as pool, ours.transaction() as session:
        account.lock(session, ours.ids["account"]).balance_cents = 1
        session.flush()

        def read() -> int:
            with ours.read() as other:
                return other.scalars(select(Account.balance_cents)).one()

        assert pool.submit(read).result(timeout=5) == 5_000


@pytest.mark.postgres
def test_a_deadlock_is_tried_again_and_both_sides_finish(postgres_url: str) -> None:
    database = Database(postgres_url)
    ours = tenant(database, "ours")
    with ours.transaction() as session:
        second = Account(customer_id=ours.ids["customer"], reference="A-2", label="x", created_at=NOW)
        session.add(second)
        session.flush()
        ids = [ours.ids["account"], second.id]
    met = threading.Barrier(2, timeout=10)
    tries = [0, 0]

    def cross(number: int) -> None:
        def work(session: Session) -> None:
            tries[number] += 1
            first, then = ids if number == 0 else reversed(ids)
            account.lock(session, first)
            if tries[number] == 1:
                met.wait()
            account.lock(session, then).version += 1

        database.run(ours.organisation_id, work)

    with ThreadPoolExecutor(2) as pool:
        for done in [pool.submit(cross, number) for number in (0, 1)]:
            done.result(timeout=30)
    assert sum(tries) >= 3  # one of them at least was sent back
    with ours.read() as session:
        assert session.scalars(select(Account.version).order_by(Account.reference)).all() == [3, 2]
    database.dispose()


def test_a_broken_database_is_said_to_be_down(tmp_path: Any) -> None:
    down = Database("postgresql://nobody@127.0.0.1:1/none")
    assert not down.is_up()
    database = Database(f"sqlite:///{tmp_path / 'missing' / 'x.sqlite3'}")
    assert not database.is_up()


@pytest.mark.sqlite
def test_a_backup_of_sqlite_is_whole_and_opens(sqlite_url: str, tmp_path: Any) -> None:
    database = Database(sqlite_url)
    ours = tenant(database, "ours")
    vacuum_into(database, str(tmp_path / "copy.sqlite3"))
    copy = Database(f"sqlite:///{tmp_path / 'copy.sqlite3'}")
    with copy.read(ours.organisation_id) as session:
        assert session.scalars(select(Account.balance_cents)).all() == [5_000]
    copy.dispose()
    database.dispose()
