"""One house that any order of steps may be done to, and what holds after each of them and at the end.

The gateway is the real SDK over the simulator, whose clock goes along with the house's. Steps are in the files beside.
"""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant

from portal.domain.ledger import Book
from portal.storage import Database, account, charge, hold, ledger, message, refund
from portal.storage import obligation as obligations
from portal.storage.charge import Charge
from portal.storage.obligation import Obligation
from portal.usecases.charge import Claimed
from portal.usecases.dispute import catch_up
from portal.usecases.janitor import sweep
from portal.usecases.ledger import differs_from_entries
from portal.usecases.notice import receive
from portal.usecases.reconcile import reconcile_window
from portal.usecases.recurring import charge_batch, hand_out_due
from portal.usecases.restore import lift
from portal.usecases.schedule_change import settle_unwanted
from portal.usecases.subscription_deadline import finish
from tests.rig import hooks
from tests.rig.house import START, House, build_ports, found
from tests.rig.payment import kept_at_gateway_cents
from tests.rig.series import card_of, plan_of
from tests.rig.simulator_process import SimulatorProcess

SOON = timedelta(seconds=2)
GONE = {"declined", "not_sent", "never_received"}
ROUNDS_MAX = 80  # days: the last payment is seven weeks ahead, or the end of the program


class Books(RuleBasedStateMachine):
    """The house, its clock and its gateway's; what always holds; how it comes to rest."""

    database: Database
    world: SimulatorProcess

    @initialize()
    def begin(self) -> None:
        self.house: House = found(build_ports(self.database, self.world), self.world)
        self.shifted_seconds = 0.0
        self.shift((START - datetime.now(UTC)).total_seconds())  # no example depends on the day it is played
        hooks.keep_here(self.house)
        self.house.set("schedule_number_max", 10)
        self.card = card_of(self.house)
        self.pool = ThreadPoolExecutor(2)
        self.plans: list[str] = []
        self.checkouts: list[str] = []
        self.held: list[Claimed] = []
        self.wishes: list[Any] = []  # refunds that were asked for
        self.skew = timedelta(0)  # by how much our clock is wrong
        self.retries = 0  # cards changed and payments tried again by hand: each may fail and be told of anew
        self.may_claim = True  # no switch is off, nothing is on hold
        self.attempts_while_stopped = 0
        self.attempts_at_cancel: dict[str, int] = {}
        self.taken: list[Charge] = []  # as of the last look
        self.sales: list[dict[str, Any]] = []  # what the gateway took, as of the last look
        self.open_with()
        self.has_begun = True

    def open_with(self) -> None:
        """What there is from the start, so that few steps are spent on it."""

    def open_again(self) -> None:
        """What somebody paused goes on at the end."""

    def teardown(self) -> None:
        if hasattr(self, "has_begun"):
            try:
                self.come_to_rest()
            finally:
                self.pool.shutdown()
                self.world.clear_faults()
                self.shift(-self.shifted_seconds)

    def shift(self, seconds: float) -> None:
        self.world.shift_clock(seconds)
        self.shifted_seconds += seconds

    def pass_(self, hours: float) -> None:
        """Here and at the gateway."""
        self.house.clock.pass_(hours=hours)
        self.shift(hours * 3_600)

    # --- what there is to act on, in an order that does not hang on made-up ids

    def payments(self) -> list[Obligation]:
        """Every payment of every schedule, and every one that was made at once."""
        with self.database.read(self.house.organisation_id) as session:
            rows = [row for plan_id in self.plans for row in obligations.of_subject(session, plan_id)]
            return rows + [row for each in self.checkouts if (row := obligations.by_id(session, each))]

    def charges(self) -> list[Charge]:
        payments = self.payments()
        with self.database.read(self.house.organisation_id) as session:
            return [each for row in payments for each in charge.of_obligation(session, row.id)]

    def pick(self, data: st.DataObject, among: list[Any]) -> Any:
        return among[data.draw(st.integers(0, len(among) - 1))]

    # --- what holds after every step

    @invariant()
    def the_books_agree(self) -> None:
        if not hasattr(self, "has_begun"):
            return
        payments, customer_id = self.payments(), self.house.customer_id
        with self.database.read(self.house.organisation_id) as session:
            for account_id in {row.account_id for row in payments}:
                owed_on = account.by_id(session, account_id)
                assert owed_on is not None
                assert differs_from_entries(session, owed_on) == 0, "M5"
                assert owed_on.balance_cents >= 0, "M7"
                assert charge.held_cents(session, account_id) <= owed_on.balance_cents, "M7"
                keys = [entry.event_key for entry in ledger.of_account(session, account_id)]
                assert len(keys) == len(set(keys)), "one event is booked once"
            attempts = {row.id: charge.of_obligation(session, row.id) for row in payments}
            for row in payments:
                self.payment_agrees(row, attempts[row.id])
                for each in attempts[row.id]:
                    is_taken = each.state == "succeeded"
                    assert (message.receipt_of_charge(session, each.id) is not None) == is_taken, "N1, N3"
                    asked_back = [one for one in refund.of_charge(session, each.id) if one.state not in GONE]
                    assert sum(one.amount_cents for one in asked_back) <= each.amount_cents * is_taken, "M11"
            rows = message.of_customer(session, customer_id)
        self.taken = [each for row in payments for each in attempts[row.id] if each.state == "succeeded"]
        number = sum(map(len, attempts.values()))
        if self.may_claim:
            self.attempts_while_stopped = number
        assert number == self.attempts_while_stopped, "nothing is claimed while charging is off or on hold (F4)"
        self.no_more_messages_than_allowed(rows)
        self.the_gateway_took_nothing_twice()

    def payment_agrees(self, row: Obligation, attempts: list[Charge]) -> None:
        taken = [each for each in attempts if each.state == "succeeded"]
        assert len(taken) <= 1, "M1"
        assert all(each.amount_cents <= row.amount_cents for each in attempts), "never above what was agreed"
        assert (row.status == "paid") == bool(taken), "M3"
        declined = Counter(each.payment_method_id for each in attempts if each.state == "declined")
        assert all(number <= 4 for number in declined.values()), "C34, M15"
        if row.status in {"cancelled", "declined"}:
            assert all(each.state in GONE for each in attempts)
        most = self.attempts_at_cancel.get(row.id, len(attempts))
        assert len(attempts) == most, "P1: a claim after the cancel"

    def the_gateway_took_nothing_twice(self) -> None:
        sales, back = Counter[str](), Counter[str]()
        amounts: dict[str, int] = {}
        rows = self.house.simulator.truth(merchant=self.house.merchant_id)
        self.sales = [row for row in rows if row["type"] == "sale" and row["success"] and row["status"] != "voided"]
        for row in rows:
            cents = int(row["amount_cents"])
            if row["type"] == "credit":
                back[str(row["refunded_transaction_id"])] += cents * bool(row["success"])
            elif row["success"] and row["status"] != "voided":
                sales[str(row["order_id"]).split("-")[1]] += 1
                amounts[str(row["id"])] = cents
        assert all(number == 1 for number in sales.values()), "M1"
        assert all(cents <= amounts.get(sale, 0) for sale, cents in back.items() if cents), "M11"

    def no_more_messages_than_allowed(self, rows: list[message.Message]) -> None:
        """Of one payment two failures (and two for each new start), one receipt for each success, one end."""
        told = Counter((row.event, row.subject_id) for row in rows)
        most = {"payment_declined": 2 + 2 * self.retries, "receipt": 1, "schedule_made": 1, "schedule_cancelled": 1,
                "payment_cancelled": 1, "payment_stopped": 1, "payment_not_charged": 1}  # fmt: skip
        assert all(number <= most.get(event, 12) for (event, _), number in told.items()), told

    # --- the end: everybody comes back, every notice arrives, and nothing is left open

    def clock_and_workers(self) -> None:
        hand_out_due(self.house.ports)
        rung, self.house.doorbell.batches[:] = list(self.house.doorbell.batches), []
        for organisation_id, ids in rung:
            charge_batch(self.house.ports, organisation_id, ids + ids[:1], self.pool)

    def janitor(self) -> None:
        sweep(self.house.ports, self.pool)
        with self.database.across() as session:
            unwanted = charge.unwanted(session, 100)
        for organisation_id, charge_id in unwanted:
            if organisation_id == self.house.organisation_id:
                settle_unwanted(self.house.ports, organisation_id, charge_id)

    def come_to_rest(self) -> None:
        house = self.house
        self.world.clear_faults()
        self.held.clear()
        house.clock.at -= self.skew
        house.set("charging_enabled", value=True)
        with self.database.read(house.organisation_id) as session:
            is_held = hold.standing(session) is not None
        if is_held:
            lift(house.ports, house.organisation_id, "operator")
        self.may_claim = True
        self.open_again()
        for form in reversed(hooks.made(house)):
            receive(house.ports, house.organisation_id, form.signature, form.payload)
        for _ in range(ROUNDS_MAX):
            self.pass_(24)
            self.clock_and_workers()
            self.janitor()
            finish(self.house.ports)
            if not self.is_open():
                break
        assert not self.is_open(), "M4"
        now = house.clock.now()
        catch_up(house.ports, house.organisation_id, START.date() - timedelta(days=2))
        first, again = (
            reconcile_window(house.ports, house.organisation_id, START - timedelta(days=2), now, "test")
            for _ in range(2)
        )
        assert again.differences == [], f"what was found is taken over or was a person's: {first.differences}"
        self.the_books_agree()
        self.the_books_are_the_gateways()

    def the_books_are_the_gateways(self) -> None:
        truth = self.house.simulator.truth(merchant=self.house.merchant_id)
        taken = {str(row["id"]) for row in truth if row["type"] == "sale" and row["success"]}
        charges = self.charges()
        assert taken == {each.gateway_id for each in charges if each.state == "succeeded"}, "M2, M3"
        assert all(each.cancel_settled_at or not each.cancel_requested_at for each in self.taken), "P2"
        at_banks = sum(
            int(each["amount_cents"]) - int(each.get("won_cents") or 0) * (each["status"] == "won")
            for row in truth
            for each in row["disputes"]
            if each["status"] != "won" or 0 < int(each.get("won_cents") or 0) < int(each["amount_cents"])
        )
        with self.database.read(self.house.organisation_id) as session:
            entries = [
                entry
                for account_id in {row.account_id for row in charges}
                for entry in ledger.of_account(session, account_id)
            ]
        here = sum(
            entry.amount_cents * ((entry.debit_book == Book.gateway) - (entry.credit_book == Book.gateway))
            for entry in entries
        )
        assert here == kept_at_gateway_cents(self.house) - at_banks, "M2, M3: to the cent"

    def is_open(self) -> bool:
        """Whether anything of an active schedule still waits, or any attempt has no answer."""
        active = {plan_id for plan_id in self.plans if plan_of(self.house, plan_id).status == "active"}
        for row in self.payments():
            if row.status == "charging" or (
                row.status == "due" and (row.subject_id in active or row.kind == "checkout")
            ):
                return True
        charges = self.charges()
        with self.database.read(self.house.organisation_id) as session:
            refunds = [one for each in charges for one in refund.of_charge(session, each.id)]
        if any(one.state in {"sending", "unknown"} for one in refunds):
            return True
        with self.database.across() as session:
            return any(each[0] == self.house.organisation_id for each in charge.unwanted(session, 100))
