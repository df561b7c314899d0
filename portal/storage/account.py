"""Accounts: what a customer owes to an organisation. The row to lock before money is claimed.

`balance_cents` is the sum of the account's ledger entries, kept in the same transaction that writes them.
"""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import CheckConstraint, Index, Text, UniqueConstraint, or_, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from portal.storage.ahead import recalled
from portal.storage.customer import Customer
from portal.storage.rows import TenantRow, tenant_args
from portal.storage.types import Cents, Instant


class Account(TenantRow):
    """What one customer owes one organisation, in cents. `label` is shown to the payer only."""

    __tablename__ = "account"
    __table_args__ = tenant_args(
        UniqueConstraint("organisation_id", "reference"),
        CheckConstraint("status IN ('open','closed','on_hold')", name="status"),
        CheckConstraint("balance_cents >= 0", name="balance"),
        Index(None, "organisation_id", "customer_id"),
        customer_id="customer",
    )

    customer_id: Mapped[str] = mapped_column(Text)
    reference: Mapped[str] = mapped_column(Text)
    label: Mapped[str] = mapped_column(Text)
    creditor: Mapped[str | None] = mapped_column(Text)
    balance_cents: Mapped[int] = mapped_column(Cents, default=0)
    currency: Mapped[str] = mapped_column(Text, default="USD")
    status: Mapped[str] = mapped_column(Text, default="open")
    created_at: Mapped[datetime] = mapped_column(Instant)
    disputed_at: Mapped[datetime | None] = mapped_column(Instant)  # while an objection stands (Reg F 1006.38)
    version: Mapped[int] = mapped_column(default=1)


def by_id(session: Session, account_id: str) -> Account | None:
    """The account of this organisation, or nothing."""
    return recalled(
        session,
        ("account", account_id),
        lambda: session.scalars(select(Account).where(Account.id == account_id)).one_or_none(),
    )


def of_customer(session: Session, customer_id: str) -> list[Account]:
    """Every account of a customer, the oldest first."""
    return list(
        session.scalars(
            select(Account).where(Account.customer_id == customer_id).order_by(Account.created_at, Account.id)
        )
    )


def lock_all(session: Session, customer_id: str) -> list[Account]:
    """Every account of a customer, locked and read afresh, in one order for all who lock several."""
    of_theirs = select(Account).where(Account.customer_id == customer_id).order_by(Account.id)
    return list(session.scalars(of_theirs.with_for_update().execution_options(populate_existing=True)))


def by_reference(session: Session, reference: str) -> Account | None:
    """The account with the organisation's own number for it."""
    return session.scalars(select(Account).where(Account.reference == reference)).one_or_none()


def beginning_with(session: Session, words: Sequence[str], limit: int) -> list[tuple[Account, Customer]]:
    """Open accounts with their customers, where each word begins a name or a number of one of the two."""
    wanted = (
        select(Account, Customer)
        .join(Customer, Customer.id == Account.customer_id)
        .where(Account.status == "open")
        .order_by(Customer.family_name, Customer.given_name, Account.reference)
        .limit(limit)
    )
    names = (Account.reference, Customer.reference, Customer.family_name, Customer.given_name)
    for word in words:
        wanted = wanted.where(or_(*(name.istartswith(word, autoescape=True) for name in names)))
    return [(row[0], row[1]) for row in session.execute(wanted)]


def customers_beginning_with(session: Session, words: Sequence[str], limit: int) -> list[Customer]:
    """Customers where each word begins a name or a number of theirs or of an account of theirs, whatever is owed."""
    wanted = select(Customer).order_by(Customer.family_name, Customer.given_name, Customer.reference).limit(limit)
    names = (Customer.reference, Customer.family_name, Customer.given_name)
    for word in words:
        numbered = select(Account.customer_id).where(Account.reference.istartswith(word, autoescape=True))
        begins = (name.istartswith(word, autoescape=True) for name in names)
        wanted = wanted.where(or_(*begins, Customer.id.in_(numbered)))
    return list(session.scalars(wanted))


def lock(session: Session, account_id: str) -> Account:
    """The account, locked until the transaction ends and read afresh.

    Always before any charge row. SQLite holds the whole database by then; PostgreSQL takes the row.
    """
    return recalled(
        session,
        ("account", account_id),
        lambda: session.scalars(
            select(Account).where(Account.id == account_id).with_for_update().execution_options(populate_existing=True)
        ).one(),
    )
