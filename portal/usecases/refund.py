"""ONE REFUND: look at the sale, claim (commit), send (no transaction open), apply (commit), ring.

Called by the console and the command line. The same protocol as a charge: `request_key` names one wish to give money
back, and however often it is pressed, in two tabs or after a crash, it is done once. What an answer means for the books
is in `portal.usecases.refund_outcome`; an answer that never came is looked for by `portal.usecases.refund_resolve`.
"""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from portal.domain.card import GatewayRecord, GatewayRefused, GatewayUnreachable, RefundRequest
from portal.domain.charge import (
    DEFINITE_FAILURES,
    OPEN_STATES,
    Actor,
    ChargeState,
    Outcome,
    OutcomeKind,
    order_id_of,
    require_legal,
)
from portal.domain.money import CENTS_MAX
from portal.domain.refund import GivenBack, RefundWay, require_left, way_for
from portal.domain.refusal import Refused
from portal.domain.service import Share, spread
from portal.storage import Session, account, charge, dispute, hold, refund
from portal.storage.charge import Charge
from portal.storage.refund import Refund
from portal.usecases.failpoint import failpoint
from portal.usecases.organisation import record, settings
from portal.usecases.ports import Ports
from portal.usecases.refund_outcome import apply_refund_outcome
from portal.usecases.share import for_refund, of_refund, paid_by

_REQUEST_KEY = re.compile(r"[0-9a-f]{32}")
ROUNDS = 3  # keys turn out to be refused, or the sale settles between looking and voiding: look and ask again


@dataclass(frozen=True, slots=True)
class RefundWish:
    """What staff ask for. `amount_cents` None: all that is left. `reopens_balance` None: as the organisation set it."""

    request_key: str
    charge_id: str
    by: str
    amount_cents: int | None = None
    why: str = ""
    reopens_balance: bool | None = None
    only_void: bool = False  # rather nothing than a refund
    shares: tuple[Share, ...] = ()  # what it is for, where the payment was for several services and a part is given


@dataclass(frozen=True, slots=True)
class ClaimedRefund:
    """A committed claim: the right and the duty to send one request before `send_deadline`."""

    organisation_id: str
    refund_id: str
    request: RefundRequest
    send_deadline: datetime


@dataclass(frozen=True, slots=True)
class RefundResult:
    """How a wish stands. `reason` is the gateway's code or ours where it did not succeed, for staff."""

    refund_id: str
    way: RefundWay
    state: ChargeState
    amount_cents: int
    reason: str | None


def refund_charge(ports: Ports, organisation_id: str, wish: RefundWish, timeout: timedelta) -> RefundResult:
    """Gives money back, once for each request key however often it is called.

    Refused, with nothing sent: `charge_unknown`, `charge_not_paid`, `charging_held`, `request_key_used`,
    `request_key_unreadable`, `refund_above_payment`, `refund_amount`, `refund_part_unsettled`,
    `refund_while_settling`, `refund_nothing_there`, `refund_not_voidable`, `balance_too_large`, `gateway_silent`,
    `refund_names_no_service` (a part of a payment for several), `refund_above_service`.
    """
    if not _REQUEST_KEY.fullmatch(wish.request_key):
        raise Refused("request_key_unreadable")
    for _ in range(ROUNDS):
        known = _known(ports, organisation_id, wish)
        if known is not None:
            return known
        sale = _look(ports, organisation_id, wish.charge_id)
        claimed = claim_refund(ports, organisation_id, wish, sale, timeout)
        if isinstance(claimed, RefundResult):
            return claimed
        outcome = send_refund(ports, claimed, timeout)
        if outcome is None:
            break
        learn_refund(ports, organisation_id, claimed.refund_id, outcome, Actor.sender, claimed.send_deadline)
        if outcome.kind is not OutcomeKind.key_refused and not _missed_by_settling(claimed, outcome):
            break
    return _result(ports, organisation_id, wish.request_key)


def _missed_by_settling(claimed: ClaimedRefund, outcome: Outcome) -> bool:
    return claimed.request.way is RefundWay.void and outcome.kind is OutcomeKind.not_sent and outcome.reason == "91504"


def _known(ports: Ports, organisation_id: str, wish: RefundWish) -> RefundResult | None:
    """How this wish already stands, if it was made before and did not definitely fail."""
    with ports.database.read(organisation_id) as session:
        return _live(refund.of_request(session, wish.request_key), wish)


def _live(attempts: list[Refund], wish: RefundWish) -> RefundResult | None:
    for row in attempts:
        if row.charge_id != wish.charge_id or wish.amount_cents not in {None, row.amount_cents}:
            raise Refused("request_key_used", refund_id=row.id)
        if row.state not in DEFINITE_FAILURES:
            return result_of_row(row)
    return None


def _result(ports: Ports, organisation_id: str, request_key: str) -> RefundResult:
    with ports.database.read(organisation_id) as session:
        return result_of_row(refund.of_request(session, request_key)[-1])


def result_of_row(row: Refund) -> RefundResult:
    """A row as a result."""
    return RefundResult(
        row.id, RefundWay(row.way), ChargeState(row.state), row.amount_cents, row.reason or row.processor_code
    )


def _look(ports: Ports, organisation_id: str, charge_id: str) -> GatewayRecord:
    """The sale as it stands at the gateway now, which decides whether it is voided or refunded."""
    with ports.database.read(organisation_id) as session:
        row = _paid_charge(session, charge_id)
    ports.database.require_no_transaction()
    try:
        found = ports.gateways.of(organisation_id).find(row.gateway_id or "")
    except (GatewayUnreachable, GatewayRefused) as error:
        raise Refused("gateway_silent", reason=error.reason) from error
    if found is None:
        raise Refused("refund_nothing_there", status="not_found")
    return found


def _paid_charge(session: Session, charge_id: str) -> Charge:
    row = charge.by_id(session, charge_id)
    if row is None:
        raise Refused("charge_unknown")
    if row.state != ChargeState.succeeded or not row.gateway_id:
        raise Refused("charge_not_paid", state=row.state)
    return row


# --- claim -------------------------------------------------------------------------------------------------------


def claim_refund(
    ports: Ports, organisation_id: str, wish: RefundWish, sale: GatewayRecord, timeout: timedelta
) -> ClaimedRefund | RefundResult:
    """Commits the right to send one request, or says how the wish stands. Refused by any rule; sends nothing."""

    def work(session: Session) -> ClaimedRefund | RefundResult:
        claimed = _claim(session, wish, sale, ports, timeout)
        session.flush()
        failpoint("refund.before_commit")
        return claimed

    claimed = ports.database.run(organisation_id, work)
    failpoint("refund.after_commit")
    return claimed


def _claim(
    session: Session, wish: RefundWish, sale: GatewayRecord, ports: Ports, timeout: timedelta
) -> ClaimedRefund | RefundResult:
    now = ports.clock.now()
    owed_on = account.lock(session, _paid_charge(session, wish.charge_id).account_id)
    paid = charge.lock(session, wish.charge_id)
    attempts = refund.of_request(session, wish.request_key)
    known = _live(attempts, wish)
    if known is not None:
        return known
    held = hold.standing(session)
    if held is not None:
        raise Refused("charging_held", reason=held.reason)
    already_cents = given_back_cents(session, paid.id) + dispute.taken_back_cents(session, paid.id)
    amount_cents = wish.amount_cents if wish.amount_cents is not None else paid.amount_cents - already_cents
    require_left(amount_cents, paid.amount_cents, already_cents)
    shares = _shares(session, paid.id, amount_cents, amount_cents == paid.amount_cents - already_cents, wish.shares)
    way = way_for(sale.status, amount_cents, paid.amount_cents)
    if wish.only_void and way is not RefundWay.void:
        raise Refused("refund_not_voidable")
    rules = settings(session)
    reopens = rules.is_on("refunds_reopen_balance") if wish.reopens_balance is None else wish.reopens_balance
    if reopens and owed_on.balance_cents + paid.held_cents > CENTS_MAX:
        raise Refused("balance_too_large")
    n = len(attempts) + 1
    request = RefundRequest(
        way=way,
        order_id=order_id_of(paid.organisation_id, wish.request_key, n),
        is_keyed=rules.is_on("idempotency_keys"),
        sale_gateway_id=paid.gateway_id or "",
        amount_cents=amount_cents,
        currency=paid.currency,
    )
    require_legal(None, ChargeState.sending, Actor.claim)
    lease_until = now + ports.timing.lease(timeout)
    row = Refund(
        organisation_id=paid.organisation_id,
        request_key=wish.request_key,
        n=n,
        charge_id=paid.id,
        account_id=paid.account_id,
        customer_id=paid.customer_id,
        way=way.value,
        state=ChargeState.sending.value,
        order_id=request.order_id,
        is_keyed=request.is_keyed,
        amount_cents=amount_cents,
        currency=paid.currency,
        reopens_balance=reopens,
        asked_by=wish.by,
        asked_why=wish.why,
        lease_until=lease_until,
        send_deadline=now + ports.timing.send_window,
        next_try_at=lease_until,
        claimed_at=now,
    )
    session.add(row)
    session.flush()
    for_refund(session, row.id, shares, now)
    record(session, wish.by, "refund_claimed", row.id, now, charge_id=paid.id, way=way.value, amount_cents=amount_cents)
    return ClaimedRefund(paid.organisation_id, row.id, request, row.send_deadline)


def _shares(
    session: Session, charge_id: str, amount_cents: int, is_rest: bool, named: tuple[Share, ...]
) -> list[Share]:
    """What the money is for: the services named, the only one that was paid, or all that is left of all of them."""
    left = {each.service_id: each.amount_cents for each in paid_by(session, charge_id)}
    for attempt in refund.of_charge(session, charge_id):
        if attempt.state in OPEN_STATES:  # on its way back: not to be given back again
            for part in of_refund(session, attempt.id):
                left[part.service_id] = left.get(part.service_id, 0) - part.amount_cents
    room = [Share(service_id, cents) for service_id, cents in left.items() if cents > 0]
    if named:
        fits = all(0 < each.amount_cents <= left.get(each.service_id, 0) for each in named)
        if not fits or sum(each.amount_cents for each in named) != amount_cents:
            raise Refused("refund_above_service")
        return list(named)
    if len(room) > 1 and not is_rest:
        raise Refused("refund_names_no_service")
    return spread(amount_cents, room)


def given_back_cents(session: Session, charge_id: str) -> int:
    """What was given back of a charge, or may yet be: only a definite failure frees it to be given back again (M11)."""
    return sum(row.amount_cents for row in refund.of_charge(session, charge_id) if row.state not in DEFINITE_FAILURES)


def given_back(session: Session, charge_id: str) -> list[GivenBack]:
    """Every attempt to give a charge's money back, for `portal.domain.refund.refund_line`."""
    return [
        GivenBack(
            ChargeState(row.state),
            row.amount_cents,
            row.failed_at or row.resolved_at or row.claimed_at,
            has_failed=row.failed_at is not None,
        )
        for row in refund.of_charge(session, charge_id)
    ]


# --- send, apply, ring -------------------------------------------------------------------------------------------


def send_refund(ports: Ports, claimed: ClaimedRefund, timeout: timedelta) -> Outcome | None:
    """Sends a claimed request; None when its window is over, and then only the janitor may go on with it."""
    ports.database.require_no_transaction()
    try:
        gateway = ports.gateways.of(claimed.organisation_id)
    except GatewayRefused as refused:
        return Outcome(OutcomeKind.not_sent, reason=refused.reason, stop_organisation=True)
    if ports.clock.now() > claimed.send_deadline:
        return None
    failpoint("refund.before_write")
    outcome = gateway.refund(claimed.request, timeout)
    failpoint("refund.after_reply")
    return outcome


def learn_refund(
    ports: Ports,
    organisation_id: str,
    refund_id: str,
    outcome: Outcome,
    actor: Actor,
    send_deadline: datetime | None = None,
) -> None:
    """Commits an outcome, once, however often and by whomever it is told; then rings for the messages it promised."""

    def work(session: Session) -> list[str]:
        promised = apply_refund_outcome(
            session, refund_id, outcome, actor, ports.clock.now(), ports.timing, send_deadline
        )
        session.flush()
        failpoint("refund.apply.before_commit")
        return promised

    for message_id in ports.database.run(organisation_id, work):
        ports.doorbell.ring_message(organisation_id, message_id)
