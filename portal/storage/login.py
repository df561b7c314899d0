"""Logins of customers: what each proves themselves with at one organisation, and the devices they had remembered.

Asked by the login and sign-in use cases. A PIN is an argon2id hash, an SSN a keyed digest and its sealed last four.
"""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Index, Text, UniqueConstraint, select, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from portal.storage.account import Account
from portal.storage.rows import TenantRow, tenant_args
from portal.storage.types import Flag, Instant


class Login(TenantRow):
    """One customer's. When `epoch` goes up, everybody signed in as this customer is out."""

    __tablename__ = "login"
    __table_args__ = tenant_args(
        UniqueConstraint("organisation_id", "customer_id"),
        UniqueConstraint("organisation_id", "username"),
        Index(None, "organisation_id", "ssn_digest"),
        customer_id="customer",
    )

    customer_id: Mapped[str] = mapped_column(Text)
    username: Mapped[str | None] = mapped_column(Text)
    pin_hash: Mapped[str | None] = mapped_column(Text)
    pepper_version: Mapped[int | None] = mapped_column()
    pin_set_at: Mapped[datetime | None] = mapped_column(Instant)
    wrong_pins: Mapped[int] = mapped_column(default=0)  # since it was set
    ssn_digest: Mapped[str | None] = mapped_column(Text)
    ssn_last4_sealed: Mapped[str | None] = mapped_column(Text)
    is_active: Mapped[bool] = mapped_column(Flag, default=True)
    epoch: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime] = mapped_column(Instant)
    made_by: Mapped[str] = mapped_column(Text)


class Device(TenantRow):
    """A browser its owner had remembered. It opens nothing; it is only known again."""

    __tablename__ = "device"
    __table_args__ = tenant_args(
        UniqueConstraint("organisation_id", "secret_sha256"),
        Index(None, "organisation_id", "login_id"),
        login_id="login",
    )

    login_id: Mapped[str] = mapped_column(Text)
    secret_sha256: Mapped[str] = mapped_column(Text)
    label: Mapped[str] = mapped_column(Text)
    added_at: Mapped[datetime] = mapped_column(Instant)
    seen_at: Mapped[datetime] = mapped_column(Instant)
    expires_at: Mapped[datetime] = mapped_column(Instant)
    ended_at: Mapped[datetime | None] = mapped_column(Instant)


class LoginCode(TenantRow):
    """A code to sign in with, or the token of a link that sets a PIN. Without a login it stands for nobody at all."""

    __tablename__ = "login_code"
    __table_args__ = tenant_args(
        UniqueConstraint("organisation_id", "secret_sha256"),
        Index(None, "organisation_id", "login_id"),
        login_id="login",
    )

    login_id: Mapped[str | None] = mapped_column(Text)
    purpose: Mapped[str] = mapped_column(Text)  # sign_in, pin
    way: Mapped[str] = mapped_column(Text)
    secret_sha256: Mapped[str] = mapped_column(Text)  # of the token, or of what the browser that asked holds
    code_digest: Mapped[str | None] = mapped_column(Text)
    tries: Mapped[int] = mapped_column(default=0)
    made_at: Mapped[datetime] = mapped_column(Instant)
    expires_at: Mapped[datetime] = mapped_column(Instant)
    used_at: Mapped[datetime | None] = mapped_column(Instant)


def by_customer(session: Session, customer_id: str) -> Login | None:
    """The login of a customer."""
    return session.scalars(select(Login).where(Login.customer_id == customer_id)).one_or_none()


def by_id(session: Session, login_id: str) -> Login | None:
    """The login of this organisation, or nothing."""
    return session.scalars(select(Login).where(Login.id == login_id)).one_or_none()


def by_username(session: Session, username: str) -> Login | None:
    """The login of a canonical username."""
    return session.scalars(select(Login).where(Login.username == username)).one_or_none()


def by_account(session: Session, references: Sequence[str]) -> Login | None:
    """The login of whoever owes on the account with one of these numbers; the first that exists counts."""
    rows = session.execute(
        select(Account.reference, Login)
        .join(Login, Login.customer_id == Account.customer_id)
        .where(Account.reference.in_(references))
    )
    found = {row[0]: row[1] for row in rows}
    return next((found[reference] for reference in references if reference in found), None)


def by_ssn(session: Session, digests: Sequence[str]) -> Login | None:
    """The login under one of these digests; nothing when two share it, for then it names nobody."""
    rows = session.scalars(select(Login).where(Login.ssn_digest.in_(digests)).limit(2)).all()
    return rows[0] if len(rows) == 1 else None


def lock(session: Session, login_id: str) -> Login | None:
    """The login, locked and read afresh."""
    return session.scalars(
        select(Login).where(Login.id == login_id).with_for_update().execution_options(populate_existing=True)
    ).one_or_none()


def count_wrong(session: Session, login_id: str) -> None:
    """One more wrong PIN; the same statement when there is no such login."""
    session.execute(
        update(Login)
        .where(Login.organisation_id == session.info["organisation_id"], Login.id == login_id)
        .values(wrong_pins=Login.wrong_pins + 1)
        .execution_options(synchronize_session=False)
    )


def device_by_secret(session: Session, secret_sha256: str) -> Device | None:
    """The device of a cookie's digest, forgotten or not."""
    return session.scalars(select(Device).where(Device.secret_sha256 == secret_sha256)).one_or_none()


def devices_of(session: Session, login_id: str, now: datetime) -> list[Device]:
    """Devices that are remembered, the last seen first."""
    return list(
        session.scalars(
            select(Device)
            .where(Device.login_id == login_id, Device.ended_at.is_(None), Device.expires_at > now)
            .order_by(Device.seen_at.desc(), Device.id)
        )
    )


def code_by_secret(session: Session, secret_sha256: str, purpose: str) -> LoginCode | None:
    """The code or token of a digest, locked and read afresh, used or not."""
    return session.scalars(
        select(LoginCode)
        .where(LoginCode.secret_sha256 == secret_sha256, LoginCode.purpose == purpose)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).one_or_none()


def owner_of_code(session: Session, secret_sha256: str, purpose: str) -> str:
    """Whose code or token this is, '' when nobody's: their login is locked before it is."""
    return (
        session.scalar(
            select(LoginCode.login_id).where(LoginCode.secret_sha256 == secret_sha256, LoginCode.purpose == purpose)
        )
        or ""
    )


def open_codes(session: Session, login_id: str, now: datetime) -> list[LoginCode]:
    """Codes and tokens of a login that still open something. Its login is locked."""
    return list(
        session.scalars(
            select(LoginCode)
            .where(LoginCode.login_id == login_id, LoginCode.used_at.is_(None), LoginCode.expires_at > now)
            .order_by(LoginCode.id)
        )
    )
