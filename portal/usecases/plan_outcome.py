"""What a payment, a failure or the end of its schedule means for a plan: kept, one instalment later, broken, cancelled.

Called inside a transaction that holds the account's lock, by `portal.usecases.schedule_outcome`. A settlement forgives
the rest here, when the last instalment has been paid and never before. Sends nothing.
"""

from datetime import date, datetime
from enum import StrEnum

from portal.domain.due_date import WeekendRule, local_date, moment_of
from portal.domain.ledger import Recipe
from portal.domain.plan import OPEN, SIGNED, PlanKind, PlanState, after_the_last, is_broken, require_move, wish_of
from portal.domain.schedule import ScheduleStatus, confirmation_is_notice
from portal.storage import Session, account, audit, charge, dispute, obligation, organisation, plan, refund, schedule
from portal.storage.obligation import Obligation
from portal.storage.organisation import Organisation
from portal.storage.plan import Plan
from portal.usecases.alarm import clear_alarm_of, raise_alarm
from portal.usecases.ledger import free_cents, post
from portal.usecases.organisation import OrganisationSettings, record, settings_of
from portal.usecases.plan_promise import tell

BROKEN = "plan_broken"
SKIPPED = "skipped"  # why an instalment was put off, when a person asked for it


class Fate(StrEnum):
    """What becomes of an instalment that failed for good."""

    no_plan = "no_plan"  # it belongs to no plan: the rules of schedules say
    last = "last"  # it goes to the end
    owed = "owed"  # it ends unpaid, and stays owed outside of the plan
    broken = "broken"  # one too many: the plan ends


def instalment_paid(session: Session, schedule_id: str) -> None:
    """An instalment was taken: the ones missed before it no longer count towards breaking the plan."""
    row = plan.of_schedule(session, schedule_id)
    if row is not None:
        row.missed = 0


def schedule_completed(session: Session, schedule_id: str, locale: str, now: datetime) -> list[str]:
    """Nothing of its schedule is left to charge: the plan was kept, or it was not. Ids of the messages promised."""
    row = plan.of_schedule(session, schedule_id)
    if row is None or row.state not in SIGNED:
        return []
    return _ended(session, row, schedule_id, locale, now)


def came_back(session: Session, due: Obligation, now: datetime) -> list[str]:
    """Of an instalment a refund did not arrive, or a dispute was won: a plan broken at its end for want of it was kept.

    Not one that broke on the way, whose rest was cancelled. Ids of the messages promised.
    """
    row = plan.of_schedule(session, due.subject_id)
    series = schedule.fresh(session, due.subject_id)
    if row is None or row.state != PlanState.broken or series is None or series.status != ScheduleStatus.completed:
        return []
    promised = _ended(session, row, series.id, series.locale, now)
    if row.state == PlanState.completed:
        clear_alarm_of(session, BROKEN, row.id, now)
    return promised


def _ended(session: Session, row: Plan, schedule_id: str, locale: str, now: datetime) -> list[str]:
    owed_on = account.by_id(session, row.account_id)
    if owed_on is None:
        raise AssertionError(f"plan {row.id} has no account")
    payments = obligation.of_subject(session, schedule_id)
    paid_cents = sum(_kept_cents(session, each) for each in payments if each.status == "paid")
    is_kept = paid_cents >= row.total_cents or not owed_on.balance_cents
    if row.state == PlanState.broken and not is_kept:
        return []
    if not is_kept:
        return _broken(session, row, locale, now, paid_cents=paid_cents)
    if row.kind == PlanKind.settlement and owed_on.balance_cents:
        _forgive(session, row, payments, now)
    _end(session, row, PlanState.completed, "charge", now)
    return tell(session, "plan_completed", row, f"plan_completed:{row.id}", now, locale)


def schedule_cancelled(session: Session, schedule_id: str, by: str, now: datetime) -> None:
    """Its schedule was cancelled, by whomever: the plan is cancelled with it, and so is a change that waits for its
    signature: nobody is asked to sign what takes the place of a plan that was cancelled.
    """
    row = plan.of_schedule(session, schedule_id)
    if row is None or row.state not in SIGNED:
        return
    _end(session, row, PlanState.cancelled, by, now)
    for other in plan.editions(session, row.reference):
        if other.state in OPEN - SIGNED:
            _end(session, other, PlanState.cancelled, by, now)


def instalment_missed(session: Session, due: Obligation, locale: str, now: datetime) -> tuple[Fate, list[str]]:
    """An instalment failed for good: what becomes of it by the organisation's rules, and ids of messages promised."""
    row = plan.of_schedule(session, due.subject_id)
    if row is None or row.state not in SIGNED:
        return Fate.no_plan, []
    paid_to = organisation.by_id(session, due.organisation_id)
    rules = settings_of(session, paid_to)
    row.missed += 1
    record(session, "charge", "plan_instalment_missed", row.id, now, obligation_id=due.id, missed=row.missed)
    if is_broken(row.missed, rules.number("plan_break_after")):
        return Fate.broken, _broken(session, row, locale, now, missed=row.missed)
    if rules.words("plan_missed_payment") != "end":
        return Fate.owed, []
    put_last(session, row, due, rules, paid_to, now)
    return Fate.last, []


def put_off(
    session: Session,
    due: Obligation,
    now: datetime,
    by: str = "charge",
    reason: str = "missed",
    *,
    whatever_the_rule: bool = False,
) -> bool:
    """An instalment that is not to be charged on its date: it goes to the end where that is the rule; True if it did.

    False for a payment of no plan, and where what is missed stays owed outside of the plan. `by` somebody: `SKIPPED`.
    """
    row = plan.of_schedule(session, due.subject_id)
    if row is None or row.state not in SIGNED or due.status != "due":
        return False
    paid_to = organisation.by_id(session, due.organisation_id)
    rules = settings_of(session, paid_to)
    if rules.words("plan_missed_payment") != "end" and not whatever_the_rule:
        return False
    put_last(session, row, due, rules, paid_to, now, by, reason)
    return True


def is_put_off(session: Session, due: Obligation, now: datetime) -> bool:
    """Whether it stands where somebody put it, and the date it was put off from has not gone by: asked once more, it
    is the same wish. Later it can be put off again.
    """
    if due.status != "due" or due.moved_from is None or due.due_on is None:
        return False
    zone = organisation.by_id(session, due.organisation_id).timezone
    to_on, today = due.due_on.isoformat(), local_date(now, zone)
    return any(
        entry.action == "obligation_moved"
        and entry.facts.get("reason") == SKIPPED
        and entry.facts["to_on"] == to_on
        and today <= max(date.fromisoformat(entry.facts["from_on"]), local_date(entry.at, zone))
        for entry in audit.about(session, due.id)
    )


def put_last(
    session: Session,
    row: Plan,
    due: Obligation,
    rules: OrganisationSettings,
    paid_to: Organisation,
    now: datetime,
    by: str = "charge",
    reason: str = "missed",
) -> date:
    """Puts an instalment on the next date of the plan's rhythm after its last one; the sum stays the sum."""
    last_on = max(each.due_on for each in obligation.of_subject(session, due.subject_id) if each.due_on is not None)
    rule = WeekendRule(rules.words("weekend_rule"))
    today = local_date(now, paid_to.timezone)
    to_on = after_the_last(wish_of(row.wish).rhythm, max(last_on, today), rule)
    before = due.due_on or today
    due.moved_from, due.due_on = due.moved_from or before, to_on
    due.due_at = moment_of(to_on, rules.number("charge_hour"), paid_to.timezone)
    due.status, due.retries, due.refused_code = "due", 0, None
    due.source = "installment"
    due.noticed_at = now if confirmation_is_notice(today, to_on) else None
    due.hold_reason = due.hold_until = due.handed_at = None
    due.version += 1
    from_on, on = before.isoformat(), to_on.isoformat()
    record(session, by, "obligation_moved", due.id, now, from_on=from_on, to_on=on, reason=reason)
    return to_on


def _kept_cents(session: Session, due: Obligation) -> int:
    """What an instalment brought, less what was given back or is in dispute."""
    return sum(
        each.amount_cents
        - dispute.taken_back_cents(session, each.id)
        - sum(back.amount_cents for back in refund.of_charge(session, each.id) if back.state == "succeeded")
        for each in charge.of_obligation(session, due.id)
        if each.state == "succeeded"
    )


def _forgive(session: Session, row: Plan, payments: list[Obligation], now: datetime) -> None:
    """What was signed is no longer owed, less what another payment under way is taking at this moment. What was owed
    beside it, or placed on the account since the signature, is no part of it and stays.
    """
    owed_on = account.by_id(session, row.account_id)
    last = max((each for each in payments if each.status == "paid"), key=lambda each: (each.due_at, each.seq))
    attempts = [each for each in charge.of_obligation(session, last.id) if each.state == "succeeded"]
    if owed_on is None or not attempts:
        raise AssertionError(f"settlement {row.id} was paid by no charge")
    agreed_cents = min(row.balance_cents - row.total_cents, owed_on.balance_cents)
    forgiven_cents = min(agreed_cents, free_cents(session, owed_on))
    if forgiven_cents < agreed_cents:
        raise_alarm(session, "settlement_not_whole", row.id, now, left_cents=agreed_cents - forgiven_cents)
    if not forgiven_cents:
        return
    last.forgiven_cents = forgiven_cents
    post(
        session,
        owed_on,
        Recipe.settlement_forgiven,
        forgiven_cents,
        event_key=f"settlement_forgiven:{attempts[-1].id}",
        posted_at=now,
        posted_by="charge",
        charge_id=attempts[-1].id,
    )


def _broken(session: Session, row: Plan, locale: str, now: datetime, **facts: int) -> list[str]:
    _end(session, row, PlanState.broken, "charge", now)
    raise_alarm(session, BROKEN, row.id, now, **facts)
    return tell(session, "plan_broken", row, f"plan_broken:{row.id}", now, locale)


def _end(session: Session, row: Plan, state: PlanState, by: str, now: datetime) -> None:
    require_move(PlanState(row.state), state)
    row.state, row.paused_for = state.value, None
    row.ended_at, row.ended_by = now, by
    session.flush()
    record(session, by, f"plan_{state.value}", row.id, now)
