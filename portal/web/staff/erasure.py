"""Erasing a customer at the console: found, told what goes and what stays and why, confirmed by typing their number.

For administrators, with the second factor. Every rule is asked by the use case that the command line asks.
"""

from collections.abc import Callable

from flask import abort, flash, get_flashed_messages, request
from flask_babel import gettext as _
from flask_babel import ngettext
from werkzeug.wrappers import Response as AnyResponse

from portal.domain.refusal import Refused
from portal.domain.staff import ADMINS
from portal.storage import account as accounts
from portal.storage import customer as customers
from portal.storage import erasure as erasures
from portal.storage.customer import Customer
from portal.usecases.erasure import Hindrance, Outlook, erase, outlook
from portal.usecases.organisation import settings
from portal.usecases.plan_life import WHY_LENGTH_MAX
from portal.web.access import organisation, ports
from portal.web.formats import money
from portal.web.fragments import move_on, page
from portal.web.staff import plan_words
from portal.web.staff.door import path_of
from portal.web.staff.guard import Here, page_for

FIELD_LENGTH_MAX = 60
FOUND_MAX = 20
WORDS_MAX = 5
LISTED_MAX = 50
ONE = "/erasures/<visit:customer_id>"


@page_for(ADMINS, "/erasures")
def erasure_list(_here: Here) -> AnyResponse:
    """Where somebody is looked up; below, who was erased last."""
    return _found("")


@page_for(ADMINS, "/erasures", "POST", name="erasure_list_post")
def erasure_list_post(_here: Here) -> AnyResponse:
    """Looks somebody up. A post, so that no name stands in an address or a log."""
    return _found(request.form.get("q", "")[:FIELD_LENGTH_MAX].strip())


@page_for(ADMINS, ONE, name="erasure")
def erasure_page(_here: Here, customer_id: str) -> AnyResponse:
    """What would go and what would stay, or what stands in the way; once it is done, how far it is."""
    return _page(customer_id, {}, {}, 200)


@page_for(ADMINS, ONE, "POST", name="erasure_post", dangerous=True)
def erasure_post(here: Here, customer_id: str) -> AnyResponse:
    """Does it. Pressed twice, it is done once."""
    person, seen = _seen(customer_id)
    typed = {name: request.form.get(name, "")[:500] for name in ("number", "why")}
    if seen.done is None and typed["number"].strip() != person.reference:
        wrong = _("Type the customer number as it stands above: %(number)s.", number=person.reference)
        return _page(customer_id, typed, {"number": wrong}, 422)
    try:
        erase(ports(), organisation().id, customer_id, typed["why"], here.actor)
    except Refused as refused:
        if refused.code == "erasure_hindered":
            return _page(customer_id, typed, {}, 409)
        return _page(customer_id, typed, {"why": _sentence(refused)}, 422)
    flash(_("Erased. Nothing brings it back."))
    return move_on(path_of("erasure", customer_id=customer_id))


def _seen(customer_id: str) -> tuple[Customer, Outlook]:
    with ports().database.read(organisation().id) as session:
        person = customers.by_id(session, customer_id)
        if person is None:
            abort(404)
        return person, outlook(session, person, ports().clock.now())


def _found(asked: str) -> AnyResponse:
    with ports().database.read(organisation().id) as session:
        words = asked.split()[:WORDS_MAX]
        found = accounts.customers_beginning_with(session, words, FOUND_MAX + 1) if asked else []
        done = erasures.latest(session, LISTED_MAX)
    return page(
        "staff/erasures.html",
        asked=asked,
        rows=found[:FOUND_MAX],
        is_cut=len(found) > FOUND_MAX,
        done=done,
        path_of=path_of,
    )


def _page(customer_id: str, typed: dict[str, str], errors: dict[str, str], status: int) -> AnyResponse:
    person, seen = _seen(customer_id)
    with ports().database.read(organisation().id) as session:
        years = settings(session).number("record_years")
    return page(
        "staff/erasure.html",
        status,
        person=person,
        seen=seen,
        standing=[hindrance(each) for each in seen.hindrances],
        years=years,
        typed=typed,
        errors=errors,
        most=WHY_LENGTH_MAX,
        told=" ".join(map(str, get_flashed_messages())),
        path_of=path_of,
        here=path_of("erasure", customer_id=customer_id),
    )


def hindrance(each: Hindrance) -> str:
    """What has to come to its end first, as somebody of the staff should read it."""
    name = each.name
    count = int(name) if each.kind in ("notice", "paper") else 0
    said: dict[str, Callable[[], object]] = {
        "charge": lambda: _(
            "Nobody knows yet what became of the charge %(name)s. It is asked about by itself.", name=name
        ),
        "dispute": lambda: _("The banks have not decided the dispute %(name)s.", name=name),
        "notice": lambda: ngettext(
            "%(num)s notice of the gateway about their payments was not handled yet.",
            "%(num)s notices of the gateway about their payments were not handled yet.", count,
        ),
        "objection": lambda: _("They dispute the debt of account %(name)s, and that was not resolved.", name=name),
        "owed": lambda: _(
            "Account %(name)s has a balance of %(amount)s. It is paid, or taken off the books, first.",
            name=name, amount=money(each.cents),
        ),
        "paper": lambda: ngettext(
            "%(num)s paper waits to be posted to them.", "%(num)s papers wait to be posted to them.", count
        ),
        "payment": lambda: _("A payment on account %(name)s is being made.", name=name),
        "plan": lambda: _("Plan %(name)s is not over. Cancel it first.", name=name),
        "refund": lambda: _("The refund %(name)s is under way.", name=name),
        "schedule": lambda: _("Payments are scheduled on account %(name)s. Cancel them first.", name=name),
        "subscription": lambda: _("Subscription %(name)s is not over. Cancel it first.", name=name),
    }  # fmt: skip
    return str(said[each.kind]())


def _sentence(refused: Refused) -> str:
    said = {
        "words_missing": lambda: _("Write down why."),
        "why_names_customer": lambda: _("The reason stays. Write it without their name, number or address."),
    }.get(refused.code)
    return str(said()) if said is not None else plan_words.sentence(refused)
