"""Using another card for what runs on one: what it is, which card instead, the authorization of each, one button.

Another customer's card is not found. With nothing left that runs on it, the way leads back to the list.
"""

from dataclasses import dataclass

from flask import abort, flash, request
from flask_babel import gettext as _
from werkzeug.wrappers import Response as AnyResponse

from portal.domain.agreement import Text
from portal.domain.refusal import Refused
from portal.storage import payment_method
from portal.storage.payment_method import PaymentMethod
from portal.usecases import own_method
from portal.usecases import replace_method as use_case
from portal.usecases.replace_method import Running
from portal.usecases.schedule_card import Accepted
from portal.web.access import organisation, ports
from portal.web.customer.charged import words_of
from portal.web.customer.door import path_of
from portal.web.customer.guard import Here, page_for
from portal.web.fragments import move_on, page
from portal.web.language import current
from portal.web.refusals import sentence
from portal.web.signed_in import browser

REPLACE = "/methods/<visit:method_id>/replace"
WITH = f"{REPLACE}/<visit:new_id>"


@dataclass(frozen=True, slots=True)
class Seen:
    """The card, what runs on it, and the others there are."""

    old: PaymentMethod
    running: list[Running]
    others: list[PaymentMethod]
    may_add: bool


@page_for(REPLACE, name="replace_method")
def choose(here: Here, method_id: str) -> AnyResponse:
    """Which card instead."""
    seen = _seen(here, method_id)
    if not seen.running:
        return move_on(path_of("methods"))
    if not seen.others and seen.may_add:
        return move_on(path_of("new_method_for", method_id=seen.old.id))
    return _choose(seen, {}, 200)


@page_for(REPLACE, "POST", name="replace_method_post")
def chosen(here: Here, method_id: str) -> AnyResponse:
    """On to the authorization, or to typing a new card."""
    seen = _seen(here, method_id)
    wanted = request.form.get("method", "")
    if wanted == "new" and seen.may_add:
        return move_on(path_of("new_method_for", method_id=seen.old.id))
    if wanted not in {card.id for card in seen.others}:
        return _choose(seen, {"method": sentence(Refused("method_missing"))}, 422)
    return move_on(path_of("replace_method_with", method_id=seen.old.id, new_id=wanted))


@page_for(WITH, name="replace_method_with")
def authorize(here: Here, method_id: str, new_id: str) -> AnyResponse:
    """The exact text for each."""
    return _authorize(here, method_id, new_id, {}, 200)


@page_for(WITH, "POST", name="replace_method_with_post")
def authorized(here: Here, method_id: str, new_id: str) -> AnyResponse:
    """Seals them and changes the card of all."""
    if request.form.get("agreed") != "yes":
        return _authorize(here, method_id, new_id, {"agreed": sentence(Refused("agreement_tick_missing"))}, 422)
    digests = {
        name.removeprefix("agreement-"): value
        for name, value in request.form.items()
        if name.startswith("agreement-")
    }  # fmt: skip
    from_ = browser()
    accepted = Accepted(current(), from_.ip, from_.user_agent)
    try:
        results = use_case.replace(ports(), organisation().id, here.customer.id, method_id, new_id, digests, accepted)
    except Refused as refused:
        if refused.code == "method_unknown":
            abort(404)
        if refused.code == "agreement_changed":
            return _authorize(here, method_id, new_id, {}, 409, sentence(refused))
        return move_on(path_of("replace_method", method_id=method_id))
    flash(" ".join([_("Your payments are charged to the other card from now on."), *words_of(results)]))
    return move_on(path_of("methods"))


def _seen(here: Here, method_id: str) -> Seen:
    now = ports().clock.now()
    with ports().database.read(organisation().id) as session:
        old = payment_method.owned_by(session, method_id, here.customer.id)
        if old is None:
            abort(404)
        own = payment_method.of_customer(session, here.customer.id)
        others = [card for card in own if card.id != old.id and use_case.may_take(card, now)]
        running = use_case.running_on(session, here.customer.id, old.id)
        return Seen(old, running, others, own_method.may_add(session))


def _choose(seen: Seen, errors: dict[str, str], status: int) -> AnyResponse:
    return page(
        "customer/method_replace.html",
        status,
        seen=seen,
        errors=errors,
        here=path_of("replace_method_post", method_id=seen.old.id),
        back=path_of("methods"),
    )


def _authorize(
    here: Here, method_id: str, new_id: str, errors: dict[str, str], status: int, changed: str = ""
) -> AnyResponse:
    seen = _seen(here, method_id)
    new = next((card for card in seen.others if card.id == new_id), None)
    if new is None:
        abort(404)
    if not seen.running:
        return move_on(path_of("methods"))
    texts: list[Text] = []
    try:
        with ports().database.read(organisation().id) as session:
            texts = use_case.shown(session, seen.running, new, current(), ports().clock.now())
    except Refused:
        return move_on(path_of("replace_method", method_id=method_id))
    return page(
        "customer/method_authorize.html",
        status,
        seen=seen,
        new=new,
        texts=list(zip(seen.running, texts, strict=True)),
        number=sum(len(each.left) for each in seen.running),
        has_autopay=any(each.is_autopay for each in seen.running),
        failed_cents=sum(each.failed_cents for each in seen.running),
        errors=errors,
        changed=changed,
        here=path_of("replace_method_with_post", method_id=method_id, new_id=new_id),
        back=path_of("replace_method", method_id=method_id),
    )
