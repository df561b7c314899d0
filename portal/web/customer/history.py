"""What was paid, with the receipt of each as the PDF that was mailed."""

from flask import abort, make_response
from werkzeug.wrappers import Response as AnyResponse

from portal.usecases import overview
from portal.usecases.receipt import facts_of
from portal.web.access import organisation, ports
from portal.web.customer.guard import Here, page_for
from portal.web.fragments import page
from portal.web.language import current

SHOWN_MAX = 500


@page_for("/history")
def history(here: Here) -> AnyResponse:
    """Every payment, the newest first."""
    with ports().database.read(organisation().id) as session:
        receipts = overview.history(session, here.customer, SHOWN_MAX)
    return page("customer/history.html", receipts=receipts)


@page_for("/history/<visit:receipt_id>.pdf", name="receipt")
def receipt(here: Here, receipt_id: str) -> AnyResponse:
    """One receipt on paper; another's is not found (attack 49)."""
    with ports().database.read(organisation().id) as session:
        found = overview.own_receipt(session, here.customer, receipt_id)
    if found is None:
        abort(404)
    response = make_response(ports().paper.receipt(facts_of(found), current()))
    response.headers["Content-Type"] = "application/pdf"
    response.headers["Content-Disposition"] = f'attachment; filename="receipt-{found.number}.pdf"'
    response.headers["Cache-Control"] = "no-store"
    return response
