"""Services: recording what was sold on a date, correcting what it was, and every change of its money but payments.

Called by the command line, imports and seeding. A fee is placed on the account's ledger and followed into the service;
nothing is ever just set. Charges nothing.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from portal.domain.due_date import local_date
from portal.domain.ledger import Recipe
from portal.domain.money import CENTS_MAX, assert_cents
from portal.domain.refusal import Refused
from portal.domain.service import EntryKind, Figures, ServiceFacts, Share, figures, require_reference
from portal.storage import Session, organisation, patient, provider
from portal.storage import account as accounts
from portal.storage import service as services
from portal.storage.account import Account
from portal.storage.patient import Patient
from portal.storage.provider import Provider
from portal.storage.rows import new_id
from portal.storage.service import Line, Service, ServiceDetail
from portal.usecases.ledger import free_cents, post
from portal.usecases.organisation import record
from portal.usecases.patient import note_diagnosis
from portal.usecases.share import free

AHEAD_MAX = timedelta(days=1)  # a service is recorded when it was performed, on whatever side of midnight


@dataclass(frozen=True, slots=True)
class ServiceLine:
    """One service with what it was, by whom, for whom, and its money; `free_cents` is what may be paid now."""

    row: Service
    detail: ServiceDetail
    provider: Provider
    patient: Patient
    figures: Figures
    free_cents: int


def record_service(
    session: Session,
    account_id: str,
    patient_id: str,
    reference: str,
    facts: ServiceFacts,
    fee_cents: int,
    *,
    now: datetime,
    by: str,
    insurance_cents: int = 0,
    adjustment_cents: int = 0,
) -> Service:
    """A service that was performed, owed from now on by its account.

    Refused: `account_unknown`, `account_not_open`, `patient_unknown` (not of the account's customer),
    `provider_unknown`, `service_exists`, `service_in_future`, `service_fee`, `service_below_zero`, `balance_too_large`.
    """
    found = accounts.by_id(session, account_id)
    if found is None:
        raise Refused("account_unknown")
    owed_on = accounts.lock(session, account_id)
    if owed_on.status != "open":
        raise Refused("account_not_open")
    treated = patient.by_id(session, patient_id)
    if treated is None or treated.customer_id != owed_on.customer_id:
        raise Refused("patient_unknown")
    if services.by_reference(session, require_reference(reference)) is not None:
        raise Refused("service_exists", reference=reference)
    _require_fit(session, facts, now)
    if not 0 < fee_cents <= CENTS_MAX:
        raise Refused("service_fee")
    if insurance_cents + adjustment_cents > fee_cents:
        raise Refused("service_below_zero")
    row = Service(account_id=account_id, patient_id=patient_id, reference=reference, created_at=now)
    session.add(row)
    session.flush()
    session.add(_detail(row, facts, now, by))
    for code in facts.diagnoses:
        note_diagnosis(session, patient_id, code, now=now, by=by)
    session.flush()
    _place(session, owed_on, row, fee_cents, EntryKind.fee, f"service_fee:{row.id}", now, by)
    for kind, cents in ((EntryKind.insurance, insurance_cents), (EntryKind.adjustment, adjustment_cents)):
        if cents:
            _take_off(session, owed_on, row, cents, kind, f"service_{kind.value}:{row.id}:first", now, by)
    record(session, by, "service_recorded", row.id, now, account_id=account_id, fee_cents=fee_cents)
    return row


def correct_service(session: Session, service_id: str, facts: ServiceFacts, *, now: datetime, by: str) -> Service:
    """Says anew what a service was; what was said before stays on record. Refused as `record_service`."""
    _, row = _locked(session, service_id)
    _require_fit(session, facts, now)
    row.version += 1
    session.add(_detail(row, facts, now, by))
    for code in facts.diagnoses:
        note_diagnosis(session, row.patient_id, code, now=now, by=by)
    session.flush()
    record(session, by, "service_corrected", row.id, now, version=row.version)
    return row


def lower_service(
    session: Session, service_id: str, amount_cents: int, kind: EntryKind, *, now: datetime, by: str, key: str = ""
) -> Service:
    """Takes off what an insurance paid, an adjustment, or a part of the fee itself.

    Never below what open payments may still take: `service_amount_held`. `key` names the event, so that a repeat of it
    is an error and not a second one.
    """
    owed_on, row = _locked(session, service_id)
    assert_cents(amount_cents)
    if not amount_cents:
        raise Refused("amount_zero")
    room = {each.service_id: each.amount_cents for each in free(session, owed_on, [row])}
    most_cents = min(room[row.id], free_cents(session, owed_on))
    if amount_cents > most_cents:
        raise Refused("service_amount_held", free_cents=most_cents)
    event_key = f"service_{kind.value}:{row.id}:{key or new_id()}"
    _take_off(session, owed_on, row, amount_cents, kind, event_key, now, by)
    record(session, by, f"service_{kind.value}_lowered", row.id, now, amount_cents=amount_cents)
    return row


def raise_service(
    session: Session, service_id: str, amount_cents: int, kind: EntryKind, *, now: datetime, by: str, key: str = ""
) -> Service:
    """Puts on what an insurance took back, an adjustment that falls, or a higher fee. Refused `balance_too_large`."""
    owed_on, row = _locked(session, service_id)
    assert_cents(amount_cents)
    if not amount_cents:
        raise Refused("amount_zero")
    event_key = f"service_{kind.value}:{row.id}:{key or new_id()}"
    _place(session, owed_on, row, amount_cents, kind, event_key, now, by)
    record(session, by, f"service_{kind.value}_raised", row.id, now, amount_cents=amount_cents)
    return row


def lines(session: Session, owed_on: Account, *, unpaid: bool = False) -> list[ServiceLine]:
    """The services of an account, oldest first, each with its money."""
    return with_figures(session, owed_on, services.lines_of_account(session, owed_on.id, unpaid=unpaid))


def own_services(
    session: Session, customer_id: str, service_ids: Collection[str], most: int
) -> tuple[Account, list[Line]]:
    """These services, each once, and the one account of this customer they stand on.

    Refused: `services_missing`, `services_too_many`, `service_unknown` (also another's), `services_of_two_accounts`.
    """
    wanted = list(dict.fromkeys(service_ids))
    if not wanted:
        raise Refused("services_missing")
    if len(wanted) > most:
        raise Refused("services_too_many", most=most)
    found = services.lines_of(session, wanted)
    owned = [accounts.by_id(session, each) for each in {row.account_id for row, *_ in found}]
    known = [row for row in owned if row is not None and row.customer_id == customer_id]
    if len(found) != len(wanted) or len(known) != len(owned):
        raise Refused("service_unknown")
    if len(known) > 1:
        raise Refused("services_of_two_accounts")
    return known[0], found


def with_figures(session: Session, owed_on: Account, found: list[Line]) -> list[ServiceLine]:
    """These services of one account, each with its money."""
    changes = services.changes_of(session, [row.id for row, *_ in found])
    room = {each.service_id: each.amount_cents for each in free(session, owed_on, [row for row, *_ in found])}
    return [
        ServiceLine(row, detail, treated_by, treated, figures(changes[row.id]), room[row.id])
        for row, detail, treated_by, treated in found
    ]


def facts_of(detail: ServiceDetail) -> ServiceFacts:
    """A stored detail as facts."""
    return ServiceFacts(
        performed_on=detail.performed_on,
        provider_id=detail.provider_id,
        code=detail.code,
        modifiers=tuple(detail.modifiers),
        units=detail.units,
        place_of_service=detail.place_of_service,
        diagnoses=tuple(detail.diagnoses),
        description=detail.description,
    )


def _locked(session: Session, service_id: str) -> tuple[Account, Service]:
    found = services.by_id(session, service_id)
    if found is None:
        raise Refused("service_unknown")
    owed_on = accounts.lock(session, found.account_id)
    session.refresh(found)  # guarded by the account's lock since a moment
    return owed_on, found


def _require_fit(session: Session, facts: ServiceFacts, now: datetime) -> None:
    if provider.by_id(session, facts.provider_id) is None:
        raise Refused("provider_unknown")
    zone = organisation.by_id(session, session.info["organisation_id"]).timezone
    if facts.performed_on > local_date(now, zone) + AHEAD_MAX:
        raise Refused("service_in_future")


def _detail(row: Service, facts: ServiceFacts, now: datetime, by: str) -> ServiceDetail:
    return ServiceDetail(
        service_id=row.id,
        seq=row.version,
        performed_on=facts.performed_on,
        provider_id=facts.provider_id,
        code=facts.code,
        modifiers=list(facts.modifiers),
        units=facts.units,
        place_of_service=facts.place_of_service,
        diagnoses=list(facts.diagnoses),
        description=facts.description,
        noted_at=now,
        noted_by=by,
    )


def _place(
    session: Session,
    owed_on: Account,
    row: Service,
    amount_cents: int,
    kind: EntryKind,
    event_key: str,
    now: datetime,
    by: str,
) -> None:
    post(session, owed_on, Recipe.balance_placed, amount_cents, event_key=event_key, posted_at=now, posted_by=by,
         shares=[Share(row.id, amount_cents)], kind=kind)  # fmt: skip


def _take_off(
    session: Session,
    owed_on: Account,
    row: Service,
    amount_cents: int,
    kind: EntryKind,
    event_key: str,
    now: datetime,
    by: str,
) -> None:
    post(session, owed_on, Recipe.balance_lowered, amount_cents, event_key=event_key, posted_at=now, posted_by=by,
         shares=[Share(row.id, amount_cents)], kind=kind)  # fmt: skip
