"""`python -m demo`: start everything, print where to click, watch, and stop everything. `--reset` throws the data away.

Called by `make demo` and `make demo-reset`. Writes var/demo.json for programs that want the addresses.
"""

import argparse
import fcntl
import os
import shutil
import signal
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

from rich.console import Console

from demo.process import ProcessDied
from demo.seed_once import HalfMade, write_private
from demo.stack import ROOT, Addresses, Stack, choose_addresses

LOCK = "demo.lock"


class Stopped(BaseException):
    """Ctrl-C, or a polite request to end; a BaseException so that no `except Exception` below swallows it."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="demo", description="Everything of Paydoor on this desk.")
    parser.add_argument("--reset", action="store_true", help="throw the demo's data away")
    parser.add_argument("--var", type=Path, default=ROOT / "var", help="folder of the data")
    options = parser.parse_args()
    var: Path = options.var.resolve()
    console = Console()
    with only_one(var) as alone:
        if not alone:
            console.print(
                "The demo is running already: stop it first (Ctrl-C there). Its addresses are in var/demo.json."
            )
            return 1
        if options.reset:
            throw_away(var)
            console.print("The demo's data are gone. `make demo` starts afresh.")
            return 0
        return run(console, var)


def run(console: Console, var: Path) -> int:
    """Until Ctrl-C (0) or until a part dies (1)."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _stop)
    addresses = choose_addresses(os.environ)
    for sentence in addresses.moved:
        console.print(sentence, style="yellow")
    (var / "demo.json").unlink(missing_ok=True)
    stack = Stack(addresses, var, say=lambda sentence: console.print(f"[green]✓[/green] {sentence}", highlight=False))
    try:
        with console.status("Starting ..."):
            seeded = stack.start()
        report = described(addresses, seeded)
        write_private(var / "demo.json", report)
        show(console, report)
        while True:
            stack.raise_for_the_dead()
            time.sleep(0.2)
    except Stopped:
        console.print("\nStopping ...")
        return 0
    except (ProcessDied, HalfMade) as error:
        console.print("[red]✗[/red] ", end="")
        console.print(str(error), markup=False, highlight=False, soft_wrap=True)
        return 1
    finally:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)  # the second Ctrl-C must not leave half of it running
        (var / "demo.json").unlink(missing_ok=True)
        stack.stop()
        console.print("Everything is stopped.")


def described(addresses: Addresses, seeded: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "portal": addresses.portal_url,
        "simulator": addresses.simulator_url,
        "mailbox": f"{addresses.simulator_url}/mailbox",
        "phone": f"{addresses.simulator_url}/phone",
        "links": seeded.get("links", {}),
        "logins": seeded.get("logins", {}),
    }


def show(console: Console, report: Mapping[str, Any]) -> None:
    """A table of what to open. An address is never cut or wrapped: a terminal would not make it a link then."""
    rows = {**report["links"], **{name: report[name] for name in ("portal", "mailbox", "phone", "simulator")}}
    rows |= {
        name: ", ".join(f"{key} {value}" for key, value in login.items()) for name, login in report["logins"].items()
    }
    width = max(len(name) for name in rows) + 2
    console.print("\n[bold]Open one of these[/bold]")
    for name, value in rows.items():
        console.print(f"  [bold]{name:<{width}}[/bold]", value, sep="", soft_wrap=True, highlight=False)
    console.print("\nAlso in var/demo.json. Logs are in var/log. Ctrl-C stops everything.\n", highlight=False)


@contextmanager
def only_one(var: Path) -> Iterator[bool]:
    """Whether this is the only demo on this folder; two would share one database and one mailbox."""
    var.mkdir(parents=True, exist_ok=True)
    with (var / LOCK).open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield True


def throw_away(var: Path) -> None:
    for path in var.iterdir():
        if path.name == LOCK:
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


def _stop(_number: int, _frame: FrameType | None) -> None:
    raise Stopped


if __name__ == "__main__":
    sys.exit(main())
