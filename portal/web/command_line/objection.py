"""`flask --app wsgi objection ...`: a customer says that they do not owe a debt; written down, listed, resolved.

For operators. While one stands nothing asks for the debt and nothing is charged by itself (Reg F 1006.38(d)).
"""

import click
from flask.cli import AppGroup

from portal.domain.refusal import Refused
from portal.storage import Session, account, objection
from portal.usecases.objection import Outcome, Way, object_to, resolve
from portal.web.command_line.desk import (
    console,
    moment,
    organisation_named,
    organisation_option,
    ports,
    refusals_said,
    staff,
    table,
)

LISTED_MAX = 500
objections = AppGroup("objection", help="What customers say against a debt, and what became of it.")


@objections.command("made")
@click.argument("reference", metavar="ACCOUNT")
@click.option("--words", required=True, help="What they said, as they said it.")
@click.option("--way", type=click.Choice([each.value for each in Way]), required=True, help="How they said it.")
@organisation_option
def made(reference: str, words: str, way: str, slug: str) -> None:
    """The customer disputes the debt of ACCOUNT: offers, reminders and scheduled charges wait, its plan is paused."""
    owner = organisation_named(slug)
    with refusals_said():
        object_to(ports(), owner.id, _account(owner.id, reference), words, Way(way), staff())
    console().print(
        f"Written down. Until it is resolved nothing asks for {reference}, and nothing is charged by itself."
    )


@objections.command("resolved")
@click.argument("reference", metavar="ACCOUNT")
@click.option("--outcome", type=click.Choice([each.value for each in Outcome]), required=True)
@click.option("--words", required=True, help="What was found, and what the customer was sent.")
@organisation_option
def resolved(reference: str, outcome: str, words: str, slug: str) -> None:
    """The debt of ACCOUNT was verified, corrected in the books, or the customer took it back: everything goes on."""
    owner = organisation_named(slug)
    with refusals_said():
        resolve(ports(), owner.id, _account(owner.id, reference), Outcome(outcome), words, staff())
    console().print(f"Resolved. {reference} goes on.")


@objections.command("list")
@organisation_option
def list_(slug: str) -> None:
    """Every objection: those that stand first, then the newest."""
    owner = organisation_named(slug)
    listed = table("account", "since", "by way of", "words", "outcome", "resolved")
    with ports().database.read(owner.id) as session:
        for row in objection.latest(session, LISTED_MAX):
            owed_on = account.by_id(session, row.account_id)
            listed.add_row(
                owed_on.reference if owed_on else row.account_id, moment(row.made_at, owner.timezone), row.way,
                row.words, row.outcome or "stands", moment(row.resolved_at, owner.timezone),
            )  # fmt: skip
    console().print(listed if listed.row_count else "Nobody has said anything against a debt.")


def _account(organisation_id: str, reference: str) -> str:
    def known(session: Session) -> str:
        found = account.by_reference(session, reference)
        if found is None:
            raise Refused("account_unknown")
        return found.id

    return ports().database.run(organisation_id, known)
