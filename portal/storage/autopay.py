"""AutoPay: a customer's standing authorization to charge what new services leave on one account; each payment of it.

Asked by use cases and, read only, by pages. A payment is an obligation of a schedule of its own; one above the
customer's limit has no schedule: they were asked instead.
"""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, Index, Text, UniqueConstraint, and_, func, or_, select, text
from sqlalchemy.orm import Mapped, Session, mapped_column

from portal.storage.account import Account
from portal.storage.customer import Customer
from portal.storage.obligation import Obligation
from portal.storage.payment_method import PaymentMethod
from portal.storage.rows import TenantRow, tenant_args
from portal.storage.schedule import Schedule
from portal.storage.service import Service, ServiceEntry
from portal.storage.share import ServiceShare
from portal.storage.types import Cents, Instant, Plain

_ON = text("status = 'on'")
LIVE = ("active", "paused", "broken")  # schedules that have not ended


class Autopay(TenantRow):
    """One authorization on one account; at most one is on. The account's lock guards it.

    `covers_from`: services recorded before are the customer's to pay by hand. `next_look_at`: for the clock.
    """

    __tablename__ = "autopay"
    __table_args__ = tenant_args(
        CheckConstraint("status IN ('on','off')", name="status"),
        CheckConstraint("(status = 'on') = (ended_at IS NULL)", name="ended"),
        CheckConstraint("limit_cents > 0", name="limit"),
        CheckConstraint("notice_days > 0", name="notice"),
        CheckConstraint("locale IN ('en','es')", name="locale"),
        Index("uq_autopay_on", "organisation_id", "account_id", unique=True, sqlite_where=_ON, postgresql_where=_ON),
        Index("ix_autopay_look", "next_look_at", "id", sqlite_where=_ON, postgresql_where=_ON),
        Index(None, "organisation_id", "customer_id"),
        customer_id="customer",
        account_id="account",
        agreement_id="agreement",
        payment_method_id="payment_method",
    )

    customer_id: Mapped[str] = mapped_column(Text)
    account_id: Mapped[str] = mapped_column(Text)
    agreement_id: Mapped[str] = mapped_column(Text)
    payment_method_id: Mapped[str] = mapped_column(Text)
    limit_cents: Mapped[int] = mapped_column(Cents)  # of one payment; above it the customer is asked
    notice_days: Mapped[int] = mapped_column()  # as it was sealed, whatever the organisation's setting became since
    status: Mapped[str] = mapped_column(Text, default="on")
    covers_from: Mapped[datetime] = mapped_column(Instant)
    next_look_at: Mapped[datetime] = mapped_column(Instant)
    locale: Mapped[str] = mapped_column(Text)
    made_at: Mapped[datetime] = mapped_column(Instant)
    ended_at: Mapped[datetime | None] = mapped_column(Instant)
    ended_by: Mapped[str | None] = mapped_column(Text)
    version: Mapped[int] = mapped_column(default=1)


class AutopayPayment(TenantRow):
    """One payment that was announced, or, without a schedule, one above the limit that the customer was asked about."""

    __tablename__ = "autopay_payment"
    __table_args__ = tenant_args(
        UniqueConstraint("organisation_id", "schedule_id"),
        CheckConstraint("amount_cents > 0", name="amount"),
        Index(None, "organisation_id", "autopay_id", "made_at"),
        autopay_id="autopay",
        schedule_id="schedule",
    )

    autopay_id: Mapped[str] = mapped_column(Text)
    schedule_id: Mapped[str | None] = mapped_column(Text)
    amount_cents: Mapped[int] = mapped_column(Cents)
    services: Mapped[list[Any]] = mapped_column(Plain)  # ids
    made_at: Mapped[datetime] = mapped_column(Instant)


def by_id(session: Session, autopay_id: str) -> Autopay | None:
    """The authorization of this organisation, or nothing."""
    return session.scalars(select(Autopay).where(Autopay.id == autopay_id)).one_or_none()


def fresh(session: Session, autopay_id: str) -> Autopay | None:
    """As it stands now, read again. Its account is locked by then, and that guards it."""
    return session.scalars(
        select(Autopay).where(Autopay.id == autopay_id).execution_options(populate_existing=True)
    ).one_or_none()


def on_account(session: Session, account_id: str) -> Autopay | None:
    """The one that is on, read again."""
    return session.scalars(
        select(Autopay)
        .where(Autopay.account_id == account_id, Autopay.status == "on")
        .execution_options(populate_existing=True)
    ).one_or_none()


def of_account(session: Session, account_id: str) -> list[Autopay]:
    """Every one of an account, on and off, in the order they were turned on."""
    here = select(Autopay).where(Autopay.account_id == account_id)
    return list(session.scalars(here.order_by(Autopay.made_at, Autopay.id)))


def on_schedule(session: Session, schedule_id: str) -> Autopay | None:
    """The one that is on and announced the payment of a schedule."""
    return session.scalars(
        select(Autopay)
        .join(
            AutopayPayment,
            and_(AutopayPayment.organisation_id == Autopay.organisation_id, AutopayPayment.autopay_id == Autopay.id),
        )
        .where(AutopayPayment.schedule_id == schedule_id, Autopay.status == "on")
    ).one_or_none()


def on_of_customer(session: Session, customer_id: str) -> list[Autopay]:
    """Those of a customer that are on, by account."""
    return list(
        session.scalars(
            select(Autopay)
            .where(Autopay.customer_id == customer_id, Autopay.status == "on")
            .order_by(Autopay.account_id)
        )
    )


def last_on_account(session: Session, account_id: str) -> Autopay | None:
    """The one that is on, or the one that was turned off last."""
    return session.scalars(
        select(Autopay)
        .where(Autopay.account_id == account_id)
        .order_by(Autopay.ended_at.desc().nulls_first(), Autopay.made_at.desc(), Autopay.id)
        .limit(1)
    ).one_or_none()


def announced_for(session: Session, customer_id: str) -> set[str]:
    """Ids of the schedules that those of a customer that are on have announced."""
    return set(
        session.scalars(
            select(AutopayPayment.schedule_id)
            .join(
                Autopay,
                and_(
                    Autopay.organisation_id == AutopayPayment.organisation_id, Autopay.id == AutopayPayment.autopay_id
                ),
            )
            .where(Autopay.customer_id == customer_id, Autopay.status == "on", AutopayPayment.schedule_id.is_not(None))
        )
    )


def page_of(
    session: Session, after: Autopay | None, limit: int
) -> list[tuple[Autopay, Account, Customer, PaymentMethod]]:
    """Those of an organisation that are on, the newest first; `after` goes on from the last row of the page before."""
    wanted = (
        select(Autopay, Account, Customer, PaymentMethod)
        .join(Account, and_(Account.organisation_id == Autopay.organisation_id, Account.id == Autopay.account_id))
        .join(Customer, and_(Customer.organisation_id == Autopay.organisation_id, Customer.id == Autopay.customer_id))
        .join(
            PaymentMethod,
            and_(
                PaymentMethod.organisation_id == Autopay.organisation_id,
                PaymentMethod.id == Autopay.payment_method_id,
            ),
        )
        .where(Autopay.status == "on")
        .order_by(Autopay.made_at.desc(), Autopay.id)
        .limit(limit)
    )
    if after is not None:
        wanted = wanted.where(
            or_(Autopay.made_at < after.made_at, and_(Autopay.made_at == after.made_at, Autopay.id > after.id))
        )
    return [(row[0], row[1], row[2], row[3]) for row in session.execute(wanted)]


def next_of(session: Session, autopay_ids: Collection[str]) -> dict[str, Obligation]:
    """Autopay id -> its payment that comes next, or waits because it was declined."""
    rows = session.execute(
        select(AutopayPayment.autopay_id, Obligation)
        .join(
            Obligation,
            and_(
                Obligation.organisation_id == AutopayPayment.organisation_id,
                Obligation.subject_id == AutopayPayment.schedule_id,
            ),
        )
        .join(
            Schedule, and_(Schedule.organisation_id == Obligation.organisation_id, Schedule.id == Obligation.subject_id)
        )
        .where(
            AutopayPayment.autopay_id.in_(autopay_ids),
            Schedule.status.in_(LIVE),
            Obligation.status.in_(("due", "charging", "review", "declined")),
        )
        .order_by(Obligation.due_on.desc(), Obligation.id)
    )
    return {row[0]: row[1] for row in rows}


def to_look_at(session: Session, now: datetime, limit: int) -> list[tuple[str, str]]:
    """(organisation id, autopay id) of those whose time for a look has come, across organisations, longest first."""
    rows = session.execute(
        select(Autopay.organisation_id, Autopay.id)
        .where(Autopay.status == "on", Autopay.next_look_at <= now)
        .order_by(Autopay.next_look_at, Autopay.id)
        .limit(limit)
    )
    return [(row[0], row[1]) for row in rows]


def payment_by_id(session: Session, payment_id: str) -> AutopayPayment | None:
    """A payment that was announced or asked about."""
    return session.scalars(select(AutopayPayment).where(AutopayPayment.id == payment_id)).one_or_none()


def asked_of(session: Session, autopay_id: str) -> list[AutopayPayment]:
    """Payments above the limit that the customer was asked about, the newest first."""
    return list(
        session.scalars(
            select(AutopayPayment)
            .where(AutopayPayment.autopay_id == autopay_id, AutopayPayment.schedule_id.is_(None))
            .order_by(AutopayPayment.made_at.desc(), AutopayPayment.id)
        )
    )


def schedules_of(session: Session, autopay_id: str, *, live: bool = True) -> list[Schedule]:
    """The schedules of payments that were announced, oldest first; `live`: only those that have not ended."""
    question = (
        select(Schedule)
        .join(
            AutopayPayment,
            and_(AutopayPayment.organisation_id == Schedule.organisation_id, AutopayPayment.schedule_id == Schedule.id),
        )
        .where(AutopayPayment.autopay_id == autopay_id)
        .order_by(Schedule.made_at, Schedule.id)
        .execution_options(populate_existing=True)
    )
    if live:
        question = question.where(Schedule.status.in_(LIVE))
    return list(session.scalars(question))


def obligations_of(session: Session, schedule_ids: Collection[str]) -> list[Obligation]:
    """The payments of these schedules, the next one first, read again."""
    return list(
        session.scalars(
            select(Obligation)
            .where(Obligation.subject_id.in_(schedule_ids), Obligation.kind == "scheduled")
            .order_by(Obligation.due_on, Obligation.created_at, Obligation.id)
            .execution_options(populate_existing=True)
        )
    )


def scheduled_shares(session: Session, service_ids: Collection[str]) -> list[tuple[ServiceShare, Obligation]]:
    """Every share that a scheduled payment ever had of these services, with the payment."""
    rows = session.execute(
        select(ServiceShare, Obligation)
        .join(
            Obligation,
            and_(
                Obligation.organisation_id == ServiceShare.organisation_id, Obligation.id == ServiceShare.obligation_id
            ),
        )
        .where(ServiceShare.service_id.in_(service_ids), Obligation.kind == "scheduled")
    )
    return [(row[0], row[1]) for row in rows]


def last_moved(session: Session, service_ids: Collection[str]) -> dict[str, datetime]:
    """Service id -> when its money moved last."""
    rows = session.execute(
        select(ServiceEntry.service_id, func.max(ServiceEntry.posted_at))
        .where(ServiceEntry.service_id.in_(service_ids))
        .group_by(ServiceEntry.service_id)
    )
    return {row[0]: row[1] for row in rows}


def is_owed(session: Session, service_ids: Collection[str]) -> bool:
    """Whether any of these services is not paid."""
    owed = select(Service.id).where(Service.id.in_(service_ids), Service.balance_cents > 0).limit(1)
    return session.scalar(owed) is not None


def next_look_at(session: Session) -> datetime | None:
    """When the clock is to look at one next; across organisations."""
    return session.scalar(select(func.min(Autopay.next_look_at)).where(Autopay.status == "on"))
