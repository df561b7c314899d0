"""A measurement that is told to stop ends what it started: servers, workers, simulator, database.

Called first of all by `python -m bench`. What nobody is left to stop is ended by the kernel (`dies_with_us`).
"""

import signal
import sys
from types import FrameType

TOLD = (signal.SIGINT, signal.SIGTERM)


def end_in_order() -> None:
    """The first signal leaves every block in order; another one does not disturb that."""
    for number in TOLD:
        signal.signal(number, _leave)


def _leave(number: int, _frame: FrameType | None) -> None:
    for each in TOLD:
        signal.signal(each, signal.SIG_IGN)
    sys.exit(128 + number)
