"""Everything a batch of claims, or of answers, looks at: its accounts locked, then read in a dozen statements.

Called by `portal.usecases.charge_many`. What is found is left to `portal.storage.ahead`, under the keys by which the
single look-ups ask; the rules and the books are the same for one payment and for many. Accounts are locked in the order
of their ids, so two batches never wait for each other in a circle; one that somebody else holds is left out, so that
nobody waits for it.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from datetime import date, datetime
from typing import Any, NamedTuple

from sqlalchemy import bindparam, func, select
from sqlalchemy.orm import Session

from portal.storage import ahead, hold, organisation
from portal.storage.account import Account
from portal.storage.agreement import Agreement
from portal.storage.charge import HOLDING, Charge
from portal.storage.customer import Customer
from portal.storage.message import Message
from portal.storage.obligation import OPEN, Obligation
from portal.storage.payment_method import PaymentMethod
from portal.storage.plan import Plan
from portal.storage.rows import TenantRow
from portal.storage.schedule import Schedule
from portal.storage.service import Service
from portal.storage.share import ServiceShare
from portal.storage.signing import LATEST_CONSENT, RecordConsent

_OWN: Any = bindparam("organisation_id")
_IDS: Any = bindparam("ids", expanding=True)
_SCOPED = {"names_organisation": True}
_AFRESH = {**_SCOPED, "populate_existing": True}


def _among(row: type[TenantRow], column: Any) -> Any:
    return select(row).where(row.organisation_id == _OWN, column.in_(_IDS))


# Built once; each names its organisation itself (`database.py` holds it to that).
_STATUSES = (
    select(Obligation.id, Obligation.account_id, Obligation.status)
    .where(Obligation.organisation_id == _OWN, Obligation.id.in_(_IDS))
    .execution_options(**_SCOPED)
)
_SENT = (
    select(Charge.id, Charge.account_id)
    .where(Charge.organisation_id == _OWN, Charge.id.in_(_IDS))
    .execution_options(**_SCOPED)
)
_LOCKED_ACCOUNTS = (
    _among(Account, Account.id).order_by(Account.id).with_for_update(skip_locked=True).execution_options(**_AFRESH)
)
_LOCKED_CHARGES = (
    _among(Charge, Charge.id).order_by(Charge.id).with_for_update(skip_locked=True).execution_options(**_AFRESH)
)
_OBLIGATIONS = _among(Obligation, Obligation.id).execution_options(**_AFRESH)
_SCHEDULES = _among(Schedule, Schedule.id).execution_options(**_AFRESH)
_PLANS = _among(Plan, Plan.schedule_id).execution_options(**_AFRESH)
_CUSTOMERS = _among(Customer, Customer.id).execution_options(**_SCOPED)
_CONSENTS = _among(RecordConsent, RecordConsent.customer_id).order_by(*LATEST_CONSENT).execution_options(**_SCOPED)
_MESSAGES = _among(Message, Message.dedupe_key).execution_options(**_SCOPED)
_ATTEMPTS = _among(Charge, Charge.obligation_id).order_by(Charge.n).execution_options(**_AFRESH)
_METHODS = (
    _among(PaymentMethod, PaymentMethod.id).where(PaymentMethod.removed_at.is_(None)).execution_options(**_SCOPED)
)
_SHARES = (
    _among(ServiceShare, ServiceShare.obligation_id)
    .order_by(ServiceShare.made_at, ServiceShare.id)
    .execution_options(**_SCOPED)
)
_WITH_SERVICES = (
    select(Service.account_id)
    .where(Service.organisation_id == _OWN, Service.account_id.in_(_IDS))
    .distinct()
    .execution_options(**_SCOPED)
)
_SEALED = (
    select(Agreement.id).where(Agreement.organisation_id == _OWN, Agreement.id.in_(_IDS)).execution_options(**_SCOPED)
)
_HELD = (
    select(Charge.account_id, func.sum(Charge.held_cents))
    .where(Charge.organisation_id == _OWN, Charge.account_id.in_(_IDS), Charge.state.in_(HOLDING))
    .group_by(Charge.account_id)
    .execution_options(**_SCOPED)
)
_UNTRIED = (
    select(Obligation.subject_id, Obligation.due_on, Obligation.due_at)
    .where(
        Obligation.organisation_id == _OWN,
        Obligation.subject_id.in_(_IDS),
        Obligation.status == "due",
        Obligation.retries == 0,
        Obligation.due_on <= bindparam("until", type_=Obligation.due_on.type),
    )
    .order_by(Obligation.due_at)
    .execution_options(**_SCOPED)
)
_DECLINED = (
    select(Charge.payment_method_id, Charge.claimed_at)
    .where(
        Charge.organisation_id == _OWN,
        Charge.payment_method_id.in_(_IDS),
        Charge.state == "declined",
        Charge.claimed_at >= bindparam("since", type_=Charge.claimed_at.type),
    )
    .execution_options(**_SCOPED)
)
_OPEN_IN = (
    select(Obligation.subject_id, Obligation.id)
    .where(Obligation.organisation_id == _OWN, Obligation.subject_id.in_(_IDS), Obligation.status.in_(OPEN))
    .execution_options(**_SCOPED)
)


class Ready(NamedTuple):
    """What can be worked on now, in the order asked for, and what must be taken one by one: its account is held."""

    ids: list[str]
    left: list[str]
    over: dict[str, str]  # payments that are not due, and how they stand


def for_claims(session: Session, ids: Sequence[str], until: date, declined_since: datetime) -> Ready:
    """Locks the accounts of payments, one payment an account, and reads what the rules of a claim look at.

    `until`: the last local date that has begun anywhere; `declined_since`: declines before it are of no interest.
    """
    known = {row.id: row for row in _rows(session, _STATUSES, ids)}
    accounts = {id_: row.account_id for id_, row in known.items() if row.status == "due"}
    locked = _locked(session, accounts.values())
    ready, taken = [], set[str]()
    for each in ids:
        account_id = accounts.get(each)
        if account_id in locked and account_id not in taken:
            taken.add(account_id)
            ready.append(each)
    due = _keep(session, "obligation", _OBLIGATIONS, ready)
    schedules = _keep(session, "schedule", _SCHEDULES, {row.subject_id for row in due.values()})
    _keep_plans(session, schedules)
    _keep_lists(session, "attempts", _ATTEMPTS, ready)
    _keep_lists(session, "shares", _SHARES, ready)
    methods = {row.id: row for row in _all(session, _METHODS, _named(row.payment_method_id for row in due.values()))}
    sealed = {row.id for row in _rows(session, _SEALED, _named(row.agreement_id for row in due.values()))}
    held = {row[0]: int(row[1]) for row in _rows(session, _HELD, taken)}
    untried = _grouped(_rows(session, _UNTRIED, schedules, until=until))
    declined = _grouped(_rows(session, _DECLINED, methods, since=declined_since))
    for row in due.values():
        own = methods.get(row.payment_method_id or "")
        is_own = own is not None and own.customer_id == row.customer_id
        ahead.remember(session, ("method", row.payment_method_id, row.customer_id), own if is_own else None)
        ahead.remember(session, ("sealed", row.agreement_id), row.agreement_id in sealed)
        ahead.remember(session, ("held", row.account_id), held.get(row.account_id, 0))
        ahead.remember(session, ("untried", row.subject_id), untried[row.subject_id])
        ahead.remember(session, ("declined", row.payment_method_id), (declined_since, declined[row.payment_method_id]))
    _keep_house(session)
    ahead.remember(session, ("hold",), hold.standing(session))
    over = {id_: row.status for id_, row in known.items() if row.status != "due"}
    return Ready(ready, [each for each in ids if each not in due and each not in over], over)


def for_answers(session: Session, charge_ids: Sequence[str], messages: Collection[str]) -> Ready:
    """Locks the accounts of charges, then the charges, and reads what an answer changes.

    `messages`: the keys under which messages may have been promised already.
    """
    accounts = {row.id: row.account_id for row in _rows(session, _SENT, charge_ids)}
    locked = _locked(session, accounts.values())
    charges = _keep(session, "charge", _LOCKED_CHARGES, [id_ for id_, whose in accounts.items() if whose in locked])
    due = _keep(session, "obligation", _OBLIGATIONS, {row.obligation_id for row in charges.values()})
    schedules = _keep(session, "schedule", _SCHEDULES, {row.subject_id for row in due.values()})
    _keep_plans(session, schedules)
    _keep_lists(session, "attempts", _ATTEMPTS, due)
    _keep_lists(session, "shares", _SHARES, due)
    _keep_services(session, locked)
    customers = _keep(session, "customer", _CUSTOMERS, {row.customer_id for row in charges.values()})
    _keep_consents(session, customers)
    still_open = _grouped(_rows(session, _OPEN_IN, schedules))
    for schedule_id in schedules:
        ahead.remember(session, ("open_in", schedule_id), [found[0] for found in still_open[schedule_id]])
    promised = {row.dedupe_key: row for row in _all(session, _MESSAGES, messages)}
    for key in messages:
        ahead.remember(session, ("message", key), promised.get(key))
    _keep_house(session)
    ready = [each for each in charge_ids if each in charges]
    return Ready(ready, [each for each in charge_ids if each not in charges], {})


def _locked(session: Session, account_ids: Iterable[str]) -> dict[str, Account]:
    return _keep(session, "account", _LOCKED_ACCOUNTS, set(account_ids))


def _keep(session: Session, kind: str, statement: Any, ids: Collection[str]) -> dict[str, Any]:
    """Rows by id, each remembered under its kind and id."""
    found = {row.id: row for row in _all(session, statement, ids)}
    for id_, row in found.items():
        ahead.remember(session, (kind, id_), row)
    return found


def _keep_plans(session: Session, schedule_ids: Collection[str]) -> None:
    plans = {row.schedule_id: row for row in _all(session, _PLANS, schedule_ids)}
    for schedule_id in schedule_ids:
        ahead.remember(session, ("plan_of", schedule_id), plans.get(schedule_id))


def _keep_lists(session: Session, kind: str, statement: Any, obligation_ids: Collection[str]) -> None:
    """Rows of obligations, in the order of the statement; none where there is none."""
    found = defaultdict(list)
    for row in _all(session, statement, obligation_ids):
        found[row.obligation_id].append(row)
    for obligation_id in obligation_ids:
        ahead.remember(session, (kind, obligation_id), found[obligation_id])


def _keep_consents(session: Session, customer_ids: Collection[str]) -> None:
    latest: dict[str, RecordConsent] = {}
    for row in _all(session, _CONSENTS, customer_ids):
        latest.setdefault(row.customer_id, row)
    for customer_id in customer_ids:
        ahead.remember(session, ("latest_consent", customer_id), latest.get(customer_id))


def _keep_services(session: Session, account_ids: Collection[str]) -> None:
    """Which accounts have no services. Those of the others change with each answer, and are asked for one by one."""
    with_services = {row.account_id for row in _rows(session, _WITH_SERVICES, account_ids)}
    for account_id in set(account_ids) - with_services:
        ahead.remember(session, ("services_owed", account_id), [])
        ahead.remember(session, ("services_held", account_id), {})


def _keep_house(session: Session) -> None:
    own = session.info["organisation_id"]
    ahead.remember(session, ("organisation", own), organisation.by_id(session, own))
    ahead.remember(session, organisation.SETTINGS_SET, organisation.settings_set(session))


def _all(session: Session, statement: Any, ids: Collection[str]) -> list[Any]:
    return list(session.scalars(statement, _given(session, ids))) if ids else []


def _rows(session: Session, statement: Any, ids: Collection[str], **values: Any) -> list[Any]:
    return list(session.execute(statement, _given(session, ids) | values)) if ids else []


def _given(session: Session, ids: Collection[str]) -> dict[str, Any]:
    return {"organisation_id": session.info["organisation_id"], "ids": list(ids)}


def _named(ids: Iterable[str | None]) -> set[str]:
    return {each for each in ids if each is not None}


def _grouped(rows: Iterable[Any]) -> defaultdict[str | None, list[tuple[Any, ...]]]:
    """What follows the first column, by the first column."""
    found = defaultdict(list)
    for first, *rest in rows:
        found[first].append(tuple(rest))
    return found
