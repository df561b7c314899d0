"""Steps of time, machines, gateway and banks: clocks, workers that stop, faults, settlements, disputes, notices."""

from contextlib import suppress
from datetime import timedelta
from typing import Any

from braintree.exceptions.braintree_error import BraintreeError
from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule
from requests import RequestException

from portal.domain.refusal import Refused
from portal.usecases.charge import apply, claim, send
from portal.usecases.notice import receive
from portal.usecases.upcoming import announce_upcoming, warn_of_ending_cards
from tests.property.machine_books import SOON, Books
from tests.rig import hooks

SALE_FAULTS = [
    "status_500_after", "status_500_before", "reset_after", "empty_200", "throttled_429", "late",
    "authorizing_then_settled", "gateway_rejected_fraud",
]  # fmt: skip
BACK_FAULTS = ["status_500_after", "status_500_before", "reset_after", "empty_200"]
FAULT = st.one_of(
    st.tuples(st.just("sale"), st.sampled_from(SALE_FAULTS)),
    st.tuples(st.sampled_from(["void", "refund"]), st.sampled_from(BACK_FAULTS)),
    st.tuples(st.just("search"), st.sampled_from(["search_lag", "status_503_before"])),
)
MORE: dict[str, dict[str, Any]] = {
    "search_lag": {"seconds": 60},
    "late": {"seconds": 600, "hang_seconds": 0.05},
    "authorizing_then_settled": {"seconds": 600},
}


class Outside(Books):
    """Whatever nobody here presses."""

    @rule(hours=st.sampled_from([1, 6, 24, 24 * 7, 24 * 40]))
    def time_passes(self, hours: int) -> None:
        self.pass_(hours)

    @rule(hours=st.sampled_from([-24, -1, 1, 24]))
    def our_clock_is_set_wrong(self, hours: int) -> None:
        """By a day at most; the gateway's goes right."""
        if abs(self.skew + timedelta(hours=hours)) <= timedelta(hours=25):
            self.skew += timedelta(hours=hours)
            self.house.clock.pass_(hours=hours)

    @rule()
    def clock_and_workers_run(self) -> None:
        self.clock_and_workers()

    @rule(data=st.data())
    def worker_claims_and_stops(self, data: st.DataObject) -> None:
        now = self.house.clock.now()
        waiting = [row for row in self.payments() if row.status == "due" and row.due_at <= now]
        if not waiting:
            return
        row = self.pick(data, waiting)
        with suppress(Refused):
            self.held.append(claim(self.house.ports, self.house.organisation_id, row.id, SOON))

    @precondition(lambda self: self.held)
    @rule(loses_answer=st.booleans())
    def worker_goes_on(self, loses_answer: bool) -> None:
        claimed = self.held.pop(0)
        outcome = send(self.house.ports, claimed, SOON)
        if outcome is not None and not loses_answer:
            apply(self.house.ports, claimed, outcome)

    @rule()
    def janitor_sweeps(self) -> None:
        self.janitor()

    @rule()
    def clock_tells(self) -> None:
        announce_upcoming(self.house.ports)
        warn_of_ending_cards(self.house.ports)

    @rule(fault=FAULT)
    def gateway_stumbles(self, fault: tuple[str, str]) -> None:
        operation, name = fault
        own = {"order_prefix": self.house.organisation_id} if operation == "sale" else {"merchant": self.merchant}
        self.world.faults(name, operation=operation, **own, **MORE.get(name, {}))

    @precondition(lambda self: self.sales)
    @rule(data=st.data(), what=st.sampled_from(["settle", "settle", "void there", "refund there"]))
    def gateway_moves_sales(self, data: st.DataObject, what: str) -> None:
        """All of the day settle; or somebody gives one back in the gateway's own console."""
        gateway_id, key = self.pick(data, self.sales)["id"], self.merchant
        sdk = self.world.gateway(key, f"{key}_public_key", f"{key}_private_key")
        with suppress(BraintreeError, RequestException):  # a fault that was meant for us met this one
            if what == "settle":
                for sale in self.sales:
                    if sale["status"] == "submitted_for_settlement":
                        sdk.testing.settle_transaction(sale["id"])
            elif what == "void there":
                sdk.transaction.void(gateway_id)
            else:
                sdk.transaction.refund(gateway_id, {"amount": "1.00", "order_id": f"console-{gateway_id}"})

    @precondition(lambda self: any(sale["status"] == "settled" for sale in self.sales))
    @rule(data=st.data(), to=st.sampled_from(["open", "disputed", "won", "lost", "accepted"]))
    def bank_disputes(self, data: st.DataObject, to: str) -> None:
        """A dispute is opened, or the one there is moves on."""
        sale = self.pick(data, [sale for sale in self.sales if sale["status"] == "settled"])
        if sale["disputes"]:
            self.world.call("POST", f"/simulator/disputes/{sale['disputes'][0]['id']}", {"status": to})
        elif not self.was_given_back(str(sale["id"])):
            asked = {"transaction_id": sale["id"], "amount_cents": sale["amount_cents"]}
            self.world.call("POST", "/simulator/disputes", asked)

    @precondition(lambda self: self.sales)
    @rule(data=st.data(), times=st.integers(1, 2), forged=st.booleans())
    def notice_arrives(self, data: st.DataObject, times: int, forged: bool) -> None:
        """Any that the gateway ever made, in any order, once or again; or one that it did not sign."""
        hooks.asked(self.house, "transaction_settled", transaction_id=self.pick(data, self.sales)["id"])
        form = self.pick(data, hooks.made(self.house))
        if forged:
            signature = form.signature[:-1] + ("0" if form.signature[-1] != "0" else "1")
            assert not receive(self.house.ports, self.house.organisation_id, signature, form.payload)
            return
        for _ in range(times):
            assert receive(self.house.ports, self.house.organisation_id, form.signature, form.payload)

    @property
    def merchant(self) -> str:
        return self.house.merchant_id

    def was_given_back(self, gateway_id: str) -> bool:
        rows = self.world.truth(merchant=self.merchant)
        return any(row["refunded_transaction_id"] == gateway_id and row["success"] for row in rows)
