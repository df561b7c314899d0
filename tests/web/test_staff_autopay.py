"""AutoPay at the console and by command: offered or not, seen by account, turned off with a reason and never on."""

from collections.abc import Callable

import pytest
from click.testing import Result

from portal.domain.staff import Role
from portal.storage import account, audit
from portal.storage import autopay as autopays
from tests.rig.autopay import lived, payments, practice, turned_on
from tests.rig.people import Colleague, colleague
from tests.rig.practice import service_of
from tests.rig.reader import Reader
from tests.rig.series import told
from tests.web.conftest import Portal

Run = Callable[..., Result]


@pytest.fixture
def owed(portal: Portal) -> str:
    return practice(portal.house)


@pytest.fixture
def run(portal: Portal) -> Run:
    def run_it(*words: str) -> Result:
        named = ["autopay", *words, "--organisation", portal.slug]
        return portal.app.test_cli_runner().invoke(args=named, env={"COLUMNS": "200"})

    return run_it


def reference_of(portal: Portal, account_id: str) -> str:
    with portal.house.ports.database.read(portal.house.organisation_id) as session:
        row = account.by_id(session, account_id)
    assert row is not None
    return row.reference


def said_why(portal: Portal, autopay_id: str) -> list[str]:
    with portal.house.ports.database.read(portal.house.organisation_id) as session:
        return [each.facts["why"] for each in audit.about(session, autopay_id) if "why" in each.facts]


def at_desk(portal: Portal, role: Role) -> tuple[Reader, Colleague]:
    person = colleague(portal.house, role)
    return person.sign_in(portal.reader()).follow("AutoPay"), person


def is_on(portal: Portal, account_id: str) -> bool:
    with portal.house.ports.database.read(portal.house.organisation_id) as session:
        return autopays.on_account(session, account_id) is not None


def test_staff_see_who_has_it_and_turn_it_off_with_a_reason_and_the_client_is_told(portal: Portal, owed: str) -> None:
    house = portal.house
    one = turned_on(house, owed)
    service_of(house, owed, 12_000)
    lived(house, 4)
    desk, _ = at_desk(portal, Role.clerk)
    assert desk.sees("Clients may choose it")
    assert not desk.sees("Change this"), "settings are for administrators"
    desk.follow(reference_of(portal, owed))
    assert desk.rows()["Never more at once than"] == "$200.00"
    assert desk.sees("$120.00")
    desk.follow("Turn it off")
    assert desk.press("Turn it off").errors() == ["Write down why."]
    assert desk.fill("Why", "4111 1111 1111 1111").press("Turn it off").status == 422
    assert is_on(portal, owed)
    desk.fill("Why", "Asked by phone").press("Turn it off")
    assert desk.sees("AutoPay is off on this account. The client is told.")
    assert desk.sees("Nobody has it on.")
    assert not is_on(portal, owed)
    assert [(each.status, each.refused_code) for each in payments(house, owed)] == [("cancelled", "cancelled_by_staff")]
    assert said_why(portal, one) == ["Asked by phone"]
    assert "autopay_off" in told(house)
    assert desk.open(f"/{portal.slug}/staff/autopay/{owed}").status == 404


def test_an_administrator_sets_it_with_proof_and_others_cannot(portal: Portal, owed: str) -> None:
    house = portal.house
    desk, person = at_desk(portal, Role.admin)
    house.clock.pass_(minutes=11)  # the proof of the sign-in is over
    desk.fill("Quiet days", "0").fill("Days of notice", "13")
    desk.choose("No").press("Save")
    desk.fill("Code", person.code()).press("Confirm")
    assert desk.errors() == ["Enter a number of days from 1 to 90.", "Enter a number of days from 10 to 12."]
    desk.fill("Quiet days", "7").fill("Days of notice", "12").choose("No").press("Save")
    assert desk.sees("Off: clients do not find it, and nothing is charged by it")
    assert desk.sees("7 days")
    clerk, _ = at_desk(portal, Role.manager)
    assert clerk.raw("POST", f"/{portal.slug}/staff/autopay").status_code in {400, 403}
    auditor, _ = at_desk(portal, Role.auditor)
    turned = f"/{portal.slug}/staff/autopay/{owed}/stop"
    assert auditor.raw("GET", turned).status_code == 403


def test_it_is_offered_listed_and_stopped_by_command(portal: Portal, run: Run, owed: str) -> None:
    house = portal.house
    assert "AutoPay is off" in run("offer", "--off").stdout
    assert run("offer", "--notice-days", "9").exit_code == 2
    assert "after 5 quiet days, 11 days before" in run("offer", "--quiet-days", "5", "--notice-days", "11").stdout
    assert "Nobody has it on." in run("list").stdout
    turned_on(house, owed)
    number = reference_of(portal, owed)
    listed = run("list").stdout
    for expected in (number, "C-1", "1111", "$200.00"):
        assert expected in listed
    assert run("stop", "A-none", "--why", "x").exit_code == 1
    assert "AutoPay is off" in run("stop", number, "--why", "Asked by letter").stdout
    assert "it was off" in run("stop", number, "--why", "Asked by letter").stdout
    assert not is_on(portal, owed)
