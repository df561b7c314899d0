"""`python -m bench [pages] [waiting] [wire] [paper]`: all of them without a name. Prints tables, then each goal with its figures.

Called by `make bench`. It never fails for a slow machine, only when a measurement cannot be made.
"""

import argparse
import sys
import tempfile
import time
import uuid
from collections.abc import Callable
from pathlib import Path

from bench import pages
from bench.desk import DATABASES, desk, simulator, sqlite_url
from bench.verdict import Verdicts
from tests.rig import postgres


def run_pages(verdicts: Verdicts, folder: Path, databases: list[str]) -> None:
    """Both databases, one after the other; nothing but the one that is measured runs."""
    with simulator() as world:
        if "SQLite" in databases:
            (folder / "sqlite").mkdir()
            with desk("SQLite", sqlite_url(folder / "sqlite"), folder / "sqlite", world) as made:
                pages.measure(made, verdicts)
        if "PostgreSQL" in databases:
            (folder / "postgres").mkdir()
            server = postgres.start(f"bench-{uuid.uuid4().hex[:8]}")
            try:
                with desk("PostgreSQL", server.create(), folder / "postgres", world) as made:
                    pages.measure(made, verdicts)
            finally:
                server.stop()


PARTS: dict[str, Callable[[Verdicts, Path, list[str]], None]] = {
    "pages": run_pages,
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="bench", description="Two things compared in one run, with their ratio.")
    parser.add_argument("parts", nargs="*", help=f"which: {', '.join(PARTS)}; all without a name")
    parser.add_argument("--database", choices=DATABASES, action="append", help="only this one, where both are measured")
    options = parser.parse_args()
    if unknown := set(options.parts) - set(PARTS):
        parser.error(f"unknown: {', '.join(sorted(unknown))}")
    verdicts = Verdicts()
    began = time.monotonic()
    for name in options.parts or PARTS:
        with tempfile.TemporaryDirectory(prefix="paydoor-bench-") as folder:
            PARTS[name](verdicts, Path(folder), options.database or list(DATABASES))
    print(f"\nIn {time.monotonic() - began:.0f} s on this machine:")
    for line in verdicts.lines:
        print(f"  {line}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
