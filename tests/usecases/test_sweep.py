"""A sweep as a whole: what hangs in one place stalls no other, and nothing else waits while we wait for an answer."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest

from portal.storage import account, charge, message, obligation
from portal.storage.database import NestedTransaction
from portal.storage.hold import ChargingHold
from portal.usecases.charge import charge_obligation, claim
from portal.usecases.janitor import BATCH, POOL, Sweep, sweep
from portal.usecases.outbox import deliver
from portal.usecases.resolve import resolve
from tests.rig.house import House, found
from tests.rig.simulator_process import SimulatorProcess
from tests.usecases.test_outbox import promised, state_of

SOON = timedelta(seconds=2)


def eventually(seen: Callable[[], bool], seconds: float = 15) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if seen():
            return True
        time.sleep(0.01)
    return False


def unknown_charge(house: House) -> str:
    """The id of a charge whose answer never came, due for a look."""
    due = house.obligation(house.account(), 2_500, payment_method_id=house.card_on_file())
    return claim(house.ports, house.organisation_id, due, SOON).charge_id


def state(house: House, charge_id: str) -> str:
    with house.ports.database.read(house.organisation_id) as session:
        row = charge.by_id(session, charge_id)
        assert row is not None
        return row.state


def test_searches_that_hang_stall_neither_messages_nor_other_charges(house: House) -> None:
    """Searches hang until the question's timeout; the mail and the obligation nobody rang for go on at once."""
    for _ in range(8):
        unknown_charge(house)
    house.clock.pass_(hours=1)
    due = house.obligation(house.account(), 1_000, payment_method_id=house.card_on_file())
    house.clock.pass_(minutes=2)
    mail = promised(house)
    house.simulator.faults("hang_before", merchant=house.merchant_id, operation="search", times=0, seconds=60)
    done: list[Sweep] = []
    with ThreadPoolExecutor(POOL) as pool:
        running = threading.Thread(target=lambda: done.append(sweep(house.ports, pool)))
        running.start()
        try:
            assert eventually(lambda: state_of(house, mail) == "sent" and status(house, due) == "paid")
            assert running.is_alive(), "the searches were to hang longer than that"
        finally:
            house.simulator.clear_faults()
            running.join(30)
    assert (done[0].resolved, done[0].charged, done[0].delivered, done[0].broken) == (8, 1, 1, 0)


def status(house: House, obligation_id: str) -> str:
    with house.ports.database.read(house.organisation_id) as session:
        row = obligation.by_id(session, obligation_id)
        assert row is not None
        return row.status


def test_one_bad_row_does_not_stop_the_rest(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """A row whose handling raises what nobody foresaw is logged; its neighbours are handled all the same."""
    good, bad = promised(house, "good"), promised(house, "bad")

    class Wording:
        def message(self, event: str, locale: str, facts: object) -> object:
            raise MemoryError

    broken = replace(house.ports, wording=Wording())  # type: ignore[arg-type]  # it only raises
    assert not deliver(broken, house.organisation_id, bad)
    assert state_of(house, bad) == "queued"
    with ThreadPoolExecutor(2) as pool:
        sweep(house.ports, pool)
    assert state_of(house, good) == "sent"


def test_an_organisation_that_cannot_be_charged_for_keeps_no_other_waiting(
    house: House, world: SimulatorProcess
) -> None:
    """More of its payments wait than one sweep takes, and they are the oldest; they stay due, sweep after sweep."""
    owed = house.account(BATCH * 1_000)
    for _ in range(BATCH + 1):
        house.obligation(owed, 100, card_nonce="held")
    house.clock.pass_(hours=2)
    with house.ports.database.transaction(house.organisation_id) as session:
        session.add(ChargingHold(reason="restored", held_at=house.clock.now(), held_by="test"))
    other = found(house.ports, world)
    due = other.obligation(other.account(), 1_000, payment_method_id=other.card_on_file())
    house.clock.pass_(minutes=2)
    with ThreadPoolExecutor(POOL) as pool:
        sweep(house.ports, pool)
    assert status(other, due) == "paid"


def test_a_payment_that_cannot_be_charged_keeps_none_of_its_own_organisation_waiting(house: House) -> None:
    """Nobody knows whether its card was kept; it is asked about again after all that wait behind it."""
    stuck = [
        house.obligation(house.account(), 100, card_nonce="a" * 20, keep_card_consent="Keep it") for _ in range(BATCH)
    ]
    house.clock.pass_(seconds=1)
    due = house.obligation(house.account(), 1_000, payment_method_id=house.card_on_file())
    house.simulator.faults("status_503_before", operation="payment_method", merchant=house.merchant_id, times=0)
    house.clock.pass_(minutes=2)
    with ThreadPoolExecutor(POOL) as pool:
        assert sweep(house.ports, pool).charged == BATCH
        assert status(house, due) == "due"
        sweep(house.ports, pool)
    assert status(house, due) == "paid"
    assert {status(house, each) for each in stuck} == {"due"}


def test_organisations_take_turns_when_charges_without_an_answer_are_looked_for(
    house: House, world: SimulatorProcess
) -> None:
    """Ten of one whose searches may hang, all older than the one of another: the first of each comes first."""
    for _ in range(10):
        unknown_charge(house)
    house.clock.pass_(minutes=1)
    other = found(house.ports, world)
    its_own = unknown_charge(other)
    with house.ports.database.across() as session:
        listed = charge.open_and_due(session, house.clock.pass_(hours=1), 3)
    assert [organisation_id for organisation_id, _ in listed] == [
        house.organisation_id, other.organisation_id, house.organisation_id,
    ]  # fmt: skip
    assert listed[1] == (other.organisation_id, its_own)


@pytest.mark.parametrize("janitors", [2, 4])
def test_f5_janitors_that_race_bring_each_charge_to_one_end(house: House, janitors: int) -> None:
    charges = [unknown_charge(house) for _ in range(4)]
    house.clock.pass_(hours=1)
    gate = threading.Barrier(janitors, timeout=20)

    def janitor() -> None:
        with ThreadPoolExecutor(POOL) as pool:
            gate.wait()
            sweep(house.ports, pool)

    threads = [threading.Thread(target=janitor) for _ in range(janitors)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert [state(house, charge_id) for charge_id in charges] == ["succeeded"] * 4
    assert len([sale for sale in house.truth() if sale["success"]]) == 4


def hanging_charge(house: House) -> Callable[[], object]:
    due = house.obligation(house.account(), 2_500, payment_method_id=house.card_on_file())
    house.simulator.faults("slow", merchant=house.merchant_id, operation="sale", seconds=2.5)
    return lambda: charge_obligation(house.ports, house.organisation_id, due, timedelta(seconds=5))


def hanging_search(house: House) -> Callable[[], object]:
    charge_id = unknown_charge(house)
    house.clock.pass_(hours=1)
    house.simulator.faults("hang_before", merchant=house.merchant_id, operation="search", seconds=2.5)
    return lambda: resolve(house.ports, house.organisation_id, charge_id)


def hanging_keep(house: House) -> Callable[[], object]:
    due = house.obligation(house.account(), 2_500, card_nonce=house.nonce(), keep_card_consent="Keep it")
    house.simulator.faults("hang_before", merchant=house.merchant_id, operation="payment_method", seconds=2.5)
    return lambda: charge_obligation(house.ports, house.organisation_id, due, timedelta(seconds=5))


def hanging_mail(house: House) -> Callable[[], object]:
    mail = promised(house, "slow")
    house.simulator.call(
        "POST", "/simulator/mail-faults", {"mode": "slow", "seconds": 2.5, "recipient": "slow@example.com"}
    )
    return lambda: deliver(house.ports, house.organisation_id, mail)


@pytest.mark.parametrize("hang", [hanging_charge, hanging_search, hanging_keep, hanging_mail])
def test_m14_while_the_outside_is_slow_no_transaction_is_open_and_other_writers_go_on(
    house: House, hang: Callable[[House], Callable[[], object]]
) -> None:
    """M14: every connection is back in its pool during a call to the gateway or the mail server."""
    call = hang(house)
    other = house.account()
    database = house.ports.database
    slow = threading.Thread(target=call)
    slow.start()
    assert eventually(lambda: is_met(house), 20), "the fault was to be met"
    assert database.writer.pool.checkedout() == database.reader.pool.checkedout() == 0  # type: ignore[attr-defined]  # a QueuePool has it
    for _ in range(3):
        with database.transaction(house.organisation_id) as session:
            account.lock(session, other).version += 1
    assert slow.is_alive(), "the answer was to come later than that"
    slow.join(30)


def is_met(house: House) -> bool:
    """Whether the planned fault has begun."""
    waiting = house.simulator.call("GET", "/simulator/faults")["faults"]
    return not waiting and not house.simulator.call("GET", "/simulator/mail-faults")


@pytest.mark.parametrize("leave", ["charge", "resolve", "deliver"])
def test_m14_the_building_cannot_be_left_with_a_transaction_open(house: House, leave: str) -> None:
    due = house.obligation(house.account(), 2_500, payment_method_id=house.card_on_file())
    charge_id, mail = unknown_charge(house), promised(house)
    ways: dict[str, Callable[[], object]] = {
        "charge": lambda: charge_obligation(house.ports, house.organisation_id, due, SOON),
        "resolve": lambda: resolve(house.ports, house.organisation_id, charge_id),
        "deliver": lambda: deliver(house.ports, house.organisation_id, mail),
    }
    with house.ports.database.transaction(house.organisation_id), pytest.raises(NestedTransaction):
        ways[leave]()
    assert house.truth() == []
    assert state_of(house, mail) == "queued"


def test_a_sweep_says_how_old_the_oldest_waiting_thing_is(house: House) -> None:
    unknown_charge(house)
    house.clock.pass_(seconds=90)  # its lease is not over
    with ThreadPoolExecutor(2) as pool:
        done = sweep(house.ports, pool)
    assert done.resolved == 0
    assert done.oldest_open_seconds == 90
    with house.ports.database.across() as session:
        assert message.oldest_queued(session) is None
