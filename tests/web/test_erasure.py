"""Erasing a customer at the console and by command: shown first, confirmed, refused, and done again (attack 114)."""

import csv
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from portal.domain.staff import Role
from portal.storage import account, customer, erasure
from portal.storage.customer import Customer
from portal.storage.database import vacuum_into
from portal.storage.erasure import Erasure
from portal.usecases.erasure import erase
from portal.usecases.ledger import lower_balance
from tests.rig.house import House
from tests.rig.payment import paid
from tests.rig.people import Colleague, colleague
from tests.rig.reader import Reader
from tests.usecases.test_erasure import nothing_owed
from tests.usecases.test_reconcile import restored
from tests.web.conftest import Portal, application

WHY = "asked for in a letter"
Run = Callable[..., Result]


@pytest.fixture
def run(house: House) -> Run:
    return runner(house)


def runner(house: House) -> Run:
    app = application(house.simulator, house.ports)
    return lambda *words: app.test_cli_runner().invoke(args=["erasure", *words], env={"COLUMNS": "300"})


def now_of(house: House) -> tuple[Customer, Erasure | None]:
    with house.ports.database.read(house.organisation_id) as session:
        row = customer.by_id(session, house.customer_id)
        assert row is not None
        return row, erasure.of_customer(session, row.id)


def at_page(portal: Portal) -> tuple[Colleague, Reader]:
    boss = colleague(portal.house, Role.admin)
    desk = boss.sign_in(portal.reader()).follow("Erase a customer")
    return boss, desk.fill("Customer or account number", "moss").press("Find").follow("Ada Moss")


def test_attack_114_the_console_says_what_goes_and_stays_and_erases_who_was_typed(portal: Portal) -> None:
    house = portal.house
    nothing_owed(house)
    boss, desk = at_page(portal)
    assert desk.heading == "Erase this customer?"
    assert desk.rows()["Customer number"] == "C-1"
    assert {"Amounts, dates, receipt numbers", "Agreements, signatures, invoices, consents"} <= desk.rows().keys()
    house.clock.pass_(minutes=11)
    desk.fill("Why", WHY).fill("Customer number, typed", "C-2").press("Erase for good")
    assert desk.heading == "Confirm that it is you"
    desk.fill("Code from", boss.code()).press("Confirm")
    assert (desk.status, desk.errors()) == (422, ["Type the customer number as it stands above: C-1."])
    desk.fill("Why", "Ms Moss asked").fill("Customer number, typed", "C-1").press("Erase for good")
    assert desk.errors() == ["The reason stays. Write it without their name, number or address."]
    assert now_of(house)[1] is None
    desk.fill("Why", WHY).fill("Customer number, typed", "C-1").press("Erase for good")
    person, done = now_of(house)
    assert done is not None
    assert (person.email, person.given_name, done.why, done.asked_by) == (None, "", WHY, f"staff:{boss.id}")
    assert desk.sees("Erased. Nothing brings it back.")
    assert desk.rows()["Why"] == WHY
    assert "Ada" not in desk.text
    desk.open(f"/{house.slug}/staff/erasures")
    assert desk.follow(done.pseudonym).heading == f"{done.pseudonym} was erased"


def test_attack_73_114_who_still_owes_is_not_erased_and_the_page_says_what_comes_first(portal: Portal) -> None:
    _, desk = at_page(portal)
    assert re.search(
        r"Account A-\w+ has a balance of \$500\.00\. It is paid, or taken off the books, first\.", desk.text
    )
    assert not desk.sees("Erase for good")
    token = next(each.get("value") for each in desk.page.walk() if each.get("name") == "csrf_token")
    answer = desk.raw("POST", desk.path, data={"number": "C-1", "why": WHY, "csrf_token": token})
    assert answer.status_code == 409
    assert now_of(portal.house)[1] is None


def test_attack_114_only_an_administrator_may(portal: Portal) -> None:
    for role in (Role.auditor, Role.clerk, Role.manager):
        desk = colleague(portal.house, role).sign_in(portal.reader())
        assert not desk.sees("Erase a customer")
        assert desk.open(f"/{portal.slug}/staff/erasures").status == 403


def test_attack_114_the_command_asks_for_the_number_and_names_what_is_in_the_way(run: Run, house: House) -> None:
    house.account(5_000)
    said = run("customer", "C-1", "--why", WHY, "--confirm", "C-1", "--organisation", house.slug)
    assert said.exit_code == 1
    assert "has a balance of $50.00" in said.stdout
    nothing_owed(house)
    said = run("customer", "C-1", "--why", WHY, "--confirm", "C-2", "--organisation", house.slug)
    assert (said.exit_code, now_of(house)[1]) == (1, None)
    said = run("customer", "C-1", "--why", "ada@example.com wrote", "--confirm", "C-1", "--organisation", house.slug)
    assert "write it without their name" in said.stderr
    said = run("customer", "C-1", "--why", WHY, "--confirm", "C-1", "--organisation", house.slug)
    assert said.exit_code == 0, said.output
    _, done = now_of(house)
    assert done is not None
    assert done.pseudonym in said.stdout
    [row] = csv.DictReader(run("list", "--organisation", house.slug).stdout.splitlines())
    assert (row["customer_id"], row["pseudonym"], row["why"]) == (house.customer_id, done.pseudonym, WHY)
    assert "Ada" not in str(row)


def test_attack_114_who_comes_back_with_a_backup_is_erased_again_under_the_same_pseudonym(
    house: House, tmp_path: Path
) -> None:
    if not house.ports.database.is_sqlite:
        pytest.skip("PostgreSQL is backed up by its own tools; the same rows come back")
    paid(house, 10_000, balance_cents=10_000)
    vacuum_into(house.ports.database, str(tmp_path / "backup.sqlite3"))
    first = erase(house.ports, house.organisation_id, house.customer_id, WHY, "staff:1")
    kept = tmp_path / "erased.csv"
    assert runner(house)("list", "--to", str(kept)).exit_code == 0
    house = restored(house, tmp_path / "backup.sqlite3")
    person, done = now_of(house)
    assert (person.given_name, done) == ("Ada", None)
    blocked = house.account(100)
    said = runner(house)("again", str(kept))
    assert (said.exit_code, "has a balance of $1.00" in said.stdout) == (2, True)
    with house.ports.database.transaction(house.organisation_id) as session:
        lower_balance(session, account.lock(session, blocked), 100, event_key="off", now=house.clock.at, by="test")
    assert runner(house)("again", str(kept)).exit_code == 0
    person, done = now_of(house)
    assert done is not None
    assert (person.given_name, done.pseudonym, done.why) == ("", first.pseudonym, WHY)
    assert "0 erased again, 0 left to do." in runner(house)("again", str(kept)).stdout
