"""`flask --app wsgi reconcile ...`: comparing the gateway's books with ours now, and what earlier comparisons found."""

from datetime import timedelta

import click
from flask.cli import AppGroup
from rich.progress import track

from portal.domain.reconcile import MEANINGS, Difference
from portal.storage import reconcile as results
from portal.storage.organisation import Organisation
from portal.storage.reconcile import ReconcileResult
from portal.usecases.reconcile import reconcile_window
from portal.web.command_line.desk import (
    console,
    dollars,
    everybody,
    moment,
    organisation_named,
    organisation_option,
    ports,
    refusals_said,
    staff,
    table,
)

reconcile = AppGroup("reconcile", help="Compare the gateway's books with ours; mend what can be mended, name the rest.")


@reconcile.command("run")
@click.option("--organisation", "slug", metavar="SLUG", help="Only this one; every active one if absent.")
@click.option("--days", default=3, show_default=True, type=click.IntRange(1, 366), help="How far to look back.")
def run(slug: str | None, days: int) -> None:
    """Compare the last days. Ends with 2 when something is left for a person."""
    owners = [organisation_named(slug)] if slug else [row for row in everybody() if row.is_active]
    clean = True
    for owner in track(owners, description="Reconciling", console=console(), disable=len(owners) == 1):
        until = ports().clock.now()
        with refusals_said():
            result = reconcile_window(ports(), owner.id, until - timedelta(days=days), until, staff())
        say(owner, result)
        clean = clean and result.is_clean
    if not clean:
        raise SystemExit(2)


@reconcile.command("show")
@organisation_option
@click.option("--limit", default=14, show_default=True, type=click.IntRange(1, 1_000), help="How many, newest first.")
@click.option("--differences", is_flag=True, help="Name the differences of each.")
def show(slug: str, limit: int, differences: bool) -> None:
    """The last comparisons and what they found."""
    owner = organisation_named(slug)
    with ports().database.read(owner.id) as session:
        rows = results.latest(session, limit)
    if not rows:
        console().print("Nothing was compared yet.")
    elif differences:
        for row in rows:
            say(owner, row)
    else:
        listed = table("finished", "by", "sales", "taken$", "back$", "settled", "differences", "open", "clean")
        for row in rows:
            listed.add_row(
                moment(row.finished_at, owner.timezone), row.asked_by, str(row.sales_count),
                dollars(row.sales_cents), dollars(row.refunds_cents), str(row.settled_count),
                str(row.difference_count), str(row.open_count), "yes" if row.is_clean else "NO",
            )  # fmt: skip
        console().print(listed)


def say(owner: Organisation, result: ReconcileResult) -> None:
    """One result in words, each difference with what it means."""
    console().print(
        f"{owner.slug}, {moment(result.from_at, owner.timezone)} to {moment(result.until_at, owner.timezone)}: "
        f"{result.sales_count} sales {dollars(result.sales_cents)}, {result.refunds_count} given back "
        f"{dollars(result.refunds_cents)}, {result.settled_count} newly settled; "
        f"{result.difference_count} differences, {result.open_count} for a person"
    )
    if not result.differences:
        return
    listed = table("", "difference", "amount$", "gateway", "row", "meaning")
    for found in result.differences:
        meaning = MEANINGS[Difference(found["difference"])]
        listed.add_row(
            "!" if meaning.is_open else "", found["difference"], dollars(found["amount_cents"]),
            found["gateway_id"] or "", found["row_id"] or found["order_id"] or "", meaning.sentence,
        )  # fmt: skip
    console().print(listed)
