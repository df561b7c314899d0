"""Notices: taken in at the door (checked, stored once, rung for), handled later by a job or the clock.

A notice is a hint. What it is about is fetched from the gateway and only that is believed, so a notice that comes
twice, late, in the wrong order or never changes nothing about how the books end.
"""

import hashlib
from datetime import datetime, timedelta

import structlog

from portal.domain.card import GatewayRecord, GatewayRefused, GatewayUnreachable
from portal.domain.charge import OPEN_STATES
from portal.domain.notice import TOO_OLD, Notice, Subject
from portal.domain.reconcile import Difference
from portal.storage import Session, charge, limit, notice, organisation, refund
from portal.storage.notice import Notice as NoticeRow
from portal.usecases.alarm import clear_alarm_of, raise_alarm
from portal.usecases.dispute import look_at_dispute
from portal.usecases.failpoint import failpoint
from portal.usecases.gateway_retry import ADOPTED, take_in_retry
from portal.usecases.organisation import settings
from portal.usecases.ports import Ports
from portal.usecases.reconcile import take_in

log = structlog.get_logger()

LATER = "waiting"  # a word for "not yet": the notice stays and is looked at again
BACKOFF = timedelta(seconds=15)
BACKOFF_MAX = timedelta(hours=6)
TRIES_MAX = 14  # about two days
UNFINISHED = "unfinished"  # taken up, and nothing came of it: we failed, or the process died
UNFINISHED_ALARM = 5  # after so many tries, some minutes, a person is told
UNFINISHED_MAX = 120  # about a month at the long pace: a version of ours that was mended would have handled it by then
FAILS_ALARM = "notice_fails"


def receive(ports: Ports, organisation_id: str, signature: str, payload: str) -> bool:
    """Takes a notice in; False when it is not signed with this organisation's own keys. Fetches nothing."""
    try:
        heard = ports.gateways.of(organisation_id).read_notice(signature, payload)
    except GatewayRefused:
        return False  # no account: nobody has anything to tell
    if heard is None:
        return False
    # the signature also fits the same text with another line end: that is no other notice
    digest = hashlib.sha256(payload.strip("\n").encode("ascii")).hexdigest()
    with ports.database.read(organisation_id) as session:
        if notice.is_here(session, digest):
            return True

    def work(session: Session) -> str | None:
        return _keep(ports, session, heard, signature, payload, digest)

    stored = ports.database.run(organisation_id, work)
    failpoint("notice.after_store")
    if stored is not None:
        ports.doorbell.ring_notice(organisation_id, stored)
    return True


def _keep(ports: Ports, session: Session, heard: Notice, signature: str, payload: str, digest: str) -> str | None:
    """The id of a notice that has to be handled; one too old is kept and left to reconcile."""
    now = ports.clock.now()
    is_old = heard.sent_at is not None and now - heard.sent_at > TOO_OLD
    kept = notice.keep_once(
        session,
        payload_sha256=digest,
        signature=signature,
        payload=payload,
        kind=heard.kind,
        gateway_id=heard.gateway_id,
        sent_at=heard.sent_at,
        received_at=now,
        state="handled" if is_old else "waiting",
        result="too_old" if is_old else None,
        next_try_at=now,
        handled_at=now if is_old else None,
    )
    if is_old:
        log.warning("notice_too_old", organisation_id=session.info["organisation_id"], kind=heard.kind)
        return None
    return kept


def forget_old(ports: Ports) -> int:
    """Once a day for each organisation: takes the raw text out of notices older than it keeps them; how many.

    The digest, the kind and what came of it stay: the same notice played back is still known, and does nothing.
    """
    with ports.database.across() as session:
        organisations = [row.id for row in organisation.everybody(session)]
    now = ports.clock.now()
    return sum(ports.database.run(each, lambda session: _forgotten(session, now)) for each in organisations)


def _forgotten(session: Session, now: datetime) -> int:
    """In one transaction with the count that says it was done today."""
    if limit.count_up(session, "notices_forgotten", str(session.info["organisation_id"]), timedelta(days=1), now) > 1:
        return 0
    return notice.wipe_until(session, now - timedelta(days=settings(session).number("notice_days")))


def answer_challenge(ports: Ports, organisation_id: str, challenge: str) -> str | None:
    """What the gateway wants to hear when it checks our address; None for anything else."""
    try:
        return ports.gateways.of(organisation_id).answer_challenge(challenge)
    except GatewayRefused:
        return None


def handle(ports: Ports, organisation_id: str, notice_id: str) -> None:
    """Handles a notice if it is waiting and nobody else is at it. Safe to call 0, 1 or 100 times.

    Where we fail at it a person is told after some tries, and it is tried on: what fails is mended by our next version.
    """
    row = ports.database.run(organisation_id, lambda session: _claim(ports, session, notice_id))
    if row is None:
        return
    try:
        result = _look(ports, organisation_id, row)
    except (GatewayUnreachable, GatewayRefused) as error:
        result = LATER
        log.warning("notice_waits", organisation_id=organisation_id, notice_id=notice_id, reason=error.reason)
    ports.database.run(organisation_id, lambda session: _done(ports, session, notice_id, result))


def _claim(ports: Ports, session: Session, notice_id: str) -> NoticeRow | None:
    row = notice.lock(session, notice_id)
    now = ports.clock.now()
    if row is None or row.state != "waiting" or row.next_try_at > now:
        return None
    if row.result == UNFINISHED and row.tries >= UNFINISHED_ALARM:
        facts = {"notice": row.kind, "gateway_id": row.gateway_id, "tries": row.tries}
        raise_alarm(session, FAILS_ALARM, row.id, now, **facts)
        if row.tries >= UNFINISHED_MAX:
            row.state, row.handled_at = "set_aside", now
            return None
    row.tries += 1
    row.next_try_at = now + _wait(row.tries)
    row.result = UNFINISHED  # until it is done: whoever dies at it leaves this behind
    return row


def _wait(tries: int) -> timedelta:
    return BACKOFF_MAX if tries > TRIES_MAX else min(BACKOFF * 2 ** (tries - 1), BACKOFF_MAX)


def _done(ports: Ports, session: Session, notice_id: str, result: str) -> None:
    row = notice.lock(session, notice_id)
    if row is None or row.state != "waiting":
        return
    row.result = result
    clear_alarm_of(session, FAILS_ALARM, row.id, ports.clock.now())
    if result != LATER:
        row.state, row.handled_at = "handled", ports.clock.now()
    elif row.tries >= TRIES_MAX:
        row.state, row.handled_at = "set_aside", ports.clock.now()
        raise_alarm(session, "notice_set_aside", row.id, ports.clock.now(), notice=row.kind, gateway_id=row.gateway_id)


def _look(ports: Ports, organisation_id: str, row: NoticeRow) -> str:
    subject = Notice(row.kind, row.sent_at, row.gateway_id).subject
    if subject is Subject.person:
        return ports.database.run(organisation_id, lambda session: _tell(ports, session, row, "notice_for_a_person"))
    if subject is Subject.nothing or row.gateway_id is None:
        return "nothing_to_do"
    if subject is Subject.dispute:
        said = look_at_dispute(ports, organisation_id, row.gateway_id)
        if said == "unknown_dispute":
            ports.database.run(organisation_id, lambda session: _tell(ports, session, row, "notice_of_unknown_dispute"))
        return said
    ports.database.require_no_transaction()
    found = ports.gateways.of(organisation_id).find(row.gateway_id)
    failpoint("notice.after_fetch")
    if found is None:
        return ports.database.run(organisation_id, lambda session: _tell(ports, session, row, "notice_of_unknown_sale"))
    return _take_in_sale(ports, organisation_id, found, row.kind)


def _tell(ports: Ports, session: Session, row: NoticeRow, alarm: str) -> str:
    raise_alarm(session, alarm, row.gateway_id or row.id, ports.clock.now(), notice=row.kind, gateway_id=row.gateway_id)
    return alarm


def _take_in_sale(ports: Ports, organisation_id: str, found: GatewayRecord, kind: str) -> str:
    """What the gateway's books say of one sale or refund, judged and mended as in a nightly comparison."""
    if found.retried_gateway_id is not None:
        said = take_in_retry(ports, organisation_id, found)
        return ",".join(take_in(ports, organisation_id, found)) or said if said == ADOPTED else said
    differences = take_in(ports, organisation_id, found)
    if Difference.foreign in differences:
        return ports.database.run(organisation_id, lambda session: _unknown(ports, session, found))
    with ports.database.read(organisation_id) as session:
        row = charge.by_order_id(session, found.order_id)
        given = refund.by_gateway_id(session, found.gateway_id)
    if row is not None and row.state in OPEN_STATES:
        return LATER  # its sender or the janitor ends it
    if kind == "refund_failed" and given is not None and given.failed_at is None:
        return LATER  # the gateway's books do not say so yet
    return ",".join(differences) or "agrees"


def _unknown(ports: Ports, session: Session, found: GatewayRecord) -> str:
    raise_alarm(
        session, "notice_of_unknown_sale", found.gateway_id, ports.clock.now(),
        status=found.status, amount_cents=found.amount_cents,
    )  # fmt: skip
    return "unknown_sale"
