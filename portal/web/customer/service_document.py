"""Invoices and superbills: asking for one from Make a Payment or the history, looking at it, print, PDF, and a link by
email (T7). Behind the sign-in only; what a superbill lacks is told to the practice, never to the customer (C53).
"""

import re
from collections.abc import Collection

from flask import abort, flash, get_flashed_messages, render_template, request
from flask_babel import gettext as _
from markupsafe import Markup
from werkzeug.datastructures import MultiDict
from werkzeug.wrappers import Response as AnyResponse

from portal.domain.refusal import Refused
from portal.domain.service_document import DocumentKind
from portal.storage import account as accounts
from portal.storage import service as services
from portal.storage import service_document
from portal.storage.service_document import ServiceDocument
from portal.usecases.service import lines
from portal.usecases.service_document import facts_of, issue, promise_link
from portal.web.access import organisation, ports
from portal.web.customer.door import path_of
from portal.web.customer.guard import Here, page_for
from portal.web.files import pdf
from portal.web.fragments import move_on, page
from portal.web.language import current, reading
from portal.web.refusals import sentence

SHOWN_MAX = 500
ONE = "/documents/<visit:document_id>"
_BOX = re.compile(r"service-([0-9a-f]{32})", re.ASCII)


@page_for("/documents")
def documents(here: Here) -> AnyResponse:
    """What was issued, and every service to choose from, paid or not."""
    return _page(here, {}, frozenset(), 200)


@page_for("/documents", "POST", name="issue_document")
def issue_document(here: Here) -> AnyResponse:
    """Issues what was asked for and shows it; several superbills are shown as a list.

    The button's name is the kind, its value one service; without one the boxes count, or Check All of an account.
    """
    form = request.form
    kind = next((each for each in DocumentKind if each.value in form), None)
    if kind is None:
        abort(400)
    wanted = _wanted(here, form, form[kind.value])
    try:
        issued = issue(ports(), organisation().id, here.customer.id, kind, wanted, current(), by="customer")
    except Refused as refused:
        status = 429 if refused.code == "too_many_documents" else 422
        return _page(here, {"": sentence(refused)}, wanted, status)
    if issued.held:
        flash(
            _(
                "A superbill is not ready yet: your practice has to add something to it first. We have told them, and "
                "there is nothing you need to do. Please look again in a few days, or call your practice."
            )
        )
    if len(issued.documents) != 1 or issued.held:
        if issued.documents:
            flash(_("Each person and provider has a superbill of their own. They are listed below."))
        return move_on(path_of("documents"))
    return move_on(path_of("document", document_id=issued.documents[0].id))


@page_for(ONE, name="document")
def document(here: Here, document_id: str) -> AnyResponse:
    """One document on screen, word for word as it was issued."""
    return _one(here, document_id, {}, 200)


@page_for(f"{ONE}.pdf", name="document_pdf")
def document_pdf(here: Here, document_id: str) -> AnyResponse:
    """The same on paper."""
    row = _own(here, document_id)
    return pdf(ports().paper.service_document(facts_of(row), row.locale), f"{row.number}.pdf", "attachment")


@page_for(f"{ONE}/link", "POST", name="mail_document_link")
def mail_link(here: Here, document_id: str) -> AnyResponse:
    """Emails a link to this page, and nothing about what is on it (C50)."""
    row = _own(here, document_id)
    try:
        with ports().database.transaction(organisation().id) as session:
            promised = promise_link(session, row, here.customer, ports().clock.now(), is_answer=True)
    except Refused as refused:
        return _one(here, document_id, {"": sentence(refused)}, 422)
    ports().doorbell.ring_message(organisation().id, promised)
    flash(_("A link to this page is on its way to %(email)s. It opens after you sign in.", email=here.customer.email))
    return move_on(path_of("document", document_id=document_id))


def _wanted(here: Here, form: MultiDict[str, str], value: str) -> frozenset[str]:
    if value:
        return frozenset({value})
    if form.get("all"):
        with ports().database.read(organisation().id) as session:
            own = {row.id: row for row in accounts.of_customer(session, here.customer.id)}
            owed_on = own.get(form["all"])
            found = lines(session, owed_on, unpaid=True) if owed_on is not None else []
        return frozenset(line.row.id for line in found)
    return frozenset(box[1] for name in form if (box := _BOX.fullmatch(name)))


def _own(here: Here, document_id: str) -> ServiceDocument:
    """Another's is not found (attack 49)."""
    with ports().database.read(organisation().id) as session:
        row = service_document.owned_by(session, document_id, here.customer.id)
    if row is None:
        abort(404)
    return row


def _one(here: Here, document_id: str, errors: dict[str, str], status: int) -> AnyResponse:
    row = _own(here, document_id)
    with ports().database.read(organisation().id) as session:
        newer = service_document.replaced_by(session, row.id)
    facts = facts_of(row)
    with reading(row.locale):
        sheet = render_template(
            "customer/service_sheet.html", row=row, facts=facts, content=facts.content, takes_focus=not errors
        )
    return page(
        "customer/service_document.html",
        status,
        row=row,
        sheet=Markup(sheet),  # noqa: S704 - a page of ours, escaped when it was made
        newer=newer,
        errors=errors,
        told=_told(),
        here=path_of("document", document_id=row.id),
    )


def _page(here: Here, errors: dict[str, str], checked: Collection[str], status: int) -> AnyResponse:
    with ports().database.read(organisation().id) as session:
        issued = service_document.of_customer(session, here.customer.id, SHOWN_MAX)
        owned = [
            (row, list(reversed(services.lines_of_account(session, row.id))))
            for row in accounts.of_customer(session, here.customer.id)
        ]
    replaced = {row.replaces_id for row in issued}
    return page(
        "customer/documents.html",
        status,
        issued=[(row, facts_of(row).content) for row in issued],
        replaced=replaced,
        owned=[(row, found) for row, found in owned if found],
        names_patients=len({line[3].id for _, found in owned for line in found}) > 1,
        checked=checked,
        errors=errors,
        told=_told(),
    )


def _told() -> list[str]:
    return [str(each) for each in get_flashed_messages()]
