"""What must hold of money at every commit (M1-M3, M5, M7, N1, N3), looked at again and again in production.

Called by the janitor on each sweep, some accounts at a time, round and round. Raises alarms; repairs nothing.
"""

from dataclasses import dataclass
from itertools import groupby

import structlog

from portal.storage import Session, account, invariant
from portal.storage.invariant import Broken
from portal.usecases.alarm import raise_alarm
from portal.usecases.ports import Ports

log = structlog.get_logger()

ACCOUNTS_PER_SWEEP = 200
START = ("", "")


@dataclass
class Walk:
    """How far one janitor has come on its way round all accounts."""

    after: tuple[str, str] = START


def check_some(ports: Ports, walk: Walk) -> int:
    """Looks at the next accounts and returns how many things do not agree; an alarm is raised for each."""
    with ports.database.across() as session:
        batch = invariant.next_accounts(session, walk.after, ACCOUNTS_PER_SWEEP)
    walk.after = batch[-1] if len(batch) == ACCOUNTS_PER_SWEEP else START
    alarms = 0
    for organisation_id, keys in groupby(batch, key=lambda key: key[0]):
        account_ids = [account_id for _, account_id in keys]
        with ports.database.read(organisation_id) as session:
            suspects = {found.account_id for found in invariant.broken(session, account_ids)}
        for account_id in sorted(suspects):
            alarms += len(check_account(ports, organisation_id, account_id))
    return alarms


def check_account(ports: Ports, organisation_id: str, account_id: str) -> list[Broken]:
    """What does not agree on one account while nobody else may change it, with an alarm for each."""

    def work(session: Session) -> list[Broken]:
        account.lock(session, account_id)  # a payment in the middle of being written is no contradiction
        found = invariant.broken(session, [account_id])
        for each in found:
            raise_alarm(session, each.kind, each.subject_id, ports.clock.now(), account_id=account_id)
        return found

    found = ports.database.run(organisation_id, work)
    for each in found:
        log.error("invariant_broken", kind=each.kind, organisation_id=organisation_id, subject_id=each.subject_id)
    return found
