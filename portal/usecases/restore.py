"""After a database was put back from a backup: charging is held until the gateway's books were compared from then on.

Called by the command line, before the other programs start again. What is due stays due; searching goes on, sending
does not. The hold is lifted when a comparison from an hour before the backup leaves nothing for a person to see.
"""

from datetime import datetime, timedelta

from portal.domain.refusal import Refused
from portal.storage import Session, hold, organisation
from portal.storage.hold import ChargingHold
from portal.storage.reconcile import ReconcileResult
from portal.usecases.alarm import raise_alarm
from portal.usecases.organisation import record
from portal.usecases.ports import Ports
from portal.usecases.reconcile import reconcile_window

BEFORE_BACKUP = timedelta(hours=1)  # a copy takes a while, and clocks differ
REASON = "restored"


def hold_charging(ports: Ports, backup_taken_at: datetime, by: str) -> list[str]:
    """Holds charging for every organisation; their ids. Refused `backup_in_future`. An older hold stands, from the
    earlier of both backups.
    """
    if backup_taken_at > ports.clock.now():
        raise Refused("backup_in_future")
    with ports.database.across() as session:
        everybody = [row.id for row in organisation.everybody(session)]
    for organisation_id in everybody:
        ports.database.run(organisation_id, lambda session: _hold(session, backup_taken_at, by, ports.clock.now()))
    return everybody


def _hold(session: Session, backup_taken_at: datetime, by: str, now: datetime) -> None:
    organisation_id = session.info["organisation_id"]
    standing = hold.standing(session)
    if standing is None:
        standing = ChargingHold(
            organisation_id=organisation_id, reason=REASON, backup_taken_at=backup_taken_at, held_at=now, held_by=by
        )
        session.add(standing)
    elif standing.backup_taken_at is None or backup_taken_at < standing.backup_taken_at:
        standing.backup_taken_at = backup_taken_at
    record(session, by, "charging_held", organisation_id, now, reason=REASON)
    raise_alarm(session, "charging_held", organisation_id, now, reason=REASON)


def reconcile_and_lift(ports: Ports, organisation_id: str, by: str) -> tuple[ReconcileResult, bool]:
    """Compares since an hour before the backup; (what was found, whether charging goes on).

    Refused `not_held`, `gateway_silent`. With something left for a person the hold stands: look, then `lift`.
    """
    with ports.database.read(organisation_id) as session:
        standing = hold.standing(session)
    if standing is None:
        raise Refused("not_held")
    since = (standing.backup_taken_at or standing.held_at) - BEFORE_BACKUP
    result = reconcile_window(ports, organisation_id, since, ports.clock.now(), by)
    if result.is_clean:
        lift(ports, organisation_id, by)
    return result, result.is_clean


def lift(ports: Ports, organisation_id: str, by: str) -> None:
    """Charging goes on. Refused `not_held`."""

    def work(session: Session) -> None:
        standing = hold.standing(session)
        if standing is None:
            raise Refused("not_held")
        now = ports.clock.now()
        standing.lifted_at, standing.lifted_by = now, by
        record(session, by, "charging_goes_on", organisation_id, now, reason=standing.reason)

    ports.database.run(organisation_id, work)
