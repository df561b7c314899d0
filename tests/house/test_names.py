"""A file's name says no to what does not belong in it; it stays short, and says what it is for."""

import ast
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FORBIDDEN = {
    "utils", "util", "helpers", "helper", "common", "misc", "core", "base", "shared", "manager", "managers", "models",
    "views", "forms", "services", "stuff", "tools",
}  # fmt: skip
LINES_MAX = 400
UNFINISHED = re.compile(r"\b(TODO|FIXME|XXX|HACK|NotImplementedError|NotImplemented)\b")
MACHINE_PATH = re.compile(r"(?<![\w.$}])/(?:home|root|Users|work|mnt)/[\w.]")
BARE_EXCUSE = re.compile(r"#\s*(?:type:\s*ignore(?:\[[^\]]*\])?|noqa(?::\s*[A-Z0-9, ]+)?)\s*$")
MADE_BY_PROGRAMS = {"package-lock.json"}


def tracked() -> list[Path]:
    """What git holds or would hold: a new file counts before it is committed."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    return [ROOT / name for name in listed.split("\0") if name and (ROOT / name).is_file()]


FILES = tracked()
MODULES = [path for path in FILES if path.suffix == ".py"]
OURS = [path for path in MODULES if path.relative_to(ROOT).parts[0] != "tests"]
THIS = Path(__file__).resolve()


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def test_there_is_something_to_look_at() -> None:
    assert len(OURS) > 20


def test_no_file_or_folder_has_a_name_that_takes_anything_in() -> None:
    found = [
        name_of(path)
        for path in MODULES
        for part in (*path.relative_to(ROOT).parts[:-1], path.stem)
        if part.removeprefix("test_") in FORBIDDEN
    ]
    assert found == []


def test_no_module_is_longer_than_a_reader_can_hold() -> None:
    """A migration is a record of what was done once: it is as long as that was."""
    readable = [path for path in MODULES if not name_of(path).startswith("migrations/versions/")]
    assert {name_of(path): n for path in readable if (n := len(path.read_text().splitlines())) > LINES_MAX} == {}


def test_every_module_opens_by_saying_what_it_is_for() -> None:
    def says_nothing(path: Path) -> bool:
        return not ast.get_docstring(ast.parse(path.read_text())) and name_of(path) != "portal/__init__.py"

    assert [name_of(path) for path in MODULES if says_nothing(path)] == []


def test_portal_runs_nothing_when_it_is_imported() -> None:
    assert (ROOT / "portal" / "__init__.py").read_text() == ""


def test_a_package_holds_only_its_docstring() -> None:
    """`portal.storage` is the one that exports names: the session type that use cases speak of."""

    def statements(path: Path) -> list[ast.stmt]:
        return [
            node
            for node in ast.parse(path.read_text()).body
            if not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))
        ]

    packages = [path for path in OURS if path.name == "__init__.py" and name_of(path) != "portal/storage/__init__.py"]
    assert [name_of(path) for path in packages if statements(path)] == []
    exports = statements(ROOT / "portal" / "storage" / "__init__.py")
    assert all(isinstance(node, ast.ImportFrom | ast.Assign | ast.AnnAssign) for node in exports)


@pytest.mark.parametrize(
    ("pattern", "meaning"),
    [(UNFINISHED, "unfinished"), (MACHINE_PATH, "a path of one machine"), (BARE_EXCUSE, "an excuse without a reason")],
    ids=["unfinished", "machine-path", "bare-excuse"],
)
def test_no_line_is_left_that_a_reader_must_excuse(pattern: re.Pattern[str], meaning: str) -> None:
    found = []
    for path in FILES:
        if path == THIS or path.name in MADE_BY_PROGRAMS:
            continue
        try:
            text = path.read_text()
        except UnicodeDecodeError:
            continue
        found += [
            f"{name_of(path)}:{number}: {meaning}: {line.strip()[:80]}"
            for number, line in enumerate(text.splitlines(), 1)
            if pattern.search(line)
        ]
    assert found == []


@pytest.mark.parametrize(
    "line",
    ["x = 1  # noqa", "x = 1  # type: ignore[misc]", "x = 1  # noqa: E501"],
)
def test_a_bare_excuse_is_seen(line: str) -> None:
    assert BARE_EXCUSE.search(line)
    assert not BARE_EXCUSE.search(line + " - because the wire says so")
    assert not BARE_EXCUSE.search(line + "  # because the wire says so")


def test_nothing_that_a_machine_makes_is_in_git() -> None:
    held = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    made = ("node_modules/", "var/", ".venv/", "portal/static/vendor/", "portal/static/built/")
    assert [name for name in held if name.startswith(made) or name.endswith((".pyc", ".mo", ".sqlite3"))] == []
