"""What the nightly comparison makes up for: nights that were missed, and disputes that no notice told of."""

from datetime import UTC, datetime, timedelta

import pytest

from portal.storage import charge, dispute, reconcile
from portal.usecases.reconcile import reconcile_nights
from tests.rig.house import House
from tests.rig.payment import paid


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
