"""Acts in which money moves: the run, money given back, and what the gateway tells us unasked."""

import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import Any, ClassVar

from sqlalchemy import func, select

from portal.domain.refusal import Refused
from portal.storage import Session, account, audit, charge, dispute, notice
from portal.storage import obligation as obligations
from portal.storage.charge import Charge
from portal.storage.message import Message
from portal.storage.refund import Refund
from portal.usecases.charge import charge_obligation
from portal.usecases.ledger import lower_balance
from portal.usecases.notice import receive
from portal.usecases.ports import Ports
from portal.usecases.recurring import charge_batch, hand_out_due
from portal.usecases.refund import RefundWish, refund_charge
from tests.crash.act import (
    CHARGING,
    CLOCK,
    LOST_AFTER,
    LOST_BEFORE,
    PATIENT,
    SALE_FAULTS,
    Act,
    Hand,
    by_a_worker,
    work_off,
)
from tests.crash.books import balance_cents
from tests.crash.world import TIMEOUT
from tests.rig import hooks
from tests.rig.payment import paid, settle
from tests.rig.series import card_of, payments_of, scheduled, weekly

DISPUTED_CARD = "4023898493988028"
PAID_CENTS = 10_000
DECLINED_CENTS = 200_100
BALANCE_CENTS = 900_000


class RunAct(Act):
    """Scheduled payments fall due: two clocks hand them out, a worker charges what somebody else may have as well."""

    points: ClassVar = {
        "handing out": ("run.after_hand_out", *CHARGING),
        "worker": ("claim.after_commit", "send.after_reply", "apply.before_commit", "apply.after_commit"),
        CLOCK: ("run.after_hand_out", "claim.after_commit", "send.after_reply", "apply.before_commit"),
    }
    faults: ClassVar = (*SALE_FAULTS, ("sale", "decline_soft"))
    alarms: ClassVar = frozenset({"payments_declined"})

    def begin(self) -> None:
        card = card_of(self.house)
        made = [scheduled(self.house, weekly(self.house, self.draw.choice((1, 1, 2)), 1_000 + n), card=card)
                for n in range(3)]  # fmt: skip
        rows = [row for each in made for row in payments_of(self.house, each.schedule_id)]
        self.ids = [row.id for row in rows]
        first_at = min(row.due_at for row in rows)
        self.first = [row.id for row in rows if row.due_at == first_at]
        self.world.clock.jump(first_at - self.world.clock.now() + timedelta(seconds=1))

    def hands(self) -> list[tuple[str, Hand]]:
        if self.left_to_clock:
            return []
        return [("handing out", _hand_out), ("handing out", _hand_out), ("worker", self._charge)]

    def _charge(self, ports: Ports) -> None:
        ids = list(self.first)
        with ThreadPoolExecutor(2) as pool:
            charge_batch(ports, self.organisation_id, ids, pool)
            work_off(ports, pool)

    def again(self) -> Hand:
        return self._charge

    def judge(self, session: Session) -> list[str]:
        statuses = {row.id: row.status for row in (obligations.by_id(session, each) for each in self.ids) if row}
        return [f"{each} is {status}" for each, status in statuses.items() if status != "paid"]


def _hand_out(ports: Ports) -> None:
    hand_out_due(ports)
    by_a_worker(ports)


class RefundAct(Act):
    """Staff give money back, in several tabs at once, while the gateway settles or loses its answers."""

    points: ClassVar = {
        "staff": ("refund.before_commit", "refund.after_commit", "refund.before_write", "refund.after_reply",
                  "refund.apply.before_commit"),
        CLOCK: ("sweep.before_resend", "refund.before_write", "refund.after_reply", "refund.apply.before_commit"),
    }  # fmt: skip
    faults: ClassVar = tuple((way, fault) for way in ("void", "refund") for fault in (*LOST_BEFORE, *LOST_AFTER))
    may_refuse: ClassVar = frozenset({
        "refund_above_payment", "refund_amount", "refund_while_settling", "refund_nothing_there",
        "refund_part_unsettled", "refund_not_voidable",
    })  # fmt: skip
    alarms: ClassVar = frozenset({"refund_not_made", "refund_review", "refund_unresolved"})

    def merchant(self, draw: Any) -> dict[str, Any]:
        self.is_keyed = draw.random() < 0.85
        return {} if self.is_keyed else {"api_request_key_allowed": False}

    def begin(self) -> None:
        self.house.set("idempotency_keys", self.is_keyed)
        self.account_id, self.charge_id, self.gateway_id = paid(self.house, PAID_CENTS)
        self.is_settled = self.draw.random() < 0.5
        if self.is_settled:
            settle(self.house, self.gateway_id)
        part_cents = self.draw.choice((None, 4_000)) if self.is_settled else None
        self.wish = RefundWish(uuid.uuid4().hex, self.charge_id, "staff", part_cents)
        self.rival = RefundWish(uuid.uuid4().hex, self.charge_id, "staff", part_cents and 7_000)

    def aims_at(self, who: str, point: str) -> None:
        """The clock sends again what was lost on the way."""
        if who == CLOCK:
            self.fault_meant = "refund" if self.is_settled else "void", self.draw.choice(LOST_BEFORE)

    def hands(self) -> list[tuple[str, Hand]]:
        pressed = [("staff", self._press(self.wish))] * self.draw.randint(1, 3)
        if self.draw.random() < 0.4:
            pressed.append(("rival", self._press(self.rival)))
        if not self.is_settled and self.draw.random() < 0.3:
            pressed.append(("gateway", lambda _: self._settle()))
        return pressed

    def _press(self, wish: RefundWish) -> Hand:
        def press(ports: Ports) -> None:
            refund_charge(ports, self.organisation_id, wish, TIMEOUT)
            by_a_worker(ports)

        return press

    def _settle(self) -> None:
        try:
            settle(self.house, self.gateway_id)
        except Exception:  # it was voided first: there is nothing to settle
            return

    def again(self) -> Hand:
        return self._press(self.wish)

    def judge(self, session: Session) -> list[str]:
        rows = session.scalars(select(Refund)).all()
        given = [row for row in rows if row.state == "succeeded"]
        wrong = [] if given else [f"nothing was given back: {[(row.state, row.reason) for row in rows]}"]
        if not given and not self.is_keyed and any(row.state == "review" for row in rows):
            wrong = []  # without keys a person looks before it is tried again
        told = session.scalar(select(func.count()).select_from(Message).where(Message.event == "refund"))
        if told != len(given):
            wrong.append(f"{told} messages of {len(given)} refunds")
        back_cents = sum(row.amount_cents for row in given)
        if balance_cents(session, self.account_id) != 50_000 - PAID_CENTS + back_cents:
            wrong.append("the balance does not owe again what was given back")
        return wrong


class DisputeAct(Act):
    """A bank takes a payment back and says how it ends; the notices come in any order, twice, forged, or not at all."""

    points: ClassVar = {
        "gateway": ("notice.after_store", "notice.after_fetch", "notice.before_commit", "notice.after_apply"),
        CLOCK: ("notice.after_fetch", "notice.before_commit", "notice.after_apply"),
    }
    faults: ClassVar = tuple(
        (operation, fault) for operation in ("dispute", "find") for fault in ("reset_before", "status_503_before")
    )
    alarms: ClassVar = frozenset({"dispute_opened", "dispute_lost"})

    def begin(self) -> None:
        hooks.keep_here(self.house)
        self.account_id = self.house.account(50_000)
        due = self.house.obligation(
            self.account_id, PAID_CENTS, payment_method_id=self.house.card_on_file(DISPUTED_CARD)
        )
        charge_obligation(self.house.ports, self.organisation_id, due, timedelta(seconds=5))
        [sale] = [row for row in self.house.simulator.truth(merchant=self.house.merchant_id) if row["success"]]
        self.dispute_id = str(sale["disputes"][0]["id"])
        self.ends = self.draw.choice(("lost", "won", "accepted"))
        self.house.simulator.call("POST", f"/simulator/disputes/{self.dispute_id}", {"status": self.ends})
        self.forms = hooks.made(self.house)
        self.forms.append(hooks.asked(self.house, "dispute_opened", dispute_id=self.dispute_id, age_seconds=60))

    def hands(self) -> list[tuple[str, Hand]]:
        return [("gateway", self._tell()) for _ in range(self.draw.randint(2, 3))]

    def _tell(self) -> Hand:
        said = self.draw.sample(self.forms * 2, len(self.forms) * 2)
        loses_ring = self.left_to_clock or self.draw.random() < 0.3

        def tell(ports: Ports) -> None:
            forged = replace(said[0], signature=said[0].signature[:-4] + "none")
            assert not receive(ports, self.organisation_id, forged.signature, forged.payload)
            for form in said:
                assert receive(ports, self.organisation_id, form.signature, form.payload)
                if not loses_ring:
                    by_a_worker(ports)

        return tell

    def again(self) -> Hand:
        return self._tell()  # what was not answered with 200 is sent again

    def judge(self, session: Session) -> list[str]:
        wrong = _notices(session, len({form.payload for form in self.forms}))
        row = dispute.by_gateway_id(session, self.dispute_id)
        lost_cents = 0 if self.ends == "won" else PAID_CENTS
        if row is None or (row.status, row.held_cents, row.lost_cents) != (self.ends, 0, lost_cents):
            wrong.append(f"the dispute was {self.ends}, and stands {row and (row.status, row.held_cents)}")
        if balance_cents(session, self.account_id) != 50_000 - PAID_CENTS + lost_cents:
            wrong.append("the balance does not say how the dispute ended")
        return wrong


class GatewayRetryAct(Act):
    """The gateway tries a declined payment again by itself and tells of it: it counts once, or goes back."""

    points: ClassVar = DisputeAct.points
    faults: ClassVar = tuple(("find", fault) for fault in ("reset_before", "status_503_before"))
    alarms: ClassVar = frozenset({"gateway_retries_on", "gateway_retry_taken_back"})

    def begin(self) -> None:
        house = self.house
        hooks.keep_here(house)
        house.simulator.merchant(
            house.merchant_id, retry_declines_after_seconds=86_400, retries_keep_order_id=self.draw.random() < 0.5
        )
        self.account_id = house.account(BALANCE_CENTS)
        self.due = house.obligation(self.account_id, DECLINED_CENTS, payment_method_id=house.card_on_file())
        charge_obligation(house.ports, self.organisation_id, self.due, timedelta(seconds=5))
        with self.read() as session:
            [first] = charge.of_obligation(session, self.due)
        assert first.state == "declined", first.state
        self.is_wanted = self.draw.random() < 0.6
        if not self.is_wanted:
            with self.transaction() as session:
                owed = account.lock(session, self.account_id)
                lower_balance(session, owed, BALANCE_CENTS, event_key="lowered", now=self.world.clock.now(), by="staff")
        again = house.simulator.call("POST", f"/simulator/transactions/{first.gateway_id}/retry")
        self.forms = hooks.made(house)
        self.forms.append(hooks.asked(house, "transaction_retried", transaction_id=str(again["id"]), age_seconds=60))

    def hands(self) -> list[tuple[str, Hand]]:
        told = [("gateway", self._tell()) for _ in range(self.draw.randint(1, 3))]
        return [*told, ("customer", lambda ports: _charge_quietly(ports, self.organisation_id, self.due))]

    def _tell(self) -> Hand:
        said = self.draw.sample(self.forms * 2, len(self.forms) * 2)

        def tell(ports: Ports) -> None:
            for form in said:
                assert receive(ports, self.organisation_id, form.signature, form.payload)
                if not self.left_to_clock:
                    by_a_worker(ports)

        return tell

    def again(self) -> Hand:
        return self._tell()

    def judge(self, session: Session) -> list[str]:
        wrong = _notices(session, len({form.payload for form in self.forms}))
        succeeded = session.scalars(select(Charge).where(Charge.state == "succeeded")).all()
        if len(succeeded) != int(self.is_wanted):
            wrong.append(f"wanted {self.is_wanted}, and {len(succeeded)} charges succeeded")
        row = obligations.by_id(session, self.due)
        if row is None or row.status != ("paid" if self.is_wanted else "declined"):
            wrong.append(f"wanted {self.is_wanted}, and it is {row and row.status}")
        return wrong


class SettlementAct(Act):
    """What was taken, or given back, does not settle after all; the gateway says so again and again."""

    points: ClassVar = {
        "gateway": ("notice.after_store", "notice.after_fetch", "reconcile.after_mend"),
        CLOCK: ("notice.after_fetch", "reconcile.after_mend"),
    }
    faults: ClassVar = (("find", "reset_before"), ("find", "status_503_before"))
    alarms: ClassVar = frozenset({"reconcile_payment_lost", "refund_failed"})

    def begin(self) -> None:
        hooks.keep_here(self.house)
        self.account_id, self.charge_id, gateway_id = paid(self.house, PAID_CENTS)
        self.is_refund = self.draw.random() < 0.5
        if self.is_refund:
            settle(self.house, gateway_id)
            self.house.simulator.faults("settlement_declined", merchant=self.house.merchant_id, operation="refund")
            wish = RefundWish(uuid.uuid4().hex, self.charge_id, "staff")
            refund_charge(replace(self.house.ports, timing=PATIENT), self.organisation_id, wish, PATIENT.worker_timeout)
            with self.read() as session:
                [row] = session.scalars(select(Refund)).all()
            gateway_id = str(row.gateway_id)
            settle(self.house, gateway_id)
        else:
            settle(self.house, gateway_id, "settlement_decline_transaction")
        self.kind = "refund_failed" if self.is_refund else "transaction_settlement_declined"
        self.forms = [
            hooks.asked(self.house, kind, transaction_id=gateway_id, age_seconds=age)
            for kind, age in ((self.kind, 60), (self.kind, 0), ("transaction_settled", 30))
        ]

    def hands(self) -> list[tuple[str, Hand]]:
        return [("gateway", self._tell()) for _ in range(self.draw.randint(2, 3))]

    def _tell(self) -> Hand:
        said = self.draw.sample(self.forms * 2, len(self.forms) * 2)

        def tell(ports: Ports) -> None:
            for form in said:
                assert receive(ports, self.organisation_id, form.signature, form.payload)
                if not self.left_to_clock:
                    by_a_worker(ports)

        return tell

    def again(self) -> Hand:
        return self._tell()

    def judge(self, session: Session) -> list[str]:
        wrong = _notices(session, len({form.payload for form in self.forms}))
        expected_cents = 50_000 - PAID_CENTS if self.is_refund else 50_000
        if balance_cents(session, self.account_id) != expected_cents:
            wrong.append("the balance does not say that it was not paid out")
        called = {row.kind for row in audit.open_alarms(session)}
        if called != {"refund_failed" if self.is_refund else "reconcile_payment_lost"}:
            wrong.append(f"called for {called}")
        return wrong


def _charge_quietly(ports: Ports, organisation_id: str, due: str) -> None:
    try:
        charge_obligation(ports, organisation_id, due, TIMEOUT)
    except Refused:
        return


def _notices(session: Session, expected: int) -> list[str]:
    """Each is kept once and came to its end."""
    rows = notice.received(session)
    wrong = [f"notice {row.kind} is {row.state}: {row.result}" for row in rows if row.state != "handled"]
    return wrong + ([] if len(rows) == expected else [f"{len(rows)} notices kept of {expected}"])
