"""The check step: everything that will happen, row by row, each with a way to change it. Reads only what is stored."""

from flask import request
from werkzeug.wrappers import Response as AnyResponse

from portal.domain.payment_link import Step
from portal.domain.refusal import Refused
from portal.usecases import checkout, schedule_checkout
from portal.usecases.visit import look
from portal.web.access import organisation, ports
from portal.web.fragments import move_on, page
from portal.web.payment_link.changed import changed_away
from portal.web.payment_link.contact import details_of
from portal.web.payment_link.door import path_of
from portal.web.payment_link.guard import Here, place, step
from portal.web.personal_link import closed
from portal.web.records import destination
from portal.web.refusals import sentence


@step(Step.check)
def show(here: Here) -> AnyResponse:
    """The figures as they are now."""
    return _page(here, None, 200)


@step(Step.check, "POST", name="check_post")
def post(here: Here) -> AnyResponse:
    """Confirms exactly the figures that were shown; other figures are shown first."""
    now = ports().clock.now()
    refusal: Refused | None = None
    with ports().database.transaction(organisation().id) as session:
        walk = look(session, here.visit_id, here.secret, now, locked=True)
        if walk is None:
            return closed()
        try:
            confirm = schedule_checkout.confirm if walk.progress.scheduling else checkout.confirm
            confirm(walk, request.form.get("quote", ""), now)
        except Refused as refused:
            refusal = refused
        here = Here(here.visit_id, here.secret, walk)
    if refusal is not None:
        return _page(here, sentence(refusal), 409)
    return move_on(path_of(Step.agreement, here.visit_id))


def _page(here: Here, changed: str | None, status: int) -> AnyResponse:
    walk, visit = here.walk, here.walk.visit
    if walk.progress.scheduling:
        return _scheduling(here, changed, status)
    try:
        figures = checkout.quote(walk)
    except Refused as refused:
        return changed_away(here, refused)
    is_new = visit.amount_cents is not None and figures.amount_cents != visit.amount_cents
    return page(
        "payment_link/check.html",
        409 if changed else status,
        figures=figures,
        changed=changed or (sentence(Refused("quote_changed")) if is_new else None),
        card=False,
        account=walk.account,
        visit=visit,
        **destination(details_of(walk)["email"], on_paper=walk.wants_paper),
        has_contact=walk.settings.is_on("contact_verification"),
        paths={each.value: path_of(each, here.visit_id) for each in Step},
        left_cents=walk.payable_cents - figures.amount_cents - figures.forgiven_cents,
        **place(here, Step.check),
    )


def _scheduling(here: Here, changed: str | None, status: int) -> AnyResponse:
    """Every date and amount that would be authorised."""
    walk, now = here.walk, ports().clock.now()
    try:
        figures = schedule_checkout.quote(walk, now)
    except Refused as refused:
        return changed_away(here, refused)
    known = walk.visit.quote_version
    if changed is None and known is not None and known != figures.version:
        changed = sentence(Refused("quote_changed"))
    return page(
        "payment_link/schedule_check.html",
        409 if changed else status,
        figures=figures,
        changed=changed,
        account=walk.account,
        card=False,
        visit=walk.visit,
        today=schedule_checkout.today(walk, now),
        **destination(details_of(walk)["email"], on_paper=walk.wants_paper),
        has_contact=walk.settings.is_on("contact_verification"),
        paths={each.value: path_of(each, here.visit_id) for each in Step},
        **place(here, Step.check),
    )
