"""Payment methods on file: a token of the gateway's vault and what may be shown of it. Never a card number."""

from datetime import datetime

from sqlalchemy import CheckConstraint, Index, Text, UniqueConstraint, bindparam, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from portal.storage.ahead import recalled
from portal.storage.rows import TenantRow, tenant_args
from portal.storage.types import Instant


class PaymentMethod(TenantRow):
    """A card kept at the gateway for one customer. `consent_text` is what the customer agreed to, to keep it (C32).

    `label` is their own name for it. The one preferred last comes first wherever a card is chosen.
    """

    __tablename__ = "payment_method"
    __table_args__ = tenant_args(
        UniqueConstraint("organisation_id", "token"),
        CheckConstraint("kind IN ('card')", name="kind"),
        CheckConstraint("length(last4) = 4", name="last4"),
        Index(None, "organisation_id", "customer_id"),
        customer_id="customer",
    )

    customer_id: Mapped[str] = mapped_column(Text)
    kind: Mapped[str] = mapped_column(Text, default="card")
    token: Mapped[str] = mapped_column(Text)
    brand: Mapped[str] = mapped_column(Text)
    last4: Mapped[str] = mapped_column(Text)
    expires_month: Mapped[int] = mapped_column()
    expires_year: Mapped[int] = mapped_column()
    postal_code: Mapped[str | None] = mapped_column(Text)
    consent_text: Mapped[str] = mapped_column(Text)
    label: Mapped[str] = mapped_column(Text, default="")
    preferred_at: Mapped[datetime | None] = mapped_column(Instant)
    saved_at: Mapped[datetime] = mapped_column(Instant)
    removed_at: Mapped[datetime | None] = mapped_column(Instant)
    stopped_at: Mapped[datetime | None] = mapped_column(Instant)  # its holder had the bank stop charges by us


# Read by a page: built once, and names its organisation itself (`database.py` holds it to that).
_OF_CUSTOMER = (
    select(PaymentMethod)
    .where(
        PaymentMethod.organisation_id == bindparam("organisation_id"),
        PaymentMethod.customer_id == bindparam("customer_id"),
        PaymentMethod.removed_at.is_(None),
    )
    .order_by(PaymentMethod.preferred_at.desc().nulls_last(), PaymentMethod.saved_at.desc(), PaymentMethod.id)
    .execution_options(names_organisation=True)
)


def of_customer(session: Session, customer_id: str) -> list[PaymentMethod]:
    """Methods on file of a customer, the preferred one first, then the newest; removed ones left out."""
    own = {"organisation_id": session.info["organisation_id"], "customer_id": customer_id}
    return list(session.scalars(_OF_CUSTOMER, own))


def owned_by(session: Session, payment_method_id: str, customer_id: str) -> PaymentMethod | None:
    """The method if it is this customer's and still on file (M12); nothing otherwise."""
    return recalled(
        session,
        ("method", payment_method_id, customer_id),
        lambda: session.scalars(
            select(PaymentMethod).where(
                PaymentMethod.id == payment_method_id,
                PaymentMethod.customer_id == customer_id,
                PaymentMethod.removed_at.is_(None),
            )
        ).one_or_none(),
    )


def by_token(session: Session, token: str) -> PaymentMethod | None:
    """The method of a gateway token, removed or not."""
    return session.scalars(select(PaymentMethod).where(PaymentMethod.token == token)).one_or_none()
