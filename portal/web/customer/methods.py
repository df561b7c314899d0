"""Cards on file: which there are, when they end, and taking one away.

One that scheduled payments need is not taken away; a new one is typed where something is paid.
"""

from flask import abort, flash, get_flashed_messages
from flask_babel import gettext as _
from werkzeug.wrappers import Response as AnyResponse

from portal.domain.refusal import Refused
from portal.usecases import overview
from portal.usecases.remove_method import remove_method
from portal.web.access import organisation, ports
from portal.web.customer.door import path_of
from portal.web.customer.guard import Here, page_for
from portal.web.fragments import move_on, page
from portal.web.refusals import sentence


@page_for("/methods")
def methods(here: Here) -> AnyResponse:
    """The list."""
    return _page(here, {}, 200)


@page_for("/methods/<visit:method_id>/remove", "POST", name="remove_method")
def remove(here: Here, method_id: str) -> AnyResponse:
    """Takes one away, here and at the gateway; another's is not found."""
    try:
        remove_method(ports(), organisation().id, here.customer.id, method_id)
    except Refused as refused:
        if refused.code == "method_unknown":
            abort(404)
        return _page(here, {"": sentence(refused)}, 422)
    flash(_("The card is removed."))
    return move_on(path_of("methods"))


def _page(here: Here, errors: dict[str, str], status: int) -> AnyResponse:
    with ports().database.read(organisation().id) as session:
        seen = overview.look(session, here.customer, organisation().time_zone, ports().clock.now())
        needed = {card.id for card in seen.methods if overview.is_needed(session, here.customer, card.id)}
    told = " ".join(map(str, get_flashed_messages()))
    return page("customer/methods.html", status, seen=seen, needed=needed, errors=errors, told=told)
