"""What is due is found by the partial index on both engines: the cost follows what is due, not the history."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Select, select, text
from sqlalchemy.dialects import postgresql, sqlite

from portal.storage.obligation import Obligation, due_unhanded, hand_out, unnoticed
from portal.storage.rows import new_id
from tests.storage.conftest import NOW, Tenant

PAID, DUE = 4_000, 20


def filled(tenant: Tenant) -> list[str]:
    """A long history that is paid, and a few that are due."""
    ids = [new_id() for _ in range(DUE)]
    with tenant.transaction() as session:
        for number in range(PAID + DUE):
            is_due = number >= PAID
            session.add(
                tenant.obligation(
                    id=ids[number - PAID] if is_due else new_id(),
                    kind="scheduled",
                    subject_id="history",
                    seq=number + 1,
                    status="due" if is_due else "paid",
                    due_at=NOW - timedelta(minutes=number % 500),
                )
            )
    with tenant.database.writer.connect().execution_options(migration=True) as connection:
        connection.execute(text("ANALYZE"))
        connection.commit()
    return ids


def plan_of(tenant: Tenant, statement: Select[tuple[str, str]]) -> str:
    """The engine's own plan of a statement."""
    dialect = sqlite.dialect() if tenant.database.is_sqlite else postgresql.dialect()
    plain = str(statement.compile(dialect=dialect, compile_kwargs={"literal_binds": True}))
    explain = "EXPLAIN QUERY PLAN " if tenant.database.is_sqlite else "EXPLAIN "
    with tenant.database.writer.connect().execution_options(migration=True) as connection:
        return "\n".join(str(row) for row in connection.exec_driver_sql(explain + plain.replace("%", "%%")))


def scan(*conditions: object) -> Select[tuple[str, str]]:
    return (
        select(Obligation.organisation_id, Obligation.id)
        .where(*conditions)  # type: ignore[arg-type]  # conditions of SQLAlchemy
        .order_by(Obligation.due_at, Obligation.id)
        .limit(500)
    )


@pytest.mark.parametrize(
    ("index", "conditions"),
    [
        (
            "ix_obligation_due",
            (Obligation.status == "due", Obligation.kind == "scheduled", Obligation.due_at <= NOW),
        ),
        (
            "ix_obligation_unnoticed",
            (
                Obligation.status == "due",
                Obligation.kind == "scheduled",
                Obligation.noticed_at.is_(None),
                Obligation.due_at <= NOW,
            ),
        ),
    ],
    ids=["due", "unnoticed"],
)
def test_the_scan_goes_by_its_partial_index(ours: Tenant, index: str, conditions: tuple[object, ...]) -> None:
    filled(ours)
    assert index in plan_of(ours, scan(*conditions))


def test_each_due_payment_is_handed_out_once_oldest_first(ours: Tenant) -> None:
    ids = set(filled(ours))
    now = datetime(2026, 11, 3, tzinfo=UTC)
    before = now - timedelta(minutes=10)
    with ours.database.across() as session:
        rows = due_unhanded(session, now, before, 500)
    found = [row_id for organisation_id, row_id in rows if organisation_id == ours.organisation_id]
    assert set(found) == ids
    with ours.transaction() as session:
        assert hand_out(session, found, now, before) == found
    with ours.transaction() as session:
        assert hand_out(session, found, now, before) == []
    with ours.database.across() as session:
        assert [row for row in due_unhanded(session, now, before, 500) if row[1] in ids] == []
        assert due_unhanded(session, now, now, 500, [ours.organisation_id]) == []
        assert {row_id for _, row_id in unnoticed(session, now, 500)} >= ids
