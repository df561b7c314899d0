"""What becomes of a scheduled payment and its schedule after a try: paid, tried again, or ended by a rule.

Called inside a transaction that holds the account's lock, by `portal.usecases.outcome` and by the claim. Sends
nothing; the messages it promises are delivered by the outbox.
"""

from datetime import datetime, timedelta

from portal.domain.autopay import AUTOPAY
from portal.domain.charge import ChargeState
from portal.domain.due_date import local_date, moment_of, working_day
from portal.domain.retry import (
    TRIES_MAX,
    DeclineClass,
    Failure,
    class_of,
    is_stopped_by_holder,
    nothing_sent_wait,
    retry_at,
)
from portal.domain.rule import SCHEDULED
from portal.domain.schedule import ENDED, STANDING_STILL, ScheduleStatus, noticed_today
from portal.domain.subscription import SERIES
from portal.storage import (
    Session,
    account,
    charge,
    customer,
    message,
    obligation,
    organisation,
    payment_method,
    schedule,
    subscription,
)
from portal.storage.charge import Charge
from portal.storage.obligation import Obligation
from portal.storage.organisation import Organisation
from portal.storage.schedule import Schedule
from portal.usecases import plan_outcome, subscription_outcome
from portal.usecases.alarm import clear_alarm_of, raise_alarm
from portal.usecases.contact_wish import may_text
from portal.usecases.organisation import record, settings_of
from portal.usecases.plan_outcome import Fate
from portal.usecases.promise import promise

NOTHING_SENT = frozenset({ChargeState.not_sent.value, ChargeState.never_received.value})
NOTHING_SENT_ALARM = 4  # after so many in a row a person should look at the way to the gateway
NEEDS_STAFF = "schedule_needs_staff"
OWED_LESS = frozenset({"nothing_owed", "balance_too_low"})
# not charged as announced: who was told hears it
TAKEN_BACK = OWED_LESS | {"given_back", "autopay_off", "notice_missing", "notice_stale"}
NOT_WANTED = TAKEN_BACK | {"schedule_ended"}
# messages that tell of a debit to come
ANNOUNCED = ("payment_upcoming", "payment_moved", "subscription_last", "autopay_upcoming")


def after_payment(session: Session, due: Obligation, now: datetime) -> list[str]:
    """A scheduled payment was taken: the schedule is complete when nothing of it is left. Ids of messages promised.

    One that stood still because of this payment goes on: the gateway's own retry may take what our last try did not.
    """
    if due.kind != SCHEDULED:
        return paid_by_hand(session, due.account_id, now)
    due.hold_reason = due.hold_until = None
    plan = schedule.fresh(session, due.subject_id)
    if plan is None:
        return []
    plan_outcome.instalment_paid(session, plan.id)
    told: list[str] = []
    if plan.status in STANDING_STILL and not _any_given_up(session, plan, due):
        told = go_on(session, plan, "charge", now)
    return [*told, *complete(session, plan, now)]


def paid_by_hand(session: Session, account_id: str, now: datetime) -> list[str]:
    """A subscription stood still for months that failed, and they are owed no more: it goes on, as if taken by the run.

    What is owed beyond them is what the run will charge itself. Ids of the messages promised. The account is locked.
    """
    row = subscription.of_account(session, account_id)
    plan = schedule.fresh(session, row.schedule_id) if row is not None and row.schedule_id else None
    owed_on = account.by_id(session, account_id)
    if plan is None or owed_on is None or plan.status not in STANDING_STILL:
        return []
    payments = obligation.of_subject(session, plan.id)
    if owed_on.balance_cents > subscription_outcome.to_come_cents(session, payments):
        return []
    for due in payments:
        if due.status == "declined":
            end_payment(session, due, "nothing_owed", now)
    told = go_on(session, plan, "charge", now)
    session.flush()
    return [*told, *complete(session, plan, now)]


def go_on(session: Session, plan: Schedule, by: str, now: datetime, *, agreed: bool = False) -> list[str]:
    """What a schedule stood still for is over: it charges again. Ids of the messages promised.

    Dates that went by meanwhile come after a notice (C22), or are due now: where the organisation gives none, or the
    customer has just `agreed` to every payment that is left.
    """
    stood_still = plan.status in STANDING_STILL
    if stood_still:
        plan.status = ScheduleStatus.active.value
        plan.version += 1
        record(session, by, "schedule_active", plan.id, now)
    clear_alarm_of(session, NEEDS_STAFF, plan.id, now)
    payments = [each for each in obligation.of_subject(session, plan.id) if each.status == "due"]
    told: list[str] = []
    if stood_still and not agreed and plan.made_by != AUTOPAY:  # which announces what it charges by itself
        told = _after_notice(session, plan, payments, by, now)
    for due in payments:
        if due.hold_reason is not None:
            _again(due, min(due.due_at, now))
    return told


def _after_notice(session: Session, plan: Schedule, payments: list[Obligation], by: str, now: datetime) -> list[str]:
    """Puts dates that went by untried on days that a notice of today is early enough for.

    Later ones are announced anew: what was announced while it stood still was not true, or not said.
    """
    paid_to, owed_on = organisation.by_id(session, plan.organisation_id), account.by_id(session, plan.account_id)
    rules, today = settings_of(session, paid_to), local_date(now, paid_to.timezone)
    told, day, taken = [], noticed_today(today), {each.due_on for each in payments}
    is_told = rules.is_on("payment_notice") and not subscription_outcome.is_paused(session, plan)
    for due in payments:
        if due.due_on is None or due.retries:
            continue
        if due.due_on >= today:
            due.noticed_at = due.noticed_at if due.noticed_at == due.created_at else None
            continue
        if not is_told or owed_on is None or not owed_on.balance_cents:
            continue
        while day in taken:
            day = working_day(day + timedelta(days=1), 1)
        taken.add(day)
        before, due.moved_from, due.due_on = due.due_on, due.moved_from or due.due_on, day
        due.noticed_at = now
        _again(due, moment_of(day, rules.number("charge_hour"), paid_to.timezone))
        record(session, by, "obligation_moved", due.id, now, from_on=before.isoformat(), to_on=day.isoformat(),
               reason="stood_still")  # fmt: skip
        if subscription_outcome.is_last(session, plan, due):
            told += subscription_outcome.tell_last(session, plan, due, now)
        else:
            told += tell(session, "payment_moved", plan, due.id, f"payment_moved:{due.id}:{due.version}", now)
    return told


def _any_given_up(session: Session, plan: Schedule, paid: Obligation) -> bool:
    """Whether another payment of a schedule failed for good, so that the schedule stands still for that one too."""
    return any(each.status == "declined" and each.id != paid.id for each in obligation.of_subject(session, plan.id))


def after_failure(session: Session, due: Obligation, code: str, now: datetime) -> list[str]:
    """A scheduled payment was not taken: decides when it is tried again, or ends it. Ids of the messages promised.

    `code` is the rule that ended it, or empty when the gateway declined.
    """
    plan = schedule.fresh(session, due.subject_id)
    attempts = charge.of_obligation(session, due.id)
    last = attempts[-1] if attempts else None
    if plan is None:
        raise AssertionError(f"scheduled payment {due.id} has no schedule")
    if last is not None and last.cancel_requested_at is not None and last.cancel_settled_at is None:
        return _stopped(session, plan, due, last, now)
    if code in NOT_WANTED or plan.status in ENDED:
        end_payment(session, due, code or "schedule_ended", now)
        ended = complete(session, plan, now)  # that all of it has ended says more than that this one is not charged
        return ended if ended or code not in TAKEN_BACK else tell_not_charged(session, plan, due, now)
    if last is not None and last.state in NOTHING_SENT and code in NOTHING_SENT:
        _wait_to_send(session, due, attempts, now)
        return []
    return _declined(session, plan, due, attempts, code, now)


def end_payment(session: Session, due: Obligation, code: str, now: datetime, by: str = "charge") -> None:
    """Ends one payment that was not taken and will not be."""
    due.status, due.refused_code = "cancelled", code
    due.hold_reason = due.hold_until = None
    due.version += 1
    record(session, by, "obligation_cancelled", due.id, now, refused_code=code)


def cancel_rest(session: Session, plan: Schedule, code: str, by: str, now: datetime) -> tuple[int, int]:
    """Ends every payment of a schedule that was not yet sent, and asks back what is being sent (P1, P2).

    Returns how many were cancelled and how many were on the way. The account is locked.
    """
    cancelled = under_way = 0
    for due in obligation.of_subject(session, plan.id):
        cancelled += cancel_payment(session, due, code, by, now)
        under_way += due.status == "charging"
    plan.status, plan.ended_at, plan.ended_by = ScheduleStatus.cancelled.value, now, by
    plan.version += 1
    record(session, by, "schedule_cancelled", plan.id, now, cancelled=cancelled, under_way=under_way)
    plan_outcome.schedule_cancelled(session, plan.id, by, now)
    if plan.series == SERIES:
        subscription_outcome.cancelled(session, plan.id, by, now)
    return cancelled, under_way


def cancel_payment(session: Session, due: Obligation, code: str, by: str, now: datetime) -> bool:
    """Ends one payment if it was not sent yet (True); otherwise notes on its live attempt that it is not wanted."""
    if due.status == "due":
        end_payment(session, due, code, now, by)
        return True
    if due.status in {"charging", "review"}:
        for attempt in charge.of_obligation(session, due.id):
            if attempt.state in {"sending", "unknown", "review"} and attempt.cancel_requested_at is None:
                attempt.cancel_requested_at = now
                record(session, by, "cancel_requested", attempt.id, now)
    return False


def complete(session: Session, plan: Schedule, now: datetime) -> list[str]:
    """Ends a schedule that has nothing left to charge. One with a payment that failed for good stays open.

    Ids of messages promised: where it was the schedule of a payment plan, that is kept or broken now.
    """
    if plan.status != ScheduleStatus.active:
        return []
    if obligation.any_open(session, plan.id):
        return []
    if plan.series == SERIES and not subscription_outcome.is_over(session, plan.id, now):
        return []  # its program may still be made longer: the clock ends it the day after
    plan.status, plan.ended_at, plan.ended_by = ScheduleStatus.completed.value, now, "charge"
    plan.version += 1
    record(session, "charge", "schedule_completed", plan.id, now)
    if plan.series == SERIES:
        return subscription_outcome.completed(session, plan.id, now)
    return plan_outcome.schedule_completed(session, plan.id, plan.locale, now)


def tell(
    session: Session,
    event: str,
    plan: Schedule,
    subject_id: str,
    dedupe_key: str,
    now: datetime,
    *,
    by_text: bool = False,
    is_answer: bool = False,
) -> list[str]:
    """Promises a message to the customer of a schedule, by email, or by text where there is no address; its id.

    `is_answer`: the customer is doing something at this moment, and this answers it.
    """
    payer = customer.by_id(session, plan.customer_id)
    if payer is None:
        raise AssertionError(f"schedule {plan.id} has no customer")
    channel, address = ("email", payer.email) if payer.email else ("sms", payer.phone)
    if address and (channel == "email" or (by_text and may_text(session, payer))):
        key, said_in = dedupe_key, plan.locale
        return [
            promise(session, event, channel, payer, address, subject_id, key, now, locale=said_in, is_answer=is_answer)
        ]
    record(session, "outbox", "message_without_address", subject_id, now, event=event)
    return []


def tell_not_charged(session: Session, plan: Schedule, due: Obligation, now: datetime) -> list[str]:
    """Who was told of a debit hears that it does not come: by a notice, or by the confirmation where that was one."""
    was_confirmed = plan.made_by != AUTOPAY and due.noticed_at == due.created_at
    was_told = was_confirmed or message.was_told(session, due.id, ANNOUNCED)
    return tell(session, "payment_not_charged", plan, due.id, f"payment_not_charged:{due.id}", now) if was_told else []


def _stopped(session: Session, plan: Schedule, due: Obligation, last: Charge, now: datetime) -> list[str]:
    """Cancelled while it was on the way, and not taken after all: the customer is told so (P2)."""
    last.cancel_settled_at = now
    end_payment(session, due, "cancelled", now)
    ended = complete(session, plan, now)
    return [*tell(session, "payment_stopped", plan, due.id, f"payment_stopped:{last.id}", now), *ended]


def _wait_to_send(session: Session, due: Obligation, attempts: list[Charge], now: datetime) -> None:
    """Nothing reached the gateway, which is no decline: soon again, a little later each time; then a person is told."""
    times = 0
    for attempt in reversed(attempts):
        if attempt.state not in NOTHING_SENT:
            break
        times += 1
    _again(due, now + nothing_sent_wait(times))
    record(session, "charge", "obligation_waits", due.id, now, times=times)
    if times >= NOTHING_SENT_ALARM:
        raise_alarm(session, "gateway_not_reached", due.organisation_id, now, times=times)


def _declined(
    session: Session, plan: Schedule, due: Obligation, attempts: list[Charge], code: str, now: datetime
) -> list[str]:
    """The card was declined, or is gone: another try by the class of the decline, or the end of tries."""
    paid_to = organisation.by_id(session, due.organisation_id)
    declined = [
        each for each in attempts
        if each.state == "declined" and each.payment_method_id == due.payment_method_id
        and not _before_it_moved(due, each, paid_to)
    ]  # fmt: skip
    again_at, needs_operator = None, False
    ended: list[str] = []
    if declined and not code:
        last = declined[-1]
        failure = Failure(last.processor_code, last.processor_type, last.reason, len(declined), declined[0].claimed_at)
        if is_stopped_by_holder(failure):
            return _stopped_by_holder(session, plan, due, last, now)
        needs_operator = class_of(failure) is DeclineClass.operator
        again_at = _next_try(session, paid_to, failure, now)
    due.retries = len(declined)
    if needs_operator:
        raise_alarm(session, "decline_needs_staff", due.organisation_id, now, code=declined[-1].processor_code)
    if again_at is not None:
        _again(due, again_at)
        record(session, "charge", "obligation_retry", due.id, now, due_at=again_at.isoformat(), tries=len(declined))
        if needs_operator or len(declined) > 1:
            return []  # not the customer's doing, or told at the first failure
    else:
        fate, ended = plan_outcome.instalment_missed(session, due, plan.locale, now)
        if fate is not Fate.last:
            _end_declined(session, due, code or "card_declined", now)
        if fate is Fate.no_plan:
            _by_the_rule(session, plan, due, now)
        elif fate is Fate.broken:
            cancel_rest(session, plan, "plan_broken", "charge", now)
            return ended  # what broke the plan says more than another decline
        else:
            ended = complete(session, plan, now)
    key = f"payment_declined:{attempts[-1].id if attempts else due.id}"
    return [*tell(session, "payment_declined", plan, due.id, key, now, by_text=True), *ended]


def _stopped_by_holder(session: Session, plan: Schedule, due: Obligation, last: Charge, now: datetime) -> list[str]:
    """The cardholder had the bank stop it (C11): whatever the rules for missed payments are, no date is tried with what
    was taken back. Another card, authorized anew, goes on; or staff end it.
    """
    card = payment_method.owned_by(session, due.payment_method_id or "", due.customer_id)
    if card is not None:
        card.stopped_at = now
        record(session, "charge", "card_stopped", card.id, now, code=last.processor_code)
    due.retries += 1
    _end_declined(session, due, "card_declined", now)
    if plan.status not in ENDED:
        _stand_still(session, plan, ScheduleStatus.paused, now)
    raise_alarm(session, NEEDS_STAFF, plan.id, now, obligation_id=due.id, stopped_by_holder=last.processor_code)
    for other in schedule.active_with(session, due.payment_method_id or ""):  # held by the rule `card_stopped`
        raise_alarm(session, NEEDS_STAFF, other, now, stopped_by_holder=last.processor_code)
    return tell(session, "payment_declined", plan, due.id, f"payment_declined:{last.id}", now, by_text=True)


def _before_it_moved(due: Obligation, attempt: Charge, paid_to: Organisation) -> bool:
    """A try of an instalment before it went to the end of its plan: its new date begins anew."""
    if due.moved_from is None or due.due_on is None:
        return False
    return local_date(attempt.claimed_at, paid_to.timezone) < due.due_on


def _next_try(session: Session, paid_to: Organisation, failure: Failure, now: datetime) -> datetime | None:
    hour = settings_of(session, paid_to).number("charge_hour")
    if class_of(failure) is DeclineClass.operator and failure.tries < TRIES_MAX:
        tomorrow = local_date(now, paid_to.timezone) + timedelta(days=1)
        return moment_of(tomorrow, hour, paid_to.timezone)
    return retry_at(failure, now, paid_to.timezone, hour)


def _end_declined(session: Session, due: Obligation, code: str, now: datetime) -> None:
    """The last try failed: this payment ends."""
    due.status, due.refused_code = "declined", code
    due.hold_reason = due.hold_until = None
    due.version += 1
    record(session, "charge", "obligation_declined", due.id, now, refused_code=code)


def _by_the_rule(session: Session, plan: Schedule, due: Obligation, now: datetime) -> None:
    """What becomes of the rest of a schedule after a payment that failed for good, as the organisation wants it."""
    rule = settings_of(session, organisation.by_id(session, due.organisation_id)).words("after_last_failure")
    if plan.status in ENDED:
        return
    match rule:
        case "cancel":
            cancel_rest(session, plan, "schedule_ended", "charge", now)
        case "staff":
            _stand_still(session, plan, ScheduleStatus.broken, now)
            raise_alarm(session, NEEDS_STAFF, plan.id, now, obligation_id=due.id)
        case _:
            _stand_still(session, plan, ScheduleStatus.paused, now)


def _stand_still(session: Session, plan: Schedule, status: ScheduleStatus, now: datetime) -> None:
    plan.status = status.value
    plan.version += 1
    record(session, "charge", f"schedule_{status.value}", plan.id, now)


def _again(due: Obligation, at: datetime) -> None:
    due.status, due.due_at = "due", at
    due.handed_at = due.hold_reason = due.hold_until = None
    due.version += 1
