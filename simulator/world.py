"""Everything the simulated world remembers, in one object that each room is handed.

`server.build` and every room's `routes(world)` receive it; it knows no HTTP.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from simulator.clock import Clock
from simulator.journal import Journal


@dataclass(frozen=True)
class Settings:
    """How the process was started; ports of 0 mean "any free one"."""

    host: str = "127.0.0.1"
    port: int = 8099
    smtp_port: int = 8025
    data: Path | None = None
    seed: int = 0
    latency_ms: int = 0
    port_file: Path | None = None


@dataclass
class World:
    """State of the world. `ports` holds the real ports once they are open ("http", "smtp")."""

    settings: Settings = field(default_factory=Settings)
    ports: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.clock = Clock()
        self.journal = Journal(self.settings.data)
        self.on_reset: list[Callable[[], None]] = []

    @property
    def url(self) -> str:
        """Where browsers and SDKs reach this simulator."""
        return f"http://{self.settings.host}:{self.ports.get('http', self.settings.port)}"

    def reset(self) -> None:
        """Forget everything, in memory and in the journal; rooms add what they hold to `on_reset`."""
        self.journal.clear()
        self.clock.offset_seconds = 0.0
        for forget in self.on_reset:
            forget()
