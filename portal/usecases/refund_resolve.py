"""One refund without an answer is brought to an end: look at the sale and its credits, then adopt, wait, or send again.

Called by the janitor. Never guesses: nothing found before the quarantine is over proves nothing. A void is a move of
the sale itself, so sending it again is always safe; a credit is sent again only under its key.
"""

from collections.abc import Sequence
from datetime import datetime

from portal.domain.card import GatewayRecord, GatewayRefused, GatewayUnreachable, RecordKind, RefundRequest
from portal.domain.charge import Actor, ChargeState, Outcome, OutcomeKind, require_legal
from portal.domain.refund import VOIDABLE, RefundWay
from portal.storage import Session, account, charge, hold, refund
from portal.storage.refund import Refund
from portal.usecases.alarm import raise_alarm, raise_refused
from portal.usecases.failpoint import failpoint
from portal.usecases.organisation import record
from portal.usecases.outcome import NOTHING_HAPPENED, reschedule
from portal.usecases.ports import Gateway, Ports
from portal.usecases.refund import ClaimedRefund, learn_refund, send_refund


def resolve_refund(ports: Ports, organisation_id: str, refund_id: str) -> None:
    """Takes one step with a refund that is `sending` past its lease, or `unknown` and due for another look."""
    doubted = _doubt(ports, organisation_id, refund_id)
    if doubted is None:
        return
    row, sale_gateway_id = doubted
    ports.database.require_no_transaction()
    try:
        gateway = ports.gateways.of(organisation_id)
        sale = gateway.find(sale_gateway_id)
        known = _voided(sale) if row.way == RefundWay.void else _credited(ports, gateway, row, sale)
    except (GatewayUnreachable, GatewayRefused) as error:
        if isinstance(error, GatewayRefused):  # does not come back by itself
            raise_refused(ports, organisation_id, error.reason)
        _wait(ports, row)
        return
    if known is not None:
        learn_refund(ports, organisation_id, refund_id, known, Actor.janitor)
    elif not _old_enough(ports, row):
        _wait(ports, row)
    elif row.way == RefundWay.void and (sale is None or sale.status not in VOIDABLE):
        _end(ports, row, ChargeState.never_received, "settled_meanwhile")
    elif row.way == RefundWay.void or (
        row.is_keyed and ports.clock.now() - row.claimed_at < ports.timing.resend_horizon
    ):
        _resend(ports, row, sale_gateway_id)
    elif ports.clock.now() - row.claimed_at >= ports.timing.unkeyed_wait:
        _end(ports, row, ChargeState.review, "not_found_without_key")
    else:
        _wait(ports, row)


def _doubt(ports: Ports, organisation_id: str, refund_id: str) -> tuple[Refund, str] | None:
    """The refund as `unknown` and its sale, its next look put off so that a rival janitor leaves it alone."""

    def work(session: Session) -> tuple[Refund, str] | None:
        found = refund.by_id(session, refund_id)
        if found is None:
            return None
        account.lock(session, found.account_id)
        paid = charge.lock(session, found.charge_id)
        row = refund.lock(session, refund_id)
        now = ports.clock.now()
        if row.state not in {ChargeState.sending, ChargeState.unknown} or row.next_try_at > now:
            return None
        if row.state == ChargeState.sending:
            if row.lease_until > now:
                return None
            require_legal(ChargeState.sending, ChargeState.unknown, Actor.janitor)
            row.state = ChargeState.unknown.value
            record(session, "janitor", "refund_unknown", row.id, now)
        reschedule(row, now, ports.timing)
        return row, paid.gateway_id or ""

    return ports.database.run(organisation_id, work)


def _voided(sale: GatewayRecord | None) -> Outcome | None:
    """The void's success, once the sale says so."""
    if sale is None or sale.status != "voided":
        return None
    return Outcome(
        OutcomeKind.succeeded,
        gateway_id=sale.gateway_id,
        status=sale.status,
        amount_cents=sale.outcome.amount_cents,
        currency=sale.outcome.currency,
        order_id=sale.order_id,
    )


def _credited(ports: Ports, gateway: Gateway, row: Refund, sale: GatewayRecord | None) -> Outcome | None:
    """What the credits under our name say, found by the search and, without its delay, through the sale."""
    hits = {hit.gateway_id: hit for hit in gateway.records(row.order_id) if hit.kind is RecordKind.credit}
    for gateway_id in sale.refund_gateway_ids if sale else ():
        credit = hits.get(gateway_id) or gateway.find(gateway_id)
        if credit is not None and credit.order_id == row.order_id:
            hits[gateway_id] = credit
    found = sorted(hits.values(), key=lambda hit: (hit.created_at, hit.gateway_id))
    given = [hit for hit in found if hit.outcome.kind is OutcomeKind.succeeded]
    if given:
        _take_back_twins(ports, gateway, row, given[1:])
        return given[0].outcome
    if any(hit.outcome.kind is OutcomeKind.unknown for hit in found):
        return None
    return found[0].outcome if found else None


def _take_back_twins(ports: Ports, gateway: Gateway, row: Refund, twins: Sequence[GatewayRecord]) -> None:
    """A second credit for one wish must not be: void it and call a person (M11 is broken)."""
    for twin in twins:
        try:
            voided = gateway.void(twin.gateway_id)
        except GatewayUnreachable:
            voided = False

        def work(session: Session, twin: GatewayRecord = twin, voided: bool = voided) -> None:
            subject = f"{row.id}:{twin.gateway_id}"
            raise_alarm(
                session, "refunded_twice", subject, ports.clock.now(), gateway_id=twin.gateway_id, voided=voided
            )

        ports.database.run(row.organisation_id, work)


def _old_enough(ports: Ports, row: Refund) -> bool:
    """Whether nothing found means nothing there: the quarantine is over since it was last sent."""
    last_sent_at = row.lease_until - ports.timing.lease_margin
    return ports.clock.now() - max(last_sent_at, row.sent_at or last_sent_at) >= ports.timing.quarantine


def _wait(ports: Ports, row: Refund) -> None:
    """Looked in vain: after the last planned look a person is told, and looking goes on."""
    if row.tries < len(ports.timing.resolve_tries):
        return

    def work(session: Session) -> None:
        raise_alarm(session, "refund_unresolved", row.id, ports.clock.now(), tries=row.tries)

    ports.database.run(row.organisation_id, work)


def _resend(ports: Ports, row: Refund, sale_gateway_id: str) -> None:
    """The same request again: under its key the gateway makes of both one credit at most, and a sale is voided once."""
    failpoint("sweep.before_resend")

    def work(session: Session) -> ClaimedRefund | None:
        account.lock(session, row.account_id)
        current = refund.lock(session, row.id)
        now = ports.clock.now()
        if current.state != ChargeState.unknown or current.tries != row.tries or hold.standing(session) is not None:
            return None
        require_legal(ChargeState.unknown, ChargeState.sending, Actor.janitor)
        current.state = ChargeState.sending.value
        current.lease_until = now + ports.timing.lease(ports.timing.worker_timeout)
        current.send_deadline = now + ports.timing.send_window
        current.next_try_at = current.lease_until
        record(session, "janitor", "refund_resent", current.id, now)
        request = RefundRequest(
            way=RefundWay(current.way),
            order_id=current.order_id,
            is_keyed=current.is_keyed,
            sale_gateway_id=sale_gateway_id,
            amount_cents=current.amount_cents,
            currency=current.currency,
        )
        return ClaimedRefund(current.organisation_id, current.id, request, current.send_deadline)

    claimed = ports.database.run(row.organisation_id, work)
    if claimed is None:
        return
    outcome = send_refund(ports, claimed, ports.timing.worker_timeout)
    if outcome is None:
        return
    if outcome.kind in NOTHING_HAPPENED:  # to this request; the first one may still turn up
        outcome = Outcome(OutcomeKind.unknown, reason=outcome.reason, detail=outcome.detail)
    learn_refund(ports, claimed.organisation_id, claimed.refund_id, outcome, Actor.janitor)


def _end(ports: Ports, row: Refund, state: ChargeState, reason: str) -> None:
    """Nothing was given back, or nobody but a person may say so; either way a person is told."""

    def work(session: Session) -> None:
        account.lock(session, row.account_id)
        current = refund.lock(session, row.id)
        now: datetime = ports.clock.now()
        if current.state != ChargeState.unknown or current.tries != row.tries:
            return
        require_legal(ChargeState.unknown, state, Actor.janitor)
        current.state, current.reason = state.value, reason
        current.resolved_at, current.resolved_by = now, Actor.janitor.value
        record(session, "janitor", f"refund_{state.value}", current.id, now, reason=reason)
        kind = "refund_review" if state is ChargeState.review else "refund_not_made"
        raise_alarm(session, kind, current.id, now, reason=reason)

    ports.database.run(row.organisation_id, work)
