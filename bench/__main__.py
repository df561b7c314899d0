"""`python -m bench [pages] [waiting] [wire] [paper] [run] [sign_in] [due] [beside]`, all without a name: tables, then
each goal. `--size 0.1` measures a tenth of the rows and payments of the last three.

Called by `make bench`. It never fails for a slow machine, only when a measurement cannot be made.
"""

import argparse
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path

from bench import beside, due, pages, paper, run, sign_in, waiting, wire
from bench.desk import DATABASES, Desk, desk, simulator, sqlite_url
from bench.ending import end_in_order
from bench.verdict import Verdicts
from tests.rig import postgres


@contextmanager
def made(database: str, folder: Path) -> Iterator[Desk]:
    """A desk on a new database of this kind, with a simulator of its own; nothing but what is measured runs."""
    place = folder / database
    place.mkdir()
    with ExitStack() as stack:
        world = stack.enter_context(simulator())
        if database == "SQLite":
            url = sqlite_url(place)
        else:
            server = postgres.start(f"bench-{uuid.uuid4().hex[:8]}")
            stack.callback(server.stop)
            url = server.create()
        yield stack.enter_context(desk(database, url, place, world))


def run_pages(verdicts: Verdicts, folder: Path, databases: list[str], _size: float) -> None:
    """Both databases, one after the other."""
    for database in databases:
        with made(database, folder) as found:
            pages.measure(found, verdicts)


def run_waiting(verdicts: Verdicts, folder: Path, databases: list[str], _size: float) -> None:
    """Company on PostgreSQL, as in production; writers on SQLite, which takes one at a time."""
    if "PostgreSQL" in databases:
        with made("PostgreSQL", folder) as found:
            waiting.measure_company(found, verdicts)
    if "SQLite" in databases:
        with made("SQLite", folder) as found:
            waiting.measure_writers(found, verdicts)


def run_wire(verdicts: Verdicts, folder: Path, _databases: list[str], _size: float) -> None:
    """One database will do: the bytes are the same."""
    with made("SQLite", folder) as found:
        wire.measure(found, verdicts)


def run_paper(verdicts: Verdicts, _folder: Path, _databases: list[str], _size: float) -> None:
    """Needs no server."""
    paper.measure(verdicts)


def run_sign_in(verdicts: Verdicts, folder: Path, databases: list[str], _size: float) -> None:
    """Both databases, one after the other."""
    for database in databases:
        with made(database, folder) as found:
            sign_in.measure(found, verdicts)


def run_run(verdicts: Verdicts, folder: Path, _databases: list[str], size: float) -> None:
    """On PostgreSQL, as in production, and each commit waits for the disk."""
    server = postgres.start(f"bench-{uuid.uuid4().hex[:8]}", durable=True)
    try:
        run.measure(server.create(), folder, verdicts, size)
    finally:
        server.stop()


def run_due(verdicts: Verdicts, folder: Path, databases: list[str], size: float) -> None:
    """Both databases, one after the other; nobody else uses either, so that their memory can be emptied."""
    if "SQLite" in databases:
        with simulator() as world:

            def on_sqlite(rows: int, number: int) -> AbstractContextManager[due.Place]:
                place = Path(tempfile.mkdtemp(dir=folder))
                return due.place(sqlite_url(place), world, rows, number, lambda: due.dropped_from_memory(place))

            due.measure(on_sqlite, size, verdicts)
    if "PostgreSQL" in databases:
        server = postgres.start(f"bench-{uuid.uuid4().hex[:8]}", durable=True)
        try:
            with simulator() as world:

                def forget() -> bool:
                    return (
                        server.restart() and server.directory is not None and due.dropped_from_memory(server.directory)
                    )

                due.measure(
                    lambda rows, number: due.place(server.create(), world, rows, number, forget), size, verdicts
                )
        finally:
            server.stop()


def run_beside(verdicts: Verdicts, folder: Path, _databases: list[str], size: float) -> None:
    """On PostgreSQL, as in production, and each commit waits for the disk."""
    server = postgres.start(f"bench-{uuid.uuid4().hex[:8]}", durable=True)
    try:
        with simulator(beside.LATENCY_MS) as world, desk("PostgreSQL", server.create(), folder, world) as found:
            beside.measure(found, folder, size, verdicts)
    finally:
        server.stop()


PARTS: dict[str, Callable[[Verdicts, Path, list[str], float], None]] = {
    "pages": run_pages,
    "waiting": run_waiting,
    "wire": run_wire,
    "paper": run_paper,
    "run": run_run,
    "sign_in": run_sign_in,
    "due": run_due,
    "beside": run_beside,
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="bench", description="Two things compared in one run, with their ratio.")
    parser.add_argument("parts", nargs="*", help=f"which: {', '.join(PARTS)}; all without a name")
    parser.add_argument("--database", choices=DATABASES, action="append", help="only this one, where both are measured")
    parser.add_argument("--size", type=float, default=1.0, help="what part of the rows and payments; 1 is the goals'")
    options = parser.parse_args()
    end_in_order()
    if not 0 < options.size <= 10:
        parser.error("--size is above 0 and at most 10")
    if unknown := set(options.parts) - set(PARTS):
        parser.error(f"unknown: {', '.join(sorted(unknown))}")
    verdicts = Verdicts()
    began = time.monotonic()
    for name in options.parts or PARTS:
        with tempfile.TemporaryDirectory(prefix="paydoor-bench-") as folder:
            PARTS[name](verdicts, Path(folder), options.database or list(DATABASES), options.size)
    print(f"\nIn {time.monotonic() - began:.0f} s on this machine:")
    for line in verdicts.lines:
        print(f"  {line}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
