"""What is installed is written down: exact versions, whole, and nothing imported that is not listed."""

import ast
import importlib.metadata
import json
import re
import sys
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

ROOT = Path(__file__).resolve().parents[2]
PRODUCTION, DEVELOPMENT = ROOT / "requirements.txt", ROOT / "requirements-dev.txt"
OURS = {"portal", "simulator", "demo", "frontend", "config", "worker", "wsgi", "migrations", "tests", "bench"}
PIN = re.compile(r"^(?P<name>[A-Za-z0-9._-]+)(?:\[(?P<extra>[a-z,]+)\])?==(?P<version>[A-Za-z0-9.]+)$")
# Nobody imports these: programs, a driver that is loaded by name, and data.
NOT_IMPORTED = {"granian", "psycopg", "tzdata", "alembic"}


def normalised(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def lines(path: Path) -> list[str]:
    text = [line.split("#")[0].strip() for line in path.read_text().splitlines()]
    return [line for line in text if line]


def pins(path: Path) -> dict[str, str]:
    found = [PIN.match(line) for line in lines(path)]
    return {normalised(each["name"]): each["version"] for each in found if each}


def direct(path: Path) -> set[str]:
    """The ones above the closure."""
    head = path.read_text().split("# What the ones above need")[0]
    names = [PIN.match(line.split("#")[0].strip()) for line in head.splitlines()]
    return {normalised(each["name"]) for each in names if each}


def imported(*folders: str) -> dict[str, set[str]]:
    """Top-level names that are imported anywhere in these, with the files that do."""
    found: dict[str, set[str]] = {}
    for folder in folders:
        start = ROOT / folder
        for path in [start] if start.is_file() else sorted(start.rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text())):
                names = []
                if isinstance(node, ast.Import):
                    names = [alias.name for alias in node.names]
                elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                    names = [node.module]
                for name in names:
                    found.setdefault(name.split(".")[0], set()).add(path.relative_to(ROOT).as_posix())
    return {name: files for name, files in found.items() if name not in sys.stdlib_module_names | OURS}


@pytest.mark.parametrize("path", sorted(ROOT.glob("requirements*.txt")), ids=lambda path: path.name)
def test_every_requirement_is_pinned_to_one_version(path: Path) -> None:
    assert [line for line in lines(path) if not PIN.match(line)] == []
    assert lines(path), "an empty list pins nothing"


def test_what_is_installed_is_what_is_pinned() -> None:
    wanted = {**pins(DEVELOPMENT), **pins(PRODUCTION)}
    wrong = {}
    for name, version in wanted.items():
        try:
            installed = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            installed = "0"  # missing
        if Version(installed) != Version(version):
            wrong[name] = (installed, version)
    assert wrong == {}, "installed, pinned"


def test_the_closure_is_whole() -> None:
    """Whatever a pinned package needs here is pinned too: otherwise the same tree installs something else next year."""
    production, everything = pins(PRODUCTION), {**pins(DEVELOPMENT), **pins(PRODUCTION)}
    missing = set()
    for scope in (production, everything):
        for name in scope:
            for text in importlib.metadata.requires(name) or []:
                needed = Requirement(text)
                extras = ["", "binary"] if name == "psycopg" else [""]
                wanted = any(not needed.marker or needed.marker.evaluate({"extra": extra}) for extra in extras)
                if wanted and normalised(needed.name) not in scope:
                    missing.add(f"{name} needs {needed.name}")
    assert missing == set()


def test_every_import_is_a_listed_requirement() -> None:
    distributions = importlib.metadata.packages_distributions()
    listed = direct(PRODUCTION)
    strangers = {}
    folders = [
        name
        for name in ("portal", "simulator", "demo", "frontend", "migrations", "config.py", "worker.py", "wsgi.py")
        if (ROOT / name).exists()
    ]
    for module, files in imported(*folders).items():
        names = {normalised(name) for name in distributions.get(module, [module])}
        if not names & listed:
            strangers[module] = sorted(files)
    assert strangers == {}


def test_every_import_of_a_test_is_a_listed_requirement() -> None:
    distributions = importlib.metadata.packages_distributions()
    listed = pins(PRODUCTION).keys() | pins(DEVELOPMENT).keys()
    found = imported(*[name for name in ("tests", "bench") if (ROOT / name).exists()])
    assert {
        m: sorted(f) for m, f in found.items() if not {normalised(n) for n in distributions.get(m, [m])} & listed
    } == {}


def test_every_direct_requirement_is_used() -> None:
    distributions = importlib.metadata.packages_distributions()
    folders = [path.name for path in ROOT.iterdir() if path.name in OURS or path.stem in OURS]
    used = {normalised(name) for module in imported(*folders) for name in distributions.get(module, [module])}
    assert direct(PRODUCTION) - used - NOT_IMPORTED == set()


def test_the_lock_file_of_the_front_end_holds_no_download_address() -> None:
    text = (ROOT / "package-lock.json").read_text()
    assert '"resolved"' not in text
    assert "://" not in text
    lock = json.loads(text)
    packages = {name: entry for name, entry in lock["packages"].items() if name}
    assert packages
    assert all(entry["integrity"].startswith("sha512-") for entry in packages.values())


def test_front_end_packages_are_pinned_to_what_the_lock_file_holds() -> None:
    asked = json.loads((ROOT / "package.json").read_text())
    locked = json.loads((ROOT / "package-lock.json").read_text())["packages"]
    for name, version in {**asked["dependencies"], **asked["devDependencies"]}.items():
        assert re.fullmatch(r"\d+\.\d+\.\d+", version), name
        assert locked[f"node_modules/{name}"]["version"] == version
