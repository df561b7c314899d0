"""What became of payments that had failed and were charged to another card: sentences for the page that comes next."""

from collections.abc import Sequence

from flask_babel import gettext as _
from flask_babel import ngettext

from portal.usecases.charge import ChargeResult


def words_of(charged: Sequence[ChargeResult]) -> list[str]:
    """Nothing where there was none."""
    said = []
    paid = sum(1 for each in charged if each.obligation_status == "paid")
    failed = sum(1 for each in charged if each.obligation_status in ("declined", "due"))
    if paid:
        said.append(
            ngettext("A payment that had failed is paid now.", "%(num)s payments that had failed are paid now.", paid)
        )
    if failed:
        said.append(_("The bank said no to this card as well, so a payment is still open."))
    if paid + failed < len(charged):
        said.append(_("A payment is being confirmed; it shows here as soon as it is known."))
    return said
