"""Services: what was sold on a date, for whom, and every move of its money.

`balance_cents` is the sum of the service's entries, kept in the transaction that writes them, as an account's is.
Guarded by the account's lock. Details and entries are append only: the database refuses changes.
"""

from collections.abc import Collection
from datetime import date, datetime
from typing import Any

from sqlalchemy import CheckConstraint, Index, Text, UniqueConstraint, and_, func, select, text
from sqlalchemy.orm import Mapped, Session, mapped_column

from portal.storage.ahead import recalled
from portal.storage.charge import Charge
from portal.storage.patient import Patient
from portal.storage.provider import Provider
from portal.storage.rows import TenantRow, tenant_args
from portal.storage.share import ServiceShare
from portal.storage.types import Cents, Day, Instant, Plain

_OPEN = ("sending", "unknown", "review")
_UNPAID = text("balance_cents > 0")


class Service(TenantRow):
    """One service on one account. What it was is said by the detail whose `seq` is this row's `version`."""

    __tablename__ = "service"
    __table_args__ = tenant_args(
        UniqueConstraint("organisation_id", "reference"),
        CheckConstraint("balance_cents >= 0", name="balance"),
        Index(None, "organisation_id", "account_id"),
        Index("ix_service_unpaid", "organisation_id", "account_id", sqlite_where=_UNPAID, postgresql_where=_UNPAID),
        account_id="account",
        patient_id="patient",
    )

    account_id: Mapped[str] = mapped_column(Text)
    patient_id: Mapped[str] = mapped_column(Text)
    reference: Mapped[str] = mapped_column(Text)
    balance_cents: Mapped[int] = mapped_column(Cents, default=0)
    version: Mapped[int] = mapped_column(default=1)
    created_at: Mapped[datetime] = mapped_column(Instant)


class ServiceDetail(TenantRow):
    """What a service was, as last corrected: the latest row counts, none is ever changed."""

    __tablename__ = "service_detail"
    __table_args__ = tenant_args(
        UniqueConstraint("organisation_id", "service_id", "seq"),
        CheckConstraint("units > 0", name="units"),
        service_id="service",
        provider_id="provider",
    )

    service_id: Mapped[str] = mapped_column(Text)
    seq: Mapped[int] = mapped_column()
    performed_on: Mapped[date] = mapped_column(Day)
    provider_id: Mapped[str] = mapped_column(Text)
    code: Mapped[str] = mapped_column(Text)
    modifiers: Mapped[list[str]] = mapped_column(Plain)
    units: Mapped[int] = mapped_column()
    place_of_service: Mapped[str] = mapped_column(Text)
    diagnoses: Mapped[list[str]] = mapped_column(Plain)  # codes in the order of their pointers
    description: Mapped[str] = mapped_column(Text)
    noted_at: Mapped[datetime] = mapped_column(Instant)
    noted_by: Mapped[str] = mapped_column(Text)


class ServiceEntry(TenantRow):
    """One move of a service's balance; `event_key` is the ledger entry's it belongs to."""

    __tablename__ = "service_entry"
    __table_args__ = tenant_args(
        UniqueConstraint("organisation_id", "service_id", "event_key", "kind"),
        CheckConstraint("kind IN ('fee','insurance','adjustment','payment','returned')", name="kind"),
        CheckConstraint("change_cents <> 0", name="change"),
        Index(None, "organisation_id", "charge_id"),
        service_id="service",
        account_id="account",
        charge_id="charge",
    )

    service_id: Mapped[str] = mapped_column(Text)
    account_id: Mapped[str] = mapped_column(Text)
    kind: Mapped[str] = mapped_column(Text)
    change_cents: Mapped[int] = mapped_column(Cents)  # plus is more owed
    event_key: Mapped[str] = mapped_column(Text)
    charge_id: Mapped[str | None] = mapped_column(Text)
    posted_at: Mapped[datetime] = mapped_column(Instant)
    posted_by: Mapped[str] = mapped_column(Text)


Line = tuple[Service, ServiceDetail, Provider, Patient]
_LINES: Any = (
    select(Service, ServiceDetail, Provider, Patient)
    .join(
        ServiceDetail,
        and_(
            ServiceDetail.organisation_id == Service.organisation_id,
            ServiceDetail.service_id == Service.id,
            ServiceDetail.seq == Service.version,
        ),
    )
    .join(
        Provider,
        and_(Provider.organisation_id == Service.organisation_id, Provider.id == ServiceDetail.provider_id),
    )
    .join(Patient, and_(Patient.organisation_id == Service.organisation_id, Patient.id == Service.patient_id))
    .order_by(ServiceDetail.performed_on, Service.created_at, Service.reference)
)


def by_id(session: Session, service_id: str) -> Service | None:
    """The service of this organisation, or nothing."""
    return session.scalars(select(Service).where(Service.id == service_id)).one_or_none()


def by_reference(session: Session, reference: str) -> Service | None:
    """The service with the organisation's own number."""
    return session.scalars(select(Service).where(Service.reference == reference)).one_or_none()


def latest_detail(session: Session, service_id: str) -> ServiceDetail:
    """What a service was, as last corrected."""
    return session.scalars(
        select(ServiceDetail).where(ServiceDetail.service_id == service_id).order_by(ServiceDetail.seq.desc()).limit(1)
    ).one()


def details_of(session: Session, service_id: str) -> list[ServiceDetail]:
    """Everything ever said of a service, oldest first."""
    return list(
        session.scalars(select(ServiceDetail).where(ServiceDetail.service_id == service_id).order_by(ServiceDetail.seq))
    )


def entries_of(session: Session, service_id: str) -> list[ServiceEntry]:
    """Every move of a service's money, in order."""
    return list(
        session.scalars(
            select(ServiceEntry)
            .where(ServiceEntry.service_id == service_id)
            .order_by(ServiceEntry.posted_at, ServiceEntry.id)
        )
    )


def owed_fresh(session: Session, account_id: str) -> list[Service]:
    """Services of an account that are not paid, oldest first, read again: its lock is held by then."""
    return recalled(session, ("services_owed", account_id), lambda: _owed(session, account_id))


def _owed(session: Session, account_id: str) -> list[Service]:
    rows = session.execute(
        _LINES.with_only_columns(Service)
        .where(Service.account_id == account_id, Service.balance_cents > 0)
        .execution_options(populate_existing=True)
    )
    return [row[0] for row in rows]


def is_owed(session: Session, account_id: str) -> bool:
    """Whether any service of an account is not paid."""
    question = select(Service.id).where(Service.account_id == account_id, Service.balance_cents > 0).limit(1)
    return session.scalar(question) is not None


def is_any(session: Session, account_ids: Collection[str]) -> bool:
    """Whether any of these accounts has a service at all."""
    return session.scalar(select(Service.id).where(Service.account_id.in_(account_ids)).limit(1)) is not None


def fresh(session: Session, service_ids: Collection[str]) -> list[Service]:
    """These services, read again: the lock of their account is held by then."""
    return list(
        session.scalars(select(Service).where(Service.id.in_(service_ids)).execution_options(populate_existing=True))
    )


def lines_of_account(session: Session, account_id: str, *, unpaid: bool = False) -> list[Line]:
    """Services of an account with what they were, by whom and for whom; oldest first."""
    question = _LINES.where(Service.account_id == account_id)
    return [tuple(row) for row in session.execute(question.where(Service.balance_cents > 0) if unpaid else question)]


def lines_of(session: Session, service_ids: Collection[str]) -> list[Line]:
    """These services, as far as they are this organisation's; oldest first."""
    return [tuple(row) for row in session.execute(_LINES.where(Service.id.in_(service_ids)))]


def lines_between(session: Session, account_id: str, from_on: date, until_on: date) -> list[Line]:
    """Services of an account performed from one day to another, both included; oldest first."""
    question = _LINES.where(
        Service.account_id == account_id, ServiceDetail.performed_on >= from_on, ServiceDetail.performed_on <= until_on
    )
    return [tuple(row) for row in session.execute(question)]


def changes_of(session: Session, service_ids: Collection[str]) -> dict[str, dict[str, int]]:
    """Service id -> kind -> the sum of its entries, in cents."""
    rows = session.execute(
        select(ServiceEntry.service_id, ServiceEntry.kind, func.sum(ServiceEntry.change_cents))
        .where(ServiceEntry.service_id.in_(service_ids))
        .group_by(ServiceEntry.service_id, ServiceEntry.kind)
    )
    found: dict[str, dict[str, int]] = {service_id: {} for service_id in service_ids}
    for service_id, kind, cents in rows:
        found[service_id][kind] = int(cents)
    return found


def changes_by_charge(session: Session, charge_id: str, kinds: Collection[str]) -> dict[str, int]:
    """Service id -> what a charge moved on it in entries of these kinds, in cents."""
    rows = session.execute(
        select(ServiceEntry.service_id, func.sum(ServiceEntry.change_cents))
        .where(ServiceEntry.charge_id == charge_id, ServiceEntry.kind.in_(kinds))
        .group_by(ServiceEntry.service_id)
    )
    return {row[0]: int(row[1]) for row in rows}


def changes_of_event(session: Session, event_key: str, kind: str) -> dict[str, int]:
    """Service id -> what one event moved on it in entries of a kind, in cents."""
    rows = session.execute(
        select(ServiceEntry.service_id, func.sum(ServiceEntry.change_cents))
        .where(ServiceEntry.event_key == event_key, ServiceEntry.kind == kind)
        .group_by(ServiceEntry.service_id)
    )
    return {row[0]: int(row[1]) for row in rows}


def entries_of_charges(session: Session, charge_ids: Collection[str]) -> list[ServiceEntry]:
    """Every move of services that these charges made or that was made of them, in order."""
    return list(
        session.scalars(
            select(ServiceEntry)
            .where(ServiceEntry.charge_id.in_(charge_ids))
            .order_by(ServiceEntry.posted_at, ServiceEntry.id)
        )
    )


def entries_of_services(session: Session, service_ids: Collection[str], kinds: Collection[str]) -> list[ServiceEntry]:
    """Every move of these services in entries of these kinds, in order."""
    return list(
        session.scalars(
            select(ServiceEntry)
            .where(ServiceEntry.service_id.in_(service_ids), ServiceEntry.kind.in_(kinds))
            .order_by(ServiceEntry.posted_at, ServiceEntry.event_key, ServiceEntry.id)
        )
    )


def entries_of_account(session: Session, account_id: str) -> dict[str, list[ServiceEntry]]:
    """The ledger's name of an event -> what it moved on services of this account."""
    found: dict[str, list[ServiceEntry]] = {}
    rows = session.scalars(
        select(ServiceEntry)
        .where(ServiceEntry.account_id == account_id)
        .order_by(ServiceEntry.posted_at, ServiceEntry.id)
    )
    for row in rows:
        found.setdefault(row.event_key, []).append(row)
    return found


def held_cents(session: Session, account_id: str) -> dict[str, int]:
    """Service id -> what open attempts may still take of it: not yet paid, but not free to be paid again."""
    return recalled(session, ("services_held", account_id), lambda: _held(session, account_id))


def _held(session: Session, account_id: str) -> dict[str, int]:
    rows = session.execute(
        select(ServiceShare.service_id, func.sum(ServiceShare.amount_cents))
        .join(
            Charge,
            and_(
                Charge.organisation_id == ServiceShare.organisation_id,
                Charge.obligation_id == ServiceShare.obligation_id,
            ),
        )
        .where(Charge.account_id == account_id, Charge.state.in_(_OPEN))
        .group_by(ServiceShare.service_id)
    )
    return {row[0]: int(row[1]) for row in rows}
