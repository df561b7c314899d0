"""The card step: one on file that its holder proves, or a new one. A document of its own, for the gateway's fields."""

from flask import Response, request
from werkzeug.wrappers import Response as AnyResponse

from portal.domain.payment_method import CARD_ON_FILE, NEW_CARD
from portal.domain.refusal import Refused
from portal.domain.schedule_agreement import keep_words
from portal.domain.signing import SignStep
from portal.usecases import payment_method, signing
from portal.usecases.payment_method import ENTERED, NEW
from portal.usecases.signing import CardTyped
from portal.web.access import organisation, ports
from portal.web.agreement.guard import Here, place, step
from portal.web.card_fields import client_token_answer, named, script_base
from portal.web.fragments import move_on, page
from portal.web.language import current
from portal.web.personal_link import closed
from portal.web.refusals import sentence


@step(SignStep.card)
def show(here: Here) -> Response:
    """Cards on file and card fields."""
    visit = here.walk.visit
    chosen = {NEW_CARD: ENTERED if visit.card_nonce else NEW, CARD_ON_FILE: visit.payment_method_id}
    return _page(here, chosen.get(visit.method or "") or "", {}, 200)


@step(SignStep.card, "POST", name="card_post")
def post(here: Here) -> AnyResponse:
    """Stores the choice, or says what is wrong with it. The card fields are outside the part that is swapped."""
    form = request.form
    typed = CardTyped(
        form.get("method", ""), form.get("card_nonce", ""), form.get("proof_last4", ""), form.get("proof_zip", "")
    )
    try:
        refusals = signing.choose_card(
            ports(), organisation().id, here.signing_id, here.secret, typed, request.remote_addr or ""
        )
    except Refused:
        return closed()
    if refusals:
        return _page(here, typed.method, {field: sentence(refused) for field, refused in refusals.items()}, 422)
    return move_on(here.path(SignStep.terms.value))


@step(SignStep.card, path="card/client-token", name="client_token")
def client_token(_here: Here) -> Response:
    """What the card fields need to open; asked for by their script alone."""
    return client_token_answer()


def _page(here: Here, method: str, errors: dict[str, str], status: int) -> Response:
    visit, now = here.walk.visit, ports().clock.now()
    with ports().database.read(organisation().id) as session:
        kept = payment_method.on_file(session, here.walk, now)
    cards = named(kept, proven_id=visit.payment_method_id if visit.method_proven_at is not None else None)
    return page(
        "agreement/card.html",
        status,
        card=True,
        method=method or ("" if cards else NEW),
        cards=cards,
        entered=f"{visit.card_brand} •••• {visit.card_last4}" if visit.card_nonce else "",
        keep_words=keep_words(organisation().name, current()),
        total_cents=here.walk.plan.total_cents,
        number=len(here.walk.payments),
        # what was just typed to say who it is is not asked for again (W27)
        postal_code=(here.walk.customer.postal_code or "") if visit.identity_method == "zip" else "",
        script_base=script_base(),
        client_token_path=here.path("client_token"),
        errors=errors,
        **place(here, SignStep.card),
    )
