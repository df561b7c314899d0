"""The processes without pages, as they run in production: rung for, swept for, flushed, without Redis, told to stop."""

import signal
import uuid
from datetime import timedelta

import pytest
import redis

from portal.jobs.queue import QUEUE, RedisDoorbell
from portal.storage import charge
from portal.usecases.charge import claim
from tests.jobs.conftest import Crew, eventually
from tests.rig.house import House
from tests.usecases.test_outbox import mails_to, promised, state_of
from tests.usecases.test_sweep import status

ON_SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
NO_REDIS = "redis://127.0.0.1:1/0"


def name() -> str:
    return f"job-{uuid.uuid4().hex[:8]}"


def test_a_rung_for_message_and_charge_are_done_by_the_worker(house: House, crew: Crew, redis_url: str) -> None:
    crew.worker()
    to = name()
    mail = promised(house, to)
    due = house.obligation(house.account(), 2_500, payment_method_id=house.card_on_file())
    doorbell = RedisDoorbell(redis_url)
    doorbell.ring_message(house.organisation_id, mail)
    doorbell.ring_charge(house.organisation_id, due)
    receipts = [promised(house, name()) for _ in range(3)]
    doorbell.ring_messages(house.organisation_id, [receipts[0], "no-such-message", *receipts[1:]])
    assert crew.eventually(lambda: state_of(house, mail) == "sent" and status(house, due) == "paid"), crew.logs()
    assert crew.eventually(lambda: {state_of(house, each) for each in receipts} == {"sent"}), crew.logs()
    assert len(mails_to(house, to)) == 1
    assert len(house.truth()) == 1


def test_f1_the_clock_alone_delivers_and_resolves_without_redis(house: House, crew: Crew) -> None:
    """F1: Redis down from the start. The clock never asks for it."""
    mail = promised(house, name())
    due = house.obligation(house.account(), 2_500, payment_method_id=house.card_on_file())
    with house.ports.database.transaction(house.organisation_id) as session:
        from portal.storage import obligation

        obligation.fresh(session, due).due_at -= timedelta(minutes=5)
    stuck = house.obligation(house.account(), 1_000, payment_method_id=house.card_on_file())
    charge_id = claim(house.ports, house.organisation_id, stuck, timedelta(seconds=2)).charge_id
    with house.ports.database.transaction(house.organisation_id) as session:
        row = charge.lock(session, charge_id)  # as if its sender died an hour ago
        for moment in ("lease_until", "send_deadline", "next_try_at", "claimed_at"):
            setattr(row, moment, getattr(row, moment) - timedelta(hours=1))
    crew.clock(REDIS_URL=NO_REDIS)

    def done() -> bool:
        return state_of(house, mail) == "sent" and {status(house, each) for each in (due, stuck)} == {"paid"}

    assert crew.eventually(done), crew.logs()
    assert len([sale for sale in house.truth() if sale["success"]]) == 2


def test_f1_a_flushed_redis_loses_nothing(house: House, crew: Crew, redis_url: str) -> None:
    """F1: every ring is gone before anybody heard it; the clock finds the rows."""
    to = name()
    mails = [promised(house, to) for _ in range(5)]
    doorbell = RedisDoorbell(redis_url)
    for mail in mails:
        doorbell.ring_message(house.organisation_id, mail)
    with redis.Redis.from_url(redis_url) as client:
        assert client.llen("rq:queue:paydoor") == 5
        client.flushall()
    crew.worker()
    crew.clock()
    assert crew.eventually(lambda: {state_of(house, mail) for mail in mails} == {"sent"}), crew.logs()
    assert len(mails_to(house, to)) == 5


@ON_SQLITE
def test_attack_091_a_worker_outlives_jobs_it_cannot_read(house: House, crew: Crew, redis_url: str) -> None:
    worker = crew.worker()
    with redis.Redis.from_url(redis_url) as client:
        for job_id, made in (("planted", b""), ("again", b"no date at all")):  # RQ quits over the second
            data = {"data": b"\x80\x04nonsense", "created_at": made, "origin": QUEUE, "status": "queued"}
            client.hset(f"rq:job:{job_id}", mapping=data)
            client.rpush(f"rq:queue:{QUEUE}", job_id)
        client.rpush(f"rq:queue:{QUEUE}", "no-such-job")
    mail = promised(house, name())
    RedisDoorbell(redis_url).ring_message(house.organisation_id, mail)
    assert crew.eventually(lambda: state_of(house, mail) == "sent"), crew.logs()
    assert worker.exit_code is None


@ON_SQLITE
def test_a_worker_whose_redis_is_away_waits_for_it_and_does_not_die(house: House, crew: Crew) -> None:
    worker = crew.worker(REDIS_URL=NO_REDIS)
    assert crew.eventually(lambda: "redis_away" in worker.tail()), crew.logs()
    assert worker.exit_code is None
    assert worker.stop(patience_seconds=20) in {0, -signal.SIGTERM}


@pytest.mark.parametrize("kind", ["worker", "clock"])
def test_f7_a_process_told_to_stop_ends_by_itself_and_cleanly(house: House, crew: Crew, kind: str) -> None:
    process = crew.worker() if kind == "worker" else crew.clock()
    mail = promised(house, name())
    RedisDoorbell(crew.settings["REDIS_URL"]).ring_message(house.organisation_id, mail)
    assert crew.eventually(lambda: state_of(house, mail) == "sent"), crew.logs()  # so it is up
    process.signal(signal.SIGTERM)
    assert eventually(lambda: process.exit_code is not None, 20), "it did not end"
    assert process.exit_code == 0, crew.logs()


@pytest.mark.parametrize("kind", ["worker", "clock"])
def test_f7_a_charge_at_hand_is_finished_before_a_clean_stop(
    house: House, crew: Crew, kind: str, redis_url: str
) -> None:
    """F7: no attempt is left in `sending` by a clean stop."""
    due = house.obligation(house.account(), 2_500, payment_method_id=house.card_on_file())
    with house.ports.database.transaction(house.organisation_id) as session:
        from portal.storage import obligation

        obligation.fresh(session, due).due_at -= timedelta(minutes=5)
    house.simulator.faults("slow", merchant=house.merchant_id, operation="sale", seconds=2)
    process = crew.worker() if kind == "worker" else crew.clock()
    if kind == "worker":
        RedisDoorbell(redis_url).ring_charge(house.organisation_id, due)

    def sending() -> bool:
        return not house.simulator.call("GET", "/simulator/faults")["faults"]

    assert crew.eventually(sending), crew.logs()
    process.signal(signal.SIGTERM)
    assert eventually(lambda: process.exit_code is not None, 30), "it did not end"
    assert process.exit_code == 0, crew.logs()
    assert status(house, due) == "paid"
    with house.ports.database.read(house.organisation_id) as session:
        assert charge.count_by_state(session) == {"succeeded": 1}


@ON_SQLITE
def test_attack_110_no_secret_stands_in_the_log_of_a_process(house: House, crew: Crew) -> None:
    nonce = house.nonce()
    due = house.obligation(house.account(), 2_500, card_nonce=nonce)
    with house.ports.database.transaction(house.organisation_id) as session:
        from portal.storage import obligation

        obligation.fresh(session, due).due_at -= timedelta(minutes=5)
    mail = promised(house, "x\r\nBcc: all")
    house.simulator.faults("cut_xml", merchant=house.merchant_id, operation="sale")
    crew.clock(LOG_LEVEL="DEBUG")
    assert crew.eventually(lambda: state_of(house, mail) == "failed" and status(house, due) == "paid"), crew.logs()
    written = crew.logs()
    assert "swept" in written
    for secret in (nonce, f"{house.merchant_id}_private_key", crew.settings["SEAL_KEY"], "Bcc", "t" * 32):
        assert secret not in written


@pytest.mark.parametrize("kind", ["worker", "clock"])
def test_f8_a_process_of_another_gateway_refuses_to_start_and_touches_nothing(
    house: House, crew: Crew, kind: str, redis_url: str
) -> None:
    """A staging machine that is given the database of another deployment must not end its payments unsent."""
    due = house.obligation(house.account(), 2_500, payment_method_id=house.card_on_file())
    with house.ports.database.transaction(house.organisation_id) as session:
        from portal.storage import obligation

        obligation.fresh(session, due).due_at -= timedelta(minutes=5)
    process = crew.worker(GATEWAY="sandbox") if kind == "worker" else crew.clock(GATEWAY="sandbox")
    RedisDoorbell(redis_url).ring_charge(house.organisation_id, due)
    assert eventually(lambda: process.exit_code is not None or status(house, due) != "due")
    assert status(house, due) == "due"
    assert process.exit_code == 1, crew.logs()
    assert "belongs to the gateway simulator" in crew.logs()
