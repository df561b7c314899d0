"""My subscriptions: what each costs until when, how it stands, its authorization, and writing to the case manager.

Self Pay leads here (S0:26-30). A request to stop is a page of its own with a word to write; it is heard at once.
"""

from flask import abort, flash, get_flashed_messages, request
from flask_babel import gettext as _
from werkzeug.wrappers import Response as AnyResponse

from portal.domain.payment_link import Purpose
from portal.domain.refusal import Refused
from portal.domain.schedule import STANDING_STILL
from portal.domain.subscription import LIVE, REPORT_LENGTH_MAX, SubscriptionState
from portal.storage import agreement as agreements
from portal.storage import subscription as subscriptions
from portal.storage.agreement import Agreement
from portal.usecases import payment_status, subscription_report
from portal.usecases.own_visit import open_card_visit
from portal.web import files
from portal.web.access import organisation, ports
from portal.web.customer.door import path_of
from portal.web.customer.guard import Here, page_for
from portal.web.customer.subscription_payment import ONE, seen_by, to_subscription
from portal.web.fragments import move_on, page
from portal.web.language import current
from portal.web.payment_status import line, words
from portal.web.personal_link import DOORS, into
from portal.web.refusals import sentence
from portal.web.signed_in import browser


@page_for("/self-pay", name="self_pay_inside", limited=True)
def self_pay(here: Here) -> AnyResponse:
    """Where Self Pay leads: to the subscription that waits, to the one there is, or to the first page."""
    if here.is_limited:
        return move_on(path_of("home"))
    with ports().database.read(organisation().id) as session:
        found = subscriptions.of_customer(session, here.customer.id)
    now = ports().clock.now()
    waiting = [each for each in found if each.state == SubscriptionState.assigned and now < each.activate_by]
    live = [each for each in found if each.state in LIVE]
    wanted = waiting or live
    if len(wanted) == 1:
        return to_subscription(wanted[0].id)
    return move_on(path_of("subscriptions" if wanted else "home"))


@page_for("/subscriptions", name="subscriptions")
def all_of_them(here: Here) -> AnyResponse:
    """All of them, the newest first."""
    with ports().database.read(organisation().id) as session:
        found = subscriptions.of_customer(session, here.customer.id)
    return page("customer/subscriptions.html", found=found)


@page_for(ONE, name="subscription")
def subscription(here: Here, subscription_id: str) -> AnyResponse:
    """How it stands. One that waits leads to Order Details."""
    seen = seen_by(here, subscription_id)
    if seen.is_open:
        return move_on(path_of("subscription_order", subscription_id=subscription_id))
    with ports().database.read(organisation().id) as session:
        shown = payment_status.of_schedule(session, seen.row.schedule_id or "", seen.paid_to)
    return page(
        "customer/subscription.html",
        seen=seen,
        payments=shown.payments if shown else (),
        words=words(),
        line=line,
        told=" ".join(map(str, get_flashed_messages())),
        is_waiting=seen.row.state == SubscriptionState.assigned,
        is_standing=seen.schedule is not None and seen.schedule.status in STANDING_STILL,
    )


@page_for(f"{ONE}/authorization", name="subscription_authorization")
def authorization(here: Here, subscription_id: str) -> AnyResponse:
    """The sealed text, word for word (C2)."""
    sealed = _sealed(here, subscription_id)
    return page(
        "customer/authorization.html",
        sealed=sealed,
        paragraphs=files.paragraphs(sealed),
        back=path_of("subscription", subscription_id=subscription_id),
        download=path_of("subscription_authorization_file", subscription_id=subscription_id),
    )


@page_for(f"{ONE}/authorization.txt", name="subscription_authorization_file")
def authorization_file(here: Here, subscription_id: str) -> AnyResponse:
    """The same bytes that were sealed, to keep."""
    return files.authorization(_sealed(here, subscription_id))


@page_for(f"{ONE}/wrong", name="subscription_wrong")
def wrong(here: Here, subscription_id: str) -> AnyResponse:
    """The form that says what is wrong."""
    return _form(here, subscription_id, subscription_report.WRONG, "", {}, 200)


@page_for(f"{ONE}/wrong", "POST", name="subscription_wrong_post")
def wrong_post(here: Here, subscription_id: str) -> AnyResponse:
    """Hands it to the case manager."""
    return _write(here, subscription_id, subscription_report.WRONG)


@page_for(f"{ONE}/stop", name="subscription_stop")
def stop(here: Here, subscription_id: str) -> AnyResponse:
    """The form that asks to stop."""
    if not seen_by(here, subscription_id).is_live:
        return to_subscription(subscription_id)
    return _form(here, subscription_id, subscription_report.STOP, "", {}, 200)


@page_for(f"{ONE}/stop", "POST", name="subscription_stop_post")
def stop_post(here: Here, subscription_id: str) -> AnyResponse:
    """Nothing is charged from now on; the case manager is told."""
    return _write(here, subscription_id, subscription_report.STOP)


@page_for(f"{ONE}/change-card", "POST", name="subscription_change_card")
def change_card(here: Here, subscription_id: str) -> AnyResponse:
    """Opens a walk that changes the card, and charges what had failed."""
    seen_by(here, subscription_id)
    try:
        with ports().database.transaction(organisation().id) as session:
            now = ports().clock.now()
            opened = open_card_visit(session, here.signed_in, subscription_id, browser(), current(), now)
    except Refused as refused:
        status = 429 if refused.code == "too_many_visits" else 409
        return page("personal_link/slow_down.html", status, sentence=sentence(refused))
    return into(DOORS[Purpose.card], *opened)


def _sealed(here: Here, subscription_id: str) -> Agreement:
    """The authorization it was activated with, or the one of another card since."""
    seen = seen_by(here, subscription_id)
    with ports().database.read(organisation().id) as session:
        sealed = agreements.by_id(session, seen.schedule.agreement_id) if seen.schedule else None
    if sealed is None:
        abort(404)
    return sealed


def _write(here: Here, subscription_id: str, kind: str) -> AnyResponse:
    said = request.form.get("said", "")[: REPORT_LENGTH_MAX * 2]
    try:
        subscription_report.write(ports(), organisation().id, here.customer.id, subscription_id, kind, said)
    except Refused as refused:
        if refused.code == "subscription_unknown":
            abort(404)
        if refused.code == "subscription_state":  # it was asked already, or there is nothing to stop
            return to_subscription(subscription_id)
        return _form(here, subscription_id, kind, said, {"said": sentence(refused)}, 422)
    if kind == subscription_report.STOP:
        flash(_("Nothing more is charged for now. Your case manager has your request and will answer you."))
    else:
        flash(_("Thank you. Your case manager has your message and will answer you."))
    return move_on(path_of("subscription_written", subscription_id=subscription_id))


@page_for(f"{ONE}/written", name="subscription_written")
def written(here: Here, subscription_id: str) -> AnyResponse:
    """What was handed over, said once, and the way back."""
    seen = seen_by(here, subscription_id)
    told = " ".join(map(str, get_flashed_messages()))
    if not told:
        return to_subscription(subscription_id)
    return page("customer/subscription_written.html", announce=told, seen=seen, told=told)


def _form(here: Here, subscription_id: str, kind: str, said: str, errors: dict[str, str], status: int) -> AnyResponse:
    seen = seen_by(here, subscription_id)
    return page(
        "customer/subscription_report.html",
        status,
        seen=seen,
        said=said,
        errors=errors,
        wants_stop=kind == subscription_report.STOP,
        length_max=REPORT_LENGTH_MAX,
        back=path_of("subscription", subscription_id=subscription_id),
        here=path_of(f"subscription_{kind}_post", subscription_id=subscription_id),
    )
