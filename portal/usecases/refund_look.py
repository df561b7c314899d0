"""The daily look at a refund that was accepted and has not settled: did it reach the customer?

Called by the janitor, because a notice may be lost and the nightly comparison sees the last days only.
"""

from portal.domain.charge import ChargeState
from portal.domain.refund import LOOK_AGAIN, LOOK_SELDOM, SELDOM_AFTER
from portal.storage import Session, account, refund
from portal.usecases.ports import Ports
from portal.usecases.reconcile import take_in


def look_at_refund(ports: Ports, organisation_id: str, refund_id: str) -> None:
    """One look, put off first, so that rivals and a silent gateway do not repeat it.

    GatewayUnreachable, GatewayRefused.
    """

    def work(session: Session) -> str | None:
        found = refund.by_id(session, refund_id)
        now = ports.clock.now()
        if found is None or found.next_try_at > now:
            return None
        account.lock(session, found.account_id)
        row = refund.lock(session, refund_id)
        if row.state != ChargeState.succeeded or row.settled_at is not None or row.next_try_at > now:
            return None
        row.next_try_at = now + (LOOK_AGAIN if now - row.claimed_at < SELDOM_AFTER else LOOK_SELDOM)
        return row.gateway_id

    gateway_id = ports.database.run(organisation_id, work)
    if gateway_id is None:
        return
    ports.database.require_no_transaction()
    record = ports.gateways.of(organisation_id).find(gateway_id)
    if record is not None:
        take_in(ports, organisation_id, record)
