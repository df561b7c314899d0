"""P1 with real processes: after a cancel commits no claim commits, however close. `make crash` plays 10,000."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
RACES = 150


@pytest.mark.crash
@pytest.mark.timeout(300)
def test_p1_two_processes_race_a_cancel_against_a_charge_and_no_claim_is_late(database_url: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.crash.cancel_race", database_url, "--races", str(RACES), "--seed", "7"],
        cwd=ROOT, capture_output=True, text=True, timeout=280,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(done.stdout)
    assert found["races"] == RACES
    assert set(found["ends"]) == {"cancelled first", "claimed first, asked back"}  # both sides win some
