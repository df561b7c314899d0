"""The doorbell on a real Valkey: it rings, it never raises, it holds nobody up, and nothing but JSON comes through."""

import json
import pickle
import socket
import time
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import redis
from rq import Queue, SimpleWorker
from rq.job import Job, JobStatus
from rq.serializers import JSONSerializer

from portal.jobs import tasks
from portal.jobs.queue import JOB_SECONDS, QUEUE, RedisDoorbell, connect, open_queue
from portal.jobs.task_job import TaskJob, is_task
from portal.usecases.ports import Ports
from tests.jobs.conftest import eventually
from tests.rig.house import House, found
from tests.usecases.test_outbox import mails_to, promised, state_of

ON_SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)  # nothing here asks the database much
ORGANISATION, ROW = "o" * 32, "r" * 32


def jobs(redis_url: str) -> list[Job]:
    return open_queue(connect(redis_url)).jobs


def work_off(redis_url: str) -> None:
    """What a worker does with all that waits, in this process."""
    connection = connect(redis_url, patient=True)
    worker = SimpleWorker([open_queue(connection)], connection=connection, job_class=TaskJob, serializer=JSONSerializer)
    worker.work(burst=True, logging_level="CRITICAL")


@pytest.fixture
def installed(house: House) -> Iterator[Ports]:
    tasks.install(house.ports)
    yield house.ports
    tasks._installed.clear()


def test_a_ring_is_a_job_of_two_ids_in_json_and_nothing_else(redis_url: str) -> None:
    doorbell = RedisDoorbell(redis_url)
    doorbell.ring_message(ORGANISATION, ROW)
    doorbell.ring_charge(ORGANISATION, ROW)
    waiting = jobs(redis_url)
    assert [(job.func_name, job.args, job.kwargs) for job in waiting] == [
        ("portal.jobs.tasks.deliver_message", [ORGANISATION, ROW], {}),
        ("portal.jobs.tasks.charge_due", [ORGANISATION, ROW], {}),
    ]
    assert {job.timeout for job in waiting} == {JOB_SECONDS}
    assert {job.retries_left for job in waiting} == {None}, "the janitor owns retries"
    with redis.Redis.from_url(redis_url) as client:
        data = client.hget(f"rq:job:{waiting[0].id}", "data")
    assert json.loads(_inflated(data))[0] == "portal.jobs.tasks.deliver_message"


def _inflated(data: bytes | None) -> bytes:
    import zlib

    assert data is not None
    try:
        return zlib.decompress(data)
    except zlib.error:
        return data


def test_a_ring_for_a_message_delivers_it(house: House, redis_url: str, installed: Ports) -> None:
    name = f"rung-{uuid.uuid4().hex[:8]}"
    mail = promised(house, name)
    for _ in range(3):  # rung for three times, delivered once
        RedisDoorbell(redis_url).ring_message(house.organisation_id, mail)
    work_off(redis_url)
    assert state_of(house, mail) == "sent"
    assert len(mails_to(house, name)) == 1


def test_attack_054_a_job_that_names_a_foreign_or_a_missing_row_finds_nothing(
    house: House, redis_url: str, installed: Ports
) -> None:
    stranger = found(house.ports, house.simulator)
    name = f"foreign-{uuid.uuid4().hex[:8]}"
    mail = promised(house, name)
    due = house.obligation(house.account(), 2_500, payment_method_id=house.card_on_file())
    doorbell = RedisDoorbell(redis_url)
    for organisation_id in (stranger.organisation_id, "0" * 32, "", "' OR 1=1 --", "a\x00b"):
        doorbell.ring_message(organisation_id, mail)
        doorbell.ring_charge(organisation_id, due)
    doorbell.ring_message(house.organisation_id, "../" + mail)
    work_off(redis_url)
    assert state_of(house, mail) == "queued"
    assert house.truth() == stranger.truth() == []
    assert mails_to(house, name) == []


def test_attack_075_a_charge_rung_for_before_its_time_or_after_its_end_makes_no_call(
    house: House, redis_url: str, installed: Ports
) -> None:
    card = house.card_on_file()
    from datetime import timedelta

    future = house.obligation(house.account(), 2_500, payment_method_id=card)
    with house.ports.database.transaction(house.organisation_id) as session:
        from portal.storage import obligation

        obligation.fresh(session, future).due_at = datetime.now(UTC) + timedelta(days=1)
    over = [
        house.obligation(house.account(), 2_500, payment_method_id=card, status=status)
        for status in ("cancelled", "declined", "paid", "review", "charging")
    ]
    for due in (future, *over):
        RedisDoorbell(redis_url).ring_charge(house.organisation_id, due)
    work_off(redis_url)
    assert house.truth() == []


class Bomb:
    """What an attacker who can write to Redis would plant."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (open, (self.path, "w"))  # type: ignore[return-value]  # opening the file is the deed


@ON_SQLITE
def test_attack_091_a_planted_pickle_is_not_run(
    house: House, redis_url: str, installed: Ports, tmp_path_factory: pytest.TempPathFactory
) -> None:
    deed = tmp_path_factory.mktemp("bomb") / "it-ran"
    bomb = pickle.dumps((str(deed), None, (Bomb(str(deed)),), {}))
    with redis.Redis.from_url(redis_url) as client:
        for job_id, data in (("planted", bomb), ("nonsense", b"\x80\x04nonsense")):
            now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
            client.hset(
                f"rq:job:{job_id}",
                mapping={"data": data, "created_at": now, "enqueued_at": now, "origin": QUEUE, "status": "queued",
                         "timeout": "5", "description": "x"},
            )  # fmt: skip
            client.rpush(f"rq:queue:{QUEUE}", job_id)
    name = f"after-{uuid.uuid4().hex[:8]}"
    mail = promised(house, name)
    RedisDoorbell(redis_url).ring_message(house.organisation_id, mail)
    work_off(redis_url)
    assert not deed.exists()
    assert state_of(house, mail) == "sent"
    pickle.loads(bomb)  # the control: whoever unpickles it does run it
    assert deed.exists()


@ON_SQLITE
@pytest.mark.parametrize("function", ["os.system", "builtins.eval", "builtins.open", "pathlib.Path.touch"])
@pytest.mark.parametrize("place", ["function", "on_success", "on_failure"])
def test_attack_091_a_planted_job_that_names_another_function_does_no_harm(
    house: House, redis_url: str, installed: Ports, function: str, place: str, tmp_path: Path
) -> None:
    """JSON is not enough: RQ imports and calls whatever function a job names."""
    deed = tmp_path / "it-ran"
    argument = {"os.system": f"touch {deed}", "builtins.eval": f"open({str(deed)!r}, 'w')"}.get(function, str(deed))
    arguments = [argument, "w"] if function == "builtins.open" else [argument]
    connection = connect(redis_url)
    queue = Queue(QUEUE, connection=connection, serializer=JSONSerializer)
    job = queue.enqueue("portal.jobs.tasks.deliver_message", ORGANISATION, ROW)
    if place == "function":
        job = queue.enqueue(function, *arguments)
    else:  # a callback is called with the job and more: naming one is enough to have it imported and called
        connection.hset(f"rq:job:{job.id}", f"{place.removeprefix('on_')}_callback_name", function)
    work_off(redis_url)
    assert not deed.exists()
    assert job.get_status() is (JobStatus.FAILED if place == "function" else JobStatus.FINISHED)


@pytest.mark.parametrize(
    "name",
    ["portal.jobs.tasks.install", "portal.jobs.tasks._ports", "portal.jobs.tasks._installed.append", "os.system", "",
     "portal.jobs.tasks.", "portal.jobs.tasks.Ports", "portal.jobs.tasks.deliver", "portal.usecases.outbox.deliver",
     "portal.jobs.tasks.deliver_message.__globals__", "deliver_message", "portal.jobs.tasks.no_such_task"],
)  # fmt: skip
def test_only_the_tasks_themselves_are_tasks(name: str) -> None:
    assert not is_task(name)
    assert is_task("portal.jobs.tasks.deliver_message")
    assert is_task("portal.jobs.tasks.charge_due")


def test_a_ring_with_redis_down_neither_raises_nor_waits_and_rests_a_while() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    doorbell = RedisDoorbell(f"redis://127.0.0.1:{port}/0")
    started = time.monotonic()
    for _ in range(200):
        doorbell.ring_message(ORGANISATION, ROW)
    assert time.monotonic() - started < 20


def test_a_redis_that_takes_the_call_and_says_nothing_costs_a_page_a_moment_once() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(50)
        doorbell = RedisDoorbell(f"redis://127.0.0.1:{silent.getsockname()[1]}/0")
        started = time.monotonic()
        for _ in range(200):
            doorbell.ring_charge(ORGANISATION, ROW)
        assert time.monotonic() - started < 20  # a quarter of a second or two, not 200 times that


def test_the_doorbell_rings_again_after_its_rest(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    doorbell = RedisDoorbell(redis_url)
    doorbell._resting_until = time.monotonic() + 0.2
    doorbell.ring_message(ORGANISATION, ROW)
    assert jobs(redis_url) == []

    def rung() -> bool:
        doorbell.ring_message(ORGANISATION, ROW)
        return len(jobs(redis_url)) == 1

    assert eventually(rung, 10)


def test_a_job_without_installed_ports_fails_and_is_not_tried_again(redis_url: str) -> None:
    tasks._installed.clear()
    RedisDoorbell(redis_url).ring_message(ORGANISATION, ROW)
    [job] = jobs(redis_url)
    work_off(redis_url)
    assert job.get_status() is JobStatus.FAILED
    assert jobs(redis_url) == []
