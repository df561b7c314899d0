"""Agreements: the exact text a person accepted, with its digest. Append only, enforced by the database."""

from datetime import datetime

from sqlalchemy import Text, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from portal.storage.ahead import recalled
from portal.storage.rows import TenantRow, tenant_args
from portal.storage.types import Instant


class Agreement(TenantRow):
    """A sealed text: what was shown, in which version and language, accepted when, from where."""

    __tablename__ = "agreement"
    __table_args__ = tenant_args(customer_id="customer", account_id="account")

    customer_id: Mapped[str] = mapped_column(Text)
    account_id: Mapped[str] = mapped_column(Text)
    visit_id: Mapped[str | None] = mapped_column(Text)
    kind: Mapped[str] = mapped_column(Text)
    text_version: Mapped[str] = mapped_column(Text)
    locale: Mapped[str] = mapped_column(Text)
    text: Mapped[str] = mapped_column(Text)
    text_sha256: Mapped[str] = mapped_column(Text)
    accepted_at: Mapped[datetime] = mapped_column(Instant)
    ip: Mapped[str] = mapped_column(Text)
    user_agent: Mapped[str] = mapped_column(Text)


def by_id(session: Session, agreement_id: str) -> Agreement | None:
    """The agreement of this organisation, or nothing."""
    return session.scalars(select(Agreement).where(Agreement.id == agreement_id)).one_or_none()


def of_account(session: Session, account_id: str) -> list[Agreement]:
    """Every agreement about an account, in the order they were accepted."""
    about = select(Agreement).where(Agreement.account_id == account_id)
    return list(session.scalars(about.order_by(Agreement.accepted_at, Agreement.id)))


def is_sealed(session: Session, agreement_id: str) -> bool:
    """Whether this organisation has such an agreement. Its text may be long, and is not read."""
    return recalled(
        session,
        ("sealed", agreement_id),
        lambda: session.scalar(select(Agreement.id).where(Agreement.id == agreement_id)) is not None,
    )
