"""Moving everything that runs on one card on file to another: each schedule under an authorization of its own, at once.

Called by the customers' door, for somebody signed in by more than an SSN. All of it changes in one transaction or
nothing does; what had failed is charged to the new card after that.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from portal.domain.agreement import Text
from portal.domain.refusal import Refused
from portal.storage import Session
from portal.storage import account as accounts
from portal.storage import obligation as obligations
from portal.storage import payment_method as methods
from portal.storage import schedule as schedules
from portal.storage.account import Account
from portal.storage.obligation import Obligation
from portal.storage.payment_method import PaymentMethod
from portal.storage.schedule import Schedule
from portal.usecases.charge import ChargeResult, charge_obligation
from portal.usecases.overview import LIVE
from portal.usecases.ports import Ports
from portal.usecases.schedule import card_on_file
from portal.usecases.schedule_card import REPLACEABLE, Accepted, card_change_shown, has_failed, put_in


@dataclass(frozen=True, slots=True)
class Running:
    """A schedule that is charged to a card: what is left of it, and what had failed."""

    plan: Schedule
    account: Account
    left: tuple[Obligation, ...]

    @property
    def failed_cents(self) -> int:
        """What is charged as soon as there is another card."""
        return sum(each.amount_cents for each in self.left if has_failed(each))


def running_on(session: Session, customer_id: str, method_id: str) -> list[Running]:
    """What runs on a card of theirs and has something left, by account."""
    found = []
    for plan in schedules.of_customer(session, customer_id):
        if plan.payment_method_id != method_id or plan.status not in LIVE:
            continue
        owed_on = accounts.by_id(session, plan.account_id)
        left = tuple(each for each in obligations.of_subject(session, plan.id) if each.status in REPLACEABLE)
        if owed_on is not None and left:
            found.append(Running(plan, owed_on, left))
    return sorted(found, key=lambda each: (each.account.id, each.plan.id))


def may_take(card: PaymentMethod, now: datetime) -> bool:
    """Whether a card can be charged from now on: it has not expired."""
    return (card.expires_year, card.expires_month) >= (now.year, now.month)


def shown(session: Session, running: Sequence[Running], card: PaymentMethod, locale: str, now: datetime) -> list[Text]:
    """The authorization of each, as it is shown and then sealed."""
    return [card_change_shown(session, each.plan.id, card_on_file(card), locale, now) for each in running]


def replace(
    ports: Ports,
    organisation_id: str,
    customer_id: str,
    old_id: str,
    new_id: str,
    digests: Mapping[str, str],
    accepted: Accepted,
) -> Sequence[ChargeResult]:
    """Seals each authorization, puts the other card in, charges what had failed. `digests` names the texts shown.

    A second press finds nothing that runs on the old card and does nothing. Refused `method_unknown`,
    `method_missing`, `agreement_changed`.
    """

    def work(session: Session) -> list[str]:
        now = ports.clock.now()
        new = methods.owned_by(session, new_id, customer_id)
        if methods.owned_by(session, old_id, customer_id) is None:
            raise Refused("method_unknown")
        if new is None or new_id == old_id or not may_take(new, now):
            raise Refused("method_missing")
        running = running_on(session, customer_id, old_id)
        if running and {each.plan.id for each in running} != set(digests):
            raise Refused("agreement_changed")
        retried: list[str] = []
        for each in running:
            _, again = put_in(session, each.plan.id, card_on_file(new), new, digests[each.plan.id], accepted, now)
            retried += again
        session.flush()
        return retried

    retried = ports.database.run(organisation_id, work)
    return [charge_obligation(ports, organisation_id, each, ports.timing.page_timeout) for each in retried]
