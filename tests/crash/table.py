"""Adds the results of a run up and prints them: by engine and variant, by what made it hard, and what was met."""

from collections import Counter
from collections.abc import Iterable
from typing import Any

from portal.usecases.failpoint import NAMES
from tests.crash.history import ACTIONS, FAULTS

COUNTED = ("doubles", "lost", "phantom", "stuck", "wrong", "review")
Result = dict[str, Any]
# Where whoever offers, signs or ends a plan may die: tests/crash/signing.py says itself where it never came by.
SIGNED = frozenset(name for name in NAMES if name.startswith("plan."))


def is_control(result: Result) -> bool:
    return bool(result["way"] == "naive")


def table(title: str, rows: dict[str, list[Result]]) -> list[str]:
    """A row for each name: how many histories, and what was wrong with them."""
    width = max([len(title), *(len(name) for name in rows)])
    lines = [f"{title:<{width}}  histories" + "".join(f"{name:>9}" for name in COUNTED)]
    lines.append("-" * len(lines[0]))
    for name, results in rows.items():
        lines.append(f"{name:<{width}}  {len(results):>9}" + "".join(f"{_sum(results, key):>9}" for key in COUNTED))
    return lines


def report(results: list[Result]) -> list[str]:
    """Everything a run found, as lines."""
    ours = [result for result in results if not is_control(result)]
    control = [result for result in results if is_control(result)]
    by_variant: dict[str, list[Result]] = {}
    for engine in sorted({result["engine"] for result in results}):
        here = [result for result in ours if result["engine"] == engine]
        for variant in sorted({result["variant"] for result in here}):
            by_variant[f"{engine}: {variant}"] = [result for result in here if result["variant"] == variant]
        by_variant[f"{engine}: ALL OF OURS"] = here
        by_variant[f"{engine}: CONTROL (read, call, write)"] = [r for r in control if r["engine"] == engine]
    names = sorted({family for result in ours for family in result["families"]})
    by_family = {name: [result for result in ours if name in result["families"]] for name in names}
    return [*table("engine: variant", by_variant), "", *table("of ours, those with", by_family)]


def coverage(results: list[Result], beside: Counter[tuple[str, str]]) -> tuple[list[str], list[str]]:
    """(lines to print, what was never met) of places to die and of faults. `beside`: met in the rigs beside."""
    ours = [result for result in results if not is_control(result)]
    hits = beside + Counter((point, action) for result in ours for point, action in result["hits"])
    points = sorted(NAMES - SIGNED)
    faults = Counter(result["fault"] for result in ours if result["fault_was_met"])
    lines = ["place to die                 " + "".join(f"{action:>7}" for action in ACTIONS)]
    lines += [f"  {point:<27}" + "".join(f"{hits[point, action]:>7}" for action in ACTIONS) for point in sorted(NAMES)]
    lines.append("faults met: " + ", ".join(f"{fault} {faults[fault]}" for fault in FAULTS))
    missing = [f"{point}={action}" for point in points for action in ACTIONS if not hits[point, action]]
    missing += [fault for fault in FAULTS if not faults[fault]]
    return lines, missing


def total(results: Iterable[Result], key: str) -> int:
    return _sum(list(results), key)


def _sum(results: list[Result], key: str) -> int:
    return sum(bool(result[key]) if isinstance(result[key], list) else result[key] for result in results)
