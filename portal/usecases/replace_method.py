"""Moving everything that runs on one card on file to another: each schedule, and AutoPay with all it has announced,
under an authorization of its own, at once.

Called by the customers' door, for somebody signed in by more than an SSN. All of it changes in one transaction or
nothing does; what had failed is charged to the new card after that.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from portal.domain.agreement import Text
from portal.domain.payment_method import has_expired
from portal.domain.refusal import Refused
from portal.storage import Session
from portal.storage import account as accounts
from portal.storage import autopay as autopays
from portal.storage import obligation as obligations
from portal.storage import payment_method as methods
from portal.storage import schedule as schedules
from portal.storage.account import Account
from portal.storage.autopay import Autopay
from portal.storage.obligation import Obligation
from portal.storage.payment_method import PaymentMethod
from portal.storage.schedule import Schedule
from portal.usecases.agreement import seal_text
from portal.usecases.autopay_terms import failed_of, left_of, standing_text
from portal.usecases.charge import ChargeResult, charge_obligation
from portal.usecases.overview import LIVE
from portal.usecases.ports import Ports
from portal.usecases.schedule import card_on_file
from portal.usecases.schedule_card import KIND, Accepted, card_change_shown, put_in, stand_on
from portal.usecases.schedule_payment import REPLACEABLE, has_failed


@dataclass(frozen=True, slots=True)
class Running:
    """A schedule, or AutoPay, that is charged to a card: what is left of it, and what had failed."""

    what: Schedule | Autopay
    account: Account
    left: tuple[Obligation, ...]

    @property
    def id(self) -> str:
        """Of the schedule, or of AutoPay."""
        return self.what.id

    @property
    def is_autopay(self) -> bool:
        return isinstance(self.what, Autopay)

    @property
    def failed_cents(self) -> int:
        """What is charged as soon as there is another card."""
        if isinstance(self.what, Autopay):
            return failed_of(self.left, self.what.limit_cents)
        return sum(each.amount_cents for each in self.left if has_failed(each))


def running_on(session: Session, customer_id: str, method_id: str) -> list[Running]:
    """What runs on a card of theirs: schedules that have something left, and AutoPay, by account."""
    found = []
    announced = autopays.announced_for(session, customer_id)
    for plan in schedules.of_customer(session, customer_id):
        if plan.payment_method_id != method_id or plan.status not in LIVE or plan.id in announced:
            continue
        left = tuple(each for each in obligations.of_subject(session, plan.id) if each.status in REPLACEABLE)
        if left:
            found.append(Running(plan, _account(session, plan.account_id), left))
    found += [
        Running(row, _account(session, row.account_id), tuple(left_of(session, row)))
        for row in autopays.on_of_customer(session, customer_id)
        if row.payment_method_id == method_id
    ]
    return sorted(found, key=lambda each: (each.account.id, each.id))


def may_take(card: PaymentMethod, now: datetime) -> bool:
    """Whether a card can be charged from now on: it has not expired."""
    return not has_expired(card.expires_year, card.expires_month, now)


def shown(session: Session, running: Sequence[Running], card: PaymentMethod, locale: str, now: datetime) -> list[Text]:
    """The authorization of each, as it is shown and then sealed."""
    return [_text(session, each, card, locale, now) for each in running]


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
        accounts.lock_all(session, customer_id)  # the other card is not taken away meanwhile
        new = methods.owned_by(session, new_id, customer_id)
        if methods.owned_by(session, old_id, customer_id) is None:
            raise Refused("method_unknown")
        if new is None or new_id == old_id or not may_take(new, now):
            raise Refused("method_missing")
        running = running_on(session, customer_id, old_id)
        if running and {each.id for each in running} != set(digests):
            raise Refused("agreement_changed")
        retried: list[str] = []
        for each in running:
            retried += _put_in(session, each, new, digests[each.id], accepted, now)
        session.flush()
        return retried

    retried = ports.database.run(organisation_id, work)
    return [charge_obligation(ports, organisation_id, each, ports.timing.page_timeout) for each in retried]


def _text(session: Session, running: Running, card: PaymentMethod, locale: str, now: datetime) -> Text:
    if isinstance(running.what, Autopay):
        limit_cents = running.what.limit_cents
        return standing_text(session, running.account, card_on_file(card), limit_cents, locale, now)
    return card_change_shown(session, running.id, card_on_file(card), locale, now)


def _put_in(
    session: Session, running: Running, card: PaymentMethod, shown_digest: str, accepted: Accepted, now: datetime
) -> list[str]:
    """Payments to charge at once."""
    if not isinstance(running.what, Autopay):
        return put_in(session, running.id, card_on_file(card), card, shown_digest, accepted, now)[1]
    text = _text(session, running, card, accepted.locale, now)
    if text.digest != shown_digest:
        raise Refused("agreement_changed")
    row = running.what
    sealed = seal_text(
        session, row.customer_id, row.account_id, accepted.visit_id, KIND, text,
        ip=accepted.ip, user_agent=accepted.user_agent, now=now,
    )  # fmt: skip
    return stand_on(session, row, card, sealed.id, accepted, now)


def _account(session: Session, account_id: str) -> Account:
    found = accounts.by_id(session, account_id)
    if found is None:
        raise AssertionError(f"account {account_id} is gone")
    return found
