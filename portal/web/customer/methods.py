"""Cards on file: which there are, when they end, what runs on them; naming one, putting one first, taking one away.

One that scheduled payments need is not taken away: the page offers to use another card for them first.
"""

from flask import abort, flash, get_flashed_messages, request
from flask_babel import gettext as _
from werkzeug.wrappers import Response as AnyResponse

from portal.domain.payment_method import LABEL_LENGTH_MAX
from portal.domain.refusal import Refused
from portal.usecases import overview, own_method
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
        field = "" if refused.code == "method_in_use" else f"replace-{method_id}"
        return _page(here, {field: sentence(refused)}, 422)
    flash(_("The card is removed."))
    return move_on(path_of("methods"))


@page_for("/methods/<visit:method_id>/name", "POST", name="name_method")
def rename(here: Here, method_id: str) -> AnyResponse:
    """Gives one a name, or takes its name away."""
    typed = request.form.get("label", "")
    try:
        with ports().database.transaction(organisation().id) as session:
            own_method.rename(session, here.customer.id, method_id, typed, ports().clock.now())
    except Refused as refused:
        if refused.code == "method_unknown":
            abort(404)
        return _page(here, {f"label-{method_id}": sentence(refused)}, 422, {method_id: typed})
    flash(_("Saved."))
    return move_on(path_of("methods"))


@page_for("/methods/<visit:method_id>/first", "POST", name="prefer_method")
def prefer(here: Here, method_id: str) -> AnyResponse:
    """This one is offered first from now on."""
    try:
        with ports().database.transaction(organisation().id) as session:
            own_method.prefer(session, here.customer.id, method_id, ports().clock.now())
    except Refused:
        abort(404)
    flash(_("This card is now offered first when you pay. Payments that are already scheduled stay on their card."))
    return move_on(path_of("methods"))


def _page(here: Here, errors: dict[str, str], status: int, typed: dict[str, str] | None = None) -> AnyResponse:
    with ports().database.read(organisation().id) as session:
        seen = overview.look(session, here.customer, organisation().time_zone, ports().clock.now())
        needed = {card.id: overview.needs_of(session, here.customer, card.id) for card in seen.methods}
        may_add = own_method.may_add(session)
    told = " ".join(map(str, get_flashed_messages()))
    return page(
        "customer/methods.html",
        status,
        seen=seen,
        needed=needed,
        may_add=may_add,
        errors=errors,
        typed=typed or {},
        told=told,
        length_max=LABEL_LENGTH_MAX,
    )
