"""docs/invariants.md says what always holds: each sentence has a test of its name where the page says."""

import re
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "invariants.md"
ROW = re.compile(r"^\| ([MPNF]\d+)(?: \*)? \| (.+?) \|(.*?)\|$", re.MULTILINE)
FAMILIES = {"M": 16, "P": 10, "N": 6, "F": 8}
NAMED = re.compile(r"^\s*def test_((?:[mpnf]\d+_)+)", re.MULTILINE)


@dataclass(frozen=True)
class Invariant:
    """A row of the page."""

    code: str
    sentence: str
    files: tuple[str, ...]


def listed(page: str) -> list[Invariant]:
    return [
        Invariant(code, sentence, tuple(re.findall(r"`([^`]+)`", files))) for code, sentence, files in ROW.findall(page)
    ]


def named_in(source: str) -> set[str]:
    """The codes that names of tests begin with."""
    return {code.upper() for codes in NAMED.findall(source) for code in codes.strip("_").split("_")}


def missing(invariants: list[Invariant], sources: dict[str, str]) -> list[str]:
    return [
        f"{each.code} has no test of its name in {file}"
        for each in invariants
        for file in each.files or ("any file",)
        if each.code not in named_in(sources.get(file, ""))
    ]


@pytest.fixture(scope="module")
def invariants() -> list[Invariant]:
    return listed(PAGE.read_text())


@pytest.fixture(scope="module")
def sources() -> dict[str, str]:
    return {str(path.relative_to(ROOT)): path.read_text() for path in sorted((ROOT / "tests").rglob("test_*.py"))}


def test_the_page_lists_every_invariant_once_in_order(invariants: list[Invariant]) -> None:
    expected = [f"{family}{number}" for family, most in FAMILIES.items() for number in range(1, most + 1)]
    assert [each.code for each in invariants] == expected
    assert len({each.sentence for each in invariants}) == len(expected)


def test_every_invariant_has_a_test_of_its_name_where_the_page_says(
    invariants: list[Invariant], sources: dict[str, str]
) -> None:
    assert missing(invariants, sources) == []


def test_no_test_is_named_after_an_invariant_that_is_not_listed(
    invariants: list[Invariant], sources: dict[str, str]
) -> None:
    known = {each.code for each in invariants}
    assert {file: odd for file, source in sources.items() if (odd := named_in(source) - known)} == {}


def test_a_sentence_without_its_test_is_seen() -> None:
    page = "| M1 * | Once. | `tests/a.py`, `tests/b.py` |\n| M2 | Booked. | `tests/a.py` |\n| P1 | Never after. |  |\n"
    found = listed(page)
    assert [each.code for each in found] == ["M1", "M2", "P1"]
    sources = {"tests/a.py": "def test_m1_m3_it_is_once() -> None:\n", "tests/b.py": "def test_once_m1_x():\n"}
    assert missing(found, sources) == [
        "M1 has no test of its name in tests/b.py",
        "M2 has no test of its name in tests/a.py",
        "P1 has no test of its name in any file",
    ]
