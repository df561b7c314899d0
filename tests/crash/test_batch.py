"""The fixed-seed part of the batches under fire; `make crash` plays 400 of them."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
HISTORIES = 8


@pytest.mark.crash
@pytest.mark.timeout(300)
def test_m1_a_batch_that_is_killed_frozen_or_raised_in_takes_each_payment_once(database_url: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.crash.batch", database_url, "--histories", str(HISTORIES), "--seed", "3"],
        cwd=ROOT, capture_output=True, text=True, timeout=280,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(done.stdout)
    assert found["histories"] == HISTORIES
    assert found["hit"] > 1  # whether the armed worker comes by its point is a race, too
    assert sum(found["ends"].values()) == HISTORIES * 10
