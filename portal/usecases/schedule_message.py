"""What messages about scheduled payments may say, read from the rows when they are written, and what goes with them.

Called by `portal.usecases.outbox` only. A link that changes a card is made when its message is first sent, so its
token exists nowhere before. Sends nothing.
"""

import json
from datetime import datetime
from typing import Any

from portal.domain.due_date import local_date
from portal.domain.message import Attachment, DeliveryPermanent
from portal.domain.payment_link import Purpose
from portal.domain.subscription import SERIES
from portal.storage import Session, account, agreement, autopay, charge, customer, obligation, organisation, schedule
from portal.storage.message import Message
from portal.storage.obligation import Obligation
from portal.storage.organisation import Organisation
from portal.storage.schedule import Schedule
from portal.usecases.organisation import settings_of
from portal.usecases.payment_link import address, make
from portal.usecases.ports import Ports

OF_SCHEDULE = frozenset({"schedule_made", "schedule_cancelled"})
OF_PAYMENT = frozenset(
    {
        "payment_upcoming",
        "payment_declined",
        "payment_moved",
        "payment_cancelled",
        "payment_stopped",
        "payment_not_charged",
        "card_expiring",
    }
)
LINKS = {
    "payment_declined": Purpose.card,
    "card_expiring": Purpose.card,
    "schedule_made": Purpose.schedule,
    "payment_upcoming": Purpose.schedule,
    "payment_moved": Purpose.schedule,
    "payment_cancelled": Purpose.schedule,
}
WHY_NOT = {
    "less_owed": "balance_too_low",
    "was_given_back": "given_back",
    "is_off": "autopay_off",
    "told_late": "notice_missing",
    "gone_by": "notice_stale",
}
SAY_WHAT_CAN_BE_DONE = frozenset({"schedule_made", "payment_moved", "payment_upcoming"})
WITH_CARD = frozenset({"schedule_made", "payment_upcoming", "payment_declined", "card_expiring"})


def schedule_facts(ports: Ports, session: Session, row: Message, sender: Organisation) -> dict[str, Any]:
    """The facts of a message about a schedule or one of its payments. DeliveryPermanent when it is gone."""
    due = obligation.by_id(session, row.subject_id) if row.event in OF_PAYMENT else None
    plan = schedule.by_id(session, due.subject_id if due else row.subject_id)
    about = customer.by_id(session, row.customer_id)
    owed_on = account.by_id(session, plan.account_id) if plan else None
    if plan is None or about is None or owed_on is None:
        raise DeliveryPermanent("schedule_missing")
    facts: dict[str, Any] = {"customer_name": about.full_name, "account_reference": owed_on.reference}
    payments = obligation.of_subject(session, plan.id)
    if row.event in WITH_CARD:
        facts |= _card(session, due or payments[0])
    if row.event in LINKS:
        facts |= _link(ports, row)
    if row.event in SAY_WHAT_CAN_BE_DONE:
        facts |= {"in_program": plan.series == SERIES}
    if due is not None:
        facts |= {"amount_cents": due.amount_cents, "due_on": due.due_on}
    match row.event:
        case "schedule_made":
            facts |= {
                "payments": [(each.due_on, each.amount_cents) for each in payments],
                "total_cents": sum(each.amount_cents for each in payments),
            }
        case "schedule_cancelled":
            facts |= {
                "payments": [(each.due_on, each.amount_cents) for each in payments if _cancelled_with(each, plan)],
                "under_way": _has_unwanted(session, payments),
            }
        case "payment_cancelled" if due is not None:
            facts |= {"skipped": due.refused_code == "skipped", "under_way": _has_unwanted(session, [due])}
        case "payment_not_charged" if due is not None:
            facts |= {name: due.refused_code == code for name, code in WHY_NOT.items()}
        case "payment_moved" if due is not None:
            facts |= {"moved_from": due.moved_from}
        case "payment_declined" if due is not None:
            waits = due.status == "due" and due.retries > 0
            put_off = (
                due.status == "due" and not due.retries and due.moved_from is not None
            )  # an instalment, to the end
            facts |= {
                "due_on": due.moved_from if put_off else due.due_on,
                "retry_on": local_date(due.due_at, sender.timezone) if waits else None,
                "put_off_to": due.due_on if put_off else None,
                "rest_cancelled": plan.status == "cancelled",
            }
    return facts


def link_of(ports: Ports, session: Session, row: Message, now: datetime) -> str:
    """Makes the link of a message, to the schedule it is about, and seals it: the token is in no other row."""
    due = obligation.by_id(session, row.subject_id) if row.event in OF_PAYMENT else None
    plan = schedule.by_id(session, due.subject_id if due else row.subject_id)
    owed_on = account.by_id(session, plan.account_id) if plan else None
    if plan is None or owed_on is None:
        raise DeliveryPermanent("schedule_missing")
    sender, purpose = organisation.by_id(session, row.organisation_id), LINKS[row.event]
    days = settings_of(session, sender).number("link_days")
    token = make(session, owed_on, days=days, now=now, made_by="outbox", purpose=purpose, subject_id=plan.id)
    return ports.seal.seal(json.dumps({"link_url": address(ports.portal_url, sender, token, purpose)}))


def authorization(session: Session, row: Message) -> Attachment:
    """The sealed authorization, word for word, to keep (C2)."""
    what = (
        autopay.by_id(session, row.subject_id) if row.event == "autopay_on" else schedule.by_id(session, row.subject_id)
    )
    sealed = agreement.by_id(session, what.agreement_id) if what else None
    if sealed is None:
        raise DeliveryPermanent("agreement_missing")
    name = "autorizacion.txt" if sealed.locale == "es" else "authorization.txt"
    return Attachment(name, "text/plain", sealed.text.encode())


def _card(session: Session, due: Obligation) -> dict[str, Any]:
    attempts = charge.of_obligation(session, due.id)
    last = attempts[-1] if attempts else None
    return {
        "card_brand": last.card_brand if last else due.card_brand,
        "card_last4": last.card_last4 if last else due.card_last4,
    }


def _link(ports: Ports, row: Message) -> dict[str, Any]:
    if row.sealed_facts is None:
        raise DeliveryPermanent("link_missing")
    return dict(json.loads(ports.seal.open(row.sealed_facts)))


def _cancelled_with(due: Obligation, plan: Schedule) -> bool:
    return due.status == "cancelled" and due.refused_code in {
        "cancelled_by_customer",
        "cancelled_by_staff",
        "schedule_ended",
    }


def _has_unwanted(session: Session, payments: list[Obligation]) -> bool:
    return any(
        attempt.cancel_requested_at is not None and attempt.cancel_settled_at is None
        for due in payments
        if due.status in {"charging", "review"}
        for attempt in charge.of_obligation(session, due.id)
    )
