"""Any order of what customer, staff, worker, janitor and gateway do to a schedule keeps the books, on both databases.

Hypothesis chooses the steps; the clock stands still between them; the gateway is the real SDK over the simulator.
"""

import os
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from portal.domain.due_date import Frequency, Rhythm
from portal.domain.refusal import Refused
from portal.domain.schedule import Amounts, AmountsKind
from portal.storage import Database, account, charge, ledger, message
from portal.storage import obligation as obligations
from portal.usecases.charge import Claimed, apply, claim, send
from portal.usecases.janitor import sweep
from portal.usecases.ledger import differs_from_entries, lower_balance
from portal.usecases.recurring import charge_batch, hand_out_due
from portal.usecases.schedule import Wish
from portal.usecases.schedule_change import CUSTOMER, cancel, cancel_one, move, settle_unwanted, skip
from portal.usecases.upcoming import announce_upcoming, warn_of_ending_cards
from tests.rig.house import House, build_ports, found
from tests.rig.series import card_of, payments_of, plan_of, scheduled, today
from tests.rig.simulator_process import SimulatorProcess

SOON = timedelta(seconds=2)
TAKEN = {"authorized", "submitted_for_settlement", "settling", "settled"}
EXAMPLES = int(os.environ.get("MACHINE_EXAMPLES", "6"))
STEPS = 25
BALANCE = 1_200_000
# amounts in cents and what the gateway says to them: yes, no funds, stolen card, network away
EACH = st.sampled_from([1_000, 1_500, 200_100, 201_300, 300_000])


class ScheduleMachine(RuleBasedStateMachine):
    """One account, some schedules on it, and everybody who may touch them."""

    database: Database
    world: SimulatorProcess

    @initialize()
    def begin(self) -> None:
        self.house: House = found(build_ports(self.database, self.world), self.world)
        self.house.set("schedule_number_max", 10)
        self.card = card_of(self.house)
        self.pool = ThreadPoolExecutor(2)
        self.plans: list[str] = []
        self.held: list[Claimed] = []
        self.late_claims = 0

    def teardown(self) -> None:
        if hasattr(self, "pool"):
            self.quiet()
            self.pool.shutdown()
        self.world.clear_faults()

    # --- people

    @precondition(lambda self: len(self.plans) < 3)
    @rule(
        each=EACH, number=st.integers(1, 4), days=st.integers(0, 9), frequency=st.sampled_from(["weekly", "two_weeks"])
    )
    def customer_schedules(self, each: int, number: int, days: int, frequency: str) -> None:
        wish = Wish(
            Rhythm(Frequency(frequency), today(self.house) + timedelta(days=days)),
            Amounts(AmountsKind.fixed, number, each),
        )
        self.plans.append(scheduled(self.house, wish, balance_cents=BALANCE, card=self.card).schedule_id)

    @precondition(lambda self: self.plans)
    @rule(data=st.data(), by=st.sampled_from([CUSTOMER, "staff"]))
    def someone_cancels_all(self, data: st.DataObject, by: str) -> None:
        plan = data.draw(st.sampled_from(self.plans))
        cancel(self.house.ports, self.house.organisation_id, plan, by)
        for row in payments_of(self.house, plan):
            with pytest.raises(Refused):
                claim(self.house.ports, self.house.organisation_id, row.id, SOON)

    @precondition(lambda self: self.plans)
    @rule(data=st.data(), what=st.sampled_from(["cancel", "skip", "move"]), days=st.integers(-3, 12))
    def customer_changes_one(self, data: st.DataObject, what: str, days: int) -> None:
        row = data.draw(st.sampled_from(payments_of(self.house, data.draw(st.sampled_from(self.plans)))))
        ports, organisation_id = self.house.ports, self.house.organisation_id
        try:
            if what == "cancel":
                cancel_one(ports, organisation_id, row.id, CUSTOMER)
            elif what == "skip":
                skip(ports, organisation_id, row.id, CUSTOMER)
            else:
                move(ports, organisation_id, row.id, today(self.house) + timedelta(days=days), CUSTOMER)
        except Refused:
            return

    @precondition(lambda self: self.plans)
    @rule(data=st.data(), part=st.integers(1, 4))
    def staff_lowers_the_balance(self, data: st.DataObject, part: int) -> None:
        plan = plan_of(self.house, data.draw(st.sampled_from(self.plans)))
        now = self.house.clock.now()
        with self.database.transaction(self.house.organisation_id) as session:
            owed_on = account.lock(session, plan.account_id)
            amount_cents = owed_on.balance_cents * part // 4
            if amount_cents:
                key = f"lowered:{plan.id}:{owed_on.version}"
                try:
                    lower_balance(session, owed_on, amount_cents, event_key=key, now=now, by="staff")
                except Refused:
                    return

    @rule(value=st.booleans())
    def staff_turns_the_switch(self, value: bool) -> None:
        self.house.set("charging_enabled", value)

    # --- machines

    @rule(hours=st.sampled_from([1, 6, 24, 24 * 7, 24 * 40]))
    def time_passes(self, hours: int) -> None:
        self.house.clock.pass_(hours=hours)

    @rule()
    def clock_and_workers_run(self) -> None:
        hand_out_due(self.house.ports)
        rung, self.house.doorbell.batches[:] = list(self.house.doorbell.batches), []
        for organisation_id, ids in rung:
            charge_batch(self.house.ports, organisation_id, ids + ids[:1], self.pool)

    @precondition(lambda self: self.plans)
    @rule(data=st.data())
    def worker_claims_and_stops(self, data: st.DataObject) -> None:
        row = data.draw(st.sampled_from(payments_of(self.house, data.draw(st.sampled_from(self.plans)))))
        try:
            self.held.append(claim(self.house.ports, self.house.organisation_id, row.id, SOON))
        except Refused:
            return

    @precondition(lambda self: self.held)
    @rule(loses_answer=st.booleans())
    def worker_goes_on(self, loses_answer: bool) -> None:
        claimed = self.held.pop(0)
        outcome = send(self.house.ports, claimed, SOON)
        if outcome is not None and not loses_answer:
            apply(self.house.ports, claimed, outcome)

    @rule()
    def janitor_sweeps(self) -> None:
        sweep(self.house.ports, self.pool)
        self.undo_unwanted()

    @rule()
    def clock_tells(self) -> None:
        announce_upcoming(self.house.ports)
        warn_of_ending_cards(self.house.ports)

    @rule(
        fault=st.sampled_from(["status_500_after", "status_500_before", "reset_after", "throttled_429", "search_lag"])
    )
    def gateway_stumbles(self, fault: str) -> None:
        operation = "search" if fault == "search_lag" else "sale"
        values: dict[str, Any] = {"seconds": 60} if fault == "search_lag" else {}
        try:
            self.world.faults(fault, order_prefix=self.house.organisation_id, operation=operation, **values)
        except AssertionError:
            return  # this fault does not go with this operation

    # --- what must hold after every step

    @invariant()
    def the_books_agree(self) -> None:
        if not hasattr(self, "plans"):
            return
        with self.database.read(self.house.organisation_id) as session:
            for plan_id in self.plans:
                rows = obligations.of_subject(session, plan_id)
                owed_on = account.by_id(session, rows[0].account_id)
                assert owed_on is not None
                assert differs_from_entries(session, owed_on) == 0, "M5"
                for row in rows:
                    attempts = charge.of_obligation(session, row.id)
                    taken = [each for each in attempts if each.state == "succeeded"]
                    assert len(taken) <= 1, "M1"
                    assert all(each.amount_cents <= row.amount_cents for each in attempts), (
                        "never above what was agreed"
                    )
                    assert (row.status == "paid") == bool(taken), "M3"
                    assert all(message.receipt_of_charge(session, each.id) is not None for each in taken), "N1"
                    declined = [each for each in attempts if each.state == "declined"]
                    assert len(declined) <= 4, "C34"
                    if row.status in {"cancelled", "declined"}:
                        assert all(each.state in {"declined", "not_sent", "never_received"} for each in attempts)
            self.no_more_messages_than_allowed(message.of_customer(session, self.house.customer_id))

    def no_more_messages_than_allowed(self, rows: list[message.Message]) -> None:
        """N4 for scheduled payments: of one payment two failures, one notice, one receipt for each success."""
        told: dict[tuple[str, str], int] = {}
        for row in rows:
            told[row.event, row.subject_id] = told.get((row.event, row.subject_id), 0) + 1
        most = {"payment_declined": 2, "receipt": 1, "schedule_made": 1, "schedule_cancelled": 1, "refund": 1,
                "payment_cancelled": 1, "payment_stopped": 1}  # fmt: skip
        assert all(number <= most.get(event, 12) for (event, _), number in told.items())

    # --- the end: everybody comes back, and nothing is left open

    def undo_unwanted(self) -> None:
        with self.database.across() as session:
            unwanted = charge.unwanted(session, 100)
        for organisation_id, charge_id in unwanted:
            if organisation_id == self.house.organisation_id:
                settle_unwanted(self.house.ports, organisation_id, charge_id)

    def quiet(self) -> None:
        self.world.clear_faults()
        self.held.clear()
        self.house.set("charging_enabled", value=True)
        for _ in range(80):
            self.house.clock.pass_(hours=12)
            self.clock_and_workers_run()
            sweep(self.house.ports, self.pool)
            self.undo_unwanted()
            if not self.is_open():
                break
        assert not self.is_open(), "M4"
        self.the_books_agree()
        taken = {str(sale["id"]) for sale in self.house.truth() if sale["status"] in TAKEN}
        with self.database.read(self.house.organisation_id) as session:
            booked = set()
            for plan_id in self.plans:
                for row in obligations.of_subject(session, plan_id):
                    for attempt in charge.of_obligation(session, row.id):
                        if attempt.state == "succeeded" and attempt.cancel_settled_at is None:
                            booked.add(attempt.gateway_id)
                            assert attempt.cancel_requested_at is None, "P2"
                entries = ledger.of_account(session, obligations.of_subject(session, plan_id)[0].account_id)
                assert len({entry.event_key for entry in entries}) == len(entries)
        assert taken == booked, "M2, M3: the gateway's truth is the ledger's"

    def is_open(self) -> bool:
        """Whether anything of an active schedule still waits, or any attempt has no answer."""
        for plan_id in self.plans:
            waits = plan_of(self.house, plan_id).status == "active"
            for row in payments_of(self.house, plan_id):
                if row.status == "charging" or (row.status == "due" and waits):
                    return True
        with self.database.across() as session:
            return any(each[0] == self.house.organisation_id for each in charge.unwanted(session, 100))


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_any_order_of_steps_keeps_the_books(database_url: str, world: SimulatorProcess) -> None:
    database = Database(database_url, pool_size=20)
    machine = type("Machine", (ScheduleMachine,), {"database": database, "world": world})
    try:
        run_state_machine_as_test(
            machine,
            settings=settings(
                max_examples=EXAMPLES,
                stateful_step_count=STEPS,
                deadline=None,
                database=None,
                derandomize=True,
                phases=[Phase.generate],  # shrinking would run the house for an hour; the steps are printed as they are
                suppress_health_check=list(HealthCheck),
            ),
        )
    finally:
        database.dispose()
