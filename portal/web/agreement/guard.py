"""Who may open which page of a signing: its cookie first, then the table of steps. Called by every step.

A page that is too early leads to the furthest one that may be opened; after signing every page leads to the last one.
Nothing of a plan is shown before the question who it is was answered, where it is asked (C20).
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any

from flask import Response, g, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from portal.domain.signing import SignProgress, SignStep, furthest_step, may_open_step, step_before, step_place
from portal.storage import Session
from portal.usecases.plan_offer import OfferState
from portal.usecases.signing import SignWalk, look
from portal.web.access import before_known, of_organisation, organisation, ports
from portal.web.agreement.door import SIGNING, door, path_of
from portal.web.fragments import move_on, page
from portal.web.personal_link import closed, secret_here

# refused because of what became of the offer while a button was pressed: the step is opened anew, and says what
NOT_OPEN = frozenset({"plan_not_open", "plan_disputed", "plan_outdated"})


@dataclass(frozen=True, slots=True)
class Here:
    """What a step is handed: whose signing this is, and the secret that its use cases ask for again."""

    signing_id: str
    secret: str
    walk: SignWalk

    def path(self, endpoint: str) -> str:
        return path_of(endpoint, self.signing_id)


View = Callable[[Here], Response | AnyResponse]


def step(step_: SignStep, *methods: str, path: str = "", name: str = "") -> Callable[[View], View]:
    """Registers a view of a step."""

    def register(view: View) -> View:
        @wraps(view)
        def guarded(visit_id: str) -> Response | AnyResponse:
            here = enter(visit_id)
            if here is None:
                return closed()
            progress = here.walk.progress
            # a double press on the sign page comes back when it is signed: its use case says by whom
            is_second_press = progress.signed and step_ is SignStep.sign and request.method == "POST"
            if not is_second_press and not may_open_step(step_, progress):
                return move_on(here.path(furthest_step(progress).value))
            if not progress.signed and _is_known(progress):
                if here.walk.state is not OfferState.open:
                    return spent(here.walk.state)
                if here.walk.is_disputed:
                    return page("agreement/disputed.html", 409)
                if not here.walk.fits:
                    return page("agreement/outdated.html", 409)
            return view(here)

        door.add_url_rule(
            f"{SIGNING}/{path or step_.value}",
            endpoint=name or step_.value,
            view_func=of_organisation(guarded),
            methods=list(methods or ("GET",)),
        )
        return view

    return register


def enter(signing_id: str) -> Here | None:
    """The signing for whoever sent its cookie; None for everyone else, whatever the reason."""
    secret = secret_here()
    with ports().database.read(organisation().id) as session:
        walk = look(session, signing_id, secret, ports().clock.now())
    if walk is None:
        return None
    g.language_on_file = walk.visit.locale
    g.support_hours = walk.settings.words("support_hours")
    if not _is_known(walk.progress):
        before_known(walk.settings)
    return Here(signing_id, secret, walk)


def place(here: Here, step_: SignStep) -> dict[str, Any]:
    """Progress and Back link of a page, for its template."""
    earlier = step_before(step_, here.walk.progress)
    return {
        "place": step_place(step_, here.walk.progress),
        "back": here.path(earlier.value) if earlier is not None else None,
        "here": request.path,
    }


def locked(here: Here, session: Session) -> SignWalk | None:
    """The walk again, under its locks, for a step that stores something."""
    return look(session, here.signing_id, here.secret, ports().clock.now(), locked=True)


def spent(
    state: OfferState, token: str | None = None, *, is_disputed: bool = False, was_signed: bool = False
) -> Response:
    """The page of an offer that is not to be signed any more; `token` only where a fresh one may be asked for.

    `is_disputed`: it may be asked for once the customer was answered (C25), which is said without a word of a debt.
    `was_signed`: the time of its copies is over, and the plan itself stands as it does.
    """
    if state is OfferState.expired:
        fresh = url_for("agreement.fresh_link", slug=organisation().slug, token=token) if token else None
        return page("agreement/expired.html", 410, fresh_path=fresh, is_disputed=is_disputed)
    return page("agreement/over.html", 410, was_signed=was_signed)


def _is_known(progress: SignProgress) -> bool:
    return progress.identity_proven or not progress.identity_asked
