"""The append-only truth: one JSON line for everything that happened, replayed when the simulator starts again.

Rooms append records and read them back; nothing is ever edited. Card numbers and security codes never come here:
callers pass last four, bin and a keyed hash instead. Without a folder nothing outlives the process, so nothing is kept.
"""

import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import IO, Any

FILE_NAME = "truth.jsonl"


def _plain(value: object) -> object:
    """What json cannot write by itself: times as ISO text, sets as lists, records as their fields."""
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, (set, frozenset)):
        return sorted(value)
    return vars(value)


class Journal:
    """`append` writes one line and hands it to the operating system; `read` gives back what was written."""

    def __init__(self, folder: Path | None = None) -> None:
        self.path = folder / FILE_NAME if folder else None
        self._file: IO[str] | None = None
        self._encoder = json.JSONEncoder(default=_plain, separators=(",", ":"))
        if self.path:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._mend_tail()
            self._file = self.path.open("a", encoding="utf-8")

    def append(self, event: str, record: object) -> None:
        """Add one line; `record` may be a mapping or any object with plain attributes."""
        if self._file:
            self._file.write(self._encoder.encode({"event": event, "record": record}) + "\n")
            self._file.flush()

    def read(self, *events: str) -> Iterator[tuple[str, dict[str, Any]]]:
        """Every (event, record) so far, oldest first; only the named events when some are named."""
        if not self.path:
            return
        with self.path.open(encoding="utf-8") as lines:
            for line in lines:
                entry = json.loads(line)
                if not events or entry["event"] in events:
                    yield entry["event"], entry["record"]

    def clear(self) -> None:
        """Forget everything; only `POST /simulator/reset` does this."""
        if self._file and self.path:
            self._file.close()
            self._file = self.path.open("w", encoding="utf-8")

    def close(self) -> None:
        """Let go of the file."""
        if self._file:
            self._file.close()
            self._file = None

    def _mend_tail(self) -> None:
        """Drop a last line that a killed process left half written."""
        if not self.path or not self.path.exists():
            return
        content = self.path.read_bytes()
        if content and not content.endswith(b"\n"):
            self.path.write_bytes(content[: content.rfind(b"\n") + 1])
