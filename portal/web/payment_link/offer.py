"""The offer step: settlement offers with what each asks and forgives, and a way past them where that is allowed."""

from flask import Response, request
from werkzeug.wrappers import Response as AnyResponse

from portal.domain.payment_link import Step
from portal.domain.refusal import Refused
from portal.usecases import offer
from portal.usecases.visit import look
from portal.web.access import organisation, ports
from portal.web.fragments import move_on, page
from portal.web.payment_link.door import path_of
from portal.web.payment_link.guard import Here, place, step
from portal.web.personal_link import closed
from portal.web.refusals import sentence


@step(Step.offer)
def show(here: Here) -> Response:
    """The offers, cheapest first; the one taken before is chosen."""
    visit = here.walk.visit
    skipped = offer.SKIP if visit.offer_skipped_at is not None else ""
    return _page(here, visit.offer_id or skipped, {}, 200)


@step(Step.offer, "POST", name="offer_post")
def post(here: Here) -> AnyResponse:
    """Takes an offer or skips them."""
    choice = request.form.get("offer", "")
    now = ports().clock.now()
    try:
        with ports().database.transaction(organisation().id) as session:
            walk = look(session, here.visit_id, here.secret, now, locked=True)
            if walk is None:
                return closed()
            offer.choose(walk, choice, now)
    except Refused as refused:
        return _page(here, choice, {_first_field(here): sentence(refused)}, 422)
    return move_on(path_of(Step.amount, here.visit_id))


def _page(here: Here, chosen: str, errors: dict[str, str], status: int) -> Response:
    return page(
        "payment_link/offer.html",
        status,
        offers=here.walk.offers,
        balance_cents=here.walk.payable_cents,
        may_skip=here.walk.settings.is_on("allow_skip_offer"),
        chosen=chosen,
        errors=errors,
        **place(here, Step.offer),
    )


def _first_field(here: Here) -> str:
    return f"offer-{here.walk.offers[0].row.id}" if here.walk.offers else "offer-skip"
