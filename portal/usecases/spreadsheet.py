"""Importing a spreadsheet: every row tried and named, all of them kept in one transaction, or none.

Called by the imports of each subject, which say what one row means. A dry run does everything and takes it back.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from portal.domain.money import parse_amount
from portal.domain.refusal import Refused
from portal.domain.spreadsheet import RowError, SheetRow, is_formula
from portal.storage import Session
from portal.usecases.ports import Ports


@dataclass
class ImportReport:
    """What a file did, or would do. Errors mean that nothing was kept of it."""

    recorded: int = 0
    unchanged: int = 0
    cents: int = 0
    errors: list[RowError] = field(default_factory=list)


class WrongCell(Exception):
    """A cell that cannot be what its column says."""

    def __init__(self, column: str, refused: Refused) -> None:
        super().__init__(column)
        self.column, self.refused = column, refused


class _TakenBack(Exception):
    """Ends the transaction without keeping anything of it."""


One = Callable[[Session, SheetRow], tuple[bool, int]]


def import_rows(
    ports: Ports, organisation_id: str, rows: Sequence[SheetRow], one: One, columns: Mapping[str, str], *, dry_run: bool
) -> ImportReport:
    """Keeps all rows or none. `one` says whether a row was new, and its cents; `columns` which one a refusal means."""

    def work(session: Session) -> ImportReport:
        report = ImportReport()
        for row in rows:
            _try(session, row, one, columns, report)
        if report.errors or dry_run:
            raise _TakenBack(report)
        return report

    try:
        return ports.database.run(organisation_id, work)
    except _TakenBack as back:
        report: ImportReport = back.args[0]
        return report


def _try(session: Session, row: SheetRow, one: One, columns: Mapping[str, str], report: ImportReport) -> None:
    try:
        for name, cell in row.cells.items():
            if is_formula(cell):
                raise WrongCell(name, Refused("cell_formula"))
        with session.begin_nested():
            is_new, cents = one(session, row)
    except WrongCell as wrong:
        report.errors.append(RowError(row.number, wrong.column, wrong.refused))
    except Refused as refused:
        report.errors.append(RowError(row.number, columns.get(refused.code, ""), refused))
    else:
        report.recorded += is_new
        report.unchanged += not is_new
        report.cents += cents if is_new else 0


def day_in(column: str, cell: str) -> date:
    """2026-11-02, or 11/2/2026 as it is written here. WrongCell otherwise."""
    try:
        if not cell.isascii():
            raise ValueError(cell)
        if "/" in cell:
            month, day, year = (int(part) for part in cell.split("/"))
            return date(year, month, day)
        return date.fromisoformat(cell)
    except ValueError as error:
        raise WrongCell(column, Refused("cell_date")) from error


def whole_in(column: str, cell: str, default: int) -> int:
    """A count of at most four digits; the default where the cell is empty. WrongCell otherwise."""
    if not cell:
        return default
    if not (cell.isascii() and cell.isdigit() and len(cell) <= 4):
        raise WrongCell(column, Refused("cell_number"))
    return int(cell)


def cents_in(column: str, cell: str) -> int:
    """An amount in dollars; nothing and a bare zero are zero. WrongCell otherwise."""
    if not cell:
        return 0
    try:
        return parse_amount(cell)
    except Refused as refused:
        if refused.code == "amount_zero":
            return 0
        raise WrongCell(column, Refused("cell_amount")) from refused
