"""`flask --app wsgi alarms ...`: what a person must look at, and saying that one has."""

import click
from flask.cli import AppGroup

from portal.domain.refusal import Refused
from portal.storage import audit
from portal.usecases.alarm import clear_alarm
from portal.web.command_line.desk import (
    console,
    everybody,
    find_in_any,
    moment,
    organisation_named,
    ports,
    refusals_said,
    table,
)

alarms = AppGroup("alarms", help="What a person must look at.")


@alarms.command("list")
@click.option("--organisation", "slug", metavar="SLUG", help="Only this one; all if absent.")
def list_open(slug: str | None) -> None:
    """Alarms nobody has cleared, oldest first. Ends with 2 when there are any."""
    listed = table("organisation", "raised", "kind", "about", "facts", "alarm")
    count = 0
    for owner in [organisation_named(slug)] if slug else everybody():
        with ports().database.read(owner.id) as session:
            rows = audit.open_alarms(session)
        for row in rows:
            facts = " ".join(f"{name}={value}" for name, value in row.facts.items() if value is not None)
            listed.add_row(owner.slug, moment(row.raised_at, owner.timezone), row.kind, row.subject_id, facts, row.id)
            count += 1
    if not count:
        console().print("No alarm is open.")
        return
    console().print(listed)
    raise SystemExit(2)


@alarms.command("clear")
@click.argument("alarm_id", metavar="ALARM")
def clear(alarm_id: str) -> None:
    """A person has looked at ALARM and done what was needed."""
    found = find_in_any(lambda session: audit.alarm_by_id(session, alarm_id))
    with refusals_said():
        if found is None:
            raise Refused("alarm_unknown")
        owner, _ = found
        row = ports().database.run(owner.id, lambda session: clear_alarm(session, alarm_id, ports().clock.now()))
    console().print(f"Cleared: {row.kind} of {owner.slug}.")
