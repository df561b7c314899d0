"""What a customer sees first when signed in: balance, what comes next, what is scheduled, cards, what needs attention.

Called by the customers' door, in a read-only transaction. Changes nothing; says nothing in words.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum

from portal.domain.due_date import local_date
from portal.domain.payment_status import Shown, payment_status
from portal.domain.rule import SCHEDULED
from portal.storage import (
    Session,
    account,
    autopay,
    message,
    obligation,
    payment_method,
    schedule,
    service,
    subscription,
)
from portal.storage.account import Account
from portal.storage.customer import Customer
from portal.storage.message import Receipt
from portal.storage.obligation import Obligation
from portal.storage.payment_method import PaymentMethod
from portal.storage.subscription import Subscription

SOON = timedelta(days=60)
WAITING = ("paused", "broken")  # for another card, or for staff
LIVE = ("active", *WAITING)
SHOWN_SUBSCRIPTIONS = ("assigned", "active", "paused")


@dataclass(frozen=True, slots=True)
class Coming:
    """One payment that is scheduled, on which account, and what is shown of it."""

    row: Obligation
    account: Account
    on: date
    shown: Shown


@dataclass(frozen=True, slots=True)
class AccountSeen:
    """One account: what is owed, and what can be paid now besides payments under way."""

    row: Account
    payable_cents: int
    is_paying: bool
    owes_services: bool  # what is owed is paid service by service, on a page of its own


@dataclass(frozen=True, slots=True)
class Overview:
    """Everything the first page shows."""

    accounts: tuple[AccountSeen, ...]
    coming: tuple[Coming, ...]
    methods: tuple[PaymentMethod, ...]
    ended_methods: frozenset[str]  # ids of cards that have expired
    ending_methods: frozenset[str]  # ids of cards that end within two months
    broken: tuple[tuple[str, str], ...]  # accounts whose schedule waits for another card, and of which subscription
    last_receipt: Receipt | None
    has_services: bool  # paid or not: there is something to make an invoice of
    subscriptions: tuple[Subscription, ...]  # that wait or run, the newest first

    @property
    def balance_cents(self) -> int:
        """Over all accounts."""
        return sum(each.row.balance_cents for each in self.accounts)


def look(session: Session, customer: Customer, zone: str, now: datetime) -> Overview:
    """All of it, by the calendar of the organisation's zone."""
    rows = account.of_customer(session, customer.id)
    today = local_date(now, zone)
    seen, coming = [], []
    for row in rows:
        live = obligation.live_of_account(session, row.id)
        under_way = [each for each in live if (each.kind, each.status) != (SCHEDULED, "due")]
        paying_cents = sum(each.amount_cents + each.forgiven_cents for each in under_way)
        seen.append(
            AccountSeen(
                row, max(row.balance_cents - paying_cents, 0), bool(under_way), service.is_owed(session, row.id)
            )
        )
        coming += [_coming(each, row, zone) for each in live if each.kind == SCHEDULED]
    methods = payment_method.of_customer(session, customer.id)
    soon = today + SOON
    plans = schedule.of_customer(session, customer.id)
    waiting = {plan.account_id for plan in plans if plan.status in WAITING}
    receipts = message.receipts_of(session, customer.id, 1)
    programs = [each for each in subscription.of_customer(session, customer.id) if each.state in SHOWN_SUBSCRIPTIONS]
    program_of = {each.account_id: each.id for each in programs}
    return Overview(
        accounts=tuple(seen),
        coming=tuple(sorted(coming, key=lambda each: (each.on, each.row.id))),
        methods=tuple(methods),
        ended_methods=frozenset(card.id for card in methods if _ends_before(card, today)),
        ending_methods=frozenset(card.id for card in methods if _ends_before(card, soon)),
        broken=tuple((row.reference, program_of.get(row.id, "")) for row in rows if row.id in waiting),
        last_receipt=receipts[0] if receipts else None,
        has_services=service.is_any(session, [row.id for row in rows]),
        subscriptions=tuple(programs),
    )


def history(session: Session, customer: Customer, limit: int) -> list[Receipt]:
    """Payments that were made, newest first."""
    return message.receipts_of(session, customer.id, limit)


def own_receipt(session: Session, customer: Customer, receipt_id: str) -> Receipt | None:
    """A receipt of theirs; another's is not there."""
    row = message.receipt_by_id(session, receipt_id)
    return row if row is not None and row.customer_id == customer.id else None


class Need(StrEnum):
    """For what a card on file is needed."""

    scheduled = "scheduled"
    autopay = "autopay"


def needs_of(session: Session, customer: Customer, method_id: str) -> frozenset[Need]:
    """What will be charged to this card: live schedules, AutoPay with what it announces."""
    of_autopay = autopay.announced_for(session, customer.id)
    plans = [plan for plan in schedule.of_customer(session, customer.id) if plan.id not in of_autopay]
    needs = {Need.scheduled for plan in plans if plan.payment_method_id == method_id and plan.status in LIVE}
    standing = autopay.on_of_customer(session, customer.id)
    return frozenset(needs | {Need.autopay for row in standing if row.payment_method_id == method_id})


def _coming(row: Obligation, owed_on: Account, zone: str) -> Coming:
    on = row.due_on or local_date(row.due_at, zone)
    shown = payment_status(
        obligation_status=row.status,
        refused_code=row.refused_code,
        due_on=on,
        retries=row.retries,
        next_on=local_date(row.due_at, zone),
        hold_reason=row.hold_reason,
    )
    return Coming(row, owed_on, on, shown)


def _ends_before(card: PaymentMethod, day: date) -> bool:
    return (card.expires_year, card.expires_month) < (day.year, day.month)
