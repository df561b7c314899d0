"""The page watch's own loop in the clock process: once a day for each organisation, beside sweeps and the run.

Started by `worker.py clock`. Slow networks hold up nothing else.
"""

import threading

import structlog

from portal.usecases.page_watch import Pages, watch_due
from portal.usecases.ports import Ports

log = structlog.get_logger()

BETWEEN_SECONDS = 900.0


def run(ports: Ports, pages: Pages, stop: threading.Event) -> None:
    """Looks whose day it is until told to stop. The first look waits a while: the portal may just be starting."""
    while not stop.wait(BETWEEN_SECONDS):
        try:
            watch_due(ports, pages)
        except Exception as error:
            log.error("page_watch_failed", exc_info=error)
