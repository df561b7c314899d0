"""An engine of somebody whom nothing of the house holds, to plant what must be found and to look at what is there.

Neither the house's reading of statements nor, on PostgreSQL, row security. What remains are constraints and triggers.
"""

from collections.abc import Sequence
from functools import lru_cache

from sqlalchemy import Engine, NullPool, create_engine, text

from portal.storage import Database
from tests.rig.postgres import above_row_security


def above(database: Database) -> Engine:
    """On the same database. A connection of it is closed when it is given back: the database may be thrown away."""
    if database.is_sqlite:
        return database.writer.execution_options(migration=True)
    return _engine(above_row_security(database.url.render_as_string(hide_password=False)))


@lru_cache(maxsize=8)
def _engine(url: str) -> Engine:
    return create_engine(url, poolclass=NullPool)


def behind_our_back(database: Database, tables: Sequence[str], *statements: str) -> None:
    """As somebody with the database's password does it, the triggers of these tables off."""
    with above(database).begin() as connection:
        for table in tables:
            if connection.dialect.name == "sqlite":
                for verb in ("update", "delete"):
                    connection.execute(text(f"DROP TRIGGER IF EXISTS {table}_no_{verb}"))
            else:
                connection.execute(text(f"ALTER TABLE {table} DISABLE TRIGGER USER"))
        for statement in statements:
            connection.execute(text(statement))
