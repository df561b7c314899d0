"""A person of the staff changes their own password."""

from flask import request
from werkzeug.wrappers import Response as AnyResponse

from portal.domain.refusal import Refused
from portal.domain.sign_in import Who
from portal.domain.staff import EVERYBODY
from portal.usecases.staff import change_password
from portal.web.access import organisation, ports
from portal.web.fragments import move_on, page
from portal.web.refusals import sentence
from portal.web.signed_in import farewell
from portal.web.staff.door import path_of
from portal.web.staff.guard import Here, page_for


@page_for(EVERYBODY, "/password")
def password(here: Here) -> AnyResponse:
    """The form."""
    return _form(here, {}, 200)


@page_for(EVERYBODY, "/password", "POST", name="password_post")
def password_post(here: Here) -> AnyResponse:
    """Changes it, proved by the old one, and signs everybody out who is signed in as this person."""
    try:
        change_password(
            ports(), organisation().id, here.signed_in, request.form.get("old", ""), request.form.get("new", "")
        )
    except Refused as refused:
        field = "old" if refused.code in ("password_wrong", "sign_in_busy") else "new"
        return _form(here, {field: sentence(refused)}, 422)
    return farewell(move_on(f"{path_of('sign_in')}?said=changed"), Who.staff)


def _form(here: Here, errors: dict[str, str], status: int) -> AnyResponse:
    username = here.signed_in.staff.username
    return page("staff/password.html", status, errors=errors, username=username, here=path_of("password"))
