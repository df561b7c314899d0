"""Choosing a PIN: asking for the link that does it, the page it leads to, and changing it when signed in.

The link's GET shows a form and has no effect; it is good once, for ten minutes (attack 21).
"""

from flask import abort, request
from werkzeug.wrappers import Response as AnyResponse

from portal.domain.refusal import Refused
from portal.domain.sign_in import Way, Who
from portal.usecases import login as logins
from portal.usecases.login import Asked
from portal.usecases.organisation import settings
from portal.web.access import of_organisation, organisation, ports
from portal.web.customer.door import SIGN_IN, SLUG, door, path_of
from portal.web.customer.guard import Here, page_for
from portal.web.customer.sign_in import ways_here
from portal.web.fragments import move_on, page
from portal.web.personal_link import unreferred
from portal.web.refusals import sentence
from portal.web.signed_in import browser, farewell

PIN_FIELDS = ("pin_wrong", "sign_in_busy")


@door.get(f"{SIGN_IN}/pin")
@of_organisation
def ask_pin() -> AnyResponse:
    """Who forgot their PIN, or never had one."""
    return _ask({}, "", 200)


@door.post(f"{SIGN_IN}/pin")
@of_organisation
def ask_pin_post() -> AnyResponse:
    """Sends the link to the address on file, if there is one; the answer never says."""
    way = Way.account if request.form.get("way") == Way.account else Way.username
    typed = request.form.get("who", "")
    if way not in ways_here().ways:
        abort(404)
    if not typed.strip():
        return _ask({"who": sentence(Refused(f"who_missing_{way.value}"))}, typed, 422)
    logins.ask_for_pin(ports(), organisation().id, Asked(way, typed), browser())
    return move_on(path_of("pin_sent"))


@door.get(f"{SIGN_IN}/pin/sent")
@of_organisation
def pin_sent() -> AnyResponse:
    """What to expect."""
    return page("customer/pin_sent.html")


@door.get(f"{SLUG}/pin/<token:token>")
@of_organisation
def set_pin(token: str) -> AnyResponse:
    """The form, if the link is good. Free of effects."""
    return _set(token, {}, 200)


@door.post(f"{SLUG}/pin/<token:token>")
@of_organisation
def set_pin_post(token: str) -> AnyResponse:
    """Sets it, once."""
    try:
        logins.set_pin_by_token(ports(), organisation().id, token, request.form.get("pin", "")[:40])
    except Refused as refused:
        if refused.code == "pin_link_over":
            return _over()
        return _set(token, {"pin": sentence(refused)}, 422)
    return farewell(move_on(f"{path_of('sign_in')}?said=pin"), Who.customer)


@page_for("/pin")
def change_pin(_here: Here) -> AnyResponse:
    """The form."""
    return _change({}, 200)


@page_for("/pin", "POST", name="change_pin_post")
def change_pin_post(here: Here) -> AnyResponse:
    """Changes it, proved by the old one; everybody signed in as this person is out."""
    old, new = request.form.get("old", "")[:40], request.form.get("new", "")[:40]
    try:
        logins.change_pin(ports(), organisation().id, here.login, old, new)
    except Refused as refused:
        return _change({"old" if refused.code in PIN_FIELDS else "new": sentence(refused)}, 422)
    return farewell(move_on(f"{path_of('sign_in')}?said=pin"), Who.customer)


def _ask(errors: dict[str, str], typed: str, status: int) -> AnyResponse:
    ways = [way.value for way in ways_here().ways if way is not Way.ssn]
    if not ways:
        abort(404)
    way = request.values.get("way", ways[0])
    chosen = way if way in ways else ways[0]
    return page("customer/ask_pin.html", status, errors=errors, typed=typed[:120], way=chosen, ways=ways)


def _set(token: str, errors: dict[str, str], status: int) -> AnyResponse:
    with ports().database.transaction(organisation().id) as session:
        login = logins.login_of_token(session, token, ports().clock.now())
    if login is None:
        return _over()
    return unreferred(page("customer/set_pin.html", status, errors=errors, least=_least()))


def _over() -> AnyResponse:
    return unreferred(page("customer/pin_over.html", 404))


def _change(errors: dict[str, str], status: int) -> AnyResponse:
    return page("customer/change_pin.html", status, errors=errors, least=_least())


def _least() -> int:
    with ports().database.read(organisation().id) as session:
        return settings(session).number("pin_length")
