"""The details: every date and amount, what it settles, what it costs (nothing), and Get Started (S1:28)."""

from flask import Response
from werkzeug.wrappers import Response as AnyResponse

from portal.domain.refusal import Refused
from portal.domain.signing import SignStep
from portal.storage import Session
from portal.usecases import signing
from portal.usecases.plan import terms
from portal.web.access import organisation, ports
from portal.web.agreement.guard import Here, locked, place, step
from portal.web.fragments import move_on, page
from portal.web.personal_link import closed


@step(SignStep.details)
def show(here: Here) -> Response:
    """The plan as it would be signed today; beside the one it would replace, where there is one (P9)."""
    walk = here.walk
    return page(
        "agreement/details.html",
        plan=walk.plan,
        terms=walk.terms,
        payments=walk.payments,
        today=walk.today,
        is_collector=walk.settings.is_on("debt_collector"),
        account=walk.account,
        replaces=walk.replaces,
        before=terms(walk.replaces) if walk.replaces is not None else None,
        **place(here, SignStep.details),
    )


@step(SignStep.details, "POST", name="details_post")
def post(here: Here) -> AnyResponse:
    """Get Started."""

    def work(session: Session) -> bool:
        walk = locked(here, session)
        if walk is None:
            return False
        signing.begin(walk, ports().clock.now())
        return True

    try:
        begun = ports().database.run(organisation().id, work)
    except Refused:
        return move_on(here.path(SignStep.details.value))  # the guard says what it is now
    return move_on(here.path(SignStep.card.value)) if begun else closed()
