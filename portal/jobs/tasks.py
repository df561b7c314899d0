"""What RQ calls: one function a kind of row, with ids as its only arguments. Safe to run 0, 1 or 100 times.

The rows are read again by their ids in their own organisation: a job that names a foreign row finds nothing.
No retry is set on any job; the janitor owns retries.
"""

from concurrent.futures import ThreadPoolExecutor

import structlog
from prometheus_client import Counter

from portal.usecases import recurring
from portal.usecases.charge import charge_obligation
from portal.usecases.notice import handle
from portal.usecases.outbox import deliver
from portal.usecases.ports import Ports

log = structlog.get_logger()

CHARGED = Counter("paydoor_run_payments", "Scheduled payments this worker has charged, by how they ended", ["end"])
_installed: list[Ports] = []
_pools: list[ThreadPoolExecutor] = []


def install(ports: Ports) -> None:
    """Gives this process its ports; called once by worker.py before it takes jobs."""
    _installed[:] = [ports]


def _ports() -> Ports:
    if not _installed:
        raise RuntimeError("worker.py installs the ports before it takes jobs")
    return _installed[0]


def deliver_message(organisation_id: str, message_id: str) -> None:
    """Delivers one message of the outbox."""
    deliver(_ports(), organisation_id, message_id)


def deliver_messages(organisation_id: str, message_ids: list[str]) -> None:
    """Delivers what a batch of charges promised, one after the other: each that fails is left to the sweep."""
    for message_id in message_ids:
        try:
            deliver(_ports(), organisation_id, message_id)
        except Exception as error:
            log.error("delivery_failed", organisation_id=organisation_id, message_id=message_id, exc_info=error)


def charge_due(organisation_id: str, obligation_id: str) -> None:
    """Charges one obligation if it is due."""
    ports = _ports()
    charge_obligation(ports, organisation_id, obligation_id, ports.timing.worker_timeout)


def charge_batch(organisation_id: str, obligation_ids: list[str]) -> None:
    """Charges scheduled payments that were handed out, as many at once as this process has threads."""
    if not _pools:
        _pools.append(ThreadPoolExecutor(recurring.THREADS, thread_name_prefix="run"))
    done = recurring.charge_batch(_ports(), organisation_id, obligation_ids, _pools[0])
    for end in ("paid", "declined", "open", "other", "failed"):
        CHARGED.labels(end).inc(getattr(done, end))


def handle_notice(organisation_id: str, notice_id: str) -> None:
    """Looks at what a notice is about."""
    handle(_ports(), organisation_id, notice_id)
