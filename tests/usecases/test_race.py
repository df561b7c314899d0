"""M7: sixteen real processes pay one account at once, on both databases; it is never overpaid, and losers are told."""

import multiprocessing
from collections import Counter

from portal.storage import Database, account, charge, obligation
from portal.usecases.charge import charge_obligation
from portal.usecases.ledger import differs_from_entries
from tests.rig.house import House, build_ports
from tests.rig.simulator_process import SimulatorProcess
from tests.usecases.test_sweep import SOON

PAYERS, BALANCE, PAYMENT = 16, 5_000, 1_000


class Address:
    """Where the simulator is, for a process that must not own it."""

    def __init__(self, world: SimulatorProcess) -> None:
        self.url, self.smtp_port = world.url, world.smtp_port


def _pay(url: str, address: Address, organisation_id: str, due: str, go: object, results: object) -> None:
    database = Database(url)
    ports = build_ports(database, address)  # type: ignore[arg-type]  # all that ports need of it
    go.wait()  # type: ignore[attr-defined]  # a barrier
    result = charge_obligation(ports, organisation_id, due, SOON * 10)
    results.put(result.obligation_status)  # type: ignore[attr-defined]  # a queue
    database.dispose()


def race(house: House, database_url: str, dues: list[str]) -> Counter[str]:
    context = multiprocessing.get_context("fork")  # each child opens a database and a gateway of its own
    go, results = context.Barrier(len(dues)), context.Queue()
    children = [
        context.Process(
            target=_pay, args=(database_url, Address(house.simulator), house.organisation_id, due, go, results)
        )
        for due in dues
    ]
    for child in children:
        child.start()
    statuses = Counter(results.get(timeout=120) for _ in children)
    for child in children:
        child.join(30)
    assert [child.exitcode for child in children] == [0] * len(dues)
    return statuses


def test_m7_sixteen_processes_pay_one_account_and_take_exactly_what_is_owed(house: House, database_url: str) -> None:
    owed, card = house.account(BALANCE), house.card_on_file()
    dues = [house.obligation(owed, PAYMENT, payment_method_id=card) for _ in range(PAYERS)]
    assert race(house, database_url, dues) == {"paid": 5, "declined": 11}
    assert sum(int(str(sale["amount_cents"])) for sale in house.truth() if sale["success"]) == BALANCE
    with house.ports.database.read(house.organisation_id) as session:
        row = account.by_id(session, owed)
        assert row is not None
        assert (row.balance_cents, differs_from_entries(session, row)) == (0, 0)
        ends = [obligation.by_id(session, due) for due in dues]
        assert {each.refused_code for each in ends if each and each.status == "declined"} == {"balance_too_low"}
        assert charge.count_by_state(session) == {"succeeded": 5}, "nobody else even asked the gateway"


def test_m1_sixteen_processes_charge_one_obligation_once(house: House, database_url: str) -> None:
    """M1, without a crash: fifteen find it taken and go away."""
    owed = house.account(BALANCE)
    due = house.obligation(owed, PAYMENT, payment_method_id=house.card_on_file())
    assert set(race(house, database_url, [due] * PAYERS)) <= {"paid", "charging"}
    assert len(house.truth()) == 1
    with house.ports.database.read(house.organisation_id) as session:
        assert [each.state for each in charge.of_obligation(session, due)] == ["succeeded"]
        row = account.by_id(session, owed)
        assert row is not None
        assert row.balance_cents == BALANCE - PAYMENT
