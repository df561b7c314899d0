"""Attack 101: what the gateway does by itself is heard of, counts once, and costs no second charge of ours."""

import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from werkzeug.serving import make_server

from portal.domain.retry import TRIES_MAX
from portal.storage import dispute, obligation
from portal.usecases.charge import charge_obligation
from portal.usecases.gateway_retry import take_in_retry
from portal.usecases.objection import Way, object_to
from portal.usecases.plan_life import pause
from portal.usecases.reconcile import reconcile_window
from portal.usecases.schedule import Made
from portal.usecases.schedule_change import CUSTOMER, cancel
from tests.rig import hooks
from tests.rig.plans import instalments, signed, wish
from tests.rig.series import payments_of, plan_of, scheduled, weekly
from tests.web.conftest import Portal
from tests.web.notice_door import DISPUTED_CARD, SOON, alarms, charges, door, entries, handled, paid, post, received


def declined_then_retried(portal: Portal, *, keeps_order_id: bool) -> tuple[str, str]:
    """(obligation, gateway id of the retry): a soft decline that the gateway tried again by itself."""
    house = portal.house
    hooks.keep_here(house)
    house.simulator.merchant(
        house.merchant_id, retry_declines_after_seconds=86_400, retries_keep_order_id=keeps_order_id
    )
    due = house.obligation(big_account(portal), 200_100, payment_method_id=house.card_on_file())
    charge_obligation(house.ports, house.organisation_id, due, SOON)
    [row] = charges(house, due)
    assert row.state == "declined"
    again = house.simulator.call("POST", f"/simulator/transactions/{row.gateway_id}/retry")
    return due, str(again["id"])


def big_account(portal: Portal) -> str:
    portal.account_id = portal.house.account(900_000)
    return portal.account_id


@pytest.mark.parametrize("keeps_order_id", [True, False])
def test_m15_c10_attack_101_a_retry_of_the_gateways_own_counts_once_and_we_charge_no_more(
    portal: Portal, keeps_order_id: bool
) -> None:
    house = portal.house
    due, gateway_id = declined_then_retried(portal, keeps_order_id=keeps_order_id)
    assert {alarm.kind for alarm in alarms(house)} == {"gateway_retries_on"}  # heard from the decline itself
    [form] = hooks.made(house)
    for _ in range(3):
        post(portal, form)
    post(portal, hooks.asked(house, "transaction_retried", transaction_id=gateway_id, age_seconds=60))
    assert handled(house) == ["adopted", "adopted"]
    assert entries(house, portal.account_id) == [("payment_taken", 200_100)]
    assert [(row.state, row.gateway_id == gateway_id) for row in charges(house, due)] == [
        ("declined", False),
        ("succeeded", True),
    ]
    charge_obligation(house.ports, house.organisation_id, due, SOON)
    assert len([sale for sale in house.simulator.truth(merchant=house.merchant_id) if sale["success"]]) == 1
    assert len(house.doorbell.messages) == 1  # one receipt


@pytest.mark.parametrize("settled", [False, True])
def test_attack_101_a_retry_that_nobody_wants_any_more_goes_back(portal: Portal, settled: bool) -> None:
    house = portal.house
    due, gateway_id = declined_then_retried(portal, keeps_order_id=True)
    with house.ports.database.transaction(house.organisation_id) as session:
        obligation.fresh(session, due).status = "cancelled"
    if settled:
        house.simulator.gateway(
            house.merchant_id, f"{house.merchant_id}_public_key", f"{house.merchant_id}_private_key"
        ).testing.settle_transaction(gateway_id)
    for form in hooks.made(house):
        post(portal, form)
    assert handled(house) == ["taken_back"]
    sale = next(row for row in house.simulator.truth(merchant=house.merchant_id) if row["id"] == gateway_id)
    assert (sale["status"] == "voided") != settled
    assert bool(sale["refund_ids"]) == settled
    assert entries(house, portal.account_id) == []
    assert {alarm.kind for alarm in alarms(house)} == {"gateway_retries_on", "gateway_retry_taken_back"}


def test_p1_attack_101_a_retry_of_a_schedule_that_was_cancelled_goes_back(portal: Portal) -> None:
    house = portal.house
    hooks.keep_here(house)
    house.simulator.merchant(house.merchant_id, retry_declines_after_seconds=86_400, retries_keep_order_id=True)
    made = scheduled(house, weekly(house, 1, 200_100), balance_cents=200_100)
    [due] = payments_of(house, made.schedule_id)
    with house.ports.database.transaction(house.organisation_id) as session:
        obligation.fresh(session, due.id).due_at = house.clock.now()
    charge_obligation(house.ports, house.organisation_id, due.id, SOON)
    [row] = charges(house, due.id)
    assert row.state == "declined"
    with house.ports.database.transaction(house.organisation_id) as session:
        obligation.fresh(session, due.id).status = "declined"  # given up; the schedule waits for another card
    cancel(house.ports, house.organisation_id, made.schedule_id, CUSTOMER)
    again = house.simulator.call("POST", f"/simulator/transactions/{row.gateway_id}/retry")
    for form in hooks.made(house):
        post(portal, form)
    assert handled(house) == ["taken_back"]
    [sale] = [each for each in house.simulator.truth(merchant=house.merchant_id) if each["id"] == again["id"]]
    assert sale["status"] == "voided"


@pytest.mark.parametrize(("minutes", "became"), [(-5, "taken_back"), (5, "adopted")])
def test_a_retry_made_while_the_debt_is_disputed_goes_back_and_one_made_before_counts(
    portal: Portal, minutes: int, became: str
) -> None:
    house = portal.house
    house.clock.at = datetime.now(UTC)
    due, gateway_id = declined_then_retried(portal, keeps_order_id=True)
    house.clock.at = datetime.now(UTC) + timedelta(minutes=minutes)
    object_to(house.ports, house.organisation_id, portal.account_id, "not mine", Way.phone, "ada")
    assert looked_at(portal, gateway_id) == became
    assert [row.state for row in charges(house, due)] == ["declined", "succeeded"][: 1 + (became == "adopted")]
    [sale] = [row for row in house.simulator.truth(merchant=house.merchant_id) if row["id"] == gateway_id]
    assert (sale["status"] == "voided") == (became == "taken_back")
    assert ("gateway_retry_taken_back" in {alarm.kind for alarm in alarms(house)}) == (became == "taken_back")


@pytest.mark.parametrize(("minutes", "became"), [(-5, "taken_back"), (5, "adopted")])
def test_p9_a_retry_made_while_its_plan_is_paused_goes_back_and_one_made_before_counts(
    portal: Portal, minutes: int, became: str
) -> None:
    house = portal.house
    house.simulator.merchant(house.merchant_id, retry_declines_after_seconds=86_400, retries_keep_order_id=True)
    house.clock.at = datetime.now(UTC)
    running = signed(house, wish(house, 2), balance_cents=2 * 200_100)
    first = instalments(house, running)[0]
    with house.ports.database.transaction(house.organisation_id) as session:
        obligation.fresh(session, first.id).due_at = house.clock.now()
    charge_obligation(house.ports, house.organisation_id, first.id, SOON)
    house.clock.at = datetime.now(UTC) + timedelta(minutes=minutes)
    pause(house.ports, house.organisation_id, running.id, "ada")
    assert retried_by_gateway(portal, first.id) == became
    assert instalments(house, running)[0].status == ("paid" if became == "adopted" else "due")


@pytest.mark.parametrize(("rule", "standing"), [("pause", "paused"), ("staff", "broken")])
def test_a_schedule_that_stood_still_for_what_the_gateway_then_took_goes_on(
    portal: Portal, rule: str, standing: str
) -> None:
    house = portal.house
    house.set("after_last_failure", rule)
    made = given_up(portal, payments=2)
    first, second = payments_of(house, made.schedule_id)
    assert (first.status, plan_of(house, made.schedule_id).status) == ("declined", standing)
    house.clock.at = second.due_at
    charge_obligation(house.ports, house.organisation_id, second.id, SOON)
    assert payments_of(house, made.schedule_id)[1].hold_reason == "schedule_waits"
    assert retried_by_gateway(portal, first.id) == "adopted"
    first, second = payments_of(house, made.schedule_id)
    assert (first.status, plan_of(house, made.schedule_id).status) == ("paid", "active")
    assert (second.status, second.hold_reason, second.due_at) == ("due", None, house.clock.now())
    assert {alarm.kind for alarm in alarms(house)} == {"gateway_retries_on"}, "nobody is called any more"


def test_a_schedule_with_another_payment_that_was_given_up_still_stands(portal: Portal) -> None:
    house = portal.house
    made = given_up(portal, payments=2)
    first, second = payments_of(house, made.schedule_id)
    with house.ports.database.transaction(house.organisation_id) as session:
        obligation.fresh(session, second.id).status = "declined"
    assert retried_by_gateway(portal, first.id) == "adopted"
    assert plan_of(house, made.schedule_id).status == "paused"


def given_up(portal: Portal, payments: int) -> Made:
    """A series whose first payment was declined four times in 21 days, so that the organisation's rule holds."""
    house = portal.house
    house.simulator.merchant(house.merchant_id, retry_declines_after_seconds=86_400, retries_keep_order_id=True)
    made = scheduled(house, weekly(house, payments, 200_100, days_ahead=30), balance_cents=payments * 200_100)
    first = payments_of(house, made.schedule_id)[0]
    for _ in range(TRIES_MAX):
        due = payments_of(house, made.schedule_id)[0]
        house.clock.at = max(house.clock.at, due.due_at)
        charge_obligation(house.ports, house.organisation_id, first.id, SOON)
    return made


def retried_by_gateway(portal: Portal, obligation_id: str) -> str:
    """The gateway tries the last decline again by itself and takes the money; what became of it when it was heard of.

    Looked at without a notice, whose date is the simulator's: a walk through three weeks makes any look old.
    """
    house = portal.house
    declined = charges(house, obligation_id)[-1]
    assert declined.state == "declined"
    again = house.simulator.call("POST", f"/simulator/transactions/{declined.gateway_id}/retry")
    return looked_at(portal, str(again["id"]))


def looked_at(portal: Portal, gateway_id: str) -> str:
    """What becomes of a retry when it is heard of."""
    house = portal.house
    found = house.ports.gateways.of(house.organisation_id).find(gateway_id)
    assert found is not None
    return take_in_retry(house.ports, house.organisation_id, found)


def test_m3_a_retry_that_counted_and_was_voided_at_the_gateway_is_booked_as_given_back(portal: Portal) -> None:
    house = portal.house
    due, gateway_id = declined_then_retried(portal, keeps_order_id=True)
    for form in hooks.made(house):
        post(portal, form)
    assert handled(house) == ["adopted"]
    assert house.ports.gateways.of(house.organisation_id).void(gateway_id)
    now = datetime.now(UTC)
    house.clock.at = now
    reconcile_window(house.ports, house.organisation_id, now - timedelta(hours=1), now + timedelta(minutes=5), "test")
    assert entries(house, portal.account_id) == [("payment_returned", 200_100), ("payment_taken", 200_100)]
    assert [row.state for row in charges(house, due)] == ["declined", "succeeded"]


def test_attack_101_a_retry_that_another_worker_took_back_at_that_moment_calls_nobody(portal: Portal) -> None:
    """Two notices of one retry, handled at once: whoever comes second finds it voided, which is what was wanted."""
    house = portal.house
    due, gateway_id = declined_then_retried(portal, keeps_order_id=True)
    with house.ports.database.transaction(house.organisation_id) as session:
        obligation.fresh(session, due).status = "cancelled"
    gateway = house.ports.gateways.of(house.organisation_id)
    seen = gateway.find(gateway_id)
    assert seen is not None
    assert gateway.void(gateway_id)
    assert take_in_retry(house.ports, house.organisation_id, seen) == "taken_back"
    assert {alarm.kind for alarm in alarms(house)} == {"gateway_retries_on", "gateway_retry_taken_back"}
    [sale] = [row for row in house.simulator.truth(merchant=house.merchant_id) if row["id"] == gateway_id]
    assert (sale["status"], sale["refund_ids"]) == ("voided", [])


def test_the_comparison_finds_a_retry_and_a_dispute_that_no_notice_told_of(portal: Portal) -> None:
    house = portal.house
    due, gateway_id = declined_then_retried(portal, keeps_order_id=True)
    disputed = paid(portal, number=DISPUTED_CARD)
    now = datetime.now(UTC)
    house.clock.at = now
    result = reconcile_window(
        house.ports, house.organisation_id, now - timedelta(hours=1), now + timedelta(minutes=5), "test"
    )
    assert result.sales_count == 2
    assert [row.gateway_id for row in charges(house, due) if row.state == "succeeded"] == [gateway_id]
    assert entries(house, portal.account_id) == [
        ("chargeback_opened", 3_000),
        ("payment_taken", 3_000),
        ("payment_taken", 200_100),
    ]
    with house.ports.database.read(house.organisation_id) as session:
        assert dispute.taken_back_cents(session, disputed.id) == 3_000


@pytest.fixture
def served(portal: Portal) -> Iterator[str]:
    """The same application on a port of its own, so that the simulator itself can post to it."""
    server = make_server("127.0.0.1", 0, portal.app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}{door(portal)}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_the_simulator_checks_our_address_and_its_hooks_arrive_by_themselves(portal: Portal, served: str) -> None:
    house = portal.house
    asked = {"merchant": house.merchant_id, "url": served}
    assert house.simulator.call("POST", "/simulator/webhooks/challenge", asked)["passed"]
    house.simulator.merchant(house.merchant_id, webhook_url=served, webhook_retry_seconds=0.2)
    paid(portal, number=DISPUTED_CARD)
    until = time.monotonic() + 8
    while not received(house) and time.monotonic() < until:
        time.sleep(0.05)
    assert [row.kind for row in received(house)] == ["dispute_opened"]
    assert handled(house) == ["applied"]
