"""Walking time: every clock and worker of the house in one thread, day after day, over a real database.

Called by the command line against the simulator, never in production: the caller gives a clock that can be moved and
moves the gateway's with it. It makes nothing up: what is charged, told and refunded is what the use cases do.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Protocol

from portal.storage import autopay, charge, message, obligation, plan, subscription
from portal.usecases import autopay_announce, plan_offer, subscription_deadline
from portal.usecases.janitor import sweep
from portal.usecases.ports import Ports
from portal.usecases.recurring import charge_batch, hand_out_due
from portal.usecases.schedule_change import settle_unwanted
from portal.usecases.upcoming import announce_upcoming, warn_of_ending_cards

THREADS = 8
ROUNDS_MAX = 50  # of one moment: whatever is still due after them is waiting for something else
BATCH = 1_000
HELD_STEP = timedelta(hours=1)
IDLE_DAYS = 7  # where nothing is due, a sweep has nothing to find but what the books may lack


class MovableClock(Protocol):
    """A clock that can be put forward."""

    def now(self) -> datetime: ...

    def move_to(self, at: datetime) -> None: ...


@dataclass
class Walked:
    """What happened on the way: payments by how they stood after a batch, and moments looked at."""

    days: int = 0
    moments: int = 0
    ends: Counter[str] = field(default_factory=Counter)
    delivered: int = 0


class _Rings:
    """Keeps the batches that are rung for; everything else is found by sweeping."""

    def __init__(self) -> None:
        self.batches: list[tuple[str, list[str]]] = []

    def ring_message(self, organisation_id: str, message_id: str) -> None:
        return

    def ring_messages(self, organisation_id: str, message_ids: Sequence[str]) -> None:
        return

    def ring_charge(self, organisation_id: str, obligation_id: str) -> None:
        return

    def ring_notice(self, organisation_id: str, notice_id: str) -> None:
        return

    def ring_batch(self, organisation_id: str, obligation_ids: Sequence[str]) -> None:
        self.batches.append((organisation_id, list(obligation_ids)))


def walk(
    ports: Ports, clock: MovableClock, days: int, *, shift: Callable[[timedelta], None], on_day: Callable[[int], None]
) -> Walked:
    """Lets `days` pass: to each next moment at which something is due, and once a week in any case.

    `shift` moves the outside world by as much; `on_day` is told after each day.
    """
    rings = _Rings()
    ports = replace(ports, clock=clock, doorbell=rings)
    done = Walked()
    with ThreadPoolExecutor(THREADS, thread_name_prefix="walk") as pool:
        for day in range(1, days + 1):
            until = clock.now() + timedelta(days=1)
            announce_upcoming(ports)
            autopay_announce.announce(ports)
            warn_of_ending_cards(ports)
            plan_offer.remind(ports)
            subscription_deadline.remind(ports)
            subscription_deadline.finish(ports)
            while clock.now() < until:
                due_at = _next_moment(ports)
                at = min(due_at or until, until)
                if at <= clock.now():  # held back by a switch or a rate: nothing says when it may go
                    at = min(clock.now() + HELD_STEP, until)
                shift(at - clock.now())
                clock.move_to(at)
                if (due_at is not None and due_at <= at) or not day % IDLE_DAYS:
                    _live(ports, rings, pool, done)
            done.days = day
            on_day(day)
    return done


def _live(ports: Ports, rings: _Rings, pool: ThreadPoolExecutor, done: Walked) -> None:
    """Everything the clock and the workers would do at this moment."""
    done.moments += 1
    plan_offer.expire(ports)
    subscription_deadline.expire(ports)
    autopay_announce.announce(ports)
    for _ in range(ROUNDS_MAX):
        handed = hand_out_due(ports).payments
        rung, rings.batches = rings.batches, []
        for organisation_id, ids in rung:
            batch = charge_batch(ports, organisation_id, ids, pool)
            done.ends.update(paid=batch.paid, declined=batch.declined, open=batch.open, other=batch.other)
        if not handed:
            break
    with ports.database.across() as session:
        unwanted = charge.unwanted(session, BATCH, ports.clock.now())
    for organisation_id, charge_id in unwanted:
        settle_unwanted(ports, organisation_id, charge_id)
    done.delivered += sweep(ports, pool).delivered


def _next_moment(ports: Ports) -> datetime | None:
    """When something falls due next: a payment, a look at an open charge, a message."""
    with ports.database.across() as session:
        moments = [
            obligation.next_due_at(session),
            charge.next_look_at(session),
            message.next_try_at(session),
            plan.next_expiry(session),
            subscription.next_deadline(session),
            autopay.next_look_at(session),
        ]
    return min((at for at in moments if at is not None), default=None)
