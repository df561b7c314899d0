"""What time it is in the simulated world: the real UTC time plus an offset that tests may shift.

Every room of the simulator asks here; nothing else calls `datetime.now`.
"""

from datetime import UTC, datetime, timedelta


class Clock:
    """Real time moved by `offset_seconds`; both directions are allowed."""

    def __init__(self) -> None:
        self.offset_seconds = 0.0

    def now(self) -> datetime:
        """The aware UTC time of the simulated world, with microseconds."""
        return datetime.now(UTC) + timedelta(seconds=self.offset_seconds)

    def shift(self, seconds: float) -> None:
        """Move the world by so many seconds; adds to earlier shifts."""
        self.offset_seconds += seconds
