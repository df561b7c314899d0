"""The result: received, declined with what to do, or being confirmed. Says only what the rows say; asks nobody else.

Whatever a browser brings along in the address is not looked at (attack 47).
"""

from dataclasses import dataclass
from typing import Any

from flask import flash, get_flashed_messages, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response as AnyResponse

from portal.domain.document import ReceiptFacts
from portal.domain.payment_link import Purpose, Step
from portal.domain.refusal import Refused
from portal.storage import Session, hold
from portal.storage import charge as charges
from portal.storage.charge import Charge
from portal.storage.message import Receipt
from portal.usecases import checkout, receipt
from portal.usecases.payment_link import PATHS
from portal.usecases.receipt_again import send_again, send_schedule_again
from portal.usecases.schedule_checkout import link_of
from portal.usecases.visit import Walk, look
from portal.web.access import organisation, ports
from portal.web.files import pdf
from portal.web.fragments import move_on, page
from portal.web.payment_link import scheduled
from portal.web.payment_link.contact import details_of
from portal.web.payment_link.door import path_of
from portal.web.payment_link.guard import Here, step
from portal.web.personal_link import closed
from portal.web.records import destination
from portal.web.refusals import sentence
from portal.web.unpaid import confirming, declined

CONFIRMING = ("due", "charging")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What is known of the payment of a visit."""

    attempt: Charge | None
    receipt: Receipt | None
    is_held: bool = False  # nothing is charged for this organisation at the moment


def _outcome(session: Session, walk: Walk) -> Any:
    if walk.obligation is None:
        return scheduled.read(session, walk)
    return _paid(session, walk)


def _paid(session: Session, walk: Walk) -> Outcome:
    attempts = charges.of_obligation(session, walk.obligation.id) if walk.obligation else []
    last = attempts[-1] if attempts else None
    is_held = walk.obligation is not None and walk.obligation.status == "due" and hold.standing(session) is not None
    return Outcome(last, receipt.receipt_of(session, last.id) if last and last.state == "succeeded" else None, is_held)


@step(Step.result, read=_outcome)
def show(here: Here) -> AnyResponse:
    """The result as it stands. A payment being confirmed asks again by itself, and there is a link to ask by hand."""
    return _page(here, " ".join(map(str, get_flashed_messages())))


@step(Step.result, "POST", path="result/look-after", name="look_after")
def look_after(here: Here) -> AnyResponse:
    """On to the payments that were scheduled: to move or stop them, or to change their card. No step of this walk."""
    purpose = Purpose.card if request.form.get("to") == Purpose.card else Purpose.schedule
    try:
        token = link_of(ports(), organisation().id, here.visit_id, here.secret, purpose)
    except Refused as refused:
        flash(sentence(refused))
        return move_on(path_of(Step.result, here.visit_id))
    return move_on(f"/{organisation().slug}/{PATHS[purpose]}/{token}")


@step(Step.result, "POST", path="result/schedule", name="schedule_again")
def schedule_again(here: Here) -> AnyResponse:
    """Sends what was scheduled and its authorization again to the address on file; never to a typed one."""
    try:
        send_schedule_again(ports(), organisation().id, here.visit_id)
    except Refused as refused:
        flash(sentence(refused))
    else:
        flash(_("We sent it again. It should arrive within a few minutes."))
    return move_on(path_of(Step.result, here.visit_id))


@step(Step.result, "POST", path="result/receipt", name="receipt_again", read=_paid)
def receipt_again(here: Here) -> AnyResponse:
    """Sends the receipt again to the address on file; never to a typed one."""
    found: Outcome = here.extras
    if found.receipt is None:
        return move_on(path_of(Step.result, here.visit_id))
    try:
        send_again(ports(), organisation().id, found.receipt.id)
    except Refused as refused:
        flash(sentence(refused))
    else:
        flash(_("We sent the receipt again. It should arrive within a few minutes."))
    return move_on(path_of(Step.result, here.visit_id))


@step(Step.result, path="result/receipt.pdf", name="receipt_pdf", read=_paid)
def receipt_pdf(here: Here) -> AnyResponse:
    """The receipt as the tagged PDF that is also mailed."""
    found: Outcome = here.extras
    if found.receipt is None:
        return move_on(path_of(Step.result, here.visit_id))
    return pdf(
        ports().paper.receipt(_on_paper(found.receipt), here.walk.visit.locale),
        f"receipt-{found.receipt.number}.pdf",
        "attachment",
    )


def _on_paper(row: Receipt) -> ReceiptFacts:
    with ports().database.read(organisation().id) as session:
        return receipt.paper_facts(ports(), session, row)


@step(Step.result, "POST", path="result/again", name="pay_again")
def pay_again(here: Here) -> AnyResponse:
    """After a decline: back to the amount, to try another card."""
    try:
        with ports().database.transaction(organisation().id) as session:
            walk = look(session, here.visit_id, here.secret, ports().clock.now(), locked=True)
            if walk is None:
                return closed()
            checkout.again(walk)
    except Refused:
        return move_on(path_of(Step.result, here.visit_id))
    return move_on(path_of(Step.amount, here.visit_id))


def _page(here: Here, told: str) -> AnyResponse:
    obligation = here.walk.obligation
    if obligation is None:
        return scheduled.result(here, told)
    found: Outcome = here.extras
    urls = {
        name: url_for(f"payment_link.{name}", slug=organisation().slug, visit_id=here.visit_id)
        for name in ("result", "receipt_again", "receipt_pdf", "pay_again")
    }
    signed_in = here.walk.visit.sign_in_id is not None
    urls["account"] = url_for("customer.home", slug=organisation().slug) if signed_in else ""
    context: dict[str, Any] = {"account": here.walk.account, "urls": urls, "told": told}
    if obligation.status == "paid":
        return page(
            "payment_link/received.html",
            announce=told or _("Payment received"),
            obligation=obligation,
            receipt=found.receipt,
            attempt=found.attempt,
            **destination(
                details_of(here.walk)["email"],
                on_paper=here.walk.wants_paper,
                is_emailed=here.walk.settings.is_on("receipt_by_email"),
            ),
            **context,
        )
    if obligation.status in CONFIRMING or obligation.status == "review":
        return confirming(obligation, is_held=found.is_held, **context)
    return declined(obligation, found.attempt, **context)
