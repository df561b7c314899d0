"""Receipts: one row per successful charge, and the messages it promises, in the commit that books the money (N1).

Called by `portal.usecases.outcome` only. Sends nothing; `portal.usecases.outbox` delivers.
"""

import hashlib
from datetime import datetime
from typing import Any

from portal.domain.document import ReceiptFacts
from portal.domain.message_rule import ANSWER_FRESH
from portal.domain.rule import CHECKOUT
from portal.storage import Session, customer, message, organisation
from portal.storage.account import Account
from portal.storage.charge import Charge
from portal.storage.message import Receipt
from portal.storage.obligation import Obligation
from portal.storage.rows import new_id
from portal.usecases.check_code import Kind, address, code_of, give
from portal.usecases.contact_wish import may_text
from portal.usecases.organisation import settings_of
from portal.usecases.paper_copy import is_on_paper
from portal.usecases.payment_link import home
from portal.usecases.ports import Ports
from portal.usecases.promise import promise

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's: nothing that is misread aloud


def receipt_number(charge_id: str) -> str:
    """`7K3M-9QXT-2FHC`: 60 bits of the charge's digest, so no counter that all charges must wait for."""
    number = int.from_bytes(hashlib.sha256(charge_id.encode()).digest()[:8]) >> 4
    digits = "".join(_ALPHABET[(number >> shift) & 31] for shift in range(55, -1, -5))
    return "-".join((digits[:4], digits[4:8], digits[8:12]))


def issue_receipt(session: Session, row: Charge, due: Obligation, owed_on: Account, now: datetime) -> list[str]:
    """Writes the receipt and promises it by the ways the organisation and the customer chose; ids of the messages."""
    payer = customer.by_id(session, row.customer_id)
    paid_to = organisation.by_id(session, row.organisation_id)
    if payer is None:
        raise AssertionError(f"charge {row.id} has no customer")
    rules = settings_of(session, paid_to)
    number = receipt_number(row.id)
    facts: dict[str, Any] = {
        "organisation_name": paid_to.name,
        "customer_name": payer.full_name,
        "account_reference": owed_on.reference,
        "receipt_number": number,
        "confirmation": (row.gateway_id or "").upper(),
        "amount_cents": row.amount_cents,
        "paid_at": now.isoformat(),
        "time_zone": paid_to.timezone,
        "card_brand": row.card_brand,
        "card_last4": row.card_last4,
        "balance_left_cents": owed_on.balance_cents,
        "settled": due.forgiven_cents > 0,
        "organisation_color": paid_to.brand_colour,
        "help_phone": paid_to.support_phone,
        "help_email": paid_to.support_email,
        "help_hours": rules.words("support_hours"),
    }
    receipt = Receipt(
        id=new_id(),
        organisation_id=row.organisation_id,
        charge_id=row.id,
        customer_id=row.customer_id,
        account_id=row.account_id,
        number=number,
        facts=facts,
        issued_at=now,
    )
    session.add(receipt)
    give(session, Kind.receipt, receipt.id, now)
    by_email, by_sms = receipt_keys(row.id)
    promised = []
    is_here = _is_here(due, now)
    is_emailed, is_texted = rules.is_on("receipt_by_email"), rules.is_on("receipt_by_sms") and may_text(session, payer)
    on_paper = is_on_paper(session, payer.id)  # then a text would carry a record that is to come by mail (C14)
    if (is_emailed and (payer.email or on_paper)) or (is_texted and on_paper):
        to = (payer.email or "") if is_emailed else ""
        promised.append(promise(session, "receipt", "email", payer, to, receipt.id, by_email, now, is_answer=is_here))
    if payer.phone and is_texted and not on_paper:
        promised.append(
            promise(session, "receipt", "sms", payer, payer.phone, receipt.id, by_sms, now, is_answer=is_here)
        )
    return promised


def _is_here(due: Obligation, now: datetime) -> bool:
    """Whether the payer has just pressed the button and waits: at a page that takes money, or at the signature under a
    series whose first payment is due at once (C33). Nobody waits whose payment was in doubt for hours or tried again.
    """
    if due.kind == CHECKOUT:
        return now - due.created_at <= ANSWER_FRESH
    is_first = (due.source or "").endswith("_first")
    return is_first and not due.retries and now - due.due_at <= ANSWER_FRESH


def receipt_keys(charge_id: str) -> tuple[str, str]:
    """Under which its email and its text message are promised, once each."""
    return f"receipt:{charge_id}", f"receipt-sms:{charge_id}"


def facts_of(receipt: Receipt, check_code: str | None = None, portal_home: str = "") -> ReceiptFacts:
    """A receipt's stored facts as the document's, with its check code and where that is checked."""
    values = dict(receipt.facts)
    values["paid_at"] = datetime.fromisoformat(values["paid_at"])
    check_url = address(portal_home, check_code) if check_code and portal_home else None
    return ReceiptFacts(**values, check_code=check_code, check_url=check_url)


def paper_facts(ports: Ports, session: Session, receipt: Receipt) -> ReceiptFacts:
    """What a receipt says on paper."""
    portal_home = home(ports.portal_url, organisation.by_id(session, receipt.organisation_id))
    return facts_of(receipt, code_of(session, Kind.receipt, receipt.id), portal_home)


def receipt_of(session: Session, charge_id: str) -> Receipt | None:
    """The receipt of a charge, once there is one."""
    return message.receipt_of_charge(session, charge_id)
