"""Promising messages about a subscription: by email, or by text where there is no address; and to its case manager.

Called inside the transaction of whatever makes them true. Sends nothing; what they say is in
`portal.usecases.subscription_message`.
"""

from datetime import datetime
from enum import StrEnum

from portal.domain.message import Channel
from portal.domain.message_event import EVENTS
from portal.storage import Session, customer
from portal.storage.customer import Customer
from portal.storage.subscription import Subscription, SubscriptionReport
from portal.usecases.contact_wish import may_text
from portal.usecases.organisation import record
from portal.usecases.paper_copy import is_on_paper
from portal.usecases.promise import promise


class Way(StrEnum):
    """How something reaches a participant."""

    email = "email"
    sms = "sms"
    post = "post"  # a sheet to print, under *Print and post* (C14)


def ways_to(session: Session, event: str, person: Customer) -> tuple[Way, ...]:
    """How a message about a subscription reaches its participant: none, where only a person can tell them."""
    ways = [Way.email] if person.email else []
    if not ways and Channel.sms in EVENTS[event].channels and person.phone and may_text(session, person):
        ways = [Way.sms]
    is_record = Channel.email in EVENTS[event].channels and bool(EVENTS[event].goes_on)
    if is_record and is_on_paper(session, person.id):
        ways.append(Way.post)
    return tuple(ways)


def tell(
    session: Session, event: str, row: Subscription, key: str, now: datetime, *, subject_id: str | None = None
) -> list[str]:
    """Promises a message to the participant; its id, or nothing where there is no way to them."""
    person, subject = _person(session, row), subject_id or row.id
    ways = ways_to(session, event, person)
    if not ways:
        record(session, "outbox", "message_without_address", row.id, now, event=event)
        return []
    promised = []
    if Way.sms in ways:
        promised.append(promise(session, event, "sms", person, person.phone or "", subject, f"{key}:sms", now))
    if Way.email in ways or Way.post in ways:  # the paper is of the email, which stays behind without an address
        promised.append(promise(session, event, "email", person, person.email or "", subject, f"{key}:email", now))
    return promised


def tell_manager(session: Session, row: Subscription, report: SubscriptionReport, now: datetime) -> list[str]:
    """Promises the note to the case manager; it names nobody."""
    person, key = _person(session, row), f"subscription_report:{report.id}"
    return [promise(session, "subscription_report", "email", person, row.manager_email, report.id, key, now)]


def _person(session: Session, row: Subscription) -> Customer:
    person = customer.by_id(session, row.customer_id)
    if person is None:
        raise AssertionError(f"subscription {row.id} has no customer")
    return person
