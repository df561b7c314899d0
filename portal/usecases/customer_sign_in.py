"""Customers sign in: with a username, an account number or an SSN, and always with a PIN or a code as well.

Called by the customers' door. Whoever is not found is answered like whoever is, after the same work.
"""

import hmac
import json
import secrets
from dataclasses import dataclass
from datetime import datetime

from portal.domain.payment_link import digest, new_token
from portal.domain.pin import WRONG_IN_ALL_MAX, digits_of
from portal.domain.refusal import Refused
from portal.domain.sign_in import (
    ASKING_LIMITS,
    CODE_DIGITS,
    CODE_LASTS,
    CODE_LIMITS,
    CODE_TRIES,
    CUSTOMER_LIMITS,
    DAY,
    DEVICE_LIMITS,
    SECRET_LENGTH_MAX,
    Way,
    Who,
    canonical,
    ends_at,
    ssn_digits,
)
from portal.storage import Session, customer
from portal.storage import limit as counters
from portal.storage import login as logins
from portal.storage import sign_in as sign_ins
from portal.storage.customer import Customer
from portal.storage.login import Login, LoginCode
from portal.storage.rows import new_id
from portal.storage.sign_in import SignIn
from portal.usecases import sign_in
from portal.usecases.login import PIN, SSN, Asked, device_of, find, kept_of, name_of
from portal.usecases.payment_link import way_to
from portal.usecases.ports import DirectoryUnreachable, Ports
from portal.usecases.promise import promise
from portal.usecases.sign_in import Browser

CODE = "code"
SIGN_IN = "sign_in"


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A sign-in that stands, and whose it is."""

    row: SignIn
    login: Login
    customer: Customer

    @property
    def is_limited(self) -> bool:
        """Opened with an SSN: the balance in part and paying, nothing else (attack 20)."""
        return self.row.way == Way.ssn

    @property
    def ends_at(self) -> datetime:
        """When it ends by itself if nothing more is done."""
        return ends_at(Who.customer, self.row.opened_at, self.row.seen_at)


def sign_in_customer(
    ports: Ports, organisation_id: str, asked: Asked, typed_pin: str, browser: Browser, device: str
) -> str:
    """The secret of a new sign-in. Refused `sign_in_wrong` whatever was wrong, also after too many tries;
    `sign_in_busy`, `directory_silent`. `device` is what the cookie of a remembered device holds.
    """
    now = ports.clock.now()
    pin = digits_of(typed_pin) if len(typed_pin) <= SECRET_LENGTH_MAX else ""
    with ports.database.transaction(organisation_id) as session:
        row = find(ports, session, asked)
        known = device_of(session, device, row.id if row is not None else "", now)
        keys = sign_in.keys_of(session, name_of(ports, session, asked, row), browser)
        keys |= {"device": known.id if known is not None else ""}
        limits = CUSTOMER_LIMITS if known is None else DEVICE_LIMITS
        allowed = sign_in.may_try(session, Who.customer, limits, keys, now)
    if not (allowed and pin):
        raise Refused("sign_in_wrong")
    elsewhere = _of_directory(ports, organisation_id, asked, pin)
    kept = kept_of(row)
    owner_id = row.id if row is not None else ""
    fits = ports.secrets.fits(kept, PIN, organisation_id, owner_id, pin)
    renewed = None
    if fits and kept is not None and ports.secrets.is_stale(kept):
        renewed = ports.secrets.keep(PIN, organisation_id, owner_id, pin)
    has_directory = ports.directories.of(organisation_id) is not None and asked.way is Way.username

    def work(session: Session) -> str | None:
        login = logins.lock(session, owner_id)
        about = customer.by_id(session, login.customer_id if login is not None else "")
        if has_directory:
            right = about is not None and elsewhere is not None and about.reference == elsewhere
        else:
            right = login is not None and fits and kept_of(login) == kept and login.wrong_pins < WRONG_IN_ALL_MAX
        if login is None or about is None or not (right and login.is_active and about.is_active):
            # a row is written also for who is not there, so that the disk is waited for alike (attack 1)
            counters.count_up(session, "customer_wrong_pin", keys["name"], DAY, now)
            logins.count_wrong(session, owner_id)
            return None
        if renewed is not None:
            login.pin_hash, login.pepper_version = renewed.hash, renewed.pepper_version
        if asked.way is Way.ssn:
            login.ssn_digest = ports.secrets.digest(SSN, organisation_id, ssn_digits(asked.typed))
        if known is not None:
            seen = logins.device_by_secret(session, digest(device))
            if seen is not None:
                seen.seen_at = now
        sign_in.forgive(session, Who.customer, limits, keys, now)
        return sign_in.begin(session, about, login.epoch, asked.way, browser, now)

    secret = ports.database.run(organisation_id, work)
    if secret is None:
        raise Refused("sign_in_wrong")
    return secret


def send_code(ports: Ports, organisation_id: str, asked: Asked, browser: Browser) -> str:
    """Sends a code to the address on file, if there is somebody and an address; returns what the asking browser keeps,
    without which the code opens nothing. Says nothing of what it did (C49).
    """
    now = ports.clock.now()
    secret, code, code_id = new_token(), _new_code(), new_id()
    with ports.database.transaction(organisation_id) as session:
        found = find(ports, session, asked)
        keys = sign_in.keys_of(session, name_of(ports, session, asked, found), browser)
        allowed = sign_in.may_try(session, Who.customer, ASKING_LIMITS, keys, now)
        about = customer.by_id(session, found.customer_id if found is not None else "")
        # asked for before all are out or after, never meanwhile
        logins.lock(session, found.id if found is not None else "")
        stands = found is not None and about is not None and allowed and found.is_active and about.is_active
        row = LoginCode(
            id=code_id,
            login_id=found.id if found is not None and stands else None,
            purpose=SIGN_IN,
            way=asked.way.value,
            secret_sha256=digest(secret),
            code_digest=ports.secrets.digest(CODE, organisation_id, f"{code_id}:{code}"),
            made_at=now,
            expires_at=now + CODE_LASTS,
        )
        session.add(row)
        session.flush()
        message_id = new_id()
        channel, recipient = way_to(session, about) if about is not None else ("email", None)
        if stands and about is not None and recipient is not None:
            message_id = promise(
                session, "sign_in_code", channel, about, recipient, row.id, f"sign_in_code:{row.id}", now,
                sealed_facts=ports.seal.seal(json.dumps({"code": code, "expires_at": row.expires_at.isoformat()})),
                is_answer=True,
            )  # fmt: skip
    ports.doorbell.ring_message(organisation_id, message_id)
    return secret


def enter_code(ports: Ports, organisation_id: str, secret: str, typed: str, browser: Browser) -> str:
    """The secret of a new sign-in by a code, once, in the browser that asked for it. Refused `code_wrong`."""
    now = ports.clock.now()
    code = digits_of(typed[:40])

    def work(session: Session) -> str | None:
        keys = sign_in.keys_of(session, "", browser)
        if not sign_in.may_try(session, Who.customer, CODE_LIMITS, keys, now):
            return None
        login = logins.lock(session, logins.owner_of_code(session, digest(secret), SIGN_IN))
        row = logins.code_by_secret(session, digest(secret), SIGN_IN)
        told = ports.secrets.digest(CODE, organisation_id, f"{row.id if row is not None else ''}:{code}")
        if row is None or row.used_at is not None or row.expires_at <= now or row.tries >= CODE_TRIES:
            return None
        row.tries += 1
        about = customer.by_id(session, login.customer_id if login is not None else "")
        is_it = hmac.compare_digest(row.code_digest or "", told)
        if login is None or about is None or not (is_it and login.is_active and about.is_active):
            return None
        row.used_at = now
        sign_in.forgive(session, Who.customer, CODE_LIMITS, keys, now)
        return sign_in.begin(session, about, login.epoch, Way(row.way), browser, now)

    opened = ports.database.run(organisation_id, work)
    if opened is None:
        raise Refused("code_wrong")
    return opened


def who_is(ports: Ports, organisation_id: str, secret: str) -> SignedIn | None:
    """Whose sign-in this secret opens, or None: unknown, ended, over and another organisation's are the same."""
    now = ports.clock.now()
    with ports.database.read(organisation_id) as session:
        found = sign_ins.of_customer(session, digest(secret))
    if found is None:
        return None
    row, login, about = found
    if not sign_in.stands(Who.customer, row, login.epoch, login.is_active and about.is_active, now):
        return None
    if sign_in.is_due_to_be_seen(row, now):
        ports.database.run(organisation_id, lambda session: sign_in.see(session, row.id, now))
    return SignedIn(row, login, about)


def still_stands(session: Session, sign_in_id: str, now: datetime) -> bool:
    """Whether a visit that was opened by this sign-in may go on."""
    row = sign_ins.by_id(session, sign_in_id)
    if row is None or row.customer_id is None:
        return False
    login = logins.by_customer(session, row.customer_id)
    return login is not None and sign_in.stands(Who.customer, row, login.epoch, login.is_active, now)


def opened_fully(session: Session, sign_in_id: str) -> bool:
    """Whether it was opened with more than an SSN (attack 20)."""
    row = sign_ins.by_id(session, sign_in_id)
    return row is not None and row.way != Way.ssn


def _of_directory(ports: Ports, organisation_id: str, asked: Asked, pin: str) -> str | None:
    """The customer's number by the organisation's own directory, outside any transaction."""
    directory = ports.directories.of(organisation_id) if asked.way is Way.username else None
    if directory is None:
        return None
    ports.database.require_no_transaction()
    try:
        return directory.customer_of(canonical(asked.typed), pin)
    except DirectoryUnreachable as error:
        raise Refused("directory_silent") from error


def _new_code() -> str:
    return f"{secrets.randbelow(10**CODE_DIGITS):0{CODE_DIGITS}d}"
