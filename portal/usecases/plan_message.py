"""What messages about a plan may say, read from the rows when they are written, and what goes with them.

Called by `portal.usecases.outbox` only. A link is made when its message is first sent, so its token exists nowhere
before. Sends nothing.
"""

import json
from datetime import datetime, timedelta
from typing import Any

from portal.domain.message import Attachment, DeliveryPermanent
from portal.domain.plan_document import CompletionFacts
from portal.storage import Session, account, charge, customer, obligation, organisation, plan, signing
from portal.storage.message import Message
from portal.storage.obligation import Obligation
from portal.storage.plan import Plan
from portal.usecases.check_code import Kind, code_of
from portal.usecases.organisation import settings_of
from portal.usecases.plan_offer import COPIES_DAYS, is_open, make_link, offer_address
from portal.usecases.plan_paper import letterhead, with_code
from portal.usecases.ports import Ports

OF_OFFER = frozenset({"plan_offer", "plan_reminder", "plan_expired"})
OF_PLAN = OF_OFFER | {
    "plan_signed",
    "plan_completed",
    "plan_cancelled",
    "plan_paused",
    "plan_resumed",
    "plan_broken",
}
WITH_LINK = OF_OFFER | {"plan_signed"}
LEFT = frozenset({"due", "charging", "review"})


def plan_facts(ports: Ports, session: Session, row: Message) -> dict[str, Any]:
    """The facts of a message about a plan. DeliveryPermanent when it is gone."""
    found, about = plan.by_id(session, row.subject_id), customer.by_id(session, row.customer_id)
    owed_on = account.by_id(session, found.account_id) if found else None
    if found is None or about is None or owed_on is None:
        raise DeliveryPermanent("plan_missing")
    facts: dict[str, Any] = {"customer_name": about.full_name}
    if row.event in WITH_LINK:
        if row.sealed_facts is None:
            raise DeliveryPermanent("link_missing")
        facts |= json.loads(ports.seal.open(row.sealed_facts))
    if row.event in {"plan_offer", "plan_reminder"}:
        if found.expires_at is None:
            raise DeliveryPermanent("plan_not_offered")
        facts["expires_at"] = found.expires_at
    if row.event == "plan_offer":
        facts |= {"changed": found.replaces_id is not None, "fresh": found.made_by == "customer"}
    if row.event in OF_OFFER:
        return facts
    facts |= {"account_reference": owed_on.reference, "plan_reference": found.reference}
    payments = obligation.of_subject(session, found.schedule_id) if found.schedule_id else []
    match row.event:
        case "plan_signed":
            facts |= {
                "payments": [(each.due_on, each.amount_cents) for each in payments],
                "total_cents": sum(each.amount_cents for each in payments),
                "card_brand": payments[0].card_brand,
                "card_last4": payments[0].card_last4,
            }
        case "plan_completed":
            facts |= {"paid_cents": paid_cents(session, payments), "forgiven_cents": forgiven_cents(payments)}
        case "plan_cancelled":
            facts["under_way"] = any(
                attempt.cancel_requested_at is not None and attempt.cancel_settled_at is None
                for due in payments
                if due.status in {"charging", "review"}
                for attempt in charge.of_obligation(session, due.id)
            )
        case "plan_resumed":
            left = sorted((each.due_on, each.amount_cents) for each in payments if each.status in LEFT and each.due_on)
            facts["payments"] = left
    return facts


def plan_attachments(ports: Ports, session: Session, row: Message) -> list[Attachment]:
    """The papers that go with a message, as they are kept; the letter is printed from the rows."""
    found = plan.by_id(session, row.subject_id)
    if found is None or row.event not in {"plan_signed", "plan_completed"}:
        return []
    names = {
        "en": {"schedule": "payment-schedule", "agreement": "authorization-agreement", "letter": "completion-letter"},
        "es": {"schedule": "calendario-de-pagos", "agreement": "acuerdo-de-autorizacion", "letter": "carta-final"},
    }["es" if row.locale == "es" else "en"]
    if row.event == "plan_completed":
        letter = ports.paper.completion(completion_facts(ports, session, found, row), row.locale)
        return [Attachment(f"{names['letter']}-{found.reference}.pdf", "application/pdf", letter)]
    papers = []
    for kind in ("schedule", "agreement"):
        paper = signing.paper_of(session, found.id, kind)
        if paper is None:
            raise DeliveryPermanent("paper_missing")
        papers.append(Attachment(f"{names[kind]}-{found.reference}.pdf", "application/pdf", paper.content))
    return papers


def plan_link_of(ports: Ports, session: Session, row: Message, now: datetime) -> str:
    """Makes the link of a message about a plan and seals it: the token is in no other row."""
    found = plan.by_id(session, row.subject_id)
    if found is None:
        raise DeliveryPermanent("plan_missing")
    sender = organisation.by_id(session, row.organisation_id)
    rules = settings_of(session, sender)
    if row.event == "plan_expired" and (not rules.is_on("plan_fresh_offer") or found.replaces_id is not None):
        return ports.seal.seal(json.dumps({"link_url": None}))
    expires_at = now + timedelta(days=COPIES_DAYS if row.event == "plan_signed" else rules.number("link_days"))
    if is_open(found, now) and found.expires_at is not None:
        expires_at = max(expires_at, found.expires_at)
    token = make_link(session, found, expires_at=expires_at, now=now, made_by="outbox")
    return ports.seal.seal(json.dumps({"link_url": offer_address(ports.portal_url, sender, token)}))


def completion_facts(ports: Ports, session: Session, found: Plan, row: Message) -> CompletionFacts:
    """The letter of a plan that was kept, to be checked by the code of the message it goes with."""
    paid_to = organisation.by_id(session, found.organisation_id)
    about, owed_on = customer.by_id(session, found.customer_id), account.by_id(session, found.account_id)
    if about is None or owed_on is None or found.signed_at is None or found.ended_at is None:
        raise DeliveryPermanent("plan_missing")
    payments = obligation.of_subject(session, found.schedule_id or "")
    head = letterhead(found, paid_to, settings_of(session, paid_to), about, owed_on)
    return CompletionFacts(
        head=with_code(head, code_of(session, Kind.message, row.id), ports.portal_url, paid_to),
        paid_cents=paid_cents(session, payments),
        forgiven_cents=forgiven_cents(payments),
        balance_cents=owed_on.balance_cents,
        signed_at=found.signed_at,
        completed_at=found.ended_at,
    )


def paid_cents(session: Session, payments: list[Obligation]) -> int:
    """What the instalments brought."""
    return sum(
        attempt.amount_cents
        for due in payments
        if due.status == "paid"
        for attempt in charge.of_obligation(session, due.id)
        if attempt.state == "succeeded"
    )


def forgiven_cents(payments: list[Obligation]) -> int:
    """What the last instalment settled."""
    return sum(each.forgiven_cents for each in payments if each.status == "paid")
