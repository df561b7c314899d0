"""Messages out (the outbox) and receipts: written in the commit that makes them true, delivered later.

The outbox row is the promise; a doorbell only hurries it.
"""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, Index, Text, UniqueConstraint, bindparam, exists, func, select, text
from sqlalchemy.orm import Mapped, Session, mapped_column

from portal.storage.ahead import recalled
from portal.storage.fairness import in_turn
from portal.storage.rows import TenantRow, tenant_args
from portal.storage.types import Flag, Instant, Plain

_QUEUED = text("state = 'queued'")


class Receipt(TenantRow):
    """One per successful charge, for ever (N1). `number` is what people read out on the phone."""

    __tablename__ = "receipt"
    __table_args__ = tenant_args(
        UniqueConstraint("organisation_id", "charge_id"),
        UniqueConstraint("organisation_id", "number"),
        charge_id="charge",
        customer_id="customer",
        account_id="account",
    )

    charge_id: Mapped[str] = mapped_column(Text)
    customer_id: Mapped[str] = mapped_column(Text)
    account_id: Mapped[str] = mapped_column(Text)
    number: Mapped[str] = mapped_column(Text)
    facts: Mapped[dict[str, Any]] = mapped_column(Plain)
    issued_at: Mapped[datetime] = mapped_column(Instant)


class Message(TenantRow):
    """One message to one address on one channel: `dedupe_key` makes it once, `message_id` stays when repeated.

    While a rule holds it (`held_by`, `held_until`) it stays queued and is looked at again by itself; one that a rule
    ended is `stopped`, and `held_by` says which.
    """

    __tablename__ = "message"
    __table_args__ = tenant_args(
        UniqueConstraint("organisation_id", "dedupe_key"),
        CheckConstraint("channel IN ('email','sms')", name="channel"),
        CheckConstraint("state IN ('queued','sent','failed','stopped')", name="state"),
        Index("ix_message_queued", "next_try_at", "id", sqlite_where=_QUEUED, postgresql_where=_QUEUED),
        Index(None, "organisation_id", "customer_id", "created_at"),
        Index(None, "organisation_id", "provider_id"),
        Index(None, "organisation_id", "recipient", "sent_at"),
        customer_id="customer",
    )

    dedupe_key: Mapped[str] = mapped_column(Text)
    event: Mapped[str] = mapped_column(Text)
    channel: Mapped[str] = mapped_column(Text)
    customer_id: Mapped[str] = mapped_column(Text)
    subject_id: Mapped[str] = mapped_column(Text)  # what it is about: receipt, link, request
    recipient: Mapped[str] = mapped_column(Text)
    locale: Mapped[str] = mapped_column(Text)
    sealed_facts: Mapped[str | None] = mapped_column(Text)  # a link's token, sealed; wiped when sent
    sealed_stop: Mapped[str | None] = mapped_column(Text)  # the link that ends emails, sealed; wiped when sent
    message_id: Mapped[str] = mapped_column(Text)
    is_answer: Mapped[bool] = mapped_column(Flag, default=False)  # to what the person did just before it was promised
    state: Mapped[str] = mapped_column(Text, default="queued")
    tries: Mapped[int] = mapped_column(default=0)
    next_try_at: Mapped[datetime] = mapped_column(Instant)
    held_by: Mapped[str | None] = mapped_column(Text)
    held_until: Mapped[datetime | None] = mapped_column(Instant)
    counted_at: Mapped[datetime | None] = mapped_column(Instant)  # when it took its place below the day's cap
    last_error: Mapped[str | None] = mapped_column(Text)
    provider_id: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(Instant)
    sent_at: Mapped[datetime | None] = mapped_column(Instant)


# Read by a page: built once, and names its organisation itself (`database.py` holds it to that).
_RECEIPT_OF_CHARGE = (
    select(Receipt)
    .where(Receipt.organisation_id == bindparam("organisation_id"), Receipt.charge_id == bindparam("charge_id"))
    .execution_options(names_organisation=True)
)


def receipt_of_charge(session: Session, charge_id: str) -> Receipt | None:
    """The receipt of a charge."""
    own = {"organisation_id": session.info["organisation_id"], "charge_id": charge_id}
    return session.scalars(_RECEIPT_OF_CHARGE, own).one_or_none()


def receipts_of(session: Session, customer_id: str, limit: int) -> list[Receipt]:
    """Receipts of a customer, newest first."""
    return list(
        session.scalars(
            select(Receipt)
            .where(Receipt.customer_id == customer_id)
            .order_by(Receipt.issued_at.desc(), Receipt.id)
            .limit(limit)
        )
    )


def receipts_of_charges(session: Session, charge_ids: Collection[str]) -> dict[str, Receipt]:
    """Charge id -> its receipt, for those that have one."""
    rows = session.scalars(select(Receipt).where(Receipt.charge_id.in_(charge_ids)))
    return {row.charge_id: row for row in rows}


def receipt_by_id(session: Session, receipt_id: str) -> Receipt | None:
    """The receipt of this organisation, or nothing."""
    return session.scalars(select(Receipt).where(Receipt.id == receipt_id)).one_or_none()


def receipt_by_number(session: Session, number: str) -> Receipt | None:
    """The receipt with the number people read out."""
    return session.scalars(select(Receipt).where(Receipt.number == number)).one_or_none()


def was_told(session: Session, subject_id: str, events: Collection[str]) -> bool:
    """Whether one of these messages about a subject left, or may have left."""
    left = (Message.state == "sent") | ((Message.state == "queued") & (Message.tries > 0))
    about = exists().where(Message.subject_id == subject_id, Message.event.in_(events), left)
    return bool(session.scalar(select(about)))


def by_dedupe_key(session: Session, dedupe_key: str) -> Message | None:
    """The message already promised under this key."""
    return recalled(
        session,
        ("message", dedupe_key),
        lambda: session.scalars(select(Message).where(Message.dedupe_key == dedupe_key)).one_or_none(),
    )


def lock(session: Session, message_id: str, *, skip_locked: bool = False) -> Message | None:
    """The message, locked and read afresh. `skip_locked`: nothing when another sender holds it."""
    return session.scalars(
        select(Message)
        .where(Message.id == message_id)
        .with_for_update(skip_locked=skip_locked)
        .execution_options(populate_existing=True)
    ).one_or_none()


def queued_and_due(session: Session, now: datetime, limit: int) -> list[tuple[str, str]]:
    """(organisation id, message id) of messages whose time has come; across organisations, in turn."""
    return in_turn(session, Message.id, Message.next_try_at, _QUEUED, Message.next_try_at <= now, limit=limit)


def count_to_recipient(session: Session, event: str, recipient: str, since: datetime) -> int:
    """How many messages of an event were promised to an address since a moment."""
    return (
        session.scalar(
            select(func.count())
            .select_from(Message)
            .where(Message.event == event, Message.recipient == recipient, Message.created_at >= since)
        )
        or 0
    )


def times_told(session: Session, event: str, customer_id: str, subject_id: str) -> int:
    """How often a customer was promised an event about a subject; by two channels at once is once."""
    same = (Message.customer_id == customer_id, Message.event == event, Message.subject_id == subject_id)
    return max(session.scalars(select(func.count()).where(*same).group_by(Message.channel)), default=0)


def oldest_queued(session: Session) -> datetime | None:
    """When the oldest undelivered message was promised; one that a rule holds is not late."""
    waiting = (_QUEUED, Message.held_by.is_(None))
    return session.scalar(select(func.min(Message.created_at)).where(*waiting))


def has_email(session: Session, row: Message) -> bool:
    """Whether the same thing was promised by email as well, whatever became of that."""
    same = (Message.event == row.event, Message.subject_id == row.subject_id, Message.channel == "email")
    return bool(session.scalar(select(exists().where(*same))))


def is_told_otherwise(session: Session, row: Message) -> bool:
    """Whether the same thing went, or goes, to the customer in another message."""
    same = (Message.event == row.event, Message.subject_id == row.subject_id, Message.id != row.id)
    return session.scalar(select(Message.id).where(*same, Message.state.in_(("queued", "sent"))).limit(1)) is not None


def latest_to(session: Session, channel: str, recipient: str) -> Message | None:
    """The message that went last to an address, for whom and about what a reply to it may be; answers left out."""
    to = (Message.channel == channel, Message.recipient == recipient, Message.sent_at.is_not(None))
    asked = Message.event.not_in(("sms_stopped", "sms_started", "sms_help"))
    return session.scalars(select(Message).where(*to, asked).order_by(Message.sent_at.desc()).limit(1)).one_or_none()


def was_sent_any(session: Session, channel: str, recipient: str, events: Collection[str]) -> bool:
    """Whether a message of one of these kinds has gone to an address."""
    to = (Message.channel == channel, Message.recipient == recipient, Message.sent_at.is_not(None))
    return bool(session.scalar(select(exists().where(*to, Message.event.in_(events)))))


def held(session: Session) -> list[Message]:
    """Every message that a rule holds, the one that leaves first on top."""
    waiting = (Message.state == "queued", Message.held_by.is_not(None))
    return list(session.scalars(select(Message).where(*waiting).order_by(Message.held_until, Message.id)))


def latest(session: Session, limit: int) -> list[Message]:
    """The messages promised last, newest first."""
    return list(session.scalars(select(Message).order_by(Message.created_at.desc(), Message.id).limit(limit)))


def by_id(session: Session, message_id: str) -> Message | None:
    """The message of this organisation, or nothing."""
    return session.scalars(select(Message).where(Message.id == message_id)).one_or_none()


def twin(row: Message, **changes: Any) -> Message:
    """The same message in no session, with other values; for whoever only reads it."""
    return Message(**{each.key: getattr(row, each.key) for each in Message.__table__.columns} | changes)


def of_customer(session: Session, customer_id: str) -> list[Message]:
    """Every message promised to a customer, in order."""
    return list(
        session.scalars(
            select(Message).where(Message.customer_id == customer_id).order_by(Message.created_at, Message.id)
        )
    )


def next_try_at(session: Session) -> datetime | None:
    """When the next queued message is to be tried; across organisations or in one."""
    return session.scalar(select(func.min(Message.next_try_at)).where(_QUEUED))
