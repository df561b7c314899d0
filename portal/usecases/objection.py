"""A customer says that they do not owe a debt: nothing is asked or charged by itself until staff have resolved it.

Called by staff. What it holds is in the rules `debt_disputed` of charges and messages (Reg F 1006.38(d)); a plan that
runs is paused, so its dates move, and none is signed: a signature would own up to what is disputed. What the customer
pays themselves is taken. Sends nothing, moves no money.
"""

from collections.abc import Callable
from enum import StrEnum

from portal.domain.plan import PausedFor, PlanState
from portal.domain.refusal import Refused
from portal.storage import Session, objection
from portal.storage import account as accounts
from portal.storage import plan as plans
from portal.storage.account import Account
from portal.storage.objection import Objection
from portal.usecases.alarm import clear_alarm_of, raise_alarm
from portal.usecases.organisation import record
from portal.usecases.plan_life import pause_signed, resume_paused, words_of_staff
from portal.usecases.ports import Ports

ALARM = "debt_disputed"


class Way(StrEnum):
    """How they said it. Only what comes in writing binds a debt collector; all is held alike."""

    phone = "phone"
    letter = "letter"
    email = "email"
    page = "page"


class Outcome(StrEnum):
    """What became of it: shown to be owed, put right in the books by staff, or taken back."""

    verified = "verified"
    corrected = "corrected"
    withdrawn = "withdrawn"


def object_to(ports: Ports, organisation_id: str, account_id: str, words: str, way: Way, by: str) -> Objection:
    """Writes the objection down, holds the account and calls a person; one that stands already is given back as it is.

    Refused `account_unknown`, `words_missing`, `why_...`.
    """
    said = _said(words)

    def work(session: Session) -> tuple[Objection, list[str]]:
        now = ports.clock.now()
        account = _locked(session, account_id)
        standing = objection.standing_of(session, account.id)
        if standing is not None:
            return standing, []
        account.disputed_at = now
        account.version += 1
        running = next((each for each in plans.of_account(session, account.id) if each.state == PlanState.signed), None)
        promised = pause_signed(session, running, by, now) if running is not None else []
        row = Objection(
            customer_id=account.customer_id, account_id=account.id, plan_id=running.id if running else None,
            words=said, way=way.value, made_at=now, made_by=by,
        )  # fmt: skip
        session.add(row)
        session.flush()
        record(session, by, "debt_disputed", account.id, now, way=way.value)
        raise_alarm(session, ALARM, account.id, now, reference=account.reference)
        return row, promised

    return _rung(ports, organisation_id, work)


def resolve(
    ports: Ports, organisation_id: str, account_id: str, outcome: Outcome, words: str, by: str
) -> Objection:  # fmt: skip
    """Ends the hold: messages leave again, and the plan that was paused for it goes on with its dates put off.

    A balance that was wrong is put right in the books first. Refused `account_unknown`, `objection_unknown`,
    `words_missing`, `why_...`.
    """
    said = _said(words)

    def work(session: Session) -> tuple[Objection, list[str]]:
        now = ports.clock.now()
        account = _locked(session, account_id)
        row = objection.standing_of(session, account.id)
        if row is None:
            raise Refused("objection_unknown")
        account.disputed_at = None
        account.version += 1
        row.outcome, row.resolved_words, row.resolved_at, row.resolved_by = outcome.value, said, now, by
        session.flush()
        record(session, by, "debt_dispute_resolved", account.id, now, outcome=outcome.value)
        clear_alarm_of(session, ALARM, account.id, now)
        paused = plans.fresh(session, row.plan_id) if row.plan_id else None
        if paused is None or paused.state != PlanState.paused or paused.paused_for != PausedFor.staff:
            return row, []
        return row, resume_paused(session, paused, by, now)

    return _rung(ports, organisation_id, work)


def _rung(ports: Ports, organisation_id: str, work: Callable[[Session], tuple[Objection, list[str]]]) -> Objection:
    row, promised = ports.database.run(organisation_id, work)
    for message_id in promised:
        ports.doorbell.ring_message(organisation_id, message_id)
    return row


def _said(words: str) -> str:
    said = words_of_staff(words)
    if said is None:
        raise Refused("words_missing")
    return said


def _locked(session: Session, account_id: str) -> Account:
    if accounts.by_id(session, account_id) is None:
        raise Refused("account_unknown")
    return accounts.lock(session, account_id)
