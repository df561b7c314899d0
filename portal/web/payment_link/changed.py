"""The pages that say what became of a choice that can no longer be had. Called by the check and agreement steps.

Whatever they say, nothing was charged.
"""

from werkzeug.wrappers import Response as AnyResponse

from portal.domain.payment_link import Step
from portal.domain.refusal import Refused
from portal.web.fragments import move_on, page
from portal.web.payment_link.door import path_of
from portal.web.payment_link.guard import Here, under_way
from portal.web.refusals import sentence

TO_THE_AMOUNT = frozenset({"schedule_off", "nothing_to_pay", "method_missing"})  # other dates would not help


def changed_away(here: Here, refused: Refused) -> AnyResponse:
    """What was chosen can no longer be paid: say so, with a way back to choosing. Nothing was charged."""
    step = Step.offer if refused.code == "offer_gone" and here.walk.offers else Step.amount
    if here.walk.progress.scheduling and refused.code not in TO_THE_AMOUNT:
        step = Step.schedule
    return page("payment_link/changed.html", 409, sentence=sentence(refused), again=path_of(step, here.visit_id))


def refused_away(here: Here, refused: Refused) -> AnyResponse:
    """Why an agreement could not be accepted, whatever it was about."""
    if refused.code == "cards_resting":
        return page("personal_link/slow_down.html", 429, sentence=sentence(refused))
    if refused.code == "payment_under_way":
        return under_way(Step.agreement, here.visit_id)
    if refused.code in ("link_not_open", "visit_over"):  # since this request began: its own page says what became of it
        return move_on(path_of(Step.agreement, here.visit_id))
    if refused.code == "quote_changed":
        return move_on(path_of(Step.check, here.visit_id))
    return changed_away(here, refused)
