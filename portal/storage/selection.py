"""Selections: services that a signed-in customer chose to pay together, on their way from the list to the result.

What is charged is what is stored here and was shown last. Never a card number: a nonce is the gateway's name of one.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, Index, Text, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from portal.storage.rows import TenantRow, tenant_args
from portal.storage.types import Cents, Flag, Instant, Plain


class Selection(TenantRow):
    """One press of Make a Payment. `services` are ids; `amount_cents` is typed where there is one, else their sum."""

    __tablename__ = "selection"
    __table_args__ = tenant_args(
        CheckConstraint("amount_cents IS NULL OR amount_cents > 0", name="amount"),
        Index(None, "organisation_id", "customer_id", "opened_at"),
        customer_id="customer",
        account_id="account",
        obligation_id="obligation",
    )

    customer_id: Mapped[str] = mapped_column(Text)
    account_id: Mapped[str] = mapped_column(Text)
    services: Mapped[list[Any]] = mapped_column(Plain)
    is_whole: Mapped[bool] = mapped_column(Flag, default=False)  # Check All: the amount is not theirs to change
    amount_cents: Mapped[int | None] = mapped_column(Cents)
    note: Mapped[str] = mapped_column(Text, default="")
    obligation_id: Mapped[str | None] = mapped_column(Text)
    locale: Mapped[str] = mapped_column(Text)
    opened_at: Mapped[datetime] = mapped_column(Instant)
    version: Mapped[int] = mapped_column(default=1)


def owned_by(session: Session, selection_id: str, customer_id: str) -> Selection | None:
    """The selection if it is this customer's; nothing otherwise."""
    return session.scalars(
        select(Selection).where(Selection.id == selection_id, Selection.customer_id == customer_id)
    ).one_or_none()


def lock(session: Session, selection_id: str) -> Selection:
    """The selection, locked and read afresh. Before the account, never after."""
    return session.scalars(
        select(Selection)
        .where(Selection.id == selection_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).one()
