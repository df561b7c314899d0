"""Scheduled payments that fail: tried again or not, what a customer is told, and what another card sets going again."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from portal.domain.agreement import Text
from portal.domain.refusal import Refused
from portal.storage import audit, obligation
from portal.usecases.charge_fails import FAILS
from portal.usecases.failpoint import arm
from portal.usecases.janitor import POOL, sweep
from portal.usecases.recurring import charge_unclaimed
from portal.usecases.schedule import CardChoice, card_typed
from portal.usecases.schedule_card import Accepted, card_change_shown, replace_card
from tests.rig.house import House
from tests.rig.payment import alarms
from tests.rig.series import attempts_of, go_to, payments_of, plan_of, run_due, scheduled, told, weekly

NO_FUNDS, STOLEN = 200_100, 201_300  # cents the gateway declines: 2001 soft, 2013 hard


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(POOL) as made:
        yield made
    arm("")


def other_card(house: House, schedule_id: str) -> tuple[CardChoice, Text]:
    """Another card, typed, and the authorization for it as it is shown."""
    nonce = house.nonce("5555555555554444")
    found = house.ports.gateways.of(house.organisation_id).card_behind(nonce)
    assert found is not None
    card = card_typed(found, nonce)
    with house.ports.database.read(house.organisation_id) as session:
        return card, card_change_shown(session, schedule_id, card, "en", house.clock.now())


def replaced(house: House, schedule_id: str) -> list[str]:
    """Puts another card in place as its holder does; how what had failed stands."""
    card, text = other_card(house, schedule_id)
    seen = Accepted("en", "192.0.2.1", "test")
    done = replace_card(house.ports, house.organisation_id, schedule_id, card, text.digest, seen)
    return [each.obligation_status for each in done]


def test_the_customer_hears_at_the_first_failure_and_another_card_pays_at_once(
    house: House, pool: ThreadPoolExecutor
) -> None:
    made = scheduled(house, weekly(house, 1, NO_FUNDS), balance_cents=NO_FUNDS)
    due = payments_of(house, made.schedule_id)[0]
    go_to(house, due)
    run_due(house, pool)
    waits = payments_of(house, made.schedule_id)[0]
    assert (waits.status, waits.retries) == ("due", 1)
    assert waits.due_at > house.clock.now() + timedelta(days=2)
    assert told(house) == ["payment_declined", "schedule_made"]
    with house.ports.database.transaction(house.organisation_id) as session:
        obligation.fresh(session, due.id).amount_cents = 5_000  # an amount the gateway takes
    card, text = other_card(house, made.schedule_id)
    assert "ending in 4444" in text.plain
    seen = Accepted("en", "192.0.2.1", "test")
    with pytest.raises(Refused, match="agreement_changed"):
        replace_card(house.ports, house.organisation_id, made.schedule_id, card, "other", seen)
    [result] = replace_card(house.ports, house.organisation_id, made.schedule_id, card, text.digest, seen)
    assert result.obligation_status == "paid"
    assert attempts_of(house, due.id)[-1].source == "installment_first"
    assert plan_of(house, made.schedule_id).status == "completed"


def test_another_card_lets_what_waited_for_it_go_on_at_once(house: House, pool: ThreadPoolExecutor) -> None:
    """Not at its next look, which is up to twelve hours away."""
    made = scheduled(house, weekly(house, 2, STOLEN), balance_cents=2 * STOLEN)
    first, second = payments_of(house, made.schedule_id)
    go_to(house, first)
    run_due(house, pool)
    go_to(house, second)
    run_due(house, pool)
    held = payments_of(house, made.schedule_id)[1]
    assert (held.status, held.hold_reason) == ("due", "schedule_waits")
    assert held.due_at == house.clock.now() + timedelta(hours=12)
    with house.ports.database.transaction(house.organisation_id) as session:
        for row in (first, second):
            obligation.fresh(session, row.id).amount_cents = 5_000  # an amount the gateway takes
    assert replaced(house, made.schedule_id) == ["paid"]
    run_due(house, pool)
    assert [row.status for row in payments_of(house, made.schedule_id)] == ["paid", "paid"]
    assert plan_of(house, made.schedule_id).status == "completed"


@pytest.mark.parametrize(
    ("rule", "status", "rest"),
    [("pause", "paused", "due"), ("cancel", "cancelled", "cancelled"), ("staff", "broken", "due")],
)
def test_m15_a_hard_decline_is_tried_once_and_then_the_organisations_rule_holds(
    house: House, pool: ThreadPoolExecutor, rule: str, status: str, rest: str
) -> None:
    house.set("after_last_failure", rule)
    made = scheduled(house, weekly(house, 2, STOLEN), balance_cents=2 * STOLEN)
    go_to(house, payments_of(house, made.schedule_id)[0])
    run_due(house, pool)
    first, second = payments_of(house, made.schedule_id)
    assert (first.status, second.status, plan_of(house, made.schedule_id).status) == ("declined", rest, status)
    house.clock.pass_(days=40)
    run_due(house, pool)
    assert len(attempts_of(house, first.id)) == 1
    assert attempts_of(house, second.id) == [], "a schedule that waits charges nothing"
    assert told(house).count("payment_declined") == 1
    with house.ports.database.read(house.organisation_id) as session:
        raised = [alarm.kind for alarm in audit.open_alarms(session)]
    assert ("schedule_needs_staff" in raised) == (rule == "staff")


def test_m15_c34_a_soft_decline_is_tried_four_times_in_21_days_and_told_twice(
    house: House, pool: ThreadPoolExecutor
) -> None:
    made = scheduled(house, weekly(house, 1, NO_FUNDS), balance_cents=NO_FUNDS)
    due = payments_of(house, made.schedule_id)[0]
    go_to(house, due)
    first_at = house.clock.now()
    for _ in range(40 * 4):
        run_due(house, pool)
        house.clock.pass_(hours=6)
    attempts = attempts_of(house, due.id)
    assert [attempt.state for attempt in attempts] == ["declined"] * 4
    assert attempts[-1].claimed_at - first_at <= timedelta(days=21)
    assert [attempt.source for attempt in attempts] == ["installment", *["unscheduled"] * 3]
    assert payments_of(house, made.schedule_id)[0].status == "declined"
    assert told(house).count("payment_declined") == 2, "the first failure and the last"


def test_a_gateway_that_cannot_be_reached_is_no_decline_and_nobody_is_told(
    house: House, pool: ThreadPoolExecutor
) -> None:
    made = scheduled(house, weekly(house, 1))
    go_to(house, payments_of(house, made.schedule_id)[0])
    house.simulator.faults("throttled_429", order_prefix=house.organisation_id, operation="sale", times=2)
    run_due(house, pool)
    waits = payments_of(house, made.schedule_id)[0]
    assert (waits.status, waits.retries) == ("due", 0)
    for _ in range(6):
        house.clock.pass_(minutes=35)
        run_due(house, pool)
    assert payments_of(house, made.schedule_id)[0].status == "paid"
    assert told(house) == ["receipt", "schedule_made"]


def test_m4_a_payment_at_which_we_fail_ourselves_again_and_again_calls_a_person(
    house: House, pool: ThreadPoolExecutor
) -> None:
    """Here one without an authorization (C1), as after a hand in the database; the others of its batch are charged."""
    lost, other = [payments_of(house, scheduled(house, weekly(house, 1)).schedule_id)[0] for _ in range(2)]
    with house.ports.database.transaction(house.organisation_id) as session:
        obligation.fresh(session, lost.id).agreement_id = None
    go_to(house, lost)
    run_due(house, pool)
    assert payments_of(house, other.subject_id)[0].status == "paid"
    for _ in range(FAILS - 1):
        assert alarms(house) == [], "a fault may pass by itself"
        house.clock.pass_(minutes=1)
        assert charge_unclaimed(house.ports, pool) == 1
    assert alarms(house) == ["payment_fails"]
    assert payments_of(house, lost.subject_id)[0].status == "due"
    assert attempts_of(house, lost.id) == []


def test_m4_so_does_one_that_a_page_has_left_due(house: House, pool: ThreadPoolExecutor) -> None:
    due = house.obligation(house.account(), 2_500, payment_method_id=house.card_on_file())
    for _ in range(FAILS):
        assert alarms(house) == []
        house.clock.pass_(minutes=2)
        arm("claim.before_commit=raise")
        sweep(house.ports, pool)
    arm("")
    assert alarms(house) == ["payment_fails"]
    house.clock.pass_(minutes=2)
    sweep(house.ports, pool)
    assert [row.state for row in attempts_of(house, due)] == ["succeeded"], "and is tried on"
