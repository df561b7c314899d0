"""The common way to charge: read, call, write, try again on an error. The control of the rig: it must charge twice.

Used by the rig alone. It takes the same gateway, ledger and faults as ours; only claim, key and search are missing.
"""

import uuid
from datetime import timedelta

from portal.domain.card import SaleRequest
from portal.domain.charge import OutcomeKind
from portal.domain.ledger import Recipe
from portal.storage import account, obligation, payment_method
from portal.usecases.failpoint import failpoint
from portal.usecases.ledger import post
from portal.usecases.ports import Ports

TRIES = 3


def charge_naively(ports: Ports, organisation_id: str, obligation_id: str, timeout: timedelta) -> None:
    """Charges an obligation that reads as due, and writes down that it is paid."""
    for _ in range(TRIES):
        with ports.database.read(organisation_id) as session:
            due = obligation.by_id(session, obligation_id)
            assert due is not None
            method = payment_method.owned_by(session, due.payment_method_id or "", due.customer_id)
        if due.status != "due":
            return
        assert method is not None
        failpoint("send.before_write")
        outcome = ports.gateways.of(organisation_id).sale(
            SaleRequest(
                order_id=f"{organisation_id}-{obligation_id}-{uuid.uuid4().hex}",
                is_keyed=False,
                amount_cents=due.amount_cents,
                currency=due.currency,
                token=method.token,
            ),
            timeout,
        )
        failpoint("send.after_reply")
        if outcome.kind in (OutcomeKind.succeeded, OutcomeKind.declined):
            break
    else:
        return
    with ports.database.transaction(organisation_id) as session:
        owed = account.lock(session, due.account_id)
        row = obligation.fresh(session, obligation_id)
        row.status = "paid" if outcome.kind is OutcomeKind.succeeded else "declined"
        if outcome.kind is OutcomeKind.succeeded:
            post(
                session, owed, Recipe.payment_taken, due.amount_cents, event_key=f"naive:{uuid.uuid4().hex}",
                posted_at=ports.clock.now(), posted_by="naive",
            )  # fmt: skip
        session.flush()
        failpoint("apply.before_commit")
    failpoint("apply.after_commit")
