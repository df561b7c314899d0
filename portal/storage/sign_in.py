"""Sign-ins: one person in one browser, from the moment they prove who they are until it ends.

Asked by the sign-in use cases. The cookie's secret is kept as SHA-256 only.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, Index, Text, UniqueConstraint, and_, bindparam, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from portal.storage.customer import Customer
from portal.storage.login import Login
from portal.storage.rows import TenantRow, tenant_args
from portal.storage.staff import Staff
from portal.storage.types import Instant


class SignIn(TenantRow):
    """Of a person of the staff or of a customer, never both. `epoch` is theirs when it began: another one ends it."""

    __tablename__ = "sign_in"
    __table_args__ = tenant_args(
        UniqueConstraint("organisation_id", "secret_sha256"),
        CheckConstraint("(staff_id IS NULL) <> (customer_id IS NULL)", name="one_person"),
        CheckConstraint("way IN ('password','username','account','ssn')", name="way"),
        Index(None, "organisation_id", "staff_id"),
        Index(None, "organisation_id", "customer_id"),
        staff_id="staff",
        customer_id="customer",
    )

    staff_id: Mapped[str | None] = mapped_column(Text)
    customer_id: Mapped[str | None] = mapped_column(Text)
    secret_sha256: Mapped[str] = mapped_column(Text)
    way: Mapped[str] = mapped_column(Text)
    epoch: Mapped[int] = mapped_column()
    opened_at: Mapped[datetime] = mapped_column(Instant)
    seen_at: Mapped[datetime] = mapped_column(Instant)
    proved_at: Mapped[datetime] = mapped_column(Instant)  # the last time they proved who they are
    wrong_proofs: Mapped[int] = mapped_column(default=0)
    ended_at: Mapped[datetime | None] = mapped_column(Instant)
    ip: Mapped[str] = mapped_column(Text)
    user_agent: Mapped[str] = mapped_column(Text)


# Read by every page of the console: built once, and names its organisation itself.
_OWN: Any = bindparam("organisation_id")
_OF_STAFF = (
    select(SignIn, Staff)
    .join(Staff, and_(Staff.organisation_id == _OWN, Staff.id == SignIn.staff_id))
    .where(SignIn.organisation_id == _OWN, SignIn.secret_sha256 == bindparam("secret_sha256"))
    .execution_options(names_organisation=True)
)
_OF_CUSTOMER = (
    select(SignIn, Login, Customer)
    .join(Login, and_(Login.organisation_id == _OWN, Login.customer_id == SignIn.customer_id))
    .join(Customer, and_(Customer.organisation_id == _OWN, Customer.id == SignIn.customer_id))
    .where(SignIn.organisation_id == _OWN, SignIn.secret_sha256 == bindparam("secret_sha256"))
    .execution_options(names_organisation=True)
)


def of_staff(session: Session, secret_sha256: str) -> tuple[SignIn, Staff] | None:
    """The sign-in of a secret with its person, ended or not."""
    own = {"organisation_id": session.info["organisation_id"], "secret_sha256": secret_sha256}
    row = session.execute(_OF_STAFF, own).one_or_none()
    return (row[0], row[1]) if row is not None else None


def of_customer(session: Session, secret_sha256: str) -> tuple[SignIn, Login, Customer] | None:
    """The sign-in of a secret with the customer and their login, ended or not."""
    own = {"organisation_id": session.info["organisation_id"], "secret_sha256": secret_sha256}
    row = session.execute(_OF_CUSTOMER, own).one_or_none()
    return (row[0], row[1], row[2]) if row is not None else None


def by_id(session: Session, sign_in_id: str) -> SignIn | None:
    """The sign-in of this organisation, or nothing."""
    return session.scalars(select(SignIn).where(SignIn.id == sign_in_id)).one_or_none()


def lock(session: Session, sign_in_id: str) -> SignIn | None:
    """The sign-in, locked and read afresh."""
    return session.scalars(
        select(SignIn).where(SignIn.id == sign_in_id).with_for_update().execution_options(populate_existing=True)
    ).one_or_none()
