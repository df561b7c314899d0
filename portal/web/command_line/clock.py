"""`flask --app wsgi clock --simulate 400d`: lets time pass over this database and the simulator, and says what came.

For a desk: refused where any organisation has a gateway that is not the simulator.
"""

import json
import re
import urllib.request
from datetime import datetime, timedelta
from urllib.parse import urlsplit

import click
from flask.cli import with_appcontext
from rich.progress import Progress

from portal.storage import organisation
from portal.usecases.simulate import walk
from portal.web.command_line.desk import console, everybody, ports, table

PERIOD = re.compile(r"([0-9]{1,4})d", re.ASCII)
DAYS_MAX = 3_660


class WalkingClock:
    """Time that begins now and moves when told to."""

    def __init__(self, at: datetime) -> None:
        self._at = at

    def now(self) -> datetime:
        return self._at

    def move_to(self, at: datetime) -> None:
        self._at = at


@click.command("clock")
@click.option("--simulate", "period", required=True, metavar="400d", help="How long to walk, in days.")
@click.option("--simulator", default="http://127.0.0.1:8099", show_default=True, help="Where the simulator listens.")
@click.option("--yes", is_flag=True, help="Do not ask. What happens in the walk stays in the database.")
@with_appcontext
def clock(period: str, simulator: str, yes: bool) -> None:
    """Walk a fake clock day by day: payments fall due, are charged, declined, tried again, and everybody is told."""
    days = _days(period)
    _require_simulated()
    if urlsplit(simulator).scheme != "http":
        raise click.BadParameter("the simulator speaks plain http", param_hint="--simulator")
    if not yes:
        click.confirm(f"Let {days} days pass in this database?", abort=True)

    def shift(by: timedelta) -> None:
        body = json.dumps({"seconds": by.total_seconds()}).encode()
        request = urllib.request.Request(  # noqa: S310 - the scheme was looked at above
            f"{simulator}/simulator/clock", body, {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=10):  # noqa: S310 - the same
            return

    begun = ports().clock.now()
    with Progress(console=console()) as progress:
        bar = progress.add_task("days", total=days)
        done = walk(
            ports(), WalkingClock(begun), days, shift=shift, on_day=lambda day: progress.update(bar, completed=day)
        )
    shown = table("what", "how many", title=f"{days} days from {begun:%Y-%m-%d}")
    for name, number in (*sorted(done.ends.items()), ("messages", done.delivered), ("moments", done.moments)):
        shown.add_row(name, str(number))
    console().print(shown)


def _days(period: str) -> int:
    read = PERIOD.fullmatch(period)
    days = int(read[1]) if read else 0
    if not 1 <= days <= DAYS_MAX:
        raise click.BadParameter(f"give days as 400d, at most {DAYS_MAX}d", param_hint="--simulate")
    return days


def _require_simulated() -> None:
    for row in everybody():
        with ports().database.read(row.id) as session:
            account = organisation.gateway_account(session)
        if account is not None and account.environment != "simulator":
            raise click.ClickException(f"{row.slug} has a real gateway: time is not simulated beside it.")
