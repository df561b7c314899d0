"""`flask --app wsgi authorization ...`: what was authorized is had word for word, replaced and ended ones too (C9)."""

import hashlib
import json
import re
from collections.abc import Callable
from datetime import UTC, timedelta
from pathlib import Path

import pytest
from click.testing import Result

from portal.storage import account as accounts
from portal.storage import agreement as agreements
from portal.storage import audit, signing
from portal.storage.agreement import Agreement
from portal.usecases.autopay import turn_off
from portal.usecases.charge import charge_obligation
from portal.usecases.plan_life import cancel
from tests.rig.autopay import lived, practice, turned_on
from tests.rig.house import House
from tests.rig.payment import SOON
from tests.rig.plans import instalments, plan_now, settlement, signed
from tests.rig.practice import service_of
from tests.rig.series import go_to, payments_of, scheduled, weekly
from tests.usecases.test_invariants import behind_our_back
from tests.usecases.test_schedule_failure import replaced
from tests.web.conftest import application

Run = Callable[..., Result]


@pytest.fixture
def run(house: House) -> Run:
    app = application(house.simulator, house.ports)

    def run_it(command: str, *words: str) -> Result:
        line = ["authorization", command, "--organisation", house.slug, *words]
        return app.test_cli_runner().invoke(args=line, env={"COLUMNS": "300"})

    return run_it


def account_of(house: House, account_id: str) -> tuple[str, list[Agreement]]:
    """An account's reference, and what was sealed about it."""
    with house.ports.database.read(house.organisation_id) as session:
        row = accounts.by_id(session, account_id)
        assert row is not None
        return row.reference, agreements.of_account(session, account_id)


def test_c9_an_authorization_that_was_replaced_is_had_years_later_with_what_was_debited_under_it(
    house: House, run: Run, tmp_path: Path
) -> None:
    """Two payments under the first card, one under the second, which was authorized afresh; then it was over."""
    made = scheduled(house, weekly(house, 3))
    for due in payments_of(house, made.schedule_id)[:2]:
        go_to(house, due)
        charge_obligation(house.ports, house.organisation_id, due.id, SOON)
    replaced(house, made.schedule_id)
    last = payments_of(house, made.schedule_id)[2]
    go_to(house, last)
    charge_obligation(house.ports, house.organisation_id, last.id, SOON)
    ended_at = house.clock.now()
    reference, sealed = account_of(house, last.account_id)
    house.clock.pass_(days=3 * 366)
    out = run("export", reference, "--to", str(tmp_path / "new" / "out"))
    assert out.exit_code == 0, out.output
    assert "byte for byte what was accepted" in out.output
    first, second = json.loads((tmp_path / "new" / "out" / "authorizations.json").read_text())
    assert (first["what_for"], first["standing"], first["debits"], first["debited_cents"]) == (
        "schedule", "replaced", 2, 2_000,
    )  # fmt: skip
    assert (second["what_for"], second["standing"], second["debits"], second["debited_cents"]) == (
        "schedule_card", "ended", 1, 1_000,
    )  # fmt: skip
    assert first["ended_at"] == second["accepted_at"]
    assert second["keep_until"] == f"{ended_at.astimezone(UTC).year + 3}-{ended_at:%m-%d}", "Reg F 1006.100"
    for told, row in zip((first, second), sealed, strict=True):
        [name] = told["files"]
        content = (tmp_path / "new" / "out" / name).read_bytes()
        assert content.decode() == row.text
        numbered = f"{told['version']}\n{told['language']}\n".encode() + content
        assert hashlib.sha256(numbered).hexdigest() == told["sha256"] == row.text_sha256
        assert (told["ip"], told["accepted_at"]) == (row.ip, row.accepted_at.isoformat())
    with house.ports.database.read(house.organisation_id) as session:
        trail = [each for each in audit.about(session, last.account_id) if each.action == "authorizations_taken_out"]
    assert [(bool(each.actor), each.facts) for each in trail] == [(True, {"number": 2})]


def test_c9_a_signed_plan_comes_with_both_of_its_papers_and_stands_until_it_ends(
    house: House, run: Run, tmp_path: Path
) -> None:
    house.set("debt_collector", value=False)
    plan = signed(house, settlement(house, down_cents=2_000))
    reference, _ = account_of(house, plan.account_id)
    assert run("export", reference, "--to", str(tmp_path)).exit_code == 0
    [told] = json.loads((tmp_path / "authorizations.json").read_text())
    assert (told["what_for"], told["standing"], told["keep_until"]) == ("plan", "stands", None)
    with house.ports.database.read(house.organisation_id) as session:
        for name, kind in zip(told["files"][1:], ("agreement", "schedule"), strict=True):
            kept = signing.paper_of(session, plan.id, kind)
            assert kept is not None
            assert (tmp_path / name).read_bytes() == kept.content
    charge_obligation(house.ports, house.organisation_id, instalments(house, plan)[0].id, SOON)
    house.clock.pass_(days=2)
    cancel(house.ports, house.organisation_id, plan.id, "staff")
    ended_at = plan_now(house, plan.id).ended_at
    assert ended_at is not None
    shown = " ".join(run("list", reference).output.split())
    assert "plan ended" in shown
    assert "1 $20.00" in shown
    assert f"{ended_at.year + 2}-{ended_at - timedelta(hours=6):%m-%d}" in shown, "Nacha: two years"


def test_c9_a_standing_authorization_stands_between_its_payments_and_ends_when_it_is_turned_off(
    house: House, run: Run
) -> None:
    owed = practice(house)
    turned_on(house, owed)
    house.clock.pass_(hours=1)
    service_of(house, owed, 2_000)
    lived(house, 17)
    reference, _ = account_of(house, owed)
    assert re.search(r"autopay +stands +1 +\$20\.00 .* it stands +yes", run("list", reference).output)
    turn_off(house.ports, house.organisation_id, house.customer_id, owed)
    assert re.search(r"autopay +ended .* 1 +\$20\.00 .* 20\d\d-\d\d-\d\d +yes", run("list", reference).output)


def test_c9_c15_a_text_that_is_not_what_was_accepted_any_more_is_said_so(
    house: House, run: Run, tmp_path: Path
) -> None:
    """By a hand in the database: nothing of the portal can change a sealed text (M6)."""
    made = scheduled(house, weekly(house, 1))
    reference, _ = account_of(house, payments_of(house, made.schedule_id)[0].account_id)
    behind_our_back(house, f"UPDATE agreement SET text = text || '.' WHERE id = '{made.agreement_id}'")
    out = run("export", reference, "--to", str(tmp_path))
    assert out.exit_code == 1
    assert "Not as it was accepted" in out.output
    assert "NO" in run("list", reference).output


def test_what_there_is_nothing_of_is_said(house: House, run: Run, tmp_path: Path) -> None:
    reference, _ = account_of(house, house.account())
    assert "Nothing was authorized on that account." in run("list", reference).output
    out = run("export", reference, "--to", str(tmp_path / "none"))
    assert (out.exit_code, (tmp_path / "none").exists()) == (1, False)
    assert "There is no such account in this organisation." in run("list", "A-unknown").output
