"""What holds for every table, asked of the metadata and of both real databases; and what migrations make of it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import Connection, ForeignKeyConstraint, Table, inspect, text

from portal.storage import Database, payment_link, visit
from portal.storage.rows import Row
from portal.storage.types import Instant
from tests.rig.postgres import PostgresServer
from tests.storage.conftest import Tenant

ROOT = Path(__file__).resolve().parents[2]
ABOVE_ORGANISATIONS = {"organisation", "deployment_stamp", "deployment_limit_count"}
APPEND_ONLY = {"ledger_entry", "agreement", "receipt", "organisation_setting", "audit_entry", "gateway_fact",
               "reconcile_result", "contact_wish", "message_fact", "check_code", "inbound_text", "plan_signature",
               "record_consent", "plan_paper", "service_detail", "service_entry", "service_share",
               "service_document"}  # fmt: skip
TABLES = {table.name: table for table in Row.metadata.sorted_tables}
TENANT_TABLES = sorted(TABLES.keys() - ABOVE_ORGANISATIONS)


def test_every_table_is_a_tenants_or_on_the_list_of_those_above() -> None:
    assert {name for name, table in TABLES.items() if "organisation_id" not in table.c} == ABOVE_ORGANISATIONS


@pytest.mark.parametrize("name", TENANT_TABLES)
def test_a_tenant_table_is_keyed_by_its_organisation_first(name: str) -> None:
    assert [column.name for column in TABLES[name].primary_key] == ["organisation_id", "id"]
    assert not TABLES[name].c.organisation_id.nullable


def references(table: Table) -> list[ForeignKeyConstraint]:
    return [each for each in table.constraints if isinstance(each, ForeignKeyConstraint)]


@pytest.mark.parametrize("name", TENANT_TABLES)
def test_every_reference_between_tenant_tables_carries_the_organisation(name: str) -> None:
    for reference in references(TABLES[name]):
        target = reference.referred_table.name
        if target in ABOVE_ORGANISATIONS:
            assert [column.name for column in reference.columns] == ["organisation_id"]
            continue
        own, other = reference.columns.keys(), [element.column.name for element in reference.elements]
        assert (own[0], other) == ("organisation_id", ["organisation_id", "id"])


@pytest.mark.parametrize("name", TENANT_TABLES)
def test_a_column_that_names_another_row_refers_to_it(name: str) -> None:
    """Two columns name what may not exist yet or is one of several things; each is looked up in its organisation."""
    free = {("agreement", "visit_id"), ("contact_change_request", "visit_id"), ("customer", "gateway_customer_id"),
            ("charge", "order_id"), ("charge", "gateway_id"), ("gateway_fact", "gateway_id"),
            ("refund", "order_id"), ("refund", "gateway_id"),
            ("notice", "gateway_id"), ("dispute", "gateway_id"), ("gateway_retry", "gateway_id"),
            ("gateway_account", "merchant_id"), ("gateway_account", "merchant_account_id"),
            ("message", "message_id"), ("message", "provider_id"), ("inbound_text", "provider_id"),
            ("visit", "sign_in_id")}  # fmt: skip
    referring = {column.name for reference in references(TABLES[name]) for column in reference.columns}
    named = {column.name for column in TABLES[name].c if column.name.endswith("_id") and column.name != "subject_id"}
    assert {(name, column) for column in named - referring} <= free


@pytest.mark.parametrize("name", TENANT_TABLES)
def test_uniqueness_in_one_organisation_says_nothing_about_another(name: str) -> None:
    """Attack 58: the same reference, token or key may exist in two organisations."""
    unique = [index for index in TABLES[name].indexes if index.unique]
    for constraint in (*TABLES[name].constraints, *unique):
        if type(constraint).__name__ in {"UniqueConstraint", "Index"}:
            assert next(iter(constraint.columns)).name == "organisation_id", constraint.name


def test_m16_money_is_whole_cents_and_no_column_holds_a_float() -> None:
    for table in TABLES.values():
        for column in table.c:
            assert column.type.python_type is not float, column
            assert "amount" not in column.name or column.name.endswith(("_cents", "_choice")), column


def test_names_of_moments_say_so_and_their_columns_keep_the_zone() -> None:
    for table in TABLES.values():
        for column in table.c:
            if column.name.endswith("_at"):
                assert isinstance(column.type, Instant), column


def triggers(raw: Connection) -> set[tuple[str, str]]:
    """(table, what it refuses) as the database has it."""
    if raw.dialect.name == "postgresql":
        rows = raw.execute(text("SELECT event_object_table, event_manipulation FROM information_schema.triggers")).all()
        truncates = raw.execute(
            text("SELECT c.relname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid WHERE t.tgtype & 32 > 0")
        ).scalars()
        return {(row[0], row[1]) for row in rows} | {(name, "TRUNCATE") for name in truncates}
    rows = raw.execute(text("SELECT tbl_name, sql FROM sqlite_master WHERE type = 'trigger'")).all()
    return {(row[0], verb) for row in rows for verb in ("UPDATE", "DELETE") if f"BEFORE {verb} " in row[1]}


def test_exactly_the_append_only_tables_have_the_triggers(raw: Connection) -> None:
    verbs = ("UPDATE", "DELETE", "TRUNCATE") if raw.dialect.name == "postgresql" else ("UPDATE", "DELETE")
    assert triggers(raw) == {(name, verb) for name in APPEND_ONLY for verb in verbs}


def test_the_database_has_the_tables_of_the_rows_and_no_other(raw: Connection) -> None:
    assert set(inspect(raw).get_table_names()) == {*TABLES, "alembic_version"}


@pytest.mark.sqlite
def test_every_sqlite_table_is_strict(sqlite_url: str) -> None:
    database = Database(sqlite_url)
    with database.reader.connect() as connection:
        rows = connection.execute(text("SELECT name, strict FROM pragma_table_list WHERE schema = 'main'")).all()
    database.dispose()
    assert {name for name, strict in rows if not strict} <= {"alembic_version", "sqlite_schema", "sqlite_sequence"}


def alembic(url: str, *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "alembic", *command], cwd=ROOT, capture_output=True, text=True, timeout=120,
        env={**os.environ, "DATABASE_URL": url, "PAYDOOR_ENVIRONMENT": "test"},
    )  # fmt: skip


def test_rows_and_migrations_say_the_same(database_url: str) -> None:
    done = alembic(database_url, "check")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "No new upgrade operations detected" in done.stdout + done.stderr


def test_migrations_go_down_to_nothing_and_up_again(database_url: str, raw: Connection) -> None:
    down = alembic(database_url, "downgrade", "base")
    assert down.returncode == 0, down.stdout + down.stderr
    assert set(inspect(raw).get_table_names()) == {"alembic_version"}
    raw.rollback()
    up = alembic(database_url, "upgrade", "head")
    assert up.returncode == 0, up.stdout + up.stderr
    assert set(inspect(raw.engine).get_table_names()) == {*TABLES, "alembic_version"}
    assert len(triggers(raw)) == len(APPEND_ONLY) * (3 if raw.dialect.name == "postgresql" else 2)


def test_a_table_built_anew_keeps_its_rows_and_what_refers_to_them(ours: Tenant) -> None:
    url = ours.database.url.render_as_string(hide_password=False)
    for move in (("downgrade", "0006"), ("upgrade", "head")):
        done = alembic(url, *move)
        assert done.returncode == 0, done.stdout + done.stderr
    with ours.read() as session:
        link = payment_link.by_id(session, ours.ids["payment_link"])
        assert link is not None
        assert payment_link.by_token_sha256(session, link.token_sha256, "pay") is link
        assert visit.count_of_link(session, link.id) == 1


@pytest.mark.postgres
def test_two_hosts_that_migrate_at_once_do_no_harm(postgres_server: PostgresServer) -> None:
    url = postgres_server.create(migrated=False)
    environment = {**os.environ, "DATABASE_URL": url, "PAYDOOR_ENVIRONMENT": "test"}
    command = [sys.executable, "-m", "alembic", "upgrade", "head"]
    both = [
        subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for _ in range(2)
    ]
    codes = [process.wait(120) for process in both]
    assert 0 in codes  # the other one may lose with an error, and nothing is half done
    assert alembic(url, "check").returncode == 0
    postgres_server.drop(url)
