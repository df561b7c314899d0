"""Payment plans, one row for each edition; the presets they are made from; and the links that open their offers.

Asked by use cases and, read only, by pages. The lock of the plan's account guards every row. The database itself holds
that a signed plan has a schedule, that an account has one plan at most under a signature, and one offer of one.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, Index, Text, UniqueConstraint, and_, func, or_, select, text
from sqlalchemy.orm import Mapped, Session, mapped_column

from portal.storage.account import Account
from portal.storage.ahead import recalled
from portal.storage.customer import Customer
from portal.storage.organisation import Organisation
from portal.storage.rows import TenantRow, tenant_args
from portal.storage.types import Cents, Instant, Plain

_UNDER_SIGNATURE = text("state IN ('signed','paused')")
_OFFERED = text("state = 'offered'")


class Plan(TenantRow):
    """One edition of a plan. A changed plan is a new row: same `reference`, next `edition`, signed afresh."""

    __tablename__ = "plan"
    __table_args__ = tenant_args(
        UniqueConstraint("organisation_id", "reference", "edition"),
        UniqueConstraint("organisation_id", "schedule_id"),
        CheckConstraint(
            "state IN ('draft','offered','signed','paused','completed','broken','cancelled','expired','superseded')",
            name="state",
        ),
        CheckConstraint("kind IN ('total','settlement')", name="kind"),
        CheckConstraint("channels IN ('email','sms','both')", name="channels"),
        CheckConstraint("total_cents > 0 AND down_cents >= 0 AND down_cents < total_cents", name="cents"),
        CheckConstraint("total_cents <= balance_cents", name="balance"),
        CheckConstraint("(schedule_id IS NULL) = (signed_at IS NULL)", name="signed_with_schedule"),
        CheckConstraint(
            "state NOT IN ('signed','paused','completed','broken') OR schedule_id IS NOT NULL", name="under_signature"
        ),
        CheckConstraint("state NOT IN ('draft','offered','expired') OR schedule_id IS NULL", name="before_signature"),
        CheckConstraint("(state = 'paused') = (paused_for IS NOT NULL)", name="paused"),
        CheckConstraint("paused_for IN ('staff','change')", name="paused_for"),
        Index("uq_plan_under_signature", "organisation_id", "account_id", unique=True,
              sqlite_where=_UNDER_SIGNATURE, postgresql_where=_UNDER_SIGNATURE),
        Index("uq_plan_offered", "organisation_id", "account_id", unique=True,
              sqlite_where=_OFFERED, postgresql_where=_OFFERED),
        Index("ix_plan_expires", "expires_at", "id", sqlite_where=_OFFERED, postgresql_where=_OFFERED),
        Index(None, "organisation_id", "customer_id"),
        customer_id="customer",
        account_id="account",
        replaces_id="plan",
        schedule_id="schedule",
    )  # fmt: skip

    customer_id: Mapped[str] = mapped_column(Text)
    account_id: Mapped[str] = mapped_column(Text)
    reference: Mapped[str] = mapped_column(Text)  # what people read out; the same for every edition
    edition: Mapped[int] = mapped_column(default=1)
    replaces_id: Mapped[str | None] = mapped_column(Text)  # the edition this one takes the place of once it is signed
    state: Mapped[str] = mapped_column(Text, default="draft")
    kind: Mapped[str] = mapped_column(Text)
    balance_cents: Mapped[int] = mapped_column(Cents)  # what was owed, and could be put into it, when it was made
    total_cents: Mapped[int] = mapped_column(Cents)
    down_cents: Mapped[int] = mapped_column(Cents)
    instalments: Mapped[list[dict[str, Any]]] = mapped_column(Plain)  # number, due_on, moved_from and cents of each
    wish: Mapped[dict[str, Any]] = mapped_column(Plain)
    channels: Mapped[str] = mapped_column(Text)
    offer_days: Mapped[int] = mapped_column()
    made_at: Mapped[datetime] = mapped_column(Instant)
    made_by: Mapped[str] = mapped_column(Text)
    offered_at: Mapped[datetime | None] = mapped_column(Instant)
    expires_at: Mapped[datetime | None] = mapped_column(Instant)
    signed_at: Mapped[datetime | None] = mapped_column(Instant)
    schedule_id: Mapped[str | None] = mapped_column(Text)
    missed: Mapped[int] = mapped_column(default=0)  # instalments that failed for good, one after the other
    paused_for: Mapped[str | None] = mapped_column(Text)
    ended_at: Mapped[datetime | None] = mapped_column(Instant)
    ended_by: Mapped[str | None] = mapped_column(Text)
    why: Mapped[str | None] = mapped_column(
        Text
    )  # staff's own words for its last cancel, pause or resume; no customer sees them


class PlanLink(TenantRow):
    """A personal link to one edition of a plan; only the SHA-256 of its token is kept. It opens nothing else."""

    __tablename__ = "plan_link"
    __table_args__ = tenant_args(
        UniqueConstraint("organisation_id", "token_sha256"),
        Index(None, "organisation_id", "plan_id"),
        plan_id="plan",
        customer_id="customer",
    )

    plan_id: Mapped[str] = mapped_column(Text)
    customer_id: Mapped[str] = mapped_column(Text)
    token_sha256: Mapped[str] = mapped_column(Text)
    expires_at: Mapped[datetime] = mapped_column(Instant)
    created_at: Mapped[datetime] = mapped_column(Instant)
    made_by: Mapped[str] = mapped_column(Text)


class PlanPreset(TenantRow):
    """What staff usually offer, under a name. Basis points are hundredths of a percent of the balance, or the total."""

    __tablename__ = "plan_preset"
    __table_args__ = tenant_args(
        UniqueConstraint("organisation_id", "name"),
        CheckConstraint("settlement_basis_points BETWEEN 1 AND 9999", name="settlement"),
        CheckConstraint("down_basis_points BETWEEN 0 AND 9999", name="down"),
        CheckConstraint("number > 0 AND offer_days > 0 AND first_in_days >= 0", name="numbers"),
        CheckConstraint("channels IN ('email','sms','both')", name="channels"),
    )

    name: Mapped[str] = mapped_column(Text)
    settlement_basis_points: Mapped[int | None] = mapped_column()  # none: the whole balance
    down_basis_points: Mapped[int] = mapped_column(default=0)
    number: Mapped[int] = mapped_column()
    frequency: Mapped[str] = mapped_column(Text)
    first_in_days: Mapped[int] = mapped_column()
    channels: Mapped[str] = mapped_column(Text)
    offer_days: Mapped[int] = mapped_column()
    set_at: Mapped[datetime] = mapped_column(Instant)
    set_by: Mapped[str] = mapped_column(Text)


def by_id(session: Session, plan_id: str) -> Plan | None:
    """The edition of this organisation, or nothing."""
    return session.scalars(select(Plan).where(Plan.id == plan_id)).one_or_none()


def fresh(session: Session, plan_id: str) -> Plan | None:
    """The edition as it stands now, read again. Its account is locked by then, and that guards it."""
    return session.scalars(
        select(Plan).where(Plan.id == plan_id).execution_options(populate_existing=True)
    ).one_or_none()


def of_schedule(session: Session, schedule_id: str) -> Plan | None:
    """The plan whose signature made a schedule, read again; nothing for a schedule without one."""
    return recalled(
        session,
        ("plan_of", schedule_id),
        lambda: session.scalars(
            select(Plan).where(Plan.schedule_id == schedule_id).execution_options(populate_existing=True)
        ).one_or_none(),
    )


def editions(session: Session, reference: str) -> list[Plan]:
    """Every edition of a plan by the number people read out, the first one first."""
    return list(session.scalars(select(Plan).where(Plan.reference == reference).order_by(Plan.edition)))


def of_account(session: Session, account_id: str) -> list[Plan]:
    """Every edition of every plan on an account, newest first."""
    return list(
        session.scalars(
            select(Plan).where(Plan.account_id == account_id).order_by(Plan.made_at.desc(), Plan.edition.desc())
        )
    )


def listed(session: Session, state: str | None, limit: int) -> list[Plan]:
    """Editions of this organisation, newest first; `state` leaves out all others."""
    wanted = select(Plan).order_by(Plan.made_at.desc(), Plan.id).limit(limit)
    return list(session.scalars(wanted if state is None else wanted.where(Plan.state == state)))


def page_of(
    session: Session, state: str | None, after: Plan | None, limit: int
) -> list[tuple[Plan, Account, Customer]]:
    """As `listed`, with whose they are and on which account; `after` goes on from the last row of the page before."""
    wanted = (
        select(Plan, Account, Customer)
        .join(Account, Account.id == Plan.account_id)
        .join(Customer, Customer.id == Plan.customer_id)
        .order_by(Plan.made_at.desc(), Plan.id)
        .limit(limit)
    )
    if state is not None:
        wanted = wanted.where(Plan.state == state)
    if after is not None:
        wanted = wanted.where(
            or_(Plan.made_at < after.made_at, and_(Plan.made_at == after.made_at, Plan.id > after.id))
        )
    return [(row[0], row[1], row[2]) for row in session.execute(wanted)]


def offered_until(session: Session, until: datetime, after: tuple[datetime, str] | None, limit: int) -> list[Plan]:
    """Offers that end before a moment, the next to end first; across organisations. `after` goes on from a row."""
    wanted = select(Plan).where(Plan.state == "offered", Plan.expires_at <= until)
    if after is not None:
        at, plan_id = after
        wanted = wanted.where((Plan.expires_at > at) | ((Plan.expires_at == at) & (Plan.id > plan_id)))
    return list(session.scalars(wanted.order_by(Plan.expires_at, Plan.id).limit(limit)))


def next_expiry(session: Session) -> datetime | None:
    """When the next offer ends; across organisations or in one."""
    return session.scalar(select(func.min(Plan.expires_at)).where(Plan.state == "offered"))


def link_of_token(session: Session, token_sha256: str) -> PlanLink | None:
    """The link of a token digest, or nothing."""
    return session.scalars(select(PlanLink).where(PlanLink.token_sha256 == token_sha256)).one_or_none()


def link_by_id(session: Session, link_id: str) -> PlanLink:
    """The link of this organisation; a signing always has one."""
    return session.scalars(select(PlanLink).where(PlanLink.id == link_id)).one()


def preset_by_id(session: Session, preset_id: str, *, locked: bool = False) -> PlanPreset | None:
    """The preset of this organisation, or nothing; `locked` until the transaction ends."""
    wanted = select(PlanPreset).where(PlanPreset.id == preset_id)
    return session.scalars(wanted.with_for_update() if locked else wanted).one_or_none()


def lock_presets(session: Session) -> None:
    """One at a time adds or renames a preset of this organisation. Rows that refer to the organisation are written."""
    session.execute(
        select(Organisation.id)
        .where(Organisation.id == session.info["organisation_id"])
        .with_for_update(key_share=True)
    )


def preset(session: Session, name: str) -> PlanPreset | None:
    """The preset of a name."""
    return session.scalars(select(PlanPreset).where(PlanPreset.name == name)).one_or_none()


def presets(session: Session) -> list[PlanPreset]:
    """Every preset of this organisation, by name."""
    return list(session.scalars(select(PlanPreset).order_by(PlanPreset.name)))
