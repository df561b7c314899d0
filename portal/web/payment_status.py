"""How a payment stands, in the reader's words: Paid, Pending or Declined, and the line below (S1:36).

Called by every door that lists payments, for its templates. Decides nothing: the word comes from
`portal.domain.payment_status`.
"""

from collections.abc import Callable

from flask_babel import gettext as _

from portal.domain.payment_status import PaymentStatus, SecondLine, Shown
from portal.web.formats import day

WORDS: dict[PaymentStatus, Callable[[], str]] = {
    PaymentStatus.paid: lambda: _("Paid"),
    PaymentStatus.pending: lambda: _("Pending"),
    PaymentStatus.declined: lambda: _("Declined"),
}
LINES: dict[SecondLine, Callable[[], str]] = {
    SecondLine.refunded: lambda: _("Refunded"),
    SecondLine.partly_refunded: lambda: _("Partly refunded"),
    SecondLine.refund_failed: lambda: _("The refund did not arrive"),
    SecondLine.disputed: lambda: _("Disputed"),
    SecondLine.confirming: lambda: _("Being confirmed"),
    SecondLine.being_checked: lambda: _("We are checking this payment by hand"),
    SecondLine.on_hold: lambda: _("Paused"),
    SecondLine.cancelled: lambda: _("Cancelled"),
    SecondLine.cancelling: lambda: _("Being cancelled"),
    SecondLine.skipped: lambda: _("Skipped"),
    SecondLine.not_needed: lambda: _("Not needed any more"),
    SecondLine.given_back: lambda: _("Not charged: you got back what was paid for it"),
    SecondLine.less_owed: lambda: _("Not charged: less is owed than this"),
    SecondLine.above_limit: lambda: _("Not charged: above the limit you set"),
    SecondLine.autopay_off: lambda: _("Not charged: AutoPay was off"),
    SecondLine.announced_anew: lambda: _("Not charged: announced anew with another date"),
}


def words() -> dict[PaymentStatus, str]:
    """The three words."""
    return {status: word() for status, word in WORDS.items()}


def line(shown: Shown) -> str:
    """The second line of a status; empty where the word says it all."""
    if shown.line is SecondLine.try_again and shown.on is not None:
        return str(_("We try again on %(day)s", day=day(shown.on)))
    make = LINES.get(shown.line)
    return make() if make is not None else ""
