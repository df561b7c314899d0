"""No page takes a file: a logo that is a script, an HTML page or a bomb has no door to come in by (attack 106)."""

import re
from pathlib import Path

import pytest

PORTAL = Path(__file__).resolve().parents[2] / "portal"
TEMPLATES = sorted((PORTAL / "templates").rglob("*.html"))
VIEWS = sorted((PORTAL / "web").rglob("*.py"))
TAKES_FILE = re.compile(r"""type=["']?file\b|enctype=|multipart/form-data""", re.IGNORECASE)
READS_FILE = re.compile(r"\brequest\.files\b|\bFileField\b|\bFileStorage\b|\.save\(")


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.relative_to(PORTAL).as_posix())
def test_attack_106_no_form_sends_a_file(path: Path) -> None:
    assert TAKES_FILE.findall(path.read_text()) == []


def test_attack_106_no_view_reads_a_file() -> None:
    """What the one door for mail programs takes as multipart is a form of one word, and its fields alone are read."""
    assert [path.name for path in VIEWS if READS_FILE.search(path.read_text())] == []


def test_attack_106_the_pictures_of_a_page_are_drawn_by_the_house() -> None:
    """The icon is initials on the organisation's colour; every other picture stands in a template as SVG of ours."""
    pictures = [
        name for path in TEMPLATES for name in re.findall(r"<(?:img|image|object|embed|iframe)\b", path.read_text())
    ]
    assert pictures == []
