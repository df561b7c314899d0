"""Erasing a customer: personal data goes, the books stay under a pseudonym (attack 114).

Called by the console, the command line and the janitor. All of it is one commit; the gateway is asked to forget their
cards after that, and again an hour later, so that nothing which was under way at that moment stays behind. What the law
has us keep goes when its time is over. Charges nothing and tells nobody.
"""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from portal.domain.card import GatewayRefused, GatewayUnreachable
from portal.domain.check_code import ALPHABET
from portal.domain.plan import OPEN as PLANS_OPEN
from portal.domain.refusal import Refused
from portal.domain.schedule import ENDED
from portal.storage import (
    Session,
    account,
    autopay,
    erasure,
    erasure_wipe,
    objection,
    obligation,
    paper_copy,
    plan,
    schedule,
    subscription,
)
from portal.storage import customer as customers
from portal.storage.account import Account
from portal.storage.customer import Customer
from portal.storage.erasure import Erasure
from portal.storage.erasure_wipe import Gone
from portal.storage.rows import new_id
from portal.usecases.alarm import clear_alarm_of, raise_alarm
from portal.usecases.failpoint import failpoint
from portal.usecases.organisation import record, settings
from portal.usecases.plan_life import words_of_staff
from portal.usecases.ports import Ports

AGAIN_AFTER = timedelta(hours=1)  # longer than any request that was under way
TRY_AGAIN_AFTER = timedelta(minutes=5)
TRY_AGAIN_AT_MOST = timedelta(hours=6)
TRIES_UNTIL_ALARM = 5
ALARM = "customer_still_kept"
WAITING_SUBSCRIPTIONS = frozenset({"assigned", "active", "paused"})
NO_ACCOUNT = "no_gateway_account"  # an organisation that never had one has nothing kept there
YEAR = timedelta(days=366)


@dataclass(frozen=True, slots=True)
class Hindrance:
    """One thing that must come to its end first. `kind` says what it is, `name` by what people find it."""

    kind: str
    name: str
    cents: int = 0


def hindrances(session: Session, person: Customer) -> list[Hindrance]:
    """Everything of theirs that is still owed or under way."""
    accounts = account.of_customer(session, person.id)
    found = [Hindrance("owed", each.reference, each.balance_cents) for each in accounts if each.balance_cents]
    for each in accounts:
        live = obligation.live_of_account(session, each.id)
        found += [Hindrance("payment", each.reference) for one in live if one.kind == "checkout"]
        if objection.standing_of(session, each.id) is not None:
            found.append(Hindrance("objection", each.reference))
        found += [Hindrance("plan", one.reference) for one in plan.of_account(session, each.id)
                  if one.state in PLANS_OPEN]  # fmt: skip
    numbers = {each.id: each.reference for each in accounts}
    found += [Hindrance("schedule", numbers[each.account_id]) for each in schedule.of_customer(session, person.id)
              if each.status not in ENDED]  # fmt: skip
    found += [Hindrance("subscription", each.reference) for each in subscription.of_customer(session, person.id)
              if each.state in WAITING_SUBSCRIPTIONS]  # fmt: skip
    found += [Hindrance("charge", each) for each in erasure.charges_open(session, person.id)]
    found += [Hindrance("refund", each) for each in erasure.refunds_open(session, person.id)]
    found += [Hindrance("dispute", each) for each in erasure.disputes_open(session, person.id)]
    papers = paper_copy.count_waiting(session, person.id)
    if papers:
        found.append(Hindrance("paper", str(papers)))
    waiting = erasure.notices_waiting(session, erasure.gateway_ids_of(session, person.id))
    if waiting:
        found.append(Hindrance("notice", str(waiting)))
    return found


@dataclass(frozen=True, slots=True)
class Outlook:
    """What an erasure would meet now, and until when what was signed would be kept."""

    hindrances: tuple[Hindrance, ...]
    keep_until: datetime
    done: Erasure | None


def outlook(session: Session, person: Customer, now: datetime) -> Outlook:
    """For whoever is about to press the button."""
    done = erasure.of_customer(session, person.id)
    if done is not None:
        return Outlook((), done.keep_until, done)
    accounts = account.of_customer(session, person.id)
    return Outlook(tuple(hindrances(session, person)), _keep_until(session, person, accounts, now), None)


def erase(
    ports: Ports, organisation_id: str, customer_id: str, why: str, by: str, pseudonym: str | None = None
) -> Erasure:
    """Erases a customer; one that was erased is given back as it was. `pseudonym`: the one they had before a restore.

    Refused `customer_unknown`, `words_missing`, `why_...`, `why_names_customer`, and `erasure_hindered` with
    `hindrances`, a tuple of everything that stands in the way.
    """

    def work(session: Session) -> Erasure:
        now = ports.clock.now()
        accounts = _held(session, customer_id)
        person = customers.lock(session, customer_id)
        if person is None:
            raise Refused("customer_unknown")
        done = erasure.of_customer(session, customer_id)
        if done is not None:
            return done
        said = _said(why, person, accounts)
        standing = hindrances(session, person)
        if standing:
            raise Refused("erasure_hindered", hindrances=tuple(standing))
        row = Erasure(
            id=new_id(), customer_id=customer_id, pseudonym=pseudonym or _pseudonym(), why=said, asked_by=by,
            erased_at=now, keep_until=_keep_until(session, person, accounts, now), next_try_at=now,
        )  # fmt: skip
        session.add(row)
        record(session, by, "customer_erased", customer_id, now, pseudonym=row.pseudonym)
        _wipe(session, row, now)
        failpoint("erase.before_commit")
        return row

    row = ports.database.run(organisation_id, work)
    failpoint("erase.after_commit")
    go_on(ports, organisation_id, row.id)
    return row


def go_on(ports: Ports, organisation_id: str, erasure_id: str) -> None:
    """Does what is left of an erasure and whose time has come; safe to repeat, and by any number at once."""
    with ports.database.read(organisation_id) as session:
        row = session.get(Erasure, (organisation_id, erasure_id))
    if row is None or row.finished_at is not None:
        return
    is_forgotten = row.forgotten_at is not None or _forget(ports, organisation_id, row.customer_id)
    failpoint("erase.after_forget")
    ports.database.run(organisation_id, lambda session: _gone_on(session, erasure_id, is_forgotten, ports.clock.now()))


def _forget(ports: Ports, organisation_id: str, customer_id: str) -> bool:
    """Asks the gateway to delete what it keeps for them; whether it has."""
    ports.database.require_no_transaction()
    try:
        ports.gateways.of(organisation_id).forget_customer(customer_id)
    except GatewayUnreachable:
        return False
    except GatewayRefused as refused:
        return refused.reason == NO_ACCOUNT
    return True


def _gone_on(session: Session, erasure_id: str, is_forgotten: bool, now: datetime) -> None:
    row = erasure.lock(session, erasure_id)
    if row is None or row.finished_at is not None:
        return
    _held(session, row.customer_id)
    if row.forgotten_at is None:
        if not is_forgotten:
            row.tries += 1
            row.next_try_at = now + min(TRY_AGAIN_AFTER * row.tries, TRY_AGAIN_AT_MOST)
            if row.tries >= TRIES_UNTIL_ALARM:
                raise_alarm(session, ALARM, row.customer_id, now, pseudonym=row.pseudonym)
            return
        row.tries = 0
        clear_alarm_of(session, ALARM, row.customer_id, now)
        if now < row.erased_at + AGAIN_AFTER:
            row.next_try_at = row.erased_at + AGAIN_AFTER
            return
        row.forgotten_at = now
        _wipe(session, row, now)  # what was typed while it was erased
    person = customers.by_id(session, row.customer_id)
    if row.papers_wiped_at is None and person is not None:
        row.keep_until = max(row.keep_until, _keep_until(session, person, _in_order(session, person.id), now))
        _wipe(session, row, now)
    row.next_try_at = row.keep_until
    if row.papers_wiped_at is not None:
        row.finished_at = now
        record(session, "janitor", "customer_erasure_finished", row.customer_id, now, pseudonym=row.pseudonym)


def _wipe(session: Session, row: Erasure, now: datetime) -> None:
    """Empties what is theirs, what is kept for the law only when its time is over; twice is once."""
    gone = Gone(row.pseudonym, now)
    row.is_wiping = True
    session.flush()
    erasure_wipe.wipe(session, row.customer_id, gone, erasure.gateway_ids_of(session, row.customer_id))
    if row.keep_until <= now:
        erasure_wipe.wipe_kept(session, row.customer_id, gone)
        row.papers_wiped_at = row.papers_wiped_at or now
    row.is_wiping = False
    session.flush()
    session.expire_all()  # what was read before is not so any more
    session.refresh(row)


def _in_order(session: Session, customer_id: str) -> list[Account]:
    return sorted(account.of_customer(session, customer_id), key=lambda each: each.id)


def _held(session: Session, customer_id: str) -> list[Account]:
    """Their accounts, locked after what is walked through: whoever pays, signs in or is charged meanwhile waits."""
    erasure.hold(session, customer_id)
    return [account.lock(session, each.id) for each in _in_order(session, customer_id)]


def _keep_until(session: Session, person: Customer, accounts: list[Account], now: datetime) -> datetime:
    """Counted from the last thing that happened, which may be years ago; then nothing is kept (C9, C26). What still
    stands is revoked by the erasure itself.
    """
    last_at = erasure.last_act_at(session, person.id, [each.id for each in accounts])
    if autopay.on_of_customer(session, person.id):
        last_at = now
    return (last_at or person.created_at) + YEAR * settings(session).number("record_years")


def _said(why: str, person: Customer, accounts: list[Account]) -> str:
    said = words_of_staff(why)
    if said is None:
        raise Refused("words_missing")
    names = [person.given_name, person.family_name, person.email, person.phone, person.reference]
    names += [each.reference for each in accounts]
    if any(name and _names(said, name) for name in names):
        raise Refused("why_names_customer")
    return said


def _names(said: str, name: str) -> bool:
    """Whether a name stands in it, as a word where words have gaps between them: "Canada" names no Ada."""
    before, after = (r"(?<![^\W_])", r"(?![^\W_])") if name.isascii() else ("", "")
    return re.search(before + re.escape(name.casefold()) + after, said.casefold()) is not None


def _pseudonym() -> str:
    """Random, so nobody gets from it to a person, and short enough to be read out."""
    digits = int(new_id(), 16)
    return "X-" + "".join(ALPHABET[(digits >> shift) & 31] for shift in range(0, 40, 5))
