"""Every night: the last days of each organisation compared with the gateway's books, and what did not settle asked for.

Called by the clock, again and again: each organisation's night is done once, by whoever claims it first. What a
comparison is, is in `portal.usecases.reconcile`.
"""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import structlog

from portal.domain.card import GatewayRefused, GatewayUnreachable
from portal.domain.charge import ChargeState
from portal.domain.refusal import Refused
from portal.storage import Session, account, charge, organisation, reconcile
from portal.storage.charge import Charge
from portal.usecases.alarm import raise_alarm
from portal.usecases.dispute import catch_up
from portal.usecases.ports import Ports
from portal.usecases.reconcile import NOT_SETTLED, name_missing, reconcile_window, take_in

log = structlog.get_logger()

NIGHT_HOUR = 3  # local time of the organisation: settlement batches are closed by then
NIGHT_DAYS = 3
BY_NIGHT = "clock"
LEASE = timedelta(hours=1)
TRIES_BEFORE_ALARM = 3
UNSETTLED_MAX = 300  # asked for in one night, one question each: a minute or so of a night's hour
UNSETTLED_AGAIN = timedelta(hours=20)  # every night, also where one begins earlier than the one before
UNSETTLED_ALARM = timedelta(days=7)  # a card settles within days: by then a person should ask why


def reconcile_nights(ports: Ports) -> int:
    """Compares the last days of every organisation whose night it is and whom nobody has compared today; how many."""
    now = ports.clock.now()
    with ports.database.across() as session:
        everybody = [(row.id, row.timezone) for row in organisation.all_active(session)]
    done = 0
    for organisation_id, timezone in everybody:
        local = now.astimezone(ZoneInfo(timezone))
        if local.hour >= NIGHT_HOUR and _reconcile_night(ports, organisation_id, local.date().isoformat(), now):
            done += 1
    return done


def _reconcile_night(ports: Ports, organisation_id: str, day: str, now: datetime) -> bool:
    with ports.database.read(organisation_id) as session:
        known = reconcile.day_of(session, day)
        has_gateway = organisation.gateway_account(session) is not None
        last_at = reconcile.last_until(session, BY_NIGHT)
    if not has_gateway or (known is not None and (known.finished_at is not None or known.lease_until > now)):
        return False
    claimed = ports.database.run(organisation_id, lambda session: reconcile.claim_day(session, day, now, now + LEASE))
    if claimed is None:
        return False
    try:
        since = now - timedelta(days=NIGHT_DAYS)
        if last_at is not None:  # nights that were missed are made up for
            since = min(since, last_at - timedelta(days=NIGHT_DAYS - 1))
        reconcile_window(ports, organisation_id, since, now, BY_NIGHT)
        catch_up(ports, organisation_id, (since - timedelta(days=1)).date())  # disputes of sales older than that
        look_at_unsettled(ports, organisation_id, since)
    except Exception as error:  # also what nobody thought of: one organisation's night makes no other's wait
        is_silent = isinstance(error, GatewayUnreachable | GatewayRefused)
        code = error.code if isinstance(error, Refused) else "gateway_silent" if is_silent else "failed"
        log.warning(
            "reconcile_refused", organisation_id=organisation_id, day=day, code=code,
            exc_info=error if code == "failed" else None,
        )  # fmt: skip
        if claimed.tries >= TRIES_BEFORE_ALARM:
            ports.database.run(
                organisation_id,
                lambda session: raise_alarm(session, "reconcile_refused", day, now, code=code),
            )
        return False
    ports.database.run(organisation_id, lambda session: _finish_day(session, day, ports.clock.now()))
    return True


def _finish_day(session: Session, day: str, now: datetime) -> None:
    row = reconcile.lock_day(session, day)
    if row is not None:
        row.finished_at = now


# --- what was taken before those days and has not settled --------------------------------------------------------


def look_at_unsettled(ports: Ports, organisation_id: str, claimed_before: datetime) -> None:
    """Asks for each payment that was taken before the days just compared and has not settled, some of them a night.

    GatewayUnreachable, GatewayRefused.
    """
    now = ports.clock.now()
    with ports.database.read(organisation_id) as session:
        waiting = charge.unsettled(session, claimed_before, now, UNSETTLED_MAX)
    for charge_id in waiting:
        _ask_for(ports, organisation_id, charge_id, now)


def _ask_for(ports: Ports, organisation_id: str, charge_id: str, now: datetime) -> None:
    row = ports.database.run(organisation_id, lambda session: _put_off(session, charge_id, now))
    if row is None or row.gateway_id is None:
        return
    ports.database.require_no_transaction()
    record = ports.gateways.of(organisation_id).find(row.gateway_id)
    if record is None:
        name_missing(ports, organisation_id, row)
        return
    take_in(ports, organisation_id, record)
    ports.database.run(organisation_id, lambda session: _call_if_late(session, charge_id, now))


def _put_off(session: Session, charge_id: str, now: datetime) -> Charge | None:
    """The payment to ask for, put off first: one the gateway says nothing of keeps none behind it waiting."""
    found = charge.by_id(session, charge_id)
    if found is None:
        return None
    account.lock(session, found.account_id)
    row = charge.lock(session, charge_id)
    if row.state != ChargeState.succeeded or row.settled_at is not None or row.next_try_at > now:
        return None
    row.next_try_at = now + UNSETTLED_AGAIN
    return row


def _call_if_late(session: Session, charge_id: str, now: datetime) -> None:
    row = charge.by_id(session, charge_id)
    if row is None or not charge.may_settle(row) or now - row.claimed_at < UNSETTLED_ALARM:
        return
    facts = {"gateway_id": row.gateway_id, "status": row.gateway_status, "amount_cents": row.amount_cents}
    raise_alarm(session, NOT_SETTLED, row.id, now, **facts)
