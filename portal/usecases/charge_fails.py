"""A payment at which we ourselves fail, again and again, before anything is sent: a person is told by its name (M4).

Called by the run and the janitor, who have caught what failed and try it again later. Ends nothing, sends nothing.
"""

from datetime import timedelta

import structlog

from portal.storage import Session, limit, obligation
from portal.usecases.alarm import raise_alarm
from portal.usecases.ports import Ports

log = structlog.get_logger()

FAILS = 10  # of one payment in a day, a minute between two: a lock or a database that was away is over by then
DAY = timedelta(days=1)


def call_if_stuck(ports: Ports, organisation_id: str, obligation_id: str, error: Exception) -> None:
    """Counts, and raises `payment_fails` at the tenth of a day. Never raises itself: it stands in for a failure."""

    def work(session: Session) -> None:
        due, now = obligation.by_id(session, obligation_id), ports.clock.now()
        if due is None or due.status != "due":
            return
        if limit.count_up(session, "charge_fails", due.id, DAY, now) >= FAILS:
            raise_alarm(session, "payment_fails", due.id, now, error=type(error).__name__)

    try:
        ports.database.run(organisation_id, work)
    except Exception as another:
        log.error("not_called", organisation_id=organisation_id, obligation_id=obligation_id, exc_info=another)
