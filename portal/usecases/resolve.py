"""One charge without an answer is brought to an end: search, then adopt, wait, resend, burn, or hand to a person.

Called by the janitor. Never guesses: nothing found before the quarantine is over proves nothing, and a resend
carries the same key and the same parameters, so the gateway makes of it one sale at most.
"""

from collections.abc import Sequence
from datetime import datetime

from portal.domain.card import GatewayRefused, GatewayUnreachable, SaleRequest
from portal.domain.charge import Actor, ChargeState, Outcome, OutcomeKind, require_legal
from portal.storage import Session, account, charge, hold, obligation, payment_method
from portal.storage.charge import Charge
from portal.usecases.alarm import raise_alarm, raise_refused
from portal.usecases.charge import Claimed, digest, learn, send
from portal.usecases.failpoint import failpoint
from portal.usecases.organisation import record
from portal.usecases.outcome import NOTHING_HAPPENED, refuse_obligation, reschedule, stop_using_keys
from portal.usecases.ports import Gateway, Ports
from portal.usecases.rule import is_stopped


def resolve(ports: Ports, organisation_id: str, charge_id: str) -> None:
    """Takes one step with a charge that is `sending` past its lease, or `unknown` and due for another look."""
    row = _doubt(ports, organisation_id, charge_id)
    if row is None:
        return
    failpoint("sweep.after_lease")
    ports.database.require_no_transaction()
    try:
        gateway = ports.gateways.of(organisation_id)
        hits = gateway.search(row.order_id)
    except (GatewayUnreachable, GatewayRefused) as error:
        _unanswered(ports, row, error)
        return
    failpoint("sweep.after_search")
    known = _adoptable(ports, gateway, row, hits)
    if known is not None:
        learn(ports, organisation_id, charge_id, known, Actor.janitor)
    elif hits or not _old_enough(ports, row):
        _wait(ports, row, hits=bool(hits))
    elif row.payment_method_id is None:
        _burn(ports, gateway, row)
    elif row.is_keyed and ports.clock.now() - row.claimed_at < ports.timing.resend_horizon:
        _resend(ports, row)
    elif ports.clock.now() - row.claimed_at >= ports.timing.unkeyed_wait:
        _hand_to_a_person(ports, row, "not_found_without_key")
    else:
        _wait(ports, row, hits=False)


def _doubt(ports: Ports, organisation_id: str, charge_id: str) -> Charge | None:
    """The charge as `unknown`, its next look put off so that a rival janitor leaves it alone; None: nothing to do."""

    def work(session: Session) -> Charge | None:
        found = charge.by_id(session, charge_id)
        if found is None:
            return None
        account.lock(session, found.account_id)
        row = charge.lock(session, charge_id)
        now = ports.clock.now()
        if row.state not in {ChargeState.sending, ChargeState.unknown} or row.next_try_at > now:
            return None
        if row.state == ChargeState.sending:
            if row.lease_until > now:
                return None
            require_legal(ChargeState.sending, ChargeState.unknown, Actor.janitor)
            row.state = ChargeState.unknown.value
            record(session, "janitor", "charge_unknown", row.id, now)
        reschedule(row, now, ports.timing)
        return row

    return ports.database.run(organisation_id, work)


def _old_enough(ports: Ports, row: Charge) -> bool:
    """Whether nothing found means nothing there: the quarantine is over since it was last sent."""
    return ports.clock.now() - _last_sent_at(ports, row) >= ports.timing.quarantine


def _last_sent_at(ports: Ports, row: Charge) -> datetime:
    """The latest moment a sender may have written to the gateway."""
    last_sent_at = row.lease_until - ports.timing.lease_margin
    return max(last_sent_at, row.sent_at or last_sent_at)


def _adoptable(ports: Ports, gateway: Gateway, row: Charge, hits: Sequence[Outcome]) -> Outcome | None:
    """What the hits say: the oldest success, else an ending without one, else nothing yet. Twins are taken back."""
    taken = [hit for hit in hits if hit.kind is OutcomeKind.succeeded]
    if taken:
        for twin in taken[1:]:
            _take_back(ports, gateway, row, twin)
        return taken[0]
    if any(hit.kind is OutcomeKind.unknown for hit in hits):
        return None
    endings = [hit for hit in hits if hit.kind in {OutcomeKind.review, OutcomeKind.declined}]
    return endings[0] if endings else None


def _take_back(ports: Ports, gateway: Gateway, row: Charge, twin: Outcome) -> None:
    """A second success for one obligation must not be: void it and call a person (M1 is broken)."""
    try:
        voided = gateway.void(twin.gateway_id or "")
    except GatewayUnreachable:
        voided = False

    def work(session: Session) -> None:
        raise_alarm(
            session, "charged_twice", f"{row.id}:{twin.gateway_id}", ports.clock.now(),
            gateway_id=twin.gateway_id, voided=voided,
        )  # fmt: skip

    ports.database.run(row.organisation_id, work)


def _wait(ports: Ports, row: Charge, *, hits: bool) -> None:
    """Looked in vain. After the last planned look a person is told and looking goes on; what the gateway has and will
    not end (rejected as the twin of a sale that never shows) is theirs to decide.
    """
    if row.tries < len(ports.timing.resolve_tries):
        return
    if hits:
        _hand_to_a_person(ports, row, "found_without_ending")
        return

    def work(session: Session) -> None:
        raise_alarm(session, "charge_unresolved", row.id, ports.clock.now(), tries=row.tries)

    ports.database.run(row.organisation_id, work)


def _unanswered(ports: Ports, row: Charge, error: GatewayUnreachable | GatewayRefused) -> None:
    """No answer: a silent gateway comes back by itself, one that refuses us does not, so a person is told at once."""
    if isinstance(error, GatewayRefused):
        raise_refused(ports, row.organisation_id, error.reason)
    _wait(ports, row, hits=False)


def _resend(ports: Ports, row: Charge) -> None:
    """The same request under the same key: the gateway answers with the first sale, or makes it now, once."""
    failpoint("sweep.before_resend")

    def work(session: Session) -> Claimed | None:
        owed_on = account.lock(session, row.account_id)
        current = charge.lock(session, row.id)
        now = ports.clock.now()
        if current.state != ChargeState.unknown or current.tries != row.tries:
            return None
        if hold.standing(session) is not None:  # searching goes on, sending does not
            return None
        if current.cancel_requested_at is not None:  # not wanted any more: looked for twice as long, never sent again
            if now - _last_sent_at(ports, current) >= 2 * ports.timing.quarantine:
                _end_unreceived(session, current, "never_received", now)
            return None
        if is_stopped(session, obligation.fresh(session, current.obligation_id), owed_on, now):
            return None  # as under a hold
        method = payment_method.owned_by(session, current.payment_method_id or "", current.customer_id)
        if method is None:  # removed meanwhile: not wanted any more
            _end_unreceived(session, current, "method_gone", now)
            return None
        request = SaleRequest(
            order_id=current.order_id,
            is_keyed=current.is_keyed,
            amount_cents=current.amount_cents,
            currency=current.currency,
            token=method.token,
            source=current.source,
        )
        if digest(request) != current.request_sha256:
            raise AssertionError(f"charge {current.id}: a resend would ask for something else")
        require_legal(ChargeState.unknown, ChargeState.sending, Actor.janitor)
        current.state = ChargeState.sending.value
        current.lease_until = now + ports.timing.lease(ports.timing.worker_timeout)
        current.send_deadline = now + ports.timing.send_window
        current.next_try_at = current.lease_until
        record(session, "janitor", "charge_resent", current.id, now)
        return Claimed(current.organisation_id, current.id, request, current.send_deadline, current.obligation_id)

    claimed = ports.database.run(row.organisation_id, work)
    if claimed is None:
        return
    outcome = send(ports, claimed, ports.timing.worker_timeout)
    if outcome is None:
        return
    if outcome.kind is OutcomeKind.key_refused:
        ports.database.run(row.organisation_id, lambda session: _go_on_unkeyed(session, row, ports))
    if outcome.kind in NOTHING_HAPPENED:  # to this request; the first one may still turn up
        outcome = Outcome(OutcomeKind.unknown, reason=outcome.reason, detail=outcome.detail)
    learn(ports, claimed.organisation_id, claimed.charge_id, outcome, Actor.janitor)


def _go_on_unkeyed(session: Session, row: Charge, ports: Ports) -> None:
    """A key that is refused protects no resend: from here on it is searched for only, as if sent without one."""
    account.lock(session, row.account_id)
    charge.lock(session, row.id).is_keyed = False
    stop_using_keys(session, row.organisation_id, ports.clock.now())


def _burn(ports: Ports, gateway: Gateway, row: Charge) -> None:
    """A typed card that was not kept is never sent again. Its nonce is made useless first, so that a sender frozen
    since then can do nothing with it either; only then is the charge called never received.

    Three commits apart, each repeatable: burned, card forgotten at the gateway, ended.
    """
    token = f"b{row.id}"
    try:
        if row.burned_at is None:
            with ports.database.read(row.organisation_id) as session:
                due = obligation.by_id(session, row.obligation_id)
            if due is not None and due.card_nonce is not None:
                if not gateway.burn(row.customer_id, token, due.card_nonce):
                    _used_but_unfound(ports, row)
                    return
                failpoint("sweep.after_burn")
                ports.database.run(row.organisation_id, lambda session: _mark_burned(session, row, ports))
        gateway.forget_card(token)
    except (GatewayUnreachable, GatewayRefused) as error:
        _unanswered(ports, row, error)
        return

    def work(session: Session) -> None:
        account.lock(session, row.account_id)
        current = charge.lock(session, row.id)
        if current.state == ChargeState.unknown and current.tries == row.tries:
            _end_unreceived(session, current, "never_received", ports.clock.now())

    ports.database.run(row.organisation_id, work)


def _mark_burned(session: Session, row: Charge, ports: Ports) -> None:
    account.lock(session, row.account_id)
    charge.lock(session, row.id).burned_at = ports.clock.now()


def _used_but_unfound(ports: Ports, row: Charge) -> None:
    """Somebody used the nonce and the search does not show it: the index may be late, so look on; then a person."""

    def work(session: Session) -> None:
        account.lock(session, row.account_id)
        current = charge.lock(session, row.id)
        now = ports.clock.now()
        current.used_at = current.used_at or now
        if current.state == ChargeState.unknown and now - current.used_at >= ports.timing.quarantine:
            _to_review(session, current, "used_but_not_found", now)

    ports.database.run(row.organisation_id, work)


def _end_unreceived(session: Session, current: Charge, refused_code: str, now: datetime) -> None:
    require_legal(ChargeState.unknown, ChargeState.never_received, Actor.janitor)
    current.state = ChargeState.never_received.value
    current.resolved_at, current.resolved_by = now, Actor.janitor.value
    record(session, "janitor", "charge_never_received", current.id, now)
    refuse_obligation(session, obligation.fresh(session, current.obligation_id), refused_code, now)


def _hand_to_a_person(ports: Ports, row: Charge, reason: str) -> None:
    """Nobody but a person may say how this ended: found without an ending, or never found and sent without a key."""

    def work(session: Session) -> None:
        account.lock(session, row.account_id)
        current = charge.lock(session, row.id)
        if current.state == ChargeState.unknown:
            _to_review(session, current, reason, ports.clock.now())

    ports.database.run(row.organisation_id, work)


def _to_review(session: Session, current: Charge, reason: str, now: datetime) -> None:
    require_legal(ChargeState.unknown, ChargeState.review, Actor.janitor)
    current.state = ChargeState.review.value
    current.reason = reason
    obligation.fresh(session, current.obligation_id).status = "review"
    record(session, "janitor", "charge_review", current.id, now, reason=reason)
    raise_alarm(session, "charge_review", current.id, now, reason=reason)
