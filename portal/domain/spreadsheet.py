"""Rows that people hand over or take away as CSV: read within bounds, written so that no cell is ever a formula.

Called by imports and exports. Knows the form of a file, never what its rows mean.
"""

import csv
import io
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from portal.domain.refusal import Refused

BYTES_MAX = 2_000_000
ROWS_MAX = 1_000  # all of them are written in one transaction, and payments wait behind it on SQLite
CELL_LENGTH_MAX = 500
_OTHER_ENCODINGS = (b"\xff\xfe", b"\xfe\xff")
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\0")


@dataclass(frozen=True, slots=True)
class SheetRow:
    """One row below the header; `number` as a spreadsheet shows it, the header being 1. Cells have no space around."""

    number: int
    cells: dict[str, str]


@dataclass(frozen=True, slots=True)
class RowError:
    """What is wrong with one row. `column` is empty when it is the row as a whole."""

    number: int
    column: str
    refused: Refused


def read_rows(content: bytes, needed: Sequence[str], optional: Sequence[str] = ()) -> list[SheetRow]:
    """The rows of a UTF-8 CSV file with exactly these columns, in any order; what is optional may be left out.

    Refused as a whole, before a row is looked at: `file_too_large`, `file_empty`, `file_encoding` (UTF-16 and other
    than UTF-8), `file_nul`, `file_unreadable`, `file_columns_twice`, `file_columns_missing`, `file_columns_unknown`,
    `file_rows`, `file_ragged` (a row with other than the header's number of cells), `file_cell` (a cell is too long).
    """
    if len(content) > BYTES_MAX:
        raise Refused("file_too_large", most=BYTES_MAX)
    if content.startswith(_OTHER_ENCODINGS):
        raise Refused("file_encoding")
    if b"\0" in content:
        raise Refused("file_nul")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Refused("file_encoding") from error
    try:
        read = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    except csv.Error as error:
        raise Refused("file_unreadable") from error
    if not read:
        raise Refused("file_empty")
    header = [name.strip().lower() for name in read[0]]
    _require_columns(header, needed, optional)
    rows = [
        SheetRow(number, dict(zip(header, (cell.strip() for cell in cells), strict=False)))
        for number, cells in enumerate(read[1:], 2)
        if any(cell.strip() for cell in cells) and _is_square(number, cells, len(header))
    ]
    if not rows:
        raise Refused("file_empty")
    if len(rows) > ROWS_MAX:
        raise Refused("file_rows", most=ROWS_MAX)
    return rows


def _require_columns(header: Sequence[str], needed: Sequence[str], optional: Sequence[str]) -> None:
    twice = sorted({name for name in header if header.count(name) > 1})
    missing = [name for name in needed if name not in header]
    unknown = [name[:40] for name in header if name not in needed and name not in optional]
    for code, names in (
        ("file_columns_twice", twice),
        ("file_columns_missing", missing),
        ("file_columns_unknown", unknown),
    ):
        if names:
            raise Refused(code, names=", ".join(names))


def _is_square(number: int, cells: Sequence[str], width: int) -> bool:
    if len(cells) != width:
        raise Refused("file_ragged", row=number, width=width, found=len(cells))
    if any(len(cell) > CELL_LENGTH_MAX for cell in cells):
        raise Refused("file_cell", row=number, most=CELL_LENGTH_MAX)
    return True


def is_formula(cell: str) -> bool:
    """Whether a spreadsheet program would compute this cell, full-width look-alikes included (attack 84)."""
    plain = unicodedata.normalize("NFKC", cell)
    return cell.startswith(_FORMULA) or plain.startswith(_FORMULA) or plain.lstrip().startswith(_FORMULA)


def written_rows(header: Sequence[str], rows: Iterable[Sequence[str]]) -> bytes:
    """A CSV file as spreadsheet programs open it: UTF-8 with its mark, every cell quoted, none a formula.

    A cell that would be computed gets an apostrophe before it (ASVS 1.2.10); what cannot be shown is left out.
    """
    out = io.StringIO(newline="")
    writer = csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    for row in (header, *rows):
        writer.writerow([_inert(cell) for cell in row])
    return b"\xef\xbb\xbf" + out.getvalue().encode()


def _inert(cell: str) -> str:
    shown = "".join(each for each in cell if each == "\n" or unicodedata.category(each) not in {"Cc", "Cs"})
    return f"'{shown}" if is_formula(cell) or is_formula(shown) else shown
