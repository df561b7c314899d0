"""Promising messages about a plan: the offer's own by the channels staff chose, all others by email where there is one.

Called inside the transaction of whatever makes them true. Sends nothing; what they say is in
`portal.usecases.plan_message`.
"""

from datetime import datetime

from portal.domain.message import Channel
from portal.domain.message_event import EVENTS
from portal.storage import Session, customer
from portal.storage.customer import Customer
from portal.storage.plan import Plan
from portal.usecases.contact_wish import may_text
from portal.usecases.organisation import record
from portal.usecases.paper_copy import is_on_paper
from portal.usecases.promise import promise


def tell_offer(
    session: Session, event: str, plan: Plan, key: str, now: datetime, *, is_answer: bool = False
) -> list[str]:
    """Promises a message about an offer by every channel it was made for; ids of the messages.

    `is_answer`: the customer asked for it at this moment.
    """
    payer = _payer(session, plan)
    ways = {"email": ("email",), "sms": ("sms",), "both": ("email", "sms")}[plan.channels]
    return _promised(session, event, plan, payer, ways, key, now, is_answer=is_answer)


def tell(
    session: Session,
    event: str,
    plan: Plan,
    key: str,
    now: datetime,
    locale: str | None = None,
    *,
    is_answer: bool = False,
) -> list[str]:
    """Promises a message about a plan by email, or by text where there is no address; ids of the messages.

    Whoever wants records on paper has none by text (C14).
    `is_answer`: the customer is doing something at this moment, and this answers it.
    """
    payer = _payer(session, plan)
    by_text = not payer.email and Channel.sms in EVENTS[event].channels and not is_on_paper(session, payer.id)
    ways: tuple[str, ...] = ("sms",) if by_text else ("email",)
    return _promised(session, event, plan, payer, ways, key, now, locale, is_answer=is_answer)


def _promised(
    session: Session,
    event: str,
    plan: Plan,
    payer: Customer,
    ways: tuple[str, ...],
    key: str,
    now: datetime,
    locale: str | None = None,
    *,
    is_answer: bool = False,
) -> list[str]:
    promised = []
    for way in ways:
        recipient = payer.email if way == "email" else payer.phone if may_text(session, payer) else None
        goes_by_post = way == "email" and bool(EVENTS[event].goes_on) and is_on_paper(session, payer.id)
        if not recipient and not goes_by_post:
            record(session, "outbox", "message_without_address", plan.id, now, event=event, channel=way)
            continue
        to, once = recipient or "", f"{key}:{way}"
        promised.append(promise(session, event, way, payer, to, plan.id, once, now, locale=locale, is_answer=is_answer))
    return promised


def _payer(session: Session, plan: Plan) -> Customer:
    payer = customer.by_id(session, plan.customer_id)
    if payer is None:
        raise AssertionError(f"plan {plan.id} has no customer")
    return payer
