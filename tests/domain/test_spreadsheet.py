"""CSV read within bounds and written without a formula."""

import csv
import io

import pytest

from portal.domain.refusal import Refused
from portal.domain.spreadsheet import BYTES_MAX, ROWS_MAX, SheetRow, is_formula, read_rows, written_rows

NEEDED = ("a", "b")


def read(content: bytes | str) -> list[SheetRow]:
    return read_rows(content.encode() if isinstance(content, str) else content, NEEDED, ("c",))


def test_columns_may_stand_in_any_order_and_empty_lines_are_no_rows() -> None:
    assert read("B,A\n1, 2 \n\n,\n3,4\n") == [SheetRow(2, {"b": "1", "a": "2"}), SheetRow(5, {"b": "3", "a": "4"})]


def test_the_mark_that_excel_writes_before_utf_8_is_no_part_of_the_first_column() -> None:
    assert read(b"\xef\xbb\xbfa,b\r\n1,Jos\xc3\xa9\r\n") == [SheetRow(2, {"a": "1", "b": "José"})]


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"a,b\n1,2\n".decode().encode("utf-16"), "file_encoding"),
        (b"a,b\n1,2\n".decode().encode("utf-16-le"), "file_nul"),
        (b"a,b\n1,\xe9\n", "file_encoding"),
        (b"a,b\n1,\x002\n", "file_nul"),
        (b"a,b\n" + b"1,2\n" * (BYTES_MAX // 4), "file_too_large"),
        (b"a,b\n" + b"1,2\n" * (ROWS_MAX + 1), "file_rows"),
        (b"a,b,A\n1,2,3\n", "file_columns_twice"),
        (b"a\n1\n", "file_columns_missing"),
        (b"a,b,organisation_id\n1,2,3\n", "file_columns_unknown"),
        (b"a,b\n1,2,3\n", "file_ragged"),
        (b"a,b\n1\n", "file_ragged"),
        (b"", "file_empty"),
        (b"a,b\n", "file_empty"),
        (b"a,b\n" + b"1" * 501 + b",2\n", "file_cell"),
        (b'a,b\n"1,2\n', "file_unreadable"),
        (b'a,b\n"1"x,2\n', "file_unreadable"),
        (b"a,b\n" + b'"' + b"1" * 200_000 + b'",2\n', "file_unreadable"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_attack_107_a_file_that_is_no_such_file_is_refused_whole(content: bytes, code: str) -> None:
    with pytest.raises(Refused) as refused:
        read(content)
    assert refused.value.code == code


FORMULAS = [
    "=1+1", "+1", "-1", "@SUM(1)", "\t=1", "\r=1", "\n=1", "\0=1", "＝1+1", "＋1", "－1", "＠SUM(1)", " =1",
    '=HYPERLINK("http://evil.example","x")', "=cmd|' /C calc'!A0",
]  # fmt: skip


@pytest.mark.parametrize("cell", FORMULAS)
def test_attack_084_a_cell_that_would_be_computed_is_written_as_text(cell: str) -> None:
    assert is_formula(cell)
    text = written_rows(("name",), [(cell,)]).decode("utf-8-sig")
    [_, [found]] = csv.reader(io.StringIO(text, newline=""))
    assert found.startswith("'")
    assert not is_formula(found)


def test_attack_084_quotes_commas_and_lines_stay_in_their_cell() -> None:
    cells = ('a"b', "c,d", "e\nf", "José", "")
    text = written_rows(("1", "2", "3", "4", "5"), [cells]).decode("utf-8-sig")
    assert list(csv.reader(io.StringIO(text, newline="")))[1] == list(cells)


def test_what_is_written_is_read_again() -> None:
    assert read(written_rows(NEEDED, [("1", "x,y")])) == [SheetRow(2, {"a": "1", "b": "x,y"})]
