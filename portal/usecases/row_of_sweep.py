"""One row of a sweep of the clock: done in a transaction of its own, and where it fails, no other row waits for it.

Called by the sweeps that remind, end and warn. A row that failed is named in the log and comes with the next sweep.
"""

from collections.abc import Callable

import structlog

from portal.storage import Session
from portal.usecases.ports import Ports

log = structlog.get_logger()


def try_row(ports: Ports, organisation_id: str, row_id: str, work: Callable[[Session], list[str]]) -> int:
    """Runs the work on a row and rings for the messages it promised; how many, none where it failed."""
    try:
        promised = ports.database.run(organisation_id, work)
    except Exception as error:
        log.error("row_failed", organisation_id=organisation_id, row_id=row_id, exc_info=error)
        return 0
    for message_id in promised:
        ports.doorbell.ring_message(organisation_id, message_id)
    return len(promised)
