"""What is usually offered, kept by two people at once: one of them is first, the other is told so."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

from portal.domain.plan_preset_wish import PresetTerms
from portal.domain.refusal import Refused
from portal.storage import Session
from portal.storage import plan as plans
from portal.usecases.plan_preset import keep_preset
from tests.rig.house import House


def kept_by(house: House, preset_id: str | None, name: str, number: int, both: Barrier) -> str:
    terms = PresetTerms(name, None, 0, number, "monthly", 14, "email", 14)

    def work(session: Session) -> str:
        return keep_preset(session, preset_id, terms, "test", house.clock.now()).id

    both.wait(timeout=30)
    try:
        return house.ports.database.run(house.organisation_id, work)
    except Refused as refused:
        return refused.code


def test_of_two_who_give_one_name_at_once_the_second_hears_that_it_is_taken(house: House) -> None:
    both, alone = Barrier(2), Barrier(1)
    renamed = kept_by(house, None, "Older", 9, alone)
    with ThreadPoolExecutor(2) as pool:
        for each in range(6):
            first_id = renamed if each == 5 else None  # a name is taken by a change just as well
            asked = [
                pool.submit(kept_by, house, preset_id, f"Name {each}", 3 + seat, both)
                for seat, preset_id in enumerate((first_id, None))
            ]
            assert [one.result() for one in asked].count("plan_preset_exists") == 1
    with house.ports.database.read(house.organisation_id) as session:
        names = [row.name for row in plans.presets(session)]
    assert [name for name in names if name != "Older"] == [f"Name {each}" for each in range(6)]
