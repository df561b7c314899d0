"""What a change of a subscription would do now, payment by payment, and what it is worth; refuses what cannot be done.

Called by `portal.usecases.subscription_change`, when a change is asked for and once more when it is approved, and by
pages that show it. Changes nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any

from portal.domain.due_date import local_date
from portal.domain.refusal import Refused
from portal.domain.subscription import (
    LIVE,
    NOTICE_DAYS,
    PERIODS_MAX,
    ChangeKind,
    PausedFor,
    Period,
    SubscriptionState,
    added,
    cut,
    period_of,
)
from portal.storage import Session
from portal.storage import account as accounts
from portal.storage import ledger as ledgers
from portal.storage import obligation as obligations
from portal.storage import organisation as organisations
from portal.storage import schedule as schedules
from portal.storage.account import Account
from portal.storage.obligation import Obligation
from portal.storage.organisation import Organisation
from portal.storage.schedule import Schedule
from portal.storage.subscription import Subscription, SubscriptionChange
from portal.usecases.ledger import free_cents
from portal.usecases.subscription import locked, terms_of
from portal.usecases.subscription_outcome import placed_key

OPEN_PAYMENT = frozenset({"due", "declined"})
UNDER_WAY = frozenset({"charging", "review"})


@dataclass(frozen=True, slots=True)
class Wish:
    """What staff want. `numbers` are payments as they are listed; `amount_cents` what each costs from now on."""

    kind: ChangeKind
    until: date | None = None
    numbers: tuple[int, ...] = ()
    amount_cents: int | None = None

    def plain(self) -> dict[str, object]:
        """As it is kept in a row."""
        until = self.until.isoformat() if self.until else None
        return {"until": until, "numbers": list(self.numbers), "amount_cents": self.amount_cents}


def wish_of(change: SubscriptionChange) -> Wish:
    """A wish as it was kept."""
    facts: Mapping[str, Any] = change.facts
    until = date.fromisoformat(facts["until"]) if facts["until"] else None
    return Wish(ChangeKind(change.kind), until, tuple(facts["numbers"]), facts["amount_cents"])


@dataclass(frozen=True, slots=True)
class Line:
    """What a change does to one payment: what it costs before and after; `begins_on` and `ends_on` of one it adds.

    `less_cents` is what the participant pays less by it: of a payment that is owed already, what is not paid otherwise.
    """

    number: int
    before_cents: int
    after_cents: int
    less_cents: int = 0
    begins_on: str = ""
    ends_on: str = ""


def lines_of(change: SubscriptionChange) -> list[Line]:
    """What was asked for, payment by payment, as it was kept."""
    return [Line(*each) for each in change.facts.get("lines", [])]


@dataclass
class Case:
    """A subscription under its account's lock, with what a change of it looks at."""

    session: Session
    row: Subscription
    account: Account
    paid_to: Organisation
    schedule: Schedule | None
    payments: list[Obligation]
    periods: list[Period]
    by: str
    now: datetime

    @property
    def today(self) -> date:
        return local_date(self.now, self.paid_to.timezone)

    def payment(self, number: int) -> Obligation:
        """One that can still be changed. Refused `payment_unknown`, `payment_over`."""
        found = next((each for each in self.payments if each.seq == number), None)
        if found is None:
            raise Refused("payment_unknown")
        if found.status not in OPEN_PAYMENT:
            raise Refused("payment_over", status=found.status)
        return found


def case_of(session: Session, subscription_id: str, by: str, now: datetime) -> Case:
    """The subscription, locked, with its payments as they stand. Refused `subscription_unknown`."""
    row = locked(session, subscription_id)
    account = accounts.by_id(session, row.account_id)
    if account is None:
        raise AssertionError(f"subscription {row.id} has no account")
    schedule = schedules.fresh(session, row.schedule_id) if row.schedule_id else None
    payments = obligations.of_subject(session, schedule.id) if schedule else []
    for each in payments:
        session.refresh(each)
    paid_to = organisations.by_id(session, row.organisation_id)
    return Case(session, row, account, paid_to, schedule, payments, [period_of(each) for each in row.periods], by, now)


def lines_now(case: Case, wish: Wish) -> list[Line]:
    """What it would do now; refuses what cannot be.

    Of a payment that is added its days and amount count, not its date: that is ten days after it is told (C3).
    """
    if wish.kind is not ChangeKind.cancel and case.row.state not in LIVE:
        raise Refused("subscription_state", reference=case.row.reference, state=case.row.state)
    match wish.kind:
        case ChangeKind.extend:
            return [
                Line(each.number, 0, each.amount_cents, 0, each.begins_on.isoformat(), each.ends_on.isoformat())
                for each in longer(case, wish)
            ]
        case ChangeKind.shorten:
            return _less(case, shorter(case, wish))
        case ChangeKind.waive | ChangeKind.reduce:
            if not wish.numbers:
                raise Refused("payment_unknown")
            return _less(case, lower(case, wish))
        case ChangeKind.resume if case.row.state == SubscriptionState.paused:
            return _less(case, [(due, 0) for due in left_out(case)])
        case ChangeKind.cancel if case.row.state in LIVE and case.row.paused_for != PausedFor.stop:
            return _less(case, [(due, 0) for due in given_up(case)])
    return []


def _less(case: Case, changed: list[tuple[Obligation, int]]) -> list[Line]:
    lines, free = [], free_cents(case.session, case.account)
    for due, left_cents in changed:
        less_cents = due.amount_cents - left_cents
        if ledgers.of_event(case.session, placed_key(due.id)) is not None:
            less_cents = min(less_cents, free)
            free -= less_cents
        lines.append(Line(due.seq, due.amount_cents, left_cents, less_cents))
    return lines


def worth_of(lines: list[Line]) -> int:
    """How much more or less is charged by it."""
    return sum(abs(each.after_cents - each.before_cents) for each in lines)


def longer(case: Case, wish: Wish) -> tuple[Period, ...]:
    """The periods that a longer program adds. Refused `change_dates`."""
    if wish.until is None or not case.row.end_on < wish.until < case.row.start_on + timedelta(days=31 * PERIODS_MAX):
        raise Refused("change_dates")
    number = max(each.seq for each in case.payments) + 1
    # from the day after what was charged, for a shorter program gives none back; nothing for days that are over
    until = max([case.row.end_on, case.today - timedelta(days=1), *(each.ends_on for each in case.periods)])
    charged = replace(terms_of(case.row), end_on=until)
    more = added(charged, wish.until, number, case.today + timedelta(days=NOTICE_DAYS))
    if len(case.periods) + len(more) > PERIODS_MAX:
        raise Refused("change_dates")
    return more


def shorter(case: Case, wish: Wish) -> list[tuple[Obligation, int]]:
    """(payment, what is left of it) for everything after the new end that was not charged yet.

    Refused `change_dates`; `change_under_way` while one that would cost less is being charged: declined, it would be
    tried again for the whole.
    """
    if wish.until is None or not max(case.today, case.row.start_on) <= wish.until < case.row.end_on:
        raise Refused("change_dates")
    changed = []
    for period in case.periods:
        due = next((each for each in case.payments if each.seq == period.number), None)
        if due is None or due.status not in OPEN_PAYMENT | UNDER_WAY or period.ends_on <= wish.until:
            continue
        left = (
            0 if period.begins_on > wish.until else min(cut(period, terms_of(case.row), wish.until), due.amount_cents)
        )
        if due.status in UNDER_WAY:
            if left < due.amount_cents:
                raise Refused("change_under_way")
            continue
        changed.append((due, left))
    return changed


def left_out(case: Case) -> list[Obligation]:
    """What fell into a pause and had not come to be owed before it."""
    return [
        due
        for due in case.payments
        if due.status == "due" and due.due_on is not None and due.due_on < case.today
        and ledgers.of_event(case.session, placed_key(due.id)) is None
    ]  # fmt: skip


def given_up(case: Case) -> list[Obligation]:
    """What a cancel takes from the organisation: what had not come to be owed, which nobody will ask for any more.

    Of a participant who asked to stop nothing would be charged any more, so ending it gives nothing up.
    """
    return [
        due
        for due in case.payments
        if due.status == "due" and ledgers.of_event(case.session, placed_key(due.id)) is None
    ]


def lower(case: Case, wish: Wish) -> list[tuple[Obligation, int]]:
    """(payment, what is left of it) for each that was chosen.

    Refused `payment_unknown`, `payment_over`, `change_amount`.
    """
    amount_cents = 0 if wish.kind is ChangeKind.waive else wish.amount_cents
    found = [case.payment(number) for number in dict.fromkeys(wish.numbers)]
    if amount_cents is None or any(not 0 <= amount_cents < due.amount_cents for due in found):
        raise Refused("change_amount")
    if wish.kind is ChangeKind.reduce and not amount_cents:
        raise Refused("change_amount")
    return [(due, amount_cents) for due in found]
