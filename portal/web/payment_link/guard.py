"""Who may open which page of a walk: the visit's cookie first, then the step table. Called by every step.

A page that is too early leads to the furthest one that may be opened; after paying, every page leads to the result.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any

from flask import Response, current_app, g, request
from werkzeug.wrappers import Response as AnyResponse

from portal.domain.payment_link import LinkState, Step, before, furthest, may_open, place_of
from portal.storage import Session
from portal.usecases.visit import Walk, look
from portal.web.access import of_organisation, organisation, ports
from portal.web.fragments import move_on, page
from portal.web.payment_link.door import VISIT, door, path_of

COOKIE_LENGTH_MAX = 100
STATUS = {LinkState.expired: 410, LinkState.revoked: 410, LinkState.paid: 200}


@dataclass(frozen=True, slots=True)
class Here:
    """What a step is handed: whose visit this is, and the secret that its use cases ask for again."""

    visit_id: str
    secret: str
    walk: Walk
    extras: Any = None


View = Callable[[Here], Response | AnyResponse]
Read = Callable[[Session, Walk], Any]


def step(
    step_: Step, *methods: str, path: str = "", name: str = "", read: Read | None = None
) -> Callable[[View], View]:
    """Registers a view of a step. `read` fetches in the same read-only transaction what only this page needs."""

    def register(view: View) -> View:
        @wraps(view)
        def guarded(visit_id: str) -> Response | AnyResponse:
            here = enter(visit_id, read)
            if here is None:
                return closed()
            walk = here.walk
            if not walk.progress.agreed:
                if walk.link_state is not LinkState.open:
                    return spent(walk.link_state)
                if walk.is_paying:
                    return page("payment_link/under_way.html", here=request.path)
            if not may_open(step_, walk.settings.values, walk.progress):
                return move_on(path_of(furthest(walk.settings.values, walk.progress), visit_id))
            return view(here)

        door.add_url_rule(
            f"{VISIT}/{path or step_.value}",
            endpoint=name or step_.value,
            view_func=of_organisation(guarded),
            methods=list(methods or ("GET",)),
        )
        return view

    return register


def enter(visit_id: str, read: Read | None = None) -> Here | None:
    """The visit for whoever sent its cookie; None for everyone else, whatever the reason."""
    secret = request.cookies.get(cookie_name(), "")[:COOKIE_LENGTH_MAX]
    now = ports().clock.now()
    with ports().database.read(organisation().id) as session:
        walk = look(session, visit_id, secret, now)
        if walk is None:
            return None
        g.language_on_file = walk.visit.locale
        g.support_hours = walk.settings.words("support_hours")
        return Here(visit_id, secret, walk, read(session, walk) if read else None)


def cookie_name() -> str:
    """Under https the browser itself holds this cookie to https."""
    return "__Secure-visit" if current_app.config["SESSION_COOKIE_SECURE"] else "visit"


def closed() -> Response:
    """No visit for this cookie: over, another browser's, never there, or cookies are blocked. One page for all."""
    return page("payment_link/closed.html", 403)


def spent(state: LinkState, token: str | None = None) -> Response:
    """The page of a link that is not good for paying; `token` only where a fresh link may be asked for."""
    return page(f"payment_link/{state.value}.html", STATUS[state], token=token)


def place(here: Here, step_: Step) -> dict[str, Any]:
    """Progress and Back link of a page, for its template."""
    values, progress = here.walk.settings.values, here.walk.progress
    earlier = before(step_, values, progress)
    return {
        "place": place_of(step_, values, progress),
        "back": path_of(earlier, here.visit_id) if earlier else None,
        "here": request.path,
    }
