"""The database: who may open a transaction, on which engine, for which organisation.

Use cases ask for `transaction` (writes) or `read`; the janitor and the front door for `across`.
Every statement on a tenant table must name its organisation, here and always, or `UnscopedQuery` is raised.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import lru_cache
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, ExceptionContext, create_engine, event, make_url, select
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import ORMExecuteState, Session, sessionmaker, with_loader_criteria

from portal.storage import row_security
from portal.storage.rows import TenantRow
from portal.storage.scope import UnscopedQuery, UnstorableText, require_scope, require_storable

T = TypeVar("T")

SQLITE_BUSY_MS = 10_000
POSTGRES_OPTIONS = "-c lock_timeout=5s -c statement_timeout=15s -c idle_in_transaction_session_timeout=30s"
RETRIED_SQLSTATES = frozenset({"40001", "40P01", "55P03"})  # serialization, deadlock, lock not available
ATTEMPTS_MAX = 4


class NestedTransaction(Exception):
    """A transaction was opened, or the building left, while this thread holds one open."""


class Database:
    """One database, SQLite or PostgreSQL, by `url`. Thread-safe; make one per process, after any fork."""

    def __init__(self, url: str, pool_size: int = 32, *, must_be_held: bool = False) -> None:
        """`must_be_held`: RoleAboveRowSecurity instead of a connection that row security would not hold."""
        self.url = make_url(url)
        if self.url.get_backend_name() == "postgresql":
            self.url = self.url.set(drivername="postgresql+psycopg")
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        self._must_be_held = must_be_held
        self._here = threading.local()
        self._write_lock = threading.Lock()
        self.writer = self._engine(pool_size, read_only=False)
        self.reader = self._engine(pool_size, read_only=True) if self.is_sqlite else self.writer
        self._write = sessionmaker(self.writer, expire_on_commit=False)
        reader = self.reader.execution_options(reads=True)
        self._read = sessionmaker(reader, expire_on_commit=False)
        self._across = sessionmaker(reader.execution_options(across=True), expire_on_commit=False)

    @contextmanager
    def transaction(self, organisation_id: str) -> Iterator[Session]:
        """A unit of work that may write, committed at the end, rolled back on any exception.

        SQLite takes a lock of this process, then `BEGIN IMMEDIATE`, so what is read is what will be written on.
        """
        with self._entered(organisation_id), self._turn(), self._write() as session, session.begin():
            session.info["organisation_id"] = organisation_id
            yield session

    @contextmanager
    def read(self, organisation_id: str) -> Iterator[Session]:
        """A read-only unit of work for one organisation; a write in it fails in the database."""
        with self._entered(organisation_id), self._read() as session, session.begin():
            session.info["organisation_id"] = organisation_id
            yield session

    @contextmanager
    def across(self) -> Iterator[Session]:
        """A read-only unit of work over all organisations: for sweeps and for finding whose page it is."""
        with self._entered(), self._across() as session, session.begin():
            session.info["across"] = True
            yield session

    def run(self, organisation_id: str, work: Callable[[Session], T]) -> T:
        """`work(session)` in a transaction, tried again when the database asks for it (deadlock, lock timeout)."""
        for attempt in range(ATTEMPTS_MAX):
            try:
                with self.transaction(organisation_id) as session:
                    return work(session)
            except OperationalError as error:
                sqlstate = getattr(error.orig, "sqlstate", None)
                if sqlstate not in RETRIED_SQLSTATES or attempt == ATTEMPTS_MAX - 1:
                    raise
        raise AssertionError("unreachable")

    def require_no_transaction(self) -> None:
        """NestedTransaction if this thread holds a transaction: nothing leaves the building with one open."""
        if getattr(self._here, "depth", 0):
            raise NestedTransaction

    def is_up(self) -> bool:
        """Whether the database answers."""
        try:
            with self.across() as session:
                session.execute(select(1))
        except OperationalError:
            return False
        return True

    def dispose(self) -> None:
        """Close every pooled connection."""
        self.writer.dispose()
        self.reader.dispose()

    @contextmanager
    def _entered(self, organisation_id: str | None = None) -> Iterator[None]:
        if getattr(self._here, "depth", 0):
            raise NestedTransaction
        self._here.depth = 1
        self._here.organisation_id = organisation_id
        try:
            yield
        finally:
            self._here.depth = 0
            self._here.organisation_id = None

    def _judge(
        self, connection: Connection, _cursor: Any, statement: str, parameters: Any, context: Any, many: bool
    ) -> None:
        """Holds every statement to its organisation, however it was built, and every text to both databases."""
        options = context.execution_options if context is not None else connection.get_execution_options()
        if options.get("migration"):
            return
        require_storable(parameters, many)
        if not options.get("across"):
            compiled = getattr(context, "compiled_parameters", None)
            require_scope(statement, parameters, many, compiled, getattr(self._here, "organisation_id", None))

    @contextmanager
    def _turn(self) -> Iterator[None]:
        if not self.is_sqlite:
            yield
            return
        with self._write_lock:
            yield

    def _engine(self, pool_size: int, *, read_only: bool) -> Engine:
        if not self.is_sqlite:
            engine = create_engine(
                self.url,
                pool_size=pool_size,
                max_overflow=8,
                pool_pre_ping=True,
                hide_parameters=True,  # an error's text goes to the log; what people typed does not
                connect_args={"options": POSTGRES_OPTIONS, "connect_timeout": 10},
            )
        else:
            engine = create_engine(self.url, pool_size=pool_size, max_overflow=8, hide_parameters=True)
            _prepare_sqlite(engine, read_only=read_only)
        if not self.is_sqlite:
            _prepare_postgres(engine, self._here, must_be_held=self._must_be_held)
        event.listen(engine, "before_cursor_execute", self._judge)
        event.listen(engine, "handle_error", _unwrapped)
        return engine


def _unwrapped(context: ExceptionContext) -> BaseException | None:
    """UnstorableText found while a value was made ready keeps its name, as it does when a statement is judged."""
    return context.original_exception if isinstance(context.original_exception, UnstorableText) else None


def _prepare_sqlite(engine: Engine, *, read_only: bool) -> None:
    begin = "BEGIN" if read_only else "BEGIN IMMEDIATE"

    @event.listens_for(engine, "connect")
    def connect(connection: Any, _: Any) -> None:
        connection.isolation_level = None  # the driver must not open transactions of its own
        cursor = connection.cursor()
        for pragma in (
            f"busy_timeout={SQLITE_BUSY_MS}",
            "journal_mode=WAL",
            "synchronous=FULL",
            "foreign_keys=ON",
            "recursive_triggers=ON",  # else REPLACE takes a row away without asking its triggers
            f"query_only={'ON' if read_only else 'OFF'}",
        ):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def begin_transaction(connection: Any) -> None:
        connection.exec_driver_sql(begin)


def _prepare_postgres(engine: Engine, here: threading.local, *, must_be_held: bool) -> None:
    """Each transaction says with its first words for which organisation it is; row security holds it to that."""

    @event.listens_for(engine, "connect")
    def connect(connection: Any, _: Any) -> None:
        connection.autocommit = True  # the driver must not open transactions of its own
        if must_be_held and connection.execute(row_security.IS_ABOVE).fetchone() == (True,):
            connection.close()
            raise row_security.RoleAboveRowSecurity

    @event.listens_for(engine, "begin")
    def begin_transaction(connection: Connection) -> None:
        options = connection.get_execution_options()
        own = row_security.EVERYBODY if options.get("across") else getattr(here, "organisation_id", None)
        connection.exec_driver_sql(row_security.beginning(own, reads=bool(options.get("reads"))))


@event.listens_for(Session, "do_orm_execute")
def _scope(state: ORMExecuteState) -> None:
    """Adds the session's organisation to every ORM statement, joins and aliases included."""
    if state.is_column_load or state.is_relationship_load or state.session.info.get("across"):
        return
    if state.execution_options.get("names_organisation"):
        return  # a statement that names it itself, for speed; `_judge` refuses it if that is not so
    organisation_id = state.session.info.get("organisation_id")
    if organisation_id is not None:
        state.statement = state.statement.options(_only(organisation_id))


@lru_cache(maxsize=1_024)
def _only(organisation_id: str) -> Any:
    """Kept, because making it costs as much as a small statement."""
    return with_loader_criteria(TenantRow, lambda cls: cls.organisation_id == organisation_id, include_aliases=True)


@event.listens_for(Session, "before_flush")
def _own_rows_only(session: Session, _context: Any, _instances: Any) -> None:
    """A session writes rows of its own organisation only."""
    own = session.info.get("organisation_id")
    for row in (*session.new, *session.dirty, *session.deleted):
        if not isinstance(row, TenantRow):
            continue
        if row.organisation_id is None:
            row.organisation_id = own  # type: ignore[unreachable]  # unset before the first flush
        if own is None or row.organisation_id != own:
            raise UnscopedQuery(f"{type(row).__name__} of another organisation")


def vacuum_into(database: Database, path: str) -> None:
    """A consistent copy of a SQLite database at `path` (backup); PostgreSQL has its own tools."""
    with closing(database.writer.raw_connection()) as connection:  # in no transaction: SQLite refuses it inside one
        connection.cursor().execute("VACUUM INTO ?", (path,))
