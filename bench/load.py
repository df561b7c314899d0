"""The load: a process of its own that asks one server or two over plain sockets, and tells what it saw as JSON.

Called by the other files here as `python -m bench.load`, with a plan on standard input. Knows nothing of pages.
Written by hand, because a general HTTP client would use as much of two cores as the server it measures.
"""

import asyncio
import json
import math
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
ADDRESS = "198.18.000.000"  # what a request's text holds where a payer's own address belongs; RFC 2544, nobody's
ANSWER_SECONDS_MAX = 60.0
TICKS = 100  # of /proc/<pid>/stat, a second


@dataclass(frozen=True)
class Group:
    """Some clients that do the same: `loop` asks over and over, `once` each request one time, `slow` sends for ever."""

    name: str
    port: int
    clients: int
    requests: Sequence[str]
    kind: str = "loop"
    pause_seconds: float = 0.0  # of each client after an answer
    server_pid: int = 0  # whose processor time is counted; 0 for nobody's


@dataclass(frozen=True)
class Phase:
    """What happens at the same time, for so long."""

    name: str
    seconds: float
    groups: Sequence[Group]


@dataclass
class Seen:
    """What a group saw, over all rounds of its phase."""

    answers: int = 0
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    times_ms: list[float] = field(default_factory=list)
    statuses: dict[str, int] = field(default_factory=dict)

    @property
    def per_second(self) -> float:
        return self.answers / self.seconds if self.seconds else 0.0

    @property
    def cpu_ms(self) -> float:
        """Processor time of the server, for one answer."""
        return 1000 * self.cpu_seconds / self.answers if self.answers else math.nan

    def percentile(self, part: float) -> float:
        ordered = sorted(self.times_ms)
        return ordered[min(len(ordered) - 1, int(len(ordered) * part))] if ordered else math.nan

    def only(self, *statuses: int) -> None:
        """RuntimeError when an answer had another status: then something else was measured than was meant."""
        strange = {status: count for status, count in self.statuses.items() if int(status) not in statuses}
        if strange:
            raise RuntimeError(f"answers nobody wanted: {strange}")


def drive(phases: Sequence[Phase], rounds: int) -> dict[tuple[str, str], Seen]:
    """Runs the phases in turn, `rounds` times over, so that what disturbs this machine disturbs them all alike."""
    plan = {"rounds": rounds, "phases": [asdict(phase) for phase in phases]}
    done = subprocess.run(
        [sys.executable, "-m", "bench.load"],
        cwd=ROOT,
        input=json.dumps(plan),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"the load driver failed:\n{done.stderr[-3000:]}")
    return {(each["phase"], each["group"]): Seen(**each["seen"]) for each in json.loads(done.stdout)}


class _Client(asyncio.Protocol):
    """One connection, one request at a time."""

    def __init__(self) -> None:
        self._buffer = b""
        self._answer: asyncio.Future[int] | None = None
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def connection_lost(self, _problem: Exception | None) -> None:
        self.transport = None
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(0)

    def ask(self, request: bytes) -> "asyncio.Future[int]":
        assert self.transport is not None
        self._buffer = b""
        self._answer = asyncio.get_running_loop().create_future()
        self.transport.write(request)
        return self._answer

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, found, body = self._buffer.partition(b"\r\n\r\n")
        if not found or self._answer is None or self._answer.done():
            return
        lowered = head.lower()
        at = lowered.find(b"content-length:")
        length = int(lowered[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
        if b"transfer-encoding: chunked" in lowered:
            if body.endswith(b"0\r\n\r\n"):
                self._answer.set_result(int(head[9:12]))
        elif len(body) >= length:
            self._answer.set_result(int(head[9:12]))


class _Addresses:
    """Another payer's address for each request, as a proxy would tell: limits by address stay on and out of the way."""

    def __init__(self) -> None:
        self._number = 0

    def put_in(self, request: bytes) -> bytes:
        self._number = (self._number + 1) % 65_536
        return request.replace(ADDRESS.encode(), f"198.18.{self._number >> 8}.{self._number & 255}".encode())


async def _connected(port: int) -> _Client:
    _transport, client = await asyncio.get_running_loop().create_connection(_Client, "127.0.0.1", port)
    return client


async def _ask(group: Group, queue: list[bytes], until: float, seen: Seen, addresses: _Addresses, turn: int) -> None:
    client = await _connected(group.port)
    while time.perf_counter() < until and queue:
        if group.kind == "once":
            request = queue.pop(0)
        else:
            request, turn = queue[turn % len(queue)], turn + 1
        if client.transport is None:
            client = await _connected(group.port)
        began = time.perf_counter()
        try:
            status = await asyncio.wait_for(client.ask(addresses.put_in(request)), ANSWER_SECONDS_MAX)
        except TimeoutError:
            status = 0
            client = await _connected(group.port)
        ended = time.perf_counter()
        if group.kind == "once" or ended <= until:
            seen.answers += 1
            seen.times_ms.append(1000 * (ended - began))
        if group.pause_seconds:
            await asyncio.sleep(group.pause_seconds)
        key = str(status)
        seen.statuses[key] = seen.statuses.get(key, 0) + 1
    if client.transport is not None:
        client.transport.close()


async def _dawdle(group: Group, request: bytes, until: float, addresses: _Addresses) -> None:
    """A phone on a slow line: the head, then a byte of the body every tenth of a second, never all of it."""
    _reader, writer = await asyncio.open_connection("127.0.0.1", group.port)
    writer.write(addresses.put_in(request))
    while time.perf_counter() < until:
        await asyncio.sleep(0.1)
        try:
            writer.write(b"a")
            await writer.drain()
        except ConnectionError:
            return
    writer.close()


async def _run(phase: Phase, queues: dict[tuple[str, str], list[bytes]], seen: dict[tuple[str, str], Seen]) -> None:
    addresses = _Addresses()
    began = time.perf_counter()
    until = began + phase.seconds
    before = {group.name: _cpu_seconds(group.server_pid) for group in phase.groups}
    tasks = []
    for group in phase.groups:
        key = (phase.name, group.name)
        queue = queues[key]
        if group.kind == "slow":
            tasks += [_dawdle(group, queue[0], until, addresses) for _ in range(group.clients)]
        else:
            tasks += [_ask(group, queue, until, seen[key], addresses, number) for number in range(group.clients)]
    await asyncio.gather(*tasks)
    ended = time.perf_counter()
    for group in phase.groups:
        its = seen[(phase.name, group.name)]
        its.seconds += ended - began if group.kind == "once" else phase.seconds
        its.cpu_seconds += _cpu_seconds(group.server_pid) - before[group.name]


def _cpu_seconds(leader_pid: int) -> float:
    """Processor time of a process group so far, where /proc tells."""
    total = 0
    for stat in Path("/proc").glob("[0-9]*/stat") if leader_pid else ():
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[2]) == leader_pid:
            total += int(fields[11]) + int(fields[12])
    return total / TICKS


async def _main(plan: dict[str, Any]) -> list[dict[str, Any]]:
    phases = [
        Phase(each["name"], each["seconds"], [Group(**group) for group in each["groups"]]) for each in plan["phases"]
    ]
    seen = {(phase.name, group.name): Seen() for phase in phases for group in phase.groups}
    queues = {
        (phase.name, group.name): [request.encode() for request in group.requests]
        for phase in phases
        for group in phase.groups
    }
    for _ in range(plan["rounds"]):
        for phase in phases:
            await _run(phase, queues, seen)
    return [{"phase": phase, "group": group, "seen": asdict(its)} for (phase, group), its in seen.items()]


if __name__ == "__main__":
    json.dump(asyncio.run(_main(json.load(sys.stdin))), sys.stdout)
