"""The result of a payment for services: received with what each of them got, declined, or being confirmed.

Says only what the rows say; asks nobody else.
"""

from typing import Any

from flask import abort
from flask_babel import gettext as _
from werkzeug.wrappers import Response as AnyResponse

from portal.storage import charge as charges
from portal.storage import share
from portal.usecases import selection
from portal.usecases.receipt import receipt_of
from portal.web.access import organisation, ports
from portal.web.customer.door import path_of
from portal.web.customer.guard import Here, page_for
from portal.web.customer.service_payment import PAY
from portal.web.fragments import move_on, page
from portal.web.records import records_of
from portal.web.unpaid import confirming, declined


@page_for(f"{PAY}/result", name="services_result")
def result(here: Here, selection_id: str) -> AnyResponse:
    """As it stands now; a payment being confirmed asks again by itself."""
    with ports().database.read(organisation().id) as session:
        chosen = selection.look(session, selection_id, here.customer.id)
        if chosen is None:
            abort(404)
        due = chosen.obligation
        attempts = charges.of_obligation(session, due.id) if due else []
        last = attempts[-1] if attempts else None
        paid = last is not None and last.state == "succeeded"
        receipt = receipt_of(session, last.id) if last is not None and paid else None
        shares = {each.service_id: each.amount_cents for each in share.of_obligation(session, due.id)} if due else {}
    if due is None:
        return move_on(path_of("pay_services", selection_id=selection_id))
    urls = {
        "result": path_of("services_result", selection_id=selection_id),
        "pay_again": path_of("services_again", selection_id=selection_id),
        "receipt_pdf": path_of("receipt", receipt_id=receipt.id) if receipt else "",
    }
    context: dict[str, Any] = {"account": chosen.account, "urls": urls}
    if due.status == "paid":
        return page(
            "customer/services_paid.html",
            announce=_("Payment received"),
            obligation=due,
            receipt=receipt,
            attempt=last,
            lines=chosen.lines,
            shares=shares,
            note=chosen.row.note,
            names_patients=len({line.patient.id for line in chosen.lines}) > 1,
            **records_of(here.customer.id, here.customer.email, is_emailed=chosen.settings.is_on("receipt_by_email")),
            **context,
        )
    if due.status in ("due", "charging", "review"):
        return confirming(due, **context)
    return declined(due, last, **context)


@page_for(f"{PAY}/again", "POST", name="services_again")
def again(here: Here, selection_id: str) -> AnyResponse:
    """After a decline: back to the amount and the card."""
    with ports().database.read(organisation().id) as session:
        if selection.look(session, selection_id, here.customer.id) is None:
            abort(404)
    return move_on(path_of("pay_services", selection_id=selection_id))
