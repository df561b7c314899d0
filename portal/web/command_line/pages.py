"""`flask --app wsgi pages ...`: whether browsers are sent the card page that we make (PCI DSS 11.6.1)."""

import click
from flask import current_app
from flask.cli import AppGroup

from portal.domain.page_inventory import SCRIPTS
from portal.usecases.page_watch import LOOKED, last_look, watch
from portal.web.command_line.desk import console, everybody, moment, organisation_named, ports, staff, table

pages = AppGroup("pages", help="Compare the card page as made with the one that arrives.")


@pages.command("watch")
@click.option("--organisation", "slug", metavar="SLUG", help="Only this one; every active one if absent.")
def look(slug: str | None) -> None:
    """Look now. Ends with 2 when something differs or a page was not reached."""
    clean = True
    for owner in [organisation_named(slug)] if slug else [row for row in everybody() if row.is_active]:
        found = watch(ports(), current_app.extensions["own_pages"], owner.id, staff())
        clean = clean and found.reached and not found.differences
        state = "as made" if found.reached else "NOT REACHED"
        console().print(f"{owner.slug}: {'; '.join(found.differences) or state} ({len(found.scripts)} scripts)")
    if not clean:
        raise SystemExit(2)


@pages.command("show")
def show() -> None:
    """The last look at each organisation's card page, and the scripts that may be there."""
    listed = table("organisation", "looked", "by", "found")
    for owner in everybody():
        with ports().database.read(owner.id) as session:
            last = last_look(session)
        if last is None:
            listed.add_row(owner.slug, "never", "", "")
            continue
        found = "; ".join(last.facts["differences"]) or ("as made" if last.action == LOOKED else "not reached")
        listed.add_row(owner.slug, moment(last.at, owner.timezone), last.actor, found)
    console().print(listed)
    inventory = table("script", "where", "owner", "reason", title="\nScripts of the payment pages")
    for row in SCRIPTS:
        inventory.add_row(row.name, row.place, row.origin, row.reason)
    console().print(inventory)
