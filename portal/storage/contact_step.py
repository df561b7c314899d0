"""What the contact step shows beside the details on file, in one question. Asked by the contact use case."""

from sqlalchemy import and_, exists, or_, select
from sqlalchemy.orm import Session

from portal.storage.contact_wish import ContactWish
from portal.storage.customer import ContactChangeRequest
from portal.storage.sms_account import SmsAccount


def corrected_and_unanswered(
    session: Session, visit_id: str, kind: str, subject: str, everything: str
) -> tuple[bool, bool]:
    """Whether this visit already sent a correction; and whether texts may be asked for: this organisation sends some
    at all, and nothing was said yet about the whole of a subject.
    """
    own = session.info["organisation_id"]
    corrected = exists().where(
        ContactChangeRequest.organisation_id == own,
        ContactChangeRequest.visit_id == visit_id,
        ContactChangeRequest.status == "open",
    )
    sends_texts = exists().where(SmsAccount.organisation_id == own)
    answered = exists().where(
        ContactWish.organisation_id == own,
        ContactWish.kind == kind,
        ContactWish.subject == subject,
        or_(ContactWish.is_on, ContactWish.scope == everything),
    )
    row = session.execute(select(corrected, and_(sends_texts, ~answered))).one()
    return bool(row[0]), bool(row[1])
