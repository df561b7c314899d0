"""The agreement step where payments are scheduled: the authorization, a tick, and the button that seals it.

Called by the agreement step. What is due today is charged at once, while the customer is there.
"""

from flask import request
from werkzeug.wrappers import Response as AnyResponse

from portal.domain.payment_link import Step
from portal.domain.refusal import Refused
from portal.usecases import schedule_checkout
from portal.usecases.charge import charge_obligation
from portal.usecases.schedule_checkout import CARD_IS_NO_GOOD
from portal.web.access import organisation, ports
from portal.web.fragments import move_on, page
from portal.web.payment_link.changed import changed_away, refused_away
from portal.web.payment_link.door import path_of
from portal.web.payment_link.guard import Here, place
from portal.web.refusals import sentence


def agreement_page(here: Here, errors: dict[str, str], status: int, changed: str | None) -> AnyResponse:
    """The text for the dates and amounts that were checked."""
    now = ports().clock.now()
    try:
        figures = schedule_checkout.require_quote(here.walk, now)
        text = schedule_checkout.text(here.walk, figures.quote, now)
    except Refused as refused:
        if refused.code == "quote_changed":
            return move_on(path_of(Step.check, here.visit_id))
        return changed_away(here, refused)
    return page(
        "payment_link/schedule_agreement.html",
        status,
        text=text,
        figures=figures,
        errors=errors,
        changed=changed,
        **place(here, Step.agreement),
    )


def agree(here: Here) -> AnyResponse:
    """Makes the schedule, once: whoever comes second is shown the first one's result."""
    try:
        made = schedule_checkout.accept(
            ports(),
            organisation().id,
            here.visit_id,
            here.secret,
            request.form.get("agreement", ""),
            ip=request.remote_addr or "",
            user_agent=request.headers.get("User-Agent", ""),
        )
    except Refused as refused:
        return _refused(here, refused)
    if made is not None and made.due_now_id is not None:
        charge_obligation(ports(), organisation().id, made.due_now_id, ports().timing.page_timeout)
    return move_on(path_of(Step.result, here.visit_id))


def _refused(here: Here, refused: Refused) -> AnyResponse:
    if refused.code == "agreement_changed":
        return agreement_page(here, {}, 409, sentence(refused))
    if refused.code in ("gateway_unreachable", "payments_off"):
        return agreement_page(here, {"agreed": sentence(refused)}, 503, None)
    if refused.code in CARD_IS_NO_GOOD:
        again = path_of(Step.amount, here.visit_id)
        return page("payment_link/card_refused.html", 409, sentence=sentence(refused), again=again)
    return refused_away(here, refused)
