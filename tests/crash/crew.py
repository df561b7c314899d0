"""Real processes of one history: forked warm, commanded over a pipe, watched until they end, die or freeze.

Used by tests/crash/stage.py. A child dies with its parent, writes what it did not expect to a log, and never returns
into its parent's code.
"""

import contextlib
import ctypes
import os
import select
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterable
from enum import Enum
from pathlib import Path

RAISED = 77  # a failpoint raised, and the process ended by it
FAILED = 70  # something else was raised: it stands in the log
_POLL_SECONDS = 0.004
_DIES_WITH_PARENT = 1  # PR_SET_PDEATHSIG


class Look(Enum):
    """What a look at a child showed."""

    busy = "busy"
    reported = "reported"
    stopped = "stopped"
    ended = "ended"


class Wire:
    """The child's end: one byte at a time, orders in and reports out."""

    def __init__(self, orders: int, reports: int) -> None:
        self._orders, self._reports = orders, reports

    def order(self) -> bytes:
        return os.read(self._orders, 1)

    def report(self, word: bytes) -> None:
        os.write(self._reports, word)


class Child:
    """One process. `work` gets the wire and gives its exit code."""

    def __init__(self, name: str, work: Callable[[Wire], int], log: Path) -> None:
        self.name = name
        self.is_stopped = False
        self.exit_code: int | None = None
        self.killed_by: int | None = None
        self.was_frozen = False
        order_read, self._orders = os.pipe()
        self._reports, report_write = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            _live(name, work, Wire(order_read, report_write), log)
        os.close(order_read)
        os.close(report_write)

    def tell(self, word: bytes) -> None:
        with contextlib.suppress(BrokenPipeError):
            os.write(self._orders, word)

    def look(self) -> Look:
        """What it is at now; a report waiting is taken."""
        if self.has_ended:
            return Look.ended
        pid, status = os.waitpid(self.pid, os.WNOHANG | os.WUNTRACED)
        if pid:
            if os.WIFSTOPPED(status):
                self.is_stopped = self.was_frozen = True
                return Look.stopped
            self._note_end(status)
            return Look.ended
        if select.select([self._reports], [], [], 0)[0]:
            self.last_report = os.read(self._reports, 1)
            return Look.reported if self.last_report else Look.busy
        return Look.stopped if self.is_stopped else Look.busy

    last_report: bytes = b""

    @property
    def has_ended(self) -> bool:
        return self.exit_code is not None or self.killed_by is not None

    def thaw(self) -> None:
        if self.is_stopped:
            self.is_stopped = False
            os.kill(self.pid, signal.SIGCONT)

    def ask_where(self) -> None:
        """Has it write to the log where each of its threads is (the lane registered the signal)."""
        if not self.has_ended:
            os.kill(self.pid, signal.SIGUSR1)
            time.sleep(0.2)

    def remove(self) -> None:
        """End it for good and give back its pipes."""
        if not self.has_ended:
            os.kill(self.pid, signal.SIGKILL)
            self._note_end(os.waitpid(self.pid, 0)[1])
        for end in (self._orders, self._reports):
            with contextlib.suppress(OSError):
                os.close(end)

    def _note_end(self, status: int) -> None:
        if os.WIFSIGNALED(status):
            self.killed_by = os.WTERMSIG(status)
        else:
            self.exit_code = os.WEXITSTATUS(status)


def die_with_parent() -> None:
    """Whatever ends the parent ends this process too: nothing of a broken-off run is left behind."""
    ctypes.CDLL(None).prctl(_DIES_WITH_PARENT, signal.SIGKILL)


def wait(children: Iterable[Child], until: Callable[[Child, Look], bool], seconds: float) -> list[Child]:
    """Waits until each child has come to what `until` accepts; returns those that did not in time."""
    waiting = list(children)
    end = time.monotonic() + seconds
    while waiting and time.monotonic() < end:
        waiting = [child for child in waiting if not until(child, child.look())]
        if waiting:
            time.sleep(_POLL_SECONDS)
    return waiting


def settled(child: Child, look: Look) -> bool:
    """It ended or it is frozen."""
    return look in (Look.ended, Look.stopped)


def answered(child: Child, look: Look) -> bool:
    """It did what it was told, or cannot any more."""
    return look in (Look.reported, Look.ended, Look.stopped)


def _live(name: str, work: Callable[[Wire], int], wire: Wire, log: Path) -> None:
    code = FAILED
    try:
        die_with_parent()
        with log.open("a") as stream:
            os.dup2(stream.fileno(), 1)
            os.dup2(stream.fileno(), 2)
        code = work(wire)
    except BaseException:
        sys.stderr.write(f"--- {name}\n{traceback.format_exc()}\n")
        sys.stderr.flush()
    finally:
        os._exit(code)
