"""Contact details in a visit: seen, or found wrong. What a customer corrects is a request; staff decide.

Called by the contact pages of links, in their transaction. Nothing on file changes here. The organisation is told;
no message goes to a typed address.
"""

import re
from datetime import datetime

import phonenumbers

from portal.domain.payment_method import holds_card_number
from portal.domain.refusal import Refused
from portal.storage import Session
from portal.storage import customer as customers
from portal.storage import organisation as organisations
from portal.storage.customer import ContactChangeRequest, Customer
from portal.usecases.organisation import record
from portal.usecases.promise import promise
from portal.usecases.visit import Walk

FIELDS = ("name", "email", "phone", "address_line1", "address_line2", "city", "state", "postal_code")
LENGTH_MAX = 120
EMAIL = re.compile(r"[^@\s<>()\[\],;:\\\"]{1,64}@[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63}){1,8}", re.ASCII)
UNREADABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]")


def seen(walk: Walk, now: datetime) -> None:
    """The person has looked at the details on file."""
    walk.visit.contact_seen_at = walk.visit.contact_seen_at or now
    walk.visit.version += 1


def on_file(customer: Customer) -> dict[str, str]:
    """The details on file by field, empty where there is none."""
    return {
        "name": customer.full_name,
        **{field: str(getattr(customer, field) or "") for field in FIELDS if field != "name"},
    }


def postal_code(walk: Walk) -> str:
    """The ZIP code somebody typed or was shown in this visit, for the card they type next (W27).

    Never one that was shown in part or not at all: elsewhere it proves who somebody is.
    """
    typed = walk.corrected.get("postal_code", "")
    shown = walk.visit.sign_in_id is None and walk.visit.contact_seen_at and not walk.settings.is_on("mask_contact")
    return typed or ((walk.customer.postal_code or "") if shown else "")


def refused(typed: dict[str, str]) -> dict[str, Refused]:
    """What cannot be stored of a correction, by field."""
    refusals = {field: Refused(code) for field, value in typed.items() if value and (code := _fault(field, value))}
    if not refusals and not any(typed.values()):
        return {"name": Refused("contact_empty")}
    return refusals


def request_change(session: Session, walk: Walk, typed: dict[str, str], now: datetime) -> str | None:
    """Stores the correction as this visit's one open request; a second one replaces it.

    Returns the id of the message that tells the organisation, to ring for; one for each request, however often changed.
    """
    message_id = ask_change(session, walk.customer, walk.account.id, walk.visit.id, typed, now)
    seen(walk, now)
    return message_id


def ask_change(
    session: Session, person: Customer, account_id: str, visit_id: str, typed: dict[str, str], now: datetime
) -> str | None:
    """The same from any personal link: `visit_id` is that of the visit or the signing it is asked for in."""
    known = on_file(person)
    changes = {field: value for field, value in typed.items() if value and value != known[field]}
    if not changes:
        return None
    row = customers.open_change_request(session, visit_id)
    if row is None:
        row = ContactChangeRequest(customer_id=person.id, account_id=account_id, visit_id=visit_id, made_at=now)
        session.add(row)
    row.changes = changes
    session.flush()
    record(session, "customer", "contact_change_requested", row.id, now, fields=sorted(changes))
    mailbox = organisations.by_id(session, row.organisation_id).support_email
    key = f"contact_change_request:{row.id}"
    return promise(session, "contact_change_request", "email", person, mailbox, row.id, key, now)


def _fault(field: str, value: str) -> str | None:
    if len(value) > LENGTH_MAX:
        return "contact_too_long"
    if UNREADABLE.search(value):
        return "contact_unreadable"
    if field == "email":
        return None if EMAIL.fullmatch(value) else "contact_email_wrong"
    if field == "phone":
        return None if _is_us_phone(value) else "contact_phone_wrong"
    return "holds_card_number" if holds_card_number(value) else None


def _is_us_phone(value: str) -> bool:
    try:
        number = phonenumbers.parse(value, "US")
    except phonenumbers.NumberParseException:
        return False
    return number.country_code == 1 and phonenumbers.is_possible_number(number)
