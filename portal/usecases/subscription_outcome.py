"""What a due date, the end of its schedule or a cancel means for a subscription: owed from now on, ended, cancelled.

Called inside a transaction that holds the account's lock, by the claim and by `portal.usecases.schedule_outcome`.
Sends nothing.
"""

from collections.abc import Sequence
from datetime import datetime

from portal.domain.due_date import local_date
from portal.domain.ledger import Recipe
from portal.domain.subscription import LIVE, SERIES, SubscriptionState, require_move
from portal.storage import Session, ledger, obligation, organisation, subscription
from portal.storage.account import Account
from portal.storage.obligation import Obligation
from portal.storage.schedule import Schedule
from portal.storage.subscription import Subscription
from portal.usecases.alarm import raise_alarm
from portal.usecases.ledger import post
from portal.usecases.organisation import record
from portal.usecases.promise import fresh_key
from portal.usecases.subscription_promise import tell

CUSTOMER = "customer"


def accrue(session: Session, due: Obligation, row: Subscription | None, owed_on: Account, now: datetime) -> None:
    """The price of a period is owed from the moment its payment falls due, once, and not before.

    What is waived, or falls into a pause, never comes to be owed; what is paid by hand is not charged again.
    """
    if row is None or row.state != SubscriptionState.active or due.status != "due" or due.due_at > now:
        return
    _owe(session, due, owed_on, now, "claim")


def owe_taken(session: Session, due: Obligation, owed_on: Account, now: datetime) -> None:
    """A period that the gateway took and whose claim was lost with a restore came to be owed by that claim."""
    if subscription.of_schedule(session, due.subject_id) is not None:
        _owe(session, due, owed_on, now, "restore")


def _owe(session: Session, due: Obligation, owed_on: Account, now: datetime, by: str) -> None:
    key = placed_key(due.id)
    if ledger.of_event(session, key) is None:
        post(session, owed_on, Recipe.balance_placed, due.amount_cents, event_key=key, posted_at=now, posted_by=by)


def placed_key(obligation_id: str) -> str:
    """The event in the ledger by which a period came to be owed."""
    return f"period_placed:{obligation_id}"


def to_come_cents(session: Session, payments: Sequence[Obligation]) -> int:
    """What is owed by now and the run will charge itself, of the payments of one subscription."""
    return sum(
        each.amount_cents
        for each in payments
        if each.status in obligation.OPEN and ledger.of_event(session, placed_key(each.id)) is not None
    )


def is_over(session: Session, schedule_id: str, now: datetime) -> bool:
    """Whether the program of a schedule is over, by the calendar of its organisation."""
    row = subscription.of_schedule(session, schedule_id)
    if row is None:
        return True
    return row.end_on < local_date(now, organisation.by_id(session, row.organisation_id).timezone)


def is_paused(session: Session, schedule: Schedule) -> bool:
    """Whether it is the schedule of a subscription of which nothing is charged for now."""
    row = subscription.of_schedule(session, schedule.id) if schedule.series == SERIES else None
    return row is not None and row.state == SubscriptionState.paused


def is_last(session: Session, schedule: Schedule, due: Obligation) -> bool:
    """Whether a payment is the last one of a subscription."""
    if schedule.series != SERIES:
        return False
    later = (each.seq for each in obligation.of_subject(session, schedule.id) if each.status in obligation.OPEN)
    return due.seq == max(later, default=0)


def tell_last(session: Session, schedule: Schedule, due: Obligation, now: datetime) -> list[str]:
    """Promises the notice of the last payment; ids of the messages."""
    row = subscription.of_schedule(session, schedule.id)
    if row is None:
        return []
    key = fresh_key(session, f"subscription_last:{due.id}:{due.due_on}", now, ":email")
    return tell(session, "subscription_last", row, key, now, subject_id=due.id)


def completed(session: Session, schedule_id: str, now: datetime) -> list[str]:
    """The program is over and everything was charged: it has stopped by itself. Ids of the messages promised."""
    row = subscription.of_schedule(session, schedule_id)
    if row is None or row.state not in LIVE:
        return []
    _end(session, row, SubscriptionState.ended, "charge", now)
    return tell(session, "subscription_ended", row, f"subscription_ended:{row.id}", now)


def cancelled(session: Session, schedule_id: str, by: str, now: datetime) -> None:
    """Its schedule was cancelled, by whomever: nothing more is charged, and the case manager should know."""
    row = subscription.of_schedule(session, schedule_id)
    if row is None or row.state not in LIVE:
        return
    _end(session, row, SubscriptionState.cancelled, by, now)
    if by == CUSTOMER:
        raise_alarm(session, "subscription_stopped", row.id, now, reference=row.reference)


def _end(session: Session, row: Subscription, state: SubscriptionState, by: str, now: datetime) -> None:
    require_move(SubscriptionState(row.state), state)
    row.state, row.paused_for = state.value, None
    row.ended_at, row.ended_by = now, by
    row.version += 1
    session.flush()
    record(session, by, f"subscription_{state.value}", row.id, now)
