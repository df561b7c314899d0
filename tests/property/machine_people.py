"""Steps of customers and staff: schedule, pay, cancel, skip, move, change the card, give back, stop; pause programs."""

import uuid
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from portal.domain.due_date import Frequency, Rhythm
from portal.domain.refusal import Refused
from portal.domain.schedule import Amounts, AmountsKind
from portal.domain.subscription import ChangeKind
from portal.storage import account, hold
from portal.usecases.charge import charge_obligation, claim
from portal.usecases.ledger import lower_balance
from portal.usecases.organisation import settings
from portal.usecases.refund import RefundWish, refund_charge
from portal.usecases.restore import hold_charging, lift, reconcile_and_lift
from portal.usecases.schedule import Wish, card_typed
from portal.usecases.schedule_card import Accepted, card_change_shown, replace_card
from portal.usecases.schedule_change import CUSTOMER, cancel, cancel_one, move, skip
from portal.usecases.schedule_retry import try_again
from portal.usecases.subscription_change import ask
from portal.usecases.subscription_worth import Wish as Wanted
from tests.property.machine_books import SOON, Books
from tests.rig.house import START
from tests.rig.series import attempts_of, payments_of, plan_of, scheduled, today
from tests.rig.subscriptions import activated, assigned, payments, row_of

BALANCE = 1_200_000
# amounts in cents and what the gateway says to them: yes, no funds, stolen card, network away
EACH = st.sampled_from([1_000, 1_500, 200_100, 201_300, 300_000])
WHO = st.sampled_from([CUSTOMER, "staff"])


class People(Books):
    """Whoever presses a button."""

    def open_with(self) -> None:
        for _ in range(2):
            self.customer_pays_at_once(1_000, typed=False)
        self.customer_schedules(1_500, 3, 0, "weekly")
        self.house.set("subscription_approval_cents", 100_000)
        self.program = assigned(self.house, end_on=START.date() + timedelta(days=59))
        activated(self.house, self.program)
        self.plans.append(row_of(self.house, self.program).schedule_id or "")

    @precondition(lambda self: len(self.plans) < 4)
    @rule(
        each=EACH, number=st.integers(1, 4), days=st.integers(0, 9), frequency=st.sampled_from(["weekly", "two_weeks"])
    )
    def customer_schedules(self, each: int, number: int, days: int, frequency: str) -> None:
        wish = Wish(
            Rhythm(Frequency(frequency), today(self.house) + timedelta(days=days)),
            Amounts(AmountsKind.fixed, number, each),
        )
        self.plans.append(scheduled(self.house, wish, balance_cents=BALANCE, card=self.card).schedule_id)

    @precondition(lambda self: len(self.checkouts) < 5)
    @rule(cents=EACH, typed=st.booleans())
    def customer_pays_at_once(self, cents: int, typed: bool) -> None:
        method = {"card_nonce": self.house.nonce()} if typed else {"payment_method_id": self.card.payment_method_id}
        due = self.house.obligation(self.house.account(BALANCE), cents, **method)
        self.checkouts.append(due)
        charge_obligation(self.house.ports, self.house.organisation_id, due, SOON)
        charge_obligation(self.house.ports, self.house.organisation_id, due, SOON)  # pressed twice

    @precondition(lambda self: self.plans)
    @rule(data=st.data(), by=WHO)
    def someone_cancels_all(self, data: st.DataObject, by: str) -> None:
        plan = self.pick(data, self.plans)
        cancel(self.house.ports, self.house.organisation_id, plan, by)
        for row in payments_of(self.house, plan):
            with pytest.raises(Refused):
                claim(self.house.ports, self.house.organisation_id, row.id, SOON)
            self.attempts_at_cancel.setdefault(row.id, len(attempts_of(self.house, row.id)))

    @precondition(lambda self: self.plans)
    @rule(data=st.data(), what=st.sampled_from(["cancel", "skip", "move"]), days=st.integers(-3, 12), by=WHO)
    def someone_changes_one(self, data: st.DataObject, what: str, days: int, by: str) -> None:
        row = self.pick(data, payments_of(self.house, self.pick(data, self.plans)))
        ports, organisation_id = self.house.ports, self.house.organisation_id
        with suppress(Refused):
            if what == "cancel":
                cancel_one(ports, organisation_id, row.id, by)
            elif what == "skip":
                skip(ports, organisation_id, row.id, by)
            else:
                move(ports, organisation_id, row.id, today(self.house) + timedelta(days=days), by)
                return
            self.attempts_at_cancel.setdefault(row.id, len(attempts_of(self.house, row.id)))

    @precondition(lambda self: self.plans)
    @rule(data=st.data(), number=st.sampled_from(["5555555555554444", "4012888888881881"]))
    def customer_changes_the_card(self, data: st.DataObject, number: str) -> None:
        plan, house = self.pick(data, self.plans), self.house
        nonce = house.nonce(number)
        found = house.ports.gateways.of(house.organisation_id).card_behind(nonce)
        assert found is not None
        card = card_typed(found, nonce)
        with suppress(Refused):
            with self.database.read(house.organisation_id) as session:
                text = card_change_shown(session, plan, card, "en", house.clock.now())
            self.retries += 1
            seen = Accepted("en", "192.0.2.1", "test")
            replace_card(house.ports, house.organisation_id, plan, card, text.digest, seen)

    @precondition(lambda self: self.plans)
    @rule(data=st.data())
    def staff_try_again(self, data: st.DataObject) -> None:
        row = self.pick(data, payments_of(self.house, self.pick(data, self.plans)))
        with suppress(Refused):
            self.retries += 1
            try_again(self.house.ports, self.house.organisation_id, row.id, "staff")

    @precondition(lambda self: self.plans)
    @rule(data=st.data(), part=st.integers(1, 4))
    def staff_lower_the_balance(self, data: st.DataObject, part: int) -> None:
        plan = plan_of(self.house, self.pick(data, self.plans))
        now = self.house.clock.now()
        with suppress(Refused), self.database.transaction(self.house.organisation_id) as session:
            owed_on = account.lock(session, plan.account_id)
            amount_cents = owed_on.balance_cents * part // 4
            if amount_cents:
                key = f"lowered:{plan.id}:{owed_on.version}"
                lower_balance(session, owed_on, amount_cents, event_key=key, now=now, by="staff")

    @rule(kind=st.sampled_from([ChangeKind.pause, ChangeKind.resume, ChangeKind.waive, ChangeKind.shorten]))
    def staff_change_the_program(self, kind: ChangeKind) -> None:
        ports, last = self.house.ports, payments(self.house, self.program)[-1]
        until = today(self.house) + timedelta(days=5) if kind is ChangeKind.shorten else None
        wish = Wanted(kind, until, (last.seq,) if kind is ChangeKind.waive else ())
        with suppress(Refused):
            ask(ports, self.house.organisation_id, self.program, wish, "Hardship", "staff")
            if kind is ChangeKind.waive:
                self.attempts_at_cancel.setdefault(last.id, len(attempts_of(self.house, last.id)))

    @precondition(lambda self: len(self.checkouts) < 8)
    @rule(part=st.integers(1, 2))
    def participant_pays_what_is_due_by_hand(self, part: int) -> None:
        """The whole of what the program's account owes, or a half: what stood still for a month then goes on."""
        account_id = row_of(self.house, self.program).account_id
        with self.database.read(self.house.organisation_id) as session:
            owed_on = account.by_id(session, account_id)
            cents = owed_on.balance_cents // part if owed_on is not None else 0
        if cents:
            due = self.house.obligation(account_id, cents, payment_method_id=self.card.payment_method_id)
            self.checkouts.append(due)
            charge_obligation(self.house.ports, self.house.organisation_id, due, SOON)

    def open_again(self) -> None:
        """A program that is paused goes on: staff do not forget it."""
        with suppress(Refused):
            ask(self.house.ports, self.house.organisation_id, self.program, Wanted(ChangeKind.resume), "Over", "staff")

    @precondition(lambda self: self.taken)
    @rule(data=st.data(), cents=st.none() | st.integers(1, 4_000), reopens=st.booleans(), again=st.booleans())
    def staff_give_back(self, data: st.DataObject, cents: int | None, reopens: bool, again: bool) -> None:
        """Whole or in part, before it settled or after; or the same wish pressed once more."""
        row = self.pick(data, self.taken)
        wish: Any = RefundWish(uuid.uuid4().hex, row.id, by="staff", amount_cents=cents, reopens_balance=reopens)
        if again and self.wishes:
            wish = self.wishes[-1]
        self.wishes.append(wish)
        with suppress(Refused):
            refund_charge(self.house.ports, self.house.organisation_id, wish, SOON)

    @rule(value=st.booleans())
    def staff_turn_the_switch(self, value: bool) -> None:
        self.house.set("charging_enabled", value)
        self.count_what_may_claim()

    @rule(hours=st.integers(1, 72))
    def operator_puts_a_backup_back(self, hours: int) -> None:
        """Charging is held until the books were compared with the gateway's."""
        hold_charging(self.house.ports, self.house.clock.now() - timedelta(hours=hours), "operator")
        self.count_what_may_claim()

    @rule()
    def operator_compares_and_lifts(self) -> None:
        with suppress(Refused):
            _, is_lifted = reconcile_and_lift(self.house.ports, self.house.organisation_id, "operator")
            if not is_lifted:  # a person has looked at what is left
                lift(self.house.ports, self.house.organisation_id, "operator")
        self.count_what_may_claim()

    def count_what_may_claim(self) -> None:
        with self.database.read(self.house.organisation_id) as session:
            is_on = settings(session).is_on("charging_enabled")
            self.may_claim = is_on and hold.standing(session) is None
