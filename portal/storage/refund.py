"""Refunds and voids: money given back for one charge, one attempt each at the gateway.

Moves are made by `portal.usecases.refund` alone; this file asks and locks. A charge keeps its state: what was given
back is read from here.
"""

from datetime import datetime

from sqlalchemy import CheckConstraint, Index, Text, UniqueConstraint, func, select, text
from sqlalchemy.orm import Mapped, Session, mapped_column

from portal.storage.fairness import in_turn
from portal.storage.rows import TenantRow, tenant_args
from portal.storage.types import Cents, Flag, Instant

_LIVE = text("state NOT IN ('declined','never_received','not_sent')")
_OPEN = text("state IN ('sending','unknown')")
_UNSETTLED = text("way = 'refund' AND state = 'succeeded' AND settled_at IS NULL")


class Refund(TenantRow):
    """Attempt `n` of one wish to give money back (`request_key`), named `order_id` at the gateway."""

    __tablename__ = "refund"
    __table_args__ = tenant_args(
        UniqueConstraint("organisation_id", "order_id"),
        UniqueConstraint("organisation_id", "request_key", "n"),
        CheckConstraint("way IN ('void','refund')", name="way"),
        CheckConstraint(
            "state IN ('sending','succeeded','declined','not_sent','unknown','never_received','review')", name="state"
        ),
        CheckConstraint("amount_cents > 0", name="amount"),
        Index("uq_refund_live", "organisation_id", "request_key", unique=True,
              sqlite_where=_LIVE, postgresql_where=_LIVE),
        Index("uq_refund_gateway", "organisation_id", "gateway_id", unique=True,
              sqlite_where=text("way = 'refund'"), postgresql_where=text("way = 'refund'")),
        Index("ix_refund_open", "next_try_at", "id", sqlite_where=_OPEN, postgresql_where=_OPEN),
        Index("ix_refund_unsettled", "next_try_at", "id", sqlite_where=_UNSETTLED, postgresql_where=_UNSETTLED),
        Index(None, "organisation_id", "charge_id"),
        Index(None, "organisation_id", "claimed_at"),
        charge_id="charge",
        account_id="account",
        customer_id="customer",
    )  # fmt: skip

    request_key: Mapped[str] = mapped_column(Text)
    n: Mapped[int] = mapped_column()
    charge_id: Mapped[str] = mapped_column(Text)
    account_id: Mapped[str] = mapped_column(Text)
    customer_id: Mapped[str] = mapped_column(Text)
    way: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(Text)
    order_id: Mapped[str] = mapped_column(Text)
    is_keyed: Mapped[bool] = mapped_column(Flag)
    amount_cents: Mapped[int] = mapped_column(Cents)
    currency: Mapped[str] = mapped_column(Text)
    reopens_balance: Mapped[bool] = mapped_column(Flag)  # whether the account owes the money again
    asked_by: Mapped[str] = mapped_column(Text)
    asked_why: Mapped[str] = mapped_column(Text, default="")
    lease_until: Mapped[datetime] = mapped_column(Instant)
    send_deadline: Mapped[datetime] = mapped_column(Instant)
    sent_at: Mapped[datetime | None] = mapped_column(Instant)
    next_try_at: Mapped[datetime] = mapped_column(Instant)
    tries: Mapped[int] = mapped_column(default=0)
    gateway_id: Mapped[str | None] = mapped_column(Text)  # the gateway's credit; for a void, the sale itself
    gateway_status: Mapped[str | None] = mapped_column(Text)
    processor_code: Mapped[str | None] = mapped_column(Text)
    reason: Mapped[str | None] = mapped_column(Text)
    claimed_at: Mapped[datetime] = mapped_column(Instant)
    resolved_at: Mapped[datetime | None] = mapped_column(Instant)
    resolved_by: Mapped[str | None] = mapped_column(Text)
    settled_at: Mapped[datetime | None] = mapped_column(Instant)  # when the gateway paid it out, once we heard of it
    failed_at: Mapped[datetime | None] = mapped_column(Instant)  # when we heard that it was not paid out after all


def by_id(session: Session, refund_id: str) -> Refund | None:
    """The refund of this organisation, or nothing."""
    return session.scalars(select(Refund).where(Refund.id == refund_id)).one_or_none()


def lock(session: Session, refund_id: str) -> Refund:
    """The refund, locked and read afresh. After its account, never before."""
    return session.scalars(
        select(Refund).where(Refund.id == refund_id).with_for_update().execution_options(populate_existing=True)
    ).one()


def of_request(session: Session, request_key: str) -> list[Refund]:
    """All attempts of one wish, in order."""
    return list(session.scalars(select(Refund).where(Refund.request_key == request_key).order_by(Refund.n)))


def of_charge(session: Session, charge_id: str) -> list[Refund]:
    """Everything ever tried to be given back of a charge, oldest first."""
    return list(
        session.scalars(
            select(Refund).where(Refund.charge_id == charge_id).order_by(Refund.claimed_at, Refund.n, Refund.id)
        )
    )


def by_order_id(session: Session, order_id: str) -> Refund | None:
    """The refund of that name at the gateway."""
    return session.scalars(select(Refund).where(Refund.order_id == order_id)).one_or_none()


def by_gateway_id(session: Session, gateway_id: str) -> Refund | None:
    """The refund whose credit at the gateway this is."""
    return session.scalars(select(Refund).where(Refund.gateway_id == gateway_id, Refund.way == "refund")).one_or_none()


def claimed_between(session: Session, from_at: datetime, to_at: datetime) -> list[Refund]:
    """Refunds that were claimed from one moment until another."""
    return list(
        session.scalars(
            select(Refund).where(Refund.claimed_at >= from_at, Refund.claimed_at < to_at).order_by(Refund.claimed_at)
        )
    )


def open_and_due(session: Session, now: datetime, limit: int) -> list[tuple[str, str]]:
    """(organisation id, refund id) of attempts whose lease or next look has come; across organisations, in turn."""
    return in_turn(
        session,
        Refund.id,
        Refund.next_try_at,
        _OPEN,
        Refund.next_try_at <= now,
        limit=limit,
    )


def unsettled_and_due(session: Session, now: datetime, limit: int) -> list[tuple[str, str]]:
    """(organisation id, refund id) of credits that were accepted and may yet fail; across organisations, in turn."""
    return in_turn(session, Refund.id, Refund.next_try_at, _UNSETTLED, Refund.next_try_at <= now, limit=limit)


def oldest_open(session: Session) -> datetime | None:
    """When the oldest attempt without an answer was claimed."""
    return session.scalar(select(func.min(Refund.claimed_at)).where(_OPEN))
