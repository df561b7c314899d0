"""The first page: what is owed, what comes next, what needs attention, and the way to pay.

Who signed in with an SSN sees the balance in part and the way to pay, nothing else (attack 20).
"""

from flask import abort
from werkzeug.wrappers import Response as AnyResponse

from portal.domain.payment_link import Purpose
from portal.domain.refusal import Refused
from portal.storage import autopay as autopays
from portal.usecases import autopay, overview
from portal.usecases.organisation import settings
from portal.usecases.own_visit import open_visit
from portal.usecases.selection import takes_payments
from portal.web.access import organisation, ports
from portal.web.customer.guard import Here, page_for
from portal.web.fragments import page
from portal.web.language import current
from portal.web.personal_link import DOORS, into
from portal.web.refusals import sentence
from portal.web.signed_in import browser


@page_for("", name="home", limited=True)
def home(here: Here) -> AnyResponse:
    """Everything at a glance."""
    with ports().database.read(organisation().id) as session:
        seen = overview.look(session, here.customer, organisation().time_zone, ports().clock.now())
        rules = settings(session)
        has_autopay = None if here.is_limited else autopay.is_on_for(session, here.customer.id, rules)
    return page(
        "customer/home.html",
        has_autopay=has_autopay,
        seen=seen,
        is_limited=here.is_limited,
        support_hours=rules.words("support_hours"),
        is_on=rules.is_on("pay_services"),
        takes_service_payments=takes_payments(rules),
    )


@page_for("/scheduled")
def scheduled(here: Here) -> AnyResponse:
    """Every payment that is still to come."""
    with ports().database.read(organisation().id) as session:
        seen = overview.look(session, here.customer, organisation().time_zone, ports().clock.now())
        has_autopay = bool(autopays.on_of_customer(session, here.customer.id))
    return page("customer/scheduled.html", coming=seen.coming, has_autopay=has_autopay)


@page_for("/pay/<visit:account_id>", "POST", name="pay", limited=True)
def pay(here: Here, account_id: str) -> AnyResponse:
    """Opens a walk to pay on one account of theirs; another's is not found."""
    try:
        with ports().database.transaction(organisation().id) as session:
            if not settings(session).is_on("pay_services"):
                raise Refused("services_off")
            opened = open_visit(session, here.signed_in, account_id, browser(), current(), ports().clock.now())
    except Refused as refused:
        if refused.code == "account_unknown":
            abort(404)
        status = 429 if refused.code == "too_many_visits" else 409
        return page("personal_link/slow_down.html", status, sentence=sentence(refused))
    return into(DOORS[Purpose.pay], *opened)
