"""The doorbell: tells RQ that a row waits. Redis is a convenience here; the database is the schedule.

Rung by use cases after their commit. Never raises, never holds a page up: after a failed ring it rests a while.
"""

import time
from collections.abc import Sequence

import structlog
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry
from rq import Queue
from rq.exceptions import DuplicateJobError
from rq.serializers import JSONSerializer

from portal.jobs.task_job import TaskJob

log = structlog.get_logger()

QUEUE = "paydoor"
JOB_SECONDS = 400  # above the lease of a charge, so no job is cut between the gateway's answer and our commit
BATCH_SECONDS = 1_800  # a whole batch at a gateway that answers at the last moment each time
RESULT_SECONDS = 60
PATIENCE_SECONDS = 0.25
REST_SECONDS = 5.0


def connect(redis_url: str, *, patient: bool = False) -> Redis:
    """A connection; one that gives up at once for pages, or waits for workers."""
    if patient:
        return Redis.from_url(redis_url, socket_connect_timeout=5, socket_keepalive=True)
    return Redis.from_url(
        redis_url,
        socket_connect_timeout=PATIENCE_SECONDS,
        socket_timeout=PATIENCE_SECONDS,
        retry=Retry(NoBackoff(), 0),
    )


def open_queue(connection: Redis) -> Queue:
    """The one queue; JSON and our own tasks only, so whoever can write to Redis still cannot run code in a worker."""
    return Queue(
        QUEUE, connection=connection, serializer=JSONSerializer, job_class=TaskJob, default_timeout=JOB_SECONDS
    )


class RedisDoorbell:
    """Rings through Redis."""

    def __init__(self, redis_url: str) -> None:
        self._queue = open_queue(connect(redis_url))
        self._resting_until = 0.0

    def ring_message(self, organisation_id: str, message_id: str) -> None:
        self._ring("portal.jobs.tasks.deliver_message", organisation_id, message_id)

    def ring_messages(self, organisation_id: str, message_ids: Sequence[str]) -> None:
        self._ring("portal.jobs.tasks.deliver_messages", organisation_id, list(message_ids), seconds=BATCH_SECONDS)

    def ring_charge(self, organisation_id: str, obligation_id: str) -> None:
        self._ring("portal.jobs.tasks.charge_due", organisation_id, obligation_id)

    def ring_batch(self, organisation_id: str, obligation_ids: Sequence[str]) -> None:
        self._ring("portal.jobs.tasks.charge_batch", organisation_id, list(obligation_ids), seconds=BATCH_SECONDS)

    def ring_notice(self, organisation_id: str, notice_id: str) -> None:
        self._ring("portal.jobs.tasks.handle_notice", organisation_id, notice_id)

    def _ring(self, task: str, organisation_id: str, rows: str | list[str], *, seconds: int = JOB_SECONDS) -> None:
        if time.monotonic() < self._resting_until:
            return
        try:
            self._queue.enqueue(
                task,
                organisation_id,
                rows,
                job_timeout=seconds,
                result_ttl=RESULT_SECONDS,
                failure_ttl=RESULT_SECONDS,
            )
        except (RedisError, DuplicateJobError, OSError) as error:
            self._resting_until = time.monotonic() + REST_SECONDS
            log.warning("doorbell_silent", task=task, reason=type(error).__name__)
