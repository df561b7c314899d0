"""Logins of customers: made for them, their PIN set, changed and reset, their devices remembered and forgotten.

Called by the customers' door and by the command line. Hashing happens between transactions, never inside one; a token
or code is known once, to whom it is sent.
"""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta

from portal.domain.payment_link import digest, new_token
from portal.domain.pin import WRONG_IN_ALL_MAX, digits_of, require_pin
from portal.domain.refusal import Refused
from portal.domain.sign_in import ASKING_LIMITS, CHANGING_LIMITS, PIN_TOKEN_LASTS, Way, Who, canonical, ssn_digits
from portal.storage import Session, account, customer
from portal.storage import login as logins
from portal.storage import organisation as organisations
from portal.storage.customer import Customer
from portal.storage.login import Device, Login, LoginCode
from portal.storage.rows import new_id
from portal.usecases import sign_in
from portal.usecases.organisation import record, settings
from portal.usecases.payment_link import home
from portal.usecases.ports import Ports
from portal.usecases.promise import promise
from portal.usecases.secret import Kept
from portal.usecases.sign_in import Browser

PIN = "pin"
SSN = "ssn"
PIN_TOKEN = "pin"  # noqa: S105 - a purpose, not a secret
LABEL_LENGTH_MAX = 80


@dataclass(frozen=True, slots=True)
class Asked:
    """Who somebody says they are: in which way, and what they typed."""

    way: Way
    typed: str


def let_in(
    ports: Ports,
    organisation_id: str,
    customer_id: str,
    *,
    by: str,
    username: str | None = None,
    pin: str | None = None,
    ssn: str | None = None,
) -> str:
    """Makes or completes the login of a customer; returns its id. Without a PIN they set one by email.

    Another PIN, username or SSN than they had ends every sign-in and forgets every device (attack 14). Refused
    `customer_unknown` (erased ones too), `username_unfit`, `username_taken`, `ssn_unreadable` and as `require_pin`.
    """
    spelt = canonical(username) if username is not None else None
    if spelt == "":
        raise Refused("username_unfit")
    digits = ssn_digits(ssn) if ssn is not None else None
    if digits == "":
        raise Refused("ssn_unreadable")
    now = ports.clock.now()
    with ports.database.read(organisation_id) as session:
        known = logins.by_customer(session, customer_id)
        about = _known_of(ports, session, customer_id, known) + ((digits, digits[-4:]) if digits else ())
        length = settings(session).number("pin_length")
    login_id = known.id if known is not None else new_id()
    kept = None
    if pin is not None:
        kept = ports.secrets.keep(PIN, organisation_id, login_id, require_pin(pin, length, *about))
    with ports.database.transaction(organisation_id) as session:
        if spelt is not None:
            other = logins.by_username(session, spelt)
            if other is not None and other.id != login_id:
                raise Refused("username_taken")
        row = logins.lock(session, login_id)
        person = customer.by_id(session, customer_id)
        if person is None or not person.is_active:  # who was erased gets no name again
            raise Refused("customer_unknown")
        if row is None:
            row = Login(id=login_id, customer_id=customer_id, created_at=now, made_by=by)
            session.add(row)
            session.flush()
        of_ssn = ports.secrets.digests(SSN, organisation_id, digits) if digits else ()
        if (
            (kept is not None and row.pin_hash is not None)
            or (spelt is not None and row.username not in (None, spelt))
            or (digits and row.ssn_digest is not None and row.ssn_digest not in of_ssn)
        ):
            _out_everywhere(session, row, by, now)
        row.username = spelt if spelt is not None else row.username
        if kept is not None:
            _spend_codes(session, row, now)
            _put(row, kept, now)
        if digits:
            row.ssn_digest = ports.secrets.digest(SSN, organisation_id, digits)
            row.ssn_last4_sealed = ports.seal.seal(digits[-4:])
        session.flush()
        record(session, by, "login_set", login_id, now, pin=kept is not None, ssn=digits is not None)
    return login_id


def find(ports: Ports, session: Session, asked: Asked) -> Login | None:
    """The login somebody says is theirs. One statement whatever was typed."""
    organisation_id = session.info["organisation_id"]
    if asked.way is Way.ssn:
        return logins.by_ssn(session, ports.secrets.digests(SSN, organisation_id, ssn_digits(asked.typed)))
    if asked.way is Way.account:
        plain = asked.typed.strip()[:120]
        return logins.by_account(session, (plain, plain.upper()))
    return logins.by_username(session, canonical(asked.typed) or "\n")


def name_of(ports: Ports, session: Session, asked: Asked, found: Login | None) -> str:
    """What tries are counted by: the login, else what was typed; an SSN never goes into a key as it is."""
    if found is not None:
        return found.id
    if asked.way is Way.ssn:
        return ports.secrets.digest(SSN, session.info["organisation_id"], asked.typed[:40])
    return f"{asked.way}:{canonical(asked.typed)}"


def change_pin(ports: Ports, organisation_id: str, login: Login, old: str, new: str) -> None:
    """A new PIN for who knows the old one; everybody signed in as them is out and no device is remembered any more.

    Refused `pin_wrong`, also after too many tries, and as `require_pin`.
    """
    keys, now = {"name": login.id, "changing": "changing"}, ports.clock.now()
    with ports.database.transaction(organisation_id) as session:
        row = _locked(session, login.id)
        allowed = sign_in.may_try(session, Who.customer, CHANGING_LIMITS, keys, now)
        kept = kept_of(row) if allowed and row.wrong_pins < WRONG_IN_ALL_MAX else None
    if kept is None:
        raise Refused("pin_wrong")
    fits = ports.secrets.fits(kept, PIN, organisation_id, login.id, digits_of(old))
    with ports.database.transaction(organisation_id) as session:
        if fits:
            sign_in.forgive(session, Who.customer, CHANGING_LIMITS, keys, now)
        else:
            logins.count_wrong(session, login.id)
    if not fits:
        raise Refused("pin_wrong")
    _set_pin(ports, organisation_id, login.id, new, f"customer:{login.customer_id}", old=kept)


def ask_for_pin(ports: Ports, organisation_id: str, asked: Asked, browser: Browser) -> None:
    """Sends a link that sets a PIN to the address on file, if there is both. Says nothing of what it did."""
    now = ports.clock.now()
    token = new_token()
    with ports.database.transaction(organisation_id) as session:
        found = find(ports, session, asked)
        keys = sign_in.keys_of(session, name_of(ports, session, asked, found), browser)
        allowed = sign_in.may_try(session, Who.customer, ASKING_LIMITS, keys, now)
        # asked for before all are out or after, never meanwhile
        logins.lock(session, found.id if found is not None else "")
        row = LoginCode(
            login_id=found.id if found is not None and allowed else None,
            purpose=PIN_TOKEN,
            way=asked.way.value,
            secret_sha256=digest(token),
            made_at=now,
            expires_at=now + PIN_TOKEN_LASTS,
        )
        session.add(row)
        session.flush()
        message_id = new_id()
        about = customer.by_id(session, found.customer_id if found is not None else "")
        if row.login_id and about is not None and about.email and about.is_active:
            owner = organisations.by_id(session, organisation_id)
            link_url = f"{home(ports.portal_url, owner)}/pin/{token}"
            facts = {"link_url": link_url, "expires_at": row.expires_at.isoformat()}
            message_id = promise(
                session, "pin_reset", "email", about, about.email, row.id, f"pin_reset:{row.id}", now,
                sealed_facts=ports.seal.seal(json.dumps(facts)), is_answer=True,
            )  # fmt: skip
    ports.doorbell.ring_message(organisation_id, message_id)


def login_of_token(session: Session, token: str, now: datetime) -> Login | None:
    """Whose PIN this token sets; None when it was used, is over, or never was."""
    row = logins.code_by_secret(session, digest(token), PIN_TOKEN)
    if row is None or row.login_id is None or row.used_at is not None or row.expires_at <= now:
        return None
    return logins.by_id(session, row.login_id)


def set_pin_by_token(ports: Ports, organisation_id: str, token: str, pin: str) -> None:
    """Sets a PIN by a link, once: of two at the same time one wins (attack 21). Refused `pin_link_over`, and as
    `require_pin`.
    """
    with ports.database.transaction(organisation_id) as session:
        login = login_of_token(session, token, ports.clock.now())
    if login is None:
        raise Refused("pin_link_over")
    _set_pin(ports, organisation_id, login.id, pin, f"customer:{login.customer_id}", token=token)


def sign_out_everywhere(session: Session, login_id: str, now: datetime) -> None:
    """Ends every sign-in of this customer, and forgets their devices."""
    row = _locked(session, login_id)
    _out_everywhere(session, row, f"customer:{row.customer_id}", now)


def remember(session: Session, login_id: str, label: str, days: int, now: datetime) -> str:
    """Remembers a device; returns the secret its cookie holds."""
    secret = new_token()
    session.add(
        Device(
            login_id=login_id,
            secret_sha256=digest(secret),
            label=label[:LABEL_LENGTH_MAX],
            added_at=now,
            seen_at=now,
            expires_at=now + timedelta(days=days),
        )
    )
    session.flush()
    return secret


def device_of(session: Session, secret: str, login_id: str, now: datetime) -> Device | None:
    """The remembered device of a cookie, if it is this login's."""
    row = logins.device_by_secret(session, digest(secret))
    if row is None or row.login_id != login_id or row.ended_at is not None or row.expires_at <= now:
        return None
    return row


def forget(session: Session, login_id: str, device_id: str, now: datetime) -> None:
    """Forgets one device of theirs; another's is not found."""
    for device in logins.devices_of(session, login_id, now):
        if device.id == device_id:
            device.ended_at = now
            return
    raise Refused("device_unknown")


def kept_of(login: Login | None) -> Kept | None:
    """What is stored of a PIN, if there is one."""
    if login is None or login.pin_hash is None or login.pepper_version is None:
        return None
    return Kept(login.pin_hash, login.pepper_version)


def _set_pin(
    ports: Ports, organisation_id: str, login_id: str, pin: str, by: str, *, token: str | None = None,
    old: Kept | None = None,
) -> None:  # fmt: skip
    """By a link's `token`, or over the `old` one that was typed, if that is still the PIN."""
    with ports.database.read(organisation_id) as session:
        row = logins.by_id(session, login_id)
        if row is None:
            raise Refused("login_unknown")
        about = _known_of(ports, session, row.customer_id, row)
        length = settings(session).number("pin_length")
    kept = ports.secrets.keep(PIN, organisation_id, login_id, require_pin(pin, length, *about))
    now = ports.clock.now()

    def work(session: Session) -> str | None:
        locked = _locked(session, login_id)
        if old is not None and kept_of(locked) != old:
            raise Refused("pin_wrong")
        if token is not None:
            code = logins.code_by_secret(session, digest(token), PIN_TOKEN)
            if code is None or code.used_at is not None:
                raise Refused("pin_link_over")
        _put(locked, kept, now)
        sign_out_everywhere(session, login_id, now)
        record(session, by, "pin_set", login_id, now)
        return _tell(session, locked, now)

    message_id = ports.database.run(organisation_id, work)
    if message_id is not None:
        ports.doorbell.ring_message(organisation_id, message_id)


def _out_everywhere(session: Session, row: Login, by: str, now: datetime) -> None:
    """Whatever was asked for before, a code or a link, goes too: who had the phone does not come back with it."""
    row.epoch += 1
    _spend_codes(session, row, now)
    for device in logins.devices_of(session, row.id, now):
        device.ended_at = now
    record(session, by, "signed_out_everywhere", row.id, now)


def _spend_codes(session: Session, row: Login, now: datetime) -> None:
    for code in logins.open_codes(session, row.id, now):
        code.used_at = now


def _put(row: Login, kept: Kept, now: datetime) -> None:
    row.pin_hash, row.pepper_version, row.pin_set_at, row.wrong_pins = kept.hash, kept.pepper_version, now, 0


def _tell(session: Session, row: Login, now: datetime) -> str | None:
    """Who did not do it should hear of it."""
    about = customer.by_id(session, row.customer_id)
    if about is None or not about.email:
        return None
    key = f"pin_changed:{row.id}:{row.epoch}"
    return promise(session, "pin_changed", "email", about, about.email, row.id, key, now, is_answer=True)


def _known_of(ports: Ports, session: Session, customer_id: str, row: Login | None) -> tuple[str, ...]:
    """What others may know of a person, which no PIN of theirs may be."""
    about: Customer | None = customer.by_id(session, customer_id)
    if about is None:
        raise Refused("customer_unknown")
    references = [each.reference for each in account.of_customer(session, customer_id)]
    last4 = ports.seal.open(row.ssn_last4_sealed) if row is not None and row.ssn_last4_sealed else ""
    return (about.phone or "", about.postal_code or "", about.reference, last4, *references)


def _locked(session: Session, login_id: str) -> Login:
    row = logins.lock(session, login_id)
    if row is None:
        raise Refused("login_unknown")
    return row
