"""Counts of limits whose windows are long over are thrown away, once a day for each organisation.

Called by the clock process. A count is looked at in its own window only, and the longest is a day.
"""

from datetime import datetime, timedelta

from portal.storage import Session, limit, organisation
from portal.usecases.ports import Ports

DAY = timedelta(days=1)
KEPT = timedelta(days=3)  # longer than any window, and long enough to look at what happened


def forget_counts(ports: Ports) -> int:
    """How many were thrown away."""
    with ports.database.across() as session:
        organisations = [row.id for row in organisation.everybody(session)]
    now = ports.clock.now()
    return sum(ports.database.run(each, lambda session: _forgotten(session, now)) for each in organisations)


def _forgotten(session: Session, now: datetime) -> int:
    """In one transaction with the count that says it was done today."""
    if limit.count_up(session, "counts_forgotten", "", DAY, now) > 1:
        return 0
    return limit.forget(session, now - KEPT)
