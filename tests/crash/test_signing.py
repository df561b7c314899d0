"""The fixed-seed part of signing under fire, one history of each kind; `make crash` plays hundreds."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.crash.act import SENDING
from tests.crash.signing import ALL_POINTS
from tests.crash.table import SIGNED

ROOT = Path(__file__).resolve().parents[2]
HISTORIES = 5


@pytest.mark.crash
@pytest.mark.timeout(300)
def test_n1_p10_who_signs_while_processes_die_signs_once_and_whole(database_url: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.crash.signing", database_url, "--histories", str(HISTORIES), "--seed", "1"],
        cwd=ROOT, capture_output=True, text=True, timeout=280,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(done.stdout)
    assert (found["histories"], sum(found["ends"].values())) == (HISTORIES, HISTORIES)
    assert found["hit"] > 0
    assert {point for point, _ in found["met"]} & set(SENDING), "the mail of completion was sent by somebody who died"
    assert {end.split()[0] for end in found["ends"]} == {"browser", "cancel", "expire", "offer"}


def test_every_place_to_die_around_a_plan_is_played() -> None:
    assert ALL_POINTS == SIGNED
