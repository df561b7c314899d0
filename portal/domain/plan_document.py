"""The facts of a plan's papers, as plain values: the agreement before and after it is signed, the schedule, the letter.

Filled by the signing use cases, put on paper by delivery, kept with the signature: the same facts print the same bytes.
Holds at most the last four digits of a card, inside the text that names it.
"""

import base64
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class Letterhead:
    """Whose paper it is, and for whom."""

    organisation_name: str
    organisation_color: str
    postal_address: str
    help_phone: str
    help_email: str
    help_hours: str
    time_zone: str
    customer_name: str
    account_reference: str
    reference: str
    edition: int
    check_code: str | None = None  # of what was signed or sent; nothing vouches for a paper that is only to be read
    check_url: str | None = None


@dataclass(frozen=True, slots=True)
class SignatureFacts:
    """Who signed, how, when and from where: what stands on the evidence page. All of it the server's own knowledge."""

    way: str  # typed, drawn or pressed
    name: str
    image: bytes | None
    signed_at: datetime
    ip: str
    user_agent: str
    identity: str  # zip, phone or none: what was asked before the plan was shown
    identity_at: datetime | None
    document_opened_at: datetime
    consented_at: datetime
    consent_version: str
    consent_sha256: str


@dataclass(frozen=True, slots=True)
class AgreementFacts:
    """The agreement word for word, section by section; `signature` is None until there is one."""

    head: Letterhead
    text_version: str
    text_sha256: str
    sections: tuple[tuple[str, tuple[str, ...]], ...]
    list_section: int  # the section whose paragraphs are the payments, a line for each
    disclosures: tuple[tuple[str, tuple[str, ...]], ...]
    made_at: datetime
    signature: SignatureFacts | None = None

    def plain(self) -> dict[str, Any]:
        """As they are kept with the signature."""
        values = asdict(self)
        values["made_at"] = self.made_at.isoformat()
        if self.signature is not None:
            signature = values["signature"]
            for name in ("signed_at", "identity_at", "document_opened_at", "consented_at"):
                signature[name] = signature[name].isoformat() if signature[name] else None
            image = self.signature.image
            signature["image"] = base64.b64encode(image).decode("ascii") if image is not None else None
        return values


@dataclass(frozen=True, slots=True)
class PaymentFacts:
    """One row of a schedule on paper."""

    number: int
    due_on: date
    amount_cents: int
    is_at_signing: bool = False


@dataclass(frozen=True, slots=True)
class ScheduleFacts:
    """The payment schedule of a signed plan; amounts in cents."""

    head: Letterhead
    payments: tuple[PaymentFacts, ...]
    total_cents: int
    balance_cents: int
    forgiven_cents: int
    left_cents: int
    card: str
    signed_at: datetime

    def plain(self) -> dict[str, Any]:
        """As they are kept with the signature."""
        values = asdict(self)
        values["signed_at"] = self.signed_at.isoformat()
        for payment in values["payments"]:
            payment["due_on"] = payment["due_on"].isoformat()
        return values


@dataclass(frozen=True, slots=True)
class CompletionFacts:
    """The letter that a plan was kept; amounts in cents."""

    head: Letterhead
    paid_cents: int
    forgiven_cents: int
    balance_cents: int  # what is owed on the account after it
    signed_at: datetime
    completed_at: datetime


def agreement_of(plain: Mapping[str, Any]) -> AgreementFacts:
    """The facts as they were kept."""
    values = dict(plain)
    signature = values["signature"]
    if signature is not None:
        signature = dict(signature)
        for name in ("signed_at", "identity_at", "document_opened_at", "consented_at"):
            signature[name] = datetime.fromisoformat(signature[name]) if signature[name] else None
        signature["image"] = base64.b64decode(signature["image"]) if signature["image"] else None
    values["signature"] = SignatureFacts(**signature) if signature is not None else None
    for name in ("sections", "disclosures"):
        values[name] = tuple((heading, tuple(paragraphs)) for heading, paragraphs in values[name])
    values["head"] = Letterhead(**values["head"])
    values["made_at"] = datetime.fromisoformat(values["made_at"])
    return AgreementFacts(**values)


def schedule_of(plain: Mapping[str, Any]) -> ScheduleFacts:
    """The facts as they were kept."""
    values = dict(plain)
    values["head"] = Letterhead(**values["head"])
    values["signed_at"] = datetime.fromisoformat(values["signed_at"])
    values["payments"] = tuple(
        PaymentFacts(**{**each, "due_on": date.fromisoformat(each["due_on"])}) for each in values["payments"]
    )
    return ScheduleFacts(**values)
