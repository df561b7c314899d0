"""The commands of a practice: providers, patients and services, entered one by one or from a file."""

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from portal.storage import account, message
from tests.rig.house import House
from tests.rig.payment import balance_of
from tests.rig.practice import balances
from tests.web.conftest import application

Run = Callable[..., Result]


@pytest.fixture
def run(house: House) -> Run:
    app = application(house.simulator, house.ports)

    def run_it(*words: str) -> Result:
        return app.test_cli_runner().invoke(args=[*words, "--organisation", house.slug], env={"COLUMNS": "300"})

    return run_it


@pytest.fixture
def owed(house: House, run: Run) -> tuple[str, str]:
    """(account id, its number) of a customer with a patient P-1, and a provider REED."""
    added = run("provider", "add", "REED", "--name", "Miriam Reed", "--credentials", "PhD", "--npi", "1234567893")
    assert added.exit_code == 0, added.stderr
    assert run("patient", "add", "P-1", "C-1", "--given-name", "Ada", "--born-on", "1990-04-17").exit_code == 0
    account_id = house.account(0)
    with house.ports.database.read(house.organisation_id) as session:
        row = account.by_id(session, account_id)
        assert row is not None
        return account_id, row.reference


def test_a_service_is_recorded_corrected_and_lowered_by_command(run: Run, house: House, owed: tuple[str, str]) -> None:
    account_id, number = owed
    words = ("service", "record", "S-1", number, "P-1", "150")
    assert "--on is needed" in run(*words).stderr
    made = run(*words, "--on", "2026-10-05", "--provider", "REED", "--code", "90834", "--diagnosis", "F41.1")
    assert made.exit_code == 0, made.stderr
    assert "$150.00 owed" in made.stdout
    assert "corrected, version 2" in run("service", "correct", "S-1", "--code", "90837", "--modifier", "95").stdout
    assert "$90.00 owed" in run("service", "lower", "S-1", "insurance", "60", "--key", "era-1").stdout
    again = run("service", "lower", "S-1", "insurance", "60", "--key", "era-1")
    assert (again.exit_code, "booked already" in again.stderr) == (1, True)
    assert "$100.00 owed" in run("service", "raise", "S-1", "fee", "10").stdout
    listed = run("service", "list", number, "--unpaid").stdout
    for expected in ("S-1", "2026-10-05", "P-1", "REED", "90837 95", "$160.00", "$60.00", "$100.00"):
        assert expected in listed
    assert balance_of(house, account_id) == 10_000


def test_a_refusal_is_a_sentence_and_changes_nothing(run: Run, house: House, owed: tuple[str, str]) -> None:
    account_id, number = owed
    rest = ("--on", "2026-10-05", "--provider", "REED", "--code")
    for words, said in (
        (("service", "record", "S-1", number, "P-9", "150", *rest, "90834"), "no such patient"),
        (("service", "record", "S-1", "A-none", "P-1", "150", *rest, "90834"), "no such account"),
        (("service", "record", "S-1", number, "P-1", "150", *rest, "<script>"), "does not look like a code"),
        (("service", "record", "S-1", number, "P-1", "1e3", *rest, "90834"), "dollars and cents"),
        (("service", "correct", "S-1"), "no such service"),
        (("provider", "add", "REED", "--name", "Again"), "already"),
        (("provider", "change", "REED", "--npi", "1234567890"), "check digit"),
        (("provider", "change", "REED", "--name", "  "), "needs a name"),
        (("patient", "add", "P-2", "C-none", "--given-name", "Bo"), "no such customer"),
        (("patient", "change", "P-1", "--given-name", "  "), "needs a given name"),
    ):
        refused = run(*words)
        assert refused.exit_code in {1, 2}, words
        assert said in refused.stderr, refused.stderr
    assert balances(house, account_id) == {}


def test_attack_107_a_file_is_tried_named_row_by_row_and_kept_whole_or_not_at_all(
    run: Run, house: House, owed: tuple[str, str], tmp_path: Path
) -> None:
    account_id, number = owed
    file = tmp_path / "services.csv"
    header = "service,account,patient,date,provider,code,fee\n"
    good = f"S-1,{number},P-1,2026-10-05,REED,90834,120.00\n"
    file.write_text(f"{header}{good}S-2,{number},P-1,someday,REED,90834,120.00\n")
    wrong = run("service", "import", str(file))
    assert wrong.exit_code == 1
    for expected in ("Nothing was kept", "3", "date", "2026-11-02"):
        assert expected in wrong.stdout
    file.write_text(header + good)
    tried = run("service", "import", str(file), "--dry-run")
    assert "1 would be recorded, $120.00 in all" in tried.stdout
    assert balances(house, account_id) == {}
    assert "1 recorded, $120.00 in all, 0 on record already" in run("service", "import", str(file)).stdout
    assert "0 recorded, 1 on record already" in run("service", "import", str(file)).stdout
    file.write_bytes(b"x" * 3_000_000)
    assert "larger than" in run("service", "import", str(file)).stderr


def test_patients_come_from_a_file_and_are_listed_under_who_pays(
    run: Run, owed: tuple[str, str], tmp_path: Path
) -> None:
    file = tmp_path / "patients.csv"
    file.write_text("patient,customer,given_name,family_name,born_on\nP-7,C-1,Lina,Moss,3/1/2016\n")
    assert "1 recorded" in run("patient", "import", str(file)).stdout
    assert run("patient", "change", "P-7", "--city", "Oakland").exit_code == 0
    listed = run("patient", "list", "C-1").stdout
    for expected in ("P-1", "P-7", "Lina Moss", "2016-03-01", "Oakland"):
        assert expected in listed
    assert "Miriam Reed" in run("provider", "list").stdout


def test_c53_the_practice_issues_documents_and_sees_what_is_missing(
    run: Run, house: House, owed: tuple[str, str]
) -> None:
    _, number = owed
    made = run("service", "record", "S-1", number, "P-1", "150", "--on", "2026-10-05", "--provider", "REED",
               "--code", "90834", "--diagnosis", "F41.1")  # fmt: skip
    assert made.exit_code == 0, made.stderr
    held = run("document", "issue", "superbill", "S-1")
    assert (held.exit_code, "SB-" in held.stdout) == (2, False)
    for expected in ("EIN of the practice", "provider REED", "licence number and state"):
        assert expected in held.stdout
        assert expected in run("document", "missing", number).stdout
    house.set("practice_ein", "94-3312208")
    run("provider", "change", "REED", "--licence-number", "LMFT-1", "--licence-state", "CA")
    assert "Nothing is missing" in run("document", "missing", number).stdout
    issued = run("document", "issue", "superbill", "S-1", "--mail")
    assert (issued.exit_code, issued.stdout.strip()) == (0, "SB-000001")
    with house.ports.database.read(house.organisation_id) as session:
        assert "document_ready" in {each.event for each in message.of_customer(session, house.customer_id)}
    assert run("document", "issue", "invoice", "S-9").exit_code == 1
