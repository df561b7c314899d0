"""What somebody signed in says about being written to: emails and texts, on or off, kept in the words they read.

Called by the customers' profile page. What was said stands in `contact_wish`, and the rules of messages go by it; this
sends nothing and stops nothing that the law asks for.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from portal.domain.phone_number import one_spelling
from portal.storage import Session, sms_account
from portal.storage.customer import Customer
from portal.usecases.contact_wish import Words, agree, is_refused_medium, may_text, refuse_medium, standing, stop

WordsOf = Callable[[str, bool], Words]  # of a channel, and whether it is wanted: exactly what was read


@dataclass(frozen=True, slots=True)
class Reach:
    """How a person can be reached and what they said to it. `can_text`: they have a number, we an account for it."""

    email: str
    emails_on: bool
    phone: str
    can_text: bool
    texts_on: bool


def look(session: Session, about: Customer) -> Reach:
    """As everything said so far comes to."""
    email, phone = about.email or "", about.phone or ""
    emails_on = bool(email) and standing(session, "email", email).revoked_at is None
    has_carrier = sms_account.sms_account(session) is not None
    return Reach(
        email=email,
        emails_on=emails_on and not is_refused_medium(session, about.id, "email"),
        phone=phone,
        can_text=has_carrier and one_spelling(phone) is not None,
        texts_on=may_text(session, about) and not is_refused_medium(session, about.id, "sms"),
    )


def choose(
    session: Session, about: Customer, *, emails: bool, texts: bool, words_of: WordsOf, now: datetime
) -> tuple[str, ...]:
    """Keeps what differs from before; the channels that changed. What cannot be reached is not asked and not kept."""
    before = look(session, about)
    changed = []
    if before.email and emails != before.emails_on:
        _say(session, about, "email", before.email, emails, words_of("email", emails), now)
        changed.append("email")
    if (before.can_text or before.texts_on) and texts != before.texts_on:
        _say(session, about, "sms", before.phone, texts, words_of("sms", texts), now)
        changed.append("sms")
    return tuple(changed)


def _say(session: Session, about: Customer, channel: str, address: str, on: bool, words: Words, now: datetime) -> None:
    if on and is_refused_medium(session, about.id, channel):
        refuse_medium(session, about, channel, words, now, on=False)
    say = agree if on else stop
    say(session, channel, address, words, now, customer=about.id)
