"""What the databases refuse by themselves, whoever asks: written rows here are what they say they are."""

import re
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Connection, select, text
from sqlalchemy.exc import DBAPIError, IntegrityError, StatementError

from portal.storage.account import Account
from portal.storage.rows import Row, new_id
from tests.rig.above import above
from tests.storage.conftest import Pair, Tenant
from tests.storage.test_schema import APPEND_ONLY, TABLES, TENANT_TABLES, references

LINKS = sorted(
    (name, reference.columns.keys()[1], reference.referred_table.name)
    for name in TENANT_TABLES
    for reference in references(TABLES[name])
    if len(reference.columns) == 2
)


# There is no room for a copy of one: the row itself is pointed elsewhere.
ONE_OF_AN_ACCOUNT = ("subscription", "objection", "paper_copy", "autopay", "autopay_payment")


@pytest.mark.parametrize(("name", "column", "target"), LINKS, ids=[f"{name}.{column}" for name, column, _ in LINKS])
def test_a_row_cannot_point_at_another_organisations_row(pair: Pair, name: str, column: str, target: str) -> None:
    """T4: a copy of a row of ours, pointing at theirs, is refused by the database itself."""
    table = TABLES[name]
    with above(pair.ours.database).connect() as connection:
        own = table.c.organisation_id == pair.ours.organisation_id
        row: dict[str, Any] = dict(connection.execute(select(table).where(own)).mappings().first() or {})
        row |= {"id": new_id(), column: pair.theirs.ids[target]}
        for unique in ("reference", "token", "token_sha256", "order_id", "gateway_id", "number", "dedupe_key",
                       "event_key", "code", "subject_id", "request_key", "secret_sha256", "address", "key",
                       "subject", "pseudonym"):  # fmt: skip
            if unique in row and unique != column:
                row[unique] = new_id()
        if name == "inbound_text":
            row["provider_id"] = new_id()
        if name in ("service_detail", "service_document"):
            row["seq"] = 99
        if name == "service_share" and column == "refund_id":  # it is for a payment or for a refund, never for both
            row["obligation_id"] = None
        if name == "schedule" and column != "visit_id":  # a visit makes one
            row["visit_id"] = None
        if name == "sign_in":  # one person's, never two's
            row |= {"staff_id": None, "customer_id": None, column: row[column]}
        if name == "charge":
            row |= {"state": "declined", "n": 99}
        if name == "plan":  # a second one on an account is no longer under a signature
            row |= {"state": "superseded"} | (
                {} if column == "schedule_id" else {"schedule_id": None, "signed_at": None}
            )
        if name == "plan_signature" and column != "plan_id":
            plans = TABLES["plan"]
            first = select(plans).where(plans.c.organisation_id == row["organisation_id"])
            plan = dict(connection.execute(first).mappings().first() or {})
            row["plan_id"] = new_id()
            copy = {
                "id": row["plan_id"],
                "reference": new_id(),
                "state": "draft",
                "schedule_id": None,
                "signed_at": None,
            }
            connection.execute(plans.insert().values(plan | copy))
        if name == "receipt" and column != "charge_id":  # a second receipt needs a second charge
            charges = TABLES["charge"]
            first = select(charges).where(charges.c.organisation_id == row["organisation_id"])
            charge = dict(connection.execute(first).mappings().first() or {})
            row["charge_id"] = new_id()
            copy = {"id": row["charge_id"], "state": "declined", "n": 99, "order_id": new_id(), "gateway_id": None}
            connection.execute(charges.insert().values(charge | copy))
        put: Any = table.insert().values(row)
        if name in ONE_OF_AN_ACCOUNT:
            put = table.update().where(own).values({column: row[column]})
        with pytest.raises(IntegrityError, match=re.compile("foreign key", re.IGNORECASE)):
            connection.execute(put)
        connection.rollback()


def test_the_list_of_references_is_not_empty() -> None:
    assert len(LINKS) > 25


@pytest.mark.parametrize("name", sorted(APPEND_ONLY))
@pytest.mark.parametrize("verb", ["UPDATE", "DELETE", "TRUNCATE"])
def test_m6_what_was_written_for_good_cannot_be_changed_or_taken_away(pair: Pair, name: str, verb: str) -> None:
    """M6, attack 115: refused by the database, also to whoever has its password."""
    statement = {
        "UPDATE": f"UPDATE {name} SET id = id",
        "DELETE": f"DELETE FROM {name}",
        "TRUNCATE": f"TRUNCATE {name} CASCADE",
    }[verb]
    with above(pair.ours.database).connect() as connection:
        if verb == "TRUNCATE" and connection.dialect.name == "sqlite":
            statement = f"REPLACE INTO {name} SELECT * FROM {name}"  # its other way to take a row away
        before = connection.execute(text(f"SELECT count(*) FROM {name}")).scalar_one()
        assert before > 0
        connection.rollback()
        with pytest.raises(DBAPIError, match="append only"):
            connection.execute(text(statement))
        connection.rollback()
        assert connection.execute(text(f"SELECT count(*) FROM {name}")).scalar_one() == before


def refused(pair: Pair, statement: str, match: str, **values: Any) -> None:
    with above(pair.ours.database).connect() as connection:
        with pytest.raises(DBAPIError, match=re.compile(match, re.IGNORECASE)):
            connection.execute(text(statement), {"own": pair.ours.organisation_id, **values})
        connection.rollback()


def test_a_balance_below_zero_is_refused_by_the_database(pair: Pair) -> None:
    refused(pair, "UPDATE account SET balance_cents = -1 WHERE organisation_id = :own", "check")


@pytest.mark.parametrize(
    ("table", "column", "value"),
    [
        ("account", "status", "'sleeping'"),
        ("charge", "state", "'maybe'"),
        ("charge", "amount_cents", "0"),
        ("obligation", "amount_cents", "-5"),
        ("obligation", "forgiven_cents", "-1"),
        ("obligation", "status", "'paid twice'"),
        ("message", "state", "'lost'"),
        ("payment_link", "status", "'stolen'"),
        ("payment_method", "last4", "'4111111111111111'"),
        ("organisation", "profile", "'bank'"),
        ("offer", "amount_cents", "NULL"),
        ("customer", "locale", "'xx'"),
        ("plan", "state", "'nearly'"),
        ("plan", "schedule_id", "NULL"),
        ("plan", "total_cents", "balance_cents + 1"),
        ("plan", "paused_for", "'staff'"),
    ],
)
def test_a_value_outside_its_list_is_refused_by_the_database(pair: Pair, table: str, column: str, value: str) -> None:
    owner = "id" if table == "organisation" else "organisation_id"
    refused(pair, f"UPDATE {table} SET {column} = {value} WHERE {owner} = :own", "check|constraint")


@pytest.mark.parametrize("value", ["'x'", "1.5", "NULL"])
def test_m16_cents_are_whole_numbers_or_nothing_is_stored(pair: Pair, value: str) -> None:
    """STRICT tables: SQLite by itself would have kept the text."""
    if value == "1.5" and not pair.ours.database.is_sqlite:
        pytest.skip("PostgreSQL rounds a 1.5 written by hand; what the house sends is tested below")
    refused(
        pair, f"UPDATE account SET balance_cents = {value} WHERE organisation_id = :own",
        "integer|bigint|not.null|cannot store",
    )  # fmt: skip


@pytest.mark.parametrize("amount", [10.5, 10.0, Decimal("10"), "10", True])
def test_m16_an_amount_that_is_not_a_whole_number_never_reaches_the_database(pair: Pair, amount: object) -> None:
    with pair.ours.transaction() as session:
        session.add(pair.ours.obligation(amount_cents=amount))
        with pytest.raises((StatementError, ValueError)):
            session.flush()
        session.rollback()


LIVE = ("sending", "succeeded", "unknown", "review")
OVER = ("declined", "never_received", "not_sent")


@pytest.mark.parametrize("first", [*LIVE, *OVER])
@pytest.mark.parametrize("second", [*LIVE, *OVER])
def test_m1_an_obligation_has_one_live_charge_at_most(pair: Pair, first: str, second: str) -> None:
    """The last wall against a double charge (M1), for every pair of states."""
    with pair.ours.transaction() as session:
        due = pair.ours.obligation()
        session.add(due)
        session.flush()
        session.add(pair.ours.charge(due.id, 1, state=first))
        session.flush()
        session.add(pair.ours.charge(due.id, 2, state=second))
        if first in LIVE and second in LIVE:
            with pytest.raises(IntegrityError, match=re.compile("unique", re.IGNORECASE)):
                session.flush()
        else:
            session.flush()
        session.rollback()


@pytest.mark.parametrize("first", ["due", "charging", "paid", "review", "declined", "cancelled"])
def test_a_visit_has_one_live_checkout_at_most(pair: Pair, first: str) -> None:
    with pair.ours.transaction() as session:
        visit_id = pair.ours.ids["visit"]
        session.add(pair.ours.obligation(subject_id=visit_id, seq=1, status=first))
        session.flush()
        session.add(pair.ours.obligation(subject_id=visit_id, seq=2))
        if first in {"declined", "cancelled"}:
            session.flush()
        else:
            with pytest.raises(IntegrityError, match=re.compile("unique", re.IGNORECASE)):
                session.flush()
        session.rollback()


@pytest.mark.parametrize("values", [{"n": 1}, {"gateway_id": "g1", "n": 3}])
def test_an_attempt_number_and_a_gateway_id_exist_once(pair: Pair, values: dict[str, Any]) -> None:
    with pair.ours.transaction() as session:
        due = pair.ours.obligation()
        session.add(due)
        session.flush()
        session.add(pair.ours.charge(due.id, 1, state="declined"))
        session.flush()
        order_id = new_id()
        session.add(pair.ours.charge(due.id, **({"state": "declined", "order_id": order_id} | values)))
        with pytest.raises(IntegrityError):
            session.flush()
        session.rollback()


def test_one_event_is_posted_once(pair: Pair) -> None:
    refused(
        pair,
        "INSERT INTO ledger_entry SELECT * FROM ledger_entry WHERE organisation_id = :own",
        "unique",
    )


def test_the_same_names_may_exist_in_two_organisations(pair: Pair) -> None:
    """Attack 58."""
    with pair.ours.read() as session:
        ours = session.scalars(select(Account.reference)).all()
    with pair.theirs.read() as session:
        assert session.scalars(select(Account.reference)).all() == ours


def test_every_table_above_organisations_is_known(raw: Connection, ours: Tenant) -> None:
    assert set(Row.metadata.tables) >= {"organisation", "deployment_stamp"}
    assert raw.execute(text("SELECT count(*) FROM organisation")).scalar_one() == 1
