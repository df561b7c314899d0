"""A subscription and the calendar: one that waits is told, reminded, closed and opened again; one that is over ends.

Called by the clock, the command line and staff. Charges nothing.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial

from portal.domain.due_date import local_date
from portal.domain.plan import reminder_days, reminder_of
from portal.domain.refusal import Refused
from portal.domain.schedule import STANDING_STILL, ScheduleStatus
from portal.domain.subscription import SubscriptionState, periods
from portal.storage import Session
from portal.storage import account as accounts
from portal.storage import ledger as ledgers
from portal.storage import obligation as obligations
from portal.storage import organisation as organisations
from portal.storage import schedule as schedules
from portal.storage import subscription as subscriptions
from portal.storage.schedule import Schedule
from portal.storage.subscription import Subscription
from portal.usecases.alarm import raise_alarm
from portal.usecases.organisation import record, settings_of
from portal.usecases.ports import Ports
from portal.usecases.schedule_outcome import complete, end_payment
from portal.usecases.subscription import activation, locked, move, terms_of
from portal.usecases.subscription_outcome import is_over, placed_key
from portal.usecases.subscription_promise import tell

BATCH = 200
REMIND_AHEAD = timedelta(days=180)  # none waits longer


def announce(session: Session, row: Subscription, now: datetime) -> list[str]:
    """Tells the participant that one was assigned, or opened again; ids of the messages."""
    return tell(session, "subscription_assigned", row, f"subscription_assigned:{row.id}:{row.assigned_at}", now)


def remind(ports: Ports) -> int:
    """Promises every reminder whose time has come, each once by its key; how many."""
    promised, after = 0, None
    while True:
        now = ports.clock.now()
        with ports.database.across() as session:
            rows = subscriptions.assigned_until(session, now + REMIND_AHEAD, after, BATCH)
        for row in rows:
            promised += _in(ports, row.organisation_id, partial(_reminded, subscription_id=row.id, now=now))
        if len(rows) < BATCH:
            return promised
        after = (rows[-1].activate_by, rows[-1].id)


def expire(ports: Ports) -> int:
    """Closes every one whose time is over and tells its participant, once; how many."""
    ended = 0
    while True:
        now = ports.clock.now()
        with ports.database.across() as session:
            rows = subscriptions.assigned_until(session, now, None, BATCH)
        for row in rows:
            _in(ports, row.organisation_id, partial(_expired, subscription_id=row.id, now=now))
        ended += len(rows)
        if len(rows) < BATCH:
            return ended


def finish(ports: Ports) -> int:
    """Ends every one whose program is over and of which nothing is left to charge; how many were looked at."""
    seen, after = 0, ""
    while True:
        now = ports.clock.now()
        with ports.database.across() as session:
            rows = subscriptions.running_until(session, now.date() + timedelta(days=1), after, BATCH)
        for row in rows:
            _in(ports, row.organisation_id, partial(_finished, subscription_id=row.id, now=now))
        seen += len(rows)
        if len(rows) < BATCH:
            return seen
        after = rows[-1].id


def reopen(ports: Ports, organisation_id: str, subscription_id: str, days: int | None, by: str) -> Subscription:
    """Lets one that was closed wait once more, with the dates that are left of its program; tells the participant.

    Refused: `subscription_unknown`, `subscription_state`, `subscription_past`, `activation_days_wrong`.
    """

    def work(session: Session) -> tuple[Subscription, list[str]]:
        now = ports.clock.now()
        row = locked(session, subscription_id)
        if row.state == SubscriptionState.assigned and row.activate_by <= now:
            _close(session, row, now)  # over by the clock, and the clock process has not come by yet
        if row.state != SubscriptionState.expired:
            raise Refused("subscription_state", reference=row.reference, state=row.state)
        paid_to = organisations.by_id(session, organisation_id)
        if not periods(terms_of(row), local_date(now, paid_to.timezone)):
            raise Refused("subscription_past")
        usual = settings_of(session, paid_to).number("subscription_activation_days")
        move(row, SubscriptionState.assigned)
        row.assigned_at, row.activate_by = now, now + activation(days, usual)
        row.ended_at = row.ended_by = None
        session.flush()
        record(session, by, "subscription_reopened", row.id, now)
        return row, announce(session, row, now)

    row, promised = ports.database.run(organisation_id, work)
    for message_id in promised:
        ports.doorbell.ring_message(organisation_id, message_id)
    return row


def is_waiting(row: Subscription, now: datetime) -> bool:
    """Whether it may still be activated, and reminded of (N4)."""
    return row.state == SubscriptionState.assigned and now < row.activate_by


def _reminded(session: Session, subscription_id: str, now: datetime) -> list[str]:
    row = locked(session, subscription_id)
    if not is_waiting(row, now):
        return []
    rules = settings_of(session, organisations.by_id(session, row.organisation_id))
    wanted = reminder_days(rules.words("subscription_reminder_days"))
    days = reminder_of(row.assigned_at, row.activate_by, wanted, now)
    key = f"subscription_reminder:{row.id}:{row.assigned_at}:{days}"
    return tell(session, "subscription_reminder", row, key, now) if days else []


def _expired(session: Session, subscription_id: str, now: datetime) -> list[str]:
    row = locked(session, subscription_id)
    if row.state != SubscriptionState.assigned or row.activate_by > now:
        return []
    _close(session, row, now)
    return tell(session, "subscription_expired", row, f"subscription_expired:{row.id}:{row.assigned_at}", now)


def _finished(session: Session, subscription_id: str, now: datetime) -> list[str]:
    """One with a payment that failed for good and is owed stays: another card may still pay it."""
    row = locked(session, subscription_id)
    schedule = schedules.fresh(session, row.schedule_id or "")
    if schedule is None:
        return []
    if schedule.status in STANDING_STILL and row.state == SubscriptionState.active:
        _paid_by_hand(session, schedule, now)
    return complete(session, schedule, now)


def _paid_by_hand(session: Session, schedule: Schedule, now: datetime) -> None:
    """A program that is over, whose last payments waited for another card: all is paid, so they are not wanted."""
    left = [each for each in obligations.of_subject(session, schedule.id) if each.status in obligations.OPEN]
    if accounts.lock(session, schedule.account_id).balance_cents or not is_over(session, schedule.id, now):
        return
    if any(each.status != "due" or ledgers.of_event(session, placed_key(each.id)) is None for each in left):
        return
    for each in left:
        end_payment(session, each, "nothing_owed", now, "clock")
    schedule.status = ScheduleStatus.active.value
    schedule.version += 1
    session.flush()


def _close(session: Session, row: Subscription, now: datetime) -> None:
    move(row, SubscriptionState.expired)
    row.ended_at, row.ended_by = now, "clock"
    session.flush()
    record(session, "clock", "subscription_expired", row.id, now)
    raise_alarm(session, "subscription_not_activated", row.id, now, reference=row.reference)


def _in(ports: Ports, organisation_id: str, work: Callable[[Session], list[str]]) -> int:
    """Runs work in a transaction and rings for the messages it promised; how many."""
    promised = ports.database.run(organisation_id, work)
    for message_id in promised:
        ports.doorbell.ring_message(organisation_id, message_id)
    return len(promised)
