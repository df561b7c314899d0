"""Promising messages about a subscription: by email, or by text where there is no address; and to its case manager.

Called inside the transaction of whatever makes them true. Sends nothing; what they say is in
`portal.usecases.subscription_message`.
"""

from datetime import datetime

from portal.domain.message import Channel
from portal.domain.message_event import EVENTS
from portal.storage import Session, customer
from portal.storage.customer import Customer
from portal.storage.subscription import Subscription, SubscriptionReport
from portal.usecases.contact_wish import may_text
from portal.usecases.organisation import record
from portal.usecases.promise import promise


def tell(
    session: Session, event: str, row: Subscription, key: str, now: datetime, *, subject_id: str | None = None
) -> list[str]:
    """Promises a message to the participant; its id, or nothing where there is no way to them."""
    person = _person(session, row)
    channel, address = "email", person.email
    if not address and Channel.sms in EVENTS[event].channels and may_text(session, person):
        channel, address = "sms", person.phone
    if not address:
        record(session, "outbox", "message_without_address", row.id, now, event=event)
        return []
    return [promise(session, event, channel, person, address, subject_id or row.id, f"{key}:{channel}", now)]


def tell_manager(session: Session, row: Subscription, report: SubscriptionReport, now: datetime) -> list[str]:
    """Promises the note to the case manager; it names nobody."""
    person, key = _person(session, row), f"subscription_report:{report.id}"
    return [promise(session, "subscription_report", "email", person, row.manager_email, report.id, key, now)]


def _person(session: Session, row: Subscription) -> Customer:
    person = customer.by_id(session, row.customer_id)
    if person is None:
        raise AssertionError(f"subscription {row.id} has no customer")
    return person
