"""The check step: everything that will happen, row by row, each with a way to change it. Reads only what is stored."""

from flask import request
from werkzeug.wrappers import Response as AnyResponse

from portal.domain.payment_link import Step
from portal.domain.refusal import Refused
from portal.usecases import checkout
from portal.usecases.visit import look
from portal.web.access import organisation, ports
from portal.web.fragments import move_on, page
from portal.web.payment_link.contact import details_of
from portal.web.payment_link.door import path_of
from portal.web.payment_link.guard import Here, place, step
from portal.web.personal_link import closed
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
            checkout.confirm(walk, request.form.get("quote", ""), now)
        except Refused as refused:
            refusal = refused
        here = Here(here.visit_id, here.secret, walk)
    if refusal is not None:
        return _page(here, sentence(refusal), 409)
    return move_on(path_of(Step.agreement, here.visit_id))


def _page(here: Here, changed: str | None, status: int) -> AnyResponse:
    walk, visit = here.walk, here.walk.visit
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
        email=details_of(walk)["email"],
        has_contact=walk.settings.is_on("contact_verification"),
        paths={each.value: path_of(each, here.visit_id) for each in Step},
        left_cents=walk.payable_cents - figures.amount_cents - figures.forgiven_cents,
        **place(here, Step.check),
    )


def changed_away(here: Here, refused: Refused) -> AnyResponse:
    """What was chosen can no longer be paid: say so, with a way back to choosing. Nothing was charged."""
    step_ = Step.offer if refused.code == "offer_gone" and here.walk.offers else Step.amount
    return page("payment_link/changed.html", 409, sentence=sentence(refused), again=path_of(step_, here.visit_id))
