"""The run's own loop in the clock process: hands out what is due, charges what nobody claimed, tells what comes.

Started by `portal.jobs.timetable` beside the sweeps, so that neither waits for the other. Needs no Redis.
"""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import structlog
from prometheus_client import Gauge

from portal.storage import charge, obligation
from portal.usecases import plan_offer
from portal.usecases.autopay_announce import announce
from portal.usecases.ports import Ports
from portal.usecases.recurring import Handed, charge_unclaimed, hand_out_due
from portal.usecases.schedule_change import settle_unwanted
from portal.usecases.subscription_deadline import expire, finish, remind
from portal.usecases.upcoming import announce_upcoming, warn_of_ending_cards

log = structlog.get_logger()
Done = TypeVar("Done")

POOL = 8
BETWEEN_SECONDS = 5  # a payment waits this long for its hour to be noticed; an idle look is one index look-up
NOTICES_SECONDS = 600
NOTICES = (announce_upcoming, announce, warn_of_ending_cards, plan_offer.remind, remind, finish)
UNWANTED_BATCH = 100

WAITING = Gauge("paydoor_run_due_payments", "Scheduled payments that are due and not charged yet")
HANDED = Gauge("paydoor_run_handed_payments", "Payments handed to workers in the last round")
HELD_BACK = Gauge("paydoor_run_organisations_waiting", "Organisations whose rate or switch holds payments back")
UNCLAIMED = Gauge("paydoor_run_unclaimed_payments", "Payments no worker claimed, charged here in the last round")


def run(ports: Ports, stop: threading.Event) -> None:
    """Goes round until told to stop; a failed round is logged and the next one comes all the same."""
    notices_at = 0.0
    with ThreadPoolExecutor(POOL, thread_name_prefix="unclaimed") as pool:
        while not stop.is_set():
            try:
                round_once(ports, pool)
                if time.monotonic() >= notices_at:
                    for tell in NOTICES:
                        _apart(tell, ports)
                    notices_at = time.monotonic() + NOTICES_SECONDS
            except Exception as error:
                log.error("run_failed", exc_info=error)
            stop.wait(min(BETWEEN_SECONDS, ports.timing.sweep.total_seconds()))


def _apart(step: Callable[[Ports], Done], ports: Ports) -> Done | None:
    """One step of a round: what fails in it is logged and keeps none of the others from being done."""
    try:
        return step(ports)
    except Exception as error:
        log.error("run_step_failed", step=f"{step.__module__}.{step.__name__}", exc_info=error)
        return None


def round_once(ports: Ports, pool: ThreadPoolExecutor) -> None:
    """One round: hand out, charge what was left lying, give back what was cancelled on its way; each step apart."""

    def left_lying(ports: Ports) -> int:
        return charge_unclaimed(ports, pool)

    _apart(plan_offer.expire, ports)
    _apart(expire, ports)
    handed = _apart(hand_out_due, ports) or Handed(0, 0)
    unclaimed = _apart(left_lying, ports) or 0
    with ports.database.across() as session:
        waiting = obligation.count_due(session, ports.clock.now())
        unwanted = charge.unwanted(session, UNWANTED_BATCH, ports.clock.now())
    for organisation_id, charge_id in unwanted:
        try:
            settle_unwanted(ports, organisation_id, charge_id)
        except Exception as error:
            log.error("unwanted_failed", organisation_id=organisation_id, charge_id=charge_id, exc_info=error)
    WAITING.set(waiting)
    HANDED.set(handed.payments)
    HELD_BACK.set(handed.organisations_waiting)
    UNCLAIMED.set(unclaimed)
    if handed.payments or unclaimed:
        log.info("run_progress", handed=handed.payments, unclaimed=unclaimed, waiting=waiting)
