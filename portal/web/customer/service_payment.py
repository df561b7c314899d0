"""Make a Payment: amount, notes and card, on one screen or with the card on a second one, as the practice has it (T4).

Every form carries the name of the figures it shows; other figures are shown before anything is charged (M8).
"""

from dataclasses import dataclass, field
from typing import Any

from flask import Response, abort, request
from werkzeug.wrappers import Response as AnyResponse

from portal.domain.agreement import save_consent
from portal.domain.refusal import Refused
from portal.storage import payment_method as methods
from portal.storage.payment_method import PaymentMethod
from portal.usecases import selection
from portal.usecases.charge import charge_obligation
from portal.usecases.failpoint import failpoint
from portal.usecases.payment_method import NEW
from portal.usecases.selection import CardChoice, Chosen, authorization_of
from portal.web.access import organisation, ports
from portal.web.card_fields import client_token_answer, script_base
from portal.web.customer.door import path_of
from portal.web.customer.guard import Here, page_for
from portal.web.formats import plain_amount
from portal.web.fragments import move_on, page
from portal.web.language import current
from portal.web.refusals import sentence
from portal.web.signed_in import browser

PAY = "/services/pay/<visit:selection_id>"


@dataclass(frozen=True, slots=True)
class Typed:
    """What stands in the fields."""

    amount: str = ""
    note: str = ""
    method: str = ""
    save_card: bool = False
    errors: dict[str, str] = field(default_factory=dict)
    changed: str = ""


@page_for(PAY, name="pay_services")
def first(here: Here, selection_id: str) -> AnyResponse:
    """The first screen, or the result of what was paid already."""
    chosen, cards = _seen(here, selection_id)
    if chosen.is_under_way:
        return _to_result(selection_id)
    return _gone() if chosen.is_gone else _first(chosen, cards, _as_stored(chosen), 200)


@page_for(PAY, "POST", name="pay_services_post")
def first_post(here: Here, selection_id: str) -> AnyResponse:
    """Stores amount and notes; with the card on the same screen it pays as well."""
    form = request.form
    chosen, cards = _seen(here, selection_id)
    typed = Typed(form.get("amount", ""), form.get("note", ""), form.get("method", ""), form.get("save_card") == "yes")
    if chosen.is_under_way:
        return _to_result(selection_id)

    def work(session: Any) -> tuple[dict[str, Refused], str]:
        locked = selection.look(session, selection_id, here.customer.id, locked=True)
        if locked is None or locked.is_under_way:
            return {}, ""
        refusals = selection.enter(session, locked, form.get("amount"), form.get("note", ""), form.get("quote", ""))
        return refusals, locked.amount_version  # of this press: another tab may store its own amount right after

    try:
        refusals, version = ports().database.run(organisation().id, work)
    except Refused as refused:
        return _changed(here, selection_id, typed, refused)
    if refusals:
        return _first(chosen, cards, _wrong(typed, refusals), 422)
    if _has_two_screens(chosen):
        return move_on(path_of("pay_services_method", selection_id=selection_id))
    chosen, _ = _seen(here, selection_id)
    return _pay(here, chosen, typed, version)


@page_for(f"{PAY}/method", name="pay_services_method")
def second(here: Here, selection_id: str) -> AnyResponse:
    """The second screen: the amount stands, the card is chosen."""
    chosen, cards = _seen(here, selection_id)
    if chosen.is_under_way:
        return _to_result(selection_id)
    if chosen.row.amount_cents is None or not _has_two_screens(chosen):
        return move_on(path_of("pay_services", selection_id=selection_id))
    return _gone() if chosen.is_gone else _second(chosen, cards, Typed(), 200)


@page_for(f"{PAY}/method", "POST", name="pay_services_method_post")
def second_post(here: Here, selection_id: str) -> AnyResponse:
    """Submit: pays exactly the amount that stood there."""
    form = request.form
    chosen, _ = _seen(here, selection_id)
    kept = chosen.row.note  # of the first screen, where other figures lead back to
    typed = Typed(note=kept, method=form.get("method", ""), save_card=form.get("save_card") == "yes")
    return _pay(here, chosen, typed, form.get("quote", ""))


@page_for(f"{PAY}/client-token", name="pay_services_client_token")
def client_token(here: Here, selection_id: str) -> Response:
    """What the card fields need to open; asked for by their script alone."""
    _seen(here, selection_id)
    return client_token_answer()


def _pay(here: Here, chosen: Chosen, typed: Typed, version: str) -> AnyResponse:
    selection_id = chosen.row.id
    from_ = browser()
    card = CardChoice(typed.method, request.form.get("card_nonce", ""), typed.save_card)
    try:
        refusals = selection.pay(
            ports(), organisation().id, here.customer.id, selection_id, card, version, ip=from_.ip,
            user_agent=from_.user_agent,
        )  # fmt: skip
    except Refused as refused:
        return _changed(here, selection_id, typed, refused)
    chosen, cards = _seen(here, selection_id)
    if refusals:
        show = _second if _has_two_screens(chosen) else _first
        return show(chosen, cards, _wrong(typed, refusals), 422)
    failpoint("selection.after_commit")
    charge_obligation(ports(), organisation().id, chosen.row.obligation_id or "", ports().timing.page_timeout)
    return _to_result(selection_id)


def _seen(here: Here, selection_id: str) -> tuple[Chosen, list[PaymentMethod]]:
    """Another customer's selection is not found, as one that never was (attack 50)."""
    now = ports().clock.now()
    with ports().database.read(organisation().id) as session:
        chosen = selection.look(session, selection_id, here.customer.id)
        if chosen is None:
            abort(404)
        cards = [card for card in methods.of_customer(session, here.customer.id) if not selection.is_over(card, now)]
    return chosen, cards


def _to_result(selection_id: str) -> AnyResponse:
    return move_on(path_of("services_result", selection_id=selection_id))


def _has_two_screens(chosen: Chosen) -> bool:
    return chosen.settings.words("pay_services_screens") == "two"


def _as_stored(chosen: Chosen) -> Typed:
    cents = chosen.row.amount_cents if chosen.row.amount_cents is not None else chosen.total_cents
    return Typed(plain_amount(min(cents, chosen.total_cents)), chosen.row.note)


def _wrong(typed: Typed, refusals: dict[str, Refused]) -> Typed:
    errors = {name: sentence(refused) for name, refused in refusals.items()}
    return Typed(typed.amount, typed.note, typed.method, typed.save_card, errors)


def _changed(here: Here, selection_id: str, typed: Typed, refused: Refused) -> AnyResponse:
    """Other figures than were shown, or no payments at all: the figures as they are, and nothing charged."""
    chosen, cards = _seen(here, selection_id)
    if refused.code == "services_off":
        return page("customer/services_changed.html", 409, sentence=sentence(refused))
    if refused.code == "cards_resting":
        return page("customer/services_changed.html", 429, sentence=sentence(refused))
    if chosen.is_gone:
        return _gone()
    kept = Typed(plain_amount(chosen.total_cents), typed.note, typed.method, False, {}, sentence(refused))
    return _first(chosen, cards, kept, 409)


def _gone() -> AnyResponse:
    """What was chosen cannot be paid as it was: no figures are shown that a press would only refuse."""
    return page("customer/services_changed.html", 409, sentence=sentence(Refused("services_paid")))


def _first(chosen: Chosen, cards: list[PaymentMethod], typed: Typed, status: int) -> AnyResponse:
    two = _has_two_screens(chosen)
    return page(
        "customer/services_pay.html",
        status,
        card=not two,
        two_screens=two,
        version=chosen.version,
        here=path_of("pay_services_post", selection_id=chosen.row.id),
        **_common(chosen, cards, typed),
    )


def _second(chosen: Chosen, cards: list[PaymentMethod], typed: Typed, status: int) -> AnyResponse:
    return page(
        "customer/services_method.html",
        status,
        card=True,
        version=chosen.amount_version,
        here=path_of("pay_services_method_post", selection_id=chosen.row.id),
        back=path_of("pay_services", selection_id=chosen.row.id),
        **_common(chosen, cards, typed),
    )


def _common(chosen: Chosen, cards: list[PaymentMethod], typed: Typed) -> dict[str, Any]:
    known = {card.id for card in cards}
    default = cards[0].id if cards else NEW
    return {
        "chosen": chosen,
        "cards": cards,
        "typed": typed,
        "errors": typed.errors,
        "method": typed.method if typed.method in known or typed.method == NEW else default,
        "rules": selection.amount_rules(chosen),
        "words": authorization_of(chosen.paid_to, chosen.row.locale).sections[0].paragraphs[0],
        "words_language": "es" if chosen.row.locale == "es" else "en",
        "may_save": chosen.settings.is_on("save_card"),
        "save_words": save_consent(organisation().name, current()),
        "names_patients": len({line.patient.id for line in chosen.lines}) > 1,
        "script_base": script_base(),
        "client_token_path": path_of("pay_services_client_token", selection_id=chosen.row.id),
    }
