"""Money given back, on both databases, with the real SDK: void or refund, never above, never twice, and every crash."""

import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest

from portal.domain.charge import ChargeState
from portal.domain.ledger import PAIRS, Book, Recipe
from portal.domain.refund import RefundWay, refund_line
from portal.domain.refusal import Refused
from portal.storage import account, audit, charge, hold, ledger, message, offer, refund
from portal.storage.hold import ChargingHold
from portal.storage.offer import Offer
from portal.usecases.charge import charge_obligation
from portal.usecases.failpoint import FailpointRaised, arm
from portal.usecases.ledger import differs_from_entries
from portal.usecases.outbox import deliver
from portal.usecases.refund import RefundResult, RefundWish, claim_refund, given_back, refund_charge, send_refund
from portal.usecases.refund_resolve import resolve_refund
from tests.rig.house import House

SOON = timedelta(seconds=2)
LOST_AFTER = ["reset_after", "status_500_after", "status_503_after", "cut_xml", "html_200", "empty_200"]
LOST_BEFORE = ["reset_before", "status_500_before", "status_504_before"]


@pytest.fixture(autouse=True)
def disarmed() -> Iterator[None]:
    yield
    arm("")


def paid(house: House, amount_cents: int = 10_000, balance_cents: int = 50_000, **values: Any) -> tuple[str, str, str]:
    """(account id, charge id, the gateway's id) of one payment that was taken and has not settled."""
    owed = house.account(balance_cents)
    due = house.obligation(owed, amount_cents, payment_method_id=house.card_on_file(), **values)
    assert charge_obligation(house.ports, house.organisation_id, due, SOON).state is ChargeState.succeeded
    with house.ports.database.read(house.organisation_id) as session:
        [row] = charge.of_obligation(session, due)
    return owed, row.id, row.gateway_id or ""


def settle(house: House, gateway_id: str, helper: str = "settle_transaction") -> None:
    key = house.merchant_id
    sdk = house.simulator.gateway(key, f"{key}_public_key", f"{key}_private_key")
    assert getattr(sdk.testing, helper)(gateway_id).is_success


def settled(house: House, amount_cents: int = 10_000, **values: Any) -> tuple[str, str, str]:
    ids = paid(house, amount_cents, **values)
    settle(house, ids[2])
    return ids


def give_back(house: House, charge_id: str, amount_cents: int | None = None, **values: Any) -> RefundResult:
    wish = RefundWish(
        request_key=values.pop("request_key", uuid.uuid4().hex), charge_id=charge_id, by="staff",
        amount_cents=amount_cents, **values,
    )  # fmt: skip
    return refund_charge(house.ports, house.organisation_id, wish, SOON)


def refunds_of(house: House, charge_id: str) -> list[refund.Refund]:
    with house.ports.database.read(house.organisation_id) as session:
        return refund.of_charge(session, charge_id)


def balance_of(house: House, account_id: str) -> int:
    with house.ports.database.read(house.organisation_id) as session:
        row = account.by_id(session, account_id)
        assert row is not None
        assert differs_from_entries(session, row) == 0
        return row.balance_cents


def book_cents(house: House, account_id: str, book: Book) -> int:
    with house.ports.database.read(house.organisation_id) as session:
        rows = ledger.of_account(session, account_id)
    return sum(row.amount_cents * ((row.debit_book == book.value) - (row.credit_book == book.value)) for row in rows)


def alarms(house: House) -> list[str]:
    with house.ports.database.read(house.organisation_id) as session:
        return [row.kind for row in audit.open_alarms(session)]


def kept_at_gateway_cents(house: House) -> int:
    """What the gateway took and did not give back."""
    rows = [row for row in house.simulator.truth(merchant=house.merchant_id) if row["success"]]
    took = sum(int(str(row["amount_cents"])) for row in rows if row["type"] == "sale" and row["status"] != "voided")
    return took - sum(int(str(row["amount_cents"])) for row in rows if row["type"] == "credit")


def test_a_sale_that_has_not_settled_is_voided_whole_and_owed_again(house: House) -> None:
    owed, charge_id, _ = paid(house)
    done = give_back(house, charge_id)
    assert (done.way, done.state, done.amount_cents) == (RefundWay.void, ChargeState.succeeded, 10_000)
    assert balance_of(house, owed) == 50_000
    assert book_cents(house, owed, Book.gateway) == kept_at_gateway_cents(house) == 0
    with house.ports.database.read(house.organisation_id) as session:
        row = charge.by_id(session, charge_id)
        assert row is not None
        assert (row.state, row.gateway_status) == ("succeeded", "voided")
        line = refund_line(row.amount_cents, given_back(session, charge_id))
    assert line is not None
    assert (line.code, line.amount_cents, line.at) == ("refunded", 10_000, house.clock.at)


def test_a_settled_sale_is_refunded_in_parts_up_to_what_was_taken(house: House) -> None:
    owed, charge_id, gateway_id = settled(house)
    first = give_back(house, charge_id, 4_000)
    assert (first.way, first.state) == (RefundWay.refund, ChargeState.succeeded)
    assert balance_of(house, owed) == 44_000
    with pytest.raises(Refused, match="refund_above_payment") as refused:
        give_back(house, charge_id, 6_001)
    assert refused.value.facts["left_cents"] == 6_000
    assert give_back(house, charge_id).amount_cents == 6_000
    with pytest.raises(Refused, match="refund_amount"):
        give_back(house, charge_id)
    assert balance_of(house, owed) == 50_000
    given = [row for row in house.simulator.truth(merchant=house.merchant_id) if row["type"] == "credit"]
    assert [(row["amount_cents"], row["refunded_transaction_id"]) for row in given] == [
        (4_000, gateway_id), (6_000, gateway_id),
    ]  # fmt: skip
    names = [row.order_id for row in refunds_of(house, charge_id)]
    assert [row["order_id"] for row in given] == [row["api_request_key"] for row in given] == names


def test_a_part_of_a_sale_that_has_not_settled_waits_and_nothing_is_sent(house: House) -> None:
    _, charge_id, gateway_id = paid(house)
    with pytest.raises(Refused, match="refund_part_unsettled"):
        give_back(house, charge_id, 4_000)
    assert refunds_of(house, charge_id) == []
    settle(house, gateway_id, "settlement_pending_transaction")
    with pytest.raises(Refused, match="refund_while_settling"):
        give_back(house, charge_id)


def test_a_billing_correction_is_given_back_without_being_owed_again(house: House) -> None:
    owed, charge_id, _ = settled(house)
    give_back(house, charge_id, 2_500, reopens_balance=False)
    assert balance_of(house, owed) == 40_000
    assert book_cents(house, owed, Book.gateway) == kept_at_gateway_cents(house) == 7_500
    assert book_cents(house, owed, Book.placed) == -47_500
    house.set("refunds_reopen_balance", False)
    give_back(house, charge_id, 500)
    assert balance_of(house, owed) == 40_000


def settlement(house: House) -> tuple[str, str, str, str]:
    """(account, charge, gateway id, offer) of a settlement: 6,000 paid, 4,000 forgiven, nothing owed."""
    owed = house.account(10_000)
    with house.ports.database.transaction(house.organisation_id) as session:
        row = Offer(
            organisation_id=house.organisation_id, account_id=owed, kind="amount", amount_cents=6_000,
            valid_until=house.clock.at + timedelta(days=30), created_at=house.clock.at,
        )  # fmt: skip
        session.add(row)
        session.flush()
        offer_id = row.id
    due = house.obligation(owed, 6_000, forgiven_cents=4_000, offer_id=offer_id, payment_method_id=house.card_on_file())
    charge_obligation(house.ports, house.organisation_id, due, SOON)
    with house.ports.database.read(house.organisation_id) as session:
        [row_] = charge.of_obligation(session, due)
    return owed, row_.id, row_.gateway_id or "", offer_id


def status_of_offer(house: House, offer_id: str) -> str:
    with house.ports.database.read(house.organisation_id) as session:
        row = offer.by_id(session, offer_id)
        assert row is not None
        return row.status


def test_a_settlement_given_back_whole_forgives_nothing_any_more(house: House) -> None:
    owed, charge_id, _, offer_id = settlement(house)
    assert (balance_of(house, owed), status_of_offer(house, offer_id)) == (0, "taken")
    give_back(house, charge_id)
    assert (balance_of(house, owed), status_of_offer(house, offer_id)) == (10_000, "open")
    assert book_cents(house, owed, Book.settled_away) == 0


def test_a_settlement_given_back_in_parts_comes_back_with_the_last_part(house: House) -> None:
    owed, charge_id, gateway_id, offer_id = settlement(house)
    settle(house, gateway_id)
    give_back(house, charge_id, 5_999)
    assert (balance_of(house, owed), status_of_offer(house, offer_id)) == (5_999, "taken")
    give_back(house, charge_id)
    assert (balance_of(house, owed), status_of_offer(house, offer_id)) == (10_000, "open")


def test_a_refund_of_a_correction_leaves_the_settlement_settled(house: House) -> None:
    owed, charge_id, _, offer_id = settlement(house)
    give_back(house, charge_id, reopens_balance=False)
    assert (balance_of(house, owed), status_of_offer(house, offer_id)) == (0, "taken")


def test_the_same_wish_pressed_again_is_one_refund(house: House) -> None:
    _, charge_id, _ = settled(house)
    key = uuid.uuid4().hex
    first = give_back(house, charge_id, 1_000, request_key=key)
    assert give_back(house, charge_id, 1_000, request_key=key).refund_id == first.refund_id
    with pytest.raises(Refused, match="request_key_used"):
        give_back(house, charge_id, 2_000, request_key=key)
    assert kept_at_gateway_cents(house) == 9_000


def test_a_refund_is_told_to_the_customer_once_and_in_words(house: House) -> None:
    _, charge_id, _ = settled(house)
    house.doorbell.messages.clear()
    give_back(house, charge_id, 1_234)
    [(organisation_id, message_id)] = house.doorbell.messages
    assert deliver(house.ports, organisation_id, message_id)
    with house.ports.database.read(house.organisation_id) as session:
        sent = message.by_dedupe_key(session, f"refund:{refunds_of_session(session, charge_id)[0].id}")
        assert sent is not None
    mails = house.simulator.call("GET", "/mailbox.json?recipient=ada@example.com")
    mails = mails["messages"] if isinstance(mails, dict) else mails
    [mail] = [each for each in mails if sent.message_id in each["message_id"]]
    assert "About your receipt" in mail["subject"]  # receivables write discreetly
    assert "$12.34" in mail["text"]
    assert "$100.00" in mail["text"]


def refunds_of_session(session: Any, charge_id: str) -> list[refund.Refund]:
    return refund.of_charge(session, charge_id)


def test_what_was_not_taken_is_not_given_back(house: House) -> None:
    due = house.obligation(house.account(500_000), 200_100, payment_method_id=house.card_on_file())
    charge_obligation(house.ports, house.organisation_id, due, SOON)
    with house.ports.database.read(house.organisation_id) as session:
        [row] = charge.of_obligation(session, due)
    with pytest.raises(Refused, match="charge_not_paid"):
        give_back(house, row.id)
    with pytest.raises(Refused, match="charge_unknown"):
        give_back(house, uuid.uuid4().hex)


def test_nothing_is_given_back_while_charging_is_held(house: House) -> None:
    _, charge_id, _ = paid(house)
    with house.ports.database.transaction(house.organisation_id) as session:
        session.add(
            ChargingHold(
                organisation_id=house.organisation_id, reason="restored", held_at=house.clock.at, held_by="test"
            )
        )
    with pytest.raises(Refused, match="charging_held"):
        give_back(house, charge_id)
    with house.ports.database.read(house.organisation_id) as session:
        assert hold.standing(session) is not None


def test_a_silent_gateway_stops_a_refund_before_anything_is_written(house: House) -> None:
    _, charge_id, _ = paid(house)
    house.simulator.faults("status_500_before", merchant=house.merchant_id, operation="find")
    with pytest.raises(Refused, match="gateway_silent"):
        give_back(house, charge_id)
    assert refunds_of(house, charge_id) == []


def test_a_hard_decline_of_a_refund_changes_nothing_and_frees_the_amount(house: House) -> None:
    owed, charge_id, _ = settled(house, 1_000_000, balance_cents=2_000_000)
    declined = give_back(house, charge_id, 200_400)  # 2004: expired card
    assert (declined.state, declined.reason) == (ChargeState.declined, "2004")
    assert balance_of(house, owed) == 1_000_000
    soft = give_back(house, charge_id, 204_600)  # 2046, soft: taken all the same
    assert soft.state is ChargeState.succeeded
    assert give_back(house, charge_id).amount_cents == 1_000_000 - 204_600


def test_an_echo_of_another_amount_goes_to_a_person(house: House) -> None:
    owed, charge_id, _ = settled(house)
    house.simulator.faults("wrong_amount", merchant=house.merchant_id, operation="refund")
    assert give_back(house, charge_id, 3_000).state is ChargeState.review
    assert balance_of(house, owed) == 40_000
    assert alarms(house) == ["refund_review"]
    with pytest.raises(Refused, match="refund_above_payment"):
        give_back(house, charge_id, 7_001)  # what may have been given back is not free


def test_a_merchant_without_keys_gives_back_without_keys(house: House) -> None:
    _, charge_id, _ = settled(house)
    house.simulator.merchant(house.merchant_id, api_request_key_allowed=False)
    assert give_back(house, charge_id, 1_000).state is ChargeState.succeeded
    assert [(row.state, row.is_keyed) for row in refunds_of(house, charge_id)] == [
        ("not_sent", True), ("succeeded", False),
    ]  # fmt: skip
    assert alarms(house) == ["keys_not_allowed"]
    assert kept_at_gateway_cents(house) == 9_000


def test_refused_keys_of_the_account_stop_the_refund_and_call_a_person(house: House) -> None:
    _, charge_id, _ = settled(house)
    house.simulator.faults("unauthorized_401", merchant=house.merchant_id, operation="refund")
    assert give_back(house, charge_id, 1_000).state is ChargeState.not_sent
    assert alarms(house) == ["gateway_refuses_us"]


@pytest.mark.parametrize("code", ["915233", "915235"])
def test_a_key_in_flight_or_in_trouble_is_looked_for_not_sent_anew(house: House, code: str) -> None:
    owed, charge_id, _ = settled(house)
    house.simulator.faults(f"error_{code}", merchant=house.merchant_id, operation="refund", processed=True)
    assert give_back(house, charge_id, 1_000).state is ChargeState.unknown
    resolved(house, charge_id)
    assert (balance_of(house, owed), kept_at_gateway_cents(house)) == (41_000, 9_000)


def test_a_key_of_another_request_goes_to_a_person(house: House) -> None:
    _, charge_id, _ = settled(house)
    house.simulator.faults("error_915232", merchant=house.merchant_id, operation="refund")
    assert give_back(house, charge_id, 1_000).state is ChargeState.review


def resolved(house: House, charge_id: str, minutes: float = 30) -> refund.Refund:
    house.clock.pass_(minutes=minutes)
    for row in refunds_of(house, charge_id):
        resolve_refund(house.ports, house.organisation_id, row.id)
    return refunds_of(house, charge_id)[-1]


@pytest.mark.parametrize("fault", LOST_AFTER)
@pytest.mark.parametrize("way", ["void", "refund"])
def test_a_lost_answer_is_unknown_and_found_again_never_given_twice(house: House, way: str, fault: str) -> None:
    owed, charge_id, _ = paid(house) if way == "void" else settled(house)
    house.simulator.faults(fault, merchant=house.merchant_id, operation=way)
    assert give_back(house, charge_id).state is ChargeState.unknown
    assert balance_of(house, owed) == 40_000
    row = resolved(house, charge_id, minutes=0.2)
    assert (row.state, row.resolved_by) == ("succeeded", "janitor")
    assert (balance_of(house, owed), kept_at_gateway_cents(house)) == (50_000, 0)
    assert len(house.doorbell.messages) == 2  # the receipt and the refund


@pytest.mark.parametrize("fault", LOST_BEFORE)
@pytest.mark.parametrize("way", ["void", "refund"])
def test_a_request_lost_on_the_way_is_sent_again_under_the_same_key(house: House, way: str, fault: str) -> None:
    owed, charge_id, _ = paid(house) if way == "void" else settled(house)
    house.simulator.faults(fault, merchant=house.merchant_id, operation=way)
    give_back(house, charge_id)
    assert resolved(house, charge_id, minutes=0.2).state == "unknown"  # too early to believe that nothing is there
    assert resolved(house, charge_id).state == "succeeded"
    assert (balance_of(house, owed), kept_at_gateway_cents(house)) == (50_000, 0)
    assert len(refunds_of(house, charge_id)) == 1


def test_a_late_refund_is_found_when_it_lands(house: House) -> None:
    owed, charge_id, _ = settled(house)
    house.simulator.faults("late", merchant=house.merchant_id, operation="refund", seconds=0.3, hang_seconds=0)
    assert give_back(house, charge_id).state is ChargeState.unknown
    deadline = 50
    while kept_at_gateway_cents(house) and deadline:
        deadline -= 1
    assert resolved(house, charge_id).state == "succeeded"
    assert (balance_of(house, owed), kept_at_gateway_cents(house)) == (50_000, 0)


def test_an_index_that_lags_hides_no_refund_from_the_janitor(house: House) -> None:
    owed, charge_id, _ = settled(house)
    house.simulator.faults("search_lag", merchant=house.merchant_id, seconds=3_600)
    house.simulator.faults("reset_after", merchant=house.merchant_id, operation="refund")
    give_back(house, charge_id)
    assert resolved(house, charge_id).state == "succeeded"
    assert (balance_of(house, owed), kept_at_gateway_cents(house)) == (50_000, 0)


def test_without_a_key_a_lost_refund_is_a_persons_after_a_day(house: House) -> None:
    house.set("idempotency_keys", False)
    _, charge_id, _ = settled(house)
    house.simulator.faults("reset_before", merchant=house.merchant_id, operation="refund")
    give_back(house, charge_id)
    assert resolved(house, charge_id, minutes=60).state == "unknown"
    assert resolved(house, charge_id, minutes=60 * 49).state == "review"
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
        assert resolved(house, charge_id, minutes=60).state == "succeeded"
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
    assert resolved(house, charge_id, minutes=60).state == "succeeded"  # sent again by the janitor
    assert send_refund(house.ports, claimed, SOON) is None  # its window is over
    house.ports.gateways.of(house.organisation_id).refund(claimed.request, SOON)  # and past its guard: the same key
    assert (balance_of(house, owed), kept_at_gateway_cents(house)) == (44_000, 6_000)


def test_every_recipe_of_money_given_back_leaves_the_gateway_book() -> None:
    for recipe in (Recipe.payment_returned, Recipe.payment_corrected, Recipe.payment_lost):
        assert PAIRS[recipe].credit is Book.gateway
