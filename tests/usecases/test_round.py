"""A round of the run in which something fails: what is due is charged all the same, of everybody else."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from portal.jobs.run import round_once
from portal.storage.organisation import Organisation, OrganisationSetting
from portal.storage.subscription import Subscription
from portal.usecases import plan_offer, subscription_deadline
from portal.usecases.failpoint import arm
from tests.rig.house import START, House, found
from tests.rig.plans import offered, plan_now
from tests.rig.series import go_to, payments_of, scheduled, told, weekly
from tests.rig.subscriptions import activated, assigned, row_of


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(2) as made:
        yield made
    arm("")


def misset(house: House, name: str, value: str) -> None:
    """A value that no door lets in."""
    with house.ports.database.transaction(house.organisation_id) as session:
        session.add(
            OrganisationSetting(
                organisation_id=house.organisation_id, name=name, seq=1, value=value,
                set_at=house.clock.now(), set_by="a hand in the database",
            )
        )  # fmt: skip


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
    misset(broken, "charges_per_minute", "many")
    round_once(house.ports, pool)
    assert [organisation_id for organisation_id, _ in house.doorbell.batches] == [house.organisation_id]


def test_one_that_cannot_be_reminded_of_keeps_no_other_reminder_back(house: House) -> None:
    broken = found(house.ports, house.simulator)
    for one in (broken, house):  # the broken ones' deadlines come first
        offered(one)
        assigned(one)
        house.clock.pass_(minutes=1)
    misset(broken, "plan_reminder_days", "soon")
    misset(broken, "subscription_reminder_days", "soon")
    house.clock.pass_(days=8)
    assert (plan_offer.remind(house.ports), subscription_deadline.remind(house.ports)) == (1, 1)
    assert {"plan_reminder", "subscription_reminder"} <= set(told(house))


def test_one_that_cannot_be_closed_keeps_no_other_open(house: House) -> None:
    first, second = assigned(house), assigned(house, activation_days=15)
    offers = [offered(house).id, offered(house).id]
    with house.ports.database.transaction(house.organisation_id) as session:
        row = session.get(Subscription, (house.organisation_id, first))
        assert row is not None
        row.version = 2**63 - 1 if house.ports.database.is_sqlite else 2**31 - 1  # it cannot be written any more
    house.clock.pass_(days=60)
    arm("plan.expire.before_commit=raise")
    assert (subscription_deadline.expire(house.ports), plan_offer.expire(house.ports)) == (2, 2)
    arm("")
    assert (row_of(house, first).state, row_of(house, second).state) == ("assigned", "expired")
    assert sorted(plan_now(house, each).state for each in offers) == ["expired", "offered"]


def test_a_program_that_cannot_be_ended_keeps_no_other_running(house: House) -> None:
    broken = found(house.ports, house.simulator)
    ids = {}
    for one in (broken, house):
        ids[one.slug] = assigned(one, end_on=START.date() + timedelta(days=10))
        activated(one, ids[one.slug])
    with house.ports.database.transaction(broken.organisation_id) as session:
        owner = session.get(Organisation, broken.organisation_id)
        assert owner is not None
        owner.timezone = "America/Nowhere"
    house.clock.pass_(days=15)
    assert subscription_deadline.finish(house.ports) == 2
    assert [row_of(one, ids[one.slug]).state for one in (broken, house)] == ["active", "ended"]
