"""`flask --app wsgi due ...`: which scheduled payments are due or fall due soon and what holds them; charging them now.

`flask run` is Flask's own and starts a server for developers, so the run is `due run`.
"""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import click
from flask.cli import AppGroup
from rich.progress import Progress

from portal.storage import account, obligation
from portal.storage.account import Account
from portal.storage.obligation import Obligation
from portal.storage.organisation import Organisation
from portal.usecases.organisation import settings
from portal.usecases.recurring import THREADS, BatchDone, LeftDue, charge_due_now, stopped_by
from portal.web.command_line.desk import console, dollars, everybody, moment, organisation_named, ports, table

LISTED_MAX = 10_000

due = AppGroup("due", help="Scheduled payments that are due or fall due soon: list them, charge them now.")


@due.command("list")
@click.option("--organisation", "slug", metavar="SLUG", help="Only this one; all if absent.")
@click.option("--days", default=1, show_default=True, type=click.IntRange(0, 366), help="How far to look ahead.")
@click.option(
    "--limit", default=50, show_default=True, type=click.IntRange(1, LISTED_MAX), help="Most to list of each."
)
def list_due(slug: str | None, days: int, limit: int) -> None:
    """List scheduled payments that are due now or within the next days, oldest first."""
    now = ports().clock.now()
    for owner in [organisation_named(slug)] if slug else everybody():
        with ports().database.read(owner.id) as session:
            rows = obligation.due_until(session, now + timedelta(days=days), LISTED_MAX)
            owed_on = {row.account_id: account.by_id(session, row.account_id) for row in rows[:limit]}
            stop = stopped_by(session, settings(session))
        ready = sum(row.due_at <= now for row in rows)
        more = "+" if len(rows) == LISTED_MAX else ""
        console().print(
            f"{owner.slug}: {ready} due now, {len(rows) - ready}{more} within {days} days, "
            f"{dollars(sum(row.amount_cents for row in rows))} in all"
            + (f"; nothing is charged now ({stop})" if stop else "")
        )
        if not rows:
            continue
        listed = table("due", "amount$", "account", "tries", "held by", "until", "payment")
        for row in rows[:limit]:
            listed.add_row(*_row(row, owed_on[row.account_id], owner.timezone))
        console().print(listed)
        if len(rows) > limit:
            console().print(f"... and {len(rows) - limit}{more} more: --limit")


@due.command("run")
@click.option("--organisation", "slug", metavar="SLUG", help="Only this one; every active one if absent.")
def run(slug: str | None) -> None:
    """Charge what is due now, here, within each organisation's rate. Ends with 2 when some of it is still due.

    It may run beside the clock and the workers: what one of them has in hand is left to it, and a payment is never
    charged twice.
    """
    owners = [organisation_named(slug)] if slug else [row for row in everybody() if row.is_active]
    shown = table("organisation", "charged", "declined", "no answer yet", "held or ended", "failed", "still due", "why")
    left = 0
    with Progress(console=console()) as progress, ThreadPoolExecutor(THREADS, thread_name_prefix="run") as pool:
        bar = progress.add_task("payments", total=sum(_count(owner) for owner in owners))
        for owner in owners:
            done: list[BatchDone] = []

            def on_batch(batch: BatchDone, done: list[BatchDone] = done) -> None:
                done.append(batch)
                progress.advance(bar, sum(_numbers([batch])))

            ended = charge_due_now(ports(), owner.id, pool, on_batch)
            shown.add_row(owner.slug, *_ran(done, ended))
            left += ended.payments
    console().print(shown)
    if left:
        raise SystemExit(2)


def _row(row: Obligation, owed_on: Account | None, zone: str) -> tuple[str, ...]:
    return (
        moment(row.due_at, zone),
        dollars(row.amount_cents),
        owed_on.reference if owed_on else "",
        str(row.retries or ""),
        row.hold_reason or "",
        moment(row.hold_until, zone),
        row.id,
    )


def _count(owner: Organisation) -> int:
    with ports().database.read(owner.id) as session:
        return obligation.count_due(session, ports().clock.now())


def _numbers(done: list[BatchDone]) -> list[int]:
    return [sum(getattr(each, name) for each in done) for name in ("paid", "declined", "open", "other", "failed")]


def _ran(done: list[BatchDone], ended: LeftDue) -> tuple[str, ...]:
    return (*map(str, _numbers(done)), str(ended.payments), ended.stopped_by or "")
