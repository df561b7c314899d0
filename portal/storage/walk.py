"""What every page of a visit reads, in as few statements as it takes: the rows of a walk in one, then lists.

Asked by `portal.usecases.visit` and `portal.usecases.payment_link`. Each statement is built once, at import, and names
its organisation itself; `database.py` holds its text and values to that, as it does with every other.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import and_, bindparam, or_, select
from sqlalchemy.orm import Session

from portal.storage import account, visit
from portal.storage.account import Account
from portal.storage.customer import ContactChangeRequest, Customer
from portal.storage.obligation import Obligation
from portal.storage.offer import Offer
from portal.storage.organisation import Organisation
from portal.storage.payment_link import PaymentLink
from portal.storage.rows import TenantRow
from portal.storage.signing import LATEST_CONSENT, RecordConsent
from portal.storage.visit import Visit

LIVE = ("due", "charging", "review")
# last: what was said of records, latest; what this visit found wrong in its contact details
Rows = tuple[Visit, PaymentLink, Account, Customer, Organisation, str | None, dict[str, Any] | None]
LinkRows = tuple[PaymentLink, Account, Customer, Organisation]

_OWN: Any = bindparam("organisation_id")
_SCOPED = {"names_organisation": True}


def _own(row: type[TenantRow], id_: Any) -> Any:
    return and_(row.organisation_id == _OWN, row.id == id_)


_SAID = (
    select(RecordConsent.said)
    .where(RecordConsent.organisation_id == _OWN, RecordConsent.customer_id == Visit.customer_id)
    .order_by(*LATEST_CONSENT)
    .limit(1)
    .correlate(Visit)
    .scalar_subquery()
)
_CORRECTED = (
    select(ContactChangeRequest.changes)
    .where(
        ContactChangeRequest.organisation_id == _OWN,
        ContactChangeRequest.visit_id == Visit.id,
        ContactChangeRequest.status == "open",
    )
    .limit(1)
    .correlate(Visit)
    .scalar_subquery()
)
_VISIT = (
    select(Visit, PaymentLink, Account, Customer, Organisation, _SAID, _CORRECTED)
    .join(PaymentLink, _own(PaymentLink, Visit.link_id))
    .join(Account, _own(Account, Visit.account_id))
    .join(Customer, _own(Customer, Visit.customer_id))
    .join(Organisation, Organisation.id == _OWN)
    .where(_own(Visit, bindparam("visit_id")))
    .execution_options(**_SCOPED)
)
_LINK = (
    select(PaymentLink, Account, Customer, Organisation)
    .join(Account, _own(Account, PaymentLink.account_id))
    .join(Customer, _own(Customer, PaymentLink.customer_id))
    .join(Organisation, Organisation.id == _OWN)
    .where(
        PaymentLink.organisation_id == _OWN,
        PaymentLink.token_sha256 == bindparam("token_sha256"),
        PaymentLink.purpose == bindparam("purpose"),
    )
    .execution_options(**_SCOPED)
)
_OBLIGATIONS = (
    select(Obligation)
    .where(
        Obligation.organisation_id == _OWN,
        or_(
            and_(Obligation.account_id == bindparam("account_id"), Obligation.status.in_(LIVE)),
            Obligation.id == bindparam("obligation_id"),
        ),
    )
    .order_by(Obligation.created_at, Obligation.id)
    .execution_options(**_SCOPED)
)
_OFFERS = (
    select(Offer)
    .where(
        Offer.organisation_id == _OWN,
        Offer.account_id == bindparam("account_id"),
        Offer.status == "open",
        Offer.valid_until > bindparam("now", type_=Offer.valid_until.type),
    )
    .order_by(Offer.created_at, Offer.id)
    .execution_options(**_SCOPED)
)


def of_visit(session: Session, visit_id: str) -> Rows | None:
    """A visit with its link, account, customer (and their last word on electronic records) and organisation.

    The caller compares the visit's secret.
    """
    return session.execute(_VISIT, _with(session, visit_id=visit_id)).one_or_none()


def locked(session: Session, rows: Rows) -> Rows:
    """The same rows with visit, then account, held until the transaction ends, and all of them read afresh.

    SQLite holds the whole database since the transaction began, so nothing can have changed and nothing is asked again.
    """
    if session.get_bind().dialect.name == "sqlite":
        return rows
    visit.lock(session, rows[0].id)
    account.lock(session, rows[0].account_id)
    afresh = _VISIT.execution_options(populate_existing=True)
    return session.execute(afresh, _with(session, visit_id=rows[0].id)).one()


def of_token(session: Session, token_sha256: str, purpose: str) -> LinkRows | None:
    """The link of a token digest for this purpose, with its account, customer and organisation."""
    return session.execute(_LINK, _with(session, token_sha256=token_sha256, purpose=purpose)).one_or_none()


def obligations_of(session: Session, account_id: str, obligation_id: str | None) -> list[Obligation]:
    """Payments of an account that are under way, and the visit's own one however it ended; oldest first."""
    return list(session.scalars(_OBLIGATIONS, _with(session, account_id=account_id, obligation_id=obligation_id)))


def offers_of(session: Session, account_id: str, now: datetime) -> list[Offer]:
    """Open offers of an account that are still valid at `now`, oldest first."""
    return list(session.scalars(_OFFERS, _with(session, account_id=account_id, now=now)))


def _with(session: Session, **values: Any) -> dict[str, Any]:
    return {"organisation_id": session.info["organisation_id"], **values}
