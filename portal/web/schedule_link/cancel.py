"""Cancelling: all that is left, one payment, or leaving one out. Each is checked on a page of its own first (W26)."""

from flask import Response
from flask_babel import gettext as _
from flask_babel import ngettext
from werkzeug.wrappers import Response as AnyResponse

from portal.domain.refusal import Refused
from portal.usecases import schedule_change
from portal.usecases.schedule_change import CUSTOMER, Cancelled
from portal.web.access import organisation, ports
from portal.web.formats import day
from portal.web.fragments import page
from portal.web.schedule_link.guard import PAYMENTS, Here, is_sure, part, refused_away, tick_missing, told


def _may_cancel_all(here: Here) -> bool:
    return here.seen.settings.is_on("customer_may_cancel") and not here.seen.is_over


def _may_cancel(here: Here) -> bool:
    return here.allowed.cancel


def _may_skip(here: Here) -> bool:
    return here.allowed.skip


@part("cancel", endpoint="cancel", may=_may_cancel_all)
def show_all(here: Here) -> Response:
    """What will not be charged any more."""
    return _all(here, {}, 200)


@part("cancel", "POST", endpoint="cancel_post", may=_may_cancel_all)
def cancel_all(here: Here) -> AnyResponse:
    """Cancels what is left of the schedule; nothing of it is charged from now on."""
    if not is_sure():
        return _all(here, tick_missing(), 422)
    try:
        done = schedule_change.cancel(ports(), organisation().id, here.seen.plan.schedule.id, CUSTOMER)
    except Refused as refused:
        return refused_away(here, refused)
    said = ngettext("%(num)s payment was cancelled.", "%(num)s payments were cancelled.", done.payments)
    return told(here, _said(said, done))


@part("<int:number>/cancel", endpoint="cancel_one", may=_may_cancel)
def show_one(here: Here) -> Response:
    """Which payment will not be charged; the others stay."""
    return _one(here, {}, 200, skips=False)


@part("<int:number>/cancel", "POST", endpoint="cancel_one_post", may=_may_cancel)
def cancel_one(here: Here) -> AnyResponse:
    """Cancels one payment."""
    if not is_sure():
        return _one(here, tick_missing(), 422, skips=False)
    try:
        done = schedule_change.cancel_one(ports(), organisation().id, here.payment.obligation_id, CUSTOMER)
    except Refused as refused:
        return refused_away(here, refused)
    return told(here, _said(_("The payment of %(day)s was cancelled.", day=day(here.payment.due_on)), done))


@part("<int:number>/skip", endpoint="skip", may=_may_skip)
def show_skip(here: Here) -> Response:
    """Which payment is left out, and what becomes of what it was for."""
    return _one(here, {}, 200, skips=True)


@part("<int:number>/skip", "POST", endpoint="skip_post", may=_may_skip)
def skip(here: Here) -> AnyResponse:
    """Leaves one payment out; an instalment of a plan goes to the plan's end."""
    if not is_sure():
        return _one(here, tick_missing(), 422, skips=True)
    try:
        done = schedule_change.skip(ports(), organisation().id, here.payment.obligation_id, CUSTOMER)
    except Refused as refused:
        return refused_away(here, refused)
    said = _("The payment of %(day)s is left out.", day=day(here.payment.due_on))
    if done.put_off:
        said = _("The payment of %(day)s was put off to the end of your plan.", day=day(here.payment.due_on))
    return told(here, _said(said, done))


def _said(what: str, done: Cancelled) -> str:
    if not done.under_way:
        return str(what)
    late = _("A payment was being sent at that moment: if it was taken, we give it back and write to you.")
    return f"{what} {late}" if done.payments else str(late)


def _all(here: Here, errors: dict[str, str], status: int) -> Response:
    return page(
        "schedule_link/cancel.html",
        status,
        seen=here.seen,
        errors=errors,
        here=here.path("cancel"),
        back=here.path(PAYMENTS),
    )


def _one(here: Here, errors: dict[str, str], status: int, *, skips: bool) -> Response:
    return page(
        "schedule_link/skip.html" if skips else "schedule_link/cancel_one.html",
        status,
        seen=here.seen,
        payment=here.payment,
        errors=errors,
        here=here.path("skip" if skips else "cancel_one", number=here.number),
        back=here.path(PAYMENTS),
    )
