"""Signing in and staying signed in: what staff and customers share. Tries are counted, sign-ins opened, seen and ended.

Called by the use cases of staff and of customers, and by the doors for every page behind a sign-in. Knows no secret but
the cookie's, and that only by its digest.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from portal.domain.payment_link import digest, new_token
from portal.domain.sign_in import SEEN_EVERY, Limit, Way, Who, is_over, network_of
from portal.storage import Session
from portal.storage import limit as limits
from portal.storage import sign_in as sign_ins
from portal.storage.customer import Customer
from portal.storage.sign_in import SignIn
from portal.storage.staff import Staff
from portal.usecases.alarm import raise_alarm
from portal.usecases.organisation import record

USER_AGENT_LENGTH_MAX = 300


@dataclass(frozen=True, slots=True)
class Browser:
    """From where somebody comes."""

    ip: str
    user_agent: str


def keys_of(session: Session, name: str, browser: Browser) -> dict[str, str]:
    """The parts that keys of limits are made of."""
    return {
        "name": name,
        "network": network_of(browser.ip),
        "organisation": str(session.info["organisation_id"]),
        "deployment": "",
        # what is counted apart from signing in itself
        "asking": "asking",
        "code": "code",
    }


def may_try(session: Session, who: Who, rows: Iterable[Limit], keys: Mapping[str, str], now: datetime) -> bool:
    """Counts one try against the limits in their order and says whether it is within all of them.

    Counted before anything is compared and in a transaction of its own, so that fifty at once are fifty (attack 7).
    A try that one limit stops is not counted against the wider ones: trying on during a pause makes no longer one.
    """
    for limit in rows:
        count = _count(session, who, limit, keys, now, 1)
        if count > limit.most:
            if limit.is_flood:
                raise_alarm(session, "sign_in_flood", keys["organisation"], now, who=who.value, tries=count)
            return False
    return True


def forgive(session: Session, who: Who, rows: Iterable[Limit], keys: Mapping[str, str], now: datetime) -> None:
    """Takes back the try that turned out right: only wrong ones count."""
    for limit in rows:
        _count(session, who, limit, keys, now, -1)


def begin(session: Session, person: Staff | Customer, epoch: int, way: Way, browser: Browser, now: datetime) -> str:
    """Opens a sign-in and returns the secret its cookie holds, the only time it is known."""
    secret = new_token()
    is_staff = isinstance(person, Staff)
    row = SignIn(
        staff_id=person.id if is_staff else None,
        customer_id=None if is_staff else person.id,
        secret_sha256=digest(secret),
        way=way.value,
        epoch=epoch,
        opened_at=now,
        seen_at=now,
        proved_at=now,
        ip=browser.ip,
        user_agent=browser.user_agent[:USER_AGENT_LENGTH_MAX],
    )
    session.add(row)
    session.flush()
    record(session, f"{'staff' if is_staff else 'customer'}:{person.id}", "signed_in", row.id, now, way=way.value)
    return secret


def stands(who: Who, row: SignIn, epoch: int, is_active: bool, now: datetime) -> bool:
    """Whether a sign-in still counts: not ended, not over, its person active and of the same epoch (attack 14)."""
    return (
        row.ended_at is None and is_active and row.epoch == epoch and not is_over(who, row.opened_at, row.seen_at, now)
    )


def is_due_to_be_seen(row: SignIn, now: datetime) -> bool:
    """Whether the last sign of life is old enough to be written anew."""
    return now - row.seen_at >= SEEN_EVERY


def to_be_seen(session: Session, sign_in_id: str | None, now: datetime) -> str | None:
    """The id again, when a sign of life of it is to be written."""
    row = sign_ins.by_id(session, sign_in_id) if sign_in_id is not None else None
    return row.id if row is not None and is_due_to_be_seen(row, now) else None


def see(session: Session, sign_in_id: str, now: datetime) -> None:
    """A sign of life."""
    row = sign_ins.lock(session, sign_in_id)
    if row is not None and row.ended_at is None and row.seen_at < now:
        row.seen_at = now


def end(session: Session, sign_in_id: str, now: datetime) -> None:
    """Signing out: from now on its cookie opens nothing."""
    row = sign_ins.lock(session, sign_in_id)
    if row is not None and row.ended_at is None:
        row.ended_at = now
        actor = f"staff:{row.staff_id}" if row.staff_id else f"customer:{row.customer_id}"
        record(session, actor, "signed_out", row.id, now)


def _count(session: Session, who: Who, limit: Limit, keys: Mapping[str, str], now: datetime, by: int) -> int:
    count = limits.count_up_everywhere if limit.is_everywhere else limits.count_up
    return count(session, f"{who}_{limit.bucket}", _key(limit, keys), limit.window, now, by)


def _key(limit: Limit, keys: Mapping[str, str]) -> str:
    return "\n".join(keys[part] for part in limit.of)
