"""`make crash`: plays thousands of histories of a charge with real processes and prints what went wrong.

Then the rigs beside it: acts (the run, refunds, notices, schedules, messages), batches, cancels that race a charge, and
everything killed at once. Exit code 1 when one of ours charged twice, lost, made up or left hanging a payment, when the
control never charged twice, or when a place to die or a fault was never met. `--seed N --only K` plays one history
again; `--only-control` and `--only-act` say of which kind.
"""

import argparse
import contextlib
import json
import os
import selectors
import signal
import subprocess
import sys
import tempfile
import time
import uuid
import warnings
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from shutil import copyfile
from typing import Any

from tests.crash.history import ENGINES, History, choose, choose_control
from tests.crash.lane import Lane, start
from tests.crash.table import coverage, is_control, report, total
from tests.rig import postgres, scratch
from tests.rig.simulator_process import SimulatorProcess

SEED = 20_261


def main() -> int:
    """Reads the options, plays, prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--histories", type=int, default=2_000, help="of ours, on all engines together")
    parser.add_argument("--control", type=int, default=200, help="of the naive way")
    parser.add_argument("--acts", type=int, default=800, help="histories of acts, on all engines together")
    parser.add_argument("--batches", type=int, default=400, help="histories of the run's batches, on all engines")
    parser.add_argument("--signings", type=int, default=200, help="histories of a plan being signed, on all engines")
    parser.add_argument("--cycles", type=int, default=20, help="everything killed at once: so often, on each engine")
    parser.add_argument(
        "--races", type=int, default=10_000, help="of a cancel against a charge, on all engines together"
    )
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--only", type=int, help="play this one history, and say what happened")
    parser.add_argument("--only-control", action="store_true", help="with --only: the one of the control")
    parser.add_argument("--only-act", action="store_true", help="with --only: the act of that number")
    parser.add_argument("--engine", choices=(*ENGINES, "both"), default="both")
    parser.add_argument("--lanes", type=int, default=max(2, (os.cpu_count() or 2)), help="on each engine, at once")
    parser.add_argument("--seconds", type=float, default=0, help="stop after so long (0: play them all)")
    parser.add_argument(
        "--covers", action="store_true", help="fail when something was never met, however few are played"
    )
    parser.add_argument("--server-of", default="", help="share the PostgreSQL server of this test run")
    parser.add_argument("--results", type=Path, help="write each result as a JSON line")
    options = parser.parse_args()
    scratch.use()
    warnings.simplefilter("ignore", DeprecationWarning)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # servers are stopped on the way out
    if options.only_act:
        return _play_act_again(options)
    chosen = _chosen(options)
    with tempfile.TemporaryDirectory(prefix="paydoor-crash-") as folder, contextlib.ExitStack() as stack:
        results = _play(chosen, options, Path(folder), stack)
        log = Path(folder, "log").read_text() if Path(folder, "log").exists() else ""
        beside = _play_beside(options, Path(folder)) if options.only is None else Beside()
    if options.results:
        options.results.write_text("".join(json.dumps(result) + "\n" for result in results))
    return _judge(results, len(chosen), options, log, beside.met) or int(beside.failed)


@dataclass
class Beside:
    """What the rigs that are programs of their own found: whether one failed, and the places to die they came by."""

    failed: bool = False
    met: Counter[tuple[str, str]] = field(default_factory=Counter)


def _engines(options: argparse.Namespace) -> Sequence[str]:
    return ENGINES if options.engine == "both" else (options.engine,)


def _play_beside(options: argparse.Namespace, folder: Path) -> Beside:
    """Each on both engines at once, one after the other."""
    engines, beside = _engines(options), Beside()
    for module, option, number in (
        ("tests.crash.acts", "--histories", options.acts // len(engines)),
        ("tests.crash.batch", "--histories", options.batches // len(engines)),
        ("tests.crash.signing", "--histories", options.signings // len(engines)),
        ("tests.crash.cancel_race", "--races", options.races // len(engines)),
        ("tests.crash.blackout", "--cycles", options.cycles),
    ):
        if number:
            _play_program(module, [option, str(number)], beside, options, folder)
    return beside


def _play_act_again(options: argparse.Namespace) -> int:
    beside = Beside()
    with tempfile.TemporaryDirectory(prefix="paydoor-crash-") as folder:
        _play_program("tests.crash.acts", ["--only", str(options.only)], beside, options, Path(folder))
    return int(beside.failed)


def _play_program(module: str, arguments: list[str], beside: Beside, options: argparse.Namespace, folder: Path) -> None:
    with contextlib.ExitStack() as stack:
        running = {}
        for engine in _engines(options):
            if module == "tests.crash.blackout":  # brings its own server, to kill it
                where = engine
            else:
                [where] = _databases(engine, 1, Path(tempfile.mkdtemp(dir=folder)), options, stack)
            command = [sys.executable, "-m", module, where, *arguments, "--seed", str(options.seed)]
            running[engine] = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
            stack.callback(running[engine].terminate)
        for engine, process in running.items():
            said, _ = process.communicate()
            found = json.loads(said) if said.strip() else {"sentence": "ended without a word"}
            beside.failed = beside.failed or process.returncode != 0
            beside.met.update((point, action) for point, action in found.get("met", ()))
            _say(f"{module.rpartition('.')[2]} on {engine}: {found['sentence']}")
            if process.returncode or options.only is not None:
                _say(f"{'FAILED' if process.returncode else 'played again'} {said}")


def _chosen(options: argparse.Namespace) -> list[History]:
    if options.only is not None:
        return [(choose_control if options.only_control else choose)(options.seed, options.only)]
    engines = _engines(options)
    ours = [choose(options.seed, number) for number in range(options.histories * len(ENGINES) // len(engines))]
    control = [choose_control(options.seed, number) for number in range(options.control * len(ENGINES) // len(engines))]
    return [history for history in (*ours, *control) if history.engine in engines]


def _play(
    chosen: list[History], options: argparse.Namespace, folder: Path, stack: contextlib.ExitStack
) -> list[dict[str, Any]]:
    simulator = SimulatorProcess(latency_ms=0)
    stack.callback(simulator.stop)
    lanes = selectors.DefaultSelector()
    for engine in ENGINES:
        here = [history for history in chosen if history.engine == engine]
        if not here:
            continue
        urls = _databases(engine, min(options.lanes, len(here)), folder, options, stack)
        for n, url in enumerate(urls):
            lane = start(url, simulator, here[n :: len(urls)], folder / "log")
            stack.callback(lane.stop)
            lanes.register(lane.results, selectors.EVENT_READ, lane)
    return _collect(lanes, len(chosen), options.seconds)


def _databases(
    engine: str, number: int, folder: Path, options: argparse.Namespace, stack: contextlib.ExitStack
) -> list[str]:
    """Empty migrated databases, one for each lane."""
    if engine == "postgres":
        server = postgres.start(options.server_of or uuid.uuid4().hex[:8])
        stack.callback(server.stop)
        urls = [server.create() for _ in range(number)]
        for url in urls:
            stack.callback(server.drop, url)
        return urls
    template = folder / "template.sqlite3"
    postgres.migrate(f"sqlite:///{template}")
    paths = [folder / f"lane-{n}.sqlite3" for n in range(number)]
    for path in paths:
        copyfile(template, path)
    return [f"sqlite:///{path}" for path in paths]


def _collect(lanes: selectors.BaseSelector, expected: int, seconds: float) -> list[dict[str, Any]]:
    results: list[dict[str, Any]] = []
    began = said = time.monotonic()
    while lanes.get_map() and (not seconds or time.monotonic() - began < seconds):
        for key, _ in lanes.select(1):
            lane: Lane = key.data
            told = lane.read()
            if told is None:
                lanes.unregister(key.fileobj)
                continue
            results += told
            for result in told:
                if not result["is_good"] and not is_control(result):
                    _say(f"BAD {result['engine']} history {result['number']}: {_sentence(result)}")
        if time.monotonic() - said > 10 or len(results) == expected:
            said = time.monotonic()
            bad = sum(not result["is_good"] for result in results if not is_control(result))
            _say(f"{len(results):>5} of {expected} histories, {bad} bad, {said - began:.0f} s")
    return results


def _judge(
    results: list[dict[str, Any]],
    expected: int,
    options: argparse.Namespace,
    log: str,
    beside: Counter[tuple[str, str]],
) -> int:
    if options.only is not None:
        for result in results:
            _say(json.dumps(result, indent=2))
        _say(log)
    ours, control = [r for r in results if not is_control(r)], [r for r in results if is_control(r)]
    for line in ("", *report(results), ""):
        _say(line)
    problems = []
    if len(results) < expected and not options.seconds:
        problems.append(f"{expected - len(results)} histories were not played; the log ends with:\n{log[-3000:]}")
    if options.only is None:
        lines, missing = coverage(results, beside)
        for line in (*lines, ""):
            _say(line)
        if missing and (options.covers or len(ours) >= 1_000):
            problems.append(f"never met: {', '.join(missing)}")
        if control and not total(control, "doubles"):
            problems.append("the control charged nobody twice: the rig sees nothing")
    problems += [
        f"--seed {options.seed} --only {result['number']} ({result['engine']}): {_sentence(result)}"
        for result in ours
        if not result["is_good"]
    ]
    _say(
        f"{total(ours, 'doubles')} doubles, {total(ours, 'lost')} lost, {total(ours, 'phantom')} phantom, "
        f"{total(ours, 'stuck')} stuck in {len(ours)} histories; "
        f"the control: {total(control, 'doubles')} doubles in {len(control)}"
    )
    for problem in problems:
        _say(f"FAILED {problem}")
    return 1 if problems else 0


def _sentence(result: dict[str, Any]) -> str:
    counts = ", ".join(f"{result[key]} {key}" for key in ("doubles", "lost", "phantom", "stuck") if result[key])
    return f"{counts} {result['wrong']} [{result['described']}]"


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
