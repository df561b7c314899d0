"""A sale that the gateway made by itself after a decline. It is tied to the charge it repeats; if the payment is still
wanted it counts as that, once, and we charge no more; if not, the money goes back.

Called for notices and by reconcile. That it happens at all is an alarm: the setting belongs off (docs/notices.md).
"""

from datetime import datetime

from portal.domain.card import GatewayRecord, GatewayUnreachable, RefundRequest
from portal.domain.charge import DEFINITE_FAILURES, Actor, ChargeState, OutcomeKind, order_id_of, require_legal
from portal.domain.plan import PlanState
from portal.domain.refund import RefundWay
from portal.domain.rule import SCHEDULED
from portal.domain.schedule import ScheduleStatus
from portal.domain.subscription import SubscriptionState
from portal.storage import Session, account, audit, charge, gateway_retry, obligation, plan, schedule, subscription
from portal.storage.account import Account
from portal.storage.charge import Charge
from portal.storage.gateway_retry import GatewayRetry
from portal.storage.obligation import Obligation
from portal.storage.schedule import Schedule
from portal.usecases.alarm import raise_alarm
from portal.usecases.failpoint import failpoint
from portal.usecases.ledger import free_cents
from portal.usecases.organisation import record, settings
from portal.usecases.outcome import book_payment
from portal.usecases.ports import Ports
from portal.usecases.share import first_without_room

ADOPTED, TAKEN_BACK, STANDS, FAILED = "adopted", "taken_back", "stands", "failed"
PAUSES = ("plan_paused", "subscription_paused", "subscription_pause")  # by whomever: the audit trail says when
LIVE = ("due", "charging", "paid", "review")


def take_in_retry(ports: Ports, organisation_id: str, found: GatewayRecord) -> str:
    """What became of it: `adopted`, `taken_back`, `stands`, `failed`, `waiting`, `unknown_sale`."""
    promised: list[str] = []

    def work(session: Session) -> str:
        promised[:] = []
        said = _take_in(session, found, ports.clock.now(), promised)
        session.flush()
        failpoint("notice.before_commit")
        return said

    said = ports.database.run(organisation_id, work)
    failpoint("notice.after_apply")
    for message_id in promised:
        ports.doorbell.ring_message(organisation_id, message_id)
    if said == STANDS:
        return _take_back(ports, organisation_id, found)
    return said


def _take_in(session: Session, found: GatewayRecord, now: datetime, promised: list[str]) -> str:
    first = _declined(session, found.retried_gateway_id or "")
    organisation_id = session.info["organisation_id"]
    raise_alarm(session, "gateway_retries_on", organisation_id, now, gateway_id=found.gateway_id)
    if first is None:
        raise_alarm(session, "notice_of_unknown_sale", found.gateway_id, now, retried=found.retried_gateway_id)
        return "unknown_sale"
    owed_on = account.lock(session, first.account_id)
    known = gateway_retry.by_gateway_id(session, found.gateway_id)
    if known is not None and known.became != STANDS:
        known.status = found.status
        return known.became
    if found.outcome.kind is OutcomeKind.unknown:
        return "waiting"
    if known is None:
        known = GatewayRetry(
            organisation_id=organisation_id,
            gateway_id=found.gateway_id,
            charge_id=first.id,
            amount_cents=found.amount_cents,
            status=found.status,
            became=STANDS,
            heard_at=now,
        )
        session.add(known)
    known.status = found.status
    if found.status == "voided" or found.refund_gateway_ids:
        known.became = TAKEN_BACK
    elif found.outcome.kind is not OutcomeKind.succeeded:
        known.became = FAILED
    else:
        due = obligation.fresh(session, first.obligation_id)
        against = _against(session, first, due, owed_on, found)
        if against is None:
            row = _adopt(session, first, found, now)
            promised += book_payment(session, row, due, owed_on, now)
            known.became, known.adopted_charge_id = ADOPTED, row.id
        record(
            session, "gateway", "gateway_retry", first.id, now,
            gateway_id=found.gateway_id, became=known.became, against=against,
        )  # fmt: skip
    return known.became


def _declined(session: Session, gateway_id: str) -> Charge | None:
    """The charge that was repeated; a retry may repeat a retry."""
    found = charge.by_gateway_id(session, gateway_id)
    if found is not None:
        return found
    earlier = gateway_retry.by_gateway_id(session, gateway_id)
    return charge.by_id(session, earlier.charge_id) if earlier is not None else None


def _against(session: Session, first: Charge, due: Obligation, owed_on: Account, found: GatewayRecord) -> str | None:
    """Why this sale may not count as the payment, if there is a reason."""
    if due.status not in {"due", "declined"}:
        return f"obligation_{due.status}"
    series = schedule.fresh(session, due.subject_id) if due.kind == SCHEDULED else None
    if series is not None and series.status == ScheduleStatus.cancelled:
        return "schedule_cancelled"  # nothing more is debited, of what had failed before neither
    stopped = _stopped_by(session, owed_on, series, found.created_at)
    if stopped is not None:
        return stopped
    if any(attempt.state not in DEFINITE_FAILURES for attempt in charge.of_obligation(session, due.id)):
        return "charge_live"
    if any(other.id != due.id and other.status in LIVE for other in _rivals(session, due)):
        return "paid_otherwise"
    if (found.amount_cents, found.outcome.currency) != (first.amount_cents, first.currency):
        return "echo_differs"
    if due.amount_cents + due.forgiven_cents > free_cents(session, owed_on):
        return "balance_too_low"
    if first_without_room(session, owed_on, due.id) is not None:
        return "service_balance_too_low"
    return None


def _stopped_by(session: Session, owed_on: Account, series: Schedule | None, at: datetime) -> str | None:
    """What had stopped all charging by itself when a sale was made, and stands: nobody asked for it at that moment.

    A sale that is older than the dispute or the pause is a payment like any other.
    """
    if owed_on.disputed_at is not None and owed_on.disputed_at <= at:
        return "debt_disputed"
    if series is None:
        return None
    running = plan.of_schedule(session, series.id)
    if running is not None and running.state == PlanState.paused:
        return "plan_paused" if _paused_before(session, running.id, at) else None
    program = subscription.of_schedule(session, series.id)
    if program is not None and program.state == SubscriptionState.paused:
        return "subscription_paused" if _paused_before(session, program.id, at) else None
    return None


def _paused_before(session: Session, subject_id: str, at: datetime) -> bool:
    since = audit.latest_of(session, subject_id, PAUSES)
    return since is None or since.at <= at


def _rivals(session: Session, due: Obligation) -> list[Obligation]:
    """Other payments of the same checkout; those of a series are payments of their own."""
    return obligation.of_subject(session, due.subject_id) if due.kind == "checkout" else []


def _adopt(session: Session, first: Charge, found: GatewayRecord, now: datetime) -> Charge:
    """The sale as a charge of ours that succeeded; it was never claimed, because we never asked for it."""
    require_legal(None, ChargeState.succeeded, Actor.gateway)
    n = len(charge.of_obligation(session, first.obligation_id)) + 1
    row = Charge(
        organisation_id=first.organisation_id,
        obligation_id=first.obligation_id,
        account_id=first.account_id,
        customer_id=first.customer_id,
        n=n,
        state=ChargeState.succeeded.value,
        order_id=order_id_of(first.organisation_id, first.obligation_id, n),
        is_keyed=False,
        request_sha256=first.request_sha256,
        amount_cents=first.amount_cents,
        held_cents=first.held_cents,
        currency=first.currency,
        source=first.source,
        payment_method_id=first.payment_method_id,
        card_brand=first.card_brand,
        card_last4=first.card_last4,
        lease_until=now,
        send_deadline=now,
        sent_at=found.created_at,
        next_try_at=now,
        gateway_id=found.gateway_id,
        gateway_status=found.status,
        reason="gateway_retry",
        claimed_at=now,
        resolved_at=now,
        resolved_by=Actor.gateway.value,
    )
    session.add(row)
    session.flush()
    return row


def _take_back(ports: Ports, organisation_id: str, found: GatewayRecord) -> str:
    """Nobody wants this sale: voided while it can be, refunded after that; else a person must. Safe to repeat."""
    with ports.database.read(organisation_id) as session:
        known = gateway_retry.by_gateway_id(session, found.gateway_id)
        is_keyed = settings(session).is_on("idempotency_keys")
    if known is None:
        raise AssertionError(f"retry {found.gateway_id} was stored before it is taken back")
    ports.database.require_no_transaction()
    gateway = ports.gateways.of(organisation_id)
    try:
        is_back = gateway.void(found.gateway_id)
        if not is_back:
            request = RefundRequest(
                RefundWay.refund, order_id_of(organisation_id, known.id, 1), is_keyed, found.gateway_id,
                found.amount_cents, found.outcome.currency or "USD",
            )  # fmt: skip
            is_back = gateway.refund(request, ports.timing.worker_timeout).kind is OutcomeKind.succeeded
        if not is_back:  # refused because a rival was first, or an answer was lost: the sale itself says it
            after = gateway.find(found.gateway_id)
            is_back = after is not None and (after.status == "voided" or bool(after.refund_gateway_ids))
    except GatewayUnreachable:
        return "waiting"

    def work(session: Session) -> str:
        now = ports.clock.now()
        account.lock(session, _account_of(session, known))
        row = gateway_retry.by_gateway_id(session, found.gateway_id)
        if row is not None and is_back:
            row.became = TAKEN_BACK
        raise_alarm(
            session, "gateway_retry_taken_back" if is_back else "gateway_retry_stands", found.gateway_id, now,
            charge_id=known.charge_id, amount_cents=found.amount_cents,
        )  # fmt: skip
        return TAKEN_BACK if is_back else STANDS

    return ports.database.run(organisation_id, work)


def _account_of(session: Session, known: GatewayRetry) -> str:
    first = charge.by_id(session, known.charge_id)
    if first is None:
        raise AssertionError(f"no charge {known.charge_id}")
    return first.account_id
