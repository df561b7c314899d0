"""Who it is: the ZIP code on file, or the end of the phone number. Before it nothing of a plan is shown (C20)."""

from flask import Response, request
from werkzeug.wrappers import Response as AnyResponse

from portal.domain.refusal import Refused
from portal.domain.signing import SignStep
from portal.usecases import signing_identity
from portal.web.access import organisation, ports
from portal.web.agreement.guard import Here, place, step
from portal.web.fragments import move_on, page
from portal.web.refusals import sentence


@step(SignStep.identity)
def show(here: Here) -> AnyResponse:
    """Asks, or goes on for who has answered."""
    if here.walk.progress.identity_proven:
        return move_on(here.path(SignStep.details.value))
    return _page(here, {}, 200)


@step(SignStep.identity, "POST", name="identity_post")
def post(here: Here) -> AnyResponse:
    """Takes the answer; every wrong one gets the same sentence and is counted."""
    try:
        signing_identity.prove(
            ports(), organisation().id, here.signing_id, here.secret, request.form.get("answer", "")[:40]
        )
    except Refused as refused:
        status = 429 if refused.code == "identity_resting" else 422
        return _page(here, {"answer": sentence(refused)}, status)
    return move_on(here.path(SignStep.details.value))


def _page(here: Here, errors: dict[str, str], status: int) -> Response:
    return page(
        "agreement/identity.html",
        status,
        method=here.walk.identity_method,
        errors=errors,
        **place(here, SignStep.identity),
    )
