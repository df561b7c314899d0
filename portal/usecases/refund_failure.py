"""A refund that the gateway had accepted and did not pay out after all: the move, the books, the alarm, the message.

Called by `portal.usecases.refund_outcome` with everything locked, whoever heard of it: a notice, the daily look, the
nightly comparison. The state is left once, so all of this happens once. Gives nothing back another way: a person does.
"""

from datetime import datetime

from portal.domain.charge import Actor, ChargeState, Outcome
from portal.domain.refund import require_legal_refund
from portal.storage import Session, customer, message, obligation
from portal.storage.account import Account
from portal.storage.charge import Charge
from portal.storage.message import Message
from portal.storage.refund import Refund
from portal.usecases.alarm import raise_alarm
from portal.usecases.delivery_log import note
from portal.usecases.organisation import record
from portal.usecases.plan_outcome import came_back
from portal.usecases.promise import promise
from portal.usecases.refund_book import book_not_arrived

NOT_TRUE = "refund_failed"  # why a message that had not left yet was stopped


def fail_refund(
    session: Session, row: Refund, paid: Charge, owed_on: Account, outcome: Outcome, now: datetime
) -> list[str]:
    """Everything that follows from one refund that did not arrive; ids of the messages promised, to ring for."""
    require_legal_refund(ChargeState(row.state), ChargeState.declined, Actor.gateway)
    row.state, row.failed_at = ChargeState.declined.value, now
    row.gateway_status = outcome.status
    row.processor_code = outcome.processor_code or row.processor_code
    row.reason = outcome.reason or outcome.status
    kept = book_not_arrived(session, row, paid, owed_on, now)
    facts = {
        "charge_id": paid.id,
        "amount_cents": row.amount_cents,
        "paid_again_cents": kept.paid_again_cents,
        "theirs_cents": kept.theirs_cents,
        "status": outcome.status,
    }
    record(session, Actor.gateway.value, "refund_failed", row.id, now, **facts)
    raise_alarm(session, "refund_failed", row.id, now, **facts)
    promised = came_back(session, obligation.fresh(session, paid.obligation_id), now)
    said = message.by_dedupe_key(session, f"refund:{row.id}")
    if said is None or not _was_said(session, said, now):
        return promised
    payer = customer.by_id(session, row.customer_id)
    if payer is None:
        return promised
    key = f"refund_failed:{row.id}"
    return [
        promise(session, "refund_failed", said.channel, payer, said.recipient, row.id, key, now, locale=said.locale),
        *promised,
    ]


def _was_said(session: Session, said: Message, now: datetime) -> bool:
    """Whether the customer was told of the refund, or may have been. One that nobody has tried to send is stopped."""
    row = message.lock(session, said.id)
    if row is None or row.state != "queued" or row.tries:
        return row is not None and row.state in {"queued", "sent"}
    row.state, row.held_by, row.held_until = "stopped", NOT_TRUE, None
    note(session, row, "stopped", NOT_TRUE, now)
    return False
