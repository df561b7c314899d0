"""What the janitor makes of charges nobody brought to an end, each found by the crash rig or feared before it ran."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from portal.domain.charge import Actor, Outcome, OutcomeKind
from portal.storage import account, audit, charge, obligation
from portal.storage.charge import Charge
from portal.storage.obligation import Obligation
from portal.usecases.charge import charge_obligation, claim, learn
from portal.usecases.janitor import sweep
from portal.usecases.resolve import resolve
from tests.rig.house import House

SOON = timedelta(seconds=2)


def look_at(house: House, obligation_id: str) -> tuple[Obligation, list[Charge], set[str]]:
    """The obligation, its charges, and the kinds of alarms that ring."""
    with house.ports.database.read(house.organisation_id) as session:
        row = obligation.by_id(session, obligation_id)
        assert row is not None
        alarms = {alarm.kind for alarm in audit.open_alarms(session)}
        return row, charge.of_obligation(session, obligation_id), alarms


def one_look(house: House, obligation_id: str, **later: float) -> tuple[Obligation, Charge, set[str]]:
    """Time passes and a janitor looks at the newest charge."""
    house.clock.pass_(**later)
    resolve(house.ports, house.organisation_id, look_at(house, obligation_id)[1][-1].id)
    row, attempts, alarms = look_at(house, obligation_id)
    return row, attempts[-1], alarms


def sales(house: House) -> list[dict[str, object]]:
    return [sale for sale in house.truth() if sale["success"]]


def test_a_card_that_may_have_been_kept_is_not_sold_by_its_used_up_nonce(house: House) -> None:
    """The keeping was heard by the gateway, the answer lost: its nonce can pay for nothing any more."""
    due = house.obligation(house.account(), 2_500, card_nonce=house.nonce(), keep_card_consent="Keep it")
    house.simulator.faults("status_503_after", operation="payment_method", merchant=house.merchant_id)
    result = charge_obligation(house.ports, house.organisation_id, due, SOON)
    assert (result.obligation_status, result.state) == ("due", None)
    assert house.truth() == []
    assert charge_obligation(house.ports, house.organisation_id, due, SOON).obligation_status == "paid"
    assert len(sales(house)) == 1


def test_a_card_that_our_account_may_not_keep_ends_the_obligation_and_calls_a_person(house: House) -> None:
    due = house.obligation(house.account(), 2_500, card_nonce=house.nonce(), keep_card_consent="Keep it")
    house.simulator.faults("unauthorized_401", operation="payment_method", merchant=house.merchant_id, times=0)
    charge_obligation(house.ports, house.organisation_id, due, SOON)
    row, attempts, alarms = look_at(house, due)
    assert (row.status, row.refused_code, attempts) == ("declined", "not_sent", [])
    assert alarms == {"gateway_refuses_us"}


def test_a_nonce_that_a_sale_in_flight_holds_is_not_taken_for_burned(house: House) -> None:
    """The gateway still works on the first request when the quarantine is over; it will succeed."""
    due = house.obligation(house.account(), 2_500, card_nonce=house.nonce())
    house.simulator.faults(
        "late", order_prefix=house.organisation_id, operation="sale", seconds=3_600, held="gateway", hang_seconds=0.1
    )
    charge_obligation(house.ports, house.organisation_id, due, SOON)
    row, attempt, _ = one_look(house, due, minutes=30)
    assert (row.status, attempt.state, attempt.burned_at) == ("charging", "unknown", None)
    house.simulator.shift_clock(3_601)
    try:
        row, attempt, _ = one_look(house, due, hours=1)
    finally:
        house.simulator.shift_clock(-3_601)
    assert (row.status, attempt.state) == ("paid", "succeeded")
    assert len(sales(house)) == 1


def test_a_key_that_is_refused_when_it_is_sent_again_is_not_sent_for_ever(house: House) -> None:
    due = house.obligation(house.account(), 2_500, payment_method_id=house.card_on_file())
    house.simulator.faults("reset_before", order_prefix=house.organisation_id, operation="sale")
    charge_obligation(house.ports, house.organisation_id, due, SOON)
    house.simulator.merchant(house.merchant_id, api_request_key_allowed=False)
    row, attempt, alarms = one_look(house, due, minutes=30)
    assert (row.status, attempt.state, attempt.is_keyed) == ("charging", "unknown", False)
    assert alarms == {"keys_not_allowed"}
    row, attempt, alarms = one_look(house, due, hours=25)
    assert (row.status, attempt.state, attempt.reason) == ("review", "review", "not_found_without_key")
    assert "charge_review" in alarms
    assert sales(house) == []


def test_a_twin_that_never_shows_is_handed_to_a_person(house: House) -> None:
    """Rejected as a duplicate, and the sale it duplicates is never found: no code can say what that means."""
    due = house.obligation(house.account(), 2_500, payment_method_id=house.card_on_file())
    house.simulator.faults("gateway_rejected_duplicate", order_prefix=house.organisation_id, operation="sale")
    charge_obligation(house.ports, house.organisation_id, due, SOON)
    for _ in house.ports.timing.resolve_tries:
        row, attempt, alarms = one_look(house, due, days=1, minutes=1)
    assert (row.status, attempt.reason) == ("review", "found_without_ending")
    assert alarms == {"charge_review"}


@pytest.mark.parametrize(
    ("kind", "status"),
    [(OutcomeKind.succeeded, "paid"), (OutcomeKind.declined, "declined"), (OutcomeKind.unknown, "review"),
     (OutcomeKind.not_sent, "review"), (OutcomeKind.key_refused, "review")],
)  # fmt: skip
def test_a_sender_that_thaws_in_review_ends_it_only_with_a_definite_answer(
    house: House, kind: OutcomeKind, status: str
) -> None:
    house.set("idempotency_keys", False)
    due = house.obligation(house.account(), 2_500, payment_method_id=house.card_on_file())
    claimed = claim(house.ports, house.organisation_id, due, SOON)  # and then its process freezes for two days
    row, attempt, _ = one_look(house, due, days=2)
    assert row.status == "review"
    answer = Outcome(kind, gateway_id="late", amount_cents=2_500, currency="USD", order_id=claimed.request.order_id)
    learn(house.ports, house.organisation_id, attempt.id, answer, Actor.sender, claimed.send_deadline)
    assert look_at(house, due)[0].status == status


@pytest.mark.parametrize(
    ("kind", "alarms"),
    [(OutcomeKind.not_sent, set()), (OutcomeKind.key_refused, set()), (OutcomeKind.unknown, set()),
     (OutcomeKind.succeeded, {"charge_ends_differ"})],
)  # fmt: skip
def test_a_sender_that_thaws_after_the_end_calls_a_person_only_when_it_was_paid(
    house: House, kind: OutcomeKind, alarms: set[str]
) -> None:
    """Refused before it was processed, frozen, burned meanwhile: both say that nothing was taken."""
    due = house.obligation(house.account(), 2_500, card_nonce=house.nonce())
    claimed = claim(house.ports, house.organisation_id, due, SOON)
    row, attempt, _ = one_look(house, due, minutes=30)
    assert (row.status, attempt.state) == ("declined", "never_received")
    answer = Outcome(kind, gateway_id="late" if kind is OutcomeKind.succeeded else None, amount_cents=2_500,
                     currency="USD", order_id=claimed.request.order_id)  # fmt: skip
    learn(house.ports, house.organisation_id, attempt.id, answer, Actor.sender, claimed.send_deadline)
    assert look_at(house, due)[2] == alarms


def test_an_unreachable_gateway_is_asked_on_and_a_person_is_told(house: House) -> None:
    due = house.obligation(house.account(), 2_500, card_nonce=house.nonce())
    house.simulator.faults("status_500_before", order_prefix=house.organisation_id, operation="sale")
    house.simulator.faults("unauthorized_401", operation="payment_method", merchant=house.merchant_id, times=0)
    charge_obligation(house.ports, house.organisation_id, due, SOON)
    for _ in house.ports.timing.resolve_tries:
        row, attempt, alarms = one_look(house, due, days=1, minutes=1)
    assert (row.status, attempt.state) == ("charging", "unknown")
    assert alarms == {"charge_unresolved", "gateway_refuses_us"}
    house.simulator.clear_faults()
    assert one_look(house, due, days=1, minutes=1)[0].status == "declined"


def test_a_gateway_that_refuses_our_keys_is_told_to_a_person_at_the_first_look(house: House) -> None:
    due = house.obligation(house.account(), 2_500, payment_method_id=house.card_on_file())
    house.simulator.faults("reset_before", order_prefix=house.organisation_id, operation="sale")
    charge_obligation(house.ports, house.organisation_id, due, SOON)
    house.simulator.faults("unauthorized_401", operation="search", merchant=house.merchant_id)
    row, attempt, alarms = one_look(house, due, minutes=30)
    assert (row.status, attempt.state, alarms) == ("charging", "unknown", {"gateway_refuses_us"})
    assert one_look(house, due, hours=1)[0].status == "paid"


def test_a_card_that_is_neither_kept_nor_refused_for_long_is_told_to_a_person(house: House) -> None:
    due = house.obligation(house.account(), 2_500, card_nonce=house.nonce(), keep_card_consent="Keep it")
    house.simulator.faults("status_503_before", operation="payment_method", merchant=house.merchant_id, times=0)
    charge_obligation(house.ports, house.organisation_id, due, SOON)
    assert look_at(house, due)[2] == set()
    house.clock.pass_(minutes=20)
    charge_obligation(house.ports, house.organisation_id, due, SOON)
    row, attempts, alarms = look_at(house, due)
    assert (row.status, attempts, alarms) == ("due", [], {"card_not_kept"})
    house.simulator.clear_faults()
    charge_obligation(house.ports, house.organisation_id, due, SOON)
    assert look_at(house, due)[0].status == "paid"


@pytest.mark.parametrize("fault", ["reset_before", "reset_after"])
def test_f5_two_janitors_at_once_make_of_one_charge_one_sale(house: House, fault: str) -> None:
    due = house.obligation(house.account(), 2_500, payment_method_id=house.card_on_file())
    house.simulator.faults(fault, order_prefix=house.organisation_id, operation="sale")
    charge_obligation(house.ports, house.organisation_id, due, SOON)
    for _ in range(4):
        house.clock.pass_(minutes=20)
        _sweep_at_once(house, 2)
    assert look_at(house, due)[0].status == "paid"
    assert len(sales(house)) == 1
    with house.ports.database.read(house.organisation_id) as session:
        assert audit.alarm_of(session, "charged_twice", due) is None


def _sweep_at_once(house: House, janitors: int) -> None:
    gate = threading.Barrier(janitors)

    def work() -> None:
        with ThreadPoolExecutor(2) as pool:
            gate.wait()
            sweep(house.ports, pool)

    threads = [threading.Thread(target=work) for _ in range(janitors)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_a_due_obligation_that_nobody_rang_for_is_charged_by_the_janitor(house: House) -> None:
    """The ring is lost, Redis is down: the janitor asks the database alone."""
    due = house.obligation(house.account(), 2_500, payment_method_id=house.card_on_file())
    with ThreadPoolExecutor(2) as pool:
        assert sweep(house.ports, pool).charged == 0  # its ring gets a minute first
        house.clock.pass_(seconds=61)
        assert sweep(house.ports, pool).charged == 1
        assert look_at(house, due)[0].status == "paid"
        assert sweep(house.ports, pool).delivered == 1
    [mail] = house.simulator.call("GET", "/mailbox.json")[:1]
    assert mail["recipients"] == ["ada@example.com"]


@pytest.mark.parametrize("status", ["cancelled", "paid", "declined", "review"])
def test_the_janitor_charges_nothing_that_is_over(house: House, status: str) -> None:
    due = house.obligation(house.account(), 2_500, payment_method_id=house.card_on_file(), status=status)
    house.clock.pass_(hours=1)
    with ThreadPoolExecutor(2) as pool:
        sweep(house.ports, pool)
    row, attempts, _ = look_at(house, due)
    assert (row.status, attempts, house.truth()) == (status, [], [])


def test_an_account_on_hold_ends_what_was_due_and_takes_nothing(house: House) -> None:
    owed = house.account()
    due = house.obligation(owed, 2_500, payment_method_id=house.card_on_file())
    with house.ports.database.transaction(house.organisation_id) as session:
        account.lock(session, owed).status = "on_hold"
    house.clock.pass_(hours=1)
    with ThreadPoolExecutor(2) as pool:
        sweep(house.ports, pool)
    row, _, _ = look_at(house, due)
    assert (row.status, row.refused_code, house.truth()) == ("declined", "account_not_open", [])
