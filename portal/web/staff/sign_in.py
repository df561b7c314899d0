"""Signing in to the console and out of it: username, password and a code on one page, one answer for all that is wrong.

Asks the use case for everything; never says which of the three did not match.
"""

from flask import request
from werkzeug.wrappers import Response as AnyResponse

from portal.domain.refusal import Refused
from portal.domain.sign_in import Who
from portal.usecases import sign_in as sign_ins
from portal.usecases.staff import Typed, sign_in_staff
from portal.web.access import of_organisation, organisation, ports
from portal.web.fragments import move_on, page
from portal.web.refusals import sentence
from portal.web.signed_in import browser, farewell, own_path, welcome
from portal.web.staff.door import CONSOLE, door, path_of
from portal.web.staff.guard import at_desk


@door.get(f"{CONSOLE}/sign-in")
@of_organisation
def sign_in() -> AnyResponse:
    """The form; whoever is signed in already is shown in."""
    if at_desk() is not None:
        return move_on(path_of("home"))
    return _form("", own_path(request.args.get("then", "")), None, 200)


@door.post(f"{CONSOLE}/sign-in")
@of_organisation
def sign_in_post() -> AnyResponse:
    """Opens a sign-in, or says that something did not match, never what."""
    form = request.form
    typed = Typed(form.get("username", ""), form.get("password", ""), form.get("code", ""))
    then = own_path(form.get("then", ""))
    try:
        secret = sign_in_staff(ports(), organisation().id, typed, browser())
    except Refused as refused:
        busy = refused.code == "sign_in_busy"
        return _form(typed.username, then, sentence(refused), 503 if busy else 422)
    return welcome(move_on(then or path_of("home")), Who.staff, secret)


@door.post(f"{CONSOLE}/sign-out")
@of_organisation
def sign_out() -> AnyResponse:
    """Ends this sign-in; without one it only clears the browser."""
    here = at_desk()
    if here is not None:
        now = ports().clock.now()
        with ports().database.transaction(organisation().id) as session:
            sign_ins.end(session, here.signed_in.row.id, now)
    return farewell(move_on(f"{path_of('sign_in')}?said=out"), Who.staff)


def _form(username: str, then: str | None, error: str | None, status: int) -> AnyResponse:
    return page(
        "staff/sign_in.html",
        status,
        username=username[:120],
        then=then,
        errors={"username": error} if error else {},
        said=request.args.get("said", "") if error is None else "",
        here=path_of("sign_in"),
    )
