"""Changing a schedule: cancel one payment or all, move one, skip one; by the customer or by staff.

Called by pages, the console and the command line. A cancel commits under the account's lock, so no later claim can
take it back (P1); what was being sent at that moment is given back by `settle_unwanted` (P2).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import structlog

from portal.domain.charge import OPEN_STATES, ChargeState
from portal.domain.due_date import WeekendRule, local_date, moment_of, settled_on
from portal.domain.refusal import Refused
from portal.domain.schedule import ENDED, confirmation_is_notice
from portal.domain.subscription import SERIES
from portal.storage import Session
from portal.storage import account as accounts
from portal.storage import autopay as autopays
from portal.storage import charge as charges
from portal.storage import obligation as obligations
from portal.storage import organisation as organisations
from portal.storage import plan as plans
from portal.storage import refund as refunds
from portal.storage import schedule as schedules
from portal.storage.account import Account
from portal.storage.charge import Charge
from portal.storage.obligation import Obligation
from portal.storage.schedule import Schedule
from portal.usecases import plan_outcome, plan_promise
from portal.usecases.alarm import clear_alarm_of, raise_alarm
from portal.usecases.failpoint import failpoint
from portal.usecases.organisation import OrganisationSettings, record, settings_of
from portal.usecases.ports import Ports
from portal.usecases.refund import RefundWish, refund_charge
from portal.usecases.schedule_outcome import NOTHING_SENT_ALARM, cancel_payment, cancel_rest, complete, tell

log = structlog.get_logger()

CUSTOMER = "customer"
MENDS_ITSELF = frozenset({"refund_while_settling", "charging_held", "gateway_silent"})  # why money waits to go back


@dataclass(frozen=True, slots=True)
class Cancelled:
    """What a cancel did: payments that will not be charged, and ones that were being sent at that moment.

    `put_off` are instalments of a plan: not charged on their date, but at the end of the plan.
    """

    payments: int
    under_way: int
    put_off: int = 0


def cancel(ports: Ports, organisation_id: str, schedule_id: str, by: str) -> Cancelled:
    """Cancels what is left of a schedule, once. Refused `schedule_unknown`, `cancel_by_phone`,
    `payment_of_subscription`.
    """

    def work(session: Session) -> tuple[Cancelled, list[str]]:
        now = ports.clock.now()
        plan, _ = lock_schedule(session, schedule_id)
        _require(session, by, "customer_may_cancel", "cancel_by_phone")
        _require_no_program(plan, by)
        if plan.status in ENDED:
            return Cancelled(0, 0), []
        done = Cancelled(*cancel_rest(session, plan, _code(by), by, now))
        promised = _tell_cancelled(session, plan, now, by)
        session.flush()
        failpoint("cancel.before_commit")
        return done, promised

    done, promised = ports.database.run(organisation_id, work)
    failpoint("cancel.after_commit")
    _ring(ports, organisation_id, promised)
    return done


def cancel_one(ports: Ports, organisation_id: str, obligation_id: str, by: str) -> Cancelled:
    """Cancels one payment; the others stay. Refused `payment_unknown`, `payment_over`, `cancel_by_phone`,
    `payment_of_subscription`.
    """
    return _end_one(ports, organisation_id, obligation_id, by, _code(by))


def skip(ports: Ports, organisation_id: str, obligation_id: str, by: str) -> Cancelled:
    """Leaves one payment out; what it was for stays owed. Refused as `cancel_one`, and `skips_used`, `too_late`.

    An instalment goes to the end of its plan, once until the date it was put off from: a second press says the same.
    """
    return _end_one(ports, organisation_id, obligation_id, by, "skipped")


def move(ports: Ports, organisation_id: str, obligation_id: str, to_on: date, by: str) -> date:
    """Puts one payment on another date and returns the date it got, weekends and holidays minded; once for a date.

    Refused: `payment_unknown`, `payment_over`, `move_by_phone`, `too_late`, `move_past`, `move_too_far`, `move_taken`,
    `move_before_notice`.
    """

    def work(session: Session) -> tuple[date, list[str]]:
        now = ports.clock.now()
        plan, due, rules = _one(session, obligation_id)
        _require(session, by, "customer_may_move", "move_by_phone")
        _require_no_subscription(plan, by, "move_by_phone")
        paid_to = organisations.by_id(session, organisation_id)
        today = local_date(now, paid_to.timezone)
        if due.status != "due" or due.retries or due.due_on is None:
            raise Refused("payment_over", status=due.status)
        _require_before_cutoff(rules, due, now, by)
        if to_on <= today:
            raise Refused("move_past")
        day = settled_on(to_on, WeekendRule(rules.words("weekend_rule")), today + timedelta(days=1))
        if day == due.due_on:  # pressed twice: it is there, and the customer was told
            return day, []
        first_on = due.moved_from or due.due_on
        days_max = rules.number("move_days_max")
        if by == CUSTOMER and abs((day - first_on).days) > days_max:
            raise Refused("move_too_far", days_max=days_max)
        if any(other.due_on == day and other.id != due.id and other.status == "due"
               for other in obligations.of_subject(session, plan.id)):  # fmt: skip
            raise Refused("move_taken", due_on=day)
        if day < first_on and autopays.on_schedule(session, plan.id) is not None:
            raise Refused("move_before_notice", due_on=first_on)  # its notice named a day: none before it (C3)
        before = due.due_on
        due.moved_from, due.due_on = first_on, day
        due.due_at = moment_of(day, rules.number("charge_hour"), paid_to.timezone)
        due.noticed_at = now if confirmation_is_notice(today, day) else None
        due.hold_reason = due.hold_until = due.handed_at = None
        due.version += 1
        record(session, by, "obligation_moved", due.id, now, from_on=before.isoformat(), to_on=day.isoformat())
        key = f"payment_moved:{due.id}:{due.version}"
        promised = tell(session, "payment_moved", plan, due.id, key, now, is_answer=by == CUSTOMER)
        session.flush()
        failpoint("move.before_commit")
        return day, promised

    day, promised = ports.database.run(organisation_id, work)
    failpoint("move.after_commit")
    _ring(ports, organisation_id, promised)
    return day


def settle_unwanted(ports: Ports, organisation_id: str, charge_id: str) -> None:
    """Gives back what a charge took although its payment was cancelled while it was on the way (P2).

    Called by the janitor, again and again until it is done; the refund's own message tells the customer.
    """
    with ports.database.read(organisation_id) as session:
        row = charges.by_id(session, charge_id)
    if row is None or row.cancel_requested_at is None or row.cancel_settled_at is not None:
        return
    if row.state != ChargeState.succeeded:
        return  # still on the way; a failure settles it where it is learned
    # the charge's own id is the key: there is one wish to undo it, however often this is called
    wish = RefundWish(charge_id, charge_id, by="janitor", why="cancelled", reopens_balance=True)
    try:
        given = refund_charge(ports, organisation_id, wish, ports.timing.worker_timeout)
        state, reason = given.state, given.reason
    except Refused as refused:
        log.warning("unwanted_waits", organisation_id=organisation_id, charge_id=charge_id, reason=refused.code)
        state, reason = None, refused.code
    if state not in OPEN_STATES:  # an open one is the janitor's, or a person's already
        ports.database.run(
            organisation_id, lambda session: _gave_back(session, row, ports.clock.now(), state, reason or "")
        )


def _gave_back(session: Session, row: Charge, now: datetime, state: ChargeState | None, reason: str) -> None:
    """Settled, or when to try again; what does not mend itself calls a person and waits a day."""
    accounts.lock(session, row.account_id)
    current = charges.lock(session, row.id)
    tried = refunds.of_charge(session, row.id)
    given_cents = sum(each.amount_cents for each in tried if each.state == ChargeState.succeeded)
    if state is ChargeState.succeeded or given_cents >= current.amount_cents:
        current.cancel_settled_at = current.cancel_settled_at or now  # by this wish, or by staff before it
        clear_alarm_of(session, "unwanted_not_given_back", row.id, now)
    elif reason not in MENDS_ITSELF and (
        state not in {ChargeState.not_sent, ChargeState.never_received} or len(tried) >= NOTHING_SENT_ALARM
    ):
        current.next_try_at = now + timedelta(days=1)
        raise_alarm(session, "unwanted_not_given_back", row.id, now, reason=reason)
    else:
        current.next_try_at = now + timedelta(minutes=1)


def _end_one(ports: Ports, organisation_id: str, obligation_id: str, by: str, code: str) -> Cancelled:
    def work(session: Session) -> tuple[Cancelled, list[str]]:
        now = ports.clock.now()
        plan, due, rules = _one(session, obligation_id)
        _require(session, by, "customer_may_cancel", "cancel_by_phone")
        _require_no_subscription(plan, by, "cancel_by_phone")
        _require_no_program(plan, by)
        if due.status not in {"due", "charging", "review"}:
            raise Refused("payment_over", status=due.status)
        if plan_outcome.is_put_off(session, due, now):  # pressed twice: it is there, and the customer was told
            return Cancelled(0, 0, put_off=1), []
        if code == "skipped":
            _require_before_cutoff(rules, due, now, by)
            _require_skip_left(rules, obligations.of_subject(session, plan.id), by)
        # an instalment is not left out: it goes to the end of its plan
        if plan_outcome.put_off(session, due, now, by, plan_outcome.SKIPPED):
            key = f"payment_moved:{due.id}:{due.version}"
            told = tell(session, "payment_moved", plan, due.id, key, now, is_answer=by == CUSTOMER)
            return Cancelled(0, 0, put_off=1), told
        ended = cancel_payment(session, due, code, by, now)
        over = complete(session, plan, now)
        key = f"payment_cancelled:{due.id}"
        promised = over + tell(session, "payment_cancelled", plan, due.id, key, now, is_answer=by == CUSTOMER)
        session.flush()
        failpoint("cancel.before_commit")
        return Cancelled(int(ended), int(not ended)), promised

    done, promised = ports.database.run(organisation_id, work)
    failpoint("cancel.after_commit")
    _ring(ports, organisation_id, promised)
    return done


def lock_schedule(session: Session, schedule_id: str) -> tuple[Schedule, Account]:
    """The schedule under its account's lock, read again after the lock."""
    found = schedules.by_id(session, schedule_id)
    if found is None:
        raise Refused("schedule_unknown")
    account = accounts.lock(session, found.account_id)
    plan = schedules.fresh(session, schedule_id)
    if plan is None:
        raise Refused("schedule_unknown")
    return plan, account


def _one(session: Session, obligation_id: str) -> tuple[Schedule, Obligation, OrganisationSettings]:
    found = obligations.by_id(session, obligation_id)
    if found is None or found.kind != "scheduled":
        raise Refused("payment_unknown")
    plan, _ = lock_schedule(session, found.subject_id)
    rules = settings_of(session, organisations.by_id(session, plan.organisation_id))
    return plan, obligations.fresh(session, obligation_id), rules


def _require(session: Session, by: str, setting: str, refusal: str) -> None:
    rules = settings_of(session, organisations.by_id(session, session.info["organisation_id"]))
    if by == CUSTOMER and not rules.is_on(setting):
        raise Refused(refusal)


def _require_no_subscription(plan: Schedule, by: str, refusal: str) -> None:
    """A month of a program is left out or put off by its case manager; the participant may stop all of them."""
    if by == CUSTOMER and plan.series == SERIES:
        raise Refused(refusal)


def _require_no_program(plan: Schedule, by: str) -> None:
    """What staff give up of a program has a reason, is told by its own message, and above a limit needs two people."""
    if by != CUSTOMER and plan.series == SERIES:
        raise Refused("payment_of_subscription")


def _require_before_cutoff(rules: OrganisationSettings, due: Obligation, now: datetime, by: str) -> None:
    hours = rules.number("cutoff_hours")
    if by == CUSTOMER and due.due_at - now < timedelta(hours=hours):
        raise Refused("too_late", cutoff_hours=hours)


def left_out(payments: Sequence[Obligation]) -> int:
    """How many payments of a schedule were skipped, or put off to the end of their plan."""
    last_on = max(each.moved_from or each.due_on for each in payments if each.due_on is not None)
    return sum(
        each.refused_code == "skipped"
        or (each.moved_from is not None and each.due_on is not None and each.due_on > last_on)  # went to a plan's end
        for each in payments
    )


def _require_skip_left(rules: OrganisationSettings, payments: Sequence[Obligation], by: str) -> None:
    if by == CUSTOMER and left_out(payments) >= rules.number("skip_max"):
        raise Refused("skips_used", skip_max=rules.number("skip_max"))


def _tell_cancelled(session: Session, plan: Schedule, now: datetime, by: str) -> list[str]:
    """The customer of a plan is told of the plan (S1:42)."""
    row, is_answer = plans.of_schedule(session, plan.id), by == CUSTOMER
    if row is not None:
        key = f"plan_cancelled:{row.id}"
        return plan_promise.tell(session, "plan_cancelled", row, key, now, plan.locale, is_answer=is_answer)
    key = f"schedule_cancelled:{plan.id}"
    return tell(session, "schedule_cancelled", plan, plan.id, key, now, is_answer=is_answer)


def _code(by: str) -> str:
    return "cancelled_by_customer" if by == CUSTOMER else "cancelled_by_staff"


def _ring(ports: Ports, organisation_id: str, message_ids: Sequence[str]) -> None:
    for message_id in message_ids:
        ports.doorbell.ring_message(organisation_id, message_id)
