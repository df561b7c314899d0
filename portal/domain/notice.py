"""Notices: what the gateway tells us unasked. A notice is a hint where to look, never a fact: the facts are fetched.

Spoken by `portal.usecases.notice` and `portal.gateway`. Kinds are Braintree's words.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

TOO_OLD = timedelta(hours=72)  # the gateway gives up after 24 hours: an older one is a replay
UNREADABLE = "unreadable"  # genuine, and in a shape that we cannot read


class Subject(StrEnum):
    """What has to be looked at when a notice of a kind comes."""

    sale = "sale"
    dispute = "dispute"
    nothing = "nothing"
    person = "person"  # nothing we can look at, but somebody should know


SUBJECTS: dict[str, Subject] = {
    "transaction_settled": Subject.sale,
    "transaction_settlement_declined": Subject.sale,
    "transaction_disbursed": Subject.sale,
    "transaction_retried": Subject.sale,
    "transaction_reviewed": Subject.sale,
    "refund_failed": Subject.sale,
    "dispute_opened": Subject.dispute,
    "dispute_under_review": Subject.dispute,
    "dispute_disputed": Subject.dispute,
    "dispute_won": Subject.dispute,
    "dispute_lost": Subject.dispute,
    "dispute_accepted": Subject.dispute,
    "dispute_auto_accepted": Subject.dispute,
    "dispute_expired": Subject.dispute,
    "disbursement_exception": Subject.person,
    "payment_method_revoked_by_customer": Subject.person,
    UNREADABLE: Subject.person,
    "check": Subject.nothing,
    "disbursement": Subject.nothing,
    "account_updater_daily_report": Subject.nothing,
}


@dataclass(frozen=True, slots=True)
class Notice:
    """One genuine notice. `gateway_id` names the transaction or dispute it is about."""

    kind: str
    sent_at: datetime | None
    gateway_id: str | None = None

    @property
    def subject(self) -> Subject:
        """What to look at; a kind nobody has listed is nothing to act on."""
        return SUBJECTS.get(self.kind, Subject.nothing)
