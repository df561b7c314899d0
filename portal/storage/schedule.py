"""Schedules: a series of payments a customer authorised. Its payments are obligations whose subject it is.

Asked by use cases and, read only, by pages. Knows no gateway and no message.
"""

from datetime import date, datetime
from typing import Any

from sqlalchemy import CheckConstraint, Index, Text, exists, literal, select, text, tuple_
from sqlalchemy.orm import Mapped, Session, mapped_column

from portal.storage.ahead import recalled
from portal.storage.obligation import Obligation
from portal.storage.payment_method import PaymentMethod
from portal.storage.rows import TenantRow, tenant_args
from portal.storage.types import Instant, Plain

_ACTIVE = text("status = 'active'")


class Schedule(TenantRow):
    """A series of payments on one account under one sealed authorization. The account's lock guards it."""

    __tablename__ = "schedule"
    __table_args__ = tenant_args(
        CheckConstraint("status IN ('active','paused','broken','cancelled','completed')", name="status"),
        CheckConstraint("series IN ('installment','recurring','unscheduled')", name="series"),
        CheckConstraint("locale IN ('en','es')", name="locale"),
        Index(None, "organisation_id", "customer_id"),
        Index(None, "organisation_id", "account_id"),
        Index("uq_schedule_visit", "organisation_id", "visit_id", unique=True),  # one schedule, however often pressed
        Index("ix_schedule_method", "organisation_id", "payment_method_id",
              sqlite_where=_ACTIVE, postgresql_where=_ACTIVE),
        customer_id="customer",
        account_id="account",
        agreement_id="agreement",
        payment_method_id="payment_method",
        visit_id="visit",
    )  # fmt: skip

    customer_id: Mapped[str] = mapped_column(Text)
    account_id: Mapped[str] = mapped_column(Text)
    agreement_id: Mapped[str] = mapped_column(Text)
    payment_method_id: Mapped[str] = mapped_column(Text)
    visit_id: Mapped[str | None] = mapped_column(Text)
    status: Mapped[str] = mapped_column(Text, default="active")
    series: Mapped[str] = mapped_column(Text)  # what its charges are called at the gateway (C33)
    rhythm: Mapped[dict[str, Any]] = mapped_column(Plain)
    locale: Mapped[str] = mapped_column(Text)
    made_at: Mapped[datetime] = mapped_column(Instant)
    made_by: Mapped[str] = mapped_column(Text)
    ended_at: Mapped[datetime | None] = mapped_column(Instant)
    ended_by: Mapped[str | None] = mapped_column(Text)
    version: Mapped[int] = mapped_column(default=1)


def by_id(session: Session, schedule_id: str) -> Schedule | None:
    """The schedule of this organisation, or nothing."""
    return session.scalars(select(Schedule).where(Schedule.id == schedule_id)).one_or_none()


def fresh(session: Session, schedule_id: str) -> Schedule | None:
    """The schedule as it stands now, read again. Its account is locked by then, and that guards it."""
    return recalled(
        session,
        ("schedule", schedule_id),
        lambda: session.scalars(
            select(Schedule).where(Schedule.id == schedule_id).execution_options(populate_existing=True)
        ).one_or_none(),
    )


def of_visit(session: Session, visit_id: str) -> Schedule | None:
    """The schedule that was made in a visit."""
    return session.scalars(select(Schedule).where(Schedule.visit_id == visit_id)).one_or_none()


def of_customer(session: Session, customer_id: str) -> list[Schedule]:
    """Every schedule of a customer, newest first."""
    return list(
        session.scalars(
            select(Schedule).where(Schedule.customer_id == customer_id).order_by(Schedule.made_at.desc(), Schedule.id)
        )
    )


def of_account(session: Session, account_id: str) -> list[Schedule]:
    """Every schedule on an account, newest first."""
    return list(
        session.scalars(
            select(Schedule).where(Schedule.account_id == account_id).order_by(Schedule.made_at.desc(), Schedule.id)
        )
    )


def active_with(session: Session, payment_method_id: str) -> list[str]:
    """Ids of the active schedules that charge a card."""
    charging = (Schedule.payment_method_id == payment_method_id, Schedule.status == "active")
    return list(session.scalars(select(Schedule.id).where(*charging).order_by(Schedule.id)))


def with_cards_ending(session: Session, from_on: date, until_on: date, limit: int) -> list[Schedule]:
    """Active schedules with a payment to come between two days, whose card ends in the month of the later one or has
    ended.
    """
    coming = exists().where(
        Obligation.subject_id == Schedule.id, Obligation.status == "due", Obligation.due_on.between(from_on, until_on)
    )
    return list(
        session.scalars(
            select(Schedule)
            .join(PaymentMethod, PaymentMethod.id == Schedule.payment_method_id)
            .where(
                Schedule.status == "active",
                tuple_(PaymentMethod.expires_year, PaymentMethod.expires_month)
                <= tuple_(literal(until_on.year), literal(until_on.month)),
                coming,
            )
            .order_by(Schedule.id)
            .limit(limit)
        )
    )
