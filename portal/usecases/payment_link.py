"""Personal links: making one, finding one by its token, saying what it is good for, sending a fresh one.

Called by the links' pages, by the outbox, by staff and by seeds. Never returns a token that was made before: only its
digest is kept.
"""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta

from portal.domain.payment_link import LinkState, Purpose, digest, new_token
from portal.domain.refusal import Refused
from portal.storage import Session
from portal.storage import limit as limits
from portal.storage import payment_link as links
from portal.storage import walk as walks
from portal.storage.account import Account
from portal.storage.customer import Customer
from portal.storage.organisation import Organisation
from portal.storage.payment_link import PaymentLink
from portal.usecases.contact_wish import may_text
from portal.usecases.organisation import settings
from portal.usecases.ports import Ports
from portal.usecases.promise import promise

FRESH_PER_HOUR = 3  # for one account, whichever of its links asks (attack 33)
PATHS = {Purpose.pay: "l", Purpose.card: "card", Purpose.schedule: "scheduled"}
MESSAGES = {Purpose.pay: "payment_link", Purpose.card: "schedule_link", Purpose.schedule: "schedule_link"}


@dataclass(frozen=True, slots=True)
class Found:
    """A link that exists, and what it is good for now."""

    link: PaymentLink
    state: LinkState
    account: Account
    customer: Customer
    organisation: Organisation


def make(
    session: Session,
    account: Account,
    *,
    days: int,
    now: datetime,
    made_by: str,
    purpose: Purpose = Purpose.pay,
    subject_id: str | None = None,
) -> str:
    """Makes a link to an account and returns its token, the only time it is known.

    `subject_id` is the schedule, where the purpose is one's.
    """
    token = new_token()
    session.add(
        PaymentLink(
            account_id=account.id,
            customer_id=account.customer_id,
            token_sha256=digest(token),
            purpose=purpose.value,
            subject_id=subject_id,
            expires_at=now + timedelta(days=days),
            created_at=now,
            made_by=made_by,
        )
    )
    session.flush()
    return token


def home(portal_url: str, organisation: Organisation) -> str:
    """Where an organisation's pages begin, from the configured host or its own; never from a request (attack 34)."""
    base = f"https://{organisation.host}" if organisation.host else portal_url.rstrip("/")
    return f"{base}/{organisation.slug}"


def address(portal_url: str, organisation: Organisation, token: str, purpose: Purpose = Purpose.pay) -> str:
    """The address of a link."""
    return f"{home(portal_url, organisation)}/{PATHS[purpose]}/{token}"


def find(session: Session, token: str, now: datetime, purpose: Purpose = Purpose.pay) -> Found | None:
    """The link of exactly this token in this organisation, for this purpose; None for every other string."""
    rows = walks.of_token(session, digest(token), purpose)
    if rows is None:
        return None
    link, account, customer, organisation = rows
    return Found(link, state_of(link, account, now), account, customer, organisation)


def state_of(link: PaymentLink, account: Account, now: datetime) -> LinkState:
    """What a link is good for. Revoked wins over paid, paid over expired: the most final answer is the true one.

    Whoever has scheduled payments may always stop them (Reg E 1005.10(c)), whatever became of the account.
    """
    if link.status == "revoked" or (account.status != "open" and link.purpose != Purpose.schedule):
        return LinkState.revoked
    if link.purpose == Purpose.pay and account.balance_cents == 0:
        return LinkState.paid
    return LinkState.open if now < link.expires_at else LinkState.expired


def send_fresh(ports: Ports, organisation_id: str, token: str, purpose: Purpose = Purpose.pay) -> None:
    """Sends a new link like an expired one to the address on file when it asks for it, three times an hour at most.

    Says nothing of what it did: with or without an address, capped or not, the caller shows the same page. The old
    link stays expired. Refused `link_not_expired`.
    """
    now = ports.clock.now()
    with ports.database.transaction(organisation_id) as session:
        found = find(session, token, now, purpose)
        rules = settings(session)
        if found is None or found.state is not LinkState.expired or not rules.is_on("fresh_link"):
            raise Refused("link_not_expired")
        asked = limits.count_up(session, "fresh_link", found.account.id, timedelta(hours=1), now)
        channel, recipient = way_to(session, found.customer)
        if asked > FRESH_PER_HOUR or recipient is None:
            return
        fresh = make(
            session,
            found.account,
            days=rules.number("link_days"),
            now=now,
            made_by="customer",
            purpose=purpose,
            subject_id=found.link.subject_id,
        )
        row = by_token(session, fresh, purpose)
        message_id = promise(
            session,
            MESSAGES[purpose],
            channel,
            found.customer,
            recipient,
            row.id,
            f"{MESSAGES[purpose]}:{row.id}",
            now,
            sealed_facts=ports.seal.seal(
                json.dumps(
                    {
                        "link_url": address(ports.portal_url, found.organisation, fresh, purpose),
                        "expires_at": row.expires_at.isoformat(),
                        "fresh": True,
                        "for_card": purpose is Purpose.card,
                    }
                )
            ),
            is_answer=True,
        )
    ports.doorbell.ring_message(organisation_id, message_id)


def by_token(session: Session, token: str, purpose: Purpose = Purpose.pay) -> PaymentLink:
    """The link of a token that was just made."""
    link = links.by_token_sha256(session, digest(token), purpose)
    if link is None:
        raise AssertionError("a link that was just made is not there")
    return link


def way_to(session: Session, customer: Customer) -> tuple[str, str | None]:
    """How the customer is written to: by email, else by text where they agreed to texts."""
    if customer.email:
        return "email", customer.email
    return "sms", customer.phone if may_text(session, customer) else None
