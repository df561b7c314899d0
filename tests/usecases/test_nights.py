"""What the nightly comparison makes up for: nights that were missed, and disputes that no notice told of."""

from datetime import UTC, datetime, timedelta

import pytest

from portal.storage import charge, dispute, reconcile
from portal.usecases import reconcile_night
from portal.usecases.failpoint import arm
from portal.usecases.reconcile_night import reconcile_nights
from tests.rig.house import House, found
from tests.rig.payment import alarms, balance_of, paid, settle


@pytest.fixture(autouse=True)
def in_the_worlds_time(house: House) -> None:
    """The simulator lives now; so does the house, for once."""
    house.clock.at = datetime.now(UTC)


def test_m3_nights_that_were_missed_are_made_up_for(house: House) -> None:
    house.clock.at = house.clock.at.replace(hour=12, minute=0)  # 6 in the morning in Chicago
    assert reconcile_nights(house.ports) == 1
    house.clock.pass_(days=10)  # no clock ran
    assert reconcile_nights(house.ports) == 1
    with house.ports.database.read(house.organisation_id) as session:
        second, first = reconcile.latest(session, 2)
    assert first.from_at == first.until_at - timedelta(days=3)
    assert second.from_at == first.until_at - timedelta(days=2)


def test_m3_a_dispute_of_an_older_payment_that_no_notice_told_of_is_found_at_night(house: House) -> None:
    house.simulator.faults("search_lag", merchant=house.merchant_id, seconds=3_600)
    _, charge_id, gateway_id = paid(house)
    made = house.simulator.call("POST", "/simulator/disputes", {"transaction_id": gateway_id})
    with house.ports.database.transaction(house.organisation_id) as session:
        charge.lock(session, charge_id).claimed_at -= timedelta(days=30)  # no comparison of days looks at it any more
    house.clock.at = house.clock.at.replace(hour=12)
    assert reconcile_nights(house.ports) == 1
    with house.ports.database.read(house.organisation_id) as session:
        found = dispute.by_gateway_id(session, str(made["id"]))
    assert found is not None
    assert found.charge_id == charge_id


def at_night(house: House, days: int = 0) -> None:
    house.clock.at = house.clock.at.replace(hour=12, minute=0) + timedelta(days=days)  # 6 in the morning in Chicago


def taken_ago(house: House, days: int, amount_cents: int = 10_000) -> tuple[str, str, str]:
    """(account, charge, gateway id) of a payment taken so many days ago, which no comparison of days looks at."""
    owed, charge_id, gateway_id = paid(house, amount_cents)
    with house.ports.database.transaction(house.organisation_id) as session:
        row = charge.lock(session, charge_id)
        row.claimed_at -= timedelta(days=days)
        row.next_try_at -= timedelta(days=days)
    house.simulator.faults("search_lag", merchant=house.merchant_id, seconds=3_600)
    return owed, charge_id, gateway_id


def row_of(house: House, charge_id: str) -> charge.Charge:
    with house.ports.database.read(house.organisation_id) as session:
        row = charge.by_id(session, charge_id)
        assert row is not None
        return row


def test_what_settles_later_than_the_nights_that_compare_is_heard_of(house: House) -> None:
    _, charge_id, gateway_id = taken_ago(house, 5)
    at_night(house)
    assert reconcile_nights(house.ports) == 1
    assert (row_of(house, charge_id).settled_at, alarms(house)) == (None, []), "not yet late"
    settle(house, gateway_id)
    at_night(house, 1)
    assert reconcile_nights(house.ports) == 1
    assert row_of(house, charge_id).settled_at is not None


def test_what_has_not_settled_for_a_week_calls_a_person_until_it_does(house: House) -> None:
    _, charge_id, gateway_id = taken_ago(house, 8)
    at_night(house)
    assert reconcile_nights(house.ports) == 1
    assert alarms(house) == ["sale_not_settled"]
    settle(house, gateway_id)
    at_night(house, 1)
    assert reconcile_nights(house.ports) == 1
    assert (row_of(house, charge_id).gateway_status, alarms(house)) == ("settled", [])


def test_m3_a_settlement_that_is_declined_after_the_nights_that_compare_is_owed_again(house: House) -> None:
    owed, charge_id, gateway_id = taken_ago(house, 30)
    settle(house, gateway_id, "settlement_decline_transaction")
    at_night(house)
    assert reconcile_nights(house.ports) == 1
    assert balance_of(house, owed) == 50_000
    assert alarms(house) == ["reconcile_payment_lost"]
    at_night(house, 1)
    before = row_of(house, charge_id).next_try_at
    assert reconcile_nights(house.ports) == 1
    assert row_of(house, charge_id).next_try_at == before, "it will not settle any more, so nobody asks"


def test_only_so_many_are_asked_for_in_a_night_and_the_others_in_the_next(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reconcile_night, "UNSETTLED_MAX", 2)
    made = [taken_ago(house, days, amount_cents=1_000 + days) for days in (4, 5, 6)]
    for _, _, gateway_id in made:
        settle(house, gateway_id)
    at_night(house)
    assert reconcile_nights(house.ports) == 1
    assert [row_of(house, each).settled_at is not None for _, each, _ in made] == [False, True, True]
    at_night(house, 1)
    assert reconcile_nights(house.ports) == 1
    assert row_of(house, made[0][1]).settled_at is not None


def test_one_that_the_gateway_does_not_know_any_more_calls_a_person(house: House) -> None:
    _, charge_id, _ = taken_ago(house, 5)
    with house.ports.database.transaction(house.organisation_id) as session:
        charge.lock(session, charge_id).gateway_id = "nowhere1"
    at_night(house)
    assert reconcile_nights(house.ports) == 1
    assert alarms(house) == ["reconcile_missing_there"]


def test_a_night_at_which_we_fail_makes_no_other_organisations_wait_and_calls_a_person_at_last(house: House) -> None:
    other = found(house.ports, house.simulator)
    _, charge_id, _ = paid(house)
    at_night(house, 1)  # whatever the hour is now, the payment lies in the days that are compared
    with house.ports.database.transaction(house.organisation_id) as session:
        charge.lock(session, charge_id).amount_cents += 1  # the books differ, and to mend it we come by a failpoint
    for _ in range(3):
        arm("reconcile.after_mend=raise")
        reconcile_nights(house.ports)
        house.clock.pass_(minutes=61)
    arm("")
    with house.ports.database.read(other.organisation_id) as session:
        assert [row.asked_by for row in reconcile.latest(session, 5)] == ["clock"]
    assert "reconcile_refused" in alarms(house)
    assert reconcile_nights(house.ports) == 1
