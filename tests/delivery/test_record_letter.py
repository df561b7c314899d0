"""A message on paper: tagged, titled, in its language, every word of it, and nothing a person typed read as markup."""

import io
from dataclasses import replace
from datetime import UTC, datetime

import pikepdf
import pytest

from portal.delivery.paper import Paper
from portal.domain.record_letter import RecordLetter
from tests.delivery.hostile import EVERYTHING
from tests.delivery.test_paper import words

LETTER = RecordLetter(
    subject="Your next payment to Harbor Receivables",
    paragraphs=("Maria Lopez, we will charge $214.66.", "Date: December 1, 2026\nPaid with: Visa ending in 1111"),
    organisation_name="Harbor Receivables",
    organisation_color="#0b4f8a",
    contact=("77 Harbor Lane, Albany, NY 12207", "(212) 555-0132"),
    addressee=("Maria Lopez", "1 Elm Street", "Chicago, IL 60614"),
    written_at=datetime(2026, 11, 20, 2, 0, tzinfo=UTC),
    time_zone="America/New_York",
    check_code="7K3M-9QXT-2FHC-8ZWN",
    check_url="https://pay.example/harbor/check?code=7K3M-9QXT-2FHC-8ZWN",
)


@pytest.mark.parametrize(("locale", "day"), [("en", "November 19, 2026"), ("es", "19 de noviembre de 2026")])
def test_c14_a_message_becomes_a_letter_with_its_address_and_day(paper: Paper, locale: str, day: str) -> None:
    content = paper.record_letter(LETTER, locale)
    assert content == paper.record_letter(LETTER, locale)
    with pikepdf.open(io.BytesIO(content)) as pdf:
        assert str(pdf.Root.Lang).startswith(locale)
        assert bool(pdf.Root.MarkInfo.Marked)
        assert str(pdf.docinfo["/Title"]) == LETTER.subject
    said = words(content)
    for each in (day, *LETTER.addressee, *LETTER.contact, LETTER.paragraphs[0], "Date: December 1, 2026"):
        assert " ".join(each.split()) in said


@pytest.mark.parametrize("text", EVERYTHING)
def test_attack_103_whatever_a_letter_says_is_text_and_can_be_printed(paper: Paper, text: str) -> None:
    content = paper.record_letter(replace(LETTER, subject=text, paragraphs=(text,), addressee=(text,)), "en")
    assert content.startswith(b"%PDF")
