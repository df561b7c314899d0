"""The list: every payment with its date, amount and status, what may be changed about it, and by which rules."""

from flask import Response, get_flashed_messages
from werkzeug.wrappers import Response as AnyResponse

from portal.domain.due_date import WeekendRule
from portal.usecases import schedule_link
from portal.web import files
from portal.web.access import organisation, ports
from portal.web.fragments import page
from portal.web.payment_status import line, words
from portal.web.schedule_link.guard import PAYMENTS, Here, part


@part("list", endpoint=PAYMENTS)
def show(here: Here) -> Response:
    """How everything stands now. What was just done is said once."""
    told = " ".join(map(str, get_flashed_messages()))
    rules = here.seen.settings
    return page(
        "schedule_link/payments.html",
        announce=told,
        told=told,
        seen=here.seen,
        words=words(),
        line=line,
        path=here.path,
        may_cancel=rules.is_on("customer_may_cancel"),
        may_move=rules.is_on("customer_may_move"),
        move_days_max=rules.number("move_days_max"),
        skip_max=rules.number("skip_max"),
        cutoff_hours=rules.number("cutoff_hours"),
        weekend_rule=WeekendRule(rules.words("weekend_rule")).value,
    )


@part("authorization", endpoint="authorization")
def authorization(here: Here) -> Response:
    """The sealed text, word for word (C2)."""
    with ports().database.read(organisation().id) as session:
        sealed = schedule_link.authorization(session, here.seen)
    return page(
        "schedule_link/authorization.html",
        sealed=sealed,
        paragraphs=files.paragraphs(sealed),
        back=here.path(PAYMENTS),
        download=here.path("authorization_file"),
    )


@part("authorization.txt", endpoint="authorization_file")
def authorization_file(here: Here) -> AnyResponse:
    """The same bytes that were sealed, to keep."""
    with ports().database.read(organisation().id) as session:
        sealed = schedule_link.authorization(session, here.seen)
    return files.authorization(sealed)
