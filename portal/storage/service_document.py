"""Invoices and superbills as they were issued, and the counters that number them without gaps.

A document is append only: the database refuses changes, and a change is a new row that names the old one. Its number
is counted in the transaction that writes it, so one that is taken back takes its number back as well.
"""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ColumnElement, Index, Text, UniqueConstraint, select
from sqlalchemy.orm import Mapped, Session, aliased, mapped_column

from portal.storage.rows import TenantRow, insert_into, tenant_args
from portal.storage.types import Instant, Plain


class DocumentCounter(TenantRow):
    """The last number given to a document of one kind; whoever counts holds it until their commit."""

    __tablename__ = "document_counter"
    __table_args__ = tenant_args(
        UniqueConstraint("organisation_id", "kind"), CheckConstraint("last_seq > 0", name="last_seq")
    )

    kind: Mapped[str] = mapped_column(Text)
    last_seq: Mapped[int] = mapped_column()


class ServiceDocument(TenantRow):
    """One document. `services` are the ids it is about, `services_sha256` names them and the kind."""

    __tablename__ = "service_document"
    __table_args__ = tenant_args(
        UniqueConstraint("organisation_id", "kind", "seq"),
        UniqueConstraint("organisation_id", "number"),
        UniqueConstraint("organisation_id", "replaces_id"),
        CheckConstraint("kind IN ('invoice','superbill')", name="kind"),
        CheckConstraint("locale IN ('en','es')", name="locale"),
        CheckConstraint("seq > 0", name="seq"),
        Index(None, "organisation_id", "customer_id", "issued_at"),
        Index(None, "organisation_id", "services_sha256"),
        customer_id="customer",
        account_id="account",
        replaces_id="service_document",
    )

    kind: Mapped[str] = mapped_column(Text)
    seq: Mapped[int] = mapped_column()
    number: Mapped[str] = mapped_column(Text)
    customer_id: Mapped[str] = mapped_column(Text)
    account_id: Mapped[str] = mapped_column(Text)
    services: Mapped[list[str]] = mapped_column(Plain)
    services_sha256: Mapped[str] = mapped_column(Text)
    replaces_id: Mapped[str | None] = mapped_column(Text)
    locale: Mapped[str] = mapped_column(Text)
    facts: Mapped[dict[str, Any]] = mapped_column(Plain)
    facts_sha256: Mapped[str] = mapped_column(Text)
    content_sha256: Mapped[str] = mapped_column(Text)
    issued_at: Mapped[datetime] = mapped_column(Instant)
    issued_by: Mapped[str] = mapped_column(Text)


def count_up(session: Session, kind: str) -> int:
    """The next number of a kind; the first is 1. One statement, and whoever comes next waits for our commit."""
    statement = insert_into(session, DocumentCounter, kind=kind, last_seq=1)
    statement = statement.on_conflict_do_update(
        index_elements=["organisation_id", "kind"], set_={"last_seq": DocumentCounter.last_seq + 1}
    )
    return int(session.execute(statement.returning(DocumentCounter.last_seq)).scalar_one())


def latest_about(session: Session, services_sha256: str) -> ServiceDocument | None:
    """The document about exactly these services that no other replaces."""
    return session.scalars(
        select(ServiceDocument)
        .where(ServiceDocument.services_sha256 == services_sha256, _stands())
        .order_by(ServiceDocument.seq.desc())
        .limit(1)
    ).first()


def standing_about(session: Session, account_id: str, kind: str, service_ids: Collection[str]) -> list[ServiceDocument]:
    """The documents of an account about any of these services that no other replaces, the newest first."""
    stands = (ServiceDocument.account_id == account_id, ServiceDocument.kind == kind, _stands())
    rows = session.execute(select(ServiceDocument.id, ServiceDocument.services).where(*stands))
    about = [document_id for document_id, services in rows if not set(service_ids).isdisjoint(services)]
    return by_ids(session, about)[::-1]


def owned_by(session: Session, document_id: str, customer_id: str) -> ServiceDocument | None:
    """The document if it is this customer's; nothing otherwise."""
    return session.scalars(
        select(ServiceDocument).where(ServiceDocument.id == document_id, ServiceDocument.customer_id == customer_id)
    ).one_or_none()


def by_id(session: Session, document_id: str) -> ServiceDocument | None:
    """The document of this organisation, or nothing."""
    return session.scalars(select(ServiceDocument).where(ServiceDocument.id == document_id)).one_or_none()


def by_ids(session: Session, document_ids: Collection[str]) -> list[ServiceDocument]:
    """These documents, by kind and number."""
    return list(
        session.scalars(
            select(ServiceDocument)
            .where(ServiceDocument.id.in_(document_ids))
            .order_by(ServiceDocument.kind, ServiceDocument.seq)
        )
    )


def replaced_by(session: Session, document_id: str) -> ServiceDocument | None:
    """The document that replaces one, or nothing."""
    return session.scalars(select(ServiceDocument).where(ServiceDocument.replaces_id == document_id)).one_or_none()


def of_customer(session: Session, customer_id: str, limit: int) -> list[ServiceDocument]:
    """What was issued to a customer, the newest first."""
    return list(
        session.scalars(
            select(ServiceDocument)
            .where(ServiceDocument.customer_id == customer_id)
            .order_by(ServiceDocument.issued_at.desc(), ServiceDocument.kind, ServiceDocument.seq.desc())
            .limit(limit)
        )
    )


def _stands() -> ColumnElement[bool]:
    """That no other document replaces this one."""
    newer = aliased(ServiceDocument)
    return ~select(newer.id).where(newer.replaces_id == ServiceDocument.id).exists()
