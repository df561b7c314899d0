"""Print and post: the records of customers who want them on paper, to be printed, posted and ticked off (C14).

Who opened a paper, and who posted it, stands in the audit trail. What is on the sheets:
`portal.usecases.paper_print`.
"""

from flask import abort, flash, get_flashed_messages
from flask_babel import gettext as _
from flask_babel import ngettext
from werkzeug.wrappers import Response as AnyResponse

from portal.domain.refusal import Refused
from portal.domain.staff import EVERYBODY, WORKERS
from portal.storage import paper_copy
from portal.usecases.paper_copy import mark_posted
from portal.usecases.paper_print import envelope, print_copy
from portal.web.access import organisation, ports
from portal.web.files import pdf
from portal.web.fragments import move_on, page
from portal.web.staff.door import path_of
from portal.web.staff.guard import Here, page_for

LISTED_MAX = 200
POSTED_MAX = 20


def sheets() -> dict[str, tuple[str, ...]]:
    """What each message's paper is, a word for each sheet to print."""
    return {
        "receipt": (_("Receipt"),),
        "plan_signed": (_("Payment schedule"), _("Signed agreement")),
        "plan_completed": (_("Completion letter"),),
        "plan_cancelled": (_("Plan cancelled"),),
        "plan_paused": (_("Plan paused"),),
        "plan_resumed": (_("Plan goes on"),),
        "plan_broken": (_("Plan ended"),),
        "refund": (_("Refund"),),
        "refund_failed": (_("Refund that did not arrive"),),
        "schedule_made": (_("Authorization"),),
        "schedule_cancelled": (_("Payments cancelled"),),
        "payment_cancelled": (_("Payment cancelled"),),
        "payment_moved": (_("Payment moved"),),
        "payment_stopped": (_("Payment not taken"),),
        "payment_not_charged": (_("Payment not taken"),),
        "payment_upcoming": (_("Notice of the next payment"),),
        "autopay_on": (_("AutoPay authorization"),),
        "autopay_off": (_("AutoPay ended"),),
        "autopay_upcoming": (_("Notice of the next payment"),),
        "subscription_last": (_("Notice of the last payment"),),
        "subscription_ended": (_("Subscription ended"),),
        "subscription_changed": (_("Subscription changed"),),
    }


@page_for(EVERYBODY, "/papers")
def paper_list(here: Here) -> AnyResponse:
    """What waits, the oldest first, with where it goes; below it what was posted last."""
    with ports().database.read(organisation().id) as session:
        waiting = paper_copy.waiting(session, LISTED_MAX)
        posted = paper_copy.posted(session, POSTED_MAX)
    return page(
        "staff/papers.html",
        waiting=[(copy, about, envelope(whose)) for copy, about, whose in waiting],
        posted=posted,
        sheets=sheets(),
        announce=ngettext("%(num)s paper to post", "%(num)s papers to post", len(waiting)),
        told=" ".join(map(str, get_flashed_messages())),
        may_work=here.role in WORKERS,
        path_of=path_of,
    )


@page_for(EVERYBODY, "/papers/<visit:copy_id>/<int:number>.pdf", name="paper_pdf")
def paper_pdf(here: Here, copy_id: str, number: int) -> AnyResponse:
    """One sheet, as it goes into the envelope."""
    try:
        printed = print_copy(ports(), organisation().id, copy_id, here.actor)
    except Refused:
        abort(404)
    if not 1 <= number <= len(printed):
        abort(404)
    return pdf(printed[number - 1].content, printed[number - 1].name, "inline")


@page_for(WORKERS, "/papers/<visit:copy_id>/posted", "POST", name="paper_posted")
def paper_posted(here: Here, copy_id: str) -> AnyResponse:
    """It is in the mail."""
    try:
        mark_posted(ports(), organisation().id, copy_id, here.actor)
    except Refused:
        abort(404)
    flash(_("Noted as posted."))
    return move_on(path_of("paper_list"))
