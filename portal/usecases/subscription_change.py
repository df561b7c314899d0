"""Staff change a subscription: longer, shorter, paused, resumed, months lowered or waived, cancelled; with a reason.

Called by the console and the command line. What is worth more than the organisation's limit, with what was changed
alone in the last 30 days, waits for a second person, who approves the numbers that were asked for or nothing. Nothing
is ever raised; months that are added are announced ten days before (Reg E 1005.10(d), C3). The participant is told of
each change with every payment that is left.
"""

from collections.abc import Callable
from dataclasses import astuple, replace
from datetime import timedelta

from portal.domain.due_date import moment_of
from portal.domain.payment_method import holds_card_number
from portal.domain.refusal import Refused
from portal.domain.schedule import STANDING_STILL
from portal.domain.subscription import ALONE_DAYS, LIVE, ChangeKind, PausedFor, SubscriptionState
from portal.storage import Session
from portal.storage import ledger as ledgers
from portal.storage import payment_method as methods
from portal.storage import subscription as subscriptions
from portal.storage.obligation import Obligation
from portal.storage.schedule import Schedule
from portal.storage.subscription import SubscriptionChange
from portal.usecases.alarm import raise_alarm
from portal.usecases.ledger import free_cents, lower_balance
from portal.usecases.organisation import record, settings_of
from portal.usecases.ports import Ports
from portal.usecases.schedule_outcome import cancel_rest, complete, end_payment, go_on
from portal.usecases.schedule_payment import add_payments
from portal.usecases.subscription import move
from portal.usecases.subscription_outcome import placed_key
from portal.usecases.subscription_promise import tell
from portal.usecases.subscription_worth import (
    Case,
    Wish,
    case_of,
    left_out,
    lines_now,
    lines_of,
    longer,
    lower,
    shorter,
    wish_of,
    worth_of,
)

WHY_LENGTH_MAX = 300


def ask(
    ports: Ports, organisation_id: str, subscription_id: str, wish: Wish, why: str, by: str, *, may_wait: bool = True
) -> SubscriptionChange:
    """Makes a change, or lets it wait for a second person where it is worth more than the limit.

    Not `may_wait`: refused then, `change_two_people`; for a door that takes people's word for who they are.
    Refused: `subscription_unknown`, `subscription_state`, `change_why`, `holds_card_number`, `change_dates`,
    `change_under_way`, `change_amount`, `payment_unknown`, `payment_over`.
    """

    def work(session: Session) -> tuple[SubscriptionChange, list[str]]:
        case = case_of(session, subscription_id, by, ports.clock.now())
        lines = lines_now(case, wish)
        worth_cents, alone_cents = worth_of(lines), _alone_cents(case, wish)
        limit_cents = settings_of(session, case.paid_to).number("subscription_approval_cents")
        waits = worth_cents > 0 and worth_cents + alone_cents > limit_cents
        if waits and not may_wait:
            raise Refused("change_two_people", worth_cents=worth_cents + alone_cents, limit_cents=limit_cents)
        row = SubscriptionChange(
            subscription_id=subscription_id,
            kind=wish.kind.value,
            facts=wish.plain() | {"lines": [list(astuple(each)) for each in lines], "alone_cents": alone_cents},
            worth_cents=worth_cents,
            why=_why(why),
            state="asked",
            asked_at=case.now,
            asked_by=by,
        )
        session.add(row)
        session.flush()
        if waits:
            record(session, by, "subscription_change_asked", subscription_id, case.now, change_id=row.id,
                   kind=row.kind, worth_cents=worth_cents)  # fmt: skip
            raise_alarm(session, "subscription_change_waits", row.id, case.now, reference=case.row.reference)
            return row, []
        return row, _done(case, row, wish)

    return _in(ports, organisation_id, work)


def decide(ports: Ports, organisation_id: str, change_id: str, by: str, *, approve: bool) -> SubscriptionChange:
    """A second person says yes or no to what was asked for, by the cent; other numbers by now are asked for again.

    Refused: `change_unknown`, `change_decided`, `change_same_person`, `change_differs`; as `ask`.
    """

    def work(session: Session) -> tuple[SubscriptionChange, list[str]]:
        found = subscriptions.change_by_id(session, change_id)
        if found is None:
            raise Refused("change_unknown")
        case = case_of(session, found.subscription_id, by, ports.clock.now())
        session.refresh(found)  # guarded by the account's lock since a moment
        if found.state != "asked":
            raise Refused("change_decided")
        if found.asked_by == by:
            raise Refused("change_same_person")
        if approve:
            wish = wish_of(found)
            lines = lines_now(case, wish)
            if lines != lines_of(found) or worth_of(lines) != found.worth_cents:
                raise Refused("change_differs")
            return found, _done(case, found, wish)
        found.state, found.decided_at, found.decided_by = "refused", case.now, by
        record(session, by, "subscription_change_refused", found.subscription_id, case.now, change_id=found.id)
        return found, []

    return _in(ports, organisation_id, work)


def _alone_cents(case: Case, wish: Wish) -> int:
    """What was added, or taken away, by changes of this subscription that nobody decided but who asked for them."""
    since = case.now - timedelta(days=ALONE_DAYS)
    return sum(
        each.worth_cents
        for each in subscriptions.changes_of(case.session, case.row.id)
        if each.state == "done"
        and each.decided_by == each.asked_by
        and each.asked_at > since
        and (each.kind == ChangeKind.extend) == (wish.kind is ChangeKind.extend)
    )


def _done(case: Case, row: SubscriptionChange, wish: Wish) -> list[str]:
    ended = ACTS[wish.kind](case, wish, row)
    row.state, row.decided_at, row.decided_by = "done", case.now, case.by
    case.row.version += 1
    case.session.flush()
    record(case.session, case.by, f"subscription_{wish.kind.value}", case.row.id, case.now, change_id=row.id,
           worth_cents=row.worth_cents)  # fmt: skip
    key = f"subscription_changed:{row.id}"
    told = tell(case.session, "subscription_changed", case.row, key, case.now, subject_id=row.id)
    if not told:
        raise_alarm(case.session, "subscription_not_told", row.id, case.now,
                    reference=case.row.reference, change=row.kind)  # fmt: skip
    return told + ended


# --- what each kind does ---------------------------------------------------------------------------------------------


def _extend(case: Case, wish: Wish, _change: SubscriptionChange) -> list[str]:
    more, schedule = longer(case, wish), _schedule(case)
    method = methods.owned_by(case.session, schedule.payment_method_id, case.row.customer_id)
    if method is None:
        raise Refused("method_missing")
    if more:
        listed = [each.payment for each in more]
        add_payments(case.session, schedule, method, case.account, listed, case.paid_to, case.now)
    case.row.periods = [*case.row.periods, *(each.plain() for each in more)]
    case.row.end_on = wish.until or case.row.end_on
    return []


def _shorten(case: Case, wish: Wish, change: SubscriptionChange) -> list[str]:
    left = {due.seq: cents for due, cents in shorter(case, wish)}
    ended = _apply_lower(case, shorter(case, wish), "program_shortened", change)
    until = wish.until or case.row.end_on
    kept = [each for each in case.periods if each.begins_on <= until]
    case.row.periods = [
        (replace(each, ends_on=until, amount_cents=left[each.number]) if each.number in left else each).plain()
        for each in kept
    ]
    case.row.end_on = until
    return ended


def _waive(case: Case, wish: Wish, change: SubscriptionChange) -> list[str]:
    return _apply_lower(case, lower(case, wish), "waived", change)


def _pause(case: Case, _wish: Wish, _change: SubscriptionChange) -> list[str]:
    if case.row.state != SubscriptionState.active:
        raise Refused("subscription_state", reference=case.row.reference, state=case.row.state)
    move(case.row, SubscriptionState.paused)
    case.row.paused_for = PausedFor.staff.value
    return []


def _resume(case: Case, _wish: Wish, _change: SubscriptionChange) -> list[str]:
    """What fell into the pause is not charged and not owed; what comes keeps its date."""
    if case.row.state != SubscriptionState.paused:
        raise Refused("subscription_state", reference=case.row.reference, state=case.row.state)
    case.row.paused_for = None
    move(case.row, SubscriptionState.active)
    hour = settings_of(case.session, case.paid_to).number("charge_hour")
    for due in left_out(case):
        end_payment(case.session, due, "paused", case.now, case.by)
    for due in case.payments:
        if due.status == "due" and due.due_on is not None and due.due_on > case.today:
            due.noticed_at = due.noticed_at if due.noticed_at == due.created_at else None  # told in vain, or not at all
        if due.status == "due" and due.due_on is not None and due.hold_reason is not None:
            due.due_at = max(moment_of(due.due_on, hour, case.paid_to.timezone), case.now)
            due.hold_reason = due.hold_until = due.handed_at = None
            due.version += 1
    case.session.flush()
    return complete(case.session, _schedule(case), case.now)


def _cancel(case: Case, _wish: Wish, change: SubscriptionChange) -> list[str]:
    case.row.why = change.why
    if case.schedule is None:
        if case.row.state == SubscriptionState.cancelled:
            raise Refused("subscription_state", reference=case.row.reference, state=case.row.state)
        move(case.row, SubscriptionState.cancelled)
        case.row.ended_at, case.row.ended_by = case.now, case.by
        return []
    if case.row.state not in LIVE:
        raise Refused("subscription_state", reference=case.row.reference, state=case.row.state)
    cancel_rest(case.session, case.schedule, "cancelled_by_staff", case.by, case.now)
    return []


ACTS: dict[ChangeKind, Callable[[Case, Wish, SubscriptionChange], list[str]]] = {
    ChangeKind.extend: _extend,
    ChangeKind.shorten: _shorten,
    ChangeKind.pause: _pause,
    ChangeKind.resume: _resume,
    ChangeKind.waive: _waive,
    ChangeKind.reduce: _waive,
    ChangeKind.cancel: _cancel,
}


def _apply_lower(case: Case, changed: list[tuple[Obligation, int]], code: str, change: SubscriptionChange) -> list[str]:
    for due, left_cents in changed:
        if (
            ledgers.of_event(case.session, placed_key(due.id)) is not None
        ):  # owed since its date: less of it from now on
            off_cents = min(due.amount_cents - left_cents, free_cents(case.session, case.account))
            if off_cents:
                key = f"period_lowered:{due.id}:{change.id}"
                lower_balance(case.session, case.account, off_cents, event_key=key, now=case.now, by=case.by)
        if left_cents:
            due.amount_cents = left_cents
            due.version += 1
        else:
            end_payment(case.session, due, code, case.now, case.by)
    schedule = _schedule(case)
    told: list[str] = []
    if schedule.status in STANDING_STILL and not any(due.status == "declined" for due in case.payments):
        told = go_on(case.session, schedule, case.by, case.now)  # it waited for what failed, which is wanted no more
    case.session.flush()
    return [*told, *complete(case.session, schedule, case.now)]


def _schedule(case: Case) -> Schedule:
    if case.schedule is None:
        raise AssertionError(f"subscription {case.row.id} has no schedule")
    return case.schedule


def _why(why: str) -> str:
    said = why.strip()
    if not said or len(said) > WHY_LENGTH_MAX:
        raise Refused("change_why", most=WHY_LENGTH_MAX)
    if holds_card_number(said):
        raise Refused("holds_card_number")
    return said


def _in(
    ports: Ports, organisation_id: str, work: Callable[[Session], tuple[SubscriptionChange, list[str]]]
) -> SubscriptionChange:
    row, promised = ports.database.run(organisation_id, work)
    for message_id in promised:
        ports.doorbell.ring_message(organisation_id, message_id)
    return row
