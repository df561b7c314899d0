"""C.4: eight writers take from one balance at once, and it is never overspent. Real threads, real processes."""

import multiprocessing
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import text, update

from portal.storage import Database, Session, account
from portal.storage.account import Account
from tests.storage.conftest import Tenant

BALANCE, PAYMENT, WRITERS, PAYMENTS_EACH = 5_000, 100, 8, 25


def pay_once(session: Session, account_id: str) -> bool:
    """Read, judge, write: right only because the row is locked first."""
    row = account.lock(session, account_id)
    if row.balance_cents < PAYMENT:
        return False
    row.balance_cents -= PAYMENT
    return True


def pay_conditionally(session: Session, account_id: str) -> bool:
    """One statement that judges and writes."""
    done = session.execute(
        update(Account)
        .where(Account.id == account_id, Account.balance_cents >= PAYMENT)
        .values(balance_cents=Account.balance_cents - PAYMENT)
    )
    return bool(done.rowcount)  # type: ignore[attr-defined]  # an UPDATE's result has it


def pay_many(database: Database, ours: Tenant, way: str) -> int:
    pay = {"locked": pay_once, "conditional": pay_conditionally}[way]
    paid = 0
    for _ in range(PAYMENTS_EACH):
        paid += database.run(ours.organisation_id, lambda session: pay(session, ours.ids["account"]))
    return paid


def left(ours: Tenant) -> int:
    with ours.read() as session:
        row = account.by_id(session, ours.ids["account"])
        assert row is not None
        return row.balance_cents


@pytest.mark.parametrize("way", ["locked", "conditional"])
def test_eight_threads_spend_exactly_what_there_is(ours: Tenant, way: str) -> None:
    with ThreadPoolExecutor(WRITERS) as pool:
        paid = sum(pool.map(lambda _: pay_many(ours.database, ours, way), range(WRITERS)))
    assert paid * PAYMENT == BALANCE
    assert left(ours) == 0


def _process(url: str, ours_ids: tuple[str, dict[str, str]], way: str, results: "multiprocessing.Queue[int]") -> None:
    database = Database(url)
    ours = Tenant(database, *ours_ids)
    results.put(pay_many(database, ours, way))
    database.dispose()


@pytest.mark.parametrize("way", ["locked", "conditional"])
def test_eight_processes_spend_exactly_what_there_is(ours: Tenant, database_url: str, way: str) -> None:
    context = multiprocessing.get_context("fork")  # each child opens a database of its own
    results: multiprocessing.Queue[int] = context.Queue()
    children = [
        context.Process(target=_process, args=(database_url, (ours.organisation_id, ours.ids), way, results))
        for _ in range(WRITERS)
    ]
    for child in children:
        child.start()
    paid = sum(results.get(timeout=120) for _ in children)
    for child in children:
        child.join(30)
    assert [child.exitcode for child in children] == [0] * WRITERS
    assert paid * PAYMENT == BALANCE
    assert left(ours) == 0


def test_the_same_without_a_lock_overspends_so_the_test_above_can_fail(ours: Tenant) -> None:
    """The control: what PostgreSQL does by default. SQLite is right even so, since the write lock comes first."""

    def carelessly(_: int) -> int:
        paid = 0
        for _ in range(PAYMENTS_EACH):
            with ours.transaction() as session:
                row = account.by_id(session, ours.ids["account"])
                assert row is not None
                if row.balance_cents < PAYMENT:
                    continue
                if not ours.database.is_sqlite:
                    session.execute(text("SELECT pg_sleep(0.002)"))
                row.balance_cents -= PAYMENT
                paid += 1
        return paid

    with ThreadPoolExecutor(WRITERS) as pool:
        paid = sum(pool.map(carelessly, range(WRITERS)))
    if ours.database.is_sqlite:
        assert paid * PAYMENT == BALANCE
    else:
        assert paid * PAYMENT > BALANCE
