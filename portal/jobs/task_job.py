"""A job as a worker of ours takes it: one of the functions of `portal.jobs.tasks` with its ids, and nothing else.

Used by the queue and by worker.py. RQ imports and calls whatever a job in Redis names, `os.system` as well, and JSON
alone does not stop that: whoever can write to Redis must still not be able to run code in a worker.
"""

from typing import Any

from rq.job import Job

from portal.jobs import tasks


class ForeignJob(Exception):
    """A job in Redis names a function that is none of our tasks: somebody else wrote it."""


class TaskJob(Job):
    """Refuses at the moment of the call; RQ then notes the job as failed and takes the next one."""

    @property
    def func(self) -> Any:
        if self.instance is not None or not is_task(self.func_name or ""):
            raise ForeignJob
        return super().func

    @property
    def success_callback(self) -> None:
        return None

    @property
    def failure_callback(self) -> None:
        return None

    @property
    def stopped_callback(self) -> None:
        return None


def is_task(name: str) -> bool:
    """Whether this is the full name of a public function written in `portal.jobs.tasks`."""
    place, _, function = name.rpartition(".")
    found = vars(tasks).get(function)
    return (
        place == tasks.__name__
        and not function.startswith("_")
        and function != tasks.install.__name__
        and callable(found)
        and getattr(found, "__module__", None) == tasks.__name__
    )
