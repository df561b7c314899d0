"""What messages about AutoPay may say, read from the rows when they are written.

Called by `portal.usecases.outbox` only. The link in them holds no token: it opens after signing in, and nothing of what
was sold is said (45 CFR 164.502(b), C50). Sends nothing.
"""

from typing import Any

from portal.domain.message import DeliveryPermanent
from portal.storage import Session, account, autopay, customer, obligation, payment_method
from portal.storage.autopay import Autopay
from portal.storage.message import Message
from portal.storage.organisation import Organisation
from portal.usecases.payment_link import home
from portal.usecases.ports import Ports

OF_AUTOPAY = frozenset({"autopay_on", "autopay_off", "autopay_upcoming", "autopay_above_limit"})


def autopay_facts(ports: Ports, session: Session, row: Message, sender: Organisation) -> dict[str, Any]:
    """The facts of a message about AutoPay. DeliveryPermanent when it is gone."""
    due = obligation.by_id(session, row.subject_id) if row.event == "autopay_upcoming" else None
    payment = autopay.payment_by_id(session, row.subject_id) if row.event == "autopay_above_limit" else None
    found = autopay.by_id(session, payment.autopay_id if payment is not None else row.subject_id)
    account_id = due.account_id if due is not None else found.account_id if found is not None else ""
    owed_on, about = account.by_id(session, account_id), customer.by_id(session, row.customer_id)
    if owed_on is None or about is None:
        raise DeliveryPermanent("autopay_missing")
    facts: dict[str, Any] = {
        "customer_name": about.full_name,
        "account_reference": owed_on.reference,
        "link_url": f"{home(ports.portal_url, sender)}/account/autopay/{account_id}",
    }
    if due is not None:
        return facts | {
            "amount_cents": due.amount_cents,
            "due_on": due.due_on,
            "card_brand": due.card_brand,
            "card_last4": due.card_last4,
        }
    if found is None:
        raise DeliveryPermanent("autopay_missing")
    match row.event:
        case "autopay_on":
            facts |= _card(session, found) | {"limit_cents": found.limit_cents}
        case "autopay_above_limit" if payment is not None:
            facts |= {"amount_cents": payment.amount_cents, "limit_cents": found.limit_cents}
        case "autopay_off":
            plans = [plan.id for plan in autopay.schedules_of(session, found.id, live=False)]
            facts["under_way"] = any(
                each.status in {"charging", "review"} for each in autopay.obligations_of(session, plans)
            )
    return facts


def _card(session: Session, found: Autopay) -> dict[str, Any]:
    card = payment_method.owned_by(session, found.payment_method_id, found.customer_id)
    return {"card_brand": card.brand, "card_last4": card.last4} if card is not None else {}
