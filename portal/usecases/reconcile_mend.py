"""Mending one difference between the gateway's books and ours: adopt, write again, book, or leave it to a person.

Called by `portal.usecases.reconcile` with no transaction open. Never asks the gateway to move money, and lets money in
by the same commit as everybody else: `charge.learn` and `refund.learn_refund`.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from portal.domain.card import GatewayRecord
from portal.domain.charge import (
    DEFINITE_FAILURES,
    OPEN_STATES,
    Actor,
    ChargeState,
    Outcome,
    OutcomeKind,
    require_legal,
)
from portal.domain.ledger import Recipe
from portal.domain.reconcile import Difference, our_name
from portal.domain.refund import RefundWay
from portal.domain.refusal import Refused
from portal.storage import Session, account, charge, obligation, payment_method, refund
from portal.storage.audit import GatewayFact
from portal.storage.charge import Charge
from portal.storage.refund import Refund
from portal.usecases.alarm import raise_alarm
from portal.usecases.charge import learn
from portal.usecases.ledger import post
from portal.usecases.organisation import record as note
from portal.usecases.organisation import settings
from portal.usecases.ports import Ports
from portal.usecases.refund import given_back_cents, learn_refund
from portal.usecases.refund_book import restore_settlement
from portal.usecases.refund_resolve import resolve_refund
from portal.usecases.resolve import resolve
from portal.usecases.subscription_outcome import owe_taken

BY = "reconcile"

Mend = Callable[[Ports, str, GatewayRecord, str], Difference | None]


def mend(
    ports: Ports, organisation_id: str, record: GatewayRecord, difference: Difference, row_id: str | None
) -> Difference | None:
    """Does what can be done and says what the difference came to; None when it was none after all."""
    if difference is Difference.written_again:
        return _write_again(ports, organisation_id, record)
    mended_by = _MENDS.get(difference)
    if mended_by is None or row_id is None:
        return difference
    try:
        return mended_by(ports, organisation_id, record, row_id)
    except Refused:  # the books cannot take it: a person must look
        return Difference.cannot_be_booked


# --- sales -------------------------------------------------------------------------------------------------------


def _adopt(ports: Ports, organisation_id: str, record: GatewayRecord, row_id: str) -> Difference | None:
    """An end that we had not heard. What is still being sent is left to its sender."""
    with ports.database.read(organisation_id) as session:
        given, row = refund.by_id(session, row_id), charge.by_id(session, row_id)
    now = ports.clock.now()
    current = given or row
    if current is None or (current.state == ChargeState.sending and current.lease_until > now):
        return None
    if current.state == ChargeState.review:
        (learn if given is None else learn_refund)(ports, organisation_id, row_id, record.outcome, Actor.janitor)
    else:
        ports.database.run(organisation_id, lambda session: _look_now(session, row_id, now))
        (resolve if given is None else resolve_refund)(ports, organisation_id, row_id)
    with ports.database.read(organisation_id) as session:
        ended: Charge | Refund | None = refund.by_id(session, row_id) or charge.by_id(session, row_id)
    return Difference.still_open if ended is None or ended.state in OPEN_STATES else Difference.adopted


def _look_now(session: Session, row_id: str, now: datetime) -> None:
    """Puts the janitor's next look forward to now."""
    given, row = refund.by_id(session, row_id), charge.by_id(session, row_id)
    found = given or row
    if found is None:
        return
    account.lock(session, found.account_id)
    current = charge.lock(session, row_id) if given is None else refund.lock(session, row_id)
    current.next_try_at = min(current.next_try_at, now)


def _write_again(ports: Ports, organisation_id: str, record: GatewayRecord) -> Difference | None:
    """A sale under our name without a row: after a restore. Its obligation says what it was for."""
    taken = record.outcome.kind is OutcomeKind.succeeded
    written = ports.database.run(organisation_id, lambda session: _rewrite(session, record, ports.clock.now()))
    if isinstance(written, Difference):
        return written if taken else None  # nothing was taken, so nothing is missing
    outcome = record.outcome
    if record.status == "voided":  # taken and given back: first the one, then the other
        outcome = replace(outcome, kind=OutcomeKind.succeeded)
    learn(ports, organisation_id, written, outcome, Actor.janitor)
    if record.status == "voided":
        _voided_there(ports, organisation_id, record, written)
    return Difference.written_again


def _rewrite(session: Session, record: GatewayRecord, now: datetime) -> str | Difference:
    """The id of the charge, written again as unknown; or why it cannot be."""
    name = our_name(record.order_id)
    due = obligation.by_id(session, name.subject_id) if name else None
    if name is None or due is None:
        return Difference.obligation_missing
    owed_on = account.lock(session, due.account_id)
    due = obligation.fresh(session, due.id)
    known = charge.by_order_id(session, record.order_id)
    if known is not None:
        return known.id
    attempts = charge.of_obligation(session, due.id)
    if any(attempt.state not in DEFINITE_FAILURES for attempt in attempts):
        return Difference.charged_twice
    held_cents = due.amount_cents + due.forgiven_cents
    may_be_taken = record.outcome.kind is not OutcomeKind.declined
    if may_be_taken:
        owe_taken(session, due, owed_on, now)
    if may_be_taken and held_cents > owed_on.balance_cents - charge.held_cents(session, owed_on.id):
        return Difference.cannot_be_booked
    method = payment_method.by_token(session, record.token) if record.token else None
    require_legal(None, ChargeState.sending, Actor.claim)
    require_legal(ChargeState.sending, ChargeState.unknown, Actor.janitor)
    row = Charge(
        organisation_id=due.organisation_id,
        obligation_id=due.id,
        account_id=due.account_id,
        customer_id=due.customer_id,
        n=name.n,
        state=ChargeState.unknown.value,
        order_id=record.order_id,
        is_keyed=settings(session).is_on("idempotency_keys"),
        request_sha256="written again",  # what was asked is not known any more, so it is never asked again
        amount_cents=due.amount_cents,
        held_cents=held_cents,
        currency=due.currency,
        payment_method_id=method.id if method is not None and method.customer_id == due.customer_id else None,
        card_brand=record.card_brand,
        card_last4=record.card_last4,
        lease_until=record.created_at,
        send_deadline=record.created_at,
        sent_at=record.created_at,
        next_try_at=now,
        claimed_at=record.created_at,
    )
    session.add(row)
    session.flush()
    due.status = "charging"
    due.version += 1
    note(session, BY, "charge_written_again", row.id, now, obligation_id=due.id, gateway_id=record.gateway_id)
    return row.id


def _voided_there(ports: Ports, organisation_id: str, record: GatewayRecord, row_id: str) -> Difference:
    """Voided by somebody at the gateway: booked as if we had."""
    return _book_given_back(ports, organisation_id, record, row_id, RefundWay.void)


def _payment_lost(ports: Ports, organisation_id: str, record: GatewayRecord, row_id: str) -> Difference:
    """Taken and never paid out: what was not given back meanwhile is owed again."""

    def work(session: Session) -> None:
        found = charge.by_id(session, row_id)
        if found is None:
            raise AssertionError(f"no charge {row_id}")
        owed_on = account.lock(session, found.account_id)
        row = charge.lock(session, row_id)
        now = ports.clock.now()
        if row.gateway_status == record.status:
            return
        row.gateway_status = record.status
        lost_cents = row.amount_cents - given_back_cents(session, row.id)
        if lost_cents > 0:
            key = f"payment_lost:{row.id}"
            post(
                session, owed_on, Recipe.payment_lost, lost_cents,
                event_key=key, posted_at=now, posted_by=BY, charge_id=row.id,
            )  # fmt: skip
            if lost_cents == row.amount_cents:
                restore_settlement(session, row, owed_on, BY, now)
        session.add(_fact(row, record, "lost", now))
        note(session, BY, "payment_lost", row.id, now, amount_cents=lost_cents)
        # here, not with the other differences: from now on this is none any more, and nobody would hear of it
        lost = Difference.payment_lost.value
        raise_alarm(
            session, f"reconcile_{lost}", row.id, now, difference=lost, amount_cents=record.amount_cents,
            gateway_id=record.gateway_id, order_id=record.order_id, status=record.status, row_id=row.id,
        )  # fmt: skip

    ports.database.run(organisation_id, work)
    return Difference.payment_lost


# --- credits -----------------------------------------------------------------------------------------------------


def _refunded_there(ports: Ports, organisation_id: str, record: GatewayRecord, row_id: str) -> Difference:
    """A credit that we have no row of: made at the gateway by hand, or by us before a restore."""
    return _book_given_back(ports, organisation_id, record, row_id, RefundWay.refund)


def _book_given_back(
    ports: Ports, organisation_id: str, record: GatewayRecord, charge_id: str, way: RefundWay
) -> Difference:
    def work(session: Session) -> Refund:
        found = charge.by_id(session, charge_id)
        if found is None:
            raise AssertionError(f"no charge {charge_id}")
        account.lock(session, found.account_id)
        paid = charge.lock(session, charge_id)
        now = ports.clock.now()
        name = our_name(record.order_id) if way is RefundWay.refund else None
        if name is not None and refund.of_request(session, name.subject_id):
            name = None
        request_key = name.subject_id if name else f"{way.value}-{record.gateway_id}"
        known = refund.of_request(session, request_key)
        if known:
            return known[-1]
        for wish in refund.of_charge(session, charge_id):
            if wish.way == way == RefundWay.void and wish.state in OPEN_STATES:
                return wish  # ours, and only its answer was lost
        require_legal(None, ChargeState.sending, Actor.claim)
        row = Refund(
            organisation_id=paid.organisation_id,
            request_key=request_key,
            n=name.n if name else 1,
            charge_id=paid.id,
            account_id=paid.account_id,
            customer_id=paid.customer_id,
            way=way.value,
            state=ChargeState.sending.value,
            order_id=record.order_id if name else f"{paid.organisation_id}-{request_key}-1",
            is_keyed=False,
            amount_cents=record.amount_cents,
            currency=paid.currency,
            reopens_balance=settings(session).is_on("refunds_reopen_balance"),
            asked_by="gateway",
            lease_until=now,
            send_deadline=now,
            sent_at=record.created_at,
            next_try_at=now,
            claimed_at=now,
        )
        session.add(row)
        session.flush()
        note(session, BY, "refund_adopted", row.id, now, charge_id=paid.id, gateway_id=record.gateway_id)
        return row

    row = ports.database.run(organisation_id, work)
    learn_refund(ports, organisation_id, row.id, _as_given(record, row), Actor.janitor)
    return Difference.voided_there if way is RefundWay.void else Difference.refunded_there


def _refund_undone(ports: Ports, organisation_id: str, record: GatewayRecord, row_id: str) -> Difference:
    """A credit that was accepted and not paid out: the entries of the refund are taken back."""
    learn_refund(ports, organisation_id, row_id, record.outcome, Actor.gateway)
    return Difference.refund_undone


def _as_given(record: GatewayRecord, row: Refund) -> Outcome:
    """The success of a row that was named after the gateway's entry, not the other way round."""
    return replace(record.outcome, kind=OutcomeKind.succeeded, order_id=row.order_id)


def _fact(row: Charge, record: GatewayRecord, outcome: str, now: datetime) -> GatewayFact:
    return GatewayFact(
        organisation_id=row.organisation_id,
        charge_id=row.id,
        gateway_id=record.gateway_id,
        status=record.status,
        outcome=outcome,
        source=BY,
        facts={},
        heard_at=now,
    )


_MENDS: dict[Difference, Mend] = {
    Difference.adopted: _adopt,
    Difference.voided_there: _voided_there,
    Difference.refunded_there: _refunded_there,
    Difference.refund_undone: _refund_undone,
    Difference.payment_lost: _payment_lost,
}
