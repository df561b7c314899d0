"""M7: sixteen real processes pay one account at once, on both databases; it is never overpaid, and losers are told."""

from portal.storage import account, charge, obligation
from portal.usecases.ledger import differs_from_entries
from tests.rig.house import House
from tests.rig.racers import race

PAYERS, BALANCE, PAYMENT = 16, 5_000, 1_000


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
