"""Every payment, taken, declined or under way, with what it was for and its receipt as PDF."""

from dataclasses import replace
from datetime import date

from flask import abort, make_response, request
from werkzeug.wrappers import Response as AnyResponse

from portal.usecases import overview
from portal.usecases.receipt import paper_facts
from portal.usecases.service_history import ALL, Payment, as_csv, note_export, payments, receipt_parts
from portal.web.access import organisation, ports
from portal.web.customer.door import path_of
from portal.web.customer.guard import Here, page_for
from portal.web.files import pdf
from portal.web.fragments import move_on, page
from portal.web.language import current
from portal.web.payment_status import line, words

SHOWN_MAX = 500


@page_for("/history")
def history(here: Here) -> AnyResponse:
    """Every payment, the newest first."""
    days = {name: _day(request.args.get(name, "")) for name in ("from", "until")}
    found = _payments(here, days, SHOWN_MAX)
    return page("customer/history.html", payments=found, days=days, words=words(), line=line)


@page_for("/history", "POST", name="history_between")
def between(here: Here) -> AnyResponse:
    """Goes to the days that were asked for, which then stand in the address."""
    days = {name: day.isoformat() for name in ("from", "until") if (day := _day(request.form.get(name, "")))}
    return move_on(path_of("history", **days))


@page_for("/history.csv", name="history_csv")
def history_csv(here: Here) -> AnyResponse:
    """The same as a spreadsheet, written down; no cell is ever a formula (attacks 84, 113)."""
    days = {name: _day(request.args.get(name, "")) for name in ("from", "until")}
    with ports().database.transaction(organisation().id) as session:
        note_export(session, here.customer.id, days["from"], days["until"], ports().clock.now())
    response = make_response(as_csv(_payments(here, days, ALL)))
    response.headers["Content-Type"] = "text/csv; charset=utf-8"
    response.headers["Content-Disposition"] = 'attachment; filename="payments.csv"'
    response.headers["Cache-Control"] = "no-store"
    return response


def _payments(here: Here, days: dict[str, date | None], most: int) -> list[Payment]:
    with ports().database.read(organisation().id) as session:
        return payments(session, here.customer.id, most, organisation().time_zone, days["from"], days["until"])


def _day(typed: str) -> date | None:
    """A day as a date field sends it; what is none filters nothing."""
    try:
        return date.fromisoformat(typed) if len(typed) == 10 else None
    except ValueError:
        return None


@page_for("/history/<visit:receipt_id>.pdf", name="receipt")
def receipt(here: Here, receipt_id: str) -> AnyResponse:
    """One receipt on paper, with what each service got of it; another's is not found (attack 49)."""
    with ports().database.read(organisation().id) as session:
        found = overview.own_receipt(session, here.customer, receipt_id)
        facts = paper_facts(ports(), session, found) if found is not None else None
        parts = receipt_parts(session, found.charge_id) if found is not None else ()
    if found is None or facts is None:
        abort(404)
    return pdf(
        ports().paper.receipt(replace(facts, parts=parts), current()), f"receipt-{found.number}.pdf", "attachment"
    )
