"""What goes wrong on cue with mail and texts: a queue of faults, each for so many messages, to one recipient or to any.

The mailbox and the phone each keep one; `POST /simulator/mail-faults` and `/simulator/sms-faults` fill them.
"""

import json
from collections.abc import Collection
from dataclasses import asdict, dataclass

from aiohttp import web


@dataclass
class MessageFault:
    """`times` 0 means until the reset; `recipient` empty means anybody; `seconds` is how long a slow one takes."""

    mode: str
    times: int = 1
    seconds: float = 1.0
    recipient: str = ""


class MessageFaults:
    """The faults still to come, oldest first. `modes` are the names that may be asked for."""

    def __init__(self, modes: Collection[str]) -> None:
        self.modes = modes
        self.waiting: list[MessageFault] = []

    def take(self, recipient: str) -> MessageFault | None:
        """The fault that meets a message to this recipient, used up once."""
        for fault in self.waiting:
            if fault.recipient and fault.recipient.casefold() != recipient.casefold():
                continue
            if fault.times:
                fault.times -= 1
                if fault.times == 0:
                    self.waiting.remove(fault)
            return fault
        return None

    def forget(self) -> None:
        """Nothing goes wrong any more."""
        self.waiting.clear()

    async def add(self, request: web.Request) -> web.Response:
        """Answer to the POST: 201 with the queue, 400 with what is wrong."""
        try:
            described = MessageFault(**await request.json())
            described.times, described.seconds = int(described.times), float(described.seconds)
            if described.mode not in self.modes or described.times < 0 or described.seconds < 0:
                raise ValueError(f"mode is one of {', '.join(self.modes)}; times and seconds are not negative")
        except (TypeError, ValueError, json.JSONDecodeError) as problem:
            return web.json_response({"error": str(problem)}, status=400)
        self.waiting.append(described)
        return web.json_response(self.listed(), status=201)

    async def show(self, request: web.Request) -> web.Response:
        """Answer to the GET: the queue."""
        return web.json_response(self.listed())

    async def clear(self, request: web.Request) -> web.Response:
        """Answer to the DELETE."""
        self.forget()
        return web.json_response([])

    def listed(self) -> list[dict[str, object]]:
        """The queue as plain data."""
        return [asdict(fault) for fault in self.waiting]
