"""A subscription and the calendar: one that waits is told, reminded, closed and opened again; one that is over ends.

Called by the clock, the command line and staff. Charges nothing.
"""

from datetime import datetime, timedelta
from functools import partial

from portal.domain.due_date import local_date
from portal.domain.plan import reminder_days, reminder_of
from portal.domain.refusal import Refused
from portal.domain.subscription import SubscriptionState, periods
from portal.storage import Session
from portal.storage import organisation as organisations
from portal.storage import schedule as schedules
from portal.storage import subscription as subscriptions
from portal.storage.subscription import Subscription
from portal.usecases.alarm import raise_alarm
from portal.usecases.organisation import record, settings_of
from portal.usecases.ports import Ports
from portal.usecases.row_of_sweep import try_row
from portal.usecases.schedule_outcome import complete
from portal.usecases.subscription import deadline, locked, move, terms_of
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
            work = partial(_reminded, subscription_id=row.id, now=now)
            promised += try_row(ports, row.organisation_id, row.id, work)
        if len(rows) < BATCH:
            return promised
        after = (rows[-1].activate_by, rows[-1].id)


def expire(ports: Ports) -> int:
    """Closes every one whose time is over and tells its participant, once; how many were looked at."""
    seen, after = 0, None
    while True:
        now = ports.clock.now()
        with ports.database.across() as session:
            rows = subscriptions.assigned_until(session, now, after, BATCH)
        for row in rows:
            try_row(ports, row.organisation_id, row.id, partial(_expired, subscription_id=row.id, now=now))
        seen += len(rows)
        if len(rows) < BATCH:
            return seen
        after = (rows[-1].activate_by, rows[-1].id)


def finish(ports: Ports) -> int:
    """Ends every one whose program is over and of which nothing is left to charge; how many were looked at."""
    seen, after = 0, None
    while True:
        now = ports.clock.now()
        with ports.database.across() as session:
            rows = subscriptions.running_until(session, now.date() + timedelta(days=1), after, BATCH)
        for row in rows:
            try_row(ports, row.organisation_id, row.id, partial(_finished, subscription_id=row.id, now=now))
        seen += len(rows)
        if len(rows) < BATCH:
            return seen
        after = (rows[-1].end_on, rows[-1].id)


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
        row.assigned_at, row.activate_by = now, deadline(row.end_on, days, usual, paid_to, now)
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
    return complete(session, schedule, now) if schedule is not None else []


def _close(session: Session, row: Subscription, now: datetime) -> None:
    move(row, SubscriptionState.expired)
    row.ended_at, row.ended_by = now, "clock"
    session.flush()
    record(session, "clock", "subscription_expired", row.id, now)
    raise_alarm(session, "subscription_not_activated", row.id, now, reference=row.reference)
