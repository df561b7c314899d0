"""Organisations, their settings with history, their gateway keys (sealed). Found by slug or host.

Asked by the front door and by use cases. Opens no seal: sealed text goes in and comes out as it is.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, Index, Text, UniqueConstraint, bindparam, inspect, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from portal.storage.ahead import forget, recalled
from portal.storage.rows import STRICT, Row, TenantRow, insert_into, new_id, tenant_args
from portal.storage.types import Flag, Instant, Plain


class Organisation(Row):
    """Who is paid. `slug` stands in URLs; `host` is set when it answers only on a host name of its own."""

    __tablename__ = "organisation"
    __table_args__ = (
        CheckConstraint("profile IN ('supervision','receivables','therapy')", name="profile"),
        STRICT,
    )

    id: Mapped[str] = mapped_column(Text, primary_key=True, default=new_id)
    slug: Mapped[str] = mapped_column(Text, unique=True)
    host: Mapped[str | None] = mapped_column(Text, unique=True)
    name: Mapped[str] = mapped_column(Text)
    profile: Mapped[str] = mapped_column(Text)
    brand_colour: Mapped[str] = mapped_column(Text)
    timezone: Mapped[str] = mapped_column(Text)
    locale: Mapped[str] = mapped_column(Text, default="en")
    support_email: Mapped[str] = mapped_column(Text)
    support_phone: Mapped[str] = mapped_column(Text)
    postal_address: Mapped[str] = mapped_column(Text)
    is_active: Mapped[bool] = mapped_column(Flag, default=True)
    created_at: Mapped[datetime] = mapped_column(Instant)


class OrganisationSetting(TenantRow):
    """One value of one setting from a moment on; the latest row counts, none is ever changed."""

    __tablename__ = "organisation_setting"
    __table_args__ = tenant_args(
        UniqueConstraint("organisation_id", "name", "seq"), Index(None, "organisation_id", "name")
    )

    name: Mapped[str] = mapped_column(Text)
    seq: Mapped[int] = mapped_column()
    value: Mapped[Any] = mapped_column(Plain)
    set_at: Mapped[datetime] = mapped_column(Instant)
    set_by: Mapped[str] = mapped_column(Text)


class GatewayAccount(TenantRow):
    """The organisation's merchant at the gateway; the private key is sealed by the caller."""

    __tablename__ = "gateway_account"
    __table_args__ = tenant_args(UniqueConstraint("organisation_id"))

    environment: Mapped[str] = mapped_column(Text)
    merchant_id: Mapped[str] = mapped_column(Text)
    public_key: Mapped[str] = mapped_column(Text)
    private_key_sealed: Mapped[str] = mapped_column(Text)
    merchant_account_id: Mapped[str] = mapped_column(Text)
    stopped_at: Mapped[datetime | None] = mapped_column(Instant)
    stopped_reason: Mapped[str | None] = mapped_column(Text)


class DeploymentStamp(Row):
    """What this database belongs to (environment); stops sandbox keys from meeting production data."""

    __tablename__ = "deployment_stamp"
    __table_args__ = (STRICT,)

    name: Mapped[str] = mapped_column(Text, primary_key=True)
    value: Mapped[str] = mapped_column(Text)


SETTINGS_SET = ("settings",)  # under which they are read ahead

# Read by every page: built once, and names its organisation itself (`database.py` holds it to that).
_SETTINGS = (
    select(OrganisationSetting.name, OrganisationSetting.value)
    .where(OrganisationSetting.organisation_id == bindparam("organisation_id"))
    .order_by(OrganisationSetting.seq)
    .execution_options(names_organisation=True)
)


def by_slug(session: Session, slug: str) -> Organisation | None:
    """The active organisation of a slug."""
    return session.scalars(select(Organisation).where(Organisation.slug == slug, Organisation.is_active)).one_or_none()


def by_id(session: Session, organisation_id: str) -> Organisation:
    """The organisation; NoResultFound if there is none."""
    return recalled(
        session,
        ("organisation", organisation_id),
        lambda: session.scalars(select(Organisation).where(Organisation.id == organisation_id)).one(),
    )


def all_active(session: Session) -> list[Organisation]:
    """Every active organisation, by slug."""
    return list(session.scalars(select(Organisation).where(Organisation.is_active).order_by(Organisation.slug)))


def everybody(session: Session) -> list[Organisation]:
    """Every organisation, closed ones too, by slug."""
    return list(session.scalars(select(Organisation).order_by(Organisation.slug)))


def settings_set(session: Session) -> dict[str, Any]:
    """Latest value of each setting that this organisation ever set, by name."""
    own = {"organisation_id": session.info["organisation_id"]}
    return recalled(session, SETTINGS_SET, lambda: {row.name: row.value for row in session.execute(_SETTINGS, own)})


def settings_changed(session: Session) -> None:
    """A setting was set in this transaction: what was read ahead of them is old."""
    forget(session, SETTINGS_SET)


def latest_setting_seq(session: Session, name: str) -> int:
    """Number of the latest row of a setting, 0 if it was never set."""
    rows = session.scalars(
        select(OrganisationSetting.seq)
        .where(OrganisationSetting.name == name)
        .order_by(OrganisationSetting.seq.desc())
        .limit(1)
    )
    return rows.one_or_none() or 0


def gateway_account(session: Session) -> GatewayAccount | None:
    """The organisation's gateway account."""
    return session.scalars(select(GatewayAccount)).one_or_none()


def gateway_environments(session: Session) -> set[str]:
    """In which environments organisations have a merchant; asked across all of them."""
    return set(session.scalars(select(GatewayAccount.environment).distinct()))


def is_migrated(session: Session) -> bool:
    """Whether the schema has come so far that the database can be stamped."""
    return inspect(session.connection()).has_table(DeploymentStamp.__tablename__)


def stamp(session: Session, name: str) -> str | None:
    """A stamp of this database, if it has one."""
    return session.scalars(select(DeploymentStamp.value).where(DeploymentStamp.name == name)).one_or_none()


def stamp_once(session: Session, name: str, value: str) -> None:
    """Stamps this database; of several who do so at once the first counts."""
    session.execute(insert_into(session, DeploymentStamp, name=name, value=value).on_conflict_do_nothing())
