"""Holds what a batch has read ahead to what the database says at the moment it is asked for.

Used by tests of the run: within it each look-up that may be read ahead is made twice, once as it comes and once with
nothing read ahead, and both must agree.
"""

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

import pytest

from portal.storage import (
    account,
    agreement,
    charge,
    customer,
    hold,
    message,
    obligation,
    organisation,
    payment_method,
    plan,
    schedule,
    service,
    share,
)

ROOMS = (
    account, agreement, charge, customer, hold, message, obligation, organisation, payment_method, plan, schedule,
    service, share,
)  # fmt: skip
PLACE = "read_ahead"


@contextmanager
def asked_twice() -> Iterator[list[str]]:
    """Gives the names of look-ups that were answered from what was read ahead."""
    with pytest.MonkeyPatch.context() as patch:
        heard: list[str] = []
        for room in ROOMS:
            for name, look_up in _look_ups(room):
                patch.setattr(room, name, _twice(look_up, heard))
        yield heard


def _look_ups(room: ModuleType) -> list[tuple[str, Callable[..., Any]]]:
    return [
        (name, function)
        for name, function in inspect.getmembers(room, inspect.isfunction)
        if function.__module__ == room.__name__ and "recalled(" in inspect.getsource(function)
    ]


def _twice(look_up: Callable[..., Any], heard: list[str]) -> Callable[..., Any]:
    def asked(session: Any, *arguments: Any) -> Any:
        answer = look_up(session, *arguments)
        known = session.info.pop(PLACE, None)
        if known is None:
            return answer
        heard.append(f"{look_up.__module__.rpartition('.')[2]}.{look_up.__name__}")
        session.flush()  # reading a row afresh would undo what is not written yet
        try:
            again = look_up(session, *arguments)
        finally:
            session.info[PLACE] = known
        assert answer == again, f"{heard[-1]}{arguments}: read ahead {answer!r}, now {again!r}"
        return answer

    return asked
