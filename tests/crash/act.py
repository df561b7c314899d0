"""An act: what people and machines of one organisation do at once, where they may die in it, and how it must end.

The acts stand in tests/crash/*_acts.py; tests/crash/player.py plays them with real processes. What must be true of
every organisation, whatever was played in it, is in tests/crash/books.py.
"""

import random
import uuid
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any, ClassVar

from portal.domain.charge import Timing
from portal.storage import Session
from portal.storage import customer as customers
from portal.usecases.charge import charge_obligation
from portal.usecases.notice import handle
from portal.usecases.outbox import deliver
from portal.usecases.ports import Ports
from portal.usecases.recurring import charge_batch
from tests.crash.world import World
from tests.rig.house import House, ListeningDoorbell, found

Hand = Callable[[Ports], None]
CLOCK = "clock"
PATIENT = Timing(page_timeout=timedelta(seconds=10), worker_timeout=timedelta(seconds=10))

CHARGING = (
    "claim.before_commit", "claim.after_commit", "send.before_guard", "send.before_write", "send.after_reply",
    "apply.before_commit", "apply.after_commit",
)  # fmt: skip
SENDING = ("outbox.before_send", "outbox.after_send", "outbox.after_mark")
LOST_BEFORE = ("reset_before", "status_500_before", "status_504_before")
LOST_AFTER = ("reset_after", "status_500_after", "cut_xml", "html_200", "empty_200")
SALE_FAULTS = tuple(("sale", fault) for fault in (*LOST_BEFORE, *LOST_AFTER, "error_915233"))
KEEP_FAULTS = tuple(("payment_method", fault) for fault in ("reset_before", "reset_after", "status_503_after"))


class Act(ABC):
    """One history of its kind, in an organisation of its own. Made anew for each."""

    # who of the act -> where they may die; CLOCK is the clock's process, the others are names of `hands`
    points: ClassVar[Mapping[str, tuple[str, ...]]]
    faults: ClassVar[tuple[tuple[str, str], ...]] = ()  # (operation, fault) at the gateway
    may_refuse: ClassVar[frozenset[str]] = frozenset()  # what a hand may rightly be told beside a silent gateway
    alarms: ClassVar[frozenset[str]] = frozenset()  # what a person may rightly be called for
    fault_meant: tuple[str, str] | None = None  # without which nobody comes by the point
    left_to_clock: bool = False  # whoever dies is the clock: nobody else does its work

    def __init__(self, world: World, draw: random.Random) -> None:
        self.world, self.draw = world, draw
        self.house: House = found(world.ports, world.simulator, **self.merchant(draw))
        self.house.writes_at_any_hour()
        self.recipient = f"a{uuid.uuid4().hex[:12]}@example.com"
        with self.transaction() as session:
            payer = customers.by_id(session, self.house.customer_id)
            assert payer is not None
            payer.email = self.recipient

    def merchant(self, draw: random.Random) -> dict[str, Any]:
        """What is special about the gateway's side of the organisation."""
        return {}

    @property
    def organisation_id(self) -> str:
        return self.house.organisation_id

    def transaction(self) -> Any:
        return self.world.database.transaction(self.organisation_id)

    def read(self) -> Any:
        return self.world.database.read(self.organisation_id)

    def aims_at(self, who: str, point: str) -> None:
        """Told who is to die where, before `hands`."""
        self.left_to_clock = who == CLOCK

    @abstractmethod
    def begin(self) -> None:
        """The rows there are before anybody dies."""

    @abstractmethod
    def hands(self) -> list[tuple[str, Hand]]:
        """(who, what they do), all at once."""

    @abstractmethod
    def again(self) -> Hand:
        """What whoever saw no result does once more, when all is calm. It must do nothing twice."""

    @abstractmethod
    def judge(self, session: Session) -> list[str]:
        """What is not as this act must end, in words."""


def work_off(ports: Ports, pool: ThreadPoolExecutor) -> None:
    """What a worker does with what was rung for."""
    doorbell = ports.doorbell
    assert isinstance(doorbell, ListeningDoorbell)
    while doorbell.batches or doorbell.charges or doorbell.notices or doorbell.messages:
        batches, doorbell.batches[:] = list(doorbell.batches), []
        for organisation_id, ids in batches:
            charge_batch(ports, organisation_id, ids, pool)
        charges, doorbell.charges[:] = list(doorbell.charges), []
        for organisation_id, obligation_id in charges:
            charge_obligation(ports, organisation_id, obligation_id, ports.timing.worker_timeout)
        notices, doorbell.notices[:] = list(doorbell.notices), []
        for organisation_id, notice_id in notices:
            handle(ports, organisation_id, notice_id)
        messages, doorbell.messages[:] = list(doorbell.messages), []
        for organisation_id, message_id in messages:
            deliver(ports, organisation_id, message_id)


def by_a_worker(ports: Ports) -> None:
    """Works off on threads of its own, as worker.py does."""
    with ThreadPoolExecutor(2) as pool:
        work_off(ports, pool)
