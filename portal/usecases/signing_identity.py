"""Who it is that opened a plan's link: the answer is taken, judged and counted, before a word of a plan is shown (C20).

Called by the agreement's page that asks. Moves no money and sends nothing.
"""

from datetime import timedelta

from portal.domain.refusal import Refused
from portal.domain.signing import IDENTITY_TRIES_PER_HOUR, knows
from portal.storage import Session
from portal.storage import limit as limits
from portal.usecases.ports import Ports
from portal.usecases.signing import look


def prove(ports: Ports, organisation_id: str, signing_id: str, secret: str, typed: str) -> None:
    """Takes the answer to who it is. Refused `identity_wrong`, `identity_resting`, `identity_missing`, `visit_over`.

    The same sentence for every wrong answer; each is counted for the customer, whichever link they come by.
    """

    def work(session: Session) -> Refused | None:
        now = ports.clock.now()
        walk = look(session, signing_id, secret, now, locked=True)
        if walk is None:
            return Refused("visit_over")
        method = walk.identity_method
        if method is None:
            return Refused("identity_unknown")
        if not typed.strip():
            return Refused("identity_missing")
        if (
            limits.count_up(session, "plan_identity", walk.customer.id, timedelta(hours=1), now)
            > IDENTITY_TRIES_PER_HOUR
        ):
            return Refused("identity_resting")
        on_file = walk.customer.postal_code if method == "zip" else walk.customer.phone
        if not knows(method, on_file or "", typed):
            return Refused("identity_wrong")
        walk.visit.identity_method, walk.visit.identity_proven_at = method, now
        walk.visit.version += 1
        return None

    refused = ports.database.run(organisation_id, work)  # a wrong answer is committed: it was counted
    if refused is not None:
        raise refused
