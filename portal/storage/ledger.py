"""The ledger: append only, double entry, each row a debit and a credit of one amount. The database refuses changes."""

from datetime import datetime

from sqlalchemy import CheckConstraint, Index, Text, UniqueConstraint, func, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from portal.storage.rows import TenantRow, tenant_args
from portal.storage.types import Cents, Instant


class LedgerEntry(TenantRow):
    """One pair: `amount_cents` from the credit book to the debit book. `event_key` makes a repeat impossible."""

    __tablename__ = "ledger_entry"
    __table_args__ = tenant_args(
        UniqueConstraint("organisation_id", "event_key"),
        CheckConstraint("amount_cents > 0", name="amount"),
        CheckConstraint("debit_book <> credit_book", name="books"),
        Index(None, "organisation_id", "account_id"),
        account_id="account",
        charge_id="charge",
    )

    account_id: Mapped[str] = mapped_column(Text)
    charge_id: Mapped[str | None] = mapped_column(Text)
    recipe: Mapped[str] = mapped_column(Text)
    debit_book: Mapped[str] = mapped_column(Text)
    credit_book: Mapped[str] = mapped_column(Text)
    amount_cents: Mapped[int] = mapped_column(Cents)
    currency: Mapped[str] = mapped_column(Text)
    event_key: Mapped[str] = mapped_column(Text)
    posted_at: Mapped[datetime] = mapped_column(Instant)
    posted_by: Mapped[str] = mapped_column(Text)


def of_account(session: Session, account_id: str) -> list[LedgerEntry]:
    """All entries of an account, in the order they were posted."""
    return list(
        session.scalars(
            select(LedgerEntry)
            .where(LedgerEntry.account_id == account_id)
            .order_by(LedgerEntry.posted_at, LedgerEntry.id)
        )
    )


def of_event(session: Session, event_key: str) -> LedgerEntry | None:
    """The entry that an event was posted as, once it has been."""
    return session.scalars(select(LedgerEntry).where(LedgerEntry.event_key == event_key)).one_or_none()


def moved_of_charge(session: Session, account_id: str, charge_id: str) -> dict[str, tuple[int, int]]:
    """Recipe -> (cents, entries) of everything that was ever posted for one charge."""
    rows = session.execute(
        select(LedgerEntry.recipe, func.sum(LedgerEntry.amount_cents), func.count())
        .where(LedgerEntry.account_id == account_id, LedgerEntry.charge_id == charge_id)
        .group_by(LedgerEntry.recipe)
    )
    return {row[0]: (int(row[1]), int(row[2])) for row in rows}


def receivable_cents(session: Session, account_id: str) -> int:
    """What the entries say the account owes: debits minus credits of its receivable book."""
    debits = session.scalar(
        select(func.coalesce(func.sum(LedgerEntry.amount_cents), 0)).where(
            LedgerEntry.account_id == account_id, LedgerEntry.debit_book == "receivable"
        )
    )
    paid = session.scalar(
        select(func.coalesce(func.sum(LedgerEntry.amount_cents), 0)).where(
            LedgerEntry.account_id == account_id, LedgerEntry.credit_book == "receivable"
        )
    )
    return int(debits or 0) - int(paid or 0)
