"""The result where payments were scheduled: each with its status, to be emailed or printed (S1:22-23).

Called by the result step. Says only what the rows say; asks nobody else.
"""

from flask import request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response as AnyResponse

from portal.domain.payment_status import PaymentStatus, SecondLine
from portal.domain.schedule import ScheduleStatus
from portal.storage import Session, hold
from portal.usecases import payment_status
from portal.usecases.payment_status import PaymentShown, ScheduleShown
from portal.usecases.visit import Walk
from portal.web.access import organisation
from portal.web.fragments import page
from portal.web.payment_link.contact import details_of
from portal.web.payment_link.guard import Here
from portal.web.payment_status import line, words
from portal.web.records import destination


def read(session: Session, walk: Walk) -> tuple[ScheduleShown | None, bool]:
    """(the schedule as it stands, whether nothing is charged for this organisation at the moment)."""
    found = payment_status.of_visit(session, walk.visit.id, walk.organisation)
    is_held = not walk.settings.is_on("charging_enabled") or hold.standing(session) is not None
    return found, is_held


def result(here: Here, told: str) -> AnyResponse:
    """What was scheduled, and how each payment stands."""
    found, is_held = here.extras
    if found is None:
        raise AssertionError("a schedule that was agreed to is not there")
    waiting = request.headers.get("HX-Target") == "div#outcome"
    urls = {
        name: url_for(f"payment_link.{name}", slug=organisation().slug, visit_id=here.visit_id)
        for name in ("result", "schedule_again", "look_after")
    }
    signed_in = here.walk.visit.sign_in_id is not None
    urls["account"] = url_for("customer.home", slug=organisation().slug) if signed_in else ""
    return page(
        "payment_link/scheduled.html",
        announce=told or ("" if waiting else _("Your payments are scheduled")),
        plan=found,
        declined=_declined(found),
        is_cancelled=found.schedule.status == ScheduleStatus.cancelled,
        is_held=is_held,
        words=words(),
        line=line,
        account=here.walk.account,
        **destination(details_of(here.walk)["email"], on_paper=here.walk.wants_paper),
        urls=urls,
        told=told,
    )


def _declined(found: ScheduleShown) -> PaymentShown | None:
    """A payment that the bank did not approve; one that was cancelled or left out has the same word, but no need."""
    by_bank = (SecondLine.none, SecondLine.try_again)
    declined = (each for each in found.payments if each.shown.status is PaymentStatus.declined)
    return next((each for each in declined if each.shown.line in by_bank), None)
