"""The payments of a series as rows: an obligation for each, as it was authorised, due at its hour of its date.

Called inside the transaction that seals the authorization: of a schedule (`portal.usecases.schedule`) or of a plan that
was signed (`portal.usecases.sign`). Charges nothing.
"""

from collections.abc import Sequence
from datetime import datetime

from portal.domain.due_date import local_date, moment_of
from portal.domain.rule import SCHEDULED
from portal.domain.schedule import Payment, confirmation_is_notice, source_of
from portal.storage import Session
from portal.storage.account import Account
from portal.storage.obligation import Obligation
from portal.storage.organisation import Organisation
from portal.storage.payment_method import PaymentMethod
from portal.storage.schedule import Schedule
from portal.usecases.organisation import settings_of

REPLACEABLE = frozenset({"due", "declined"})  # how a payment stands whose card can be changed


def has_failed(due: Obligation) -> bool:
    """Whether a payment was declined: given up, or waiting to be tried again."""
    return due.status == "declined" or (due.status == "due" and due.retries > 0)


def add_payments(
    session: Session,
    plan: Schedule,
    method: PaymentMethod,
    account: Account,
    listed: Sequence[Payment],
    paid_to: Organisation,
    now: datetime,
) -> list[Obligation]:
    """The obligations of a series that was just added, in order. One dated today is due at once."""
    today = local_date(now, paid_to.timezone)
    hour = settings_of(session, paid_to).number("charge_hour")
    rows = [
        Obligation(
            customer_id=plan.customer_id,
            account_id=account.id,
            kind=SCHEDULED,
            subject_id=plan.id,
            seq=each.number,
            amount_cents=each.amount_cents,
            currency=account.currency,
            agreement_id=plan.agreement_id,
            payment_method_id=method.id,
            card_brand=method.brand,
            card_last4=method.last4,
            due_on=each.due_on,
            due_at=now if each.due_on == today else moment_of(each.due_on, hour, paid_to.timezone),
            source=source_of(plan.series, customer_present=each.due_on == today and plan.made_by == "customer"),
            noticed_at=now if confirmation_is_notice(today, each.due_on) else None,
            created_at=now,
        )
        for each in listed
    ]
    session.add_all(rows)
    session.flush()
    return rows
