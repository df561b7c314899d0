"""What the documentation promises is so: paths exist, links lead somewhere, settings are described."""

import re
import subprocess
from pathlib import Path

import pytest

from config import Settings

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*(ROOT / "docs").rglob("*.md"), ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md"])
LINK = re.compile(r"\]\(([^)#\s]+)[^)]*\)")
FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
QUOTED = re.compile(r"`([^`]+)`")
SETTING_ROW = re.compile(r"^\| `([A-Z_]+)` \|", re.MULTILINE)


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def paths_in(text: str) -> list[str]:
    """What is written as code and looks like a path of this tree."""
    roots = {path.name for path in ROOT.iterdir()} | {"portal", "simulator", "tests", "docs", "bench"}
    return [
        word
        for quoted in QUOTED.findall(FENCE.sub("", text))
        for word in quoted.split()
        if "/" in word
        and word.split("/")[0] in roots
        and re.fullmatch(r"[\w./-]+", word)
        and not word.startswith("var/")
    ]


def test_every_path_in_the_map_exists() -> None:
    text = (ROOT / "docs" / "map.md").read_text()
    files = [
        word
        for quoted in QUOTED.findall(FENCE.sub("", text))
        for word in quoted.split()
        if re.fullmatch(r"\w+\.(py|toml)", word)
    ]
    named = set(paths_in(text)) | set(files)
    assert len(named) > 20
    assert sorted(name for name in named if not (ROOT / name).exists()) == []


def test_every_room_is_on_the_map() -> None:
    text = (ROOT / "docs" / "map.md").read_text()
    rooms = {f"portal/{path.name}" for path in (ROOT / "portal").iterdir() if path.is_dir() and path.name[0] != "_"}
    held = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    folders = {name.split("/")[0] for name in held.splitlines() if "/" in name} - {".ci", "docs", "portal"}
    assert sorted(name for name in rooms | folders if f"`{name}`" not in text) == []


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_path_in_a_page_exists(page: Path) -> None:
    made = ("portal/static/vendor", "portal/static/built", "portal/static/manifest.json")
    named = [name for name in paths_in(page.read_text()) if not name.startswith(made)]
    assert [name for name in named if not (ROOT / name).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_link_in_a_page_leads_somewhere(page: Path) -> None:
    targets = [target for target in LINK.findall(page.read_text()) if "://" not in target]
    assert [target for target in targets if not (page.parent / target).exists()] == []


def test_every_setting_is_described_and_nothing_else_is() -> None:
    described = SETTING_ROW.findall((ROOT / "docs" / "settings.md").read_text())
    assert len(described) == len(set(described)), "a setting is described twice"
    assert set(described) == Settings.names()


def test_no_code_reads_a_setting_behind_the_back_of_config() -> None:
    reads = re.compile(r"\bos\.(?:environ|getenv)\b|\bfrom os import\b.*\b(?:environ|getenv)\b")
    rooms = [*(ROOT / "portal").rglob("*.py"), *(ROOT / "simulator").rglob("*.py")]
    assert [name_of(path) for path in rooms if reads.search(path.read_text())] == []


def test_every_decision_is_listed() -> None:
    listed = (ROOT / "docs" / "decisions" / "README.md").read_text()
    pages = [path.name for path in (ROOT / "docs" / "decisions").glob("*.md") if path.name != "README.md"]
    assert [name for name in pages if f"({name})" not in listed] == []


def test_every_make_target_that_a_page_names_can_be_made() -> None:
    makefile = (ROOT / "Makefile").read_text()
    named = {target for page in PAGES for target in re.findall(r"`make ([a-z-]+)", page.read_text())}
    assert {"demo", "demo-reset", "test", "check", "bench", "crash"} <= named
    assert [target for target in sorted(named) if not re.search(rf"^{target}:", makefile, re.MULTILINE)] == []


def test_make_help_lists_what_a_newcomer_needs() -> None:
    said = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert [
        name for name in ("demo", "demo-reset", "test", "check", "bench", "crash") if f"make {name} " not in said
    ] == []


def test_make_speaks_only_of_programs_that_exist() -> None:
    """`python -m x` in the Makefile is a package or module of this tree, or an installed tool."""
    modules = set(re.findall(r"\$\(PY\) -m ([\w.]+)", (ROOT / "Makefile").read_text()))
    tools = {"pip", "ruff", "mypy", "pytest"}
    missing = [
        module
        for module in sorted(modules - tools)
        if not (ROOT / module.replace(".", "/") / "__main__.py").exists()
        and not (ROOT / f"{module.replace('.', '/')}.py").exists()
    ]
    assert missing == []
