"""Giving things their check code, and answering whoever asks about one: genuine or not, what, and of which day.

Called where receipts, agreements and messages are made, and by the public check page. Says nothing personal: no name,
no amount, no account.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from portal.domain.check_code import new_code, read_code
from portal.storage import Session, check_code
from portal.storage.check_code import CheckCode

PATH = "check"


class Kind(StrEnum):
    """What a code stands on."""

    receipt = "receipt"
    agreement = "agreement"
    message = "message"
    invoice = "invoice"
    superbill = "superbill"


@dataclass(frozen=True, slots=True)
class Genuine:
    """All that is said about a code that is ours."""

    kind: Kind
    made_at: datetime


def give(session: Session, kind: Kind, subject_id: str, now: datetime, code: str | None = None) -> str:
    """The code of a thing that is made in this transaction: a new one, or the one its paper was printed with."""
    code = code or new_code()
    session.add(CheckCode(code=code, kind=kind.value, subject_id=subject_id, made_at=now))
    return code


def code_of(session: Session, kind: Kind, subject_id: str) -> str | None:
    """The code of a thing; None for what was made before there were codes."""
    row = check_code.of_subject(session, kind.value, subject_id)
    return row.code if row else None


def address(portal_home: str, code: str) -> str:
    """Where a code is checked, with the code filled in."""
    return f"{portal_home}/{PATH}?code={code}"


def check(session: Session, typed: str) -> Genuine | None:
    """What a typed code stands on in this organisation; None when it is none of ours."""
    code = read_code(typed)
    row = check_code.by_code(session, code) if code else None
    return Genuine(Kind(row.kind), row.made_at) if row else None
