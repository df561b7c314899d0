"""`flask --app wsgi restored ...`: after a database was put back, hold charging, reconcile, and let it go on."""

from datetime import UTC, datetime

import click
from flask.cli import with_appcontext
from rich.progress import track

from portal.domain.refusal import Refused
from portal.storage import hold
from portal.usecases.restore import hold_charging, lift, reconcile_and_lift
from portal.web.command_line.desk import (
    console,
    everybody,
    moment,
    organisation_named,
    ports,
    refusals_said,
    sentence,
    staff,
)
from portal.web.command_line.reconcile import say

FORMATS = ["%Y-%m-%dT%H:%M:%S%z", "%Y-%m-%dT%H:%M%z", "%Y-%m-%dT%H:%M:%S.%f%z"]


@click.command("restored")
@click.option(
    "--backup-taken-at",
    "taken_at",
    type=click.DateTime(FORMATS),
    metavar="TIME",
    help="When the backup was begun, with its zone: 2026-11-22T03:00:00+00:00.",
)
@click.option("--organisation", "slug", metavar="SLUG", help="Reconcile, or lift the hold of, this one only.")
@click.option("--hold-only", is_flag=True, help="Hold now and reconcile later: run it again without --backup-taken-at.")
@click.option("--lift", "lift_anyway", is_flag=True, help="A person has seen every difference: let charging go on.")
@with_appcontext
def restored(taken_at: datetime | None, slug: str | None, hold_only: bool, lift_anyway: bool) -> None:  # fmt: skip
    """Run this after a restore, before any other program starts.

    Nothing is charged or given back from now on. Then the gateway's books are compared from an hour before the backup
    until now, and what it took meanwhile is taken over. Where nothing is left for a person, charging goes on.
    """
    if taken_at is not None:
        with refusals_said():
            held = hold_charging(ports(), taken_at.astimezone(UTC), staff())
        console().print(f"Charging is on hold for {len(held)} organisations.")
    if hold_only:
        return
    owners = [organisation_named(slug)] if slug else everybody()
    standing = [row for row in owners if _is_held(row.id)]
    if not standing:
        raise click.ClickException("Charging is not on hold. Give --backup-taken-at to hold it.")
    left = 0
    for owner in track(standing, description="Reconciling", console=console(), disable=len(standing) == 1):
        if lift_anyway:
            lift(ports(), owner.id, staff())
            console().print(f"{owner.slug}: charging goes on.")
            continue
        try:
            result, goes_on = reconcile_and_lift(ports(), owner.id, staff())
        except Refused as refused:
            console().print(f"{owner.slug}: {sentence(refused)}")
            left += 1
            continue
        say(owner, result)
        console().print(f"{owner.slug}: " + ("charging goes on." if goes_on else "still on hold: look, then --lift."))
        left += not goes_on
    if left:
        raise SystemExit(2)


def _is_held(organisation_id: str) -> bool:
    with ports().database.read(organisation_id) as session:
        standing = hold.standing(session)
    if standing is not None:
        console().print(f"Held since {moment(standing.held_at)} by {standing.held_by} ({standing.reason}).")
    return standing is not None
