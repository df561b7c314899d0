"""`flask --app wsgi plan ...` as an operator runs it: each command, what it refuses, in which words."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from portal.storage import account, audit, plan, signing
from portal.storage.plan import Plan
from portal.web.command_line.plan import plan as group
from tests.rig.house import House
from tests.rig.plans import instalments, plan_now, signed, signer
from tests.rig.series import told
from tests.web.conftest import application

Run = Callable[..., Result]
FIRST = "2026-12-01"  # the house's clock stands at the second of November


@pytest.fixture
def run(house: House) -> Run:
    app = application(house.simulator, house.ports)

    def run_it(command: str, *words: str) -> Result:
        named = () if "--help" in words else ("--organisation", house.slug)
        return app.test_cli_runner().invoke(args=["plan", command, *named, *words], env={"COLUMNS": "300"})

    return run_it


@pytest.fixture
def owed(house: House) -> str:
    """The reference of an account that owes $500.00."""
    account_id = house.account(50_000)
    with house.ports.database.read(house.organisation_id) as session:
        row = account.by_id(session, account_id)
    assert row is not None
    return row.reference


def make(run: Run, owed: str, *words: str) -> Result:
    return run("make", "--account", owed, *words)


def only(house: House) -> Plan:
    with house.ports.database.read(house.organisation_id) as session:
        [row] = plan.listed(session, None, 10)
    return row


def said(result: Result) -> str:
    """One line of it, blanks made one: tables are as wide as their words."""
    return " ".join(result.output.split())


@pytest.mark.sqlite
def test_each_command_of_the_group_explains_itself(run: Run) -> None:
    assert set(group.commands) == {"make", "offer", "list", "show", "papers", "cancel", "pause", "resume", "change",
                                   "preset"}  # fmt: skip
    for command in group.commands:
        result = run(command, "--help")
        assert result.exit_code == 0, command
        assert "--organisation" in result.output
        assert len(result.output.splitlines()) > 5


def test_a_plan_is_made_offered_shown_and_listed(house: House, run: Run, owed: str) -> None:
    made = make(run, owed, "--settlement", "300.01", "--down", "50", "--instalments", "3", "--first", FIRST,
                "--offer-days", "10")  # fmt: skip
    assert made.exit_code == 0, made.output
    row = only(house)
    assert (row.state, row.total_cents, row.kind) == ("offered", 30_001, "settlement")
    words = said(made)
    assert f"{row.reference} version 1: offered, can be signed until 2026-11-12" in words
    assert "$300.01 of $500.00, forgives $199.99 at the end" in words
    for line in ("1 at signing $50.00", "2 2026-12-01 $83.33", "3 2027-01-04 $83.33 2027-01-01", "4 2027-02-01 $83.35"):
        assert line in words
    assert told(house) == ["plan_offer"]
    assert said(run("show", row.reference.lower())) == words
    assert row.reference in run("list").output
    assert row.reference in run("list", "--state", "offered").output
    assert row.reference not in run("list", "--state", "signed").output


def test_a_draft_waits_and_is_offered_later(house: House, run: Run, owed: str) -> None:
    draft = make(run, owed, "--total", "200", "--each", "75", "--first", FIRST, "--draft")
    assert draft.exit_code == 0, draft.output
    assert (only(house).state, told(house)) == ("draft", [])
    assert [each["amount_cents"] for each in only(house).instalments] == [7_500, 7_500, 5_000]
    for _ in range(2):
        assert "version 1: offered" in said(run("offer", only(house).reference))
    assert told(house) == ["plan_offer"]


def test_presets_are_set_listed_and_used(house: House, run: Run, owed: str) -> None:
    assert "Half in four" not in run("preset").output
    result = run("preset", "Half in four", "--settlement-percent", "50", "--down-percent", "10", "--instalments", "4",
                 "--first-in", "14", "--offer-days", "9")  # fmt: skip
    assert "Half in four 50 % 10 % 4 monthly 14 days email 9" in said(result)
    assert run("preset", "No number").exit_code == 2
    for name, number, says in (
        ("  ", "4", "Give the preset a name"),
        ("x" * 81, "4", "up to 80 characters"),
        ("Long", "121", "120 payments at most"),
    ):
        refused = run("preset", name, "--instalments", number)
        assert (refused.exit_code, says in refused.output) == (1, True), refused.output
    run("preset", " Half  in four ", "--settlement-percent", "50", "--down-percent", "10", "--instalments", "4",
        "--offer-days", "9")  # fmt: skip
    with house.ports.database.read(house.organisation_id) as session:
        assert [each.name for each in plan.presets(session)] == ["Half in four"]
    made = make(run, owed, "--preset", "Half in  four", "--down", "30")
    assert made.exit_code == 0, made.output
    row = only(house)
    assert (row.total_cents, row.down_cents, len(row.instalments), row.offer_days) == (25_000, 3_000, 4, 9)
    assert "There is no such preset" in make(run, owed, "--preset", "Nothing").output


@pytest.mark.parametrize(
    ("words", "exit_code", "sentence"),
    [
        (("--instalments", "3"), 2, "give --first, or a --preset"),
        (("--first", FIRST), 2, "give --instalments or --each, or a --preset"),
        (("--first", FIRST, "--instalments", "3", "--total", "1", "--settlement", "2"), 2, "not both"),
        (("--first", "soon", "--instalments", "3"), 2, "does not match the format"),
        (("--first", FIRST, "--instalments", "3", "--frequency", "twice_a_month", "--days", "a,b"), 2, "like 1,15"),
        (("--first", FIRST, "--instalments", "3", "--by", "owl"), 2, "is not one of"),
        (("--first", "2026-11-01", "--instalments", "3"), 1, "The first date lies in the past."),
        (("--first", "9999-12-31", "--instalments", "3"), 1, "The last payment may lie on"),
        (("--first", FIRST, "--instalments", "200"), 1, "A plan may have 120 payments at most."),
        (("--first", FIRST, "--instalments", "120"), 1, "One payment must be at least $5.00."),
        (("--first", FIRST, "--instalments", "3", "--total", "x"), 1, "Give amounts in dollars and cents"),
        (("--first", FIRST, "--instalments", "3", "--total", "500.01"), 1, "A plan can be for $500.00 at most"),
        (("--first", FIRST, "--instalments", "3", "--settlement", "500"), 1, "must be below the $500.00"),
        (("--first", FIRST, "--instalments", "3", "--down", "500"), 1, "less than the total of $500.00"),
        (("--first", FIRST, "--instalments", "3", "--by", "sms"), 1, "no number on file that may be texted"),
        (("--first", FIRST, "--instalments", "3", "--offer-days", "181"), 1, "An offer stands 1 to 180 days."),
        (("--first", FIRST, "--instalments", "3", "--frequency", "payday_weekly"), 1, "needs to know the payday"),
        (("--first", FIRST, "--instalments", "3", "--frequency", "twice_a_month", "--days", "1,5"), 1, "10 days apart"),
    ],
)
@pytest.mark.sqlite
def test_what_cannot_be_made_is_said_in_a_sentence(
    house: House, run: Run, owed: str, words: tuple[str, ...], exit_code: int, sentence: str
) -> None:
    result = make(run, owed, *words)
    assert (result.exit_code, sentence in said(result)) == (exit_code, True), result.output
    with house.ports.database.read(house.organisation_id) as session:
        assert plan.listed(session, None, 10) == []


def test_one_account_has_one_plan_and_nobody_else_s_is_found(house: House, run: Run, owed: str) -> None:
    assert make(run, owed, "--instalments", "2", "--first", FIRST).exit_code == 0
    again = make(run, owed, "--instalments", "2", "--first", FIRST)
    assert (again.exit_code, f"a plan on this account already: {only(house).reference}, offered" in said(again)) == (
        1,
        True,
    )
    assert "There is no such account" in make(run, "A-nowhere", "--instalments", "2", "--first", FIRST).output
    for command in ("show", "offer", "cancel", "pause", "resume"):
        result = run(command, "PL-0000-0000")
        assert (result.exit_code, "There is no such plan" in result.output) == (1, True), command


def test_a_signed_plan_is_paused_resumed_changed_and_cancelled(house: House, run: Run) -> None:
    row = signed(house)
    assert "version 1: paused" in said(run("pause", row.reference, "--why", "The insurer asks."))
    assert plan_now(house, row.id).why == "The insurer asks."
    assert "The reason looks as if it held a card number" in run("pause", row.reference, "--why", "4" + "1" * 15).output
    assert "version 1: signed" in said(run("resume", row.reference))
    changed = run("change", row.reference, "--instalments", "5", "--first", FIRST)
    assert re.search(r"version 2: offered", said(changed)), changed.output
    assert plan_now(house, row.id).paused_for == "change"
    assert f"{row.reference} is changing." in run("resume", row.reference).output
    asked = run("cancel", row.reference)
    assert (asked.exit_code, plan_now(house, row.id).state) == (1, "paused"), "nobody said yes"
    assert "version 1: cancelled" in said(run("cancel", row.reference, "--why", "Paid by check.", "--yes"))
    assert {each.status for each in instalments(house, row)} == {"cancelled"}
    assert f"{row.reference} is cancelled." in run("pause", row.reference).output
    assert f"{row.reference} is cancelled." in run("change", row.reference, "--instalments", "2", "--first",
                                                   FIRST).output  # fmt: skip


def test_a_change_that_is_signed_takes_the_place(house: House, run: Run) -> None:
    row = signed(house)
    assert run("change", row.reference, "--instalments", "5", "--first", FIRST).exit_code == 0
    with house.ports.database.read(house.organisation_id) as session:
        newest = plan.editions(session, row.reference)[-1]
    signer(house, newest).read().sign()
    assert "version 2: signed" in said(run("show", row.reference))
    assert plan_now(house, row.id).state == "superseded"


def test_p10_c15_staff_take_the_signed_papers_out_and_they_print_again_byte_for_byte(
    house: House, run: Run, tmp_path: Path
) -> None:
    plan_row = signed(house)
    out = run("papers", plan_row.reference, "--to", str(tmp_path / "new" / "folder"))
    assert out.exit_code == 0, out.output
    assert "byte for byte what was signed" in said(out)
    assert "look otherwise" not in said(out)
    with house.ports.database.read(house.organisation_id) as session:
        for kind in ("agreement", "schedule"):
            kept = signing.paper_of(session, plan_row.id, kind)
            assert kept is not None
            file = tmp_path / "new" / "folder" / f"{plan_row.reference}-{plan_row.edition}-{kind}.pdf"
            assert file.read_bytes() == kept.content
        assert [each.actor for each in audit.about(session, plan_row.id) if each.action == "plan_papers_opened"]


def test_c15_papers_that_print_otherwise_today_are_said_to_and_the_kept_ones_count(
    house: House, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan_row = signed(house)
    monkeypatch.setattr(house.ports.paper, "schedule", lambda *_: b"%PDF of another day")
    out = run("papers", plan_row.reference, "--to", str(tmp_path))
    assert out.exit_code == 0, out.output
    assert "look otherwise" in said(out)


def test_nothing_is_taken_out_of_a_plan_that_is_not_signed(house: House, run: Run, owed: str, tmp_path: Path) -> None:
    assert make(run, owed, "--total", "500", "--instalments", "5", "--first", FIRST).exit_code == 0
    out = run("papers", only(house).reference, "--to", str(tmp_path / "papers"))
    assert out.exit_code == 1
    assert "Nothing of this plan is signed." in said(out)
    assert not (tmp_path / "papers").exists()
