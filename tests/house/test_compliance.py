"""docs/compliance.md says what the law asks and which attacks fail: each has a test of its number where it says."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "compliance.md"
ROW = re.compile(r"^\| (C?\d+) \| (.+) \|$", re.MULTILINE)
NAMES = re.compile(r"^\s*def (test_\w+)", re.MULTILINE)


def carried(name: str) -> set[str]:
    """The numbers a test's name carries: C16, and 105 after `attack`."""
    parts, found, after_attack = name.split("_"), set(), False
    for part in parts:
        after_attack = part == "attack" or (after_attack and part.isdigit())
        if re.fullmatch(r"c\d+", part):
            found.add(part.upper())
        elif after_attack and part.isdigit():
            found.add(str(int(part)))
    return found


def missing(page: str, root: Path) -> list[str]:
    return [
        f"{code} has no test of its number in {file}"
        for code, rest in ROW.findall(page)
        for file in re.findall(r"`(tests/[^`]+)`", rest) or ["any file"]
        if not any(code in carried(name) for name in NAMES.findall(_read(root / file)))
    ]


def _read(path: Path) -> str:
    return path.read_text() if path.is_file() else ""


def test_the_page_lists_every_rule_for_plans_and_messages_once() -> None:
    codes = [code for code, _ in ROW.findall(PAGE.read_text())]
    attacks = [36, 67, 81, 82, 83, *range(102, 108), 129]
    assert codes == [f"C{number}" for number in range(1, 32)] + [str(number) for number in attacks]


def test_every_rule_has_a_test_of_its_number_where_the_page_says() -> None:
    assert missing(PAGE.read_text(), ROOT) == []


@pytest.mark.parametrize(
    ("name", "numbers"),
    [
        ("test_c17_c28_whoever_wants_no_more", {"C17", "C28"}),
        ("test_attack_082_083_only_our_own", {"82", "83"}),
        ("test_m15_c10_attack_101_a_retry", {"C10", "101"}),
        ("test_in_24_hours_nothing", set()),
    ],
)
def test_a_name_carries_its_numbers(name: str, numbers: set[str]) -> None:
    assert carried(name) == numbers


def test_a_rule_without_its_test_is_seen(tmp_path: Path) -> None:
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "a.py").write_text("def test_c1_it_is_so() -> None: ...\n")
    page = "| C1 | So. | law | `tests/a.py`, `tests/b.py` |\n| 105 | Twice. | `tests/a.py` |\n"
    assert missing(page, tmp_path) == [
        "C1 has no test of its number in tests/b.py",
        "105 has no test of its number in tests/a.py",
    ]
