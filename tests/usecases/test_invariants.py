"""The books are checked in production too: a violation planted behind the house's back is found and calls a person."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from portal.storage import audit
from portal.usecases import invariants
from portal.usecases.charge import charge_obligation, claim
from portal.usecases.invariants import Walk, check_account, check_some
from portal.usecases.janitor import sweep
from tests.rig import above
from tests.rig.house import House, found

SOON = timedelta(seconds=2)


def paid(house: House) -> str:
    """The id of an account with one payment of $25.00 of $500.00."""
    owed = house.account()
    due = house.obligation(owed, 2_500, payment_method_id=house.card_on_file())
    assert charge_obligation(house.ports, house.organisation_id, due, SOON).obligation_status == "paid"
    return owed


def behind_our_back(house: House, *statements: str) -> None:
    """The books and their papers, changed past every lock."""
    above.behind_our_back(house.ports.database, ("ledger_entry", "receipt", "agreement"), *statements)


def kinds(house: House) -> set[str]:
    with house.ports.database.read(house.organisation_id) as session:
        return {alarm.kind for alarm in audit.open_alarms(session)}


def test_an_ordinary_life_breaks_nothing(house: House) -> None:
    paid(house)
    open_ = house.obligation(house.account(), 2_500, payment_method_id=house.card_on_file())
    claim(house.ports, house.organisation_id, open_, SOON)
    declined = house.obligation(house.account(500_000), 200_100, payment_method_id=house.card_on_file())
    charge_obligation(house.ports, house.organisation_id, declined, SOON)
    settled = house.obligation(
        house.account(5_000), 3_000, forgiven_cents=2_000, payment_method_id=house.card_on_file()
    )
    assert charge_obligation(house.ports, house.organisation_id, settled, SOON).obligation_status == "paid"
    assert check_some(house.ports, Walk()) == 0
    assert kinds(house) == set()


UNTRUE = {"payment_without_charge", "receipt_without_success", "obligation_differs"}
PLANTED: list[tuple[str, set[str]]] = [
    ("UPDATE account SET balance_cents = balance_cents - 1", {"balance_differs"}),
    ("UPDATE account SET balance_cents = balance_cents + 2500", {"balance_differs"}),
    ("DELETE FROM ledger_entry WHERE recipe = 'payment_taken'", {"balance_differs", "success_not_booked"}),
    ("UPDATE ledger_entry SET amount_cents = amount_cents + 1 WHERE recipe = 'payment_taken'",
     {"balance_differs", "success_not_booked"}),
    ("UPDATE ledger_entry SET amount_cents = amount_cents + 1 WHERE recipe = 'balance_placed'", {"balance_differs"}),
    ("DELETE FROM receipt", {"success_without_receipt"}),
    ("UPDATE charge SET state = 'declined'", UNTRUE),
    ("UPDATE charge SET state = 'unknown'", UNTRUE),
    ("UPDATE obligation SET status = 'due'", {"obligation_differs"}),
    ("UPDATE charge SET state = 'review', held_cents = 50001",
     UNTRUE | {"held_above_balance"}),
]  # fmt: skip


@pytest.mark.parametrize(("statement", "expected"), PLANTED, ids=range(len(PLANTED)))
def test_a_planted_violation_is_found_by_a_sweep_and_left_for_a_person(
    house: House, statement: str, expected: set[str]
) -> None:
    owed = paid(house)
    with ThreadPoolExecutor(2) as pool:
        assert sweep(house.ports, pool).broken == 0
        delivered = "UPDATE message SET state = 'sent'"
        behind_our_back(house, delivered, statement)
        house.clock.pass_(seconds=1)
        assert sweep(house.ports, pool).broken == len(expected)
        assert kinds(house) == expected
        assert sweep(house.ports, pool).broken == len(expected), "nothing was repaired"
    assert {each.account_id for each in check_account(house.ports, house.organisation_id, owed)} == {owed}
    with house.ports.database.read(house.organisation_id) as session:
        assert len(audit.open_alarms(session)) == len(expected), "one alarm each, however often it is seen"


def test_a_violation_of_one_organisation_is_told_to_that_one_alone(house: House) -> None:
    neighbour = found(house.ports, house.simulator)
    paid(neighbour)
    owed = paid(house)
    behind_our_back(house, f"UPDATE account SET balance_cents = 1 WHERE id = '{owed}'")
    assert check_some(house.ports, Walk()) == 1
    assert (kinds(house), kinds(neighbour)) == ({"balance_differs"}, set())


def test_the_walk_goes_round_all_accounts_of_all_organisations(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(invariants, "ACCOUNTS_PER_SWEEP", 2)
    neighbour = found(house.ports, house.simulator)
    wrong = [each.account() for each in (house, neighbour, house, neighbour, house)]
    behind_our_back(house, "UPDATE account SET balance_cents = 7")
    walk = Walk()
    seen = [check_some(house.ports, walk) for _ in range(3)]
    assert sum(seen) == len(wrong)
    assert max(seen) == 2
    assert walk == Walk(), "and begins again"


def test_payments_in_the_middle_of_being_made_are_never_mistaken_for_a_violation(house: House) -> None:
    owed = house.account(50_000)
    card = house.card_on_file()
    dues = [house.obligation(owed, 100, payment_method_id=card) for _ in range(12)]
    with ThreadPoolExecutor(4) as pool:
        paying = [pool.submit(charge_obligation, house.ports, house.organisation_id, due, SOON) for due in dues]
        seen = []
        while not all(each.done() for each in paying):
            seen.append(check_some(house.ports, Walk()))
        assert {each.result().obligation_status for each in paying} == {"paid"}
    assert set(seen) <= {0}
    assert kinds(house) == set()
