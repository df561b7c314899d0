"""The life of a plan after it was made: cancelled, paused and resumed, changed by a new edition; by staff or customer.

Called by the command line, by staff pages, and where a customer cancels. Every change commits under the account's lock,
so no later claim can pass it by: the claim asks the plan (`portal.usecases.rule`). Sends nothing.
"""

from collections.abc import Callable, Sequence
from datetime import datetime

from portal.domain.due_date import local_date, moment_of
from portal.domain.payment_method import holds_card_number
from portal.domain.plan import OPEN, PausedFor, PlanState, PlanTerms, PlanWish
from portal.domain.refusal import Refused
from portal.storage import Session
from portal.storage import account as accounts
from portal.storage import obligation as obligations
from portal.storage import organisation as organisations
from portal.storage import plan as plans
from portal.storage import schedule as schedules
from portal.storage.account import Account
from portal.storage.plan import Plan
from portal.usecases.failpoint import failpoint
from portal.usecases.organisation import record, settings_of
from portal.usecases.plan import PlanOrder, draft, locked, move, payable_cents, put, terms
from portal.usecases.plan_outcome import put_off
from portal.usecases.plan_promise import tell, tell_offer
from portal.usecases.ports import Ports
from portal.usecases.schedule_outcome import cancel_rest

CUSTOMER = "customer"
SUPERSEDED_CODE = "plan_superseded"
WHY_LENGTH_MAX = 300
UNDER_WAY = frozenset({"charging", "review"})


def cancel(ports: Ports, organisation_id: str, plan_id: str, by: str, why: str | None = None) -> Plan:
    """Ends a plan, once: nothing more is debited, and the customer hears it (S1:42). A second cancel changes nothing.

    Refused `plan_unknown`, `cancel_by_phone`, `why_...`.
    """
    why = words_of_staff(why)

    def work(session: Session) -> tuple[Plan, list[str]]:
        now = ports.clock.now()
        row = locked(session, plan_id)
        rules = settings_of(session, organisations.by_id(session, organisation_id))
        if by == CUSTOMER and not rules.is_on("customer_may_cancel"):
            raise Refused("cancel_by_phone")
        if row.state not in OPEN:
            return row, []
        was_known = row.state != PlanState.draft
        if row.schedule_id is not None:
            plan = schedules.fresh(session, row.schedule_id)
            if plan is not None:
                code = "cancelled_by_customer" if by == CUSTOMER else "cancelled_by_staff"
                cancel_rest(session, plan, code, by, now)  # takes the plan and a change that waits along
        else:
            _end(session, row, PlanState.cancelled, by, now)
        row.why = why
        if (
            _waiting_under(session, row) is not None
        ):  # nothing ends for the customer: they hear that the old one goes on
            promised = end_change(session, row, by, now)
        else:
            promised = tell(session, "plan_cancelled", row, f"plan_cancelled:{row.id}", now) if was_known else []
        session.flush()
        failpoint("plan.cancel.before_commit")
        return row, promised

    return _in(ports, organisation_id, work, lambda: failpoint("plan.cancel.after_commit"))


def take_back(ports: Ports, organisation_id: str, plan_id: str, by: str) -> Plan:
    """Ends a draft, of which nobody was told; one that was taken back already is given back as it is.

    Refused `plan_unknown`, `plan_state` where it was offered meanwhile: that is cancelled with a word to its customer.
    """

    def work(session: Session) -> tuple[Plan, list[str]]:
        row = locked(session, plan_id)
        if row.state != PlanState.cancelled or row.offered_at is not None:
            _require(row, PlanState.draft)
            _end(session, row, PlanState.cancelled, by, ports.clock.now())
        return row, []

    return _in(ports, organisation_id, work)


def pause(ports: Ports, organisation_id: str, plan_id: str, by: str, why: str | None = None) -> Plan:
    """Nothing is charged until it is resumed; what is being sent at this moment still is.

    Refused `plan_unknown`, `plan_state`, `why_...`.
    """
    why = words_of_staff(why)

    def work(session: Session) -> tuple[Plan, list[str]]:
        now = ports.clock.now()
        row = locked(session, plan_id)
        if row.state == PlanState.paused and row.paused_for == PausedFor.staff:
            return row, []
        _require(row, PlanState.signed)
        promised = pause_signed(session, row, by, now)
        row.why = why
        return row, promised

    return _in(ports, organisation_id, work)


def resume(ports: Ports, organisation_id: str, plan_id: str, by: str, why: str | None = None) -> Plan:
    """Goes on with a paused plan; instalments whose dates went by meanwhile go to the end.

    Refused `plan_state` when it is not paused, or waits for the signature under a change; `plan_unknown`, `why_...`.
    """
    why = words_of_staff(why)

    def work(session: Session) -> tuple[Plan, list[str]]:
        now = ports.clock.now()
        row = locked(session, plan_id)
        if row.state == PlanState.signed:
            return row, []
        _require(row, PlanState.paused)
        if row.paused_for == PausedFor.change:
            raise Refused("plan_state", reference=row.reference, state="changing")
        row.why = why
        return row, resume_paused(session, row, by, now)

    return _in(ports, organisation_id, work)


def change(
    ports: Ports,
    organisation_id: str,
    plan_id: str,
    wish: PlanWish,
    by: str,
    *,
    channels: str | None = None,
    offer_days: int | None = None,
    why: str | None = None,
    shown: str | None = None,
) -> Plan:
    """Puts a new edition to the customer, to be signed afresh; from now on the old one charges nothing (P9).

    An old one that was not signed yet ends at once. A signed one waits: the new signature takes its place, and when
    the change is cancelled or expires it goes on. A change of a change takes the place of the same signed one.
    Refused `plan_unknown`, `plan_state`, `plan_exists` (another plan is on its account), `plan_payment_under_way`
    (nobody knows yet whether its money is left to be put into the new one), `plan_terms_changed` when its terms are not
    those that were `shown` (their version), `why_...`, and every rule of `draft`.
    """
    why = words_of_staff(why)

    def work(session: Session) -> tuple[Plan, list[str]]:
        now = ports.clock.now()
        old = locked(session, plan_id)
        _require_changeable(session, old)
        under = under_signature(session, old)
        order = PlanOrder(old.account_id, wish, channels or old.channels, offer_days or old.offer_days)
        row = _next_edition(session, old, order, by, now)
        if shown is not None and terms(row).version != shown:
            raise Refused("plan_terms_changed")
        row.reference, row.edition, row.why = old.reference, plans.editions(session, old.reference)[-1].edition + 1, why
        if old.schedule_id is None:
            _end(session, old, PlanState.cancelled if old.state == PlanState.draft else PlanState.superseded, by, now)
            session.flush()
        if under is not None:
            row.replaces_id = under.id
            if under.state == PlanState.signed:
                _pause(session, under, PausedFor.change, by, now)
        session.add(row)
        session.flush()
        record(session, by, "plan_changed", old.id, now, edition=row.edition, plan_id=row.id)
        put(session, row, by, now)
        return row, tell_offer(session, "plan_offer", row, f"plan_offer:{row.id}", now)

    return _in(ports, organisation_id, work)


def change_of(session: Session, old: Plan, order: PlanOrder, now: datetime) -> PlanTerms:
    """What a change would come out as now; `change` then offers what was shown, or refuses. Refused as there."""
    _require_changeable(session, old)
    return terms(_next_edition(session, old, order, "", now))


def is_changeable(row: Plan, newest: Plan) -> bool:
    """Whether a new edition may take its place: only the `current` one is changed, and not one that is over."""
    return newest.id == row.id and row.state in OPEN | {PlanState.broken}


def current(editions: Sequence[Plan]) -> Plan:
    """The edition that counts now: the newest one, without those that came to nothing while another stands."""
    standing = [each for each in editions if each.state in OPEN | {PlanState.broken, PlanState.completed}]
    return (standing or editions)[-1]


def under_signature(session: Session, old: Plan) -> Plan | None:
    """The signed edition whose place a change of `old` takes: itself, or the one that waits for its signature."""
    if old.schedule_id is not None:
        return old
    return plans.fresh(session, old.replaces_id) if old.replaces_id else None


def payable_of_change(session: Session, owed_on: Account, old: Plan) -> int:
    """What can be put into a change of a plan: what its signed edition would still take, too."""
    under = under_signature(session, old)
    return payable_cents(session, owed_on, under.schedule_id if under is not None else None)


def _next_edition(session: Session, old: Plan, order: PlanOrder, by: str, now: datetime) -> Plan:
    """A row of the new terms, not yet added: on what is owed now, what the old one would still take left out."""
    account = accounts.by_id(session, old.account_id)
    if account is None:
        raise AssertionError(f"plan {old.id} has no account")
    return draft(session, account, order, payable_of_change(session, account, old), by, now)


def _require_changeable(session: Session, old: Plan) -> None:
    newest = current(plans.editions(session, old.reference))
    if not is_changeable(old, newest):
        state = "changing" if newest.id != old.id else old.state
        raise Refused("plan_state", reference=old.reference, state=state)
    for other in plans.of_account(session, old.account_id):
        if other.state in OPEN and other.reference != old.reference:
            raise Refused("plan_exists", reference=other.reference, state=other.state)
    under = under_signature(session, old)
    schedule_id = under.schedule_id if under is not None else None
    if any(each.status in UNDER_WAY for each in obligations.of_subject(session, schedule_id or "")):
        raise Refused("plan_payment_under_way")


def words_of_staff(why: str | None) -> str | None:
    """Why something was done, in staff's own words, which no customer is shown. A card number in them is refused (C47).

    Refused `why_too_long`, `why_holds_card_number`.
    """
    said = " ".join((why or "").split())
    if len(said) > WHY_LENGTH_MAX:
        raise Refused("why_too_long", most=WHY_LENGTH_MAX)
    if holds_card_number(said):
        raise Refused("why_holds_card_number")
    return said or None


def end_change(session: Session, ended: Plan, by: str, now: datetime) -> list[str]:
    """A change that was not signed: the edition it would have replaced goes on. Ids of the messages."""
    old = _waiting_under(session, ended)
    return resume_paused(session, old, by, now) if old is not None else []


def _waiting_under(session: Session, change: Plan) -> Plan | None:
    """The edition that is paused until this one is signed, or ends."""
    old = plans.fresh(session, change.replaces_id) if change.replaces_id else None
    waits = old is not None and old.state == PlanState.paused and old.paused_for == PausedFor.change
    return old if waits else None


def supersede(session: Session, old: Plan, by: str, now: datetime) -> None:
    """The new edition was signed: what is left of the old one is not charged. What is under way is let go through."""
    plan = schedules.fresh(session, old.schedule_id) if old.schedule_id else None
    if plan is not None and plan.status not in {"cancelled", "completed"}:
        for due in obligations.of_subject(session, plan.id):
            if due.status == "due":
                due.status, due.refused_code = "cancelled", SUPERSEDED_CODE
                due.hold_reason = due.hold_until = None
                due.version += 1
        plan.status, plan.ended_at, plan.ended_by = "cancelled", now, by
        plan.version += 1
        record(session, by, "schedule_cancelled", plan.id, now, reason=SUPERSEDED_CODE)
    old.paused_for = None
    _end(session, old, PlanState.superseded, by, now)


def _pause(session: Session, row: Plan, why: PausedFor, by: str, now: datetime) -> None:
    move(row, PlanState.paused)
    row.paused_for = why.value
    session.flush()
    record(session, by, "plan_paused", row.id, now, why=why.value)


def pause_signed(session: Session, row: Plan, by: str, now: datetime) -> list[str]:
    """Pauses a plan that runs, and promises to say so; ids of the messages."""
    _pause(session, row, PausedFor.staff, by, now)
    return tell(session, "plan_paused", row, f"plan_paused:{row.id}:{now.isoformat()}", now)


def resume_paused(session: Session, row: Plan, by: str, now: datetime) -> list[str]:
    """Goes on with a paused plan: what went by untried goes to the end, as its customer is told now; what was being
    tried again follows the rule for missed ones. Ids of the messages.
    """
    paid_to = organisations.by_id(session, row.organisation_id)
    rules = settings_of(session, paid_to)
    today = local_date(now, paid_to.timezone)
    row.paused_for = None
    move(row, PlanState.signed)
    session.flush()
    record(session, by, "plan_resumed", row.id, now)
    for due in obligations.of_subject(session, row.schedule_id or ""):
        if due.status != "due" or due.due_on is None:
            continue
        if due.due_on < today and put_off(session, due, now, whatever_the_rule=not due.retries):
            continue
        if due.hold_reason is not None:
            due.due_at = max(moment_of(due.due_on, rules.number("charge_hour"), paid_to.timezone), now)
            due.hold_reason = due.hold_until = due.handed_at = None
            due.version += 1
    return tell(session, "plan_resumed", row, f"plan_resumed:{row.id}:{now.isoformat()}", now)


def _end(session: Session, row: Plan, state: PlanState, by: str, now: datetime) -> None:
    move(row, state)
    row.ended_at, row.ended_by = now, by
    session.flush()
    record(session, by, f"plan_{state.value}", row.id, now)


def _require(row: Plan, state: PlanState) -> None:
    if row.state != state:
        raise Refused("plan_state", reference=row.reference, state=row.state)


def _in(
    ports: Ports,
    organisation_id: str,
    work: Callable[[Session], tuple[Plan, list[str]]],
    committed: Callable[[], None] = lambda: None,
) -> Plan:
    """Runs work in a transaction, then what comes right after its commit, and rings for the messages it promised."""
    row, promised = ports.database.run(organisation_id, work)
    committed()
    for message_id in promised:
        ports.doorbell.ring_message(organisation_id, message_id)
    return row
