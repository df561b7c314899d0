"""The card step: which payments it is for, and the card fields. A document of its own, as any page with card fields."""

from flask import Response, request
from werkzeug.wrappers import Response as AnyResponse

from portal.domain.refusal import Refused
from portal.domain.schedule_agreement import keep_words
from portal.usecases import card_link
from portal.web.access import organisation, ports
from portal.web.card_fields import client_token_answer, script_base
from portal.web.card_link.guard import AUTHORIZE, CARD, Here, account_of, step
from portal.web.fragments import move_on, page
from portal.web.language import current
from portal.web.refusals import sentence


@step(CARD)
def show(here: Here) -> Response:
    """What is left to pay, what is charged at once, and where the card is typed."""
    return _page(here, {}, 200)


@step(CARD, "POST", endpoint="card_post")
def post(here: Here) -> AnyResponse:
    """Stores which card was typed, or says what is wrong. The card fields are outside the part that is swapped."""
    refused = card_link.enter(
        ports(),
        organisation().id,
        here.visit_id,
        here.secret,
        request.form.get("card_nonce", ""),
        request.remote_addr or "",
    )
    if refused is not None:
        return _refused(here, refused)
    return move_on(here.path(AUTHORIZE))


@step(CARD, path="card/client-token", endpoint="client_token")
def client_token(_here: Here) -> Response:
    """What the card fields need to open."""
    return client_token_answer()


def _refused(here: Here, refused: Refused) -> AnyResponse:
    if refused.code in ("visit_over", "link_not_open", "schedule_over"):  # since this request began
        return move_on(here.path(CARD))
    field = "" if refused.code == "cards_resting" else "card-number"
    return _page(here, {field: sentence(refused)}, 422)


def _page(here: Here, errors: dict[str, str], status: int) -> Response:
    return page(
        "card_link/card.html",
        status,
        card=True,
        seen=here.seen,
        errors=errors,
        here=here.path(CARD),
        account=account_of(here),
        keep_words=keep_words(organisation().name, current()),
        script_base=script_base(),
        client_token_path=here.path("client_token"),
    )
