"""The amount step: how much, and with which card. The only page with card fields, so it is a document of its own."""

from flask import Response, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from portal.domain.agreement import save_consent
from portal.domain.payment_link import Step
from portal.domain.payment_method import CARD_ON_FILE, NEW_CARD
from portal.domain.refusal import Refused
from portal.domain.schedule_agreement import keep_words
from portal.storage import Session
from portal.usecases import checkout, contact, payment_method
from portal.usecases.checkout import Choice
from portal.usecases.payment_method import ENTERED, NEW
from portal.usecases.visit import Walk
from portal.web.access import organisation, ports
from portal.web.card_fields import CardOnFile, client_token_answer, named, script_base
from portal.web.fragments import move_on, page
from portal.web.language import current
from portal.web.payment_link.door import path_of
from portal.web.payment_link.guard import Here, place, step
from portal.web.refusals import sentence

LATER = "later"


def _cards(session: Session, walk: Walk) -> list[CardOnFile]:
    visit = walk.visit
    return named(
        payment_method.on_file(session, walk, ports().clock.now()),
        proven_id=visit.payment_method_id if visit.method_proven_at is not None else None,
        is_signed_in=walk.knows_cards,
    )


@step(Step.amount, read=_cards)
def show(here: Here) -> Response:
    """Amounts the organisation allows, cards on file, card fields."""
    visit = here.walk.visit
    method = {NEW_CARD: ENTERED if visit.card_nonce else NEW, CARD_ON_FILE: visit.payment_method_id}.get(
        visit.method or "", ""
    )
    typed = ""
    if visit.amount_choice == "other" and visit.amount_cents is not None:
        typed = f"{visit.amount_cents // 100}.{visit.amount_cents % 100:02d}"
    choice = Choice(
        later=bool(visit.is_scheduling),
        amount=visit.amount_choice or "",
        typed_amount=typed,
        method=method or "",
        save_card=visit.save_card,
    )
    return _page(here, choice, {}, 200)


@step(Step.amount, "POST", name="amount_post", read=_cards)
def post(here: Here) -> AnyResponse:
    """Stores the choice, or says what is wrong with it. Card fields are outside the part that is swapped."""
    form = request.form
    choice = Choice(
        later=form.get("when") == LATER,
        amount=form.get("choice", ""),
        typed_amount=form.get("amount", ""),
        method=form.get("method", ""),
        nonce=form.get("card_nonce", ""),
        save_card=form.get("save_card") == "yes",
        last4=form.get("proof_last4", ""),
        postal_code=form.get("proof_zip", ""),
    )
    try:
        refusals = checkout.choose(
            ports(), organisation().id, here.visit_id, here.secret, choice, request.remote_addr or ""
        )
    except Refused:  # another window paid, or the balance changed, while the gateway was asked about the card
        return move_on(path_of(Step.amount, here.visit_id))
    if refusals:
        errors = {field: sentence(refused) for field, refused in refusals.items()}
        return _page(here, choice, errors, 422)
    return move_on(path_of(Step.schedule if choice.later else Step.check, here.visit_id))


@step(Step.amount, path="amount/client-token", name="client_token")
def client_token(_here: Here) -> Response:
    """What the card fields need to open; asked for by their script alone."""
    return client_token_answer()


def _page(here: Here, choice: Choice, errors: dict[str, str], status: int) -> Response:
    walk: Walk = here.walk
    cards: list[CardOnFile] = here.extras
    entered = f"{walk.visit.card_brand} •••• {walk.visit.card_last4}" if walk.visit.card_nonce else ""
    return page(
        "payment_link/amount.html",
        status,
        card=True,
        may_schedule=walk.may_schedule,
        later=choice.later and walk.may_schedule,
        promised_cents=walk.promised_cents,
        keep_words=keep_words(organisation().name, current()),
        rules=checkout.rules(walk),
        offer=walk.offer,
        offer_path=path_of(Step.offer, here.visit_id),
        chosen=choice.amount or ("whole" if checkout.rules(walk).whole_allowed else "other"),
        typed=choice.typed_amount,
        method=choice.method or ("" if cards else NEW),
        cards=cards,
        entered=entered,
        may_save=walk.settings.is_on("save_card"),
        save_card=choice.save_card,
        save_words=save_consent(organisation().name, current()),
        postal_code=contact.postal_code(walk),
        script_base=script_base(),
        client_token_path=url_for("payment_link.client_token", slug=organisation().slug, visit_id=here.visit_id),
        errors=errors,
        **place(here, Step.amount),
    )
