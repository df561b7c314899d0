"""Invoices and superbills: the facts they are printed from, as plain values, and what a superbill must not lack.

Filled by the document use cases, kept with the document, put on paper by delivery: the same facts print the same bytes.
A superbill is for one patient and one provider, as an insurer reads it. Holds at most the last four digits of a card.
"""

import hashlib
import json
from dataclasses import asdict, dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any

from portal.domain.provider import is_ein, is_npi
from portal.domain.service import BILLABLE_CODE, Figures

DIAGNOSES_ON_PAPER = 12  # as on a claim form: item 21 has the letters A to L
POINTERS = "ABCDEFGHIJKL"
# The places of service that CMS has given out; 02 and 10 are telehealth, 11 is an office.
PLACES = frozenset(
    f"{number:02d}" for number in (*range(1, 28), *range(31, 35), 41, 42, *range(49, 59), 60, 61, 62, 65, 66, 71, 72,
                                   81, 99)
)  # fmt: skip


class DocumentKind(StrEnum):
    """What a document is. The value stands in the database."""

    invoice = "invoice"
    superbill = "superbill"


PREFIXES = {DocumentKind.invoice: "INV", DocumentKind.superbill: "SB"}


def document_number(kind: DocumentKind, seq: int) -> str:
    """`INV-000042`: no number is ever left out."""
    return f"{PREFIXES[kind]}-{seq:06d}"


@dataclass(frozen=True, slots=True)
class Practice:
    """Who is paid, as an insurer knows them. `npi` is the group's, where it has one."""

    id: str
    name: str
    address: str
    phone: str
    email: str
    ein: str
    npi: str
    color: str
    time_zone: str


@dataclass(frozen=True, slots=True)
class PersonOnPaper:
    """The payer, or the patient. `address` is line by line, empty when it is not whole."""

    id: str
    reference: str
    name: str
    address: tuple[str, ...]
    born_on: date | None = None


@dataclass(frozen=True, slots=True)
class ProviderOnPaper:
    """Who treated."""

    id: str
    reference: str
    name: str
    credentials: str
    licence: str
    npi: str
    signature_line: str

    @property
    def title(self) -> str:
        """Name and credentials."""
        return f"{self.name}, {self.credentials}" if self.credentials else self.name


@dataclass(frozen=True, slots=True)
class LineOnPaper:
    """One service with its money. `diagnoses` in the order of its pointers."""

    service_id: str
    reference: str
    performed_on: date
    provider: str
    patient: str
    place: str
    code: str
    modifiers: tuple[str, ...]
    units: int
    diagnoses: tuple[str, ...]
    description: str
    figures: Figures


@dataclass(frozen=True, slots=True)
class PaymentOnPaper:
    """What one payment, or money given back (below zero), was for these services, in cents."""

    on: date
    amount_cents: int
    card_brand: str
    card_last4: str
    receipt_number: str


@dataclass(frozen=True, slots=True)
class Content:
    """Everything a document says but its own number, day and code: the same content needs no second document."""

    kind: DocumentKind
    practice: Practice
    payer: PersonOnPaper
    account: str
    patient: PersonOnPaper | None  # of a superbill
    provider: ProviderOnPaper | None  # of a superbill
    lines: tuple[LineOnPaper, ...]
    payments: tuple[PaymentOnPaper, ...]

    @property
    def figures(self) -> Figures:
        """Of all lines."""
        total = Figures(0, 0, 0, 0)
        for line in self.lines:
            total += line.figures
        return total

    @property
    def is_paid(self) -> bool:
        """Whether nothing is owed of any line and something was paid: the Paid stamp. What is waived is not paid."""
        money = self.figures
        is_settled = all(line.figures.balance_cents == 0 for line in self.lines)
        return is_settled and money.paid_cents + money.insurance_cents > 0

    @property
    def diagnoses(self) -> tuple[str, ...]:
        """Each code once, in the order of the letters that point to it."""
        return tuple(dict.fromkeys(code for line in self.lines for code in line.diagnoses))

    def pointers(self, line: LineOnPaper) -> str:
        """The letters of a line, its main diagnosis first: `AC`."""
        listed = self.diagnoses
        places = (listed.index(code) for code in line.diagnoses)
        return "".join(POINTERS[place] for place in places if place < len(POINTERS))


@dataclass(frozen=True, slots=True)
class ServiceDocumentFacts:
    """A document as it was issued. `replaces` is the number of the one it stands for from now on, or nothing."""

    content: Content
    number: str
    replaces: str
    issued_at: datetime
    check_code: str
    check_url: str

    def plain(self) -> dict[str, Any]:
        """As it is kept."""
        return {
            "content": plain_content(self.content),
            "number": self.number,
            "replaces": self.replaces,
            "issued_at": self.issued_at.isoformat(),
            "check_code": self.check_code,
            "check_url": self.check_url,
        }


def plain_content(content: Content) -> dict[str, Any]:
    """Plain JSON values."""
    values: dict[str, Any] = json.loads(json.dumps(asdict(content), default=_written))
    return values


def facts_from(values: dict[str, Any]) -> ServiceDocumentFacts:
    """What was kept, as facts again."""
    kept = values["content"]
    content = Content(
        kind=DocumentKind(kept["kind"]),
        practice=Practice(**kept["practice"]),
        payer=_person(kept["payer"]),
        account=kept["account"],
        patient=_person(kept["patient"]) if kept["patient"] else None,
        provider=ProviderOnPaper(**kept["provider"]) if kept["provider"] else None,
        lines=tuple(_line(each) for each in kept["lines"]),
        payments=tuple(PaymentOnPaper(**each | {"on": date.fromisoformat(each["on"])}) for each in kept["payments"]),
    )
    return ServiceDocumentFacts(
        content, values["number"], values["replaces"], datetime.fromisoformat(values["issued_at"]),
        values["check_code"], values["check_url"],
    )  # fmt: skip


def digest(values: dict[str, Any]) -> str:
    """SHA-256 of plain values in one spelling."""
    spelled = json.dumps(values, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(spelled.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Missing:
    """One thing a superbill lacks: `code` is a row of `MISSING`, `subject_id` and `about` are what is to be mended."""

    code: str
    subject_id: str
    about: str


# What keeps a superbill from being released (C53), in the words of whoever mends it.
MISSING: dict[str, str] = {
    "practice_address": "address of the practice (setting practice_address, or the postal address)",
    "practice_phone": "telephone number of the practice",
    "practice_ein": "EIN of the practice, nine digits (setting practice_ein)",
    "practice_npi": "group NPI with a right check digit, or none at all (setting practice_npi)",
    "provider_credentials": "credentials of the provider",
    "provider_licence": "licence number and state of the provider",
    "provider_npi": "NPI of the provider: ten digits with a right check digit",
    "patient_born_on": "date of birth of the patient",
    "patient_address": "address of the patient: street, city, state and ZIP code",
    "service_code": "CPT or HCPCS code: five letters and digits",
    "service_place": "place of service as CMS numbers them, such as 11, 02 or 10",
    "service_diagnosis": "a diagnosis (ICD-10-CM) for the service to point to",
    "service_fee": "a fee above zero",
    "diagnoses_too_many": "at most 12 different diagnoses on one superbill: choose fewer services",
}


def missing_from(content: Content) -> list[Missing]:
    """Everything a superbill lacks, in the order of `MISSING`; an invoice lacks nothing (C53)."""
    patient, provider = content.patient, content.provider
    if content.kind is not DocumentKind.superbill:
        return []
    if patient is None or provider is None:
        raise AssertionError("a superbill is for one patient and one provider")
    practice = content.practice
    of_practice = (practice.id, practice.name)
    of_provider = (provider.id, f"provider {provider.reference}")
    of_patient = (patient.id, f"patient {patient.reference}")
    found = [
        *([] if practice.address else [Missing("practice_address", *of_practice)]),
        *([] if practice.phone else [Missing("practice_phone", *of_practice)]),
        *([] if is_ein(practice.ein) else [Missing("practice_ein", *of_practice)]),
        *([] if not practice.npi or is_npi(practice.npi) else [Missing("practice_npi", *of_practice)]),
        *([] if provider.credentials else [Missing("provider_credentials", *of_provider)]),
        *([] if provider.licence else [Missing("provider_licence", *of_provider)]),
        *([] if is_npi(provider.npi) else [Missing("provider_npi", *of_provider)]),
        *([] if patient.born_on else [Missing("patient_born_on", *of_patient)]),
        *([] if patient.address else [Missing("patient_address", *of_patient)]),
    ]
    for line in content.lines:
        found += _missing_from_line(line)
    if len(content.diagnoses) > DIAGNOSES_ON_PAPER:
        found.append(Missing("diagnoses_too_many", *of_patient))
    return found


def _missing_from_line(line: LineOnPaper) -> list[Missing]:
    of_service = (line.service_id, f"service {line.reference}")
    return [
        *([] if BILLABLE_CODE.fullmatch(line.code) else [Missing("service_code", *of_service)]),
        *([] if line.place in PLACES else [Missing("service_place", *of_service)]),
        *([] if line.diagnoses else [Missing("service_diagnosis", *of_service)]),
        *([] if line.figures.fee_cents > 0 else [Missing("service_fee", *of_service)]),
    ]


def address_lines(line1: str | None, line2: str | None, city: str | None, state: str | None, postal_code: str | None
                  ) -> tuple[str, ...]:  # fmt: skip
    """An address line by line as a letter has it; nothing when street, city, state or ZIP code is missing."""
    if not (line1 and city and state and postal_code):
        return ()
    return tuple(each for each in (line1, line2, f"{city}, {state} {postal_code}") if each)


def _person(kept: dict[str, Any]) -> PersonOnPaper:
    born = date.fromisoformat(kept["born_on"]) if kept["born_on"] else None
    return PersonOnPaper(**kept | {"address": tuple(kept["address"]), "born_on": born})


def _line(kept: dict[str, Any]) -> LineOnPaper:
    read = {
        "performed_on": date.fromisoformat(kept["performed_on"]),
        "modifiers": tuple(kept["modifiers"]),
        "diagnoses": tuple(kept["diagnoses"]),
        "figures": Figures(**kept["figures"]),
    }
    return LineOnPaper(**kept | read)


def _written(value: object) -> str:
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} is not kept in a document")
