"""Refunds whose answer is lost, that race, or whose process dies at any point: given back once, come what may."""

import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from portal.domain.charge import ChargeState
from portal.domain.ledger import PAIRS, Book, Recipe
from portal.domain.refund import RefundWay
from portal.domain.refusal import Refused
from portal.usecases.failpoint import FailpointRaised, arm
from portal.usecases.refund import RefundResult, RefundWish, claim_refund, refund_charge, send_refund
from portal.usecases.refund_resolve import resolve_refund
from tests.rig.house import House
from tests.rig.payment import (
    SOON,
    alarms,
    balance_of,
    book_cents,
    give_back,
    kept_at_gateway_cents,
    paid,
    refunds_of,
    resolved,
    settle,
    settled,
)

LOST_AFTER = ["reset_after", "status_500_after", "status_503_after", "cut_xml", "html_200", "empty_200"]
LOST_BEFORE = ["reset_before", "status_500_before", "status_504_before"]


@pytest.fixture(autouse=True)
def disarmed() -> Iterator[None]:
    yield
    arm("")


@pytest.mark.parametrize("fault", LOST_AFTER)
@pytest.mark.parametrize("way", ["void", "refund"])
def test_a_lost_answer_is_unknown_and_found_again_never_given_twice(house: House, way: str, fault: str) -> None:
    owed, charge_id, _ = paid(house) if way == "void" else settled(house)
    house.simulator.faults(fault, merchant=house.merchant_id, operation=way)
    assert give_back(house, charge_id).state is ChargeState.unknown
    assert balance_of(house, owed) == 40_000
    assert resolved(house, charge_id, minutes=0.2) == "succeeded"
    assert [row.resolved_by for row in refunds_of(house, charge_id)] == ["janitor"]
    assert (balance_of(house, owed), kept_at_gateway_cents(house)) == (50_000, 0)
    assert len(house.doorbell.messages) == 2  # the receipt and the refund


@pytest.mark.parametrize("fault", LOST_BEFORE)
@pytest.mark.parametrize("way", ["void", "refund"])
def test_a_request_lost_on_the_way_is_sent_again_under_the_same_key(house: House, way: str, fault: str) -> None:
    owed, charge_id, _ = paid(house) if way == "void" else settled(house)
    house.simulator.faults(fault, merchant=house.merchant_id, operation=way)
    give_back(house, charge_id)
    assert resolved(house, charge_id, minutes=0.2) == "unknown"  # too early to believe that nothing is there
    assert resolved(house, charge_id) == "succeeded"
    assert (balance_of(house, owed), kept_at_gateway_cents(house)) == (50_000, 0)
    assert len(refunds_of(house, charge_id)) == 1


def test_a_late_refund_is_found_when_it_lands(house: House) -> None:
    owed, charge_id, _ = settled(house)
    house.simulator.faults("late", merchant=house.merchant_id, operation="refund", seconds=0.3, hang_seconds=0)
    assert give_back(house, charge_id).state is ChargeState.unknown
    deadline = 50
    while kept_at_gateway_cents(house) and deadline:
        deadline -= 1
    assert resolved(house, charge_id) == "succeeded"
    assert (balance_of(house, owed), kept_at_gateway_cents(house)) == (50_000, 0)


def test_an_index_that_lags_hides_no_refund_from_the_janitor(house: House) -> None:
    owed, charge_id, _ = settled(house)
    house.simulator.faults("search_lag", merchant=house.merchant_id, seconds=3_600)
    house.simulator.faults("reset_after", merchant=house.merchant_id, operation="refund")
    give_back(house, charge_id)
    assert resolved(house, charge_id) == "succeeded"
    assert (balance_of(house, owed), kept_at_gateway_cents(house)) == (50_000, 0)


def test_without_a_key_a_lost_refund_is_a_persons_after_a_day(house: House) -> None:
    house.set("idempotency_keys", False)
    _, charge_id, _ = settled(house)
    house.simulator.faults("reset_before", merchant=house.merchant_id, operation="refund")
    give_back(house, charge_id)
    assert resolved(house, charge_id, minutes=60) == "unknown"
    assert resolved(house, charge_id, minutes=60 * 49) == "review"
    assert alarms(house) == ["refund_review"]
    assert kept_at_gateway_cents(house) == 10_000


def test_a_void_that_the_settlement_overtook_becomes_a_refund(house: House) -> None:
    """A refund cannot race a void: the sale settled between our look and our void."""
    owed, charge_id, gateway_id = paid(house)
    sale = house.ports.gateways.of(house.organisation_id).find(gateway_id)
    assert sale is not None
    wish = RefundWish(uuid.uuid4().hex, charge_id, "staff")
    claimed = claim_refund(house.ports, house.organisation_id, wish, sale, SOON)
    assert not isinstance(claimed, RefundResult)
    settle(house, gateway_id)
    outcome = send_refund(house.ports, claimed, SOON)
    assert outcome is not None
    assert outcome.reason == "91504"
    house.clock.pass_(minutes=30)
    resolve_refund(house.ports, house.organisation_id, claimed.refund_id)
    assert [row.state for row in refunds_of(house, charge_id)] == ["never_received"]
    assert alarms(house) == ["refund_not_made"]
    again = refund_charge(house.ports, house.organisation_id, wish, SOON)
    assert (again.way, again.state) == (RefundWay.refund, ChargeState.succeeded)
    assert (balance_of(house, owed), kept_at_gateway_cents(house)) == (50_000, 0)


def test_a_void_and_a_refund_pressed_at_once_give_back_once(house: House) -> None:
    owed, charge_id, gateway_id = paid(house)
    with ThreadPoolExecutor(3) as pool:
        settling = pool.submit(settle, house, gateway_id)
        both = [pool.submit(_quietly, lambda: give_back(house, charge_id)) for _ in range(2)]
        done = [each.result() for each in both]
        settling.exception()
    if any(row.state == "unknown" for row in refunds_of(house, charge_id)):
        resolved(house, charge_id)
    assert sum(isinstance(each, RefundResult) and each.state is ChargeState.succeeded for each in done) <= 1
    assert book_cents(house, owed, Book.gateway) == kept_at_gateway_cents(house)


def _quietly(work: Callable[[], RefundResult]) -> RefundResult | str:
    try:
        return work()
    except Refused as refused:
        return refused.code


def test_m11_many_staff_tabs_at_once_never_give_back_more_than_was_taken(house: House) -> None:
    owed, charge_id, _ = settled(house)
    with ThreadPoolExecutor(6) as pool:
        done = list(pool.map(lambda _: _quietly(lambda: give_back(house, charge_id, 3_000)), range(6)))
    assert sorted(str(each) for each in done if isinstance(each, str)) == ["refund_above_payment"] * 3
    assert kept_at_gateway_cents(house) == book_cents(house, owed, Book.gateway) == 1_000


def test_m11_one_wish_from_many_tabs_at_once_is_one_refund(house: House) -> None:
    _, charge_id, _ = settled(house)
    key = uuid.uuid4().hex
    with ThreadPoolExecutor(6) as pool:
        done = list(pool.map(lambda _: give_back(house, charge_id, 3_000, request_key=key), range(6)))
    assert len({each.refund_id for each in done}) == 1
    assert kept_at_gateway_cents(house) == 7_000


POINTS = [
    "refund.before_commit", "refund.after_commit", "refund.before_write", "refund.after_reply",
    "refund.apply.before_commit",
]  # fmt: skip


@pytest.mark.parametrize("point", POINTS)
@pytest.mark.parametrize("way", ["void", "refund"])
def test_a_death_at_any_point_gives_back_once_when_the_janitor_has_been(house: House, way: str, point: str) -> None:
    owed, charge_id, _ = paid(house) if way == "void" else settled(house)
    key = uuid.uuid4().hex
    arm(f"{point}=raise")
    with pytest.raises(FailpointRaised):
        give_back(house, charge_id, request_key=key)
    arm("")
    if refunds_of(house, charge_id):
        assert resolved(house, charge_id, minutes=60) == "succeeded"
    assert give_back(house, charge_id, request_key=key).state is ChargeState.succeeded
    assert (balance_of(house, owed), kept_at_gateway_cents(house)) == (50_000, 0)
    assert [row.state for row in refunds_of(house, charge_id)] == ["succeeded"]


def test_a_frozen_sender_that_thaws_late_gives_back_nothing_more(house: House) -> None:
    owed, charge_id, gateway_id = settled(house)
    sale = house.ports.gateways.of(house.organisation_id).find(gateway_id)
    assert sale is not None
    claimed = claim_refund(
        house.ports, house.organisation_id, RefundWish(uuid.uuid4().hex, charge_id, "staff", 4_000), sale, SOON
    )
    assert not isinstance(claimed, RefundResult)
    assert resolved(house, charge_id, minutes=60) == "succeeded"  # sent again by the janitor
    assert send_refund(house.ports, claimed, SOON) is None  # its window is over
    house.ports.gateways.of(house.organisation_id).refund(claimed.request, SOON)  # and past its guard: the same key
    assert (balance_of(house, owed), kept_at_gateway_cents(house)) == (44_000, 6_000)


def test_every_recipe_of_money_given_back_leaves_the_gateway_book() -> None:
    for recipe in (Recipe.payment_returned, Recipe.payment_corrected, Recipe.payment_lost):
        assert PAIRS[recipe].credit is Book.gateway
