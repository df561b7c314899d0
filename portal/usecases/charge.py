"""ONE CHARGE: claim (commit), send (no transaction open), apply (commit), ring. The only way money is taken.

Called by the payment pages, by RQ jobs and by the janitor, any number of times and all at once: the claim lets
one through. Every place where a process may die is a `failpoint`. What an outcome means for the books is in
`portal.usecases.outcome`, what may hold a claim in `portal.usecases.rule`, what becomes of an answer that never
came in `portal.usecases.janitor`.
"""

import hashlib
import json
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

from portal.domain.autopay import AUTOPAY
from portal.domain.card import GatewayRefused, KeepAnswer, KeepKind, SaleRequest
from portal.domain.charge import Actor, ChargeState, Outcome, OutcomeKind, Timing, order_id_of, require_legal
from portal.domain.refusal import Refused
from portal.storage import Session, account, charge, limit, obligation
from portal.storage.charge import Charge
from portal.storage.obligation import Obligation
from portal.storage.payment_method import PaymentMethod
from portal.storage.rows import new_id
from portal.usecases.alarm import raise_alarm
from portal.usecases.failpoint import failpoint
from portal.usecases.organisation import record
from portal.usecases.outcome import apply_outcome, refuse_obligation
from portal.usecases.ports import Ports
from portal.usecases.rule import CATCH_UP, DAY, Case, Standing, midnight
from portal.usecases.subscription_outcome import accrue

NOT_UP_TO_A_RULE = frozenset({"obligation_not_due", "obligation_early", "charge_live"})  # nothing to wait for anew


class AuthorizationMissing(Exception):
    """A scheduled payment without a sealed authorization came up for charging: a fault of ours, never a rule (C1)."""


@dataclass(frozen=True, slots=True)
class Claimed:
    """A committed claim: the right and the duty to send one request before `send_deadline`."""

    organisation_id: str
    charge_id: str
    request: SaleRequest
    send_deadline: datetime
    obligation_id: str


@dataclass(frozen=True, slots=True)
class ChargeResult:
    """How an obligation stands after a charge was tried; `state` is None when no attempt was made."""

    obligation_status: str
    state: ChargeState | None


def charge_obligation(ports: Ports, organisation_id: str, obligation_id: str, timeout: timedelta) -> ChargeResult:
    """Charges one obligation if it is due and nobody else is at it; quiet otherwise. Safe to call 0, 1 or 100 times."""
    if not keep_card_first(ports, organisation_id, obligation_id, timeout):
        return result_of(ports, organisation_id, obligation_id)
    for _ in range(2):  # a second time only when this merchant turns out not to be allowed keys (915231)
        try:
            claimed = claim(ports, organisation_id, obligation_id, timeout)
        except Refused:
            break
        outcome = send(ports, claimed, timeout)
        if outcome is None:
            break
        apply(ports, claimed, outcome)
        if outcome.kind is not OutcomeKind.key_refused:
            break
    return result_of(ports, organisation_id, obligation_id)


def result_of(ports: Ports, organisation_id: str, obligation_id: str) -> ChargeResult:
    """How an obligation stands now."""
    with ports.database.read(organisation_id) as session:
        row = obligation.by_id(session, obligation_id)
        if row is None:
            raise Refused("obligation_unknown")
        attempts = charge.of_obligation(session, obligation_id)
        return ChargeResult(row.status, ChargeState(attempts[-1].state) if attempts else None)


# --- A: claim ----------------------------------------------------------------------------------------------------


def claim(ports: Ports, organisation_id: str, obligation_id: str, timeout: timedelta) -> Claimed:
    """Commits the right to send one request, or raises Refused with the rule that held it. Nothing is sent here."""

    def work(session: Session) -> Claimed | Refused:
        claimed = claim_in(session, obligation_id, ports.clock.now(), ports.timing, timeout)
        session.flush()
        failpoint("claim.before_commit")
        return claimed

    claimed = ports.database.run(organisation_id, work)
    if isinstance(claimed, Refused):
        raise claimed
    failpoint("claim.after_commit")
    return claimed


def claim_in(
    session: Session, obligation_id: str, now: datetime, timing: Timing, timeout: timedelta
) -> Claimed | Refused:
    """The claim in a transaction of the caller's, or the rule that ended the obligation, which is committed as well."""
    found = obligation.by_id(session, obligation_id)
    if found is None:
        raise Refused("obligation_unknown")
    owed_on = account.lock(session, found.account_id)
    due = obligation.fresh(session, obligation_id)  # read again: what stood before the lock may be old
    case = Case(session, due, owed_on, now)
    _on_its_card(case)
    accrue(session, due, case.subscription, owed_on, now)
    against = case.first_standing()
    if against is not None:
        return _obeyed(session, case, against)
    _count_missed(session, case)
    attempts, method = case.attempts, case.method
    request = SaleRequest(
        order_id=order_id_of(due.organisation_id, due.id, len(attempts) + 1),
        is_keyed=case.settings.is_on("idempotency_keys"),
        amount_cents=case.amount_cents,
        currency=due.currency,
        token=method.token if method else None,
        nonce=None if method else due.card_nonce,
        source=case.source,
    )
    require_legal(None, ChargeState.sending, Actor.claim)
    lease_until = now + timing.lease(timeout)
    row = Charge(
        id=new_id(),
        organisation_id=due.organisation_id,
        obligation_id=due.id,
        account_id=due.account_id,
        customer_id=due.customer_id,
        n=len(attempts) + 1,
        state=ChargeState.sending.value,
        order_id=request.order_id,
        is_keyed=request.is_keyed,
        request_sha256=digest(request),
        amount_cents=case.amount_cents,
        held_cents=case.held_cents,
        currency=due.currency,
        source=request.source,
        payment_method_id=method.id if method else None,
        card_brand=method.brand if method else due.card_brand,
        card_last4=method.last4 if method else due.card_last4,
        lease_until=lease_until,
        send_deadline=now + timing.send_window,
        next_try_at=lease_until,
        claimed_at=now,
    )
    session.add(row)
    due.status = "charging"
    due.hold_reason = due.hold_until = None
    due.version += 1
    record(
        session, "claim", "charge_claimed", row.id, now, obligation_id=due.id, n=row.n, amount_cents=row.amount_cents
    )
    return Claimed(due.organisation_id, row.id, request, row.send_deadline, due.id)


def _on_its_card(case: Case) -> None:
    """What was on its way when AutoPay's card was replaced, and was declined, goes on with the new one (M12)."""
    due, plan = case.due, case.plan
    if (
        plan is None
        or plan.made_by != AUTOPAY
        or due.status != "due"
        or plan.payment_method_id == due.payment_method_id
    ):
        return
    due.payment_method_id, due.agreement_id, due.retries = plan.payment_method_id, plan.agreement_id, 0
    if case.method is not None:
        due.card_brand, due.card_last4 = case.method.brand, case.method.last4


def _obeyed(session: Session, case: Case, against: Standing) -> Refused:
    """What a rule that stands does to an obligation: ends it, or lets it wait until the rule is asked again."""
    due, code = case.due, against.rule.code
    if code == "authorization_missing":
        raise AuthorizationMissing(due.id)
    if due.kind in against.rule.ends:
        refuse_obligation(session, due, code, case.now)
    elif not case.is_scheduled or code in NOT_UP_TO_A_RULE:
        raise Refused(code, **against.facts)
    else:
        due.hold_reason = code
        due.hold_until = due.due_at = against.until or case.now + against.rule.look_again
        due.handed_at = None
        due.version += 1
        record(session, "claim", "obligation_held", due.id, case.now, rule=code, until=due.due_at.isoformat())
    return Refused(code, **against.facts)


def _count_missed(session: Session, case: Case) -> None:
    """Counts a missed payment against the customer's day; of two claims at once only one can be the last."""
    if not case.is_scheduled or not case.is_missed:
        return
    charged = limit.count_up(session, CATCH_UP, case.due.customer_id, DAY, midnight(case.today))
    if charged > case.settings.number("catch_up_per_day"):
        limit.count_up(session, CATCH_UP, case.due.customer_id, DAY, midnight(case.today), by=-1)
        raise Refused("catching_up", charged=charged)


def digest(request: SaleRequest) -> str:
    """SHA-256 of what is asked; a resend must match it. A nonce counts by presence only: it is not kept."""
    plain = {**asdict(request), "nonce": request.nonce is not None}
    return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()


# --- B: send -----------------------------------------------------------------------------------------------------


def send(ports: Ports, claimed: Claimed, timeout: timedelta) -> Outcome | None:
    """Sends a claimed request; None when its window is over, and then only the janitor may go on with it."""
    failpoint("send.before_guard")
    ports.database.require_no_transaction()
    try:
        gateway = ports.gateways.of(claimed.organisation_id)
    except GatewayRefused as refused:
        return Outcome(OutcomeKind.not_sent, reason=refused.reason, stop_organisation=True)
    if ports.clock.now() > claimed.send_deadline:
        return None
    failpoint("send.before_write")
    outcome = gateway.sale(claimed.request, timeout)
    failpoint("send.after_reply")
    return outcome


# --- C and D: apply, then ring -----------------------------------------------------------------------------------


def apply(ports: Ports, claimed: Claimed, outcome: Outcome) -> None:
    """Commits what the answer to a claim's own request means."""
    learn(ports, claimed.organisation_id, claimed.charge_id, outcome, Actor.sender, claimed.send_deadline)


def learn(
    ports: Ports,
    organisation_id: str,
    charge_id: str,
    outcome: Outcome,
    actor: Actor,
    send_deadline: datetime | None = None,
) -> None:
    """Commits an outcome, once, however often and by whomever it is told; then rings for the messages it promised."""

    def work(session: Session) -> list[str]:
        promised = apply_outcome(session, charge_id, outcome, actor, ports.clock.now(), ports.timing, send_deadline)
        session.flush()
        failpoint("apply.before_commit")
        return promised

    promised = ports.database.run(organisation_id, work)
    failpoint("apply.after_commit")
    for message_id in promised:
        ports.doorbell.ring_message(organisation_id, message_id)


# --- before A: keep the card, when the customer asked for it ------------------------------------------------------


def keep_card_first(ports: Ports, organisation_id: str, obligation_id: str, timeout: timedelta) -> bool:
    """Keeps the typed card at the gateway first when that was ticked, so that a resend has equal parameters.

    The token is made from the obligation, so a repeat after a crash finds the same card. False when it is not known
    whether the card was kept: nothing may be charged then (the nonce may be used up), the obligation stays due and
    the janitor comes back.
    """
    with ports.database.read(organisation_id) as session:
        due = obligation.by_id(session, obligation_id)
    if due is None or due.status != "due" or due.keep_card_consent is None:
        return True
    if due.payment_method_id is not None or due.card_nonce is None:
        return True
    ports.database.require_no_transaction()
    try:
        answer = ports.gateways.of(organisation_id).keep_card(
            due.customer_id, kept_token(due.id), due.card_nonce, timeout
        )
    except GatewayRefused as refused:
        answer = KeepAnswer(KeepKind.refused, code=refused.reason)
    failpoint("keep.after_reply")
    if answer.kind is KeepKind.unknown:
        _say_that_it_waits(ports, due, answer.code)
        return False

    def work(session: Session) -> None:
        now = ports.clock.now()
        account.lock(session, due.account_id)
        row = obligation.fresh(session, obligation_id)
        if row.status != "due" or row.payment_method_id is not None:
            return
        if answer.kind is KeepKind.kept and answer.card is not None:
            row.payment_method_id = _kept_method(session, row, answer, now).id
            row.card_nonce = None
        elif answer.kind is KeepKind.refused:  # ends like a sale that our account may not make
            raise_alarm(session, "gateway_refuses_us", organisation_id, now, reason=answer.code)
            refuse_obligation(session, row, "not_sent", now, code=answer.code)
        else:
            refuse_obligation(session, row, f"card_{answer.kind.value}", now, code=answer.code)

    ports.database.run(organisation_id, work)
    return True


def _say_that_it_waits(ports: Ports, due: Obligation, reason: str | None) -> None:
    """A card that the gateway will say nothing about: after a while a person is told, and asking goes on."""
    now = ports.clock.now()
    if now - due.created_at < ports.timing.quarantine:
        return

    def work(session: Session) -> None:
        raise_alarm(session, "card_not_kept", due.id, now, reason=reason)

    ports.database.run(due.organisation_id, work)


def kept_token(obligation_id: str) -> str:
    """The gateway's token of a card kept with an obligation: 33 characters, within its 36."""
    return f"c{obligation_id}"


def _kept_method(session: Session, row: Obligation, answer: KeepAnswer, now: datetime) -> PaymentMethod:
    card = answer.card
    if card is None:
        raise AssertionError("a kept card has facts")
    method = PaymentMethod(
        organisation_id=row.organisation_id,
        customer_id=row.customer_id,
        token=kept_token(row.id),
        brand=card.brand,
        last4=card.last4,
        expires_month=card.expires_month,
        expires_year=card.expires_year,
        postal_code=card.postal_code,
        consent_text=row.keep_card_consent or "",
        saved_at=now,
    )
    session.add(method)
    session.flush()
    record(session, "customer", "card_kept", method.id, now, obligation_id=row.id)
    return method
