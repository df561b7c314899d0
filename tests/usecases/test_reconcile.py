"""The gateway's books beside ours, on both databases with the real SDK: every kind of difference, nights, restores."""

import shutil
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from portal.domain.card import SaleRequest
from portal.domain.charge import ChargeState, order_id_of
from portal.domain.ledger import Book
from portal.domain.reconcile import MEANINGS, Difference
from portal.domain.refusal import Refused
from portal.storage import Database, charge, hold, ledger, obligation, payment_method, reconcile
from portal.storage.database import vacuum_into
from portal.usecases.charge import charge_obligation, claim
from portal.usecases.explain import explain
from portal.usecases.failpoint import FailpointRaised, arm
from portal.usecases.reconcile import reconcile_window
from portal.usecases.reconcile_night import reconcile_nights
from portal.usecases.resolve import resolve
from portal.usecases.restore import hold_charging, lift, reconcile_and_lift
from portal.usecases.subscription_order import pay_now
from tests.rig.house import House, build_ports
from tests.rig.payment import (
    SOON,
    alarms,
    balance_of,
    book_cents,
    give_back,
    kept_at_gateway_cents,
    paid,
    refunds_of,
    settle,
    settled,
    settlement,
    status_of_offer,
)
from tests.rig.series import today
from tests.rig.subscriptions import assigned, payments, pressed


@pytest.fixture(autouse=True)
def in_the_worlds_time(house: House) -> Iterator[None]:
    """The simulator lives now; so does the house, for once."""
    house.clock.at = datetime.now(UTC)
    yield
    arm("")


def compared(house: House, hours: float = 1) -> reconcile.ReconcileResult:
    now = house.clock.at
    return reconcile_window(
        house.ports, house.organisation_id, now - timedelta(hours=hours), now + timedelta(minutes=10), "test"
    )


def kinds(result: reconcile.ReconcileResult) -> list[str]:
    return sorted(row["difference"] for row in result.differences)


def sdk(house: House) -> Any:
    key = house.merchant_id
    return house.simulator.gateway(key, f"{key}_public_key", f"{key}_private_key")


def row_of(house: House, charge_id: str) -> charge.Charge:
    with house.ports.database.read(house.organisation_id) as session:
        row = charge.by_id(session, charge_id)
        assert row is not None
        return row


def test_every_difference_says_what_it_means() -> None:
    assert MEANINGS.keys() == set(Difference)


def test_books_that_agree_are_clean_and_settlement_is_learned(house: House) -> None:
    _, charge_id, _ = settled(house)
    paid(house, 2_500)
    give_back(house, charge_id, 1_000)
    result = compared(house)
    assert (result.is_clean, result.differences) == (True, [])
    assert (result.sales_count, result.sales_cents) == (2, 12_500)
    assert (result.refunds_count, result.refunds_cents) == (1, 1_000)
    assert result.settled_count == 1
    row = row_of(house, charge_id)
    assert row.settled_at is not None
    assert abs(row.settled_at - house.clock.at) < timedelta(minutes=5)
    assert row.gateway_status == "settled"
    assert compared(house).settled_count == 0
    assert alarms(house) == []


def test_m2_a_success_whose_answer_was_lost_is_adopted(house: House) -> None:
    owed = house.account()
    due = house.obligation(owed, 2_500, payment_method_id=house.card_on_file())
    arm("send.after_reply=raise")
    with pytest.raises(FailpointRaised):
        charge_obligation(house.ports, house.organisation_id, due, SOON)
    arm("")
    assert kinds(compared(house)) == []  # its sender may still be at it
    house.clock.pass_(minutes=10)
    result = compared(house)
    assert (kinds(result), result.is_clean) == (["adopted"], True)
    assert balance_of(house, owed) == 47_500
    assert book_cents(house, owed, Book.gateway) == kept_at_gateway_cents(house)


def test_a_foreign_transaction_is_listed_and_touches_nothing(house: House) -> None:
    sdk(house).transaction.sale(
        {"amount": "12.00", "payment_method_nonce": "fake-valid-nonce", "order_id": "till-7",
         "options": {"submit_for_settlement": True}}
    )  # fmt: skip
    other = uuid.uuid4().hex
    sdk(house).transaction.sale(
        {"amount": "13.00", "payment_method_nonce": "fake-valid-nonce", "order_id": f"{other}-{other}-1"}
    )
    result = compared(house)
    assert (kinds(result), result.is_clean) == (["foreign", "foreign"], True)
    assert result.differences[0]["amount_cents"] in {1_200, 1_300}


def test_a_sale_voided_at_the_gateway_is_booked_as_given_back(house: House) -> None:
    owed, charge_id, gateway_id = paid(house)
    assert sdk(house).transaction.void(gateway_id).is_success
    assert kinds(compared(house)) == ["voided_there"]
    assert balance_of(house, owed) == 50_000
    [row] = refunds_of(house, charge_id)
    assert (row.way, row.state, row.asked_by) == ("void", "succeeded", "gateway")
    assert kinds(compared(house)) == []
    assert kept_at_gateway_cents(house) == book_cents(house, owed, Book.gateway) == 0


def test_a_sale_refunded_at_the_gateway_is_booked_as_given_back_and_counts_against_the_rest(house: House) -> None:
    owed, charge_id, gateway_id = settled(house)
    assert sdk(house).transaction.refund(gateway_id, "4.00").is_success
    assert sdk(house).transaction.refund(gateway_id, {"amount": "1.00", "order_id": "by hand"}).is_success
    assert kinds(compared(house)) == ["refunded_there", "refunded_there"]
    assert balance_of(house, owed) == 40_500
    assert sorted(row.amount_cents for row in refunds_of(house, charge_id)) == [100, 400]
    assert kinds(compared(house)) == []
    with pytest.raises(Refused, match="refund_above_payment"):
        give_back(house, charge_id, 9_501)


def test_a_settlement_that_was_declined_is_owed_again_and_a_person_is_told(house: House) -> None:
    owed, _, gateway_id, offer_id = settlement(house)
    settle(house, gateway_id, "settlement_decline_transaction")
    result = compared(house)
    assert (kinds(result), result.is_clean) == (["payment_lost"], False)
    assert (balance_of(house, owed), status_of_offer(house, offer_id)) == (10_000, "open")
    assert alarms(house) == ["reconcile_payment_lost"]
    assert kinds(compared(house)) == []


def test_who_dies_once_a_lost_payment_is_booked_has_called_a_person(house: House) -> None:
    """What is mended is no difference any more, so nothing that comes later would say that it was one."""
    owed, _, gateway_id = paid(house)
    settle(house, gateway_id, "settlement_decline_transaction")
    arm("reconcile.after_mend=raise")
    with pytest.raises(FailpointRaised):
        compared(house)
    arm("")
    assert balance_of(house, owed) == 50_000
    assert kinds(compared(house)) == []
    assert alarms(house) == ["reconcile_payment_lost"]


def test_amounts_that_differ_are_named_and_left_to_a_person(house: House) -> None:
    _, charge_id, gateway_id = paid(house)
    assert sdk(house).transaction.update_details(gateway_id, {"amount": "90.00"}).is_success
    result = compared(house)
    assert kinds(result) == ["amount_differs"]
    assert (result.open_count, result.is_clean) == (1, False)
    assert result.differences[0]["row_id"] == charge_id
    assert alarms(house) == ["reconcile_amount_differs"]


def test_what_the_gateway_does_not_know_is_named(house: House) -> None:
    _, charge_id, _ = paid(house)
    with house.ports.database.transaction(house.organisation_id) as session:
        charge.lock(session, charge_id).gateway_id = "nowhere1"
    house.clock.pass_(minutes=5)
    assert kinds(compared(house)) == ["charged_twice", "missing_there"]


def test_a_late_index_makes_nothing_missing(house: House) -> None:
    paid(house)
    house.clock.pass_(minutes=5)
    house.simulator.faults("search_lag", merchant=house.merchant_id, seconds=3_600)
    result = compared(house)
    assert (kinds(result), result.sales_count) == ([], 1)


def test_money_under_our_name_for_nothing_we_know_is_named(house: House) -> None:
    name = f"{house.organisation_id}-{uuid.uuid4().hex}-1"
    sdk(house).transaction.sale({"amount": "12.00", "payment_method_nonce": "fake-valid-nonce", "order_id": name})
    result = compared(house)
    assert (kinds(result), result.is_clean) == (["obligation_missing"], False)
    assert result.differences[0]["order_id"] == name


def test_a_silent_gateway_leaves_no_result(house: House) -> None:
    paid(house)
    house.simulator.faults("status_500_before", merchant=house.merchant_id, operation="search")
    with pytest.raises(Refused, match="gateway_silent"):
        compared(house)
    with house.ports.database.read(house.organisation_id) as session:
        assert reconcile.latest(session, 5) == []


def test_more_than_one_page_is_compared(house: House) -> None:
    gateway, till = sdk(house), {"amount": "1.00", "payment_method_nonce": "fake-valid-nonce", "order_id": "till"}
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: gateway.transaction.sale(dict(till)), range(120)))
    result = compared(house)
    assert (result.sales_count, result.difference_count) == (120, 120)


def test_each_night_is_compared_once_by_however_many_janitors(house: House) -> None:
    paid(house)
    night = house.clock.at.replace(hour=12, minute=0)  # 6 in the morning in Chicago
    house.clock.at = night if night < datetime.now(UTC) else night - timedelta(days=1)
    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(lambda _: reconcile_nights(house.ports), range(4)))
    assert sum(done) == 1
    with house.ports.database.read(house.organisation_id) as session:
        assert [row.asked_by for row in reconcile.latest(session, 5)] == ["clock"]
    house.clock.pass_(hours=2)
    assert reconcile_nights(house.ports) == 0
    house.clock.pass_(days=1)
    assert reconcile_nights(house.ports) == 1


def test_a_night_that_failed_is_tried_again_and_a_person_is_told_at_last(house: House) -> None:
    house.clock.at = house.clock.at.replace(hour=10)  # 4 in the morning in Chicago
    house.simulator.faults("status_500_before", merchant=house.merchant_id, operation="search", times=3)
    for _ in range(3):
        assert reconcile_nights(house.ports) == 0
        assert reconcile_nights(house.ports) == 0  # the lease of the first try is not over
        house.clock.pass_(minutes=61)
    assert alarms(house) == ["reconcile_refused"]
    assert reconcile_nights(house.ports) == 1


# --- after a restore ---------------------------------------------------------------------------------------------


def test_while_held_nothing_is_charged_and_what_is_due_stays_due(house: House) -> None:
    due = house.obligation(house.account(), 1_000, payment_method_id=house.card_on_file())
    assert house.organisation_id in hold_charging(house.ports, house.clock.at - timedelta(hours=2), "test")
    with pytest.raises(Refused, match="charging_held"):
        claim(house.ports, house.organisation_id, due, SOON)
    assert charge_obligation(house.ports, house.organisation_id, due, SOON).obligation_status == "due"
    with house.ports.database.read(house.organisation_id) as session:
        [standing] = explain(session, due, house.clock.at).standing
    assert standing.rule.code == "charging_held"
    assert "restored" in standing.sentence
    _, is_lifted = reconcile_and_lift(house.ports, house.organisation_id, "test")
    assert is_lifted
    assert charge_obligation(house.ports, house.organisation_id, due, SOON).obligation_status == "paid"


def test_a_resend_waits_for_the_hold_too(house: House) -> None:
    due = house.obligation(house.account(), 1_000, payment_method_id=house.card_on_file())
    house.simulator.faults("reset_before", order_prefix=house.organisation_id, operation="sale")
    charge_obligation(house.ports, house.organisation_id, due, SOON)
    hold_charging(house.ports, house.clock.at, "test")
    with house.ports.database.read(house.organisation_id) as session:
        [row] = charge.of_obligation(session, due)
    house.clock.pass_(hours=1)
    resolve(house.ports, house.organisation_id, row.id)
    assert house.truth() == []
    lift(house.ports, house.organisation_id, "test")
    house.clock.pass_(hours=1)
    resolve(house.ports, house.organisation_id, row.id)
    assert len(house.truth()) == 1


def test_a_backup_from_the_future_is_a_mistake(house: House) -> None:
    with pytest.raises(Refused, match="backup_in_future"):
        hold_charging(house.ports, house.clock.at + timedelta(minutes=1), "test")


def restored(house: House, backup: Path) -> House:
    """The same organisation over the database as it was when the backup was taken."""
    file = house.ports.database.url.database
    assert file is not None
    house.ports.database.dispose()
    for path in Path(file).parent.glob(f"{Path(file).name}*"):
        path.unlink()
    shutil.copyfile(backup, file)
    ports = build_ports(Database(f"sqlite:///{file}", pool_size=20), house.simulator, clock=house.clock)
    return House(ports, house.simulator, house.organisation_id, house.customer_id, house.merchant_id, house.slug)


@pytest.fixture
def sqlite_house(house: House) -> House:
    if not house.ports.database.is_sqlite:
        pytest.skip("PostgreSQL is backed up by its own tools; the same rows come back")
    return house


def test_f4_after_a_restore_nothing_is_charged_again_and_every_success_is_adopted(
    sqlite_house: House, tmp_path: Path
) -> None:
    house = sqlite_house
    owed = house.account()
    card = house.card_on_file()
    waiting = [house.obligation(owed, 1_000 + n, payment_method_id=card) for n in range(3)]
    refused = house.obligation(house.account(500_000), 200_100, payment_method_id=card)
    under_way = house.obligation(owed, 3_000, payment_method_id=card)
    arm("send.after_reply=raise")
    with pytest.raises(FailpointRaised):
        charge_obligation(house.ports, house.organisation_id, under_way, SOON)
    arm("")
    old_owed, old_charge, old_sale = settled(house, 7_000)
    voided_owed, voided_charge, _ = paid(house, 4_000)
    taken_at = house.clock.at
    vacuum_into(house.ports.database, str(tmp_path / "backup.sqlite3"))

    for due in waiting[:2]:
        charge_obligation(house.ports, house.organisation_id, due, SOON)
    charge_obligation(house.ports, house.organisation_id, refused, SOON)
    give_back(house, old_charge, 2_000)
    give_back(house, voided_charge)
    lost_owed, _, lost_sale = paid(house, 9_000)  # made and paid after the backup: gone with the restore
    before = kept_at_gateway_cents(house)

    house = restored(house, tmp_path / "backup.sqlite3")
    hold_charging(house.ports, taken_at, "operator")
    house.clock.pass_(minutes=10)
    for due in [*waiting, refused]:
        charge_obligation(house.ports, house.organisation_id, due, SOON)
    assert kept_at_gateway_cents(house) == before
    result, is_lifted = reconcile_and_lift(house.ports, house.organisation_id, "operator")
    assert kinds(result) == sorted(
        ["written_again"] * 3 + ["adopted", "refunded_there", "voided_there", "obligation_missing"]
    )
    assert not is_lifted  # money was taken for something that is not here any more: a person looks first
    [missing] = [row for row in result.differences if row["difference"] == "obligation_missing"]
    assert (missing["gateway_id"], missing["amount_cents"]) == (lost_sale, 9_000)
    lift(house.ports, house.organisation_id, "operator")

    for due in [*waiting, refused, under_way]:
        charge_obligation(house.ports, house.organisation_id, due, SOON)
    with house.ports.database.read(house.organisation_id) as session:
        rows = [obligation.by_id(session, due) for due in [*waiting, refused, under_way]]
        assert [row.status for row in rows if row] == ["paid", "paid", "paid", "declined", "paid"]
    assert balance_of(house, owed) == 50_000 - 3_003 - 3_000
    assert (balance_of(house, old_owed), balance_of(house, voided_owed)) == (45_000, 50_000)
    assert kept_at_gateway_cents(house) == before + 1_002  # only the one that was never charged
    booked = sum(book_cents(house, account_id, Book.gateway) for account_id in (owed, old_owed, voided_owed))
    assert booked == kept_at_gateway_cents(house) - 9_000
    wishes = {row.request_key for row in refunds_of(house, old_charge)}
    assert len(wishes) == 1
    assert old_sale
    with house.ports.database.read(house.organisation_id) as session:
        assert hold.standing(session) is None
        assert ledger.of_account(session, lost_owed) == []
        assert [row.state for row in charge.of_obligation(session, refused)] == [ChargeState.declined]
    house.ports.database.dispose()


def test_f4_a_month_of_a_subscription_that_was_taken_before_a_restore_is_owed_and_booked(house: House) -> None:
    """Its claim, which would have placed it on the ledger, is gone with what came after the backup."""
    one = assigned(house, today(house), today(house) + timedelta(days=40))
    made = pay_now(house.ports, house.organisation_id, house.customer_id, one, pressed(house, one))
    assert made == {}
    [first, *_] = payments(house, one)
    with house.ports.database.read(house.organisation_id) as session:
        card = payment_method.owned_by(session, first.payment_method_id or "", house.customer_id)
        assert card is not None
    name = order_id_of(house.organisation_id, first.id, 1)
    sale = SaleRequest(
        order_id=name, is_keyed=True, amount_cents=first.amount_cents, currency="USD", token=card.token, nonce=None,
        source="recurring_first",
    )  # fmt: skip
    house.ports.gateways.of(house.organisation_id).sale(sale, SOON)
    assert kinds(compared(house)) == ["written_again"]
    assert payments(house, one)[0].status == "paid"
    assert (balance_of(house, first.account_id), len(house.truth())) == (0, 1)
