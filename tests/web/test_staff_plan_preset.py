"""What is usually offered, kept at the console: listed, added, changed, taken off the list; and used to make a plan."""

import pytest

from portal.domain.staff import Role
from portal.storage import audit
from portal.storage import plan as plans
from portal.storage.plan import PlanPreset
from tests.rig.people import colleague
from tests.rig.reader import Reader
from tests.web.conftest import Portal

FILLED = {"name": "Half in four", "settles": "37.5", "down": "10", "number": "4", "frequency": "payday_weekly",
          "first_in": "7", "channels": "both", "offer_days": "9"}  # fmt: skip


@pytest.fixture
def desk(portal: Portal) -> Reader:
    return colleague(portal.house, Role.manager).sign_in(portal.reader())


def at_presets(desk: Reader) -> Reader:
    return desk.follow("Payment plans").follow("What is usually offered")


def keep(desk: Reader, **typed: str) -> Reader:
    for name, value in typed.items():
        desk.set_hidden(name, value)
    return desk.press("Keep it")


def presets(portal: Portal) -> list[PlanPreset]:
    with portal.house.ports.database.read(portal.house.organisation_id) as session:
        return plans.presets(session)


def trail(portal: Portal, preset_id: str) -> list[tuple[str, object]]:
    with portal.house.ports.database.read(portal.house.organisation_id) as session:
        return sorted((each.action, each.facts.get("number")) for each in audit.about(session, preset_id))


def test_a_preset_is_added_changed_used_and_taken_off_the_list_and_the_trail_keeps_what_it_was(
    portal: Portal, desk: Reader
) -> None:
    keep(at_presets(desk).follow("Add a preset"), **FILLED)
    assert desk.sees("Half in four is kept.")
    assert desk.sees("settles at 37.5% · 10% down · 4 payments · On payday: every week · first after 7 days")
    [row] = presets(portal)
    assert (row.settlement_basis_points, row.down_basis_points, row.channels, row.offer_days) == (
        3_750,
        1_000,
        "both",
        9,
    )
    desk.follow("Half in four")
    shown = desk.values_of(*desk.form_of("Keep it"))
    assert {name: shown[name] for name in FILLED} == FILLED
    keep(desk, name="Half in five", number="5", settles="", down="")
    [row] = presets(portal)
    assert (row.name, row.number, row.settlement_basis_points, row.down_basis_points) == ("Half in five", 5, None, 0)
    desk.open(f"/{portal.slug}/staff/plans/new/{portal.account_id}").follow("Half in five")
    assert desk.values_of(*desk.form_of("Show the whole plan"))["number"] == "5"
    desk.open(f"/{portal.slug}/staff/plans/presets").follow("Half in five").press("Take it off the list")
    assert desk.sees("It is off the list.")
    assert presets(portal) == []
    assert trail(portal, row.id) == [("plan_preset_retired", 5), ("plan_preset_set", 4), ("plan_preset_set", 5)]
    assert desk.open(f"/{portal.slug}/staff/plans/presets/{row.id}").heading == "What is usually offered"


WRONG: list[tuple[dict[str, str], str, str]] = [
    ({"name": " "}, "name", "Give it a name"),
    ({"name": "First"}, "name", "There is one of this name"),
    ({"settles": "100"}, "settles", "above 0 and below 100"),
    ({"settles": "0.001"}, "settles", "above 0 and below 100"),
    ({"down": "-5"}, "down", "above 0 and below 100"),
    ({"number": "0"}, "number", "whole number"),
    ({"number": "121"}, "number", "120"),
    ({"frequency": "daily"}, "frequency", "Choose how often"),
    ({"first_in": "181"}, "first_in", "from 0 to 180"),
    ({"channels": "owl"}, "channels", "Choose how the offer is sent"),
    ({"offer_days": "0"}, "offer_days", "from 1 to 180"),
]


def test_what_is_wrong_with_a_preset_stands_beside_its_field(portal: Portal, desk: Reader) -> None:
    keep(at_presets(desk).follow("Add a preset"), **FILLED | {"name": "First"})
    desk.follow("Add a preset")
    form, button = desk.form_of("Keep it")
    first = desk.values_of(form, button) | FILLED
    for typed, field, says in WRONG:
        desk.post(form["action"], first | typed)
        assert desk.status == 422, typed
        [wrong] = [each for each in desk.page.walk() if "field-error" in each.get("class").split()]
        assert (wrong.get("id"), says in wrong.text) == (f"{field}-error", True), wrong.text
    assert [each.name for each in presets(portal)] == ["First"]


def test_presets_are_seen_by_everybody_and_kept_by_who_decides(portal: Portal, desk: Reader) -> None:
    keep(at_presets(desk).follow("Add a preset"), **FILLED)
    [row] = presets(portal)
    for role in (Role.clerk, Role.auditor):
        reader = at_presets(colleague(portal.house, role).sign_in(portal.reader()))
        assert reader.sees("Half in four")
        assert not [each for each in reader.page.all("a") if each.text in {"Half in four", "Add a preset"}]
        for path in ("new", row.id):
            assert reader.open(f"/{portal.slug}/staff/plans/presets/{path}").status == 403
