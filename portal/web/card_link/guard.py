"""Who may open which page of a card link's visit: the cookie first, then what was done so far. Called by every step.

A page that is too early leads to the one that comes next; once the card is changed every page leads to the last one.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps

from flask import Response, url_for
from werkzeug.wrappers import Response as AnyResponse

from portal.domain.payment_link import LinkState
from portal.usecases.card_link import CardVisit, look
from portal.web import personal_link
from portal.web.access import of_organisation, organisation, ports
from portal.web.card_link.door import CARD_LINK, door
from portal.web.fragments import move_on, page
from portal.web.personal_link import closed, spent

CARD, AUTHORIZE, DONE = "card", "authorize", "done"


@dataclass(frozen=True, slots=True)
class Here:
    """What a step is handed: whose visit this is, and the secret that its use cases ask for again."""

    visit_id: str
    secret: str
    seen: CardVisit

    def path(self, step: str) -> str:
        return CARD_LINK.path_of(step, self.visit_id)


def account_of(here: Here) -> str:
    """The first page of whoever came here from behind the sign-in; empty for who came by a link."""
    return url_for("customer.home", slug=organisation().slug) if here.seen.visit.sign_in_id else ""


View = Callable[[Here], Response | AnyResponse]


def step(name: str, *methods: str, path: str = "", endpoint: str = "") -> Callable[[View], View]:
    """Registers a view of a step: card, authorize or done."""

    def register(view: View) -> View:
        @wraps(view)
        def guarded(visit_id: str) -> Response | AnyResponse:
            entered = personal_link.enter(lambda session, secret: look(session, visit_id, secret, ports().clock.now()))
            if entered is None:
                return closed()
            here = Here(visit_id, *entered)
            seen = here.seen
            if seen.is_done:
                return view(here) if name == DONE else move_on(here.path(DONE))
            if seen.link_state is not LinkState.open:
                return spent(seen.link_state)
            if not seen.left:
                return page("card_link/over.html")
            if name == DONE or (name == AUTHORIZE and seen.card is None):
                return move_on(here.path(CARD if seen.card is None else AUTHORIZE))
            return view(here)

        door.add_url_rule(
            f"{CARD_LINK.visit_rule}/{path or name}",
            endpoint=endpoint or name,
            view_func=of_organisation(guarded),
            methods=list(methods or ("GET",)),
        )
        return view

    return register
