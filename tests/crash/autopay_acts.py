"""The act of AutoPay: turned on, announced, left out or turned off while its payment is charged, all at once."""

from datetime import timedelta
from typing import Any, ClassVar

from sqlalchemy import func, select

from portal.domain.due_date import local_date, moment_of
from portal.storage import Session, charge
from portal.storage import autopay as autopays
from portal.storage import obligation as obligations
from portal.storage.agreement import Agreement
from portal.storage.autopay import AutopayPayment
from portal.storage.message import Message
from portal.storage.obligation import Obligation
from portal.usecases import autopay
from portal.usecases.autopay import KIND, Wanted
from portal.usecases.autopay_announce import announce
from portal.usecases.charge import charge_obligation
from portal.usecases.outbox import deliver
from portal.usecases.ports import Ports
from tests.crash.act import SALE_FAULTS, Act, Hand, by_a_worker
from tests.crash.agreed_acts import told
from tests.crash.books import balance_cents
from tests.crash.world import TIMEOUT
from tests.rig.autopay import BROWSER, seen_of
from tests.rig.practice import patient_of, service_of

EACH_CENTS = 7_500
LIMIT_CENTS = 20_000
MORNING = 9  # by the organisation's clock: announcing goes on until five


class AutopayAct(Act):
    """Three accounts of one client: one's payment is due, one's is to be announced, on one it is being turned on."""

    points: ClassVar = {
        "customer": ("autopay.before_commit", "autopay.after_commit"),
        "announcing": ("autopay.before_announce", "autopay.after_announce"),
        "worker": ("claim.after_commit", "send.after_reply", "apply.before_commit", "apply.after_commit"),
    }
    faults: ClassVar = (*SALE_FAULTS, ("void", "reset_after"), ("void", "status_500_before"))
    alarms: ClassVar = frozenset({"refund_not_made"})

    def begin(self) -> None:
        for name, value in (("autopay", True), ("autopay_quiet_days", 1), ("autopay_notice_days", 12)):
            self.house.set(name, value)
        self.patient_id, self.card = patient_of(self.house), self.house.card_on_file()
        self.due_on, self.quiet_on, self.new_on = (self.house.account(0) for _ in range(3))
        self.wanted = Wanted(self.card, LIMIT_CENTS)
        for account_id in (self.due_on, self.quiet_on):
            self._turn_on(self.house.ports, account_id, self._read(account_id))
        service_of(self.house, self.due_on, EACH_CENTS, self.patient_id)
        self._to_morning(2)
        announce(self.house.ports)
        self._mail()
        [due] = self._due(self.due_on)
        self.due_id = due.id
        service_of(self.house, self.quiet_on, EACH_CENTS, self.patient_id)
        assert due.due_on is not None
        self._to_morning((due.due_on - self._today()).days)
        self.digest = self._read(self.new_on)
        self.what = self.draw.choice(("off", "skip"))

    def hands(self) -> list[tuple[str, Hand]]:
        on: list[tuple[str, Hand]] = [("customer", self._press_on)] * self.draw.randint(1, 2)
        off: list[tuple[str, Hand]] = [("customer", self._press_off)] * self.draw.randint(1, 2)
        return [*on, *off, ("announcing", self._announce), ("announcing", self._announce), ("worker", self._charge)]

    def again(self) -> Hand:
        def all_of_it(ports: Ports) -> None:
            self._press_on(ports)
            self._press_off(ports)
            self._announce(ports)

        return all_of_it

    def judge(self, session: Session) -> list[str]:
        return self._judge_due(session) + self._judge_announced(session) + self._judge_new(session)

    def _judge_due(self, session: Session) -> list[str]:
        """Paid, or not charged (P1), or given back (P2): once, and never both kept and cancelled."""
        due = obligations.by_id(session, self.due_id)
        assert due is not None
        back = {
            str(sale["order_id"]) for sale in self.house.truth() if sale["status"] == "voided" or sale["refund_ids"]
        }
        wrong = []
        for attempt in charge.of_obligation(session, due.id):
            if due.status == "cancelled" and attempt.cancel_requested_at is None:
                wrong.append("charged after it was cancelled (P1)")
            if attempt.cancel_requested_at and attempt.state == "succeeded" and attempt.order_id not in back:
                wrong.append("cancelled on the way, and kept (P2)")
        kept = due.status == "paid" and not back
        if balance_cents(session, self.due_on) != (0 if kept else EACH_CENTS):
            wrong.append(f"the due one is {due.status}, and {balance_cents(session, self.due_on)} is owed")
        is_off = autopays.on_account(session, self.due_on) is None
        if is_off != (self.what == "off") or told(session, "autopay_off") != is_off:
            wrong.append(f"{self.what}: off {is_off}, told {told(session, 'autopay_off')} times")
        return wrong

    def _judge_announced(self, session: Session) -> list[str]:
        wrong = [] if balance_cents(session, self.quiet_on) == 0 else ["what was announced was not paid once"]
        found = session.scalar(select(func.count()).select_from(AutopayPayment)), told(session, "autopay_upcoming")
        return wrong + ([] if found == (2, 2) else [f"announced and told: {found}"])

    def _judge_new(self, session: Session) -> list[str]:
        sealed = session.scalar(select(func.count()).select_from(Agreement).where(Agreement.kind == KIND))
        is_on = autopays.on_account(session, self.new_on) is not None
        found = sealed, told(session, "autopay_on"), is_on
        return [] if found == (3, 3, True) else [f"sealed, told, on: {found}"]

    # --- what they do -----------------------------------------------------------------------------------------------

    def _press_on(self, ports: Ports) -> None:
        self._turn_on(ports, self.new_on, self.digest)
        by_a_worker(ports)

    def _press_off(self, ports: Ports) -> None:
        customer_id = self.house.customer_id
        if self.what == "off":
            autopay.turn_off(ports, self.organisation_id, customer_id, self.due_on)
        else:
            autopay.leave_out(ports, self.organisation_id, customer_id, self.due_on, self.due_id)
        by_a_worker(ports)

    def _announce(self, ports: Ports) -> None:
        announce(ports)
        by_a_worker(ports)

    def _charge(self, ports: Ports) -> None:
        charge_obligation(ports, self.organisation_id, self.due_id, TIMEOUT)
        by_a_worker(ports)

    # --- before anybody dies ----------------------------------------------------------------------------------------

    def _turn_on(self, ports: Ports, account_id: str, digest: str) -> None:
        autopay.turn_on(
            ports, self.organisation_id, self.house.customer_id, account_id, self.wanted, digest, BROWSER, ticked=True
        )

    def _read(self, account_id: str) -> str:
        with self.read() as session:
            seen = autopay.look(session, account_id, self.house.customer_id, self.world.clock.now())
            assert seen is not None
            return autopay.shown(session, seen, self.wanted, "en").digest

    def _due(self, account_id: str) -> list[Obligation]:
        return [each.row for each in seen_of(self.house, account_id).coming]

    def _today(self) -> Any:
        return local_date(self.world.clock.now(), self._zone())

    def _zone(self) -> str:
        return seen_of(self.house, self.due_on).paid_to.timezone

    def _to_morning(self, days: int) -> None:
        """To nine in the morning, so many days ahead: whoever is late still announces before five."""
        at = moment_of(self._today() + timedelta(days=days), MORNING, self._zone())
        self.world.clock.jump(at - self.world.clock.now() + timedelta(minutes=1))

    def _mail(self) -> None:
        """The notice leaves on the day it is counted from."""
        with self.read() as session:
            waiting = [row.id for row in session.scalars(select(Message).where(Message.state == "queued"))]
        for message_id in waiting:
            deliver(self.house.ports, self.organisation_id, message_id)
