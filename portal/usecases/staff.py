"""Staff: adding and changing them, signing in with password and second factor, proving it again.

Called by the console and by the command line. Hashing happens between transactions, never inside one.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from portal.domain.payment_link import digest
from portal.domain.refusal import Refused
from portal.domain.second_factor import DIGITS, new_secret, step_of
from portal.domain.sign_in import PROOF_TRIES, SECRET_LENGTH_MAX, STAFF_LIMITS, Way, Who, canonical
from portal.domain.staff import Role, require_password, require_username
from portal.storage import Session
from portal.storage import sign_in as sign_ins
from portal.storage import staff as staff_rows
from portal.storage.rows import new_id
from portal.storage.sign_in import SignIn
from portal.storage.staff import Staff
from portal.usecases import sign_in
from portal.usecases.organisation import record
from portal.usecases.ports import Ports
from portal.usecases.secret import Kept
from portal.usecases.sign_in import Browser

PURPOSE = "staff_password"
PROOF_LASTS = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Typed:
    """What the sign-in page posts."""

    username: str
    password: str
    code: str


@dataclass(frozen=True, slots=True)
class Added:
    """A new person of the staff. `totp_secret` is shown once, to be put into their authenticator app."""

    staff_id: str
    totp_secret: str


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A sign-in that stands, and whose it is."""

    row: SignIn
    staff: Staff


def add_staff(
    ports: Ports,
    organisation_id: str,
    *,
    username: str,
    name: str,
    role: Role,
    password: str,
    by: str,
    email: str | None = None,
) -> Added:
    """Adds a person with a password and a new second factor. Refused `username_unfit`, `username_taken`,
    `staff_name_missing`, `password_short`, `password_long`, `password_weak`.
    """
    spelt = require_username(canonical(username))
    if not name.strip():
        raise Refused("staff_name_missing")
    require_password(password, spelt, name, email or "")
    staff_id, secret = new_id(), new_secret()
    kept = ports.secrets.keep(PURPOSE, organisation_id, staff_id, password)
    now = ports.clock.now()
    with ports.database.transaction(organisation_id) as session:
        if staff_rows.by_username(session, spelt) is not None:
            raise Refused("username_taken")
        session.add(
            Staff(
                id=staff_id,
                username=spelt,
                name=name.strip(),
                email=email or None,
                role=role.value,
                password_hash=kept.hash,
                pepper_version=kept.pepper_version,
                totp_sealed=ports.seal.seal(secret),
                created_at=now,
                made_by=by,
            )
        )
        session.flush()
        record(session, by, "staff_added", staff_id, now, role=role.value)
    return Added(staff_id, secret)


def sign_in_staff(ports: Ports, organisation_id: str, typed: Typed, browser: Browser) -> str:
    """The secret of a new sign-in. Refused `sign_in_wrong` whatever was wrong, also when there were too many tries;
    `sign_in_busy`. The same work is done for a name that does not exist.
    """
    now = ports.clock.now()
    name = canonical(typed.username)
    fits_form = bool(name) and len(typed.password) <= SECRET_LENGTH_MAX
    with ports.database.transaction(organisation_id) as session:
        keys = sign_in.keys_of(session, name, browser)
        allowed = sign_in.may_try(session, Who.staff, STAFF_LIMITS, keys, now)
        row = staff_rows.by_username(session, name)
    if not (allowed and fits_form):
        raise Refused("sign_in_wrong")
    kept = Kept(row.password_hash, row.pepper_version) if row is not None else None
    owner_id = row.id if row is not None else ""
    fits = ports.secrets.fits(kept, PURPOSE, organisation_id, owner_id, typed.password)
    renewed = None
    if fits and kept is not None and ports.secrets.is_stale(kept):
        renewed = ports.secrets.keep(PURPOSE, organisation_id, owner_id, typed.password)

    def work(session: Session) -> str | None:
        person = staff_rows.lock(session, owner_id)
        is_same = person is not None and kept is not None and person.password_hash == kept.hash
        if person is None or not (fits and is_same and person.is_active):
            return None
        if not _takes_code(ports, person, typed.code, now):
            return None
        if renewed is not None:
            person.password_hash, person.pepper_version = renewed.hash, renewed.pepper_version
        sign_in.forgive(session, Who.staff, STAFF_LIMITS, keys, now)
        return sign_in.begin(session, person, person.epoch, Way.password, browser, now)

    secret = ports.database.run(organisation_id, work)
    if secret is None:
        raise Refused("sign_in_wrong")
    return secret


def who_is(ports: Ports, organisation_id: str, secret: str) -> SignedIn | None:
    """Whose sign-in this secret opens, or None: unknown, ended, over and another organisation's are the same."""
    now = ports.clock.now()
    with ports.database.read(organisation_id) as session:
        found = sign_ins.of_staff(session, digest(secret))
    if found is None:
        return None
    row, person = found
    if not sign_in.stands(Who.staff, row, person.epoch, person.is_active, now):
        return None
    if sign_in.is_due_to_be_seen(row, now):
        ports.database.run(organisation_id, lambda session: sign_in.see(session, row.id, now))
    return SignedIn(row, person)


def is_proved(signed_in: SignedIn, now: datetime) -> bool:
    """Whether they proved who they are lately enough for a dangerous act (attack 18)."""
    return now < signed_in.row.proved_at + PROOF_LASTS


def prove(ports: Ports, organisation_id: str, signed_in: SignedIn, code: str) -> None:
    """Proves it again with a code of the second factor. Refused `proof_code_wrong`; after five wrong ones the
    sign-in is ended and it is `sign_in_over`.
    """
    now = ports.clock.now()

    def work(session: Session) -> str | None:
        row = sign_ins.lock(session, signed_in.row.id)
        person = staff_rows.lock(session, signed_in.staff.id)
        if row is None or person is None or row.ended_at is not None:
            return "sign_in_over"
        if _takes_code(ports, person, code, now):
            row.proved_at, row.wrong_proofs = now, 0
            return None
        row.wrong_proofs += 1
        if row.wrong_proofs < PROOF_TRIES:
            return "proof_code_wrong"
        sign_in.end(session, row.id, now)
        return "sign_in_over"

    refusal = ports.database.run(organisation_id, work)
    if refusal is not None:
        raise Refused(refusal)


def change_password(ports: Ports, organisation_id: str, signed_in: SignedIn, old: str, new: str) -> None:
    """A new password; everybody signed in as this person is out, this browser too. Refused `password_wrong` and as
    `add_staff`.
    """
    person = signed_in.staff
    kept = Kept(person.password_hash, person.pepper_version)
    if len(old) > SECRET_LENGTH_MAX or not ports.secrets.fits(kept, PURPOSE, organisation_id, person.id, old):
        raise Refused("password_wrong")
    set_password(ports, organisation_id, person.id, new, by=f"staff:{person.id}")


def set_password(ports: Ports, organisation_id: str, staff_id: str, password: str, *, by: str) -> None:
    """Sets a password, theirs or anew for somebody who forgot it. Refused `staff_unknown` and as `add_staff`."""
    with ports.database.read(organisation_id) as session:
        person = staff_rows.by_id(session, staff_id)
    if person is None:
        raise Refused("staff_unknown")
    require_password(password, person.username, person.name, person.email or "")
    kept = ports.secrets.keep(PURPOSE, organisation_id, staff_id, password)
    now = ports.clock.now()
    with ports.database.transaction(organisation_id) as session:
        row = _locked(session, staff_id)
        row.password_hash, row.pepper_version = kept.hash, kept.pepper_version
        row.epoch += 1
        record(session, by, "staff_password_set", staff_id, now)


def set_second_factor(ports: Ports, organisation_id: str, staff_id: str, *, by: str) -> str:
    """A new second factor for somebody who lost theirs; returns its secret, the only time it is known."""
    secret = new_secret()
    now = ports.clock.now()
    with ports.database.transaction(organisation_id) as session:
        row = _locked(session, staff_id)
        row.totp_sealed, row.totp_step = ports.seal.seal(secret), 0
        row.epoch += 1
        record(session, by, "staff_second_factor_set", staff_id, now)
    return secret


def set_role(session: Session, staff_id: str, role: Role, *, by: str, now: datetime) -> None:
    """Another role; they have to sign in anew. Refused `staff_unknown`."""
    row = _locked(session, staff_id)
    if row.role != role.value:
        row.role = role.value
        row.epoch += 1
        record(session, by, "staff_role_set", staff_id, now, role=role.value)


def set_active(session: Session, staff_id: str, is_active: bool, *, by: str, now: datetime) -> None:
    """Lets a person in, or out at once. Refused `staff_unknown`."""
    row = _locked(session, staff_id)
    if row.is_active != is_active:
        row.is_active = is_active
        row.epoch += 1
        record(session, by, "staff_enabled" if is_active else "staff_disabled", staff_id, now)


def _locked(session: Session, staff_id: str) -> Staff:
    row = staff_rows.lock(session, staff_id)
    if row is None:
        raise Refused("staff_unknown")
    return row


def _takes_code(ports: Ports, person: Staff, typed: str, now: datetime) -> bool:
    """Whether this code is good now; it never is again."""
    code = typed.replace(" ", "").replace("-", "")
    if len(code) != DIGITS or not (code.isascii() and code.isdigit()):
        return False
    step = step_of(ports.seal.open(person.totp_sealed), code, now, person.totp_step)
    if step is None:
        return False
    person.totp_step = step
    return True
