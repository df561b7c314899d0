"""T3: no statement, however it is built, reads or changes a row of another organisation."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Select, and_, delete, exists, func, insert, literal, select, text, union, union_all, update
from sqlalchemy.orm import aliased

from portal.storage import Database, Session, limit
from portal.storage.account import Account
from portal.storage.audit import Alarm
from portal.storage.charge import Charge
from portal.storage.customer import Customer
from portal.storage.database import UnscopedQuery
from portal.storage.rows import Row, TenantRow
from portal.storage.scope import read
from tests.storage.conftest import NOW, Pair, Tenant

TENANT_CLASSES = sorted(TenantRow.__subclasses__(), key=lambda each: each.__tablename__)
account_table, customer_table, charge_table = Account.__table__, Customer.__table__, Charge.__table__
Other = aliased(Account)


@pytest.mark.parametrize("row_class", TENANT_CLASSES, ids=lambda each: each.__tablename__)
def test_every_table_shows_a_session_the_rows_of_its_own_organisation_only(
    ours: Tenant, theirs: Tenant, row_class: type[TenantRow]
) -> None:
    with ours.read() as session:
        found = session.scalars(select(row_class)).all()
        assert found
        assert {row.organisation_id for row in found} == {ours.organisation_id}
        counted = session.scalar(select(func.count()).select_from(row_class))
        assert counted == len(found)


@pytest.fixture
def ours(pair: Pair) -> Tenant:
    return pair.ours


@pytest.fixture
def theirs(pair: Pair) -> Tenant:
    return pair.theirs


@pytest.fixture
def database(pair: Pair) -> Database:
    return pair.ours.database


def foreign(theirs: Tenant) -> str:
    return theirs.ids["account"]


ORM_WAYS: dict[str, Callable[[str], Any]] = {
    "plain": lambda id_: select(Account.id).where(Account.id == id_),
    "naming the other organisation's row in an alias": lambda id_: select(Other.id).where(Other.id == id_),
    "subquery": lambda id_: select(select(Account.id).where(Account.id == id_).subquery()),
    "cte": lambda id_: select(select(Account.id).where(Account.id == id_).cte("mine")),
    "exists": lambda id_: select(literal(1)).where(exists(select(Account.id).where(Account.id == id_))),
    "in": lambda id_: select(Charge.id).where(Charge.account_id.in_(select(Account.id).where(Account.id == id_))),
    "union": lambda id_: union(
        select(Account.id).where(Account.id == id_), select(Charge.account_id).where(Charge.account_id == id_)
    ),
    "union of entities": lambda id_: (
        select(Account).from_statement(
            union_all(select(Account).where(Account.id == id_), select(Account).where(Account.id == id_))
        )
    ),
    "join": lambda id_: select(Charge.id).join(Account, Account.id == Charge.account_id).where(Account.id == id_),
    "outer join": lambda id_: select(Customer.id)
    .outerjoin(Account, and_(Account.customer_id == Customer.id, Account.id == id_))
    .where(Account.id.is_not(None)),
    "self join": lambda id_: (
        select(Other.id).join(Account, Account.customer_id == Other.customer_id).where(Other.id == id_)
    ),
    "comma": lambda id_: select(Account.id, Other.id).where(Other.id == id_, Account.id == Other.id),
    "scalar subquery": lambda id_: select(select(Account.id).where(Account.id == id_).scalar_subquery()).where(
        select(func.count()).select_from(Account).where(Account.id == id_).scalar_subquery() > 0
    ),
    "for update": lambda id_: select(Account.id).where(Account.id == id_).with_for_update(),
}  # fmt: skip


@pytest.mark.parametrize("way", ORM_WAYS)
def test_no_orm_statement_finds_a_foreign_row(ours: Tenant, theirs: Tenant, way: str) -> None:
    with ours.transaction() as session:
        assert session.execute(ORM_WAYS[way](foreign(theirs))).all() == []
    with theirs.transaction() as session:  # the same statement in its own organisation does find it
        assert session.execute(ORM_WAYS[way](foreign(theirs))).all() != []


def test_a_foreign_row_cannot_be_had_by_its_full_key(ours: Tenant, theirs: Tenant) -> None:
    with ours.read() as session, pytest.raises(UnscopedQuery):
        session.get(Account, (theirs.organisation_id, foreign(theirs)))
    with ours.read() as session:
        assert session.get(Account, (ours.organisation_id, foreign(theirs))) is None
        assert session.query(Account).filter(Account.id == foreign(theirs)).count() == 0


CORE_WAYS: dict[str, Callable[[Tenant], Any]] = {
    "core select": lambda theirs: select(account_table.c.id),
    "core select that names the other organisation": lambda theirs: select(account_table.c.id).where(
        account_table.c.organisation_id == theirs.organisation_id
    ),
    "core join on the organisation alone": lambda theirs: select(account_table.c.id).join(
        customer_table, customer_table.c.organisation_id == account_table.c.organisation_id
    ),
    "union of an orm and a core arm": lambda theirs: union(select(Account.id), select(account_table.c.id)),
    "orm around a core subquery": lambda theirs: select(Account.id).where(
        Account.id.in_(select(charge_table.c.account_id))
    ),
    "core exists": lambda theirs: select(literal(1)).where(exists(select(charge_table.c.id))),
    "core update": lambda theirs: update(account_table).values(label="theirs"),
    "core update of the other organisation": lambda theirs: (
        update(account_table).where(account_table.c.organisation_id == theirs.organisation_id).values(label="theirs")
    ),
    "core delete": lambda theirs: delete(customer_table),
    "raw text": lambda theirs: text("SELECT id FROM account"),
    "raw text that names the other organisation": lambda theirs: text(
        "SELECT id FROM account WHERE organisation_id = :other"
    ).bindparams(other=theirs.organisation_id),
    "raw text with a comma join": lambda theirs: text(
        "SELECT charge.id FROM account, charge WHERE account.organisation_id = :own"
    ).bindparams(own=theirs.organisation_id),
    "raw text with a value written in": lambda theirs: text(
        f"SELECT id FROM account WHERE organisation_id = '{theirs.organisation_id}'"
    ),
    "raw update": lambda theirs: text("UPDATE account SET label = 'x'"),
    "raw delete": lambda theirs: text("DELETE FROM limit_count"),
    "raw insert": lambda theirs: text(
        "INSERT INTO limit_count (organisation_id, id, bucket, key_sha256, window_start, count) "
        "SELECT organisation_id, 'x', 'x', 'x', window_start, 1 FROM limit_count"
    ),
}


@pytest.mark.parametrize("way", CORE_WAYS)
def test_a_statement_that_goes_round_the_orm_is_refused(ours: Tenant, theirs: Tenant, way: str) -> None:
    with ours.transaction() as session, pytest.raises(UnscopedQuery):
        session.execute(CORE_WAYS[way](theirs))


def test_a_connection_of_the_engine_must_name_the_organisation_too(database: Database, ours: Tenant) -> None:
    with database.writer.connect() as connection, pytest.raises(UnscopedQuery):
        connection.execute(select(account_table))
    with database.writer.connect() as connection:
        statement = select(account_table.c.id).where(account_table.c.organisation_id == ours.organisation_id)
        seen = [(ours.ids["account"],)] if database.is_sqlite else []  # PostgreSQL was not told for whom
        assert connection.execute(statement).all() == seen


def test_core_and_raw_statements_that_name_their_own_organisation_run(ours: Tenant, theirs: Tenant) -> None:
    own = ours.organisation_id
    with ours.transaction() as session:
        found = session.execute(select(account_table.c.id).where(account_table.c.organisation_id == own)).all()
        assert found == [(ours.ids["account"],)]
        raw = text("SELECT id FROM account WHERE organisation_id = :own")
        assert session.execute(raw, {"own": own}).all() == found


BULK_WAYS: dict[str, Callable[[Tenant], Any]] = {
    "insert": lambda theirs: (
        insert(Customer),
        [{"organisation_id": theirs.organisation_id, "reference": "9", "given_name": "a", "family_name": "b",
          "locale": "en", "is_active": True, "created_at": NOW}],
    ),
    "update by key": lambda theirs: (
        update(Account),
        [{"organisation_id": theirs.organisation_id, "id": foreign(theirs), "label": "ours now"}],
    ),
    "moving own rows away": lambda theirs: (update(Alarm).values(organisation_id=theirs.organisation_id), None),
}  # fmt: skip


@pytest.mark.parametrize("way", BULK_WAYS)
def test_bulk_writes_cannot_reach_another_organisation(ours: Tenant, theirs: Tenant, way: str) -> None:
    statement, rows = BULK_WAYS[way](theirs)
    with ours.transaction() as session, pytest.raises(UnscopedQuery):
        session.execute(statement, rows)


def test_an_orm_update_or_delete_without_a_where_touches_own_rows_only(ours: Tenant, theirs: Tenant) -> None:
    with ours.transaction() as session:
        session.execute(update(Account).values(label="changed"))
        session.execute(delete(Alarm))
        assert session.scalars(select(Account)).one().label == "changed"
        assert session.scalar(select(func.count()).select_from(Alarm)) == 0
        if not ours.database.is_sqlite:
            session.execute(text("SET LOCAL paydoor.organisation = '*'"))
        everyone = session.connection().execution_options(across=True)
        labels = everyone.execute(select(account_table.c.organisation_id, account_table.c.label)).all()
        assert set(labels) == {(ours.organisation_id, "changed"), (theirs.organisation_id, "Balance")}
        assert len(everyone.execute(select(Alarm.__table__.c.id)).all()) == 1
        session.rollback()


def _add_foreign(session: Session, theirs: Tenant) -> None:
    session.add(Alarm(organisation_id=theirs.organisation_id, kind="k", subject_id="s", facts={}, raised_at=NOW))


def _hand_over(session: Session, theirs: Tenant) -> None:
    session.scalars(select(Alarm)).one().organisation_id = theirs.organisation_id


def _merge_foreign(session: Session, theirs: Tenant) -> None:
    session.merge(Account(organisation_id=theirs.organisation_id, id=foreign(theirs), label="merged"))


@pytest.mark.parametrize("write", [_add_foreign, _hand_over, _merge_foreign])
def test_a_foreign_row_is_refused_on_flush(
    ours: Tenant, theirs: Tenant, write: Callable[[Session, Tenant], None]
) -> None:
    with ours.transaction() as session:
        with pytest.raises(UnscopedQuery):  # noqa: PT012 - the flush may be the write's own
            write(session, theirs)
            session.flush()
        session.rollback()


def test_a_foreign_row_brought_from_another_session_is_refused_on_flush(ours: Tenant, theirs: Tenant) -> None:
    with theirs.read() as session:
        row = session.scalars(select(Account)).one()
    with ours.transaction() as session:
        session.add(row)
        row.label = "ours now"
        with pytest.raises(UnscopedQuery):
            session.flush()
        session.rollback()


def test_two_sessions_of_one_process_never_mix_their_organisations(ours: Tenant, theirs: Tenant) -> None:
    """The statement is compiled once and used for both: the organisation must not be compiled into it."""
    for _ in range(3):
        for each in (ours, theirs):
            with each.read() as session:
                assert [row.id for row in session.scalars(select(Account))] == [each.ids["account"]]


def test_a_sweep_sees_every_organisation_and_can_write_to_none(
    database: Database, ours: Tenant, theirs: Tenant
) -> None:
    with database.across() as session:
        assert {row.organisation_id for row in session.scalars(select(Account))} == {
            ours.organisation_id, theirs.organisation_id,
        }  # fmt: skip
    with pytest.raises(UnscopedQuery), database.across() as session:
        _add_foreign(session, theirs)


def test_a_counter_belongs_to_the_organisation_that_counts(ours: Tenant, theirs: Tenant) -> None:
    for each in (ours, theirs):
        with each.transaction() as session:
            assert limit.count_up(session, "test", "shared key", timedelta(hours=1), NOW) == 1


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT 1",
        "SELECT id FROM organisation WHERE slug = ?",
        "SELECT a.id FROM account AS a WHERE a.organisation_id = ?",
        'SELECT "account".id FROM "account" WHERE "account"."organisation_id" = ?',
        "SELECT c.id FROM charge AS c JOIN account AS a ON a.id = c.account_id "
        "WHERE c.organisation_id = ? AND a.organisation_id = ?",
        "UPDATE account SET label = ? WHERE account.organisation_id = %(own)s",
    ],
)
def test_a_scoped_statement_is_recognised(statement: str) -> None:
    assert read(statement).is_scoped


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT id FROM account",
        "SELECT id FROM account WHERE organisation_id IS NOT NULL",
        "SELECT id FROM account WHERE organisation_id <> ?",
        "SELECT id FROM account WHERE organisation_id = organisation_id",
        "SELECT organisation_id FROM account WHERE id = ?",
        "SELECT id FROM account, charge WHERE account.organisation_id = ?",
        "SELECT c.id FROM charge AS c JOIN account AS a ON a.organisation_id = c.organisation_id",
        "SELECT a.id FROM account AS a JOIN account AS b ON b.id = a.id WHERE a.organisation_id = ?",
        "UPDATE account SET organisation_id = ? WHERE account.organisation_id = ?",
        "DELETE FROM account",
    ],
)
def test_an_unscoped_statement_is_recognised(statement: str) -> None:
    assert not read(statement).is_scoped


def test_no_column_is_named_like_a_tenant_table() -> None:
    """The reading of raw SQL tells `, account` the table from a column by that."""
    tables = Row.metadata.tables.values()
    assert {column.name for table in tables for column in table.c} & {table.name for table in tables} == set()


def test_ordinary_use_needs_no_thought(ours: Tenant) -> None:
    statement: Select[Any] = select(Account).where(Account.reference == "A-1").order_by(Account.created_at).limit(1)
    with ours.read() as session:
        assert session.scalars(statement).one().id == ours.ids["account"]
