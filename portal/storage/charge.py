"""Charges: one attempt each at the gateway. The partial unique index is the last wall against a second one.

Moves are made by `portal.usecases.charge` alone; this file asks and locks.
"""

from datetime import datetime

from sqlalchemy import CheckConstraint, Index, Text, UniqueConstraint, bindparam, func, select, text
from sqlalchemy.orm import Mapped, Session, mapped_column

from portal.storage.ahead import recalled
from portal.storage.fairness import in_turn
from portal.storage.obligation import Obligation
from portal.storage.rows import TenantRow, tenant_args
from portal.storage.types import Cents, Flag, Instant

HOLDING = ("sending", "unknown", "review")  # these may still take what they hold
_LIVE = text("state NOT IN ('declined','never_received','not_sent')")
_OPEN = text("state IN ('sending','unknown')")
_DECLINED = text("state = 'declined'")
NEVER_PAID_OUT = ("voided", "settlement_declined", "settlement_failed")
_UNSETTLED = text(f"state = 'succeeded' AND settled_at IS NULL AND gateway_status NOT IN {NEVER_PAID_OUT}")
_UNWANTED = text("cancel_requested_at IS NOT NULL AND cancel_settled_at IS NULL")


class Charge(TenantRow):
    """One attempt for one obligation: `n` of it, named `order_id` at the gateway."""

    __tablename__ = "charge"
    __table_args__ = tenant_args(
        UniqueConstraint("organisation_id", "order_id"),
        UniqueConstraint("organisation_id", "gateway_id"),
        UniqueConstraint("organisation_id", "obligation_id", "n"),
        CheckConstraint(
            "state IN ('sending','succeeded','declined','not_sent','unknown','never_received','review')", name="state"
        ),
        CheckConstraint("amount_cents > 0", name="amount"),
        Index("uq_charge_live", "organisation_id", "obligation_id", unique=True,
              sqlite_where=_LIVE, postgresql_where=_LIVE),
        Index("ix_charge_open", "next_try_at", "id", sqlite_where=_OPEN, postgresql_where=_OPEN),
        Index("ix_charge_declined", "organisation_id", "payment_method_id", "claimed_at",
              sqlite_where=_DECLINED, postgresql_where=_DECLINED),
        Index("ix_charge_unwanted", "cancel_requested_at", "id", sqlite_where=_UNWANTED, postgresql_where=_UNWANTED),
        Index("ix_charge_unsettled", "organisation_id", "next_try_at",
              sqlite_where=_UNSETTLED, postgresql_where=_UNSETTLED),
        Index(None, "organisation_id", "account_id", "state"),
        Index(None, "organisation_id", "claimed_at"),
        obligation_id="obligation",
        account_id="account",
        customer_id="customer",
        payment_method_id="payment_method",
    )  # fmt: skip

    obligation_id: Mapped[str] = mapped_column(Text)
    account_id: Mapped[str] = mapped_column(Text)
    customer_id: Mapped[str] = mapped_column(Text)
    n: Mapped[int] = mapped_column()
    state: Mapped[str] = mapped_column(Text)
    order_id: Mapped[str] = mapped_column(Text)
    is_keyed: Mapped[bool] = mapped_column(Flag)
    request_sha256: Mapped[str] = mapped_column(Text)
    amount_cents: Mapped[int] = mapped_column(Cents)
    held_cents: Mapped[int] = mapped_column(Cents)  # amount plus what is forgiven with it: not free to be paid again
    currency: Mapped[str] = mapped_column(Text)
    source: Mapped[str | None] = mapped_column(Text)  # transaction_source; none when the customer is present
    payment_method_id: Mapped[str | None] = mapped_column(Text)  # none: a nonce was used, so it is never resent
    card_brand: Mapped[str | None] = mapped_column(Text)
    card_last4: Mapped[str | None] = mapped_column(Text)
    lease_until: Mapped[datetime] = mapped_column(Instant)
    send_deadline: Mapped[datetime] = mapped_column(Instant)
    sent_at: Mapped[datetime | None] = mapped_column(Instant)
    next_try_at: Mapped[datetime] = mapped_column(Instant)
    tries: Mapped[int] = mapped_column(default=0)
    burned_at: Mapped[datetime | None] = mapped_column(Instant)  # when its nonce was made useless uncharged
    used_at: Mapped[datetime | None] = mapped_column(Instant)  # when its nonce was first seen to be used, unfound
    cancel_requested_at: Mapped[datetime | None] = mapped_column(Instant)  # its payment was cancelled while it was sent
    cancel_settled_at: Mapped[datetime | None] = mapped_column(Instant)  # when it was given back, or known not taken
    gateway_id: Mapped[str | None] = mapped_column(Text)
    gateway_status: Mapped[str | None] = mapped_column(Text)
    processor_code: Mapped[str | None] = mapped_column(Text)
    processor_type: Mapped[str | None] = mapped_column(Text)
    reason: Mapped[str | None] = mapped_column(Text)
    claimed_at: Mapped[datetime] = mapped_column(Instant)
    settled_at: Mapped[datetime | None] = mapped_column(Instant)  # when the gateway paid it out, once we heard of it
    resolved_at: Mapped[datetime | None] = mapped_column(Instant)
    resolved_by: Mapped[str | None] = mapped_column(Text)


# Read by a page that asks again: built once, and names its organisation itself (`database.py` holds it to that).
_OF_OBLIGATION = (
    select(Charge)
    .where(Charge.organisation_id == bindparam("organisation_id"), Charge.obligation_id == bindparam("obligation_id"))
    .order_by(Charge.n)
    .execution_options(names_organisation=True)
)


_HELD = (
    select(func.sum(Charge.held_cents))
    .where(
        Charge.organisation_id == bindparam("organisation_id"),
        Charge.account_id == bindparam("account_id"),
        Charge.state.in_(HOLDING),
    )
    .execution_options(names_organisation=True)
)


def by_id(session: Session, charge_id: str) -> Charge | None:
    """The charge of this organisation, or nothing."""
    return recalled(
        session,
        ("charge", charge_id),
        lambda: session.scalars(select(Charge).where(Charge.id == charge_id)).one_or_none(),
    )


def by_gateway_id(session: Session, gateway_id: str) -> Charge | None:
    """The charge whose sale at the gateway this is."""
    return session.scalars(select(Charge).where(Charge.gateway_id == gateway_id)).one_or_none()


def by_order_id(session: Session, order_id: str) -> Charge | None:
    """The charge of that name at the gateway."""
    return session.scalars(select(Charge).where(Charge.order_id == order_id)).one_or_none()


def claimed_between(session: Session, from_at: datetime, to_at: datetime) -> list[Charge]:
    """Charges that were claimed from one moment until another."""
    return list(
        session.scalars(
            select(Charge).where(Charge.claimed_at >= from_at, Charge.claimed_at < to_at).order_by(Charge.claimed_at)
        )
    )


def lock(session: Session, charge_id: str) -> Charge:
    """The charge, locked and read afresh. After its account, never before."""
    return recalled(
        session,
        ("charge", charge_id),
        lambda: session.scalars(
            select(Charge).where(Charge.id == charge_id).with_for_update().execution_options(populate_existing=True)
        ).one(),
    )


def of_obligation(session: Session, obligation_id: str) -> list[Charge]:
    """All attempts for an obligation, in order."""
    own = {"organisation_id": session.info["organisation_id"], "obligation_id": obligation_id}
    return recalled(session, ("attempts", obligation_id), lambda: list(session.scalars(_OF_OBLIGATION, own)))


def held_cents(session: Session, account_id: str) -> int:
    """What open attempts may still take from an account: not yet paid, but not free to be paid again."""
    own = {"organisation_id": session.info["organisation_id"], "account_id": account_id}
    return recalled(session, ("held", account_id), lambda: int(session.scalar(_HELD, own) or 0))


def taken_under(session: Session, account_id: str, agreement_id: str) -> tuple[int, int, datetime | None]:
    """How many charges took money under an agreement about an account, how many cents in all, and when last."""
    number, cents, last = session.execute(
        select(func.count(), func.sum(Charge.amount_cents), func.max(Charge.resolved_at))
        .join(Obligation, (Obligation.id == Charge.obligation_id) & (Obligation.agreement_id == agreement_id))
        .where(Charge.account_id == account_id, Charge.state == "succeeded")
    ).one()
    return number, int(cents or 0), last


def open_and_due(session: Session, now: datetime, limit: int) -> list[tuple[str, str]]:
    """(organisation id, charge id) of attempts whose lease or next try has come; across organisations, in turn."""
    return in_turn(
        session,
        Charge.id,
        Charge.next_try_at,
        _OPEN,
        Charge.next_try_at <= now,
        limit=limit,
    )


def count_by_state(session: Session) -> dict[str, int]:
    """How many charges stand in each state; across organisations or in one."""
    rows = session.execute(select(Charge.state, func.count()).group_by(Charge.state))
    return {row[0]: row[1] for row in rows}


def oldest_open(session: Session) -> datetime | None:
    """When the oldest attempt without an answer was claimed."""
    return session.scalar(select(func.min(Charge.claimed_at)).where(_OPEN))


def count_declined(session: Session, account_id: str, since: datetime) -> int:
    """How many attempts on an account were declined since a moment: the rows themselves, so no race escapes it."""
    return (
        session.scalar(
            select(func.count())
            .select_from(Charge)
            .where(Charge.account_id == account_id, Charge.state == "declined", Charge.claimed_at >= since)
        )
        or 0
    )


def count_card_declined(session: Session, payment_method_id: str, since: datetime) -> int:
    """How often a card on file was declined since a moment, whatever it was charged for."""
    known: tuple[datetime, list[tuple[datetime]]] | None = recalled(
        session, ("declined", payment_method_id), lambda: None
    )
    if known is not None and known[0] <= since:
        return sum(moment >= since for (moment,) in known[1])
    return (
        session.scalar(
            select(func.count())
            .select_from(Charge)
            .where(
                Charge.payment_method_id == payment_method_id,
                Charge.state == "declined",
                Charge.claimed_at >= since,
            )
        )
        or 0
    )


def unwanted(session: Session, limit: int, until: datetime | None = None) -> list[tuple[str, str]]:
    """(organisation id, charge id) of attempts whose payment was cancelled on the way, not yet settled.

    `until`: only those that were taken and are to be given back by then.
    """
    taken = () if until is None else (Charge.state == "succeeded", Charge.next_try_at <= until)
    rows = session.execute(
        select(Charge.organisation_id, Charge.id)
        .where(Charge.cancel_requested_at.is_not(None), Charge.cancel_settled_at.is_(None), *taken)
        .order_by(Charge.cancel_requested_at, Charge.id)
        .limit(limit)
    )
    return [(row[0], row[1]) for row in rows]


def unsettled(session: Session, claimed_before: datetime, now: datetime, limit: int) -> list[str]:
    """Ids of payments taken before a moment that the gateway has not paid out and whose look has come; longest first.

    Not of those that are to be given back: they are looked at until they are.
    """
    return list(
        session.scalars(
            select(Charge.id)
            .where(
                _UNSETTLED,
                Charge.next_try_at <= now,
                Charge.claimed_at < claimed_before,
                Charge.cancel_requested_at.is_(None) | Charge.cancel_settled_at.is_not(None),
            )
            .order_by(Charge.next_try_at, Charge.id)
            .limit(limit)
        )
    )


def may_settle(row: Charge) -> bool:
    """Whether a payment was taken and may yet be paid out."""
    return row.state == "succeeded" and row.settled_at is None and row.gateway_status not in NEVER_PAID_OUT


def next_look_at(session: Session) -> datetime | None:
    """When the next attempt without an answer is to be looked at; across organisations or in one."""
    return session.scalar(select(func.min(Charge.next_try_at)).where(_OPEN))
