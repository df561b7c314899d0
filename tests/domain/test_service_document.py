"""Invoices and superbills as values: pointers, stamp, what is missing, and that what is kept reads the same again."""

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from portal.domain.service import Figures
from portal.domain.service_document import (
    MISSING,
    Content,
    DocumentKind,
    LineOnPaper,
    PaymentOnPaper,
    PersonOnPaper,
    Practice,
    ProviderOnPaper,
    ServiceDocumentFacts,
    address_lines,
    digest,
    document_number,
    facts_from,
    missing_from,
)

PRACTICE = Practice("o", "Willow Street", "5 Willow Street", "+1 415 555 0187", "o@w.example", "94-3312208",
                    "1234567893", "#6b3fa0", "America/Los_Angeles")  # fmt: skip
PATIENT = PersonOnPaper("p", "P-1", "Ada Moss", ("12 Elm Street", "Chicago, IL 60614"), date(1990, 4, 17))
PROVIDER = ProviderOnPaper("r", "REED", "Miriam Reed", "PhD", "LMFT-48213 (CA)", "1234567893", "")


def line(number: int = 1, **facts: object) -> LineOnPaper:
    made = LineOnPaper(
        service_id=f"s{number}", reference=f"S-{number}", performed_on=date(2026, 11, number), provider="Miriam Reed",
        patient="Ada Moss", place="11", code="90837", modifiers=("95",), units=1, diagnoses=("F41.1",), description="",
        figures=Figures(15_000, 3_000, 500, 1_500),
    )  # fmt: skip
    return replace(made, **facts)  # type: ignore[arg-type]  # each by its own name


def superbill(*lines: LineOnPaper, **facts: object) -> Content:
    payments = (PaymentOnPaper(date(2026, 11, 20), 1_500, "Visa", "1111", "7K3M"),)
    made = Content(
        DocumentKind.superbill, PRACTICE, replace(PATIENT, born_on=None), "A-1", PATIENT, PROVIDER,
        lines or (line(),), payments,
    )  # fmt: skip
    return replace(made, **facts)  # type: ignore[arg-type]  # each by its own name


def codes(content: Content) -> list[str]:
    return [each.code for each in missing_from(content)]


def test_c53_a_whole_superbill_lacks_nothing() -> None:
    assert codes(superbill()) == []
    assert codes(superbill(practice=replace(PRACTICE, npi=""))) == [], "a group NPI may be absent"


WRONG = [
    ("practice_address", {"practice": replace(PRACTICE, address="")}),
    ("practice_phone", {"practice": replace(PRACTICE, phone="")}),
    ("practice_ein", {"practice": replace(PRACTICE, ein="")}),
    ("practice_npi", {"practice": replace(PRACTICE, npi="1234567890")}),
    ("provider_credentials", {"provider": replace(PROVIDER, credentials="")}),
    ("provider_licence", {"provider": replace(PROVIDER, licence="")}),
    ("provider_npi", {"provider": replace(PROVIDER, npi="")}),
    ("provider_npi", {"provider": replace(PROVIDER, npi="1234567890")}),
    ("patient_born_on", {"patient": replace(PATIENT, born_on=None)}),
    ("patient_address", {"patient": replace(PATIENT, address=())}),
    ("service_code", {"lines": (line(code="SESSION"),)}),
    ("service_code", {"lines": (line(code="9083"),)}),
    ("service_place", {"lines": (line(place="00"),)}),
    ("service_place", {"lines": (line(place="35"),)}),
    ("service_diagnosis", {"lines": (line(diagnoses=()),)}),
    ("service_fee", {"lines": (line(figures=Figures(0, 0, 0, 0)),)}),
    ("diagnoses_too_many", {"lines": tuple(line(n, diagnoses=(f"F{n:02d}.1",)) for n in range(1, 14))}),
]


@pytest.mark.parametrize(("code", "facts"), WRONG, ids=[f"{code}-{number}" for number, (code, _) in enumerate(WRONG)])
def test_c53_whatever_an_insurer_asks_for_is_named_when_it_is_missing(code: str, facts: dict[str, object]) -> None:
    assert codes(superbill(**facts)) == [code]


def test_c53_every_row_of_what_may_be_missing_is_found_by_a_test() -> None:
    assert {code for code, _ in WRONG} == MISSING.keys()


def test_c53_telehealth_and_office_are_places_and_an_invoice_lacks_nothing() -> None:
    for place in ("02", "10", "11"):
        assert codes(superbill(line(place=place))) == []
    assert codes(superbill(kind=DocumentKind.invoice, patient=None, provider=None)) == []


def test_pointers_are_the_letters_of_the_list_of_diagnoses_the_main_one_first() -> None:
    content = superbill(line(1, diagnoses=("F41.1", "F51.01")), line(2, diagnoses=("F43.21", "F41.1")))
    assert content.diagnoses == ("F41.1", "F51.01", "F43.21")
    assert [content.pointers(each) for each in content.lines] == ["AB", "CA"]


def test_paid_means_that_nothing_is_owed_of_any_line() -> None:
    paid = line(1, figures=Figures(15_000, 3_000, 0, 12_000))
    assert superbill(paid).is_paid
    assert not superbill(paid, line(2)).is_paid
    assert not superbill(line(figures=Figures(15_000, 0, 15_000, 0))).is_paid, "waived is not paid"
    assert superbill(paid, line(2)).figures == Figures(30_000, 6_000, 500, 13_500)


def test_what_is_kept_reads_the_same_again_and_has_one_digest() -> None:
    for content in (superbill(), superbill(kind=DocumentKind.invoice, patient=None, provider=None)):
        facts = ServiceDocumentFacts(
            content, "SB-000001", "", datetime(2026, 11, 20, 8, tzinfo=UTC), "7K3M", "https://x"
        )
        kept = facts.plain()
        assert facts_from(kept) == facts
        assert digest(facts_from(kept).plain()) == digest(kept)
        assert digest(kept | {"number": "SB-000002"}) != digest(kept)


def test_numbers_and_addresses() -> None:
    assert document_number(DocumentKind.superbill, 42) == "SB-000042"
    assert document_number(DocumentKind.invoice, 1_234_567) == "INV-1234567"
    assert address_lines("1 Elm", None, "Chicago", "IL", "60614") == ("1 Elm", "Chicago, IL 60614")
    assert address_lines("1 Elm", "Apt 2", "Chicago", "IL", None) == ()
