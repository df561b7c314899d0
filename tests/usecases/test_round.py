"""A round of the run in which something fails: what is due is charged all the same, of everybody else."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from portal.jobs.run import round_once
from portal.storage.organisation import OrganisationSetting
from portal.usecases.failpoint import arm
from tests.rig.house import House, found
from tests.rig.plans import offered, plan_now
from tests.rig.series import go_to, payments_of, scheduled, weekly


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(2) as made:
        yield made
    arm("")


def test_an_offer_that_cannot_be_ended_keeps_nothing_from_being_charged(house: House, pool: ThreadPoolExecutor) -> None:
    due = payments_of(house, scheduled(house, weekly(house, 1)).schedule_id)[0]
    offer = offered(house)
    assert offer.expires_at is not None
    house.clock.at = max(offer.expires_at, due.due_at)
    arm("plan.expire.before_commit=raise")
    round_once(house.ports, pool)
    assert [ids for _, ids in house.doorbell.batches] == [[due.id]]
    round_once(house.ports, pool)
    assert plan_now(house, offer.id).state == "expired", "and the offer ends in the next round"


def test_an_organisation_of_which_nothing_can_be_handed_out_makes_no_other_wait(
    house: House, pool: ThreadPoolExecutor
) -> None:
    broken = found(house.ports, house.simulator)
    for one in (broken, house):  # the broken one's is due first
        go_to(one, payments_of(one, scheduled(one, weekly(one, 1)).schedule_id)[0])
    with house.ports.database.transaction(broken.organisation_id) as session:
        session.add(
            OrganisationSetting(
                organisation_id=broken.organisation_id, name="charges_per_minute", seq=1, value="many",
                set_at=house.clock.now(), set_by="a hand in the database",
            )
        )  # fmt: skip
    round_once(house.ports, pool)
    assert [organisation_id for organisation_id, _ in house.doorbell.batches] == [house.organisation_id]
