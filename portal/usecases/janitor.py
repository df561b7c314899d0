"""The janitor: finds what a crash, a lost answer or a lost ring left behind, and brings it to an end.

Called by `worker.py clock` every few seconds; two or more may run; needs no Redis. Each row is handled under its
own short lock, questions to the gateway run with no transaction open and in a bounded pool, so one that hangs
stalls nothing else.
"""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta

import structlog

from portal.storage import charge, message, obligation, refund
from portal.usecases.charge import charge_obligation
from portal.usecases.outbox import deliver
from portal.usecases.ports import Ports
from portal.usecases.refund_resolve import resolve_refund
from portal.usecases.resolve import resolve

log = structlog.get_logger()

BATCH = 100
UNCLAIMED_AFTER = timedelta(seconds=60)  # a due obligation gets its ring first; then the janitor charges it itself
POOL = 8


@dataclass(frozen=True, slots=True)
class Sweep:
    """What one sweep touched, and how old the oldest thing still waiting is, in seconds."""

    resolved: int
    charged: int
    delivered: int
    oldest_open_seconds: float
    oldest_queued_seconds: float


def sweep(ports: Ports, pool: ThreadPoolExecutor) -> Sweep:
    """One round. Never raises for one bad row: it is logged and comes again."""
    now = ports.clock.now()
    with ports.database.across() as session:
        open_charges = charge.open_and_due(session, now, BATCH)
        open_refunds = refund.open_and_due(session, now, BATCH)
        stale = obligation.stale_due(session, now - _patience(ports), BATCH)
        queued = message.queued_and_due(session, now, BATCH)
    _each(pool, open_charges, lambda organisation_id, charge_id: resolve(ports, organisation_id, charge_id))
    _each(pool, open_refunds, lambda organisation_id, refund_id: resolve_refund(ports, organisation_id, refund_id))
    _each(
        pool,
        stale,
        lambda organisation_id, obligation_id: charge_obligation(
            ports, organisation_id, obligation_id, ports.timing.worker_timeout
        ),
    )
    _each(pool, queued, lambda organisation_id, message_id: deliver(ports, organisation_id, message_id))
    with ports.database.across() as session:
        opened = [charge.oldest_open(session), refund.oldest_open(session)]
        oldest_open = min((at for at in opened if at is not None), default=None)
        oldest_queued = message.oldest_queued(session)
    return Sweep(
        resolved=len(open_charges) + len(open_refunds),
        charged=len(stale),
        delivered=len(queued),
        oldest_open_seconds=(now - oldest_open).total_seconds() if oldest_open else 0.0,
        oldest_queued_seconds=(now - oldest_queued).total_seconds() if oldest_queued else 0.0,
    )


def _patience(ports: Ports) -> timedelta:
    return min(UNCLAIMED_AFTER, ports.timing.quarantine)


def _each(pool: ThreadPoolExecutor, rows: Iterable[tuple[str, str]], work: Callable[[str, str], object]) -> None:
    waiting = [(pool.submit(work, *row), row) for row in rows]
    for future, (organisation_id, row_id) in waiting:
        error = future.exception()
        if error is not None:
            log.error("sweep_row_failed", organisation_id=organisation_id, row_id=row_id, exc_info=error)
