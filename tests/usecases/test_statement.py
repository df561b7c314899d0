"""Statements on both databases: balance forward, every move, the balance after, whole to the cent with the ledger."""

import io
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from pypdf import PdfReader

from portal.domain.refusal import Refused
from portal.domain.service import EntryKind
from portal.domain.statement import StatementFacts, StatementLine
from portal.storage import account
from portal.usecases.service import lower_service
from portal.usecases.statement import statement
from tests.rig.house import House
from tests.rig.payment import balance_of, give_back, settle
from tests.rig.practice import charge_of, patient_of, pay, service_of

CHICAGO = ZoneInfo("America/Chicago")


def seen(house: House, account_id: str, from_on: date, until_on: date) -> StatementFacts:
    with house.ports.database.read(house.organisation_id) as session:
        row = account.by_id(session, account_id)
        assert row is not None
        return statement(session, row, from_on, until_on, house.clock.at)


def today(house: House) -> date:
    return house.clock.at.astimezone(CHICAGO).date()


@pytest.fixture
def history(house: House) -> tuple[str, date]:
    """An account with a month of everything, and the day it began."""
    account_id, ada = house.account(7_000), patient_of(house, "Ada")
    began = today(house)
    house.clock.pass_(days=3)
    one = service_of(house, account_id, 15_000, ada, insurance_cents=3_000, description="Talk")
    house.clock.pass_(days=7)
    due, _ = pay(house, account_id, {one: 12_000})
    house.clock.pass_(days=1)
    attempt = charge_of(house, due)
    settle(house, attempt.gateway_id or "")
    give_back(house, attempt.id, 2_500)
    house.clock.pass_(days=9)
    two = service_of(house, account_id, 9_000, ada)
    with house.ports.database.transaction(house.organisation_id) as session:
        lower_service(session, two, 1_001, EntryKind.adjustment, now=house.clock.at, by="test")
    return account_id, began


def test_a_statement_names_every_move_and_ends_on_what_is_owed(house: House, history: tuple[str, date]) -> None:
    account_id, began = history
    facts = seen(house, account_id, began, today(house))
    assert [(row.line, row.change_cents, row.balance_cents) for row in facts.rows] == [
        (StatementLine.balance, 7_000, 7_000),
        (StatementLine.service, 15_000, 22_000),
        (StatementLine.insurance, -3_000, 19_000),
        (StatementLine.payment, -12_000, 7_000),
        (StatementLine.given_back, 2_500, 9_500),
        (StatementLine.service, 9_000, 18_500),
        (StatementLine.adjustment, -1_001, 17_499),
    ]
    assert facts.opening_cents == 0
    assert facts.closing_cents == balance_of(house, account_id) == 17_499
    assert "Talk" in facts.rows[1].about
    assert "Visa •••• 1111" in facts.rows[3].about


def test_statements_one_after_another_carry_the_balance_forward_wherever_they_are_cut(
    house: House, history: tuple[str, date]
) -> None:
    account_id, began = history
    last = today(house) + timedelta(days=2)
    for days in range((last - began).days):
        cut = began + timedelta(days=days)
        first, second = seen(house, account_id, began, cut), seen(house, account_id, cut + timedelta(days=1), last)
        assert first.closing_cents == second.opening_cents, cut
        assert second.closing_cents == balance_of(house, account_id), cut
        assert len(first.rows) + len(second.rows) == 7
    nothing = seen(house, account_id, last + timedelta(days=10), last + timedelta(days=20))
    assert (nothing.rows, nothing.opening_cents, nothing.closing_cents) == ((), 17_499, 17_499)


def test_the_day_of_a_move_is_the_day_on_the_organisations_wall(house: House) -> None:
    account_id = house.account(0)
    house.clock.at = datetime(2026, 11, 11, 23, 30, tzinfo=CHICAGO).astimezone(house.clock.at.tzinfo)
    service_of(house, account_id, 1_000, days_ago=1)
    month = seen(house, account_id, date(2026, 11, 1), date(2026, 11, 30))
    assert [row.on for row in month.rows] == [date(2026, 11, 11)]
    assert seen(house, account_id, date(2026, 11, 12), date(2026, 11, 12)).opening_cents == 1_000


def test_days_the_wrong_way_round_or_too_many_are_refused(house: House) -> None:
    account_id = house.account(1_000)
    for first, last in ((date(2026, 11, 2), date(2026, 11, 1)), (date(2020, 1, 1), date(2026, 1, 1))):
        with pytest.raises(Refused) as refused:
            seen(house, account_id, first, last)
        assert refused.value.code == "statement_days"


def test_a_statement_on_paper_says_the_same_in_both_languages(house: House, history: tuple[str, date]) -> None:
    account_id, began = history
    facts = seen(house, account_id, began, today(house))
    for locale, expected in (("en", "Balance forward"), ("es", "Saldo anterior")):
        pdf = house.ports.paper.statement(facts, locale)
        text = " ".join(page.extract_text() for page in PdfReader(io.BytesIO(pdf)).pages)
        shown = " ".join(text.replace("\u200b", "").split())
        for words in (expected, "$174.99", "-$120.00", "$25.00", "Talk"):
            assert words in shown, words
