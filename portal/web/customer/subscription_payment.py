"""Order Details and Pay Now (S0:19-22): what it is, each date until the end, the tick, the card, and the result.

The tick is required and never ticked for anybody; the button is never disabled. Exactly what was shown is activated, or
nothing is (M8). The first payment is charged here, while the participant is present, by the charge of every payment.
"""

from dataclasses import dataclass, field
from typing import Any

from flask import Response, abort, request
from flask_babel import gettext as _
from werkzeug.wrappers import Response as AnyResponse

from portal.domain.refusal import Refused
from portal.domain.subscription_agreement import tick_words
from portal.storage import charge as charges
from portal.usecases import subscription_order
from portal.usecases.charge import charge_obligation
from portal.usecases.failpoint import failpoint
from portal.usecases.payment_method import NEW
from portal.usecases.receipt import receipt_of
from portal.usecases.subscription_order import Pressed, Seen
from portal.web.access import organisation, ports
from portal.web.card_fields import client_token_answer, script_base
from portal.web.customer.door import path_of
from portal.web.customer.guard import Here, page_for
from portal.web.fragments import move_on, page
from portal.web.language import current
from portal.web.records import records_of
from portal.web.refusals import sentence
from portal.web.signed_in import browser
from portal.web.unpaid import confirming, declined

ONE = "/subscriptions/<visit:subscription_id>"
ORDER = f"{ONE}/card"  # its end says that it is a page with card fields
CHANGED = frozenset({"quote_changed", "agreement_changed"})


@dataclass(frozen=True, slots=True)
class Typed:
    """What stands in the fields."""

    method: str = ""
    ticked: bool = False
    errors: dict[str, str] = field(default_factory=dict)
    changed: str = ""


@page_for(ORDER, name="subscription_order")
def order(here: Here, subscription_id: str) -> AnyResponse:
    """Order Details and the payment, while it can be activated; else how it stands."""
    seen = seen_by(here, subscription_id)
    return _order(seen, Typed(), 200) if seen.is_open else to_subscription(subscription_id)


@page_for(ORDER, "POST", name="subscription_order_post")
def pay(here: Here, subscription_id: str) -> AnyResponse:
    """Pay Now: activates and charges the first payment, or says what is wrong."""
    form, from_ = request.form, browser()
    typed = Typed(form.get("method", ""), form.get("consent") == "yes")
    pressed = Pressed(
        method=typed.method,
        nonce=form.get("card_nonce", ""),
        ticked=typed.ticked,
        version=form.get("quote", ""),
        shown_digest=form.get("agreement", ""),
        locale=current(),
        ip=from_.ip,
        user_agent=from_.user_agent,
    )
    try:
        refusals = subscription_order.pay_now(ports(), organisation().id, here.customer.id, subscription_id, pressed)
    except Refused as refused:
        return _not_now(here, subscription_id, typed, refused)
    if refusals:
        errors = {name: sentence(refused) for name, refused in refusals.items()}
        return _order(seen_by(here, subscription_id), Typed(typed.method, typed.ticked, errors), 422)
    failpoint("subscription.before_charge")
    first = subscription_order.due_now(seen_by(here, subscription_id))
    if first is not None:
        charge_obligation(ports(), organisation().id, first, ports().timing.page_timeout)
    return move_on(path_of("subscription_result", subscription_id=subscription_id))


@page_for(f"{ORDER}/client-token", name="subscription_client_token")
def client_token(here: Here, subscription_id: str) -> Response:
    """What the card fields need to open; asked for by their script alone."""
    seen_by(here, subscription_id)
    return client_token_answer()


@page_for(f"{ONE}/result", name="subscription_result")
def result(here: Here, subscription_id: str) -> AnyResponse:
    """How the first payment stands now; one that is being confirmed asks again by itself."""
    seen = seen_by(here, subscription_id)
    if not seen.payments:
        return to_subscription(subscription_id)
    due = seen.payments[0]
    with ports().database.read(organisation().id) as session:
        attempts = charges.of_obligation(session, due.id)
        last = attempts[-1] if attempts else None
        receipt = receipt_of(session, last.id) if last is not None and last.state == "succeeded" else None
    urls = {
        "result": path_of("subscription_result", subscription_id=subscription_id),
        "pay_again": path_of("subscription_change_card", subscription_id=subscription_id),
        "receipt_pdf": path_of("receipt", receipt_id=receipt.id) if receipt else "",
        "subscription": path_of("subscription", subscription_id=subscription_id),
        "authorization": path_of("subscription_authorization", subscription_id=subscription_id),
    }
    context: dict[str, Any] = {"account": seen.account, "urls": urls}
    if due.status == "paid":
        return page(
            "customer/subscription_done.html",
            announce=_("Payment received"),
            obligation=due,
            seen=seen,
            receipt=receipt,
            attempt=last,
            **records_of(seen.customer.id, seen.customer.email, is_emailed=seen.settings.is_on("receipt_by_email")),
            **context,
        )
    if due.status in ("charging", "review") or (due.status == "due" and not due.retries):
        return confirming(due, **context)
    return declined(due, last, **context)


def seen_by(here: Here, subscription_id: str) -> Seen:
    """The subscription of who is signed in; another's is not found, as one that never was (attack 50)."""
    with ports().database.read(organisation().id) as session:
        seen = subscription_order.look(session, subscription_id, here.customer.id, ports().clock.now())
    if seen is None:
        abort(404)
    return seen


def to_subscription(subscription_id: str) -> AnyResponse:
    """Its own page."""
    return move_on(path_of("subscription", subscription_id=subscription_id))


def _not_now(here: Here, subscription_id: str, typed: Typed, refused: Refused) -> AnyResponse:
    """Other figures than were shown are shown first; what cannot be activated says how it stands."""
    if refused.code == "subscription_unknown":
        abort(404)
    seen = seen_by(here, subscription_id)
    if not seen.is_open:
        return to_subscription(subscription_id)
    if refused.code in CHANGED:
        return _order(seen, Typed(typed.method, False, {}, sentence(refused)), 409)
    return _order(seen, Typed(typed.method, typed.ticked, {"": sentence(refused)}), 429)


def _order(seen: Seen, typed: Typed, status: int) -> AnyResponse:
    known = {card.id for card in seen.cards}
    default = seen.cards[0].id if seen.cards else NEW
    text = subscription_order.agreement_shown(seen, current())
    endings = [(card, ending) for card in seen.cards if (ending := seen.ending(card)) is not None]
    return page(
        "customer/subscription_order.html",
        status,
        card=True,
        seen=seen,
        cards=seen.cards,
        typed=typed,
        errors=typed.errors,
        method=typed.method if typed.method in known or typed.method == NEW else default,
        text=text,
        tick_words=tick_words(seen.paid_to.name, seen.row.end_on, text.locale),
        endings=endings,
        may_save=False,
        here=path_of("subscription_order_post", subscription_id=seen.row.id),
        wrong=path_of("subscription_wrong", subscription_id=seen.row.id),
        script_base=script_base(),
        client_token_path=path_of("subscription_client_token", subscription_id=seen.row.id),
    )
