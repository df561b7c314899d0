"""`flask --app wsgi staff ...`: who works here. The first administrator of an organisation is added by this."""

import secrets
from typing import TextIO

import click
from flask.cli import AppGroup

from portal.domain.second_factor import setup_address
from portal.domain.sign_in import canonical
from portal.domain.staff import Role
from portal.storage import staff as staff_rows
from portal.storage.organisation import Organisation
from portal.usecases.staff import add_staff, set_active, set_password, set_role, set_second_factor
from portal.web.command_line import desk
from portal.web.command_line.desk import console, organisation_named, organisation_option, ports, refusals_said, table

staff = AppGroup("staff", help="Who may sign in to the console of an organisation.")

ROLES = click.Choice([role.value for role in Role])
PASSWORD = click.option(
    "--password-from", type=click.File(), metavar="FILE", help="Reads the password from a file, - for standard input."
)


@staff.command("add")
@organisation_option
@click.argument("username")
@click.option("--name", required=True, help="Their name, as the trail shows it.")
@click.option("--role", type=ROLES, required=True, help="What they are there for.")
@click.option("--email", default=None, help="Their work address.")
@PASSWORD
def add(username: str, slug: str, name: str, role: str, email: str | None, password_from: TextIO | None) -> None:
    """Add USERNAME. Without --password-from a password is made. What is printed is never shown again."""
    owner = organisation_named(slug)
    password, was_made = _password(password_from)
    with refusals_said():
        added = add_staff(
            ports(), owner.id, username=username, name=name, role=Role(role), password=password, email=email,
            by=desk.staff(),
        )  # fmt: skip
    console().print(f"{canonical(username)} can sign in at {ports().portal_url}/{owner.slug}/staff")
    if was_made:
        console().print(f"password {password}")
    _say_second_factor(owner, username, added.totp_secret)


@staff.command("list")
@organisation_option
def list_all(slug: str) -> None:
    """Everybody, also those who may not sign in any more."""
    owner = organisation_named(slug)
    with ports().database.read(owner.id) as session:
        rows = staff_rows.everyone(session)
    listed = table("username", "name", "role", "may sign in", "since")
    for row in rows:
        listed.add_row(
            row.username, row.name, row.role, "yes" if row.is_active else "no",
            desk.moment(row.created_at, owner.timezone),
        )  # fmt: skip
    console().print(listed if rows else "Nobody yet: flask --app wsgi staff add --help")


@staff.command("role")
@organisation_option
@click.argument("username")
@click.argument("role", type=ROLES)
def role(username: str, slug: str, role: str) -> None:
    """Give USERNAME another role; they sign in anew."""
    owner, staff_id = _named(slug, username)
    with refusals_said(), ports().database.transaction(owner.id) as session:
        set_role(session, staff_id, Role(role), by=desk.staff(), now=ports().clock.now())
    console().print(f"{username} is {role} now.")


@staff.command("disable")
@organisation_option
@click.argument("username")
def disable(username: str, slug: str) -> None:
    """Keep USERNAME out from now on, also where they are signed in."""
    _set_active(slug, username, False)


@staff.command("enable")
@organisation_option
@click.argument("username")
def enable(username: str, slug: str) -> None:
    """Let USERNAME in again."""
    _set_active(slug, username, True)


@staff.command("password")
@organisation_option
@click.argument("username")
@PASSWORD
def password(username: str, slug: str, password_from: TextIO | None) -> None:
    """Set a new password for USERNAME; without --password-from one is made."""
    owner, staff_id = _named(slug, username)
    chosen, was_made = _password(password_from)
    with refusals_said():
        set_password(ports(), owner.id, staff_id, chosen, by=desk.staff())
    console().print(f"password {chosen}" if was_made else "The password is set.")


@staff.command("second-factor")
@organisation_option
@click.argument("username")
def second_factor(username: str, slug: str) -> None:
    """Give USERNAME a new second factor; the old one stops working."""
    owner, staff_id = _named(slug, username)
    with refusals_said():
        secret = set_second_factor(ports(), owner.id, staff_id, by=desk.staff())
    _say_second_factor(owner, username, secret)


def _named(slug: str, username: str) -> tuple[Organisation, str]:
    owner = organisation_named(slug)
    with ports().database.read(owner.id) as session:
        row = staff_rows.by_username(session, canonical(username))
    if row is None:
        raise click.BadParameter(f"nobody is called {username!r} at {slug}", param_hint="USERNAME")
    return owner, row.id


def _set_active(slug: str, username: str, is_active: bool) -> None:
    owner, staff_id = _named(slug, username)
    with refusals_said(), ports().database.transaction(owner.id) as session:
        set_active(session, staff_id, is_active, by=desk.staff(), now=ports().clock.now())
    console().print(f"{username} {'may sign in again' if is_active else 'is out'}.")


def _password(source: TextIO | None) -> tuple[str, bool]:
    """(the password, whether we made it)"""
    if source is None:
        return secrets.token_urlsafe(18), True
    return source.read().rstrip("\r\n"), False


def _say_second_factor(owner: Organisation, username: str, secret: str) -> None:
    console().print(f"second factor {secret}")
    console().print(setup_address(secret, canonical(username), owner.name))
