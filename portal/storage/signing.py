"""Signing: one person's walk through the offer of a plan, and what it leaves behind for good.

`signing` is the walk and changes; `plan_signature`, `record_consent` and `plan_paper` are evidence: append only,
enforced by the database. Asked by use cases and, read only, by pages.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, Index, LargeBinary, Text, UniqueConstraint, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from portal.storage.ahead import recalled
from portal.storage.rows import TenantRow, tenant_args
from portal.storage.types import Instant, Plain


class Signing(TenantRow):
    """What one visitor of an offer has done so far. The cookie's secret is kept as SHA-256 only."""

    __tablename__ = "signing"
    __table_args__ = tenant_args(
        CheckConstraint("method IN ('new_card','card_on_file')", name="method"),
        CheckConstraint("identity_method IN ('zip','phone')", name="identity_method"),
        CheckConstraint("locale IN ('en','es')", name="locale"),
        Index(None, "organisation_id", "plan_id"),
        plan_id="plan",
        link_id="plan_link",
        customer_id="customer",
        payment_method_id="payment_method",
    )

    plan_id: Mapped[str] = mapped_column(Text)
    link_id: Mapped[str] = mapped_column(Text)
    customer_id: Mapped[str] = mapped_column(Text)
    secret_sha256: Mapped[str] = mapped_column(Text)
    opened_at: Mapped[datetime] = mapped_column(Instant)
    expires_at: Mapped[datetime] = mapped_column(Instant)
    ip: Mapped[str] = mapped_column(Text)
    user_agent: Mapped[str] = mapped_column(Text)
    locale: Mapped[str] = mapped_column(Text)
    identity_method: Mapped[str | None] = mapped_column(Text)
    identity_proven_at: Mapped[datetime | None] = mapped_column(Instant)
    started_at: Mapped[datetime | None] = mapped_column(Instant)  # Get Started, after every date and amount was shown
    method: Mapped[str | None] = mapped_column(Text)
    payment_method_id: Mapped[str | None] = mapped_column(Text)
    method_proven_at: Mapped[datetime | None] = mapped_column(Instant)
    card_nonce: Mapped[str | None] = mapped_column(Text)
    card_brand: Mapped[str | None] = mapped_column(Text)
    card_last4: Mapped[str | None] = mapped_column(Text)
    card_expires_month: Mapped[int | None] = mapped_column()
    card_expires_year: Mapped[int | None] = mapped_column()
    card_entered_at: Mapped[datetime | None] = mapped_column(Instant)
    opened_sha256: Mapped[str | None] = mapped_column(Text)  # the text whose document was opened (C13)
    document_opened_at: Mapped[datetime | None] = mapped_column(Instant)
    consented_sha256: Mapped[str | None] = mapped_column(Text)  # the disclosures that were consented to
    consented_at: Mapped[datetime | None] = mapped_column(Instant)
    terms_sha256: Mapped[str | None] = mapped_column(Text)  # the terms that were read on the way to the signature
    version: Mapped[int] = mapped_column(default=1)


class RecordConsent(TenantRow):
    """Consent to electronic records given or withdrawn, in the words that were shown (15 USC 7001(c))."""

    __tablename__ = "record_consent"
    __table_args__ = tenant_args(
        CheckConstraint("said IN ('given','withdrawn')", name="said"),
        Index(None, "organisation_id", "customer_id", "said_at"),
        customer_id="customer",
        signing_id="signing",
    )

    customer_id: Mapped[str] = mapped_column(Text)
    signing_id: Mapped[str] = mapped_column(Text)
    said: Mapped[str] = mapped_column(Text)
    text_version: Mapped[str] = mapped_column(Text)
    locale: Mapped[str] = mapped_column(Text)
    text: Mapped[str] = mapped_column(Text)
    text_sha256: Mapped[str] = mapped_column(Text)
    document_opened_at: Mapped[datetime | None] = mapped_column(Instant)
    said_at: Mapped[datetime] = mapped_column(Instant)
    ip: Mapped[str] = mapped_column(Text)
    user_agent: Mapped[str] = mapped_column(Text)


LATEST_CONSENT = (RecordConsent.said_at.desc(), RecordConsent.said.desc(), RecordConsent.id)


class PlanSignature(TenantRow):
    """One signature under one edition of a plan, with everything that shows who gave it, when and to what."""

    __tablename__ = "plan_signature"
    __table_args__ = tenant_args(
        UniqueConstraint("organisation_id", "plan_id"),
        CheckConstraint("way IN ('typed','drawn','pressed')", name="way"),
        CheckConstraint("(way = 'typed') = (typed_name IS NOT NULL)", name="typed"),
        CheckConstraint("(way = 'drawn') = (image IS NOT NULL)", name="drawn"),
        plan_id="plan",
        signing_id="signing",
        agreement_id="agreement",
        consent_id="record_consent",
        customer_id="customer",
    )

    plan_id: Mapped[str] = mapped_column(Text)
    signing_id: Mapped[str] = mapped_column(Text)
    agreement_id: Mapped[str] = mapped_column(Text)
    consent_id: Mapped[str] = mapped_column(Text)
    customer_id: Mapped[str] = mapped_column(Text)
    way: Mapped[str] = mapped_column(Text)
    typed_name: Mapped[str | None] = mapped_column(Text)
    image: Mapped[bytes | None] = mapped_column(LargeBinary)  # drawn anew by us: a PNG of one size, nothing else in it
    facts: Mapped[dict[str, Any]] = mapped_column(Plain)  # what the signed paper is printed from, to the byte
    agreement_pdf_sha256: Mapped[str] = mapped_column(Text)
    schedule_pdf_sha256: Mapped[str] = mapped_column(Text)
    signed_at: Mapped[datetime] = mapped_column(Instant)
    ip: Mapped[str] = mapped_column(Text)
    user_agent: Mapped[str] = mapped_column(Text)


class PlanPaper(TenantRow):
    """A document of a plan as it was given to the customer, kept to the byte (15 USC 7001(d))."""

    __tablename__ = "plan_paper"
    __table_args__ = tenant_args(
        UniqueConstraint("organisation_id", "plan_id", "kind"),
        CheckConstraint("kind IN ('agreement','schedule','completion')", name="kind"),
        plan_id="plan",
    )

    plan_id: Mapped[str] = mapped_column(Text)
    kind: Mapped[str] = mapped_column(Text)
    content: Mapped[bytes] = mapped_column(LargeBinary)
    content_sha256: Mapped[str] = mapped_column(Text)
    kept_at: Mapped[datetime] = mapped_column(Instant)


def by_id(session: Session, signing_id: str) -> Signing | None:
    """The walk of this organisation, or nothing. The caller compares the secret."""
    return session.scalars(select(Signing).where(Signing.id == signing_id)).one_or_none()


def lock(session: Session, signing_id: str) -> Signing:
    """The walk, locked and read afresh. Before the account, never after."""
    return session.scalars(
        select(Signing).where(Signing.id == signing_id).with_for_update().execution_options(populate_existing=True)
    ).one()


def signature_of(session: Session, plan_id: str) -> PlanSignature | None:
    """The signature under an edition."""
    return session.scalars(select(PlanSignature).where(PlanSignature.plan_id == plan_id)).one_or_none()


def signature_under(session: Session, agreement_id: str) -> PlanSignature | None:
    """The signature that sealed an agreement, where it is a plan's."""
    return session.scalars(select(PlanSignature).where(PlanSignature.agreement_id == agreement_id)).one_or_none()


def paper_of(session: Session, plan_id: str, kind: str) -> PlanPaper | None:
    """A document of an edition as it was given."""
    return session.scalars(select(PlanPaper).where(PlanPaper.plan_id == plan_id, PlanPaper.kind == kind)).one_or_none()


def latest_consent(session: Session, customer_id: str) -> RecordConsent | None:
    """What a customer said last about electronic records; of two words at one instant the withdrawal counts (C14)."""
    return recalled(
        session,
        ("latest_consent", customer_id),
        lambda: session.scalars(
            select(RecordConsent).where(RecordConsent.customer_id == customer_id).order_by(*LATEST_CONSENT).limit(1)
        ).one_or_none(),
    )
