"""What an outcome of the gateway means for the charge, the obligation, the books and the messages, in one commit.

Called inside a transaction by `charge.apply`, whoever learned the outcome. Idempotent: telling it twice changes
nothing, telling two different endings raises an alarm and changes nothing.
"""

from datetime import datetime, timedelta
from typing import Any

from portal.domain.charge import (
    TERMINAL_STATES,
    Actor,
    ChargeState,
    Outcome,
    OutcomeKind,
    Timing,
    checked_against,
    require_legal,
    state_of,
)
from portal.domain.ledger import Recipe
from portal.domain.rule import SCHEDULED
from portal.storage import Session, account, charge, obligation, offer
from portal.storage.account import Account
from portal.storage.audit import GatewayFact
from portal.storage.charge import Charge
from portal.storage.obligation import Obligation
from portal.storage.refund import Refund
from portal.usecases.alarm import raise_alarm as raise_alarm  # whoever applies an outcome raises alarms
from portal.usecases.ledger import post
from portal.usecases.organisation import record, set_setting
from portal.usecases.receipt import issue_receipt
from portal.usecases.schedule_outcome import after_failure, after_payment

NOTHING_HAPPENED = frozenset({OutcomeKind.not_sent, OutcomeKind.key_refused})


def apply_outcome(
    session: Session,
    charge_id: str,
    outcome: Outcome,
    actor: Actor,
    now: datetime,
    timing: Timing,
    send_deadline: datetime | None = None,
) -> list[str]:
    """Moves the charge and everything that hangs on it; returns ids of messages promised, to ring for.

    `send_deadline` names the claim that was sent: "nothing happened" says something about that one request only,
    so it ends nothing once the janitor has taken the charge over.
    """
    found = charge.by_id(session, charge_id)
    if found is None:
        raise AssertionError(f"no charge {charge_id}")
    owed_on = account.lock(session, found.account_id)
    row = charge.lock(session, charge_id)
    outcome = checked_against(outcome, row.amount_cents, row.currency, row.order_id)
    before, after = ChargeState(row.state), state_of(outcome)
    _hear(session, row, outcome, actor, now)
    if before in TERMINAL_STATES:
        _told_again(session, row, outcome, after, now)
        return []
    if before is ChargeState.review and after not in {ChargeState.succeeded, ChargeState.declined}:
        return []  # a person has it; only a definite answer ends the doubt before they do
    taken_over = before is not ChargeState.sending or row.send_deadline != send_deadline
    if outcome.kind in NOTHING_HAPPENED and (actor is not Actor.sender or taken_over):
        return []
    if before is after:
        if before is ChargeState.unknown:
            row.next_try_at = now + timing.resolve_tries[min(row.tries, len(timing.resolve_tries) - 1)]
        return []
    require_legal(before, after, actor)
    row.state = after.value
    row.sent_at = row.sent_at or now
    row.gateway_id = outcome.gateway_id or row.gateway_id
    row.gateway_status = outcome.status or row.gateway_status
    row.processor_code = outcome.processor_code or row.processor_code
    row.processor_type = outcome.processor_type or row.processor_type
    row.reason = outcome.reason
    due = obligation.fresh(session, row.obligation_id)
    record(session, actor.value, f"charge_{after.value}", row.id, now, before=before.value, code=row.processor_code)
    if after is ChargeState.unknown:
        row.next_try_at = now + timing.resolve_tries[0]
        return []
    row.resolved_at, row.resolved_by = now, actor.value
    if after is ChargeState.succeeded:
        row.next_try_at = now  # where it is not wanted any more: when to give it back
        return book_payment(session, row, due, owed_on, now)
    if after is ChargeState.review:
        due.status = "review"
        raise_alarm(session, "charge_review", row.id, now, reason=outcome.reason, detail=outcome.detail)
        return []
    if outcome.kind is OutcomeKind.key_refused:
        stop_using_keys(session, due.organisation_id, now)
        if row.cancel_requested_at is None:  # nothing happened, so it may be asked for again at once, without a key
            due.status = "due"
            due.version += 1
            return []
    if outcome.is_to_be_retried:  # two who retry are one too many: theirs must be turned off
        raise_alarm(session, "gateway_retries_on", row.organisation_id, now, gateway_id=outcome.gateway_id)
    if outcome.stop_organisation:
        raise_alarm(session, "gateway_refuses_us", row.organisation_id, now, reason=outcome.reason)
    return refuse_obligation(session, due, "" if after is ChargeState.declined else after.value, now)


def book_payment(session: Session, row: Charge, due: Obligation, owed_on: Account, now: datetime) -> list[str]:
    """The entries, the obligation and the receipt of money that was taken; ids of the messages."""
    post(
        session,
        owed_on,
        Recipe.payment_taken,
        row.amount_cents,
        event_key=f"payment_taken:{row.id}",
        posted_at=now,
        posted_by="charge",
        charge_id=row.id,
    )
    if due.forgiven_cents:
        post(
            session,
            owed_on,
            Recipe.settlement_forgiven,
            due.forgiven_cents,
            event_key=f"settlement_forgiven:{row.id}",
            posted_at=now,
            posted_by="charge",
            charge_id=row.id,
        )
    if due.offer_id is not None:
        taken = offer.by_id(session, due.offer_id)
        if taken is not None:
            taken.status = "taken"
    due.status = "paid"
    due.card_nonce = None
    due.version += 1
    ended = after_payment(session, due, now)
    return [*issue_receipt(session, row, due, owed_on, now), *ended]


def stop_using_keys(session: Session, organisation_id: str, now: datetime) -> None:
    """This merchant may not use keys (915231): charge without them from now on, and say so."""
    set_setting(session, "idempotency_keys", value=False, by="charge", now=now)
    raise_alarm(session, "keys_not_allowed", organisation_id, now)


def refuse_obligation(session: Session, due: Obligation, refused_code: str, now: datetime, **facts: Any) -> list[str]:
    """Nothing was taken. A checkout ends unpaid here; a scheduled payment may be tried again. Messages promised."""
    if due.kind == SCHEDULED:
        return after_failure(session, due, refused_code, now)
    due.status = "declined"
    due.refused_code = refused_code or None
    due.card_nonce = None
    due.version += 1
    record(session, "charge", "obligation_declined", due.id, now, refused_code=refused_code, **facts)
    return []


def _hear(session: Session, row: Charge, outcome: Outcome, actor: Actor, now: datetime) -> None:
    session.add(
        GatewayFact(
            organisation_id=row.organisation_id,
            charge_id=row.id,
            gateway_id=outcome.gateway_id,
            status=outcome.status,
            outcome=outcome.kind.value,
            source=actor.value,
            facts={"reason": outcome.reason, "code": outcome.processor_code, "detail": outcome.detail},
            heard_at=now,
        )
    )


def _told_again(session: Session, row: Charge, outcome: Outcome, after: ChargeState, now: datetime) -> None:
    """A second ending: the same one is no news, another one is for a person to look at.

    That nothing came of one request says nothing against what became of the charge after it.
    """
    same_sale = outcome.gateway_id in {None, row.gateway_id}
    no_ending = outcome.kind is OutcomeKind.unknown or outcome.kind in NOTHING_HAPPENED
    if no_ending or (after.value == row.state and same_sale):
        return
    raise_alarm(
        session,
        "charge_ends_differ",
        row.id,
        now,
        first=row.state,
        then=after.value,
        gateway_ids=[row.gateway_id, outcome.gateway_id],
    )


def reschedule(row: Charge | Refund, now: datetime, timing: Timing) -> None:
    """Counts one more look at the gateway and says when to look next."""
    row.tries += 1
    wait: timedelta = timing.resolve_tries[min(row.tries, len(timing.resolve_tries) - 1)]
    row.next_try_at = now + wait
