"""Providers: who treated. Documents keep the facts they were issued with, so a change here changes none of them."""

from datetime import datetime

from sqlalchemy import Text, UniqueConstraint, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from portal.storage.rows import TenantRow, tenant_args
from portal.storage.types import Flag, Instant


class Provider(TenantRow):
    """One person who treats. `reference` is the organisation's own name for them."""

    __tablename__ = "provider"
    __table_args__ = tenant_args(UniqueConstraint("organisation_id", "reference"))

    reference: Mapped[str] = mapped_column(Text)
    name: Mapped[str] = mapped_column(Text)
    credentials: Mapped[str] = mapped_column(Text)
    licence_number: Mapped[str] = mapped_column(Text)
    licence_state: Mapped[str] = mapped_column(Text)
    npi: Mapped[str] = mapped_column(Text)
    signature_line: Mapped[str] = mapped_column(Text)
    is_active: Mapped[bool] = mapped_column(Flag, default=True)
    version: Mapped[int] = mapped_column(default=1)
    created_at: Mapped[datetime] = mapped_column(Instant)


def by_id(session: Session, provider_id: str) -> Provider | None:
    """The provider of this organisation, or nothing."""
    return session.scalars(select(Provider).where(Provider.id == provider_id)).one_or_none()


def by_reference(session: Session, reference: str) -> Provider | None:
    """The provider with the organisation's own name for them."""
    return session.scalars(select(Provider).where(Provider.reference == reference)).one_or_none()


def everybody(session: Session) -> list[Provider]:
    """Every provider, by reference."""
    return list(session.scalars(select(Provider).order_by(Provider.reference)))
