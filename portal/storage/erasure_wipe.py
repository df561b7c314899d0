"""Where personal data of a customer stands, table by table, and what is put in its place.

Called by the erasure use case, inside its transaction. Rows stay, so every reference and every sum does; what is
written for good is emptied under the one exception the database makes (`Erasure.is_wiping`). Each column that can hold
words is named here or among those that are kept (`tests/storage/test_erasure_wipe.py`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, case, delete, func, literal, select, update
from sqlalchemy.orm import InstrumentedAttribute, Session

from portal.domain.contact_wish import address_key
from portal.storage.account import Account
from portal.storage.agreement import Agreement
from portal.storage.audit import Alarm, GatewayFact
from portal.storage.autopay import Autopay
from portal.storage.bounce import Bounce
from portal.storage.charge import Charge
from portal.storage.contact_wish import ContactWish
from portal.storage.customer import ContactChangeRequest, Customer
from portal.storage.dispute import Dispute
from portal.storage.inbound_text import InboundText
from portal.storage.login import Device, Login, LoginCode
from portal.storage.message import Message, Receipt
from portal.storage.message_fact import MessageFact
from portal.storage.notice import Notice
from portal.storage.objection import Objection
from portal.storage.obligation import Obligation
from portal.storage.offer import Offer
from portal.storage.opt_out_link import OptOutLink
from portal.storage.patient import Diagnosis, Patient
from portal.storage.payment_link import PaymentLink
from portal.storage.payment_method import PaymentMethod
from portal.storage.plan import Plan, PlanLink
from portal.storage.refund import Refund
from portal.storage.rows import TenantRow
from portal.storage.schedule import Schedule
from portal.storage.selection import Selection
from portal.storage.service import Service, ServiceDetail
from portal.storage.service_document import ServiceDocument
from portal.storage.sign_in import SignIn
from portal.storage.signing import PlanPaper, PlanSignature, RecordConsent, Signing
from portal.storage.subscription import Subscription, SubscriptionChange, SubscriptionReport
from portal.storage.types import Instant
from portal.storage.visit import Visit

Values = Mapping[str, Any]

# From a row to the customer it is about, where it does not name one itself: the column, and the row it leads to.
WAYS: Mapping[type[TenantRow], tuple[InstrumentedAttribute[Any], type[TenantRow]]] = {
    Device: (Device.login_id, Login),
    LoginCode: (LoginCode.login_id, Login),
    Diagnosis: (Diagnosis.patient_id, Patient),
    MessageFact: (MessageFact.message_id, Message),
    Bounce: (Bounce.message_id, Message),
    Offer: (Offer.account_id, Account),
    Service: (Service.account_id, Account),
    ServiceDetail: (ServiceDetail.service_id, Service),
    PlanPaper: (PlanPaper.plan_id, Plan),
    SubscriptionChange: (SubscriptionChange.subscription_id, Subscription),
    GatewayFact: (GatewayFact.charge_id, Charge),
}
BROWSER: Values = {"ip": "", "user_agent": ""}
CARD: Values = {"card_nonce": None, "card_brand": None, "card_last4": None}
ADDRESS: Values = {"address_line1": None, "address_line2": None, "city": None, "state": None, "postal_code": None}


@dataclass(frozen=True, slots=True)
class Gone:
    """What the values are made from: the customer's pseudonym, and the moment."""

    pseudonym: str
    now: datetime

    def dead(self, row: type[TenantRow]) -> ColumnElement[str]:
        """In the place of a digest or a name that must stay unique: nobody holds what it would be of."""
        return literal("erased:").concat(row.id)

    def ended(self, column: InstrumentedAttribute[Any]) -> ColumnElement[Any]:
        """A moment that stays, or is now."""
        return func.coalesce(column, literal(self.now, Instant()))


def at_once(gone: Gone) -> dict[type[TenantRow], Values]:
    """What goes with the erasure itself."""
    return {
        ContactChangeRequest: {"changes": {}, "status": case((ContactChangeRequest.status == "open", "refused"),
                                                             else_=ContactChangeRequest.status)},
        Login: {"username": None, "pin_hash": None, "pepper_version": None, "ssn_digest": None,
                "ssn_last4_sealed": None, "is_active": False, "epoch": Login.epoch + 1},
        Device: {"label": "", "secret_sha256": gone.dead(Device), "ended_at": gone.ended(Device.ended_at)},
        LoginCode: {"secret_sha256": gone.dead(LoginCode), "code_digest": None,
                    "used_at": gone.ended(LoginCode.used_at)},
        SignIn: {**BROWSER, "secret_sha256": gone.dead(SignIn), "ended_at": gone.ended(SignIn.ended_at)},
        Visit: {**BROWSER, **CARD, "card_expires_month": None, "card_expires_year": None, "schedule_wish": None,
                "secret_sha256": gone.dead(Visit), "version": Visit.version + 1},
        Signing: {**BROWSER, **CARD, "card_expires_month": None, "card_expires_year": None,
                  "secret_sha256": gone.dead(Signing), "version": Signing.version + 1},
        PaymentLink: {"token_sha256": gone.dead(PaymentLink), "status": "revoked"},
        PlanLink: {"token_sha256": gone.dead(PlanLink)},
        OptOutLink: {"token_sha256": gone.dead(OptOutLink), "address": ""},
        Bounce: {"address": gone.dead(Bounce), "reason": "", "cleared_at": gone.ended(Bounce.cleared_at)},
        MessageFact: {"facts": {}},
        Message: {"recipient": "", "sealed_facts": None, "sealed_stop": None, "provider_id": None,
                  "last_error": case((Message.state == "queued", "customer_erased"), else_=None),
                  "state": case((Message.state == "queued", "failed"), else_=Message.state), "held_by": None,
                  "held_until": None},
        InboundText: {"sender": "", "words": ""},
        PaymentMethod: {"token": gone.dead(PaymentMethod), "brand": "", "last4": "0000", "expires_month": 1,
                        "expires_year": 1970, "postal_code": None, "label": "",
                        "removed_at": gone.ended(PaymentMethod.removed_at)},
        Autopay: {"status": "off", "ended_at": gone.ended(Autopay.ended_at),
                  "ended_by": func.coalesce(Autopay.ended_by, "erasure"), "version": Autopay.version + 1},
        Obligation: dict(CARD),
        Charge: {"card_brand": None, "card_last4": None},
        Refund: {"asked_why": ""},
        Selection: {"note": ""},
        Objection: {"words": "", "resolved_words": None},
        Plan: {"why": None},
        Subscription: {"why": None},
        SubscriptionChange: {"why": ""},
        SubscriptionReport: {"said": ""},
        ServiceDetail: {"description": "", "diagnoses": []},
        Patient: {**ADDRESS, "reference": gone.dead(Patient), "given_name": "", "family_name": gone.pseudonym,
                  "born_on": None, "version": Patient.version + 1},
        Account: {"label": gone.pseudonym, "status": "closed", "version": Account.version + 1},
    }  # fmt: skip


def kept_for_the_law(gone: Gone) -> dict[type[TenantRow], Values]:
    """What was signed, agreed to and handed out on paper: it goes when the time for which it must be kept is over."""
    return {
        Agreement: {**BROWSER, "text": ""},
        RecordConsent: {**BROWSER, "text": ""},
        PlanSignature: {
            **BROWSER,
            "typed_name": case((PlanSignature.way == "typed", ""), else_=None),
            "image": case((PlanSignature.way == "drawn", b""), else_=None),
            "facts": {},
        },
        PlanPaper: {"content": b""},
        ServiceDocument: {"facts": {}},
        ContactWish: {"subject": gone.dead(ContactWish), "words": "", "ip": None, "user_agent": None},
    }


def wipe(session: Session, customer_id: str, gone: Gone, gateway_ids: list[str]) -> None:
    """Everything that goes at once. The customer's row keeps its id, under which the books know it."""
    _texts_of_nobody(session, _numbers(session, customer_id), gone)
    for row, values in at_once(gone).items():
        _empty(session, row, customer_id, values)
    _drop(session, Diagnosis, customer_id)
    _accounts_and_receipts(session, customer_id, gone)
    _alarms(session, customer_id)
    session.execute(
        update(Notice)
        .where(Notice.organisation_id == _own(session), Notice.gateway_id.in_(gateway_ids))
        .values(payload="", signature="")
        .execution_options(synchronize_session=False)
    )
    session.execute(
        update(Customer)
        .where(Customer.organisation_id == _own(session), Customer.id == customer_id)
        .values(
            **ADDRESS,
            reference=gone.pseudonym,
            given_name="",
            family_name=gone.pseudonym,
            email=None,
            phone=None,
            locale="en",
            timezone=None,
            gateway_customer_id=None,
            is_active=False,
        )
        .execution_options(synchronize_session=False)
    )


def wipe_kept(session: Session, customer_id: str, gone: Gone) -> None:
    """What the law had us keep until now."""
    for row, values in kept_for_the_law(gone).items():
        _empty(session, row, customer_id, values)


def whose(session: Session, row: Any, customer_id: str) -> ColumnElement[bool]:
    """Which rows of a table are about a customer."""
    own: ColumnElement[bool] = row.organisation_id == _own(session)
    if row not in WAYS:
        mine: ColumnElement[bool] = row.customer_id == customer_id
        return and_(own, mine)
    column, above = WAYS[row]
    return and_(own, column.in_(select(above.id).where(whose(session, above, customer_id))))


def _own(session: Session) -> str:
    return str(session.info["organisation_id"])


def _empty(session: Session, row: type[TenantRow], customer_id: str, values: Values) -> None:
    session.execute(
        update(row)
        .where(whose(session, row, customer_id))
        .values(**values)
        .execution_options(synchronize_session=False)
    )


def _drop(session: Session, row: type[TenantRow], customer_id: str) -> None:
    session.execute(delete(row).where(whose(session, row, customer_id)).execution_options(synchronize_session=False))


def _numbers(session: Session, customer_id: str) -> set[str]:
    """Every number we know as theirs, in the one spelling that texts come in."""
    on_file = select(Customer.phone).where(Customer.id == customer_id)
    texted = select(Message.recipient).where(Message.customer_id == customer_id, Message.channel == "sms").distinct()
    return {address_key("sms", each) for one in (on_file, texted) for each in session.scalars(one) if each}


def _texts_of_nobody(session: Session, numbers: set[str], gone: Gone) -> None:
    """What came from their number while it stood on nobody's file, and the alarms that asked a person to read it."""
    for row, column, values in (
        (InboundText, InboundText.sender, {"sender": "", "words": ""}),
        (
            Alarm,
            Alarm.subject_id,
            {"subject_id": gone.dead(Alarm), "facts": {}, "cleared_at": gone.ended(Alarm.cleared_at)},
        ),
    ):
        own = row.organisation_id == _own(session)
        nobodys = InboundText.customer_id.is_(None) if row is InboundText else Alarm.kind == "text_to_read"
        session.execute(
            update(row)
            .where(own, nobodys, column.in_(numbers))
            .values(**values)
            .execution_options(synchronize_session=False)
        )


def _accounts_and_receipts(session: Session, customer_id: str, gone: Gone) -> None:
    """Accounts are numbered under the pseudonym; receipts say who paid by it, and keep every figure."""
    accounts = session.scalars(
        select(Account).where(Account.customer_id == customer_id).order_by(Account.created_at, Account.id)
    ).all()
    names = {}
    for number, account in enumerate(accounts, 1):
        names[account.id] = account.reference = f"{gone.pseudonym}-{number}"
    for receipt in session.scalars(select(Receipt).where(Receipt.customer_id == customer_id)):
        personal = {"customer_name": gone.pseudonym, "account_reference": names[receipt.account_id]}
        figures = {name: value for name, value in receipt.facts.items() if name in OF_A_RECEIPT}
        receipt.facts = {**figures, **personal}
    session.flush()


# What stays of a receipt: who was paid, how much, when, and by which number it is found.
OF_A_RECEIPT = frozenset({
    "organisation_name", "receipt_number", "confirmation", "amount_cents", "paid_at", "time_zone", "balance_left_cents",
    "settled", "organisation_color", "help_phone", "help_email", "help_hours",
})  # fmt: skip
ALARMED = (Account, Charge, Refund, Dispute, Message, PaymentMethod, Obligation, Schedule, Plan, Subscription,
           InboundText, Login, Visit)  # fmt: skip


def _alarms(session: Session, customer_id: str) -> None:
    """What an alarm says beside its kind, such as the number of an account."""
    subjects: list[Any] = [select(row.id).where(whose(session, row, customer_id)) for row in ALARMED]
    for named in (Alarm.subject_id == customer_id, *(Alarm.subject_id.in_(each) for each in subjects)):
        session.execute(
            update(Alarm)
            .where(Alarm.organisation_id == _own(session), named)
            .values(facts={})
            .execution_options(synchronize_session=False)
        )
