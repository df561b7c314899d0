"""The agreement step: the exact text, a box to tick, and the button that pays. Here the money is asked for."""

from flask import request
from werkzeug.wrappers import Response as AnyResponse

from portal.domain.payment_link import Step
from portal.domain.refusal import Refused
from portal.storage import Session
from portal.usecases import agreement, checkout
from portal.usecases.charge import charge_obligation
from portal.usecases.failpoint import failpoint
from portal.usecases.visit import look
from portal.web.access import organisation, ports
from portal.web.fragments import move_on, page
from portal.web.payment_link import schedule_agreement
from portal.web.payment_link.changed import changed_away, refused_away
from portal.web.payment_link.door import path_of
from portal.web.payment_link.guard import Here, place, step
from portal.web.personal_link import closed
from portal.web.refusals import sentence


@step(Step.agreement)
def show(here: Here) -> AnyResponse:
    """The text for the figures that were checked."""
    return _page(here, {}, 200)


@step(Step.agreement, "POST", name="agreement_post")
def post(here: Here) -> AnyResponse:
    """Seals the agreement and charges, once: whoever comes second is shown the first one's result."""
    if request.form.get("agreed") != "yes":
        return _page(here, {"agreed": sentence(Refused("agreement_tick_missing"))}, 422)
    if here.walk.progress.scheduling:
        return schedule_agreement.agree(here)

    def work(session: Session) -> str | AnyResponse:
        walk = look(session, here.visit_id, here.secret, ports().clock.now(), locked=True)
        if walk is None:
            return closed()
        if walk.progress.agreed:
            return move_on(path_of(Step.result, here.visit_id))
        return checkout.accept(
            session,
            walk,
            walk.organisation,
            request.form.get("agreement", ""),
            ip=request.remote_addr or "",
            user_agent=request.headers.get("User-Agent", ""),
            now=ports().clock.now(),
        )

    try:
        accepted = ports().database.run(organisation().id, work)  # two presses at once may wait for each other
    except Refused as refused:
        if refused.code == "agreement_changed":
            return _page(here, {}, 409, changed=sentence(refused))
        return refused_away(here, refused)
    if not isinstance(accepted, str):
        return accepted
    failpoint("agree.after_commit")
    charge_obligation(ports(), organisation().id, accepted, ports().timing.page_timeout)
    return move_on(path_of(Step.result, here.visit_id))


def _page(here: Here, errors: dict[str, str], status: int, changed: str | None = None) -> AnyResponse:
    if here.walk.progress.scheduling:
        return schedule_agreement.agreement_page(here, errors, status, changed)
    try:
        figures = checkout.require_quote(here.walk)
        text = agreement.shown(here.walk, here.walk.organisation, figures.forgiven_cents)
    except Refused as refused:
        if refused.code == "quote_changed":
            return move_on(path_of(Step.check, here.visit_id))
        return changed_away(here, refused)
    return page(
        "payment_link/agreement.html",
        status,
        text=text,
        amount_cents=figures.amount_cents,
        errors=errors,
        changed=changed,
        **place(here, Step.agreement),
    )
