"""What messages about a subscription may say, read from the rows when they are written.

Called by `portal.usecases.outbox` only. The link in them holds no token: it leads to signing in. Sends nothing.
"""

from typing import Any

from portal.domain.message import DeliveryPermanent
from portal.storage import Session, customer, obligation, subscription
from portal.storage.message import Message
from portal.storage.obligation import Obligation
from portal.storage.organisation import Organisation
from portal.storage.subscription import Subscription
from portal.usecases.payment_link import home
from portal.usecases.plan_message import LEFT, paid_cents
from portal.usecases.ports import Ports

SELF_PAY = "self-pay"
TO_ACTIVATE = frozenset({"subscription_assigned", "subscription_reminder"})
OF_SUBSCRIPTION = TO_ACTIVATE | {
    "subscription_expired",
    "subscription_last",
    "subscription_ended",
    "subscription_changed",
    "subscription_report",
}


def subscription_facts(ports: Ports, session: Session, row: Message, sender: Organisation) -> dict[str, Any]:
    """The facts of a message about a subscription. DeliveryPermanent when it is gone."""
    found, about = _subject(session, row), customer.by_id(session, row.customer_id)
    if found is None or about is None:
        raise DeliveryPermanent("subscription_missing")
    facts: dict[str, Any] = {"account_reference": found.reference}
    if row.event == "subscription_report":
        report = subscription.report_by_id(session, row.subject_id)
        if report is None:
            raise DeliveryPermanent("report_missing")
        return facts | {"wants_stop": report.kind == "stop", "requested_at": report.made_at}
    facts |= {
        "customer_name": about.full_name,
        "manager_name": found.manager_name,
        "manager_phone": found.manager_phone,
    }
    if row.event in TO_ACTIVATE:
        facts |= {"link_url": f"{home(ports.portal_url, sender)}/{SELF_PAY}", "expires_at": found.activate_by}
    payments = obligation.of_subject(session, found.schedule_id) if found.schedule_id else []
    match row.event:
        case "subscription_last":
            due = obligation.by_id(session, row.subject_id)
            if due is None:
                raise DeliveryPermanent("payment_missing")
            facts |= {
                "amount_cents": due.amount_cents,
                "due_on": due.due_on,
                "card_brand": due.card_brand,
                "card_last4": due.card_last4,
            }
        case "subscription_ended":
            facts["paid_cents"] = paid_cents(session, payments)
        case "subscription_changed":
            facts |= _change(session, row) | {"payments": _left(payments)}
    return facts


def _subject(session: Session, row: Message) -> Subscription | None:
    match row.event:
        case "subscription_report":
            report = subscription.report_by_id(session, row.subject_id)
            return subscription.by_id(session, report.subscription_id) if report else None
        case "subscription_changed":
            change = subscription.change_by_id(session, row.subject_id)
            return subscription.by_id(session, change.subscription_id) if change else None
        case "subscription_last":
            due = obligation.by_id(session, row.subject_id)
            return subscription.of_schedule(session, due.subject_id) if due else None
    return subscription.by_id(session, row.subject_id)


def _change(session: Session, row: Message) -> dict[str, Any]:
    change = subscription.change_by_id(session, row.subject_id)
    found = subscription.by_id(session, change.subscription_id) if change else None
    if change is None or found is None:
        raise DeliveryPermanent("change_missing")
    return {
        "extended_to": found.end_on if change.kind == "extend" else None,
        "shortened_to": found.end_on if change.kind == "shorten" else None,
        "is_paused": change.kind == "pause",
        "is_cancelled": change.kind == "cancel",
        "goes_on": change.kind == "resume",
    }


def _left(payments: list[Obligation]) -> list[tuple[Any, int]]:
    return sorted((each.due_on, each.amount_cents) for each in payments if each.status in LEFT and each.due_on)
