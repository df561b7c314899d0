"""Attack 57: PostgreSQL itself shows a transaction the rows of the organisation it named, whatever it asks for.

The statements here go past the house's own reading of them, over the driver, as an injected one would. The role is the
portal's own: it owns the tables, and is no superuser.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
from sqlalchemy import Connection, text

from portal.storage import Database, row_security
from portal.storage.row_security import NotAnOrganisation, RoleAboveRowSecurity
from tests.rig.above import above
from tests.rig.postgres import ROLE, PostgresServer, above_row_security
from tests.storage.conftest import NOW, Pair, Tenant, tenant
from tests.storage.test_schema import TENANT_TABLES, alembic

pytestmark = pytest.mark.postgres


@pytest.fixture(scope="module")
def pair(postgres_server: PostgresServer) -> Iterator[Pair]:
    """One connection, so that each unit of work is given the one of the unit before."""
    database = Database(postgres_server.create(), pool_size=1)
    yield Pair(tenant(database, "ours"), tenant(database, "theirs"))
    database.dispose()


@pytest.fixture
def own(postgres_url: str) -> Iterator[Tenant]:
    """An organisation on a database of this test's own."""
    database = Database(postgres_url, pool_size=1)
    yield tenant(database, "ours")
    database.dispose()


def driver(each: Connection) -> psycopg.Connection[Any]:
    """The driver's connection under one of the house: nobody reads what is sent over it."""
    return each.connection.driver_connection  # type: ignore[return-value]  # psycopg's, as the url says


def counts(connection: psycopg.Connection[Any], where: str = "true") -> dict[str, int]:
    """How many rows of each tenant table a raw statement sees."""
    found: dict[str, int] = {}
    for name in TENANT_TABLES:
        row = connection.execute(f"SELECT count(*) FROM {name} WHERE {where}").fetchone()
        assert row is not None
        found[name] = row[0]
    return found


NONE = dict.fromkeys(TENANT_TABLES, 0)


@contextmanager
def told_nothing(each: Tenant) -> Iterator[psycopg.Connection[Any]]:
    """A transaction that never said for whom it is."""
    with each.database.writer.connect() as connection, connection.begin():
        yield driver(connection)


def test_attack_57_the_role_owns_the_tables_and_is_held_nevertheless(pair: Pair) -> None:
    with pair.ours.read() as session:
        found = session.execute(
            text("SELECT rolname, rolsuper, rolbypassrls FROM pg_roles WHERE rolname = current_user")
        ).one()
        owners = session.execute(text("SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname = 'public'"))
        assert (*found, *owners.scalars()) == (ROLE, False, False, ROLE)


def test_attack_57_a_statement_without_an_organisation_sees_nothing(pair: Pair) -> None:
    with told_nothing(pair.ours) as connection:
        assert counts(connection) == NONE
    with above(pair.ours.database).connect() as connection:
        seen = counts(driver(connection))
    assert sum(seen.values()) >= 2 * 50, "there are rows of both"


def test_attack_57_a_connection_reused_for_the_next_organisation_has_forgotten_the_one_before(pair: Pair) -> None:
    def look(each: Tenant, *, writes: bool) -> tuple[int, dict[str, int]]:
        with each.transaction() if writes else each.read() as session:
            connection = driver(session.connection())
            mine = counts(connection, f"organisation_id = '{each.organisation_id}'")
            assert counts(connection) == mine
            return connection.info.backend_pid, mine

    backends = set()
    for writes in (True, False, True):
        for each in (pair.ours, pair.theirs):
            backend, mine = look(each, writes=writes)
            assert sum(mine.values()) >= 50
            backends.add(backend)
            with told_nothing(each) as connection:
                assert counts(connection) == NONE
    assert len(backends) == 1, "it was one connection all along"


class Broken(Exception):
    """What a unit of work ends with."""


def test_attack_57_a_transaction_that_failed_leaves_no_organisation_behind(pair: Pair) -> None:
    with pytest.raises(Broken), pair.ours.transaction() as session, session.begin_nested():
        raise Broken
    with pytest.raises(psycopg.Error), pair.ours.transaction() as session:
        driver(session.connection()).execute("SELECT 1 / 0")
    with told_nothing(pair.ours) as connection:
        assert counts(connection) == NONE


def test_a_savepoint_taken_back_does_not_take_the_organisation_with_it(pair: Pair) -> None:
    with pair.ours.transaction() as session:
        with pytest.raises(Broken), session.begin_nested():
            raise Broken
        assert counts(driver(session.connection()))["account"] == 1


def test_attack_57_a_statement_that_names_another_organisation_sees_and_changes_nothing(pair: Pair) -> None:
    foreign = f"organisation_id = '{pair.theirs.organisation_id}'"
    with pair.ours.transaction() as session:
        connection = driver(session.connection())
        assert counts(connection, foreign) == NONE
        assert connection.execute(f"UPDATE account SET label = 'ours' WHERE {foreign}").rowcount == 0
        assert connection.execute(f"DELETE FROM alarm WHERE {foreign}").rowcount == 0
        assert connection.execute("UPDATE account SET label = 'Balance'").rowcount == 1, "its own, without a WHERE"
    with pair.theirs.read() as session:
        assert session.execute(
            text("SELECT label FROM account WHERE organisation_id = :own"), {"own": pair.theirs.organisation_id}
        ).scalars().all() == ["Balance"]  # fmt: skip


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO alarm (organisation_id, id, kind, subject_id, facts, raised_at) "
        "VALUES (%(theirs)s, 'x', 'k', 's', '{}', %(now)s)",
        "UPDATE alarm SET organisation_id = %(theirs)s",
        "INSERT INTO limit_count (organisation_id, id, bucket, key_sha256, window_start, count) "
        "SELECT %(theirs)s, 'x', 'b', 'k', window_start, 1 FROM limit_count LIMIT 1",
    ],
)
def test_attack_57_no_row_is_written_for_another_organisation(pair: Pair, statement: str) -> None:
    values = {"theirs": pair.theirs.organisation_id, "now": NOW}
    refused = pytest.raises(psycopg.errors.InsufficientPrivilege, match="row-level security")
    with refused, pair.ours.transaction() as session:
        driver(session.connection()).execute(statement, values)


def test_a_sweep_sees_everybody_and_even_by_force_writes_nothing(pair: Pair) -> None:
    with pair.ours.database.across() as session:
        assert sum(counts(driver(session.connection())).values()) >= 2 * 50
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            driver(session.connection()).execute("UPDATE account SET label = 'x'")
        session.rollback()
    with told_nothing(pair.ours) as connection:  # a writing transaction that claims to be a sweep
        connection.execute("SET LOCAL paydoor.organisation = '*'")
        assert counts(connection)["account"] == 2
        assert connection.execute("UPDATE account SET label = 'x'").rowcount == 0
        assert connection.execute("DELETE FROM alarm").rowcount == 0


@pytest.mark.parametrize("name", [" ", "a'; RESET ALL; --", "a b", "**", "a\n", "é", "a" * 65])
def test_what_is_no_id_is_not_written_into_a_statement(name: str) -> None:
    with pytest.raises(NotAnOrganisation):
        row_security.beginning(name, reads=True)


@pytest.mark.parametrize("nobody", [None, ""])
def test_a_transaction_of_nobody_names_nobody(nobody: str | None) -> None:
    assert row_security.beginning(nobody, reads=True) == "BEGIN READ ONLY"


def test_every_table_of_an_organisation_is_under_row_security(pair: Pair) -> None:
    with pair.ours.database.reader.connect() as connection:
        assert row_security.uncovered(connection) == []
        covered = connection.execute(text("SELECT count(*) FROM pg_class WHERE relrowsecurity")).scalar_one()
    assert covered == len(TENANT_TABLES)


NEW = "CREATE TABLE newcomer (organisation_id text, id text)"
ON = "ALTER TABLE newcomer ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY"
LAX = {
    "new table": [NEW],
    "new table without policies": [NEW, ON],
    "not forced": ["ALTER TABLE charge NO FORCE ROW LEVEL SECURITY"],
    "switched off": ["ALTER TABLE charge DISABLE ROW LEVEL SECURITY"],
    "a policy for everybody": ["CREATE POLICY anybody ON charge USING (true)"],
    "a policy gone": ["DROP POLICY own_rows ON charge"],
    "a policy changed": ["ALTER POLICY own_rows ON charge USING (true)"],
    "a policy that lets rows be written": ["ALTER POLICY own_rows ON charge WITH CHECK (true)"],
}


@pytest.mark.parametrize("statements", LAX.values(), ids=list(LAX))
def test_a_table_that_is_not_covered_as_meant_is_named_and_put_right_by_the_next_migration(
    pair: Pair, statements: list[str]
) -> None:
    with pair.ours.database.writer.connect().execution_options(migration=True) as connection:
        for each in statements:
            connection.execute(text(each))
        table = "newcomer" if NEW in statements else "charge"
        assert row_security.uncovered(connection) == [table]
        if statements != ["CREATE POLICY anybody ON charge USING (true)"]:  # whose it is we cannot know
            row_security.force(connection)
            assert row_security.uncovered(connection) == []
        connection.rollback()


def test_a_migration_sees_the_rows_of_everybody_and_afterwards_nobody_does(own: Tenant) -> None:
    with own.database.writer.connect().execution_options(migration=True) as connection:
        row_security.lift(connection)
        assert counts(driver(connection))["account"] == 1
        row_security.force(connection)
        assert counts(driver(connection)) == NONE
        connection.rollback()
    url = own.database.url.render_as_string(hide_password=False)
    own.database.dispose()
    for move in (("downgrade", "0017"), ("upgrade", "head")):
        done = alembic(url, *move)
        assert done.returncode == 0, done.stderr
        with above(own.database).connect() as connection:
            uncovered = row_security.uncovered(connection)
            assert (uncovered == []) is (move[0] == "upgrade")


def test_migrating_when_all_is_done_waits_for_no_payment(own: Tenant) -> None:
    """It would need every table for itself, and here is somebody in the middle of a payment."""
    with own.transaction() as session:
        session.execute(
            text("UPDATE account SET label = 'x' WHERE organisation_id = :own"), {"own": own.organisation_id}
        )
        done = alembic(own.database.url.render_as_string(hide_password=False), "upgrade", "head")
    assert done.returncode == 0, done.stderr


def test_a_role_that_no_row_security_holds_is_refused_where_it_must_be_held(pair: Pair) -> None:
    url = pair.ours.database.url.render_as_string(hide_password=False)
    for address, is_refused in ((url, False), (above_row_security(url), True)):
        database = Database(address, pool_size=1, must_be_held=True)
        if is_refused:
            with pytest.raises(RoleAboveRowSecurity):
                database.is_up()
        else:
            assert database.is_up()
        database.dispose()
