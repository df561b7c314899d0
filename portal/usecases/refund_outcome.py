"""What an answer about money given back means for the refund, the books and the messages, in one commit.

Called inside a transaction by `portal.usecases.refund`, whoever learned it. Idempotent, as a charge's outcome is:
telling it twice changes nothing, telling two different endings raises an alarm and changes nothing. One second ending
is news: a credit that was accepted may fail when it settles (`portal.usecases.refund_failure`).
"""

from datetime import datetime

from portal.domain.charge import (
    TERMINAL_STATES,
    Actor,
    ChargeState,
    Outcome,
    OutcomeKind,
    Timing,
    require_legal,
    state_of,
)
from portal.domain.refund import LOOK_AGAIN, RefundWay, checked_refund, is_failure
from portal.storage import Session, account, charge, customer, refund
from portal.storage.account import Account
from portal.storage.audit import GatewayFact
from portal.storage.charge import Charge
from portal.storage.refund import Refund
from portal.usecases.alarm import raise_alarm
from portal.usecases.organisation import record, set_setting, settings
from portal.usecases.outcome import NOTHING_HAPPENED
from portal.usecases.promise import promise
from portal.usecases.refund_book import book_given_back
from portal.usecases.refund_failure import fail_refund


def apply_refund_outcome(
    session: Session,
    refund_id: str,
    outcome: Outcome,
    actor: Actor,
    now: datetime,
    timing: Timing,
    send_deadline: datetime | None = None,
) -> list[str]:
    """Moves the refund and everything that hangs on it; returns ids of messages promised, to ring for.

    `send_deadline` names the claim that was sent, as for a charge: "nothing happened" speaks of that request only.
    """
    found = refund.by_id(session, refund_id)
    if found is None:
        raise AssertionError(f"no refund {refund_id}")
    owed_on = account.lock(session, found.account_id)
    paid = charge.lock(session, found.charge_id)
    row = refund.lock(session, refund_id)
    way = RefundWay(row.way)
    outcome = checked_refund(outcome, way, paid.gateway_id or "", row.order_id, row.amount_cents, row.currency)
    before, after = ChargeState(row.state), state_of(outcome)
    _hear(session, row, outcome, actor, now)
    if is_failure(outcome, before, way, row.gateway_id):
        return fail_refund(session, row, paid, owed_on, outcome, now)
    if before in TERMINAL_STATES:
        _told_again(session, row, outcome, after, now)
        return []
    if before is ChargeState.review and after not in {ChargeState.succeeded, ChargeState.declined}:
        return []
    taken_over = before is not ChargeState.sending or row.send_deadline != send_deadline
    if outcome.kind in NOTHING_HAPPENED and (actor is not Actor.sender or taken_over):
        return []
    if before is after:
        return []
    require_legal(before, after, actor)
    row.state = after.value
    row.sent_at = row.sent_at or now
    row.gateway_id = outcome.gateway_id or row.gateway_id
    row.gateway_status = outcome.status or row.gateway_status
    row.processor_code = outcome.processor_code or row.processor_code
    row.reason = outcome.reason
    record(session, actor.value, f"refund_{after.value}", row.id, now, before=before.value, code=row.processor_code)
    if after is ChargeState.unknown:
        row.next_try_at = now + timing.resolve_tries[0]
        return []
    row.resolved_at, row.resolved_by = now, actor.value
    if after is ChargeState.succeeded:
        return book_refund(session, row, paid, owed_on, now)
    if after is ChargeState.review:
        raise_alarm(session, "refund_review", row.id, now, reason=outcome.reason, detail=outcome.detail)
    elif outcome.kind is OutcomeKind.key_refused:
        if settings(session).is_on("idempotency_keys"):
            set_setting(session, "idempotency_keys", value=False, by="refund", now=now)
        raise_alarm(session, "keys_not_allowed", row.organisation_id, now)
    elif outcome.stop_organisation:
        raise_alarm(session, "gateway_refuses_us", row.organisation_id, now, reason=outcome.reason)
    elif actor is not Actor.sender:  # whoever asked is not waiting for the answer any more
        raise_alarm(session, "refund_not_made", row.id, now, state=after.value, code=row.processor_code)
    return []


def book_refund(session: Session, row: Refund, paid: Charge, owed_on: Account, now: datetime) -> list[str]:
    """The entries, the offer and the message of money that was given back; ids of the messages."""
    book_given_back(session, row, paid, owed_on, now)
    if row.way == RefundWay.void:
        paid.gateway_status = "voided"
    row.next_try_at = now + LOOK_AGAIN  # it has been accepted, not paid out: that is looked at
    payer = customer.by_id(session, row.customer_id)
    if payer is None or not payer.email:
        return []
    return [promise(session, "refund", "email", payer, payer.email, row.id, f"refund:{row.id}", now)]


def _hear(session: Session, row: Refund, outcome: Outcome, actor: Actor, now: datetime) -> None:
    session.add(
        GatewayFact(
            organisation_id=row.organisation_id,
            charge_id=row.charge_id,
            gateway_id=outcome.gateway_id,
            status=outcome.status,
            outcome=outcome.kind.value,
            source=actor.value,
            facts={
                "refund_id": row.id,
                "way": row.way,
                "reason": outcome.reason,
                "code": outcome.processor_code,
                "detail": outcome.detail,
            },
            heard_at=now,
        )
    )


def _told_again(session: Session, row: Refund, outcome: Outcome, after: ChargeState, now: datetime) -> None:
    """A second ending: the same one is no news, another one is for a person to look at."""
    same = outcome.gateway_id in {None, row.gateway_id}
    if outcome.kind is OutcomeKind.unknown or (after.value == row.state and same):
        return
    raise_alarm(
        session,
        "refund_ends_differ",
        row.id,
        now,
        first=row.state,
        then=after.value,
        gateway_ids=[row.gateway_id, outcome.gateway_id],
    )
