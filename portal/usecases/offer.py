"""Taking or skipping a settlement offer in a visit. Called by the offer page, in its transaction; moves no money."""

from datetime import datetime

from portal.domain.offer import AmountChoice
from portal.domain.refusal import Refused
from portal.usecases.visit import Walk

SKIP = "skip"


def choose(walk: Walk, choice: str, now: datetime) -> None:
    """Takes the offer with this id, or skips them all. Refused `offer_choice_missing`, `offer_gone`,
    `offer_required`.
    """
    visit = walk.visit
    if choice == SKIP:
        if not walk.settings.is_on("allow_skip_offer"):
            raise Refused("offer_required")
        if visit.offer_id is not None:
            visit.amount_cents = visit.amount_choice = None
        visit.offer_id, visit.offer_skipped_at = None, now
    elif choice:
        taken = next((offer for offer in walk.offers if offer.row.id == choice), None)
        if taken is None:
            raise Refused("offer_gone")
        visit.offer_id, visit.offer_skipped_at = taken.row.id, None
        visit.amount_choice, visit.amount_cents = AmountChoice.offer.value, taken.price.pay_cents
    else:
        raise Refused("offer_choice_missing")
    visit.confirmed_at = visit.quote_version = None
    visit.version += 1
