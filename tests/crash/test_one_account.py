"""Nothing is paid above what is owed, with sixteen processes at one account at once (M7), on both databases."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def found(database_url: str) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "tests.crash.race", database_url], cwd=ROOT, capture_output=True, text=True, timeout=240
    )
    assert done.returncode == 0, done.stdout + done.stderr
    results: dict[str, Any] = json.loads(done.stdout)
    return results


@pytest.mark.crash
def test_sixteen_processes_pay_no_more_than_is_owed(found: dict[str, Any]) -> None:
    many = found["sixteen payments"]
    assert many["statuses"] == {"paid": 2, "declined balance_too_low": 14}
    assert many["taken_cents"] == many["booked_cents"] == 40_000
    assert many["balance_cents"] == 10_000

    one = found["one payment sixteen times"]
    assert one["statuses"] == {"paid": 1}
    assert one["taken_cents"] == one["booked_cents"] == 20_000

    lowered = found["payments and a lowered bill"]
    assert lowered["taken_cents"] == lowered["booked_cents"]
    assert lowered["balance_cents"] == 50_000 - lowered["booked_cents"] - lowered["lowered_cents"] >= 0
    assert {race["differs_cents"] for name, race in found.items() if name != "log"} == {0}
