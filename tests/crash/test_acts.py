"""The fixed-seed part of the acts: each once, with somebody of it dying; `make crash` plays 800 in which all do."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from portal.usecases.failpoint import NAMES
from tests.crash.acts import ACTS, ONE_OF_EACH, cells, never_met, points
from tests.crash.history import CHARGER_POINTS, CUSTOMER_POINTS, JANITOR_POINTS
from tests.crash.table import SIGNED

ROOT = Path(__file__).resolve().parents[2]
FAILPOINT = 'failpoint("'


@pytest.mark.crash
@pytest.mark.timeout(900)
def test_m1_m11_n2_whoever_dies_in_an_act_money_moves_once_and_each_message_arrives(database_url: str) -> None:
    """Played again with `python -m tests.crash --only NUMBER --only-act --seed 20261`."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.crash.acts", database_url, "--one-of-each"],
        cwd=ROOT, capture_output=True, text=True, timeout=880,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(done.stdout)
    assert found["acts"] == dict.fromkeys((act.__name__ for act in ACTS), 1)
    assert len(found["met"]) > 3  # whether an armed one comes by its point may be a race


def test_one_of_each_is_in_the_plan_of_every_run() -> None:
    assert {cell.act for cell in ONE_OF_EACH} == set(ACTS)
    assert set(ONE_OF_EACH) <= set(cells(1))


def test_a_place_that_nobody_came_by_is_played_again_until_somebody_does() -> None:
    order = cells(7)
    armed = [place for place, cell in enumerate(order) if cell.point]
    never, at_last, met = armed[:3]
    nobody = next(place for place, cell in enumerate(order) if not cell.point)
    results = [
        {"number": number, "hits": [("point", "kill")] if is_hit else []}
        for number, is_hit in (
            (never, False), (never + len(order), False), (at_last, False), (at_last + len(order), True), (met, True),
            (nobody, False),
        )
    ]  # fmt: skip
    assert never_met(results, 7) == [never + len(order)]


def test_every_place_to_die_in_the_code_is_in_a_plan_of_the_rig() -> None:
    """A failpoint that nobody plays is a place where nobody knows what a crash does."""
    in_code = {
        part.partition('"')[0]
        for path in (ROOT / "portal").rglob("*.py")
        for part in path.read_text().split(FAILPOINT)[1:]
    }
    assert in_code == NAMES
    assert in_code - SIGNED == points() | {*CHARGER_POINTS, *CUSTOMER_POINTS, *JANITOR_POINTS}
