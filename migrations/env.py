"""Runs migrations against DATABASE_URL, or the url a caller puts in the configuration. Called by Alembic only."""

from alembic import context
from sqlalchemy import Connection

from config import Settings
from portal.storage import Database, row_security
from portal.storage.rows import Row

target_metadata = Row.metadata


def run(connection: Connection) -> None:
    """All pending migrations in one transaction.

    They may move rows of every organisation, so row security is lifted meanwhile for whoever owns the tables, and
    tables made by them are put under it before the commit.
    """
    context.configure(
        connection=connection,
        target_metadata=target_metadata,
        user_module_prefix="types.",
        compare_type=True,
        render_as_batch=False,
        transactional_ddl=True,
    )
    with context.begin_transaction():
        if connection.dialect.name != "postgresql" or not _is_moving():
            context.run_migrations()
            return
        row_security.lift(connection)
        context.run_migrations()
        row_security.force(connection)


def _is_moving() -> bool:
    """Whether there is something to migrate: a run that finds all done must lock no table."""
    try:
        wanted = context.get_revision_argument()
    except KeyError:  # a command that only asks
        return False
    return set(context.get_context().get_current_heads()) != {wanted}


def main() -> None:
    """Connects as the portal does, so pragmas and scoping rules are the same, minus the scope check.

    SQLite builds a table anew to change its constraints, which its references must outlive: they are not held to
    while that goes on, and all of them are checked before it is committed (sqlite.org/lang_altertable.html, 7).
    """
    url = context.config.attributes.get("url") or Settings.from_environment().database_url
    database = Database(str(url))
    with database.writer.connect().execution_options(migration=True) as connection:
        if database.is_sqlite:
            connection.connection.cursor().execute("PRAGMA foreign_keys=OFF")  # in no transaction: ignored inside one
        with connection.begin():
            run(connection)
            if database.is_sqlite and connection.exec_driver_sql("PRAGMA foreign_key_check").first():
                raise AssertionError("the migration left a row that refers to nothing")
    database.dispose()


main()
