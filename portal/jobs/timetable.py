"""What runs when: the loop of the clock process. Two or more may run; none of it needs Redis.

Called by `worker.py clock`. The rounds themselves are use cases.
"""

import threading
from concurrent.futures import ThreadPoolExecutor

import structlog
from prometheus_client import Gauge

from portal.jobs.run import run as run_due
from portal.usecases.forget_counts import forget_counts
from portal.usecases.invariants import Walk
from portal.usecases.janitor import POOL, sweep
from portal.usecases.notice import forget_old
from portal.usecases.ports import Ports
from portal.usecases.reconcile_night import reconcile_nights

log = structlog.get_logger()

NIGHTS_SECONDS = 60.0

OLDEST_OPEN = Gauge("paydoor_oldest_open_charge_seconds", "Age of the oldest charge without an answer")
OLDEST_QUEUED = Gauge("paydoor_oldest_queued_message_seconds", "Age of the oldest undelivered message")
BROKEN = Gauge("paydoor_broken_invariants", "Things that do not agree in the books, as the last sweep saw them")
RECONCILED = Gauge(
    "paydoor_last_night_look_timestamp_seconds", "When it was last looked whose night it is to reconcile"
)
SWEPT = Gauge("paydoor_last_sweep_timestamp_seconds", "When the last sweep ended")


def run(ports: Ports, stop: threading.Event) -> None:
    """Sweeps until told to stop; a failed round is logged and the next one comes all the same."""
    walk = Walk()
    nights = threading.Thread(target=_nights, args=(ports, stop), name="nights", daemon=True)
    nights.start()
    due = threading.Thread(target=run_due, args=(ports, stop), name="run")
    due.start()
    with ThreadPoolExecutor(POOL, thread_name_prefix="janitor") as pool:
        while not stop.is_set():
            try:
                done = sweep(ports, pool, walk)
            except Exception as error:
                log.error("sweep_failed", exc_info=error)
            else:
                OLDEST_OPEN.set(done.oldest_open_seconds)
                OLDEST_QUEUED.set(done.oldest_queued_seconds)
                BROKEN.set(done.broken)
                SWEPT.set(ports.clock.now().timestamp())
                if done.resolved or done.charged or done.delivered:
                    log.info("swept", resolved=done.resolved, charged=done.charged, delivered=done.delivered)
            stop.wait(ports.timing.sweep.total_seconds())
    due.join()  # what it has begun to charge is finished first


def _nights(ports: Ports, stop: threading.Event) -> None:
    """Beside the sweeps, because comparing days with the gateway may take minutes. A night cut short is done again."""
    while not stop.is_set():
        try:
            done = reconcile_nights(ports)
            forget_old(ports)
            forget_counts(ports)
        except Exception as error:
            log.error("nights_failed", exc_info=error)
        else:
            RECONCILED.set(ports.clock.now().timestamp())
            if done:
                log.info("reconciled", organisations=done)
        stop.wait(NIGHTS_SECONDS)
