"""Alarms are raised once, also by rivals, opened anew after they were cleared, and cleared once."""

import threading

from portal.storage import audit
from portal.usecases.alarm import clear_alarm_of, raise_alarm
from tests.rig.house import House

KIND = "gateway_refuses_us"
RIVALS = 8


def test_rivals_who_find_the_same_thing_at_once_raise_one_alarm(house: House) -> None:
    together, fallen = threading.Barrier(RIVALS), []

    def find(number: int) -> None:
        try:
            with house.ports.database.transaction(house.organisation_id) as session:
                if not house.ports.database.is_sqlite:  # one writer at a time there, so nobody may wait for another
                    assert audit.alarm_of(session, KIND, "it") is None
                    together.wait()
                raise_alarm(session, KIND, "it", house.clock.at, finder=number)
        except Exception as error:
            fallen.append(error)

    finders = [threading.Thread(target=find, args=(number,)) for number in range(RIVALS)]
    for finder in finders:
        finder.start()
    for finder in finders:
        finder.join()
    assert fallen == []
    with house.ports.database.read(house.organisation_id) as session:
        assert [(each.kind, each.subject_id) for each in audit.open_alarms(session)] == [(KIND, "it")]


def test_an_alarm_that_was_cleared_is_raised_anew_with_what_is_known_now(house: House) -> None:
    for finder in ("first", "second"):
        with house.ports.database.transaction(house.organisation_id) as session:
            raise_alarm(session, KIND, "it", house.clock.pass_(hours=1), finder=finder)
        with house.ports.database.read(house.organisation_id) as session:
            (standing,) = audit.open_alarms(session)
            assert (standing.facts, standing.raised_at) == ({"finder": finder}, house.clock.at)
        with house.ports.database.transaction(house.organisation_id) as session:
            clear_alarm_of(session, KIND, "it", house.clock.at)
        with house.ports.database.read(house.organisation_id) as session:
            assert audit.open_alarms(session) == []
