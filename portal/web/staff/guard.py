"""Who may open which page of the console: signed in, in one of the page's roles, and proved again for dangerous acts.

Every page of the console is registered by `page_for`, which makes it say its roles; `ROLES_OF` lists what they said.
A page never asks again. Who lacks the role reads so; a stranger is sent to the sign-in; a customer finds nothing.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Concatenate, ParamSpec

from flask import abort, g, request
from flask_login import current_user
from werkzeug.wrappers import Response as AnyResponse

from portal.domain.refusal import Refused
from portal.domain.sign_in import Who
from portal.domain.staff import Role
from portal.usecases import staff as usecase
from portal.usecases.staff import SignedIn
from portal.web.access import of_organisation, organisation, ports
from portal.web.audience import Audience, declare
from portal.web.audience import Who as For
from portal.web.fragments import move_on, page
from portal.web.refusals import sentence
from portal.web.signed_in import FINDERS, farewell, is_signed_in_elsewhere
from portal.web.staff.door import CONSOLE, door, path_of

P = ParamSpec("P")
ROLES_OF: dict[str, frozenset[Role]] = {}  # endpoint -> who may open it
DANGEROUS: set[str] = set()  # endpoints that ask for proof
PROOF_FIELD = "proof_code"


@dataclass(frozen=True, slots=True)
class Here:
    """Who is at the desk, for a page of the console."""

    signed_in: SignedIn

    # what flask-login asks of a person
    is_authenticated = True
    is_active = True
    is_anonymous = False

    def get_id(self) -> str:
        return self.signed_in.staff.id

    @property
    def name(self) -> str:
        return self.signed_in.staff.name

    @property
    def role(self) -> Role:
        return Role(self.signed_in.staff.role)

    @property
    def actor(self) -> str:
        """How the trail names this person."""
        return f"staff:{self.signed_in.staff.id}"


View = Callable[Concatenate[Here, P], AnyResponse]


def page_for(
    roles: frozenset[Role], path: str, *methods: str, name: str = "", dangerous: bool = False
) -> Callable[[View[P]], View[P]]:
    """Registers a page of the console that these roles may open; `path` begins below `/<slug>/staff`.

    `dangerous`: money, secrets, settings, exports. Posting it asks for a code of the second factor when the last proof
    is older than ten minutes, on a page of its own that then does what was posted (attack 18).
    """

    def register(view: View[P]) -> View[P]:
        endpoint = name or view.__name__
        ROLES_OF[f"staff.{endpoint}"] = roles
        declare(f"staff.{endpoint}", Audience(For.staff, roles))
        if dangerous:
            DANGEROUS.add(f"staff.{endpoint}")
        door.add_url_rule(
            f"{CONSOLE}{path}",
            endpoint=endpoint,
            view_func=of_organisation(guarded(view, roles, dangerous=dangerous)),
            methods=list(methods or ("GET",)),
        )
        return view

    return register


def guarded(view: View[P], roles: frozenset[Role], *, dangerous: bool = False) -> Callable[P, AnyResponse]:
    """The view behind its guard."""

    @wraps(view)
    def asked(*args: P.args, **kwargs: P.kwargs) -> AnyResponse:
        here = at_desk()
        if here is None:
            return to_sign_in()
        if here.role not in roles:
            return page("staff/not_allowed.html", 403)
        if dangerous and request.method == "POST":
            question = _proof(here)
            if question is not None:
                return question
        return view(here, *args, **kwargs)

    return asked


def at_desk() -> Here | None:
    """Who is signed in to the console of this organisation."""
    if not current_user.is_authenticated:
        return None
    here: Here = current_user._get_current_object()
    g.at_desk = here
    return here


def to_sign_in() -> AnyResponse:
    """A stranger signs in first. Whoever is signed in as somebody else finds no page here (attack 19)."""
    if request.method != "GET":
        return move_on(path_of("sign_in"))
    if request.endpoint == "staff.home":
        return move_on(path_of("sign_in"))
    if is_signed_in_elsewhere():
        abort(404)
    return move_on(f"{path_of('sign_in')}?then={request.path}")


def _proof(here: Here) -> AnyResponse | None:
    """None when the act may go on; else the page that asks for a code and carries what was posted."""
    if usecase.is_proved(here.signed_in, ports().clock.now()):
        return None
    errors: dict[str, str] = {}
    if PROOF_FIELD in request.form:
        try:
            usecase.prove(ports(), organisation().id, here.signed_in, request.form[PROOF_FIELD][:20])
            return None
        except Refused as refused:
            if refused.code == "sign_in_over":
                return farewell(move_on(path_of("sign_in")), Who.staff)
            errors = {PROOF_FIELD: sentence(refused)}
    carried = {name: value for name, value in request.form.items() if name not in (PROOF_FIELD, "csrf_token")}
    return page("staff/proof.html", 422 if errors else 403, errors=errors, carried=carried, here=request.path)


def _find(secret: str) -> Here | None:
    signed_in = usecase.who_is(ports(), organisation().id, secret)
    return Here(signed_in) if signed_in is not None else None


FINDERS["staff"] = _find
