"""Staff try a scheduled payment again now: one that waits for its next try, or one that was given up.

Called by the command line and the console. Keeps what binds every try (C34): never after a hard decline, at most four
tries in 21 days, nothing before its date. Another card is the customer's to give: `schedule_card.replace_card`.
"""

from datetime import datetime, timedelta

from portal.domain.refusal import Refused
from portal.domain.retry import TRIES_MAX, WINDOW_DAYS, DeclineClass, Failure, class_of
from portal.domain.rule import SCHEDULED
from portal.domain.schedule import ENDED
from portal.storage import Session, account, charge, obligation, schedule
from portal.storage.charge import Charge
from portal.storage.obligation import Obligation
from portal.storage.schedule import Schedule
from portal.usecases.charge import ChargeResult, charge_obligation
from portal.usecases.organisation import record
from portal.usecases.ports import Ports
from portal.usecases.schedule_outcome import go_on


def try_again(ports: Ports, organisation_id: str, obligation_id: str, by: str) -> ChargeResult:
    """Tries one payment again now and says how it stands after that.

    Refused, with nothing sent: `payment_unknown`, `payment_over`, `payment_early`, `schedule_over`, `retry_forbidden`,
    `retries_used`.
    """

    def work(session: Session) -> list[str]:
        now = ports.clock.now()
        found = obligation.by_id(session, obligation_id)
        if found is None or found.kind != SCHEDULED:
            raise Refused("payment_unknown")
        account.lock(session, found.account_id)
        due, plan = obligation.fresh(session, obligation_id), schedule.fresh(session, found.subject_id)
        if due.status not in {"due", "declined"}:
            raise Refused("payment_over", status=due.status)
        if plan is None or plan.status in ENDED:
            raise Refused("schedule_over", status=plan.status if plan else "gone")
        declined = [
            each
            for each in charge.of_obligation(session, due.id)
            if each.state == "declined" and each.payment_method_id == due.payment_method_id
        ]
        if not declined and due.due_at > now:
            raise Refused("payment_early", due_at=due.due_at)
        if declined:
            _require_allowed(declined, now - timedelta(days=WINDOW_DAYS) > declined[0].claimed_at)
        told = _reopen(session, due, plan, by, now)
        due.due_at = min(due.due_at, now)
        record(session, by, "obligation_tried_again", due.id, now, tries=len(declined))
        return told

    told = ports.database.run(organisation_id, work)
    result = charge_obligation(ports, organisation_id, obligation_id, ports.timing.worker_timeout)
    for message_id in told:  # after it: declined once more, nothing goes on and nothing is told
        ports.doorbell.ring_message(organisation_id, message_id)
    return result


def _require_allowed(declined: list[Charge], is_past_window: bool) -> None:
    last = declined[-1]
    failure = Failure(last.processor_code, last.processor_type, last.reason, len(declined), declined[0].claimed_at)
    if class_of(failure) is DeclineClass.never:
        raise Refused("retry_forbidden", decline=last.processor_code or last.reason)
    if len(declined) >= TRIES_MAX or is_past_window:
        raise Refused("retries_used", tries_max=TRIES_MAX, window_days=WINDOW_DAYS)


def _reopen(session: Session, due: Obligation, plan: Schedule, by: str, now: datetime) -> list[str]:
    """A payment that was given up is due again, and what stood still because of it goes on. Ids of messages."""
    told: list[str] = []
    if due.status == "declined":
        told = go_on(session, plan, by, now)
        due.status, due.refused_code = "due", None
    due.hold_reason = due.hold_until = due.handed_at = None
    due.version += 1
    return told
