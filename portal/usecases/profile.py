"""What a customer says of themselves when signed in: a correction of their contact details, the language of messages.

Called by the customers' door, in its transaction. A correction is a request; staff decide.
"""

from datetime import datetime

from portal.domain.message import LOCALES
from portal.domain.refusal import Refused
from portal.storage import Session, account
from portal.storage import customer as customers
from portal.storage import organisation as organisations
from portal.storage.customer import ContactChangeRequest, Customer
from portal.usecases.contact import on_file
from portal.usecases.organisation import record
from portal.usecases.promise import promise


def ask_correction(session: Session, customer_id: str, typed: dict[str, str], now: datetime) -> str | None:
    """Stores what differs from what is on file as one open request; returns the id of the message that tells of it."""
    person = _person(session, customer_id)
    known = on_file(person)
    changes = {field: value for field, value in typed.items() if value and value != known[field]}
    owed_on = next(iter(account.of_customer(session, customer_id)), None)
    if not changes or owed_on is None:
        return None
    row = customers.open_own_request(session, customer_id)
    if row is None:
        row = ContactChangeRequest(customer_id=customer_id, account_id=owed_on.id, made_at=now)
        session.add(row)
    row.changes = changes
    session.flush()
    record(session, f"customer:{customer_id}", "contact_change_requested", row.id, now, fields=sorted(changes))
    mailbox = organisations.by_id(session, row.organisation_id).support_email
    key = f"contact_change_request:{row.id}"
    return promise(session, "contact_change_request", "email", person, mailbox, row.id, key, now)


def choose_language(session: Session, customer_id: str, locale: str, now: datetime) -> None:
    """The language of messages from now on."""
    if locale not in LOCALES:
        raise Refused("locale_unknown")
    person = _person(session, customer_id)
    if person.locale != locale:
        person.locale = locale
        record(session, f"customer:{customer_id}", "language_chosen", customer_id, now, locale=locale)


def _person(session: Session, customer_id: str) -> Customer:
    person = customers.by_id(session, customer_id)
    if person is None:
        raise Refused("customer_unknown")
    return person
