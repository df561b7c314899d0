"""Invoices and superbills on paper: tagged, titled, in their language, and deaf to whatever a name asks for."""

import io
import re
from dataclasses import fields, is_dataclass, replace
from typing import Any

import pikepdf
import pytest

from portal.delivery.paper import Paper
from portal.domain.service import Figures
from portal.domain.service_document import Content, DocumentKind, ServiceDocumentFacts
from tests.delivery.conftest import PRACTICE, SUPERBILL
from tests.delivery.hostile import EVERYTHING
from tests.delivery.test_paper import TYPST, kinds, words

INVOICE = replace(
    SUPERBILL,
    content=replace(SUPERBILL.content, kind=DocumentKind.invoice, patient=None, provider=None),
    number="INV-000042",
    replaces="",
)


@pytest.mark.parametrize(
    ("facts", "locale", "title"),
    [
        (SUPERBILL, "en", "Superbill SB-000042"),
        (INVOICE, "en", "Invoice INV-000042"),
        (INVOICE, "es", "Factura INV-000042"),
    ],
)
def test_w35_a_document_is_tagged_titled_and_in_its_language(
    paper: Paper, facts: ServiceDocumentFacts, locale: str, title: str
) -> None:
    with pikepdf.open(io.BytesIO(paper.service_document(facts, locale))) as pdf:
        assert pdf.Root["/MarkInfo"]["/Marked"]
        assert str(pdf.Root["/Lang"]).startswith(locale)
        with pdf.open_metadata() as metadata:
            assert metadata["pdfuaid:part"] == "1"
            assert metadata["dc:title"] == title
        elements = kinds(pdf)
        assert elements.count("/H1") == 1
        assert {"/H2", "/Table", "/TH", "/TD", "/TR", "/Figure"} <= set(elements)
        assert len(pdf.pages) == 1


def hostile(
    value: Any, text: str, *, keep: frozenset[str] = frozenset({"kind", "color", "time_zone", "check_url"})
) -> Any:
    """The same facts with every text of a person replaced."""
    if is_dataclass(value) and not isinstance(value, type):
        changed = {
            each.name: hostile(getattr(value, each.name), text) for each in fields(value) if each.name not in keep
        }
        return replace(value, **changed)
    if isinstance(value, tuple):
        return tuple(hostile(each, text) for each in value)
    return text if type(value) is str else value


@pytest.mark.parametrize("text", [*TYPST, *EVERYTHING])
def test_attack_085_a_hostile_name_on_a_document_is_only_words(paper: Paper, text: str) -> None:
    for facts in (SUPERBILL, INVOICE):
        bad = replace(hostile(facts, text), check_code=facts.check_code)
        pdf = paper.service_document(bad, "en")
        assert "root:" not in words(pdf)
        assert "$195.00" in words(pdf)
        with pikepdf.open(io.BytesIO(pdf)) as document:
            for page in document.pages:
                assert "/Annots" not in page, "no name becomes a link"
            assert not re.search(rb"/(URI|JavaScript|Launch|OpenAction)\b", pdf)


def test_the_same_facts_print_the_same_bytes_and_a_long_document_goes_on(paper: Paper) -> None:
    assert paper.service_document(SUPERBILL, "en") == paper.service_document(SUPERBILL, "en")
    [line] = SUPERBILL.content.lines
    many: Content = replace(SUPERBILL.content, lines=(line,) * 60)
    pdf = paper.service_document(replace(SUPERBILL, content=many), "en")
    with pikepdf.open(io.BytesIO(pdf)) as document:
        assert len(document.pages) > 1
    assert words(pdf).count("90791") == 60
    assert "Total fees $11,700.00" in words(pdf)


def test_the_stamp_stands_on_what_is_paid_and_on_nothing_else(paper: Paper) -> None:
    [line] = SUPERBILL.content.lines
    for figures, expected in ((Figures(10_000, 0, 0, 10_000), True), (Figures(10_000, 0, 0, 9_999), False)):
        content = replace(SUPERBILL.content, lines=(replace(line, figures=figures),))
        shown = words(paper.service_document(replace(SUPERBILL, content=content), "en"))
        assert ("PAID" in shown, "Paid in full." in shown) == (expected, expected)


def test_c36_a_card_number_in_a_description_is_masked(paper: Paper) -> None:
    [line] = SUPERBILL.content.lines
    content = replace(SUPERBILL.content, lines=(replace(line, description="4111 1111 1111 1111"),))
    shown = words(paper.service_document(replace(SUPERBILL, content=content), "en"))
    assert "****1111" in shown
    assert PRACTICE.ein in shown
