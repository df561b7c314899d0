"""Programs, the subscriptions participants were assigned, and what participants wrote about them to their case manager.

Asked by use cases and, read only, by pages. The lock of the subscription's account guards its row. The database itself
holds that an active subscription has a schedule, and that one that waits has none.
"""

from datetime import date, datetime
from typing import Any

from sqlalchemy import CheckConstraint, Index, Text, UniqueConstraint, func, select, text
from sqlalchemy.orm import Mapped, Session, mapped_column

from portal.storage.rows import TenantRow, tenant_args
from portal.storage.types import Cents, Day, Flag, Instant, Plain

_ASSIGNED = text("state = 'assigned'")
_RUNNING = text("state IN ('active','paused')")


class Program(TenantRow):
    """What an organisation runs, under a name: its features and what each costs a month."""

    __tablename__ = "program"
    __table_args__ = tenant_args(UniqueConstraint("organisation_id", "name"))

    name: Mapped[str] = mapped_column(Text)
    features: Mapped[list[dict[str, Any]]] = mapped_column(Plain)  # name and monthly_cents of each
    is_active: Mapped[bool] = mapped_column(Flag, default=True)
    set_at: Mapped[datetime] = mapped_column(Instant)
    set_by: Mapped[str] = mapped_column(Text)


class Subscription(TenantRow):
    """What one participant pays each month until a program ends. Names and prices are kept as they were assigned."""

    __tablename__ = "subscription"
    __table_args__ = tenant_args(
        UniqueConstraint("organisation_id", "reference"),
        UniqueConstraint("organisation_id", "schedule_id"),
        UniqueConstraint("organisation_id", "account_id"),
        CheckConstraint("state IN ('assigned','active','paused','ended','cancelled','expired')", name="state"),
        CheckConstraint("price_cents > 0", name="price"),
        CheckConstraint("billing_day BETWEEN 1 AND 31", name="billing_day"),
        CheckConstraint("end_on >= start_on", name="dates"),
        CheckConstraint("(schedule_id IS NULL) = (activated_at IS NULL)", name="activated_with_schedule"),
        CheckConstraint("state NOT IN ('active','paused','ended') OR schedule_id IS NOT NULL", name="under_schedule"),
        CheckConstraint("state NOT IN ('assigned','expired') OR schedule_id IS NULL", name="before_schedule"),
        CheckConstraint("(state = 'paused') = (paused_for IS NOT NULL)", name="paused"),
        CheckConstraint("paused_for IN ('staff','stop')", name="paused_for"),
        Index("ix_subscription_activate_by", "activate_by", "id", sqlite_where=_ASSIGNED, postgresql_where=_ASSIGNED),
        Index("ix_subscription_end_on", "end_on", "id", sqlite_where=_RUNNING, postgresql_where=_RUNNING),
        Index(None, "organisation_id", "customer_id"),
        customer_id="customer",
        account_id="account",
        program_id="program",
        schedule_id="schedule",
    )

    customer_id: Mapped[str] = mapped_column(Text)
    account_id: Mapped[str] = mapped_column(Text)  # its own: what is owed on it is what this subscription costs
    program_id: Mapped[str] = mapped_column(Text)
    reference: Mapped[str] = mapped_column(Text)  # what people read out
    program_name: Mapped[str] = mapped_column(Text)
    features: Mapped[list[dict[str, Any]]] = mapped_column(Plain)  # name, monthly_cents and share_cents of each
    price_cents: Mapped[int] = mapped_column(Cents)  # what the participant pays for a whole period
    start_on: Mapped[date] = mapped_column(Day)
    end_on: Mapped[date] = mapped_column(Day)
    billing_day: Mapped[int] = mapped_column()
    prorated: Mapped[bool] = mapped_column(Flag)
    manager_name: Mapped[str] = mapped_column(Text)
    manager_email: Mapped[str] = mapped_column(Text)
    manager_phone: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(Text, default="assigned")
    paused_for: Mapped[str | None] = mapped_column(Text)
    assigned_at: Mapped[datetime] = mapped_column(Instant)  # for the last time, when it was opened again
    assigned_by: Mapped[str] = mapped_column(Text)
    activate_by: Mapped[datetime] = mapped_column(Instant)
    activated_at: Mapped[datetime | None] = mapped_column(Instant)
    schedule_id: Mapped[str | None] = mapped_column(Text)
    periods: Mapped[list[dict[str, Any]]] = mapped_column(Plain)  # empty until it is activated
    ended_at: Mapped[datetime | None] = mapped_column(Instant)
    ended_by: Mapped[str | None] = mapped_column(Text)
    why: Mapped[str | None] = mapped_column(Text)  # staff's own words for a cancel; shown to nobody else
    version: Mapped[int] = mapped_column(default=1)


class SubscriptionReport(TenantRow):
    """What a participant wrote to their case manager about a subscription; handled by a person."""

    __tablename__ = "subscription_report"
    __table_args__ = tenant_args(
        CheckConstraint("kind IN ('wrong','stop')", name="kind"),
        Index(None, "organisation_id", "subscription_id", "made_at"),
        subscription_id="subscription",
        customer_id="customer",
    )

    subscription_id: Mapped[str] = mapped_column(Text)
    customer_id: Mapped[str] = mapped_column(Text)
    kind: Mapped[str] = mapped_column(Text)
    said: Mapped[str] = mapped_column(Text)
    made_at: Mapped[datetime] = mapped_column(Instant)
    handled_at: Mapped[datetime | None] = mapped_column(Instant)
    handled_by: Mapped[str | None] = mapped_column(Text)


class SubscriptionChange(TenantRow):
    """A change staff asked for: what, why, and who decided. One above the limit waits for a second person."""

    __tablename__ = "subscription_change"
    __table_args__ = tenant_args(
        CheckConstraint("kind IN ('extend','shorten','pause','resume','waive','reduce','cancel')", name="kind"),
        CheckConstraint("state IN ('asked','done','refused')", name="state"),
        CheckConstraint("(state = 'asked') = (decided_at IS NULL)", name="decided"),
        Index(None, "organisation_id", "subscription_id", "asked_at"),
        subscription_id="subscription",
    )

    subscription_id: Mapped[str] = mapped_column(Text)
    kind: Mapped[str] = mapped_column(Text)
    facts: Mapped[dict[str, Any]] = mapped_column(Plain)  # the new end, the payments by number, the new amount
    worth_cents: Mapped[int] = mapped_column(Cents)  # how much more or less is charged by it
    why: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(Text)
    asked_at: Mapped[datetime] = mapped_column(Instant)
    asked_by: Mapped[str] = mapped_column(Text)
    decided_at: Mapped[datetime | None] = mapped_column(Instant)
    decided_by: Mapped[str | None] = mapped_column(Text)


def program_named(session: Session, name: str) -> Program | None:
    """The program of this name."""
    return session.scalars(select(Program).where(Program.name == name)).one_or_none()


def program_by_id(session: Session, program_id: str) -> Program | None:
    """The program of this organisation, or nothing."""
    return session.scalars(select(Program).where(Program.id == program_id)).one_or_none()


def programs(session: Session) -> list[Program]:
    """Every program of this organisation, by name."""
    return list(session.scalars(select(Program).order_by(Program.name)))


def by_id(session: Session, subscription_id: str) -> Subscription | None:
    """The subscription of this organisation, or nothing."""
    return session.scalars(select(Subscription).where(Subscription.id == subscription_id)).one_or_none()


def by_reference(session: Session, reference: str) -> Subscription | None:
    """The subscription with the number people read out."""
    return session.scalars(select(Subscription).where(Subscription.reference == reference)).one_or_none()


def owned_by(session: Session, subscription_id: str, customer_id: str) -> Subscription | None:
    """The subscription if it is this customer's; nothing otherwise."""
    return session.scalars(
        select(Subscription).where(Subscription.id == subscription_id, Subscription.customer_id == customer_id)
    ).one_or_none()


def fresh(session: Session, subscription_id: str) -> Subscription | None:
    """The subscription as it stands now, read again. Its account is locked by then, and that guards it."""
    return session.scalars(
        select(Subscription)
        .where(Subscription.id == subscription_id)
        .execution_options(populate_existing=True)
    ).one_or_none()  # fmt: skip


def of_schedule(session: Session, schedule_id: str) -> Subscription | None:
    """The subscription whose activation made a schedule, read again; nothing for another schedule."""
    return session.scalars(
        select(Subscription)
        .where(Subscription.schedule_id == schedule_id)
        .execution_options(populate_existing=True)
    ).one_or_none()  # fmt: skip


def of_account(session: Session, account_id: str) -> Subscription | None:
    """The subscription whose account this is, if it is that of one."""
    return session.scalars(select(Subscription).where(Subscription.account_id == account_id)).one_or_none()


def of_customer(session: Session, customer_id: str) -> list[Subscription]:
    """Every subscription of a customer, newest first."""
    return list(
        session.scalars(
            select(Subscription)
            .where(Subscription.customer_id == customer_id)
            .order_by(Subscription.assigned_at.desc(), Subscription.id)
        )
    )


def listed(session: Session, state: str | None, limit: int) -> list[Subscription]:
    """Subscriptions of this organisation, newest first; `state` leaves out all others."""
    wanted = select(Subscription).order_by(Subscription.assigned_at.desc(), Subscription.id).limit(limit)
    return list(session.scalars(wanted if state is None else wanted.where(Subscription.state == state)))


def assigned_until(
    session: Session, until: datetime, after: tuple[datetime, str] | None, limit: int
) -> list[Subscription]:
    """Ones that wait until a moment, the next to end first; across organisations. `after` goes on from a row."""
    wanted = select(Subscription).where(_ASSIGNED, Subscription.activate_by <= until)
    if after is not None:
        at, subscription_id = after
        wanted = wanted.where(
            (Subscription.activate_by > at) | ((Subscription.activate_by == at) & (Subscription.id > subscription_id))
        )
    return list(session.scalars(wanted.order_by(Subscription.activate_by, Subscription.id).limit(limit)))


def next_deadline(session: Session) -> datetime | None:
    """When the next one that waits must be activated; across organisations or in one."""
    return session.scalar(select(func.min(Subscription.activate_by)).where(_ASSIGNED))


def running_until(session: Session, on: date, after: tuple[date, str] | None, limit: int) -> list[Subscription]:
    """Ones that run, of a program that ends before a day, the first to end first; across organisations. `after` goes
    on from a row.
    """
    wanted = select(Subscription).where(_RUNNING, Subscription.end_on < on)
    if after is not None:
        end_on, subscription_id = after
        wanted = wanted.where(
            (Subscription.end_on > end_on) | ((Subscription.end_on == end_on) & (Subscription.id > subscription_id))
        )
    return list(session.scalars(wanted.order_by(Subscription.end_on, Subscription.id).limit(limit)))


def report_by_id(session: Session, report_id: str) -> SubscriptionReport | None:
    """The report of this organisation, or nothing."""
    return session.scalars(select(SubscriptionReport).where(SubscriptionReport.id == report_id)).one_or_none()


def reports_of(session: Session, subscription_id: str) -> list[SubscriptionReport]:
    """What was written about a subscription, newest first."""
    return list(
        session.scalars(
            select(SubscriptionReport)
            .where(SubscriptionReport.subscription_id == subscription_id)
            .order_by(SubscriptionReport.made_at.desc(), SubscriptionReport.id)
        )
    )


def change_by_id(session: Session, change_id: str) -> SubscriptionChange | None:
    """The change of this organisation, or nothing."""
    return session.scalars(select(SubscriptionChange).where(SubscriptionChange.id == change_id)).one_or_none()


def changes_of(session: Session, subscription_id: str) -> list[SubscriptionChange]:
    """What staff changed or asked to change about a subscription, newest first."""
    return list(
        session.scalars(
            select(SubscriptionChange)
            .where(SubscriptionChange.subscription_id == subscription_id)
            .order_by(SubscriptionChange.asked_at.desc(), SubscriptionChange.id)
        )
    )
