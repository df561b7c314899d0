"""Obligations: one amount due on one date, the only thing a charge is made for, and what it is to be paid with."""

from collections.abc import Collection, Sequence
from datetime import date, datetime

from sqlalchemy import CheckConstraint, Index, Text, UniqueConstraint, func, select, text, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from portal.storage.ahead import recalled
from portal.storage.fairness import in_turn
from portal.storage.rows import TenantRow, tenant_args
from portal.storage.types import Cents, Day, Instant

OPEN = ("due", "charging", "review")  # neither paid nor ended unpaid
_LIVE = text("kind = 'checkout' AND status IN ('due','charging','paid','review')")
_DUE = text("status = 'due'")
_NO_SORT = text("SET LOCAL enable_sort = off")
_UNNOTICED = text("status = 'due' AND kind = 'scheduled' AND noticed_at IS NULL")


class Obligation(TenantRow):
    """One amount of one account due at one moment. `forgiven_cents` is what a settlement forgives when it is paid."""

    __tablename__ = "obligation"
    __table_args__ = tenant_args(
        UniqueConstraint("organisation_id", "subject_id", "seq"),
        CheckConstraint("kind IN ('checkout','scheduled')", name="kind"),
        CheckConstraint("status IN ('due','charging','paid','declined','cancelled','review')", name="status"),
        CheckConstraint("amount_cents > 0", name="amount"),
        CheckConstraint("forgiven_cents >= 0", name="forgiven"),
        Index("uq_obligation_live_checkout", "organisation_id", "subject_id", unique=True,
              sqlite_where=_LIVE, postgresql_where=_LIVE),
        Index("ix_obligation_due", "due_at", "id", sqlite_where=_DUE, postgresql_where=_DUE),
        Index("ix_obligation_unnoticed", "due_at", "id", sqlite_where=_UNNOTICED, postgresql_where=_UNNOTICED),
        Index(None, "organisation_id", "account_id"),
        customer_id="customer",
        account_id="account",
        offer_id="offer",
        payment_method_id="payment_method",
        agreement_id="agreement",
    )  # fmt: skip

    customer_id: Mapped[str] = mapped_column(Text)
    account_id: Mapped[str] = mapped_column(Text)
    kind: Mapped[str] = mapped_column(Text)
    subject_id: Mapped[str] = mapped_column(Text)  # what it comes from: the visit of a checkout
    seq: Mapped[int] = mapped_column()
    amount_cents: Mapped[int] = mapped_column(Cents)
    forgiven_cents: Mapped[int] = mapped_column(Cents, default=0)
    currency: Mapped[str] = mapped_column(Text, default="USD")
    offer_id: Mapped[str | None] = mapped_column(Text)
    agreement_id: Mapped[str | None] = mapped_column(Text)
    payment_method_id: Mapped[str | None] = mapped_column(Text)
    card_nonce: Mapped[str | None] = mapped_column(
        Text
    )  # the gateway's single-use name of a typed card; wiped at the end
    card_brand: Mapped[str | None] = mapped_column(Text)
    card_last4: Mapped[str | None] = mapped_column(Text)
    keep_card_consent: Mapped[str | None] = mapped_column(Text)  # the sentence ticked to keep the card; none: not kept
    refused_code: Mapped[str | None] = mapped_column(Text)  # why it ended unpaid when no charge says so
    due_at: Mapped[datetime] = mapped_column(Instant)  # when the run may take it next: retries and holds move it
    due_on: Mapped[date | None] = mapped_column(Day)  # the local date that was promised; none for a checkout
    moved_from: Mapped[date | None] = mapped_column(Day)  # the date promised first, when it was moved since
    retries: Mapped[int] = mapped_column(default=0, server_default=text("0"))  # declined tries with the present card
    source: Mapped[str | None] = mapped_column(Text)  # transaction_source of its charge; none: the customer is present
    hold_reason: Mapped[str | None] = mapped_column(Text)  # the rule that held it when the run came last
    hold_until: Mapped[datetime | None] = mapped_column(Instant)
    handed_at: Mapped[datetime | None] = mapped_column(Instant)  # when the run last gave it to a worker, or took it up
    noticed_at: Mapped[datetime | None] = mapped_column(Instant)  # when the customer was told that it comes
    status: Mapped[str] = mapped_column(Text, default="due")
    version: Mapped[int] = mapped_column(default=1)
    created_at: Mapped[datetime] = mapped_column(Instant)


def by_id(session: Session, obligation_id: str) -> Obligation | None:
    """The obligation of this organisation, or nothing."""
    return recalled(
        session,
        ("obligation", obligation_id),
        lambda: session.scalars(select(Obligation).where(Obligation.id == obligation_id)).one_or_none(),
    )


def fresh(session: Session, obligation_id: str) -> Obligation:
    """The obligation as it stands now, read again. Its account is locked by then, and that guards it."""
    return recalled(
        session,
        ("obligation", obligation_id),
        lambda: session.scalars(
            select(Obligation).where(Obligation.id == obligation_id).execution_options(populate_existing=True)
        ).one(),
    )


def any_open_with(session: Session, account_ids: Collection[str], payment_method_id: str) -> bool:
    """Whether a payment on these accounts is neither paid nor ended and is to be paid, or being paid, with a method."""
    of_theirs = Obligation.account_id.in_(account_ids), Obligation.payment_method_id == payment_method_id
    return session.scalar(select(Obligation.id).where(*of_theirs, Obligation.status.in_(OPEN)).limit(1)) is not None


def of_subject(session: Session, subject_id: str) -> list[Obligation]:
    """All obligations of one subject, in order."""
    return list(session.scalars(select(Obligation).where(Obligation.subject_id == subject_id).order_by(Obligation.seq)))


def any_open(session: Session, subject_id: str) -> bool:
    """Whether any payment of a subject is neither paid nor ended unpaid."""
    for id_ in recalled(session, ("open_in", subject_id), lambda: _one_open(session, subject_id)):
        own: Obligation | None = recalled(session, ("obligation", id_), lambda: None)  # changed here since it was read?
        if own is None or own.status in OPEN:
            return True
    return False


def _one_open(session: Session, subject_id: str) -> Sequence[str]:
    is_open = Obligation.subject_id == subject_id, Obligation.status.in_(OPEN)
    return session.scalars(select(Obligation.id).where(*is_open).limit(1)).all()


def stale_due(session: Session, before: datetime, limit: int) -> list[tuple[str, str]]:
    """(organisation id, obligation id) of checkouts that were due, and last tried, before a moment.

    Across organisations, in turn; in each of them those that were not tried for the longest time first.
    """
    return in_turn(
        session,
        Obligation.id,
        func.coalesce(Obligation.handed_at, Obligation.due_at),
        _DUE,
        Obligation.kind == "checkout",
        Obligation.due_at <= before,
        (Obligation.handed_at.is_(None)) | (Obligation.handed_at <= before),
        limit=limit,
    )


def live_of_account(session: Session, account_id: str) -> list[Obligation]:
    """Payments of an account that are under way: neither paid nor ended unpaid."""
    return list(
        session.scalars(
            select(Obligation)
            .where(Obligation.account_id == account_id, Obligation.status.in_(("due", "charging", "review")))
            .order_by(Obligation.created_at, Obligation.id)
        )
    )


def _in_the_indexs_order(session: Session) -> None:
    """Has PostgreSQL read the first few of an index in its order, for the rest of this transaction.

    It takes row security for a condition that next to nothing meets, and would read and sort everything that is due
    for each few hundred of it: 20 ms instead of 0.7 where 3,000 payments are due.
    """
    if session.get_bind().dialect.name == "postgresql":
        session.execute(_NO_SORT)


def due_unhanded(
    session: Session, now: datetime, handed_before: datetime, limit: int, without: Collection[str] = ()
) -> list[tuple[str, str]]:
    """(organisation id, obligation id) of what is due and with no worker, oldest first; across organisations.

    `without` leaves out organisations that may take no more for the moment.
    """
    _in_the_indexs_order(session)
    rows = session.execute(
        select(Obligation.organisation_id, Obligation.id)
        .where(
            _DUE,
            Obligation.kind == "scheduled",
            Obligation.due_at <= now,
            (Obligation.handed_at.is_(None)) | (Obligation.handed_at <= handed_before),
            Obligation.organisation_id.not_in(without),
        )
        .order_by(Obligation.due_at, Obligation.id)
        .limit(limit)
    )
    return [(row[0], row[1]) for row in rows]


def hand_out(session: Session, ids: Sequence[str], now: datetime, handed_before: datetime) -> list[str]:
    """Marks as handed to a worker those of these that still wait; on PostgreSQL skips what another clock holds."""
    waiting = (
        select(Obligation.id)
        .where(
            Obligation.id.in_(ids),
            Obligation.status == "due",
            Obligation.due_at <= now,
            (Obligation.handed_at.is_(None)) | (Obligation.handed_at <= handed_before),
        )
        .with_for_update(skip_locked=True)
    )
    taken = list(session.scalars(waiting))
    if taken:
        session.execute(
            update(Obligation)
            .where(Obligation.id.in_(taken))
            .values(handed_at=now)
            .execution_options(synchronize_session=False)
        )
    order = {each: place for place, each in enumerate(ids)}
    return sorted(taken, key=order.__getitem__)


def handed_unclaimed(session: Session, now: datetime, handed_before: datetime, limit: int) -> list[tuple[str, str]]:
    """(organisation id, obligation id) of what was handed to a worker before a moment and is still due."""
    _in_the_indexs_order(session)
    rows = session.execute(
        select(Obligation.organisation_id, Obligation.id)
        .where(
            _DUE,
            Obligation.kind == "scheduled",
            Obligation.due_at <= now,
            Obligation.handed_at <= handed_before,
        )
        .order_by(Obligation.due_at, Obligation.id)
        .limit(limit)
    )
    return [(row[0], row[1]) for row in rows]


def touch_handed(session: Session, ids: Sequence[str], now: datetime) -> None:
    """Those of these that are still due count as handed out now."""
    session.execute(
        update(Obligation)
        .where(Obligation.id.in_(ids), Obligation.status == "due", Obligation.handed_at.is_not(None))
        .values(handed_at=now)
        .execution_options(synchronize_session=False)
    )


def unnoticed(session: Session, until: datetime, limit: int) -> list[tuple[str, str]]:
    """(organisation id, obligation id) of scheduled payments due until a moment that nobody was told of."""
    _in_the_indexs_order(session)
    rows = session.execute(
        select(Obligation.organisation_id, Obligation.id)
        .where(
            _UNNOTICED,
            Obligation.due_at <= until,
        )
        .order_by(Obligation.due_at, Obligation.id)
        .limit(limit)
    )
    return [(row[0], row[1]) for row in rows]


def older_untried(session: Session, subject_id: str, due_on: date) -> list[datetime]:
    """When the payments of a schedule fall due that were promised for an earlier date and never tried; oldest first.

    Read ahead for a batch, it knows the dates that have begun; a claim asks for no later ones.
    """
    known: list[tuple[date, datetime]] | None = recalled(session, ("untried", subject_id), lambda: None)
    if known is not None:
        return [due_at for promised_on, due_at in known if promised_on < due_on]
    return list(
        session.scalars(
            select(Obligation.due_at)
            .where(
                Obligation.subject_id == subject_id,
                Obligation.status == "due",
                Obligation.due_on < due_on,
                Obligation.retries == 0,
            )
            .order_by(Obligation.due_at)
        )
    )


def due_until(session: Session, until: datetime, limit: int) -> list[Obligation]:
    """Scheduled payments of this organisation that fall due until a moment, with what is due already; oldest first."""
    return list(
        session.scalars(
            select(Obligation)
            .where(Obligation.status == "due", Obligation.kind == "scheduled", Obligation.due_at <= until)
            .order_by(Obligation.due_at, Obligation.id)
            .limit(limit)
        )
    )


def count_due(session: Session, now: datetime) -> int:
    """How many scheduled payments are due and unclaimed at a moment; across organisations or in one."""
    return (
        session.scalar(
            select(func.count())
            .select_from(Obligation)
            .where(_DUE, Obligation.kind == "scheduled", Obligation.due_at <= now)
        )
        or 0
    )


def next_due_at(session: Session) -> datetime | None:
    """When the next obligation falls due; across organisations or in one."""
    return session.scalar(select(func.min(Obligation.due_at)).where(_DUE))
