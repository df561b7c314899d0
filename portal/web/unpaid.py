"""The result of a payment that is not paid: still being confirmed, or declined with what to do. Called by result pages.

Says only what the rows say; the issuer's own words are never shown (attack 71).
"""

from typing import Any

from flask import Response, request
from flask_babel import gettext as _

from portal.storage.charge import Charge
from portal.storage.obligation import Obligation
from portal.web.fragments import page


def confirming(obligation: Obligation, **context: Any) -> Response:
    """The page that asks again by itself. It is announced once, not each time it asks."""
    waiting = request.headers.get("HX-Target") == "div#outcome"
    return page(
        "payment_link/confirming.html",
        announce="" if waiting else _("We are confirming your payment"),
        in_review=obligation.status == "review",
        obligation=obligation,
        **context,
    )


def declined(obligation: Obligation, attempt: Charge | None, **context: Any) -> Response:
    """The page that says so, and what helps."""
    return page(
        "payment_link/declined.html",
        announce=_("Payment declined"),
        advice=advice(obligation, attempt),
        obligation=obligation,
        **context,
    )


def advice(obligation: Obligation, attempt: Charge | None) -> str:
    """One sentence."""
    code = obligation.refused_code or ""
    if code in ("charging_off", "organisation_closed", "account_not_open"):
        return str(_("Payments on this account are paused. Please call us."))
    if code in ("balance_too_low", "service_balance_too_low"):
        return str(_("The balance changed while you were paying, so we did not charge your card."))
    if code in ("not_sent", "never_received"):
        return str(_("The payment did not reach the card processor. You can try again now."))
    if code in ("card_unusable", "method_gone"):
        return str(_("The card details could not be used any more. Enter the card again."))
    if attempt is not None and attempt.processor_type == "hard_declined":
        return str(_("Your bank does not allow this card to be used here. Please use another card, or call your bank."))
    return str(_("Your bank did not approve the payment. Check the card details, use another card, or call your bank."))
