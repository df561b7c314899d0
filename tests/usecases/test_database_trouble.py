"""The database dies in the middle of a commit, or its disk is full: no payment is half made, and all goes on after."""

import os
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import count
from pathlib import Path

import pytest
from sqlalchemy import event, text
from sqlalchemy.exc import DBAPIError

from portal.storage import Database, audit, charge, obligation
from portal.usecases.charge import apply, charge_obligation, claim, send
from portal.usecases.invariants import Walk, check_some
from portal.usecases.janitor import POOL, sweep
from portal.usecases.organisation import record
from tests.rig.above import above
from tests.rig.house import House, build_ports, found
from tests.rig.payment import SOON
from tests.rig.proxy import PostgresProxy
from tests.rig.simulator_process import SimulatorProcess

ENDED = {"paid", "declined"}
WRONG = {"balance_differs", "success_not_booked", "charged_twice"}


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(POOL) as made:
        yield made


@pytest.fixture
def line(postgres_url: str) -> Iterator[PostgresProxy]:
    made = PostgresProxy(postgres_url)
    yield made
    made.stop()


@pytest.fixture
def beyond(line: PostgresProxy, world: SimulatorProcess) -> Iterator[House]:
    """A house whose database is at the other end of that line."""
    database = Database(line.url, pool_size=20)
    yield found(build_ports(database, world), world)
    line.up()
    database.dispose()


def statuses(house: House, dues: list[str]) -> list[str]:
    with house.ports.database.read(house.organisation_id) as session:
        return [row.status for due in dues if (row := obligation.by_id(session, due)) is not None]


def until_ended(house: House, dues: list[str], pool: ThreadPoolExecutor) -> None:
    for _ in range(12):
        house.clock.pass_(minutes=6)
        sweep(house.ports, pool)
        if set(statuses(house, dues)) <= ENDED:
            return


def paid_once_each(house: House, dues: list[str]) -> None:
    assert statuses(house, dues) == ["paid"] * len(dues)
    sales = [sale for sale in house.truth() if sale["success"]]
    assert sorted(str(sale["order_id"]).split("-")[1] for sale in sales) == sorted(dues)
    assert check_some(house.ports, Walk()) == 0
    with house.ports.database.read(house.organisation_id) as session:
        assert WRONG & {alarm.kind for alarm in audit.open_alarms(session)} == set()
        for due in dues:
            assert [row.state for row in charge.of_obligation(session, due)].count("succeeded") == 1


@pytest.mark.postgres
@pytest.mark.parametrize("when", ["before", "after"])
def test_f3_whichever_commit_of_a_charge_is_lost_it_is_made_once(
    beyond: House, line: PostgresProxy, pool: ThreadPoolExecutor, when: str
) -> None:
    """`before`: it never arrived; `after`: it was done and nobody was told. Whoever asked cannot know which."""
    house, card, dues = beyond, beyond.card_on_file(), []
    for nth in count(1):
        due = house.obligation(house.account(), 2_500, payment_method_id=card)
        line.cut(when, nth)
        try:
            charge_obligation(house.ports, house.organisation_id, due, SOON)
        except DBAPIError:
            assert line.hits >= nth
        dues.append(due)
        is_through = line.hits < nth
        line.up()
        if is_through:
            break
    assert len(dues) > 3, "a charge has at least two commits that write, and one that reads"
    until_ended(house, dues, pool)
    paid_once_each(house, dues)


@pytest.mark.postgres
@pytest.mark.parametrize("nth", [3, 11])
def test_f3_a_server_that_goes_away_in_the_middle_of_a_run_loses_and_doubles_nothing(
    beyond: House, line: PostgresProxy, pool: ThreadPoolExecutor, nth: int
) -> None:
    house, card = beyond, beyond.card_on_file()
    dues = [house.obligation(house.account(), 2_500, payment_method_id=card) for _ in range(10)]
    line.cut("down", nth)

    def pay(due: str) -> None:
        try:
            charge_obligation(house.ports, house.organisation_id, due, SOON)
        except DBAPIError:
            assert line.is_down

    list(pool.map(pay, dues))
    assert line.is_down
    assert not house.ports.database.is_up()
    line.up()
    assert house.ports.database.is_up()
    until_ended(house, dues, pool)
    paid_once_each(house, dues)


# A table whose file is beyond the limit, so that the limit meets its next page; each row short of being kept elsewhere.
FILLER = """INSERT INTO audit_entry (organisation_id, id, at, actor, action, subject_id, facts)
SELECT :own, 'filler-' || n, now(), 'test', 'filled', repeat(md5(n::text), 55), '{}' FROM generate_series(1, 9600) n"""


class Disk:
    """Room for the files of a house's database: as much as there is, or not a page more than they have."""

    FILE_BYTES = 16 * 1024 * 1024  # what a server writes ahead goes to files of this size: they must not meet the limit

    def __init__(self, house: House) -> None:
        self.house, self.database, self.is_full = house, house.ports.database, False
        self._limited: dict[int, bool] = {}
        event.listen(self.database.writer, "checkout", self._limit)

    def fill(self) -> None:
        """From now on nothing fits any more; what is there can be read."""
        if not self.database.is_sqlite:
            with above(self.database).begin() as connection:
                connection.execute(text(FILLER), {"own": self.house.organisation_id})
        self.is_full = True
        for rows, length in ((64, 1_800), (64, 1), (1, 1)):  # to the last gap that a small row fits into
            while self._adds(rows, length):
                pass

    def _adds(self, rows: int, length: int) -> bool:
        """Whether so many more rows of that length found room."""
        try:
            with self.database.transaction(self.house.organisation_id) as session:
                for _ in range(rows):
                    record(session, "test", "filled", "x" * length, self.house.clock.now())
        except DBAPIError:
            return False
        return True

    def _limit(self, connection: object, *_: object) -> None:
        if self.database.is_sqlite:
            cursor = connection.cursor()  # type: ignore[attr-defined]  # the driver's
            pages = cursor.execute("PRAGMA page_count").fetchone()[0] if self.is_full else 1_000_000
            cursor.execute(f"PRAGMA max_page_count={pages}")
            cursor.close()
            return
        pid = connection.info.backend_pid  # type: ignore[attr-defined]  # the driver's
        if self._limited.get(pid) != self.is_full:
            most = str(self.FILE_BYTES) if self.is_full else "unlimited"
            owner = Path(f"/proc/{pid}").stat().st_uid  # only a process of the server's own user may
            subprocess.run(["prlimit", f"--pid={pid}", f"--fsize={most}:"], user=owner, check=True)
            self._limited[pid] = self.is_full


@pytest.fixture
def disk(house: House) -> Disk:
    if not house.ports.database.is_sqlite and os.environ.get("DATABASE_URL", "").startswith("postgres"):
        pytest.skip("the limit is put on a server of this machine, and another one was given")
    return Disk(house)


def test_f6_a_claim_that_cannot_be_written_sends_nothing(house: House, disk: Disk, pool: ThreadPoolExecutor) -> None:
    """The first ones may still find room in what is open for writing; from the first that does not, nothing is sent."""
    card = house.card_on_file()
    dues = [house.obligation(house.account(), 2_500, payment_method_id=card) for _ in range(12)]
    disk.fill()
    for due in dues:
        with suppress(DBAPIError):
            charge_obligation(house.ports, house.organisation_id, due, SOON)
    sweep(house.ports, pool)
    sent = {str(sale["order_id"]).split("-")[1] for sale in house.truth()}
    stand = dict(zip(dues, statuses(house, dues), strict=True))
    assert set(stand.values()) <= {"due", "charging", "paid"}
    assert stand[dues[-1]] == "due"
    assert sent == {due for due, status in stand.items() if status != "due"}
    disk.is_full = False
    until_ended(house, dues, pool)
    paid_once_each(house, dues)


def test_f6_an_answer_that_cannot_be_written_is_found_when_there_is_room(
    house: House, disk: Disk, pool: ThreadPoolExecutor
) -> None:
    due = house.obligation(house.account(), 2_500, payment_method_id=house.card_on_file())
    claimed = claim(house.ports, house.organisation_id, due, SOON)
    outcome = send(house.ports, claimed, SOON)
    assert outcome is not None
    disk.fill()
    with pytest.raises(DBAPIError, match=r"(?i)full|extend|too large"):
        apply(house.ports, claimed, outcome)
    house.clock.pass_(hours=1)
    sweep(house.ports, pool)
    assert statuses(house, [due]) == ["charging"], "neither paid nor not paid"
    disk.is_full = False
    until_ended(house, [due], pool)
    paid_once_each(house, [due])
