"""The processes without pages: `python worker.py work` takes jobs from RQ, `python worker.py clock` sweeps.

Run several of each as you like. `clock` needs no Redis; `work` waits for it.
"""

import argparse
import logging
import signal
import threading
import time
from types import FrameType

import structlog
from redis.exceptions import RedisError
from rq import SimpleWorker
from rq.exceptions import StopRequested
from rq.serializers import JSONSerializer

from config import Settings
from portal.app import build_pages, build_ports, configure_logging
from portal.jobs import tasks, timetable, watch
from portal.jobs.queue import connect, open_queue
from portal.jobs.task_job import TaskJob
from portal.usecases.deployment import DatabaseOfAnotherGateway, require_own_gateway
from portal.usecases.failpoint import arm
from portal.usecases.ports import Ports

log = structlog.get_logger()

RECONNECT_SECONDS = 2


class Worker(SimpleWorker):
    """Remembers being told to stop: with Redis away, RQ's farewell fails and would pass for a lost connection."""

    told_to_stop = False

    def request_stop(self, signum: int, frame: FrameType | None) -> None:
        Worker.told_to_stop = True
        super().request_stop(signum, frame)  # type: ignore[no-untyped-call]  # RQ leaves it untyped


def work(settings: Settings) -> None:
    """Takes jobs until told to stop. The application is loaded once, before the first job."""
    tasks.install(_ports_of_own_database(settings))
    while not Worker.told_to_stop:
        connection = connect(settings.redis_url, patient=True)
        try:
            connection.ping()
            worker = Worker(
                [open_queue(connection)],
                connection=connection,
                job_class=TaskJob,
                serializer=JSONSerializer,
                maintenance_interval=60,
                worker_ttl=60,
                log_job_description=False,
            )
            worker.work(logging_level="WARNING")  # ends when told to, with the job at hand finished, ...
            if not Worker.told_to_stop:  # ... or because a job in Redis could not even be read: go on with the next
                log.error("worker_stumbled")
                time.sleep(RECONNECT_SECONDS)
        except StopRequested:
            return
        except RedisError as error:
            if not Worker.told_to_stop:
                log.warning("redis_away", reason=type(error).__name__)
                time.sleep(RECONNECT_SECONDS)


def clock(settings: Settings) -> None:
    """Sweeps every few seconds until told to stop; the round at hand is finished first."""
    ports, stop = _ports_of_own_database(settings), _stop_on_signal()
    threading.Thread(
        target=watch.run, args=(ports, build_pages(settings, ports), stop), name="watch", daemon=True
    ).start()
    timetable.run(ports, stop)


def _ports_of_own_database(settings: Settings) -> Ports:
    """The adapters, once the database is there and is found to belong to this gateway; ends the process otherwise."""
    ports = build_ports(settings)
    while not ports.database.is_up():
        log.warning("database_away")
        time.sleep(RECONNECT_SECONDS)
    try:
        require_own_gateway(ports.database, settings.gateway)
    except DatabaseOfAnotherGateway as error:
        raise SystemExit(str(error)) from error
    return ports


def _stop_on_signal() -> threading.Event:
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    return stop


def main() -> None:
    """Reads the command and runs it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("command", choices=("work", "clock"), help="work: take jobs from RQ; clock: sweep the database")
    command = parser.parse_args().command
    settings = Settings.from_environment()
    configure_logging(settings.log_level)
    logging.getLogger("rq").setLevel(logging.WARNING)
    if settings.failpoints:
        arm(settings.failpoints)
    {"work": work, "clock": clock}[command](settings)


if __name__ == "__main__":
    main()
