"""A PostgreSQL that is killed: a server of one program's own, started as its child, whose commits wait for the disk.

Asked by tests/crash/blackout.py. Nobody shares it: the server of a test run (tests/rig/postgres.py) is never killed.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from urllib.parse import quote

import psutil
import psycopg

from tests.crash.crew import die_with_parent
from tests.rig.postgres import DURABLE, ROLE, TUNING, initialise, migrate

UP_SECONDS = 60
STOP_SECONDS = 30


class PostgresAlone:
    """One server, up from the first moment; `kill` and `start` take it away and bring it back."""

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="pd-pg-"))
        self._folder.chmod(0o755)
        self._data = self._folder / "data"
        server = initialise(self._data, TUNING + DURABLE)
        self._program = server.bin_path / "postgres"
        self._user: str | None = server.system_user
        self._process: subprocess.Popen[bytes] | None = None
        self.start()
        with self._connect() as connection:
            connection.execute(f"CREATE ROLE {ROLE} LOGIN NOSUPERUSER NOBYPASSRLS")

    def url(self, database_name: str) -> str:
        """The SQLAlchemy address of a database on it, as the portal's own role."""
        return f"postgresql+psycopg://{ROLE}@/{database_name}?host={quote(str(self._data))}"

    def create(self, name: str) -> str:
        """A new database, migrated; its address."""
        with self._connect() as connection:
            connection.execute(f'CREATE DATABASE "{name}" OWNER {ROLE}')  # type: ignore[arg-type]  # our own name
        migrate(self.url(name))
        return self.url(name)

    def start(self) -> None:
        """Until it answers: after a kill it first goes through its write-ahead log."""
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [self._program, "-D", self._data, "-h", "", "-k", self._data],
                cwd=self._folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
                user=self._user, preexec_fn=die_with_parent,  # noqa: PLW1509 - it takes no lock
            )  # fmt: skip
        end = time.monotonic() + UP_SECONDS
        while time.monotonic() < end and self._process.poll() is None:
            with contextlib.suppress(psycopg.OperationalError), self._connect():
                return
            time.sleep(0.02)
        said = (self._folder / "log").read_text(errors="replace")[-2_000:]
        raise RuntimeError(f"PostgreSQL did not come up:\n{said}")

    @property
    def is_up(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def kill(self) -> None:
        """SIGKILL for the postmaster and every process of its: nothing is written any more."""
        assert self._process is not None
        family = [self._process.pid, *(child.pid for child in psutil.Process(self._process.pid).children())]
        for pid in family:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._process.wait()

    def stop(self) -> None:
        """For good; its data go too."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
            try:
                self._process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self.kill()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _connect(self) -> psycopg.Connection[tuple[object, ...]]:
        return psycopg.connect(host=str(self._data), user="postgres", dbname="postgres", autocommit=True)
