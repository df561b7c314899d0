"""Statements: an account between two days the client chooses, on screen, in print and as PDF. Nothing is kept."""

from dataclasses import dataclass
from datetime import date, timedelta

from flask import abort, request
from flask_babel import gettext as _
from werkzeug.wrappers import Response as AnyResponse

from portal.domain.due_date import local_date
from portal.domain.refusal import Refused
from portal.domain.statement import StatementFacts, line_words
from portal.storage import account as accounts
from portal.storage.account import Account
from portal.usecases.statement import statement
from portal.web.access import organisation, ports
from portal.web.customer.door import path_of
from portal.web.customer.guard import Here, page_for
from portal.web.files import pdf as as_pdf
from portal.web.fragments import move_on, page
from portal.web.language import current
from portal.web.refusals import sentence

FIRST_SHOWN = timedelta(days=90)


@dataclass(frozen=True, slots=True)
class Asked:
    """Which account and days."""

    account_id: str
    from_on: date
    until_on: date


@page_for("/statement", name="statement")
def show(here: Here) -> AnyResponse:
    """The days in the address, or the last ninety."""
    asked = _asked()
    own, chosen = _chosen(here, asked)
    facts, errors, status = None, {}, 200
    if chosen is not None:
        try:
            facts = _facts(chosen, asked)
        except Refused as refused:
            errors, status = {"from": sentence(refused)}, 422
    return page(
        "customer/statement.html",
        status,
        facts=facts,
        asked=asked,
        chosen=chosen,
        accounts=own,
        words=line_words(_),
        errors=errors,
    )


@page_for("/statement", "POST", name="statement_between")
def between(here: Here) -> AnyResponse:
    """Goes to the account and days that were asked for, which then stand in the address."""
    form = request.form
    days = {name: day.isoformat() for name in ("from", "until") if (day := _day(form.get(name, "")))}
    known = {row.id for row in _own(here)}
    account = {"account": form["account"]} if form.get("account") in known else {}
    return move_on(path_of("statement", **days, **account))


@page_for("/statement.pdf", name="statement_pdf")
def pdf(here: Here) -> AnyResponse:
    """The same on paper; another's account is not found."""
    asked = _asked()
    _, chosen = _chosen(here, asked)
    if chosen is None:
        abort(404)
    try:
        facts = _facts(chosen, asked)
    except Refused:
        abort(404)
    return as_pdf(
        ports().paper.statement(facts, current()), f"statement-{asked.from_on}-{asked.until_on}.pdf", "attachment"
    )


def _asked() -> Asked:
    args = request.args
    until_on = _day(args.get("until", "")) or local_date(ports().clock.now(), organisation().time_zone)
    return Asked(args.get("account", ""), _day(args.get("from", "")) or until_on - FIRST_SHOWN, until_on)


def _own(here: Here) -> list[Account]:
    with ports().database.read(organisation().id) as session:
        return accounts.of_customer(session, here.customer.id)


def _chosen(here: Here, asked: Asked) -> tuple[list[Account], Account | None]:
    """Their accounts, and the one that was asked for or their first; another's is not found."""
    own = _own(here)
    if not asked.account_id:
        return own, own[0] if own else None
    chosen = next((row for row in own if row.id == asked.account_id), None)
    if chosen is None:
        abort(404)
    return own, chosen


def _facts(owed_on: Account, asked: Asked) -> StatementFacts:
    with ports().database.read(organisation().id) as session:
        return statement(session, owed_on, asked.from_on, asked.until_on, ports().clock.now())


def _day(typed: str) -> date | None:
    """A day as a date field sends it; what is none is not asked for."""
    try:
        found = date.fromisoformat(typed) if len(typed) == 10 else None
    except ValueError:
        return None
    return found if found is not None and 1900 <= found.year <= 9000 else None
