"""Who may open which page of a walk: the visit's cookie first, then the step table. Called by every step.

A page that is too early leads to the furthest one that may be opened; after paying, every page leads to the result.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any

from flask import Response, request
from werkzeug.wrappers import Response as AnyResponse

from portal.domain.payment_link import LinkState, Step, before, furthest, may_open, place_of
from portal.storage import Session
from portal.usecases.visit import Walk, look
from portal.web import personal_link
from portal.web.access import of_organisation, ports
from portal.web.fragments import move_on, page
from portal.web.payment_link.door import PAYMENT_LINK, door, path_of
from portal.web.personal_link import closed, spent
from portal.web.strictness import SAFE_METHODS


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
                    return under_way(step_, visit_id)
            if not may_open(step_, walk.settings.values, walk.progress):
                return move_on(path_of(furthest(walk.settings.values, walk.progress), visit_id))
            return view(here)

        door.add_url_rule(
            f"{PAYMENT_LINK.visit_rule}/{path or step_.value}",
            endpoint=name or step_.value,
            view_func=of_organisation(guarded),
            methods=list(methods or ("GET",)),
        )
        return view

    return register


def enter(visit_id: str, read: Read | None = None) -> Here | None:
    """The visit for whoever sent its cookie; None for everyone else, whatever the reason."""
    extras: Any = None

    def look_in(session: Session, secret: str) -> Walk | None:
        nonlocal extras
        walk = look(session, visit_id, secret, ports().clock.now())
        if walk is not None and read is not None:
            extras = read(session, walk)
        return walk

    entered = personal_link.enter(look_in)
    return Here(visit_id, *entered, extras) if entered else None


def under_way(step_: Step, visit_id: str) -> Response:
    """Somebody is paying on this account at this moment: a page may be looked at, a form was not taken."""
    status = 200 if request.method in SAFE_METHODS else 409
    return page("payment_link/under_way.html", status, here=path_of(step_, visit_id))


def place(here: Here, step_: Step) -> dict[str, Any]:
    """Progress and Back link of a page, for its template."""
    values, progress = here.walk.settings.values, here.walk.progress
    earlier = before(step_, values, progress)
    return {
        "place": place_of(step_, values, progress),
        "back": path_of(earlier, here.visit_id) if earlier else None,
        "here": request.path,
    }
