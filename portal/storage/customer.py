"""Customers (the persons who pay) and their requests to correct their contact details.

Asked by use cases and, read only, by pages. Knows no balance.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, Index, Text, UniqueConstraint, bindparam, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from portal.storage.ahead import recalled
from portal.storage.rows import TenantRow, tenant_args
from portal.storage.types import Flag, Instant, Plain


class Customer(TenantRow):
    """The person who pays. Contact fields are what the organisation has on file."""

    __tablename__ = "customer"
    __table_args__ = tenant_args(
        UniqueConstraint("organisation_id", "reference"),
        CheckConstraint("locale IN ('en','es')", name="locale"),
    )

    reference: Mapped[str] = mapped_column(Text)
    given_name: Mapped[str] = mapped_column(Text)
    family_name: Mapped[str] = mapped_column(Text)
    email: Mapped[str | None] = mapped_column(Text)
    phone: Mapped[str | None] = mapped_column(Text)
    address_line1: Mapped[str | None] = mapped_column(Text)
    address_line2: Mapped[str | None] = mapped_column(Text)
    city: Mapped[str | None] = mapped_column(Text)
    state: Mapped[str | None] = mapped_column(Text)
    postal_code: Mapped[str | None] = mapped_column(Text)
    locale: Mapped[str] = mapped_column(Text, default="en")
    timezone: Mapped[str | None] = mapped_column(Text)
    gateway_customer_id: Mapped[str | None] = mapped_column(Text)
    is_active: Mapped[bool] = mapped_column(Flag, default=True)
    created_at: Mapped[datetime] = mapped_column(Instant)

    @property
    def full_name(self) -> str:
        """Given and family name."""
        return f"{self.given_name} {self.family_name}".strip()


class ContactChangeRequest(TenantRow):
    """What a customer says is wrong with the contact details on file; staff decide."""

    __tablename__ = "contact_change_request"
    __table_args__ = tenant_args(
        CheckConstraint("status IN ('open','done','refused')", name="status"),
        Index(None, "organisation_id", "status", "made_at"),
        Index(None, "organisation_id", "visit_id"),
        customer_id="customer",
        account_id="account",
    )

    customer_id: Mapped[str] = mapped_column(Text)
    account_id: Mapped[str] = mapped_column(Text)
    visit_id: Mapped[str | None] = mapped_column(Text)
    changes: Mapped[dict[str, Any]] = mapped_column(Plain)
    status: Mapped[str] = mapped_column(Text, default="open")
    made_at: Mapped[datetime] = mapped_column(Instant)


# Read by a page: built once, and names its organisation itself (`database.py` holds it to that).
_OPEN_REQUEST = (
    select(ContactChangeRequest)
    .where(
        ContactChangeRequest.organisation_id == bindparam("organisation_id"),
        ContactChangeRequest.visit_id == bindparam("visit_id"),
        ContactChangeRequest.status == "open",
    )
    .execution_options(names_organisation=True)
)


def by_id(session: Session, customer_id: str) -> Customer | None:
    """The customer of this organisation, or nothing."""
    return recalled(
        session,
        ("customer", customer_id),
        lambda: session.scalars(select(Customer).where(Customer.id == customer_id)).one_or_none(),
    )


def lock(session: Session, customer_id: str) -> Customer | None:
    """The customer, locked and read afresh, after their accounts. Rows that refer to them are still written."""
    return session.scalars(
        select(Customer)
        .where(Customer.id == customer_id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    ).one_or_none()


def by_reference(session: Session, reference: str) -> Customer | None:
    """The customer with the organisation's own number."""
    return session.scalars(select(Customer).where(Customer.reference == reference)).one_or_none()


def open_change_request(session: Session, visit_id: str) -> ContactChangeRequest | None:
    """The request already made in this visit."""
    own = {"organisation_id": session.info["organisation_id"], "visit_id": visit_id}
    return session.scalars(_OPEN_REQUEST, own).one_or_none()


def open_own_request(session: Session, customer_id: str) -> ContactChangeRequest | None:
    """The request a customer made when signed in, outside any visit."""
    return session.scalars(
        select(ContactChangeRequest).where(
            ContactChangeRequest.customer_id == customer_id,
            ContactChangeRequest.visit_id.is_(None),
            ContactChangeRequest.status == "open",
        )
    ).first()


def change_request_by_id(session: Session, request_id: str) -> ContactChangeRequest | None:
    """The request of this organisation, or nothing."""
    return session.scalars(select(ContactChangeRequest).where(ContactChangeRequest.id == request_id)).one_or_none()


def with_phone_ending(session: Session, digits: str) -> list[Customer]:
    """Customers whose number on file ends in these digits, however it is written; the caller compares whole ones."""
    pattern = "%" + "%".join(digits)
    return list(session.scalars(select(Customer).where(Customer.phone.like(pattern)).order_by(Customer.created_at)))
