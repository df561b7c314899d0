"""Each import contract is proven: a deliberate offence, planted in a copy of the tree, is caught by that contract."""

import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.house.test_requirements import imported

ROOT = Path(__file__).resolve().parents[2]
LAW = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
CONTRACTS = {contract["name"]: contract for contract in LAW["contracts"]}
LAYERS = "Arrows only go down"
CIRCLES = "No circles, on any floor"
DOORS = "The doors do not lean on one another"
STRANGERS = "Portal and simulator have never met"
FRONT_DOOR = "Settings come in by the front door"
BRAINTREE = "Braintree lives in one room"
SQL = "SQL lives in storage"
FLASK = "Flask lives in web"
TEMPLATES = "Templates are filled in web and delivery"
REDIS = "Redis lives in jobs"
PAPER = "Paper and text messages are made in delivery"
NETWORK = "The network is reached from two rooms"
CALENDAR = "The calendar of holidays is asked in one file"
HASHING = "Secrets are hashed in one file"
CODES = "Passwords and codes are judged in the domain"
WIRE = "The wire's servers live in the simulator"
ADAPTERS = "Only app.py picks adapters"
PORTS = "Use cases see the gateway only through their ports"

# Facts, figures and plain functions: using them somewhere else moves no wall.
ANYWHERE = {"structlog", "prometheus_client", "babel", "markupsafe", "phonenumbers", "cryptography"}
FONTS = {"fontpkg_caveat", "fontpkg_noto_sans", "fontpkg_noto_sans_arabic"}

# (contract, the file that offends, the line it adds)
OFFENCES = [
    (LAYERS, "portal/domain/offence.py", "import portal.usecases.ports"),
    (LAYERS, "portal/domain/offence.py", "from portal.storage import Session"),
    (LAYERS, "portal/usecases/offence.py", "import portal.web.access"),
    (LAYERS, "portal/storage/offence.py", "import portal.delivery.smtp"),
    (LAYERS, "portal/gateway/offence.py", "import portal.storage.charge"),
    (LAYERS, "portal/jobs/offence.py", "import portal.web.access"),
    (LAYERS, "portal/web/offence.py", "import portal.app"),
    (LAYERS, "portal/utils.py", "import json"),
    (CIRCLES, "portal/domain/money.py", "import portal.domain.offence"),
    (DOORS, "portal/web/payment_link/offence.py", "import portal.web.planted_door"),
    (STRANGERS, "portal/domain/offence.py", "import simulator"),
    (STRANGERS, "simulator/offence.py", "import portal.domain.money"),
    (FRONT_DOOR, "portal/web/offence.py", "import config"),
    (FRONT_DOOR, "portal/jobs/offence.py", "import worker"),
    (FRONT_DOOR, "simulator/offence.py", "import demo"),
    (BRAINTREE, "portal/gateway/offence.py", "import braintree"),
    (BRAINTREE, "portal/usecases/offence.py", "from braintree.exceptions import NotFoundError"),
    (BRAINTREE, "simulator/offence.py", "import braintree"),
    (SQL, "portal/usecases/offence.py", "from sqlalchemy import select"),
    (SQL, "portal/web/offence.py", "import sqlalchemy.orm"),
    (FLASK, "portal/usecases/offence.py", "from flask import request"),
    (FLASK, "portal/delivery/offence.py", "import flask_babel"),
    (FLASK, "portal/jobs/offence.py", "import flask"),
    (FLASK, "portal/usecases/offence.py", "import flask_limiter"),
    (FLASK, "portal/domain/offence.py", "from werkzeug.exceptions import NotFound"),
    (PAPER, "portal/web/offence.py", "import typst"),
    (PAPER, "portal/usecases/offence.py", "from twilio.rest import Client"),
    (NETWORK, "portal/usecases/offence.py", "import requests"),
    (NETWORK, "portal/web/offence.py", "import urllib3"),
    (TEMPLATES, "portal/usecases/offence.py", "import jinja2"),
    (REDIS, "portal/web/offence.py", "import redis"),
    (REDIS, "portal/usecases/offence.py", "from rq import Queue"),
    (CALENDAR, "portal/usecases/offence.py", "import holidays"),
    (HASHING, "portal/web/offence.py", "import argon2"),
    (CODES, "portal/usecases/offence.py", "import pyotp"),
    (CODES, "portal/web/offence.py", "from zxcvbn import zxcvbn"),
    (WIRE, "portal/delivery/offence.py", "import aiohttp"),
    (ADAPTERS, "portal/web/offence.py", "import portal.gateway"),
    (ADAPTERS, "portal/jobs/offence.py", "import portal.delivery"),
    (PORTS, "portal/usecases/offence.py", "import portal.gateway"),
    (PORTS, "portal/usecases/offence.py", "import portal.delivery"),
]


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tree as it stands, without its data and templates."""
    copy = tmp_path_factory.mktemp("law")
    only_python = shutil.ignore_patterns("__pycache__", "static", "templates", "translations", "pages")
    for room in ("portal", "simulator", "demo"):
        shutil.copytree(ROOT / room, copy / room, ignore=only_python)
    for name in ("pyproject.toml", "config.py", "worker.py", "wsgi.py"):
        shutil.copy(ROOT / name, copy / name)
    return copy


@pytest.fixture
def tree(copy: Path) -> Iterator[Path]:
    """The copy, put right again after the test."""
    before = {path: path.read_text() for path in copy.rglob("*.py")}
    law = (copy / "pyproject.toml").read_text()
    yield copy
    (copy / "pyproject.toml").write_text(law)
    for path in copy.rglob("*.py"):
        if path not in before:
            path.unlink()
        elif path.read_text() != before[path]:
            path.write_text(before[path])


def judged(tree: Path) -> tuple[set[str], str]:
    """The names of the broken contracts, and all that was said."""
    done = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-logo", "--cache-dir", str(tree / ".cache")],
        cwd=tree, capture_output=True, text=True, env={"PYTHONPATH": str(tree), "COLUMNS": "300", "PATH": ""},
    )  # fmt: skip
    said = done.stdout + done.stderr
    broken = {name for name in CONTRACTS if f"{name} BROKEN" in said}
    assert done.returncode == (1 if broken else 0), said
    return broken, said


def test_the_tree_as_it_stands_keeps_every_contract(tree: Path) -> None:
    broken, said = judged(tree)
    assert broken == set(), said
    assert all(f"{name} KEPT" in said for name in CONTRACTS), said


@pytest.mark.parametrize(("contract", "place", "line"), OFFENCES)
def test_a_deliberate_offence_is_caught(contract: str, place: str, line: str, tree: Path) -> None:
    offender = tree / place
    offender.write_text((offender.read_text() if offender.exists() else "") + f"\n{line}\n")
    if contract == CIRCLES:
        (tree / "portal/domain/offence.py").write_text("import portal.domain.money\n")
    if contract == DOORS:
        # A second door may not exist yet: plant one and put it into the law, as its builder must.
        (tree / "portal/web/planted_door.py").write_text("")
        law = tree / "pyproject.toml"
        listed = '"portal.web.payment_link"'
        law.write_text(law.read_text().replace(listed, f'{listed}, "portal.web.planted_door"', 1))
    broken, said = judged(tree)
    assert contract in broken, said


def test_every_contract_has_an_offence_of_its_own() -> None:
    assert {contract for contract, _, _ in OFFENCES} == set(CONTRACTS)


def test_every_door_is_in_the_contract_of_doors() -> None:
    doors = {f"portal.web.{path.parent.name}" for path in (ROOT / "portal" / "web").glob("*/__init__.py")}
    assert doors, "portal/web has no door"
    assert doors - set(CONTRACTS[DOORS]["modules"]) == set()


def test_every_foreign_library_of_the_portal_has_its_room() -> None:
    """A library is protected by a contract, or it is one of the few that may be used on any floor."""
    protected = {name for contract in CONTRACTS.values() for name in contract.get("protected_modules", [])}
    assert sorted(set(imported("portal")) - protected - ANYWHERE - FONTS) == []


def test_no_contract_has_an_exception() -> None:
    assert [name for name, contract in CONTRACTS.items() if contract.get("ignore_imports")] == []
