"""`flask --app wsgi customers ...`: letting customers in. Imports do the same for many; this is for one."""

from typing import TextIO

import click
from flask.cli import AppGroup

from portal.storage import customer
from portal.usecases.login import let_in
from portal.web.command_line import desk
from portal.web.command_line.desk import console, organisation_named, organisation_option, ports, refusals_said

customers = AppGroup("customers", help="Customers who may sign in.")


@customers.command("let-in")
@organisation_option
@click.argument("reference")
@click.option("--username", default=None, help="What they sign in with; without one, their account number or SSN.")
@click.option(
    "--ssn-from", type=click.File(), metavar="FILE", help="Reads their SSN from a file, - for standard input."
)
def let_customer_in(reference: str, slug: str, username: str | None, ssn_from: TextIO | None) -> None:
    """Make the login of the customer with the organisation's number REFERENCE. They set their PIN by email."""
    owner = organisation_named(slug)
    with ports().database.read(owner.id) as session:
        row = customer.by_reference(session, reference)
    if row is None:
        raise click.BadParameter(f"no customer has the number {reference!r}", param_hint="REFERENCE")
    ssn = ssn_from.read().strip() if ssn_from is not None else None
    with refusals_said():
        let_in(ports(), owner.id, row.id, by=desk.staff(), username=username, ssn=ssn)
    console().print(f"{row.full_name} can sign in at {ports().portal_url}/{owner.slug}/sign-in")
    if row.email is None:
        console().print("There is no email address on file, so they cannot set a PIN yet.")
