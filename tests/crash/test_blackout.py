"""Everything killed at once, once: `make crash` does it twenty times on each engine."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.crash
@pytest.mark.timeout(900)
def test_f1_f3_all_processes_valkey_and_postgres_die_at_once_and_the_next_charge_comes_within_a_minute() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.crash.blackout", "postgres", "--cycles", "1", "--seed", "7"],
        cwd=ROOT, capture_output=True, text=True, timeout=880,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(done.stdout)
    assert found["cycles"] == 1
    assert 0 < found["seconds"][0] <= 60
