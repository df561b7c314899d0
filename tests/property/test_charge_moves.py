"""B.6: every state, every outcome and every teller, on both databases: a charge moves as the table says, or stays."""

from collections.abc import Iterator
from itertools import product
from pathlib import Path

import pytest

from portal.domain.charge import LEGAL_MOVES, TERMINAL_STATES, Actor, ChargeState, Outcome, OutcomeKind, state_of
from portal.domain.refusal import Refused
from portal.storage import Database, account, charge, obligation
from portal.usecases.charge import claim
from portal.usecases.ledger import differs_from_entries
from portal.usecases.outcome import NOTHING_HAPPENED, apply_outcome
from tests.rig.house import House, build_ports, found
from tests.rig.simulator_process import SimulatorProcess
from tests.usecases.test_sweep import SOON

TELLERS = (Actor.sender, Actor.janitor, Actor.staff)
CASES = list(product(ChargeState, OutcomeKind, TELLERS))
OBLIGATION_OF = {"succeeded": "paid", "review": "review", "sending": "charging", "unknown": "charging"}


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimulatorProcess]:
    data: Path = tmp_path_factory.mktemp("simulator")
    process = SimulatorProcess(data)
    yield process
    process.stop()


@pytest.fixture
def house(database_url: str, world: SimulatorProcess) -> Iterator[House]:
    database = Database(database_url)
    yield found(build_ports(database, world), world)
    database.dispose()


def test_every_state_outcome_and_teller_moves_a_charge_as_the_table_says_or_not_at_all(house: House) -> None:
    database, now, card = house.ports.database, house.clock.now(), house.card_on_file()
    owed = house.account(50_000_000)
    seen = set()
    for before, kind, teller in CASES:
        due = house.obligation(owed, 100, payment_method_id=card)
        claimed = claim(house.ports, house.organisation_id, due, SOON)
        with database.transaction(house.organisation_id) as session:
            row = charge.lock(session, claimed.charge_id)
            row.state = before.value  # put there, as if its story had been that one
            obligation.fresh(session, due).status = OBLIGATION_OF.get(before.value, "declined")
        outcome = Outcome(
            kind, gateway_id=f"g{claimed.charge_id[:8]}", status="x", amount_cents=100, currency="USD",
            order_id=claimed.request.order_id,
        )  # fmt: skip
        after, refused = told(house, claimed.charge_id, outcome, teller, claimed.send_deadline)
        target = state_of(outcome)
        may = teller in LEGAL_MOVES.get((before, target), frozenset())
        about_one_request = kind in NOTHING_HAPPENED and (
            teller is not Actor.sender or before is not ChargeState.sending
        )
        if before in TERMINAL_STATES or before is target or about_one_request:
            assert (after, refused) == (before, False), (before, kind, teller)
        elif may:
            assert (after, refused) == (target, False), (before, kind, teller)
            seen.add((before, target))
        else:
            assert after is before, (before, kind, teller)
        with database.read(house.organisation_id) as session:
            row_due = obligation.by_id(session, due)
            assert row_due is not None
            assert (row_due.status == "paid") is (after is ChargeState.succeeded)
        assert told(house, claimed.charge_id, outcome, teller, claimed.send_deadline)[0] is after, "told again: no news"
        settle(house, claimed.charge_id)
    assert {
        (before, after) for before, after in LEGAL_MOVES if before and after in map(state_of_kind, OutcomeKind)
    } == seen
    with database.read(house.organisation_id) as session:
        row = account.by_id(session, owed)
        assert row is not None
        assert differs_from_entries(session, row) == 0
    assert now == house.clock.now()


def state_of_kind(kind: OutcomeKind) -> ChargeState:
    return state_of(Outcome(kind))


def told(
    house: House, charge_id: str, outcome: Outcome, teller: Actor, send_deadline: object
) -> tuple[ChargeState, bool]:
    """Where the charge stands after it was told, and whether the telling was refused."""
    refused = False
    try:
        with house.ports.database.transaction(house.organisation_id) as session:
            apply_outcome(session, charge_id, outcome, teller, house.clock.now(), house.ports.timing, send_deadline)
    except Refused:
        refused = True
    with house.ports.database.read(house.organisation_id) as session:
        row = charge.by_id(session, charge_id)
        assert row is not None
        return ChargeState(row.state), refused


def settle(house: House, charge_id: str) -> None:
    """Out of the way of the next case: an open one would hold its amount."""
    with house.ports.database.transaction(house.organisation_id) as session:
        row = charge.lock(session, charge_id)
        if ChargeState(row.state) not in TERMINAL_STATES:
            row.state = "declined"
