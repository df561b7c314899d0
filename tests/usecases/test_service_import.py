"""Services and patients from a spreadsheet: all rows or none, each wrong one named, and nothing twice."""

import pytest
from sqlalchemy import event

from portal.domain.refusal import Refused
from portal.storage import account, customer, patient
from portal.usecases.account import add_customer
from portal.usecases.patient_import import import_patients
from portal.usecases.service_import import NEEDED, OPTIONAL, import_services
from portal.usecases.spreadsheet import ImportReport
from tests.rig.house import House, found
from tests.rig.payment import balance_of
from tests.rig.practice import balances, figures_of, patient_of, provider_of

HEADER = ",".join((*NEEDED[:-1], *OPTIONAL[:4], NEEDED[-1], *OPTIONAL[4:]))


@pytest.fixture
def practice(house: House) -> tuple[str, str, str]:
    """(account id, its number, the patient's number)."""
    provider_of(house)
    owed, treated = house.account(0), patient_of(house)
    with house.ports.database.read(house.organisation_id) as session:
        row, person = account.by_id(session, owed), patient.by_id(session, treated)
        assert row is not None
        assert person is not None
        return owed, row.reference, person.reference


def given(house: House, *lines: str, dry_run: bool = False) -> ImportReport:
    content = "\n".join((HEADER, *lines)).encode()
    return import_services(house.ports, house.organisation_id, content, by="test", dry_run=dry_run)


def test_a_file_is_recorded_and_reading_it_again_changes_nothing(house: House, practice: tuple[str, str, str]) -> None:
    owed, number, treated = practice
    rows = (
        f"S-1,{number},{treated},2026-10-05,REED,90837,95 GT,1,10,F41.1 F33.1,150.00,60.00,10.00,Session of 60 minutes",
        f'S-2,{number},{treated},10/12/2026,REED,90834,,,,,"$1,120.00",,,',
    )
    first = given(house, *rows)
    assert (first.recorded, first.unchanged, first.cents, first.errors) == (2, 0, 127_000, [])
    again = given(house, *rows)
    assert (again.recorded, again.unchanged) == (0, 2)
    assert sorted(balances(house, owed).values()) == [8_000, 112_000]
    assert {line.fee_cents for line in figures_of(house, owed).values()} == {15_000, 112_000}
    assert balance_of(house, owed) == 120_000


def test_a_dry_run_says_the_same_and_keeps_nothing(house: House, practice: tuple[str, str, str]) -> None:
    owed, number, treated = practice
    report = given(house, f"S-1,{number},{treated},2026-10-05,REED,90837,,,,,150.00,,,", dry_run=True)
    assert (report.recorded, report.cents, report.errors) == (1, 15_000, [])
    assert balances(house, owed) == {}
    assert balance_of(house, owed) == 0


def test_attack_107_one_wrong_row_keeps_the_whole_file_out_and_every_wrong_row_is_named(
    house: House, practice: tuple[str, str, str]
) -> None:
    owed, number, treated = practice
    good = f"{number},{treated},2026-10-05,REED,90837,,,,,150.00,,,"
    report = given(
        house,
        f"S-1,{good}",
        f"S-2,{number},nobody,2026-10-05,REED,90837,,,,,150.00,,,",
        f"S-3,{number},{treated},soon,REED,90837,,,,,150.00,,,",
        f"S-4,{number},{treated},2026-10-05,REED,90837,,,,,NaN,,,",
        f"S-5,{number},{treated},2026-10-05,REED,90837,,,,,1e9,,,",
        f"S-6,{number},{treated},2026-10-05,REED,90837,,,,,0,,,",
        f"S-7,{number},{treated},2026-10-05,REED,90837,,,,,150.00,,,=cmd|' /C calc'!A0",
        f"S-8,{number},{treated},2026-10-05,REED,90837,,x,,,150.00,,,",
        f"S-9,{number},{treated},2099-01-01,REED,90837,,,,,150.00,,,",
        f"S-1,{number},{treated},2026-10-05,REED,90834,,,,,150.00,,,",
        f"S-10,{number},{treated},2026-10-05,NOBODY,90837,,,,,150.00,,,",
        f"S-11,{number},{treated},١٢/٠١/٢٠٢٦,REED,90837,,,,,150.00,,,",
    )
    assert [(error.number, error.column, error.refused.code) for error in report.errors] == [
        (3, "patient", "patient_unknown"),
        (4, "date", "cell_date"),
        (5, "fee", "cell_amount"),
        (6, "fee", "cell_amount"),
        (7, "fee", "service_fee"),
        (8, "description", "cell_formula"),
        (9, "units", "cell_number"),
        (10, "date", "service_in_future"),
        (11, "service", "service_differs"),
        (12, "provider", "provider_unknown"),
        (13, "date", "cell_date"),
    ]
    assert balances(house, owed) == {}
    assert balance_of(house, owed) == 0


def test_attack_107_another_organisations_numbers_are_as_good_as_none(
    house: House, practice: tuple[str, str, str]
) -> None:
    _, number, treated = practice
    stranger = found(house.ports, house.simulator)
    provider_of(stranger)
    report = given(stranger, f"S-1,{number},{treated},2026-10-05,REED,90837,,,,,150.00,,,")
    assert [(error.column, error.refused.code) for error in report.errors] == [("account", "account_unknown")]


def test_a_row_late_in_a_long_file_costs_what_one_costs_in_a_short_one(
    house: House, practice: tuple[str, str, str]
) -> None:
    """Payments wait behind a file on SQLite: that is short for the longest only while each row costs the same."""
    owed, number, treated = practice
    said: list[str] = []
    event.listen(house.ports.database.writer, "before_cursor_execute", lambda *seen: said.append(seen[2]))
    cost = []
    for first, last in ((0, 20), (20, 120), (120, 140)):
        rows = [f"S-{n},{number},{treated},2026-10-05,REED,90837,,,,,1.00,,," for n in range(first, last)]
        del said[:]
        assert given(house, *rows).recorded == last - first
        cost.append(len(said))
    short, long, late = cost
    assert (long - short) / 80 == pytest.approx(short / 20, rel=0.2)
    assert late == short, "nor what is on record already"
    assert short / 20 < 30
    assert balance_of(house, owed) == 140 * 100


def test_patients_are_recorded_under_who_pays_for_them(house: House) -> None:
    with house.ports.database.transaction(house.organisation_id) as session:
        add_customer(session, reference="C-9", given_name="Noor", family_name="Haddad", now=house.clock.at)
    content = (
        b"patient,customer,given_name,family_name,born_on,city\n"
        b"P-1,C-9,Lina,Haddad,2016-03-01,Oakland\nP-2,C-9,Omar,Haddad,,\n"
    )
    for recorded in (2, 0):
        report = import_patients(house.ports, house.organisation_id, content, by="test", dry_run=False)
        assert (report.recorded, report.errors) == (recorded, [])
    with house.ports.database.read(house.organisation_id) as session:
        payer = customer.by_reference(session, "C-9")
        assert payer is not None
        assert [row.full_name for row in patient.of_customer(session, payer.id)] == ["Lina Haddad", "Omar Haddad"]
    wrong = (
        b"patient,customer,given_name,family_name,born_on\nP-1,C-9,Lena,Haddad,\nP-3,C-8,A,B,\nP-4,C-9,,B,2009-01-01\n"
    )
    report = import_patients(house.ports, house.organisation_id, wrong, by="test", dry_run=False)
    assert [(error.column, error.refused.code) for error in report.errors] == [
        ("patient", "patient_differs"),
        ("customer", "customer_unknown"),
        ("given_name", "patient_name_missing"),
    ]


def test_a_file_for_something_else_is_refused(house: House) -> None:
    with pytest.raises(Refused, match="file_columns_missing"):
        import_services(house.ports, house.organisation_id, b"name,amount\nA,1\n", by="test", dry_run=True)
