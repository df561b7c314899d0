"""The card page without a payer: the same frame, policy and scripts as every page with card fields, and nothing to pay.

Opened by the page watch, to see that a browser is sent what we make (PCI DSS 11.6.1). Shows nothing of anybody.
"""

from flask import Blueprint, Response, current_app

from portal.web.access import of_organisation
from portal.web.fragments import page

card_page = Blueprint("card_page", __name__)


@card_page.get("/<slug:slug>/card-page")
@of_organisation
def show() -> Response:
    """The frame of a card page."""
    return page("card_page.html", card=True, script_base=current_app.extensions["script_base"])
