"""What customers hear before a scheduled payment: that it comes (Reg F 1006.22(c)), and that their card ends first.

Called by the clock; two or more may run, each message is promised once by its key. Sends nothing; charges nothing.
"""

from calendar import monthrange
from datetime import date, timedelta
from functools import partial

import structlog

from portal.domain.due_date import local_date, working_days_before
from portal.domain.plan import PlanState
from portal.domain.schedule import NOTICE_WORKING_DAYS, NOTICE_WORKING_DAYS_MIN, ScheduleStatus
from portal.domain.subscription import SERIES
from portal.storage import Session, account, limit, obligation, organisation, payment_method, schedule
from portal.storage import plan as plans
from portal.storage.obligation import Obligation
from portal.storage.schedule import Schedule
from portal.usecases.organisation import record, settings_of
from portal.usecases.ports import Ports
from portal.usecases.promise import fresh_key
from portal.usecases.row_of_sweep import try_row
from portal.usecases.rule import DAY, midnight
from portal.usecases.schedule_outcome import tell
from portal.usecases.subscription_outcome import is_last, is_paused, tell_last

log = structlog.get_logger()

BATCH = 200
LOOK_AHEAD = timedelta(days=14)  # holds seven working days whatever the holidays
WARN_DAYS = (7, 30)
SCHEDULES_MAX = 10_000


def announce_upcoming(ports: Ports) -> int:
    """Promises the notice of every payment whose time for it has come; how many were looked after."""
    done = 0
    while True:
        now = ports.clock.now()
        with ports.database.across() as session:
            rows = obligation.unnoticed(session, now + LOOK_AHEAD, BATCH)
        settled = sum(_tried(ports, organisation_id, row_id) for organisation_id, row_id in rows)
        done += settled
        if settled < BATCH:
            return done


def warn_of_ending_cards(ports: Ports) -> int:
    """Once a day for each organisation: tells whose card ends before their next payment, 30 and 7 days before it."""
    with ports.database.across() as session:
        organisations = [row.id for row in organisation.all_active(session)]
    work = partial(_warned, ports=ports)
    return sum(try_row(ports, each, each, work) for each in organisations)


def _tried(ports: Ports, organisation_id: str, obligation_id: str) -> bool:
    """One that cannot be announced is logged, comes again, and keeps no other from being announced (N6)."""
    try:
        return _announced(ports, organisation_id, obligation_id)
    except Exception as error:
        log.error("not_announced", organisation_id=organisation_id, obligation_id=obligation_id, exc_info=error)
        return False


def _announced(ports: Ports, organisation_id: str, obligation_id: str) -> bool:
    def work(session: Session) -> list[str] | None:
        now = ports.clock.now()
        found = obligation.by_id(session, obligation_id)
        if found is None or found.due_on is None:
            return None
        owed_on = account.lock(session, found.account_id)
        due = obligation.fresh(session, obligation_id)
        plan = schedule.fresh(session, due.subject_id)
        paid_to = organisation.by_id(session, organisation_id)
        today = local_date(now, paid_to.timezone)
        if due.status != "due" or due.due_on is None or due.noticed_at is not None or plan is None:
            return None
        if today < working_days_before(due.due_on, NOTICE_WORKING_DAYS):
            return None
        due.noticed_at = now
        wanted = settings_of(session, paid_to).is_on("payment_notice")
        agreed = plans.of_schedule(session, plan.id)
        if is_paused(session, plan) or (agreed is not None and agreed.state == PlanState.paused):
            return []
        last = is_last(session, plan, due)
        is_owed = bool(owed_on.balance_cents) or plan.series == SERIES  # which owes nothing before it falls due
        if not (wanted or last) or plan.status != ScheduleStatus.active or not is_owed or due.due_on <= today:
            return []
        if today > working_days_before(due.due_on, NOTICE_WORKING_DAYS_MIN):
            record(session, "clock", "notice_late", due.id, now, due_on=due.due_on.isoformat())
        if last:
            return tell_last(session, plan, due, now)
        key = fresh_key(session, f"payment_upcoming:{due.id}:{due.due_on.isoformat()}", now)
        return tell(session, "payment_upcoming", plan, due.id, key, now)

    promised = ports.database.run(organisation_id, work)
    for message_id in promised or []:
        ports.doorbell.ring_message(organisation_id, message_id)
    return promised is not None


def _warned(session: Session, ports: Ports) -> list[str]:
    """In one transaction with the count that says it was done today."""
    now = ports.clock.now()
    paid_to = organisation.by_id(session, session.info["organisation_id"])
    today = local_date(now, paid_to.timezone)
    if limit.count_up(session, "card_expiring", paid_to.id, DAY, midnight(today)) > 1:
        return []
    promised: list[str] = []
    for plan in schedule.with_cards_ending(session, today, today + timedelta(days=max(WARN_DAYS)), SCHEDULES_MAX):
        due = _first_after_card(session, plan)
        if due is None or due.due_on is None:
            continue
        left = (due.due_on - today).days
        stage = next((days for days in WARN_DAYS if left <= days), None)
        if stage is not None and left >= 0:
            key = f"card_expiring:{due.id}:{plan.payment_method_id}:{stage}"
            promised += tell(session, "card_expiring", plan, due.id, key, now)
    return promised


def _first_after_card(session: Session, plan: Schedule) -> Obligation | None:
    card = payment_method.owned_by(session, plan.payment_method_id, plan.customer_id)
    if card is None:
        return None
    days = monthrange(card.expires_year, card.expires_month)[1]
    last_day = date(card.expires_year, card.expires_month, days)
    waiting = (each for each in obligation.of_subject(session, plan.id) if each.status == "due")
    return next((each for each in waiting if each.due_on is not None and each.due_on > last_day), None)
