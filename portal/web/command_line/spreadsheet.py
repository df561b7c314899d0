"""What commands that read a CSV file share: the file within its bounds, and the report with each wrong row named."""

from typing import Any, BinaryIO

import click

from portal.domain.spreadsheet import BYTES_MAX
from portal.usecases.spreadsheet import ImportReport
from portal.web.command_line.desk import console, dollars, sentence, table

SHOWN_MAX = 50


def _read(_context: click.Context, _parameter: click.Parameter, file: BinaryIO) -> bytes:
    """Not more than one byte beyond what is allowed, however large the file is (attack 107)."""
    return file.read(BYTES_MAX + 1)


def file_argument(command: Any) -> Any:
    """FILE, `-` for standard input, as bytes."""
    return click.argument("content", metavar="FILE", type=click.File("rb"), callback=_read)(command)


def say_report(report: ImportReport, what: str, *, dry_run: bool) -> None:
    """What was kept; with wrong rows nothing was, and the command ends with 1."""
    if report.errors:
        wrong = table("row", "column", "what is wrong", title="Nothing was kept.")
        for error in report.errors[:SHOWN_MAX]:
            wrong.add_row(str(error.number), error.column, sentence(error.refused))
        console().print(wrong)
        more = len(report.errors) - SHOWN_MAX
        if more > 0:
            console().print(f"... and {more} more rows.")
        raise SystemExit(1)
    kept = "would be recorded" if dry_run else "recorded"
    owed = f", {dollars(report.cents)} in all" if report.cents else ""
    console().print(f"{what}s: {report.recorded} {kept}{owed}, {report.unchanged} on record already")
