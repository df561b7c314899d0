"""The machine's clock jumps: what is due by it is charged, once, whichever way it went."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from random import Random

import pytest

from tests.rig.house import House
from tests.rig.series import attempts_of, card_of, payments_of, plan_of, run_due, scheduled, sweep_now, weekly

JUMPS = [timedelta(seconds=1), timedelta(hours=1), timedelta(days=1), timedelta(days=31)]


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(4) as made:
        yield made


def test_p7_a_clock_that_goes_back_charges_nothing_twice_and_forward_nothing_early(
    house: House, pool: ThreadPoolExecutor
) -> None:
    made = scheduled(house, weekly(house, len(JUMPS)), card=card_of(house))
    for row, jump in zip(payments_of(house, made.schedule_id), JUMPS, strict=True):
        for at in (row.due_at - timedelta(seconds=1), row.due_at):
            for moment in (at, at - jump, at):
                house.clock.at = moment
                run_due(house, pool)
                sweep_now(house, pool)
                not_early_and_not_twice(house, made.schedule_id)
    house.clock.pass_(days=62)
    run_due(house, pool)
    assert [row.status for row in payments_of(house, made.schedule_id)] == ["paid"] * len(JUMPS)
    assert len(house.truth()) == len(JUMPS)


def test_p7_a_clock_that_jumps_at_random_charges_each_payment_once(house: House, pool: ThreadPoolExecutor) -> None:
    house.set("catch_up_per_day", value=10)
    made = scheduled(house, weekly(house, 4), card=card_of(house))
    dice = Random(7)
    for _ in range(14):
        house.clock.at += dice.choice(JUMPS) * dice.choice([-1, 1, 1])
        run_due(house, pool)
        sweep_now(house, pool)
        not_early_and_not_twice(house, made.schedule_id)
    for _ in range(8):
        house.clock.pass_(days=30)
        run_due(house, pool)
    assert plan_of(house, made.schedule_id).status == "completed"
    assert len(house.truth()) == 4


def not_early_and_not_twice(house: House, schedule_id: str) -> None:
    for row in payments_of(house, schedule_id):
        attempts = attempts_of(house, row.id)
        assert len(attempts) <= 1
        assert all(each.claimed_at >= row.due_at for each in attempts)
    orders = [sale["order_id"] for sale in house.truth()]
    assert len(orders) == len(set(orders))
