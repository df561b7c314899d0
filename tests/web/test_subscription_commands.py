"""The commands of subscriptions: programs, assigning one, listing and showing them."""

import re
from collections.abc import Callable

import pytest
from click.testing import Result

from portal.storage import subscription as subscriptions
from tests.rig.house import House
from tests.rig.series import told
from tests.rig.subscriptions import activated, assigned, payments, row_of
from tests.web.conftest import application

Run = Callable[..., Result]
MANAGER = ("--manager", "Noor Haddad", "--manager-email", "noor@example.com", "--manager-phone", "+1 312 555 0117")
TERM = ("--start", "2026-12-01", "--end", "2028-01-31", "--billing-day", "1")


@pytest.fixture
def run(house: House) -> Run:
    app = application(house.simulator, house.ports)

    def run_it(*words: str) -> Result:
        return app.test_cli_runner().invoke(args=["subscription", *words, "--organisation", house.slug],
                                            env={"COLUMNS": "300"})  # fmt: skip

    return run_it


def test_r1_a_program_is_named_and_a_part_of_it_assigned_until_its_end(run: Run, house: House) -> None:
    assert "no programs" in run("program").stdout
    made = run("program", "Monitoring", "--feature", "GPS=90", "--feature", "Check-ins=25.50")
    assert made.exit_code == 0, made.stderr
    assert "$90.00" in run("program").stdout
    done = run("assign", "C-1", "Monitoring", *TERM, *MANAGER, "--share", "GPS=45")
    assert done.exit_code == 0, done.stderr
    assert "$45.00 a month until 2028-01-31" in done.stdout
    reference = re.findall(r"SB-\w{4}-\w{4}", done.stdout)[0]
    assert reference in run("list", "--state", "assigned").stdout
    assert "no subscriptions" in run("list", "--state", "active").stdout
    shown = run("show", reference).stdout
    for expected in ("Monitoring, assigned", "Noor Haddad", "GPS", "$90.00", "$45.00", "2027-12-01", "14"):
        assert expected in shown
    assert "Check-ins" not in shown
    assert told(house) == ["subscription_assigned"]
    assert "Kim Tran" in run("manager", reference, "--manager", "Kim Tran", *MANAGER[2:]).stdout
    assert "is assigned" in run("reopen", reference).stderr
    house.clock.pass_(days=15)
    done = run("reopen", reference, "--activation-days", "7")
    assert "to be activated until 2026-11-24" in done.stdout, done.stderr


@pytest.mark.sqlite
def test_a_refusal_is_a_sentence_and_assigns_nothing(run: Run, house: House) -> None:
    run("program", "Monitoring", "--feature", "GPS=90")
    for words, expected in (
        (("C-9", "Monitoring", *TERM, *MANAGER), "no such customer"),
        (("C-1", "Nothing", *TERM, *MANAGER), "no such program"),
        (("C-1", "Monitoring", *TERM, *MANAGER, "--share", "Wi-Fi=4"), "no feature called Wi-Fi"),
        (("C-1", "Monitoring", *TERM, *MANAGER, "--share", "GPS=91"), "cannot pay more of GPS than the $90.00"),
        (("C-1", "Monitoring", *TERM, *MANAGER[:4], "--manager-phone", "17"), "US phone number"),
        (("C-1", "Monitoring", "--start", "2026-12-01", "--end", "2026-11-01", *MANAGER), "ends before it begins"),
        (("C-1", "Monitoring", *TERM, *MANAGER, "--activation-days", "181"), "1 to 180 days"),
    ):
        done = run("assign", *words)
        assert (done.exit_code, expected in done.stderr) == (1, True), (words, done.stderr)
    assert run("program", "Other", "--feature", "GPS").exit_code == 2
    assert "no subscriptions" in run("list").stdout
    assert "no such subscription" in run("show", "SB-0000-0000").stderr


@pytest.mark.sqlite
def test_a_change_by_command_says_why_and_one_above_the_limit_is_for_two_at_the_console(run: Run, house: House) -> None:
    one = assigned(house)
    activated(house, one)
    reference = row_of(house, one).reference
    assert run("waive", reference, "--payment", "2").exit_code == 2
    assert "done" in run("waive", reference, "--payment", "2", "--why", "Hardship").stdout
    assert "done" in run("reduce", reference, "--payment", "3", "--to", "50", "--why", "Hardship").stdout
    assert "less than each payment costs" in run(
        "reduce", reference, "--payment", "3", "--to", "50", "--why", "Hardship"
    ).stderr  # fmt: skip
    for longer in (
        run("extend", reference, "--until", "2028-12-01", "--why", "Ordered by the court"),
        run("waive", reference, "--payment", "4", "--why", "Hardship"),
    ):
        assert longer.exit_code == 1
        assert "more than the $100.00 one may decide: ask for it at the console" in longer.stderr
    with house.ports.database.read(house.organisation_id) as session:
        assert {each.state for each in subscriptions.changes_of(session, one)} == {"done"}
    assert run("decide", "1", "--approve").exit_code == 2, "nobody approves where a name is only said"
    assert "done" in run("pause", reference, "--why", "In hospital").stdout
    assert "done" in run("resume", reference, "--why", "Back").stdout
    assert [each.amount_cents for each in payments(house, one)[:3]] == [7_000, 7_000, 5_000]
    assert row_of(house, one).end_on.isoformat() == "2028-01-01"


def test_every_command_says_what_it_needs(run: Run) -> None:
    for name in ("program", "assign", "list", "show", "manager", "reopen", "waive", "extend", "cancel"):
        assert "Usage:" in run(name, "--help").stdout
