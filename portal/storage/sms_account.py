"""The organisation's account with the SMS carrier; its token is sealed by the caller."""

from datetime import datetime

from sqlalchemy import Text, UniqueConstraint, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from portal.storage.rows import TenantRow, tenant_args
from portal.storage.types import Instant


class SmsAccount(TenantRow):
    """Whose texts these are to the carrier. `sender` is a number, or a messaging service (`MG...`)."""

    __tablename__ = "sms_account"
    __table_args__ = tenant_args(UniqueConstraint("organisation_id"))

    account_sid: Mapped[str] = mapped_column(Text)
    auth_token_sealed: Mapped[str] = mapped_column(Text)
    sender: Mapped[str] = mapped_column(Text)
    set_at: Mapped[datetime] = mapped_column(Instant)


def sms_account(session: Session) -> SmsAccount | None:
    """The organisation's account, or nothing: then it sends no texts."""
    return session.scalars(select(SmsAccount)).one_or_none()
