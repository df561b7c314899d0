"""`flask --app wsgi document ...`: invoices and superbills issued by the practice, and what superbills still lack."""

from collections.abc import Sequence

import click
from flask.cli import AppGroup

from portal.domain.refusal import Refused
from portal.domain.service_document import MISSING, DocumentKind, Missing, missing_from
from portal.storage import Session, account, customer, service_document
from portal.storage import service as services
from portal.usecases.service_document import contents, issue, promise_link
from portal.web.command_line.desk import (
    console,
    organisation_named,
    organisation_option,
    ports,
    refusals_said,
    staff,
    table,
)

document = AppGroup("document", help="Invoices and superbills: issue them, and see what superbills still lack.")


@document.command("issue")
@organisation_option
@click.argument("kind", type=click.Choice([each.value for each in DocumentKind]))
@click.argument("references", metavar="SERVICE...", nargs=-1, required=True)
@click.option("--mail", is_flag=True, help="Email the client a link that opens it after signing in.")
def issue_one(kind: str, references: tuple[str, ...], slug: str, mail: bool) -> None:
    """Issue the document about one or more services of one account; a superbill for each patient and provider.

    Ends with 2 when a superbill lacks something, and says what.
    """
    owner = organisation_named(slug)
    with refusals_said():
        with ports().database.read(owner.id) as session:
            ids, customer_id, locale = _named(session, references)
        issued = issue(ports(), owner.id, customer_id, DocumentKind(kind), ids, locale, by=staff())
        for row in issued.documents:
            console().print(row.number)
            if mail:
                _mail(owner.id, row.id, customer_id)
    if issued.held:
        _say(issued.held)
        raise SystemExit(2)


@document.command("missing")
@organisation_option
@click.argument("account_reference", metavar="ACCOUNT")
def missing(account_reference: str, slug: str) -> None:
    """What the superbills of ACCOUNT still lack. Ends with 2 when there is anything."""
    owner = organisation_named(slug)
    with refusals_said(), ports().database.read(owner.id) as session:
        owed_on = account.by_reference(session, account_reference)
        if owed_on is None:
            raise Refused("account_unknown")
        ids = [row.id for row, *_ in services.lines_of_account(session, owed_on.id)]
        found = [
            each
            for content in contents(session, owed_on, DocumentKind.superbill, ids)
            for each in missing_from(content)
        ]
    if not found:
        console().print("Nothing is missing.")
        return
    _say(found)
    raise SystemExit(2)


def _named(session: Session, references: Sequence[str]) -> tuple[list[str], str, str]:
    """Ids of these services, whose customer's they are, and the customer's language."""
    rows = [services.by_reference(session, each) for each in references]
    found = [row for row in rows if row is not None]
    if len(found) != len(rows):
        raise Refused("service_unknown")
    owed_on = account.by_id(session, found[0].account_id)
    payer = customer.by_id(session, owed_on.customer_id) if owed_on is not None else None
    if payer is None:
        raise AssertionError("a service without its customer")
    return [row.id for row in found], payer.id, payer.locale


def _mail(organisation_id: str, document_id: str, customer_id: str) -> None:
    with ports().database.transaction(organisation_id) as session:
        payer = customer.by_id(session, customer_id)
        row = service_document.by_id(session, document_id)
        if payer is None or row is None:
            raise AssertionError(f"document {document_id} is gone")
        promised = promise_link(session, row, payer, ports().clock.now(), is_answer=False)
    ports().doorbell.ring_message(organisation_id, promised)


def _say(found: Sequence[Missing]) -> None:
    listed = table("of", "missing")
    for each in dict.fromkeys(found):
        listed.add_row(each.about, MISSING[each.code])
    console().print(listed)
