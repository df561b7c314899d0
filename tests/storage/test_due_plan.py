"""What is due is found by the partial index on both engines: the cost follows what is due, not the history."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import event, text

from portal.storage import Session, charge, dispute, message, notice, refund
from portal.storage.obligation import (
    count_due,
    due_unhanded,
    hand_out,
    handed_unclaimed,
    next_due_at,
    stale_due,
    unnoticed,
)
from portal.storage.rows import new_id
from portal.storage.subscription import running_until
from tests.storage.conftest import NOW, Tenant

Question = Callable[[Session], object]
PAID, DUE = 4_000, 20


def filled(tenant: Tenant, paid: int = PAID, due: int = DUE) -> list[str]:
    """A long history that is paid, and a few that are due."""
    ids = [new_id() for _ in range(due)]
    with tenant.transaction() as session:
        for number in range(paid + due):
            is_due = number >= paid
            session.add(
                tenant.obligation(
                    id=ids[number - paid] if is_due else new_id(),
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


def plan_of(tenant: Tenant, ask: Question) -> str:
    """The engine's own plan of what a question really sends: its text, and its values beside it."""
    sent: list[tuple[str, object]] = []

    def note(_connection: object, _cursor: object, statement: str, parameters: object, *_: object) -> None:
        if statement.startswith("SELECT"):
            sent.append((statement, parameters))

    event.listen(tenant.database.reader, "before_cursor_execute", note)
    try:
        with tenant.database.across() as session:
            ask(session)
    finally:
        event.remove(tenant.database.reader, "before_cursor_execute", note)
    [(statement, parameters)] = sent
    explain = "EXPLAIN QUERY PLAN " if tenant.database.is_sqlite else "EXPLAIN "
    with tenant.database.reader.connect().execution_options(migration=True) as connection:
        return "\n".join(str(row) for row in connection.exec_driver_sql(explain + statement, parameters))  # type: ignore[arg-type]  # as it was sent


LATER = NOW + timedelta(days=1)
QUESTIONS: dict[str, tuple[str, Question]] = {
    "due": ("ix_obligation_due", lambda session: due_unhanded(session, NOW, NOW, 500)),
    "handed": ("ix_obligation_due", lambda session: handed_unclaimed(session, NOW, NOW, 500)),
    "next due": ("ix_obligation_due", next_due_at),
    "how many": ("ix_obligation_due", lambda session: count_due(session, NOW)),
    "unnoticed": ("ix_obligation_unnoticed", lambda session: unnoticed(session, NOW, 500)),
}
SWEPT: dict[str, tuple[str, Question]] = {
    "stale": ("ix_obligation_due", lambda session: stale_due(session, NOW, 100)),
    "charges": ("ix_charge_open", lambda session: charge.open_and_due(session, LATER, 100)),
    "refunds": ("ix_refund_open", lambda session: refund.open_and_due(session, LATER, 100)),
    "messages": ("ix_message_queued", lambda session: message.queued_and_due(session, LATER, 100)),
    "notices": ("ix_notice_waiting", lambda session: notice.waiting_and_due(session, LATER, 100)),
    "ending subscriptions": ("ix_subscription_end_on", lambda session: running_until(session, LATER.date(), None, 100)),
    "disputes": ("ix_dispute_undecided", lambda session: dispute.undecided_and_due(session, LATER, 100)),
}


@pytest.mark.parametrize(("index", "ask"), QUESTIONS.values(), ids=list(QUESTIONS))
def test_what_is_due_is_found_by_its_partial_index(ours: Tenant, index: str, ask: Question) -> None:
    filled(ours)
    assert index in plan_of(ours, ask)


@pytest.mark.parametrize("name", ["due", "handed", "unnoticed"])
def test_the_first_few_of_what_is_due_are_read_without_sorting_all_of_it(ours: Tenant, name: str) -> None:
    filled(ours, paid=200, due=1_500)
    index, ask = QUESTIONS[name]
    sent: list[tuple[str, object]] = []
    with ours.database.across() as session:
        connection = session.connection()

        def note(_connection: object, _cursor: object, statement: str, parameters: object, *_: object) -> None:
            sent.append((statement, parameters))

        event.listen(connection, "before_cursor_execute", note)
        ask(session)
        event.remove(connection, "before_cursor_execute", note)
        statement, parameters = sent[-1]
        explain = "EXPLAIN QUERY PLAN " if ours.database.is_sqlite else "EXPLAIN "
        rows = connection.exec_driver_sql(explain + statement, parameters)  # type: ignore[arg-type]  # as it was sent
        plan = "\n".join(str(row) for row in rows)
    assert index in plan
    assert "Sort" not in plan
    assert "TEMP B-TREE" not in plan


@pytest.mark.parametrize(("index", "ask"), SWEPT.values(), ids=list(SWEPT))
def test_what_a_sweep_asks_goes_by_its_partial_index(ours: Tenant, index: str, ask: Question) -> None:
    """Where there is nothing PostgreSQL may read as it likes, and rightly; SQLite goes by the words alone."""
    if not ours.database.is_sqlite:
        pytest.skip("nothing is there to be found, so PostgreSQL reads what it likes")
    assert index in plan_of(ours, ask)


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
