"""Who may open which page behind the customers' sign-in. Every page is registered by `page_for`.

Whoever is not signed in is sent to sign in and comes back to the page; a page that a sign-in by SSN may not see says so
(attack 20). Pages that change something are posts.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Concatenate, ParamSpec

from flask import g, request
from flask_login import current_user
from werkzeug.wrappers import Response as AnyResponse

from portal.storage.customer import Customer
from portal.storage.login import Login
from portal.usecases import customer_sign_in
from portal.usecases.customer_sign_in import SignedIn
from portal.web.access import of_organisation, organisation, ports
from portal.web.audience import Audience, Who, declare
from portal.web.customer.door import ACCOUNT, door, path_of
from portal.web.fragments import move_on, page
from portal.web.signed_in import FINDERS

P = ParamSpec("P")


@dataclass(frozen=True, slots=True)
class Here:
    """The customer who is signed in, for a page."""

    signed_in: SignedIn

    # what flask-login asks of a person
    is_authenticated = True
    is_active = True
    is_anonymous = False

    def get_id(self) -> str:
        return self.customer.id

    @property
    def customer(self) -> Customer:
        return self.signed_in.customer

    @property
    def login(self) -> Login:
        return self.signed_in.login

    @property
    def is_limited(self) -> bool:
        return self.signed_in.is_limited

    @property
    def seconds_left(self) -> int:
        """Until this sign-in ends by itself, for the warning (W25)."""
        return max(int((self.signed_in.ends_at - ports().clock.now()).total_seconds()), 0)


View = Callable[Concatenate[Here, P], AnyResponse]


def page_for(path: str, *methods: str, name: str = "", limited: bool = False) -> Callable[[View[P]], View[P]]:
    """Registers a page behind the sign-in; `path` begins below `/<slug>/account`.

    `limited`: also for who signed in with an SSN. It must show nothing but the balance in part and ways to pay.
    """

    def register(view: View[P]) -> View[P]:
        endpoint = name or view.__name__

        @wraps(view)
        def guarded(*args: P.args, **kwargs: P.kwargs) -> AnyResponse:
            here = who()
            if here is None:
                return to_sign_in()
            if here.is_limited and not limited:
                return page("customer/limited.html", 403)
            return view(here, *args, **kwargs)

        declare(f"customer.{endpoint}", Audience(Who.customer, by_ssn=limited))
        door.add_url_rule(
            f"{ACCOUNT}{path}", endpoint=endpoint, view_func=of_organisation(guarded), methods=list(methods or ("GET",))
        )
        return view

    return register


def who() -> Here | None:
    """Who is signed in at this organisation."""
    if not current_user.is_authenticated:
        return None
    here: Here = current_user._get_current_object()
    g.language_on_file = here.customer.locale
    return here


def to_sign_in() -> AnyResponse:
    """Signing in comes first, and leads back to the page."""
    if request.method != "GET" or request.endpoint == "customer.home":
        return move_on(path_of("sign_in"))
    return move_on(f"{path_of('sign_in')}?then={request.path}")


def _find(secret: str) -> Here | None:
    signed_in = customer_sign_in.who_is(ports(), organisation().id, secret)
    return Here(signed_in) if signed_in is not None else None


FINDERS["customer"] = _find
