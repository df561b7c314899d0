"""`flask --app wsgi erasure ...`: erases a customer, lists who was erased, and does it again after a restore.

For operators. The list names nobody: it is kept beside the backups, since a backup brings back who was erased later.
"""

import csv
import io
from collections.abc import Iterator
from typing import TextIO

import click
from flask.cli import AppGroup

from portal.domain.refusal import Refused
from portal.storage import customer, erasure
from portal.usecases.erasure import Hindrance, erase, outlook
from portal.web.command_line.desk import (
    console,
    dollars,
    everybody,
    moment,
    organisation_named,
    organisation_option,
    ports,
    refusals_said,
    sentence,
    staff,
)

COLUMNS = ("organisation", "customer_id", "pseudonym", "erased_at", "keep_until", "asked_by", "why")
ROW_MAX = 1_000_000
IN_THE_WAY = {
    "charge": "a charge, {name}, of which nobody knows yet what became of it",
    "dispute": "a dispute, {name}, that the banks have not decided",
    "notice": "{name} notices of the gateway that were not handled yet",
    "objection": "they dispute the debt of account {name}: flask --app wsgi objection resolved",
    "owed": "account {name} has a balance of {amount}",
    "paper": "{name} papers that wait to be posted to them",
    "payment": "a payment on account {name} that is being made",
    "plan": "plan {name} is not over: flask --app wsgi plan cancel",
    "refund": "a refund, {name}, that is under way",
    "schedule": "scheduled payments on account {name}: flask --app wsgi cancel",
    "subscription": "subscription {name} is not over: flask --app wsgi subscription change",
}

erasures = AppGroup("erasure", help="Personal data of customers who are to be forgotten.")


@erasures.command("customer")
@click.argument("reference", metavar="CUSTOMER")
@click.option("--why", required=True, help="Why, without a name: this stays.")
@click.option(
    "--confirm", default=None, metavar="CUSTOMER", help="The number once more, instead of being asked for it."
)
@organisation_option
def erase_one(reference: str, why: str, confirm: str | None, slug: str) -> None:
    """Erase CUSTOMER for good: personal data goes, the books stay under a pseudonym. Nothing brings it back."""
    owner = organisation_named(slug)
    with ports().database.read(owner.id) as session:
        about = customer.by_reference(session, reference)
        seen = outlook(session, about, ports().clock.now()) if about is not None else None
    if about is None or seen is None:
        raise click.BadParameter(f"no customer has the number {reference!r}", param_hint="CUSTOMER")
    _say(seen.hindrances)
    if seen.hindrances:
        raise click.ClickException("Nothing was erased.")
    say = console().print
    if seen.done is None:
        say(f"{about.full_name} goes: names, addresses, sign-in, cards, messages, what was written about them.")
        say("Kept: the books and the trail, under a pseudonym. Until "
            f"{moment(seen.keep_until, owner.timezone)} also what they signed and agreed to.")  # fmt: skip
        typed = confirm if confirm is not None else click.prompt("Type the customer's number to go on")
        if typed != reference:
            raise click.ClickException("That is another number. Nothing was erased.")
    with refusals_said():
        row = erase(ports(), owner.id, about.id, why, staff())
    say(f"Erased. In the books they are {row.pseudonym}.")


@erasures.command("list")
@click.option("--organisation", "slug", metavar="SLUG", help="This one only.")
@click.option("--to", "target", type=click.File("w"), metavar="FILE", help="Writes a CSV that `erasure again` reads.")
def list_(slug: str | None, target: TextIO | None) -> None:
    """Everybody who was erased, as CSV. It holds no names: keep a copy beside each backup."""
    written = io.StringIO()
    rows = csv.writer(written, lineterminator="\n")
    rows.writerow(COLUMNS)
    for owner in [organisation_named(slug)] if slug else everybody():
        with ports().database.read(owner.id) as session:
            for row in erasure.latest(session, ROW_MAX):
                rows.writerow((owner.slug, row.customer_id, row.pseudonym, row.erased_at.isoformat(),
                               row.keep_until.isoformat(), row.asked_by, row.why))  # fmt: skip
    if target is not None:
        target.write(written.getvalue())
    else:
        click.echo(written.getvalue(), nl=False)


@erasures.command("again")
@click.argument("source", type=click.File(), metavar="FILE")
def again(source: TextIO) -> None:
    """Erase again everybody in FILE whom a restored backup brought back; after `restored`, until none is left."""
    erased = left = 0
    known = {row.slug: row for row in everybody()}
    for slug, customer_id, pseudonym, why, asked_by in _rows(source):
        owner = known.get(slug)
        if owner is None or not _is_back(owner.id, customer_id):
            continue
        try:
            erase(ports(), owner.id, customer_id, why, asked_by, pseudonym)
            erased += 1
        except Refused as refused:
            left += 1
            click.echo(f"{pseudonym} ({owner.slug}): {sentence(refused)}")
            standing = refused.facts.get("hindrances")
            _say(standing if isinstance(standing, tuple) else (), "  ")
    console().print(f"{erased} erased again, {left} left to do.")
    if left:
        raise SystemExit(2)


def _is_back(organisation_id: str, customer_id: str) -> bool:
    with ports().database.read(organisation_id) as session:
        about = customer.by_id(session, customer_id)
        return about is not None and erasure.of_customer(session, customer_id) is None


def _rows(source: TextIO) -> Iterator[tuple[str, str, str, str, str]]:
    reader = csv.DictReader(source)
    if not {*COLUMNS} <= {*(reader.fieldnames or ())}:
        raise click.BadParameter(f"the file needs the columns {', '.join(COLUMNS)}", param_hint="FILE")
    for row in reader:
        yield row["organisation"], row["customer_id"], row["pseudonym"], row["why"], row["asked_by"]


def _say(hindrances: tuple[Hindrance, ...], before: str = "") -> None:
    for each in hindrances:
        console().print(before + IN_THE_WAY[each.kind].format(name=each.name, amount=dollars(each.cents)))
