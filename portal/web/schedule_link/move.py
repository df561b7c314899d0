"""Moving one payment: the dates it may have, then a page to check the new one (W26)."""

from datetime import date

from flask import Response, request
from flask_babel import gettext as _
from werkzeug.wrappers import Response as AnyResponse

from portal.domain.refusal import Refused
from portal.usecases import schedule_change
from portal.usecases.schedule_change import CUSTOMER
from portal.web.access import organisation, ports
from portal.web.formats import day
from portal.web.fragments import move_on, page
from portal.web.refusals import sentence
from portal.web.schedule_link.guard import PAYMENTS, Here, part, refused_away, told


def _may_move(here: Here) -> bool:
    return bool(here.allowed.dates)


@part("<int:number>/move", endpoint="move", may=_may_move)
def show(here: Here) -> Response:
    """The dates to choose from; none is chosen for anybody."""
    return _choose(here, {}, 200)


@part("<int:number>/move", "POST", endpoint="move_post", may=_may_move)
def choose(here: Here) -> AnyResponse:
    """On to the check page of the chosen date. Nothing is changed yet."""
    chosen = _date(here, request.form.get("to_on", ""))
    if chosen is None:
        return _choose(here, {"to-on": sentence(Refused("move_date_missing"))}, 422)
    return move_on(here.path("move_check", number=here.number, to_on=chosen.isoformat()))


@part("<int:number>/move/<to_on>", endpoint="move_check", may=_may_move)
def check(here: Here, to_on: str) -> AnyResponse:
    """The date it has and the date it gets."""
    chosen = _date(here, to_on)
    if chosen is None:
        return move_on(here.path("move", number=here.number))
    return page(
        "schedule_link/move_check.html",
        payment=here.payment,
        to_on=chosen,
        here=here.path("move_check", number=here.number, to_on=to_on),
        back=here.path("move", number=here.number),
    )


@part("<int:number>/move/<to_on>", "POST", endpoint="move_check_post", may=_may_move)
def move(here: Here, to_on: str) -> AnyResponse:
    """Puts the payment on the date that was checked."""
    chosen = _date(here, to_on)
    if chosen is None:
        return move_on(here.path("move", number=here.number))
    try:
        got = schedule_change.move(ports(), organisation().id, here.payment.obligation_id, chosen, CUSTOMER)
    except Refused as refused:
        return refused_away(here, refused)
    return told(here, str(_("The payment is now on %(day)s.", day=day(got))))


def _date(here: Here, typed: str) -> date | None:
    """The date that was chosen, if it is one of those shown."""
    return next((each for each in here.allowed.dates if each.isoformat() == typed), None)


def _choose(here: Here, errors: dict[str, str], status: int) -> Response:
    return page(
        "schedule_link/move.html",
        status,
        payment=here.payment,
        allowed=here.allowed,
        weekend_rule=here.seen.settings.words("weekend_rule"),
        errors=errors,
        here=here.path("move", number=here.number),
        back=here.path(PAYMENTS),
    )
