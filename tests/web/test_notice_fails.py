"""A notice at which the portal itself fails: tried on, and a person hears of it; mended, it is handled after all."""

from collections.abc import Iterator

import pytest

from portal.storage import notice
from portal.storage.notice import Notice
from portal.usecases.failpoint import FailpointRaised, arm
from portal.usecases.notice import BACKOFF_MAX, UNFINISHED_ALARM, UNFINISHED_MAX, forget_old, handle
from tests.rig import hooks
from tests.web.conftest import Portal
from tests.web.notice_door import alarms, paid, post, received


@pytest.fixture(autouse=True)
def disarmed() -> Iterator[None]:
    yield
    arm("")


def failing(portal: Portal, times: int) -> Notice:
    """A notice at which the portal failed so many times, each when its time had come."""
    house = portal.house
    post(portal, hooks.sample(house, "transaction_settled", paid(portal).gateway_id or ""))
    for _ in range(times):
        [row] = received(house)
        house.clock.at = max(house.clock.at, row.next_try_at)
        arm("notice.after_fetch=raise")
        with pytest.raises(FailpointRaised):
            handle(house.ports, house.organisation_id, row.id)
    [row] = received(house)
    house.clock.at = max(house.clock.at, row.next_try_at)
    arm("")
    return row


def called(portal: Portal) -> list[tuple[str, str]]:
    return [(alarm.kind, alarm.subject_id) for alarm in alarms(portal.house)]


def test_a_notice_at_which_we_fail_calls_a_person_by_its_name_and_is_handled_once_we_do_not(portal: Portal) -> None:
    house = portal.house
    row = failing(portal, UNFINISHED_ALARM)
    assert called(portal) == [], "a first fault may pass by itself"
    row = failing_once_more(portal, row)
    assert called(portal) == [("notice_fails", row.id)]
    [alarm] = alarms(house)
    assert (alarm.facts["notice"], alarm.facts["tries"]) == ("transaction_settled", UNFINISHED_ALARM)
    handle(house.ports, house.organisation_id, row.id)
    assert [(each.state, each.result) for each in received(house)] == [("handled", "agrees")]
    assert called(portal) == [], "what it called for was done"


def failing_once_more(portal: Portal, row: Notice) -> Notice:
    arm("notice.after_fetch=raise")
    with pytest.raises(FailpointRaised):
        handle(portal.house.ports, portal.house.organisation_id, row.id)
    arm("")
    [row] = received(portal.house)
    portal.house.clock.at = row.next_try_at
    return row


def test_a_notice_at_which_we_always_fail_is_set_aside_after_a_month_and_its_raw_text_goes_in_time(
    portal: Portal,
) -> None:
    house = portal.house
    row = failing(portal, 1)
    with house.ports.database.transaction(house.organisation_id) as session:
        known = notice.lock(session, row.id)
        assert known is not None
        known.tries = UNFINISHED_MAX - 1
    row = failing_once_more(portal, row)
    assert row.next_try_at - BACKOFF_MAX <= house.clock.at
    handle(house.ports, house.organisation_id, row.id)
    assert [each.state for each in received(house)] == ["set_aside"]
    assert called(portal) == [("notice_fails", row.id)]
    house.clock.pass_(days=91)
    assert forget_old(house.ports) == 1
    assert received(house)[0].payload == ""
