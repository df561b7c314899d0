"""The papers of a plan: tagged, titled, in their language, word for word what was sealed, the same bytes each time."""

import io
import re
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pikepdf
import pytest

from portal.delivery.paper import Paper
from portal.domain.agreement import Text
from portal.domain.due_date import WeekendRule
from portal.domain.plan import PlanKind
from portal.domain.plan_agreement import PAYMENTS_SECTION, VERSION, plan_text
from portal.domain.plan_agreement_terms import PlanAgreementTerms
from portal.domain.plan_document import (
    AgreementFacts,
    CompletionFacts,
    Letterhead,
    PaymentFacts,
    ScheduleFacts,
    SignatureFacts,
    agreement_of,
    schedule_of,
)
from portal.domain.record_disclosure import DisclosureTerms, disclosure
from portal.domain.schedule import Payment
from tests.delivery.hostile import EVERYTHING
from tests.delivery.test_drawing import drawing, drawings, png, url
from tests.delivery.test_paper import TYPST, kinds, words

AT = datetime(2026, 11, 24, 20, 4, 33, tzinfo=UTC)
PAYMENTS = tuple(
    Payment(number, day, cents)
    for number, (day, cents) in enumerate(
        [
            (date(2026, 11, 24), 10_000),
            (date(2026, 12, 1), 21_466),
            (date(2027, 1, 4), 21_466),
            (date(2027, 2, 1), 21_468),
        ],
        1,
    )
)
HEAD = Letterhead(
    "Harbor Receivables",
    "#0b4f8a",
    "77 Harbor Lane, Albany, NY 12207",
    "(212) 555-0132",
    "help@harbor.example",
    "Monday to Friday",
    "America/New_York",
    "Maria Lopez",
    "HR-20417",
    "PL-7K3M-9QXT",
    1,
)
CODE = "7K3M-9QXT-2FHC-8ZWN"
CHECKED = replace(HEAD, check_code=CODE, check_url=f"https://pay.example/harbor/check?code={CODE}")  # fmt: skip
TERMS = PlanAgreementTerms(
    organisation=HEAD.organisation_name, support_phone=HEAD.help_phone, support_email=HEAD.help_email,
    customer=HEAD.customer_name, account_reference=HEAD.account_reference, reference=HEAD.reference, edition=1,
    kind=PlanKind.settlement, balance_cents=124_000, total_cents=74_400, forgiven_cents=49_600, left_cents=0,
    payments=PAYMENTS, card="my Visa ending in 1111", signed_on=date(2026, 11, 24), weekend_rule=WeekendRule.after,
    missed_goes_last=True, break_after=3, own_terms="First paragraph of ours.\n\nSecond one.",
)  # fmt: skip
IMAGE = drawings.redrawn(url(png(drawing())))
DISCLOSED = DisclosureTerms(
    HEAD.organisation_name, HEAD.help_phone, HEAD.help_email, HEAD.postal_address, HEAD.reference
)


def sections(text: Text) -> tuple[tuple[str, tuple[str, ...]], ...]:
    return tuple((section.heading, section.paragraphs) for section in text.sections)


def agreement(locale: str = "en", way: str | None = "typed", **changes: object) -> AgreementFacts:
    text, told = plan_text(TERMS, locale), disclosure(DISCLOSED, locale)
    signature = None
    if way is not None:
        signature = SignatureFacts(
            way, "Maria Lopez", IMAGE if way == "drawn" else None, AT, "203.0.113.9", "Mozilla/5.0 (iPhone)", "zip",
            AT - timedelta(minutes=5), AT - timedelta(minutes=2), AT - timedelta(minutes=1), told.version, told.digest,
        )  # fmt: skip
    facts = AgreementFacts(
        CHECKED if way else HEAD, text.version, text.digest, sections(text), PAYMENTS_SECTION, sections(told), AT,
        signature,
    )  # fmt: skip
    return replace(facts, **changes)  # type: ignore[arg-type]  # the caller names the field


def schedule(**changes: object) -> ScheduleFacts:
    rows = tuple(PaymentFacts(each.number, each.due_on, each.amount_cents, each.number == 1) for each in PAYMENTS)
    facts = ScheduleFacts(CHECKED, rows, 74_400, 124_000, 49_600, 0, "Visa ending in 1111", AT)
    return replace(facts, **changes)  # type: ignore[arg-type]  # the caller names the field


COMPLETION = CompletionFacts(CHECKED, 74_400, 49_600, 0, AT, AT + timedelta(days=70))


@pytest.mark.parametrize("locale", ["en", "es"])
@pytest.mark.parametrize("way", ["typed", "drawn", "pressed", None])
def test_w35_the_agreement_is_tagged_titled_and_in_its_language(paper: Paper, locale: str, way: str | None) -> None:
    with pikepdf.open(io.BytesIO(paper.agreement(agreement(locale, way), locale))) as pdf:
        assert pdf.Root["/MarkInfo"]["/Marked"]
        assert str(pdf.Root["/Lang"]).startswith(locale)
        with pdf.open_metadata() as metadata:
            assert metadata["pdfuaid:part"] == "1"
            assert "PL-7K3M-9QXT" in str(metadata["dc:title"])
        elements = kinds(pdf)
        assert elements.count("/H1") == (2 if way else 1), "the evidence has a heading of its own"
        assert {"/H2", "/H3", "/Table", "/TH", "/TD", "/P"} <= set(elements)
        assert elements.count("/Figure") == (way == "drawn") + (way is not None), "the drawing, the QR picture"


@pytest.mark.parametrize(
    ("locale", "said"), [("en", ", which is owed to Lakeside."), ("es", ", que se debe a Lakeside.")]
)
def test_c7_the_agreement_names_to_whom_it_is_owed_where_that_is_somebody_else(locale: str, said: str) -> None:
    assert said in plan_text(replace(TERMS, creditor="Lakeside"), locale).plain
    assert said.partition("Lakeside")[0] not in plan_text(TERMS, locale).plain


@pytest.mark.parametrize("locale", ["en", "es"])
def test_c7_c15_the_agreement_says_word_for_word_what_was_sealed(paper: Paper, locale: str) -> None:
    facts = agreement(locale, "typed")
    foot = re.compile(rf"Harbor Receivables • \S+ (version|versión) 1 • {CODE} (Page|Página) \d (of|de) \d ?")
    shown = foot.sub("", words(paper.agreement(facts, locale)))
    for heading, paragraphs in (*facts.sections, *facts.disclosures):
        assert heading in shown
        for paragraph in paragraphs:
            assert paragraph in shown, paragraph
    assert facts.text_sha256 in shown


@pytest.mark.parametrize(
    ("way", "said"),
    [
        ("typed", "Typed the name under the agreement"),
        ("drawn", "Drew the signature under the agreement"),
        ("pressed", "Signed by pressing the button: Maria Lopez"),
    ],
)
def test_the_page_of_evidence_says_who_how_when_from_where_and_to_what(paper: Paper, way: str, said: str) -> None:
    facts = agreement(way=way)
    shown = words(paper.agreement(facts, "en"))
    assert facts.signature is not None
    for expected in (
        said, "Evidence of the signature", "November 24, 2026, 3:04 PM EST (2026-11-24 20:04:33 UTC)", "203.0.113.9",
        "Mozilla/5.0 (iPhone)", "ZIP code of the address on file", facts.text_sha256, facts.signature.consent_sha256,
        VERSION, "records-2026-11", "Page 4 of 4",
    ):  # fmt: skip
        assert expected in shown, expected


@pytest.mark.parametrize("locale", ["en", "es"])
def test_each_paper_that_counts_says_where_it_can_be_checked(paper: Paper, locale: str) -> None:
    """The code stands in the foot of each page and in the box with the QR picture, which has words of its own."""
    for pdf in (paper.agreement(agreement(locale), locale), paper.schedule(schedule(), locale),
                paper.completion(COMPLETION, locale)):  # fmt: skip
        with pikepdf.open(io.BytesIO(pdf)) as document:
            figures = [each for each in document.objects if isinstance(each, pikepdf.Dictionary) and
                       each.get("/S") == "/Figure"]  # fmt: skip
            pages = len(document.pages)
        assert [str(each["/Alt"])[:14] for each in figures] == [
            {"en": "QR code of the", "es": "Código QR de l"}[locale]
        ]
        shown = words(pdf)
        assert shown.count(CODE) == pages + 1
        assert "https://pay.example/harbor/check" in shown


def test_before_it_is_signed_the_paper_says_so_and_nothing_vouches_for_it(paper: Paper) -> None:
    facts = agreement(way=None)
    shown = words(paper.agreement(facts, "en"))
    assert "It is not signed." in shown
    assert facts.text_sha256 in shown
    assert "genuine" not in shown
    assert "Evidence" not in shown


def test_p10_kept_facts_print_the_same_bytes_and_another_fact_prints_others(paper: Paper) -> None:
    facts, listed = agreement(way="drawn"), schedule()
    assert agreement_of(facts.plain()) == facts
    assert schedule_of(listed.plain()) == listed
    first = paper.agreement(facts, "en")
    assert paper.agreement(agreement_of(facts.plain()), "en") == first
    assert paper.schedule(schedule_of(listed.plain()), "en") == paper.schedule(listed, "en")
    assert facts.signature is not None
    for other in (
        replace(facts, signature=replace(facts.signature, signed_at=AT + timedelta(seconds=1))),
        replace(facts, signature=replace(facts.signature, ip="203.0.113.10")),
        replace(facts, text_sha256="0" * 64),
        replace(facts, head=replace(CHECKED, edition=2)),
        replace(facts, head=replace(CHECKED, check_code=CODE[::-1])),
        replace(facts, head=replace(CHECKED, check_url=f"https://pay.example/other/check?code={CODE}")),
    ):
        assert paper.agreement(other, "en") != first


@pytest.mark.parametrize("locale", ["en", "es"])
def test_w35_the_schedule_is_a_table_of_every_date_and_amount(paper: Paper, locale: str) -> None:
    pdf = paper.schedule(schedule(), locale)
    shown = words(pdf)
    dates = {"en": "January 4, 2027", "es": "4 de enero de 2027"}
    for expected in ("$100.00", "$214.66", "$214.68", "$744.00", "$1,240.00", "$496.00", dates[locale]):
        assert expected in shown
    with pikepdf.open(io.BytesIO(pdf)) as document:
        assert {"/H1", "/Table", "/TH", "/TD"} <= set(kinds(document))
        assert len(document.pages) == 1


def test_the_letter_at_the_end_says_what_is_no_longer_owed(paper: Paper) -> None:
    shown = words(paper.completion(COMPLETION, "en"))
    assert "We accept your payments of $744.00 as full settlement. The remaining $496.00 is no longer owed" in shown
    shown = words(paper.completion(replace(COMPLETION, forgiven_cents=0), "es"))
    assert "El saldo de esta cuenta está pagado por completo." in shown
    shown = words(paper.completion(replace(COMPLETION, forgiven_cents=0, balance_cents=500), "en"))
    assert "paid in full" not in shown


@pytest.mark.parametrize("text", [*TYPST, *EVERYTHING])
def test_attack_077_085_a_hostile_name_is_only_words(paper: Paper, text: str) -> None:
    head = replace(HEAD, organisation_name=text, customer_name=text, account_reference=text, postal_address=text)
    signature = agreement().signature
    assert signature is not None
    facts = agreement(
        head=head, sections=((text, (text, text)), ("Payments", (text, "weekends"))),
        signature=replace(signature, name=text, user_agent=text),
    )  # fmt: skip
    for pdf in (paper.agreement(facts, "en"), paper.schedule(schedule(head=head, card=text), "en"),
                paper.completion(replace(COMPLETION, head=head), "en")):  # fmt: skip
        assert "root:" not in words(pdf)
        with pikepdf.open(io.BytesIO(pdf)) as document:
            assert all("/Annots" not in page for page in document.pages)
        assert not re.search(rb"/(URI|JavaScript|Launch|OpenAction)\b", pdf)
