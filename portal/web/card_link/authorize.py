"""The authorization step: the exact text for the new card, a box to tick, and the button that puts it in.

What had failed is charged here, so a second press is shown what the first one did.
"""

from flask import request
from werkzeug.wrappers import Response as AnyResponse

from portal.domain.refusal import Refused
from portal.usecases import card_link
from portal.usecases.card_link import BANK_SAID_NO
from portal.web.access import organisation, ports
from portal.web.card_link.guard import AUTHORIZE, CARD, DONE, Here, step
from portal.web.fragments import move_on, page
from portal.web.refusals import sentence


@step(AUTHORIZE)
def show(here: Here) -> AnyResponse:
    """The text for the payments that are left."""
    return _page(here, {}, 200)


@step(AUTHORIZE, "POST", endpoint="authorize_post")
def post(here: Here) -> AnyResponse:
    """Seals the authorization and changes the card."""
    if request.form.get("agreed") != "yes":
        return _page(here, {"agreed": sentence(Refused("agreement_tick_missing"))}, 422)
    try:
        card_link.accept(
            ports(),
            organisation().id,
            here.seen,
            request.form.get("agreement", ""),
            ip=request.remote_addr or "",
            user_agent=request.headers.get("User-Agent", ""),
        )
    except Refused as refused:
        return _refused(here, refused)
    return move_on(here.path(DONE))


def _refused(here: Here, refused: Refused) -> AnyResponse:
    if refused.code == "agreement_changed":
        return _page(here, {}, 409, sentence(refused))
    if refused.code in ("gateway_unreachable", "payments_off"):
        return _page(here, {"agreed": sentence(refused)}, 503)
    if refused.code in BANK_SAID_NO:
        return page("card_link/refused.html", 409, sentence=sentence(refused), again=here.path(CARD))
    if refused.code == "cards_resting":
        return page("personal_link/slow_down.html", 429, sentence=sentence(refused))
    return move_on(here.path(CARD))  # what it was about is over: its own page says so


def _page(here: Here, errors: dict[str, str], status: int, changed: str | None = None) -> AnyResponse:
    now = ports().clock.now()
    try:
        with ports().database.read(organisation().id) as session:
            text = card_link.shown(session, here.seen, now)
    except Refused:
        return move_on(here.path(CARD))
    return page(
        "card_link/authorize.html",
        status,
        seen=here.seen,
        text=text,
        errors=errors,
        changed=changed,
        back=here.path(CARD),
        here=here.path(AUTHORIZE),
    )
