"""Who may open a page of a schedule link's visit, and what each page begins with. Called by every view of the door.

A mail scanner may open the link, press its button and submit every form as it stands: so nothing is changed without
a box ticked, or a date chosen, on a page that says what will happen.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any

from flask import Response, flash, request
from flask_babel import gettext as _
from werkzeug.wrappers import Response as AnyResponse

from portal.domain.payment_link import LinkState
from portal.domain.refusal import Refused
from portal.usecases.payment_status import PaymentShown
from portal.usecases.schedule_link import Allowed, ScheduleVisit, look
from portal.web import personal_link
from portal.web.access import of_organisation, ports
from portal.web.fragments import move_on, page
from portal.web.personal_link import closed, spent
from portal.web.refusals import sentence
from portal.web.schedule_link.door import SCHEDULE_LINK, door

PAYMENTS = "payments"


@dataclass(frozen=True, slots=True)
class Here:
    """What a view is handed: whose visit this is. `number` is the payment of an address that names one."""

    visit_id: str
    secret: str
    seen: ScheduleVisit
    number: int = 0

    def path(self, endpoint: str, **parts: Any) -> str:
        return SCHEDULE_LINK.path_of(endpoint, self.visit_id, **parts)

    @property
    def payment(self) -> PaymentShown:
        """The payment of this address."""
        return next(each for each in self.seen.plan.payments if each.number == self.number)

    @property
    def allowed(self) -> Allowed:
        """What may be done with it."""
        return self.seen.allowed[self.number]


View = Callable[..., Response | AnyResponse]


def part(path: str, *methods: str, endpoint: str, may: Callable[[Here], bool] | None = None) -> Callable[[View], View]:
    """Registers a view under a visit. `may`: whether what it is for can be done now; else the list says how it stands.

    A number that is no payment of this schedule leads to the list, whatever it is.
    """

    def register(view: View) -> View:
        @wraps(view)
        def guarded(visit_id: str, number: int = 0, **parts: Any) -> Response | AnyResponse:
            entered = personal_link.enter(lambda session, secret: look(session, visit_id, secret, ports().clock.now()))
            if entered is None:
                return closed()
            here = Here(visit_id, *entered, number)
            if here.seen.link_state is not LinkState.open:
                return spent(here.seen.link_state)
            if number and number not in here.seen.allowed:
                return move_on(here.path(PAYMENTS))
            if may is not None and not may(here):
                return move_on(here.path(PAYMENTS))
            return view(here, **parts)

        door.add_url_rule(
            f"{SCHEDULE_LINK.visit_rule}/{path}",
            endpoint=endpoint,
            view_func=of_organisation(guarded),
            methods=list(methods or ("GET",)),
        )
        return view

    return register


def is_sure() -> bool:
    """Whether the box of a check page was ticked."""
    return request.form.get("sure") == "yes"


def tick_missing() -> dict[str, str]:
    """What is wrong with a form whose box was not ticked."""
    return {"sure": sentence(Refused("change_tick_missing"))}


def told(here: Here, what: str) -> AnyResponse:
    """Back to the list, which says once what was done."""
    confirmed = _("We confirm it by email.") if here.seen.customer.email else ""
    flash(f"{what} {confirmed}".strip())
    return move_on(here.path(PAYMENTS))


def refused_away(here: Here, refused: Refused) -> AnyResponse:
    """It can no longer be done: say why, with a way back to the list. Nothing was changed."""
    return page("schedule_link/changed.html", 409, sentence=sentence(refused), again=here.path(PAYMENTS))
