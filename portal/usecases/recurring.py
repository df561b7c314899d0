"""THE RUN: finds what is due, hands it out in small locked batches within each organisation's rate, charges in threads.

Called by the clock (`hand_out_due`, `charge_unclaimed`), by workers (`charge_batch`) and by an operator's hand
(`charge_due_now`). Any number of each may run:
they share the work through the database alone, Redis only hurries it. `portal.usecases.charge` takes the money.
"""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from portal.domain.charge import ChargeState
from portal.storage import Session, hold, limit, obligation, organisation
from portal.usecases.charge_many import charge_many
from portal.usecases.failpoint import failpoint
from portal.usecases.organisation import OrganisationSettings, settings_of
from portal.usecases.ports import Ports

log = structlog.get_logger()

SCAN = 500  # rows looked at in one question
BATCH = 500  # payments in one job: many turns of every thread of a worker, few enough to end before the job's time
ROUND_MAX = 20_000  # handed out in one round of the clock
THREADS = 32
CLAIMED_WITHIN = timedelta(seconds=60)  # handed out and still due after this: the clock charges it itself
HANDED_AGAIN_AFTER = timedelta(minutes=10)
UNCLAIMED_SECONDS = 10  # of each round, for what nobody claimed
MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Handed:
    """One round: payments handed out, and whether more wait because a rate or a stop holds an organisation back."""

    payments: int
    organisations_waiting: int


@dataclass(frozen=True, slots=True)
class BatchDone:
    """How the payments of one batch stand after it."""

    paid: int
    declined: int
    open: int
    other: int
    failed: int
    took: timedelta


@dataclass(frozen=True, slots=True)
class LeftDue:
    """What `charge_due_now` left: payments still due, and the rule or rate that stopped it, if one did."""

    payments: int
    stopped_by: str | None


def hand_out_due(ports: Ports) -> Handed:
    """Gives everything that is due to workers, oldest first, once, and no faster than each organisation allows."""
    now = ports.clock.now()
    waiting: set[str] = set()
    handed = 0
    while handed < ROUND_MAX:
        with ports.database.across() as session:
            rows = obligation.due_unhanded(session, now, now - HANDED_AGAIN_AFTER, SCAN, sorted(waiting))
        if not rows:
            break
        for organisation_id, ids in _by_organisation(rows).items():
            try:
                taken = _hand_out(ports, organisation_id, ids, now)
            except Exception as error:  # one that cannot be handed out makes no other wait
                log.error("not_handed_out", organisation_id=organisation_id, exc_info=error)
                taken = []
            handed += len(taken)
            if len(taken) < len(ids):  # stopped, out of its rate, or another clock is at it
                waiting.add(organisation_id)
            failpoint("run.after_hand_out")
            for start in range(0, len(taken), BATCH):
                ports.doorbell.ring_batch(organisation_id, taken[start : start + BATCH])
    return Handed(handed, len(waiting))


def _by_organisation(rows: Sequence[tuple[str, str]]) -> dict[str, list[str]]:
    grouped: dict[str, list[str]] = {}
    for organisation_id, obligation_id in rows:
        grouped.setdefault(organisation_id, []).append(obligation_id)
    return grouped


def _hand_out(ports: Ports, organisation_id: str, ids: list[str], now: datetime) -> list[str]:
    def work(session: Session) -> list[str]:
        rules = settings_of(session, organisation.by_id(session, organisation_id))
        if stopped_by(session, rules) is not None:
            return []
        allowed = _take_allowance(session, rules.number("charges_per_minute"), len(ids), now)
        if not allowed:
            return []
        taken = obligation.hand_out(session, ids[:allowed], now, now - HANDED_AGAIN_AFTER)
        if len(taken) < allowed:  # what others took meanwhile is not counted twice
            limit.count_up(session, "charges", organisation_id, MINUTE, now, by=len(taken) - allowed)
        return taken

    return ports.database.run(organisation_id, work)


def _take_allowance(session: Session, per_minute: int, wanted: int, now: datetime) -> int:
    """How many of `wanted` may go out in this minute; counted in the database, so all machines share one rate."""
    organisation_id = str(session.info["organisation_id"])
    before = limit.count_up(session, "charges", organisation_id, MINUTE, now, by=wanted) - wanted
    allowed = max(0, min(wanted, per_minute - before))
    if allowed < wanted:
        limit.count_up(session, "charges", organisation_id, MINUTE, now, by=allowed - wanted)
    return allowed


def stopped_by(session: Session, rules: OrganisationSettings) -> str | None:
    """What stops every charge of an organisation now, if anything: then nothing is handed out, and all stays due."""
    row = organisation.by_id(session, session.info["organisation_id"])
    if not row.is_active:
        return "organisation_closed"
    if not rules.is_on("charging_enabled"):
        return "charging_off"
    if hold.standing(session) is not None:
        return "charging_held"
    return None


def charge_due_now(
    ports: Ports, organisation_id: str, pool: ThreadPoolExecutor, on_batch: Callable[[BatchDone], object]
) -> LeftDue:
    """Charges here and now what is due in one organisation and no worker has, within its rate; `on_batch` hears each.

    What was handed to a worker is the worker's, and the clock's after that.
    """
    stopped: str | None = None
    while stopped is None:
        now = ports.clock.now()
        with ports.database.read(organisation_id) as session:
            rows = obligation.due_unhanded(session, now, now - HANDED_AGAIN_AFTER, BATCH)
            rules = settings_of(session, organisation.by_id(session, organisation_id))
            stopped = stopped_by(session, rules)
        if not rows or stopped is not None:
            break
        ids = [each for _, each in rows]
        taken = _hand_out(ports, organisation_id, ids, now)
        if taken:
            on_batch(charge_batch(ports, organisation_id, taken, pool))
        if len(taken) < len(ids):
            stopped = "charges_per_minute"
    with ports.database.read(organisation_id) as session:
        return LeftDue(obligation.count_due(session, ports.clock.now()), stopped)


def charge_batch(ports: Ports, organisation_id: str, ids: Sequence[str], pool: ThreadPoolExecutor) -> BatchDone:
    """Charges a batch on the threads of a pool and waits for all of them. Safe to run 0, 1 or 100 times."""
    started = time.monotonic()
    found = charge_many(ports, organisation_id, ids, pool)
    done = BatchDone(
        paid=sum(result.obligation_status == "paid" for result in found.results),
        declined=sum(result.state is ChargeState.declined for result in found.results),
        open=sum(result.obligation_status in {"charging", "review"} for result in found.results),
        other=sum(
            result.obligation_status not in {"paid", "charging", "review"} and result.state is not ChargeState.declined
            for result in found.results
        ),
        failed=found.failed,
        took=timedelta(seconds=time.monotonic() - started),
    )
    log.info(
        "batch_charged", organisation_id=organisation_id, payments=len(ids), paid=done.paid, declined=done.declined,
        open=done.open, other=done.other, failed=done.failed, seconds=round(done.took.total_seconds(), 2),
    )  # fmt: skip
    return done


def charge_unclaimed(ports: Ports, pool: ThreadPoolExecutor) -> int:
    """Charges what was handed out and that no worker claimed within a minute: Redis or the workers are away."""
    until = time.monotonic() + UNCLAIMED_SECONDS
    charged = 0
    while time.monotonic() < until:
        now = ports.clock.now()
        with ports.database.across() as session:
            rows = obligation.handed_unclaimed(session, now, now - CLAIMED_WITHIN, BATCH)
        for organisation_id, ids in _by_organisation(rows).items():
            charge_batch(ports, organisation_id, ids, pool)
            _hand_back(ports, organisation_id, ids)
        charged += len(rows)
        if len(rows) < BATCH:
            break
    return charged


def _hand_back(ports: Ports, organisation_id: str, ids: list[str]) -> None:
    """What is still due after a try of our own waits as if handed out now, so one bad row is not tried without end."""
    now = ports.clock.now()
    ports.database.run(organisation_id, lambda session: obligation.touch_handed(session, ids, now))
