"""Patients: for whom a service was. Often the customer, or children whose guardian the customer is.

Asked by use cases and, read only, by pages behind a sign-in.
"""

from datetime import date, datetime

from sqlalchemy import Index, Text, UniqueConstraint, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from portal.storage.rows import TenantRow, tenant_args
from portal.storage.types import Day, Instant


class Patient(TenantRow):
    """One person who is treated; `customer_id` pays and may see the papers. An empty address is the customer's."""

    __tablename__ = "patient"
    __table_args__ = tenant_args(
        UniqueConstraint("organisation_id", "reference"),
        Index(None, "organisation_id", "customer_id"),
        customer_id="customer",
    )

    customer_id: Mapped[str] = mapped_column(Text)
    reference: Mapped[str] = mapped_column(Text)
    given_name: Mapped[str] = mapped_column(Text)
    family_name: Mapped[str] = mapped_column(Text)
    born_on: Mapped[date | None] = mapped_column(Day)
    address_line1: Mapped[str | None] = mapped_column(Text)
    address_line2: Mapped[str | None] = mapped_column(Text)
    city: Mapped[str | None] = mapped_column(Text)
    state: Mapped[str | None] = mapped_column(Text)
    postal_code: Mapped[str | None] = mapped_column(Text)
    version: Mapped[int] = mapped_column(default=1)
    created_at: Mapped[datetime] = mapped_column(Instant)

    @property
    def full_name(self) -> str:
        """Given and family name."""
        return f"{self.given_name} {self.family_name}".strip()


class Diagnosis(TenantRow):
    """A diagnosis on file for a patient: the code alone, its words belong to others. Services point to them."""

    __tablename__ = "diagnosis"
    __table_args__ = tenant_args(UniqueConstraint("organisation_id", "patient_id", "code"), patient_id="patient")

    patient_id: Mapped[str] = mapped_column(Text)
    code: Mapped[str] = mapped_column(Text)
    noted_at: Mapped[datetime] = mapped_column(Instant)
    noted_by: Mapped[str] = mapped_column(Text)


def by_id(session: Session, patient_id: str) -> Patient | None:
    """The patient of this organisation, or nothing."""
    return session.scalars(select(Patient).where(Patient.id == patient_id)).one_or_none()


def by_reference(session: Session, reference: str) -> Patient | None:
    """The patient with the organisation's own number."""
    return session.scalars(select(Patient).where(Patient.reference == reference)).one_or_none()


def of_customer(session: Session, customer_id: str) -> list[Patient]:
    """Everybody a customer pays for, in the order they were entered."""
    return list(
        session.scalars(
            select(Patient).where(Patient.customer_id == customer_id).order_by(Patient.created_at, Patient.reference)
        )
    )


def diagnoses_of(session: Session, patient_id: str) -> list[Diagnosis]:
    """The diagnoses on file, oldest first."""
    return list(
        session.scalars(
            select(Diagnosis).where(Diagnosis.patient_id == patient_id).order_by(Diagnosis.noted_at, Diagnosis.code)
        )
    )
