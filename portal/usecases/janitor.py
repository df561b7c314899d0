"""The janitor: finds what a crash, a lost answer or a lost ring left behind, and brings it to an end.

Called by `worker.py clock` every few seconds; two or more may run; needs no Redis. Each row is handled under its
own short lock, questions to the gateway run with no transaction open and in a bounded pool, so one that hangs
stalls nothing else.
"""

import time
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta

import structlog

from portal.storage import Session, charge, dispute, erasure, message, notice, obligation, refund
from portal.usecases.charge import charge_obligation
from portal.usecases.charge_fails import call_if_stuck
from portal.usecases.dispute import look_again
from portal.usecases.erasure import go_on
from portal.usecases.invariants import Walk, check_some
from portal.usecases.notice import handle
from portal.usecases.outbox import deliver
from portal.usecases.ports import Ports
from portal.usecases.refund_look import look_at_refund
from portal.usecases.refund_resolve import resolve_refund
from portal.usecases.resolve import resolve

log = structlog.get_logger()

BATCH = 100
UNCLAIMED_AFTER = timedelta(seconds=60)  # a due obligation gets its ring first; then the janitor charges it itself
SHARE = 2  # threads of the pool for each list: a gateway that hangs leaves the others theirs
POOL = SHARE * 8  # eight lists
ROUND_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Sweep:
    """What one sweep touched, what it found broken, and how old the oldest thing still waiting is, in seconds."""

    resolved: int
    charged: int
    delivered: int
    broken: int
    oldest_open_seconds: float
    oldest_queued_seconds: float


def sweep(ports: Ports, pool: ThreadPoolExecutor, walk: Walk | None = None) -> Sweep:
    """One round. Never raises for one bad row: it is logged and comes again. `walk`: which accounts to check next."""
    now = ports.clock.now()
    with ports.database.across() as session:
        open_charges = charge.open_and_due(session, now, BATCH)
        open_refunds = refund.open_and_due(session, now, BATCH)
        stale = obligation.stale_due(session, now - _patience(ports), BATCH)
        queued = message.queued_and_due(session, now, BATCH)
        unhandled = notice.waiting_and_due(session, now, BATCH)
        undecided = dispute.undecided_and_due(session, now, BATCH)
        unsettled = refund.unsettled_and_due(session, now, BATCH)
        erased = erasure.open_and_due(session, now, BATCH)
    _all(
        pool,
        (open_charges, lambda organisation_id, row_id: resolve(ports, organisation_id, row_id)),
        (open_refunds, lambda organisation_id, row_id: resolve_refund(ports, organisation_id, row_id)),
        (stale, lambda organisation_id, row_id: _charge(ports, organisation_id, row_id)),
        (queued, lambda organisation_id, row_id: deliver(ports, organisation_id, row_id)),
        (unhandled, lambda organisation_id, row_id: handle(ports, organisation_id, row_id)),
        (undecided, lambda organisation_id, gateway_id: look_again(ports, organisation_id, gateway_id)),
        (unsettled, lambda organisation_id, row_id: look_at_refund(ports, organisation_id, row_id)),
        (erased, lambda organisation_id, row_id: go_on(ports, organisation_id, row_id)),
    )
    broken = check_some(ports, walk or Walk())
    with ports.database.across() as session:
        opened = [charge.oldest_open(session), refund.oldest_open(session)]
        oldest_open = min((at for at in opened if at is not None), default=None)
        oldest_queued = message.oldest_queued(session)
    return Sweep(
        resolved=len(open_charges) + len(open_refunds),
        charged=len(stale),
        delivered=len(queued),
        broken=broken,
        oldest_open_seconds=(now - oldest_open).total_seconds() if oldest_open else 0.0,
        oldest_queued_seconds=(now - oldest_queued).total_seconds() if oldest_queued else 0.0,
    )


def _patience(ports: Ports) -> timedelta:
    return min(UNCLAIMED_AFTER, ports.timing.quarantine)


def _charge(ports: Ports, organisation_id: str, obligation_id: str) -> None:
    """Sent to the back of its queue first, so that one which cannot be charged now keeps none behind it waiting."""
    now = ports.clock.now()

    def work(session: Session) -> list[str]:
        return obligation.hand_out(session, [obligation_id], now, now - _patience(ports))

    if not ports.database.run(organisation_id, work):
        return
    try:
        charge_obligation(ports, organisation_id, obligation_id, ports.timing.worker_timeout)
    except Exception as error:
        call_if_stuck(ports, organisation_id, obligation_id, error)
        raise


def _all(pool: ThreadPoolExecutor, *rounds: tuple[Iterable[tuple[str, str]], Callable[[str, str], object]]) -> None:
    """Works through every list at once, each with its share of the pool, so what hangs in one stalls no other.

    What is not begun after a minute is left to the next sweep, which also sees what came meanwhile.
    """
    until = time.monotonic() + ROUND_SECONDS
    lists = [(deque(rows), work) for rows, work in rounds]
    drains = [pool.submit(_drain, rows, work, until) for _ in range(SHARE) for rows, work in lists]
    for drain in drains:
        drain.result()


def _drain(rows: deque[tuple[str, str]], work: Callable[[str, str], object], until: float) -> None:
    while rows and time.monotonic() < until:
        try:
            organisation_id, row_id = rows.popleft()
        except IndexError:  # the last one went to another thread
            return
        try:
            work(organisation_id, row_id)
        except Exception as error:
            log.error("sweep_row_failed", organisation_id=organisation_id, row_id=row_id, exc_info=error)
