"""What the run is measured against: RQ's own way, one job for each charge, in processes that fork for each job.

Started by bench/run.py as `python -m bench.one_job NUMBER`, with a worker's environment. The charge is our own.
"""

import os
import sys

from redis import Redis
from rq import Queue, Worker
from rq.serializers import JSONSerializer
from rq.worker_pool import WorkerPool

from config import Settings
from portal.app import build_ports
from portal.jobs import tasks
from portal.jobs.queue import QUEUE


class LoadedWorker(Worker):
    """Has the application before it forks; without that each job would pay for its imports."""

    def work(self, *arguments: object, **options: object) -> bool:
        tasks.install(build_ports(Settings.from_environment()))
        return super().work(*arguments, **options)  # type: ignore[arg-type]  # as they came


def main() -> None:
    """Works until it is stopped."""
    number = int(sys.argv[1])
    connection = Redis.from_url(os.environ["REDIS_URL"])
    queue = Queue(QUEUE, connection=connection, serializer=JSONSerializer)
    if number == 1:
        LoadedWorker([queue], connection=connection, serializer=JSONSerializer).work(logging_level="WARNING")
        return
    pool = WorkerPool(
        [QUEUE], connection=connection, num_workers=number, worker_class=LoadedWorker, serializer=JSONSerializer
    )
    pool.start(logging_level="WARNING")


if __name__ == "__main__":
    main()
