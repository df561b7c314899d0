"""Counts of limits are kept while they count and some days more, and then thrown away; once a day."""

from datetime import datetime

from portal.domain.sign_in import DAY
from portal.storage import limit
from portal.usecases.forget_counts import forget_counts
from tests.rig.house import House


def counted(house: House, at: datetime) -> list[int]:
    with house.ports.database.transaction(house.organisation_id) as session:
        return [count(session, "b", "k", DAY, at) for count in (limit.count_up, limit.count_up_everywhere)]


def test_old_counts_are_forgotten_of_the_organisation_and_of_all_and_what_still_counts_is_kept(house: House) -> None:
    begun = house.clock.now()
    assert counted(house, begun) == [1, 1]
    forget_counts(house.ports)
    house.clock.pass_(days=2)
    today = house.clock.now()
    assert counted(house, today) == [1, 1]
    forget_counts(house.ports)
    assert counted(house, begun) == [2, 2], "it ended less than three days before"
    house.clock.pass_(days=2)
    assert forget_counts(house.ports) >= 2
    assert counted(house, begun) == [1, 1]
    assert counted(house, today) == [2, 2]
    assert forget_counts(house.ports) == 0, "once a day"
