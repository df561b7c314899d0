"""Acts in which something is agreed or changed: a schedule made, its card, its payments; services chosen and paid."""

from datetime import date, timedelta
from typing import Any, ClassVar

from sqlalchemy import func, select

from portal.domain.offer import AmountChoice
from portal.domain.payment_link import Purpose
from portal.storage import Session, account, audit, charge
from portal.storage import obligation as obligations
from portal.storage import schedule as schedules
from portal.storage import visit as visits
from portal.storage.agreement import Agreement
from portal.storage.charge import Charge
from portal.storage.message import Message
from portal.storage.obligation import Obligation
from portal.storage.payment_method import PaymentMethod
from portal.storage.schedule import Schedule
from portal.usecases import card_link, schedule_checkout, subscription_order
from portal.usecases.charge import charge_obligation
from portal.usecases.failpoint import failpoint
from portal.usecases.payment_link import find, make
from portal.usecases.ports import Ports
from portal.usecases.schedule_change import CUSTOMER, cancel, cancel_one, move, skip
from portal.usecases.selection import CardChoice, enter, look, open_selection, pay
from portal.usecases.visit import look as look_at
from portal.usecases.visit import start
from tests.crash.act import CHARGING, CLOCK, KEEP_FAULTS, LOST_AFTER, SALE_FAULTS, Act, Hand, by_a_worker
from tests.crash.books import balance_cents
from tests.crash.world import TIMEOUT
from tests.rig.practice import service_of
from tests.rig.series import card_of, payments_of, scheduled, today, weekly
from tests.rig.subscriptions import assigned, pressed, seen_of

SOMEBODY = {"ip": "203.0.113.7", "user_agent": "rig"}
OPENING_CENTS = 50_000
EACH_CENTS = 1_000


class MakeAct(Act):
    """A typed card and an authorization accepted in two tabs: one schedule, one card, one sealed text."""

    points: ClassVar = {"customer": ("schedule.after_keep", "schedule.before_commit", "schedule.after_commit")}
    faults: ClassVar = KEEP_FAULTS

    def begin(self) -> None:
        now, nonce = self.world.clock.now(), self.house.nonce()
        self.account_id = self.house.account(OPENING_CENTS)
        self.visit_id, self.secret = visit_of(self, Purpose.pay, None, self.account_id)
        wish = weekly(self.house, 2, EACH_CENTS)
        with self.transaction() as session:
            walk = look_at(session, self.visit_id, self.secret, now, locked=True)
            assert walk is not None
            visit = walk.visit
            visit.is_scheduling, visit.amount_choice = True, AmountChoice.whole.value
            visit.method, visit.card_nonce, visit.card_brand, visit.card_last4 = "new_card", nonce, "Visa", "1111"
            visit.card_expires_month, visit.card_expires_year, visit.card_entered_at = 12, 2031, now
            visit.schedule_wish = wish.plain()
            found = schedule_checkout.quote(walk, now)
            schedule_checkout.confirm(walk, found.version, now)
            self.digest = schedule_checkout.text(walk, found.quote, now).digest

    def hands(self) -> list[tuple[str, Hand]]:
        return [("customer", self._accept)] * self.draw.randint(1, 3)

    def _accept(self, ports: Ports) -> None:
        schedule_checkout.accept(ports, self.organisation_id, self.visit_id, self.secret, self.digest, **SOMEBODY)
        by_a_worker(ports)

    def again(self) -> Hand:
        return self._accept

    def judge(self, session: Session) -> list[str]:
        made = {
            "schedules": len(session.scalars(select(Schedule)).all()),
            "agreements": len(session.scalars(select(Agreement)).all()),
            "cards": len(session.scalars(select(PaymentMethod)).all()),
            "payments": len(session.scalars(select(Obligation)).all()),
            "told": told(session, "schedule_made"),
        }
        expected = {"schedules": 1, "agreements": 1, "cards": 1, "payments": 2, "told": 1}
        wrong = [] if made == expected else [f"made {made}"]
        if balance_cents(session, self.account_id) != OPENING_CENTS - 2 * EACH_CENTS:
            wrong.append("not every payment was taken once")
        return wrong


class CardAct(Act):
    """Another card typed for a schedule whose payment had failed: put in once, and the failed payment paid once."""

    points: ClassVar = {
        "customer": ("card.after_keep", "card.before_commit", "card.after_commit", "claim.after_commit",
                     "send.after_reply", "apply.before_commit"),
    }  # fmt: skip
    faults: ClassVar = (*KEEP_FAULTS, *SALE_FAULTS)
    may_refuse: ClassVar = frozenset({"schedule_over"})  # another tab's card has paid all there was

    def begin(self) -> None:
        made = scheduled(self.house, weekly(self.house, 2, EACH_CENTS), card=card_of(self.house))
        self.schedule_id = made.schedule_id
        first, _ = payments_of(self.house, made.schedule_id)
        self.world.clock.jump(first.due_at - self.world.clock.now() + timedelta(seconds=1))
        self.house.simulator.faults("decline_soft", merchant=self.house.merchant_id, operation="sale", times=1)
        charge_obligation(self.house.ports, self.organisation_id, first.id, timedelta(seconds=5))
        nonce, now = self.house.nonce("5555555555554444"), self.world.clock.now()
        self.account_id = first.account_id
        self.visit_id, self.secret = visit_of(self, Purpose.card, self.schedule_id, self.account_id)
        with self.transaction() as session:
            visit = visits.lock(session, self.visit_id)
            visit.method, visit.card_nonce, visit.card_entered_at = "new_card", nonce, now
            visit.card_brand, visit.card_last4 = "Mastercard", "4444"
            visit.card_expires_month, visit.card_expires_year = 12, 2031
            seen = card_link.look(session, self.visit_id, self.secret, now)
            assert seen is not None
            self.digest = card_link.shown(session, seen, now).digest

    def hands(self) -> list[tuple[str, Hand]]:
        return [("customer", self._accept)] * self.draw.randint(1, 2)

    def _accept(self, ports: Ports) -> None:
        with ports.database.read(self.organisation_id) as session:
            seen = card_link.look(session, self.visit_id, self.secret, ports.clock.now())
        if seen is not None:  # else its eight hours are over
            card_link.accept(ports, self.organisation_id, seen, self.digest, **SOMEBODY)
            by_a_worker(ports)

    def again(self) -> Hand:
        return self._accept

    def judge(self, session: Session) -> list[str]:
        plan = schedules.by_id(session, self.schedule_id)
        assert plan is not None
        rows = obligations.of_subject(session, self.schedule_id)
        sealed = session.scalar(select(func.count()).select_from(Agreement).where(Agreement.kind == "schedule_card"))
        wrong = [f"{row.seq} is {row.status}" for row in rows if row.status != "paid"]
        if balance_cents(session, self.account_id) != OPENING_CENTS - 2 * EACH_CENTS:
            wrong.append("not every payment was taken once")
        changed = {row.card_last4 for row in rows} == {"4444"}
        if (sealed, changed) not in {(1, True), (0, False)}:
            wrong.append(f"{sealed} authorizations sealed, cards {[row.card_last4 for row in rows]}")
        return wrong


class ChangeAct(Act):
    """A schedule is cancelled, or a payment of it cancelled, skipped or moved, while the run charges what is due."""

    points: ClassVar = {
        "change": ("cancel.before_commit", "cancel.after_commit", "move.before_commit", "move.after_commit"),
        "worker": CHARGING,
        CLOCK: ("refund.before_commit", "refund.after_reply"),
    }
    faults: ClassVar = (*SALE_FAULTS, ("void", "reset_after"), ("void", "status_500_before"))
    may_refuse: ClassVar = frozenset({"payment_over", "too_late", "skips_used", "move_past", "move_taken"})
    alarms: ClassVar = frozenset({"refund_not_made"})

    def begin(self) -> None:
        made = scheduled(self.house, weekly(self.house, 3, EACH_CENTS), card=card_of(self.house))
        self.schedule_id = made.schedule_id
        self.first, self.second, _ = payments_of(self.house, made.schedule_id)
        self.account_id = self.first.account_id
        self.world.clock.jump(self.first.due_at - self.world.clock.now() + timedelta(seconds=1))
        self.by = self.draw.choice((CUSTOMER, "staff"))
        self.what = self.draw.choice(("all", "one", "skip", "move"))

    def aims_at(self, who: str, point: str) -> None:
        """What is changed is what comes by the point; the clock gives back what was on its way."""
        if point.startswith("move."):
            self.what = "move"
        elif self.what == "move" and point.startswith("cancel."):
            self.what = self.draw.choice(("all", "one", "skip"))
        elif point.startswith("refund."):
            self.what = self.draw.choice(("all", "one"))
            self.fault_meant = "sale", self.draw.choice(LOST_AFTER)

    def hands(self) -> list[tuple[str, Hand]]:
        changes: list[tuple[str, Hand]] = [("change", self._change)] * self.draw.randint(1, 2)
        return [*changes, ("worker", self._charge)]

    def _change(self, ports: Ports) -> None:
        match self.what:
            case "all":
                cancel(ports, self.organisation_id, self.schedule_id, self.by)
            case "one":
                cancel_one(ports, self.organisation_id, self.first.id, self.by)
            case "skip":
                skip(ports, self.organisation_id, self.second.id, self.by)
            case _:
                self._move(ports)
        by_a_worker(ports)

    def _move(self, ports: Ports) -> None:
        move(ports, self.organisation_id, self.second.id, self._wished_on, self.by)

    @property
    def _wished_on(self) -> date:
        assert self.second.due_on is not None
        return self.second.due_on + timedelta(days=2)

    def _charge(self, ports: Ports) -> None:
        charge_obligation(ports, self.organisation_id, self.first.id, TIMEOUT)
        by_a_worker(ports)

    def again(self) -> Hand:
        return self._change

    def judge(self, session: Session) -> list[str]:
        wrong = []
        rows = obligations.of_subject(session, self.schedule_id)
        back = {
            str(sale["order_id"]) for sale in self.house.truth() if sale["status"] == "voided" or sale["refund_ids"]
        }
        for row in rows:
            for attempt in charge.of_obligation(session, row.id):
                if row.status == "cancelled" and attempt.cancel_requested_at is None:
                    wrong.append(f"{row.seq}: charged after its cancel (P1)")
                if attempt.cancel_requested_at and attempt.state == "succeeded" and attempt.order_id not in back:
                    wrong.append(f"{row.seq}: cancelled on the way, and kept (P2)")
        return wrong + getattr(self, f"_judge_{self.what}")(session, {row.seq: row for row in rows})

    def _judge_all(self, session: Session, rows: dict[int, Obligation]) -> list[str]:
        plan = schedules.by_id(session, self.schedule_id)
        ends = {seq: row.status for seq, row in rows.items()}
        over = plan is not None and plan.status == "cancelled" and ends[2] == ends[3] == "cancelled"
        once = told(session, "schedule_cancelled") == 1
        return [] if over and once else [f"cancelled: {plan and plan.status}, {ends}, told {once}"]

    def _judge_one(self, session: Session, rows: dict[int, Obligation]) -> list[str]:
        was_paid_first = not session.scalar(
            select(func.count()).select_from(Charge).where(Charge.cancel_requested_at.is_not(None))
        ) and charge.of_obligation(session, rows[1].id)
        expected = ("paid", 0) if was_paid_first else ("cancelled", 1)
        found = rows[1].status, told(session, "payment_cancelled")
        if rows[1].status == "paid" and found[1] == 1 and not was_paid_first:
            return []  # taken before the cancel could be heard, and given back since
        wrong = [] if found == expected else [f"one cancelled: {found}, expected {expected}"]
        return wrong + [f"{seq} is {rows[seq].status}" for seq in (2, 3) if rows[seq].status != "paid"]

    def _judge_skip(self, session: Session, rows: dict[int, Obligation]) -> list[str]:
        found = {seq: row.status for seq, row in rows.items()}
        wrong = [] if found == {1: "paid", 2: "cancelled", 3: "paid"} else [f"skipped: {found}"]
        return wrong + ([] if told(session, "payment_cancelled") == 1 else ["not told once that it is left out"])

    def _judge_move(self, session: Session, rows: dict[int, Obligation]) -> list[str]:
        moved = [entry for entry in audit.about(session, rows[2].id) if entry.action == "obligation_moved"]
        wrong = [] if len(moved) == told(session, "payment_moved") == 1 else [f"moved {len(moved)} times"]
        return wrong + [f"{seq} is {row.status}" for seq, row in rows.items() if row.status != "paid"]


class ServiceAct(Act):
    """Services chosen in the customers' portal and paid in two tabs: one charge, one share for each."""

    points: ClassVar = {"customer": ("selection.before_commit", "selection.after_commit")}
    faults: ClassVar = SALE_FAULTS
    may_refuse: ClassVar = frozenset({"quote_changed"})  # it is paid: the page shows that

    def begin(self) -> None:
        self.account_id = self.house.account(0)
        services = [service_of(self.house, self.account_id, cents, days_ago=9) for cents in (15_000, 12_000)]
        self.card = CardChoice(self.house.card_on_file())
        now = self.world.clock.now()
        with self.transaction() as session:
            self.selection_id = open_selection(session, self.house.customer_id, services, "en", now)
        with self.transaction() as session:
            chosen = look(session, self.selection_id, self.house.customer_id, locked=True)
            assert chosen is not None
            assert not enter(session, chosen, None, "", chosen.version)
        with self.read() as session:
            chosen = look(session, self.selection_id, self.house.customer_id)
            assert chosen is not None
            self.version = chosen.amount_version

    def hands(self) -> list[tuple[str, Hand]]:
        return [("customer", self._pay)] * self.draw.randint(1, 3)

    def _pay(self, ports: Ports) -> None:
        """As the page does."""
        refusals = pay(
            ports, self.organisation_id, self.house.customer_id, self.selection_id, self.card, self.version, **SOMEBODY
        )
        assert not refusals, refusals
        failpoint("selection.after_commit")
        with ports.database.read(self.organisation_id) as session:
            chosen = look(session, self.selection_id, self.house.customer_id)
        assert chosen is not None
        assert chosen.row.obligation_id is not None
        charge_obligation(ports, self.organisation_id, chosen.row.obligation_id, TIMEOUT)
        by_a_worker(ports)

    def again(self) -> Hand:
        return self._pay

    def judge(self, session: Session) -> list[str]:
        rows = [row.status for row in session.scalars(select(Obligation))]
        wrong = [] if rows.count("paid") == 1 else [f"payments {rows}"]
        return wrong + ([] if balance_cents(session, self.account_id) == 0 else ["something is still owed"])


class SubscribeAct(Act):
    """A participant presses Pay Now in two tabs with a typed card: one subscription runs, each month is paid once."""

    points: ClassVar = {
        "customer": (
            "subscription.after_keep", "subscription.before_commit", "subscription.after_commit",
            "subscription.before_charge",
        ),
    }  # fmt: skip
    faults: ClassVar = (*KEEP_FAULTS, *SALE_FAULTS)

    def begin(self) -> None:
        start_on = today(self.house)
        self.subscription_id = assigned(self.house, start_on, start_on + timedelta(days=45))
        self.pressed = pressed(self.house, self.subscription_id)

    def hands(self) -> list[tuple[str, Hand]]:
        return [("customer", self._pay)] * self.draw.randint(1, 3)

    def _pay(self, ports: Ports) -> None:
        """As the page does."""
        customer_id = self.house.customer_id
        refusals = subscription_order.pay_now(
            ports, self.organisation_id, customer_id, self.subscription_id, self.pressed
        )
        assert {refused.code for refused in refusals.values()} <= {"gateway_unreachable"}, refusals
        failpoint("subscription.before_charge")
        first = subscription_order.due_now(seen_of(self.house, self.subscription_id))
        if first is not None:
            charge_obligation(ports, self.organisation_id, first, TIMEOUT)
        by_a_worker(ports)

    def again(self) -> Hand:
        return self._pay

    def judge(self, session: Session) -> list[str]:
        made = len(session.scalars(select(Schedule)).all()), len(session.scalars(select(PaymentMethod)).all())
        wrong = [] if made == (1, 1) else [f"schedules and cards: {made}"]
        rows = session.scalars(select(Obligation)).all()
        return wrong + [f"payment {row.seq} is {row.status}" for row in rows if row.status != "paid"]


def visit_of(act: Act, purpose: Purpose, subject_id: str | None, account_id: str) -> tuple[str, str]:
    """(visit id, secret) of somebody who opened a new link."""
    now: Any = act.world.clock.now()
    with act.transaction() as session:
        owed_on = account.by_id(session, account_id)
        assert owed_on is not None
        token = make(session, owed_on, days=30, now=now, made_by="rig", purpose=purpose, subject_id=subject_id)
    with act.transaction() as session:
        found = find(session, token, now, purpose)
        assert found is not None
        return start(session, found, locale="en", now=now, **SOMEBODY)


def told(session: Session, event: str) -> int:
    """How many messages of an event were promised."""
    counted = select(func.count()).select_from(Message).where(Message.event == event, Message.channel == "email")
    return session.scalar(counted) or 0
