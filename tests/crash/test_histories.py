"""The fixed-seed part of the crash rig: what `make crash` plays by the thousand, played by the hundred."""

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.crash.history import ACTIONS, ENGINES, FAULTS, IN_TRANSACTION, choose, choose_control

ROOT = Path(__file__).resolve().parents[2]
SEED = 7
HISTORIES = 160
CONTROL = 16


@pytest.mark.crash
@pytest.mark.slow
@pytest.mark.timeout(900)
def test_no_crash_charges_twice_loses_invents_or_hangs_a_payment(testrun_uid: str, tmp_path: Path) -> None:
    """Replay a bad one with `python -m tests.crash --seed 7 --only NUMBER`."""
    results = tmp_path / "results.jsonl"
    done = subprocess.run(
        [sys.executable, "-m", "tests.crash", "--histories", str(HISTORIES), "--control", str(CONTROL),
         "--seed", str(SEED), "--lanes", "3", "--acts", "0", "--signings", "0", "--batches", "0", "--races", "0",
         "--cycles", "0",
         "--server-of", testrun_uid, "--results", str(results)],
        cwd=ROOT, capture_output=True, text=True, timeout=880,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-6_000:] + done.stderr[-2_000:]
    played = [json.loads(line) for line in results.read_text().splitlines()]
    ours = [result for result in played if result["way"] != "naive"]
    control = [result for result in played if result["way"] == "naive"]
    assert Counter(result["engine"] for result in ours) == dict.fromkeys(ENGINES, HISTORIES // 2)
    wrong = ("doubles", "lost", "phantom", "stuck")
    assert {key: sum(result[key] for result in ours) for key in wrong} == dict.fromkeys(wrong, 0)
    for engine in ENGINES:
        assert sum(result["doubles"] for result in control if result["engine"] == engine) > 0


def test_the_same_seed_makes_the_same_histories() -> None:
    assert [choose(3, n) for n in range(50)] == [choose(3, n) for n in range(50)]
    assert [choose_control(3, n) for n in range(50)] != [choose_control(4, n) for n in range(50)]


def test_a_full_run_comes_by_every_place_to_die_and_every_fault_on_both_engines() -> None:
    histories = [choose(1, number) for number in range(2_000)]
    for engine in ENGINES:
        here = [history for history in histories if history.engine == engine]
        assert {history.fault for history in here} == set(FAULTS)
        armed = {(history.charger_point, history.charger_action) for history in here}
        assert {(point, action) for point in IN_TRANSACTION for action in ACTIONS} <= armed
