"""The sign page: type a name, draw, or press a button; each is complete alone (W28). Here the plan is signed."""

from flask import Response, request
from flask_babel import gettext as _
from werkzeug.wrappers import Response as AnyResponse

from portal.domain.refusal import Refused
from portal.domain.signing import SignStep, SignWay
from portal.usecases import sign, signing
from portal.usecases.charge import charge_obligation
from portal.usecases.sign import Given
from portal.web.access import organisation, ports
from portal.web.agreement.guard import NOT_OPEN, Here, place, step
from portal.web.fragments import move_on, page
from portal.web.personal_link import closed
from portal.web.refusals import sentence

FIELDS = {
    "sign_way_missing": "way-typed",
    "sign_name_missing": "name",
    "sign_name_too_long": "name",
    "sign_name_unreadable": "name",
    "holds_card_number": "name",
    "drawing_missing": "way-drawn",
    "drawing_unusable": "way-drawn",
}
TO_TERMS = frozenset({"agreement_changed", "consent_missing"})
TO_CARD = frozenset({"card_declined", "card_unusable", "card_missing", "method_missing"})


@step(SignStep.sign)
def show(here: Here) -> Response:
    """The three ways; typing is chosen first, for it works everywhere."""
    return _page(here, SignWay.typed.value, "", {}, 200)


@step(SignStep.sign, "POST", name="sign_post")
def post(here: Here) -> AnyResponse:
    """Signs, once, and charges what is due today: whoever comes second is shown what was signed."""
    form = request.form
    given = Given(form.get("way", ""), form.get("name", ""), form.get("drawing", ""), form.get("agreement", ""))
    try:
        signed = sign.sign(
            ports(),
            organisation().id,
            here.signing_id,
            here.secret,
            given,
            ip=request.remote_addr or "",
            user_agent=request.headers.get("User-Agent", ""),
        )
    except Refused as refused:
        return _refused(here, refused, given)
    if signed.due_now_id is not None:
        charge_obligation(ports(), organisation().id, signed.due_now_id, ports().timing.page_timeout)
    return move_on(here.path(SignStep.done.value))


def _refused(here: Here, refused: Refused, given: Given) -> AnyResponse:
    if refused.code == "visit_over":
        return closed()
    if refused.code in NOT_OPEN:
        return move_on(here.path(SignStep.sign.value))
    if refused.code in TO_TERMS:
        # the new text is shown there, and nothing was signed (attack 67)
        changed = refused.code == "agreement_changed"
        said = _("The agreement has changed since you read it.") if changed else sentence(refused)
        return page("agreement/changed.html", 409, sentence=said, again=here.path(SignStep.terms.value))
    if refused.code in TO_CARD:
        return page("agreement/changed.html", 409, sentence=sentence(refused), again=here.path(SignStep.card.value))
    field = FIELDS.get(refused.code, "")
    return _page(here, given.way, given.typed[:200], {field: sentence(refused)}, 422)


def _page(here: Here, way: str, typed: str, errors: dict[str, str], status: int) -> Response:
    walk = here.walk
    return page(
        "agreement/sign.html",
        status,
        text=signing.agreement_shown(walk),
        way=way,
        typed=typed,
        customer_name=walk.customer.full_name,
        plan=walk.plan,
        number=len(walk.payments),
        due_today_cents=sum(each.amount_cents for each in walk.payments if each.due_on == walk.today),
        errors=errors,
        **place(here, SignStep.sign),
    )
