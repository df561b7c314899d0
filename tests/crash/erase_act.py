"""The act of erasing somebody: in several tabs at once, while the gateway is silent and whoever does it dies."""

from dataclasses import replace
from typing import ClassVar

from braintree.exceptions.not_found_error import NotFoundError
from sqlalchemy import select

from portal.storage import Session
from portal.storage import customer as customers
from portal.storage import erasure as erasures
from portal.storage.message import Message
from portal.usecases.erasure import erase
from portal.usecases.outbox import deliver
from portal.usecases.ports import Ports
from tests.crash.act import CLOCK, LOST_AFTER, LOST_BEFORE, Act, Hand
from tests.crash.world import BlankPaper
from tests.rig.payment import paid

WHY = "asked for in a letter"


class EraseAct(Act):
    """Somebody who paid all they owed is erased once, whole or not, and the gateway forgets them (attack 114)."""

    points: ClassVar = {
        "staff": ("erase.before_commit", "erase.after_commit", "erase.after_forget"),
        CLOCK: ("erase.after_forget",),
    }
    faults: ClassVar = tuple(("customer", fault) for fault in (*LOST_BEFORE, *LOST_AFTER))

    def begin(self) -> None:
        paid(self.house, 10_000, balance_cents=10_000)
        with self.read() as session:
            receipts = [row.id for row in session.scalars(select(Message))]
        ports = replace(self.house.ports, paper=BlankPaper())
        for each in receipts:
            assert deliver(ports, self.organisation_id, each)

    def hands(self) -> list[tuple[str, Hand]]:
        return [("staff", self._erase)] * self.draw.randint(1, 3)

    def _erase(self, ports: Ports) -> None:
        erase(ports, self.organisation_id, self.house.customer_id, WHY, "staff")

    def again(self) -> Hand:
        return self._erase

    def judge(self, session: Session) -> list[str]:
        row = erasures.of_customer(session, self.house.customer_id)
        person = customers.by_id(session, self.house.customer_id)
        if row is None or person is None:
            return ["nobody was erased"]
        wrong = [] if person.full_name == row.pseudonym and person.email is None else ["a name is left"]
        if row.is_wiping or row.forgotten_at is None:
            wrong.append("the erasure came to no end")
        key = self.house.merchant_id
        sdk = self.house.simulator.gateway(key, f"{key}_public_key", f"{key}_private_key")
        try:
            sdk.customer.find(self.house.customer_id)
        except NotFoundError:
            return wrong
        return [*wrong, "the gateway still knows them"]
