"""Receipts on paper: tagged, titled, in their language, and deaf to whatever a name asks for."""

import io
import re
import socket
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pikepdf
import pytest
from pypdf import PdfReader

from portal.delivery.language import CatalogMissing
from portal.delivery.paper import Paper
from portal.domain.document import ReceiptFacts
from tests.delivery.conftest import RECEIPT, TEMPLATES
from tests.delivery.hostile import EVERYTHING

NAMES = ("customer_name", "organisation_name", "account_reference", "receipt_number", "confirmation", "card_brand")
TYPST = (
    '#image("/etc/passwd")', '#read("receipt.typ")', '#include "/etc/passwd"', '#import "@preview/tablex:0.0.8": *',
    '#link("http://127.0.0.1:1/x")[x]', "$ sum $", "= Heading", "*bold* _it_ `raw`", "#sys.inputs", "#panic()",
    "<label>", "@reference", "\\ \\u{202e}", '"); #read("/etc/passwd")', "file:///etc/passwd", "http://127.0.0.1:1/x.png",
    "// gone", "/* gone */", '<img src="http://127.0.0.1:1/x.png">', "#" * 80,
)  # fmt: skip


def words(pdf: bytes) -> str:
    text = " ".join(page.extract_text() for page in PdfReader(io.BytesIO(pdf)).pages)
    return " ".join(text.replace("\u200b", "").split())


def kinds(pdf: pikepdf.Pdf) -> list[str]:
    """The structure elements of a tagged document, in reading order."""
    found: list[str] = []

    def walk(element: pikepdf.Object) -> None:
        if isinstance(element, pikepdf.Array):
            for child in element:
                walk(child)
        elif isinstance(element, pikepdf.Dictionary):
            if "/S" in element:
                found.append(str(element["/S"]))
            if "/K" in element:
                walk(element["/K"])

    walk(pdf.Root["/StructTreeRoot"]["/K"])
    return found


@pytest.mark.parametrize("locale", ["en", "es"])
def test_w35_the_receipt_is_tagged_titled_and_in_its_language(paper: Paper, locale: str) -> None:
    with pikepdf.open(io.BytesIO(paper.receipt(RECEIPT, locale))) as pdf:
        assert pdf.Root["/MarkInfo"]["/Marked"]
        assert str(pdf.Root["/Lang"]).startswith(locale)
        assert pdf.Root["/ViewerPreferences"]["/DisplayDocTitle"]
        with pdf.open_metadata() as metadata:
            assert metadata["pdfuaid:part"] == "1"
            assert metadata["dc:title"] == {"en": "Receipt R-2026-000123", "es": "Recibo R-2026-000123"}[locale]
        elements = kinds(pdf)
        assert elements.count("/H1") == 1
        assert {"/H2", "/Table", "/TH", "/TD", "/TR"} <= set(elements)
        assert len(pdf.pages) == 1


def test_the_receipt_says_what_was_paid_in_both_languages(paper: Paper) -> None:
    english = words(paper.receipt(RECEIPT, "en"))
    for expected in (
        "Harbor Receivables", "Receipt", "Paid", "$1,234.56", "November 22, 2026, 3:04 PM EST", "R-2026-000123",
        "Maria Lopez", "Visa ending in 4242", "HR-20417", "8x4k2mzp", "Balance left", "$500.00",
        "(212) 555-0100", "help@harbor.example",
    ):  # fmt: skip
        assert expected in english
    spanish = words(paper.receipt(RECEIPT, "es-US"))
    for expected in (
        "Recibo",
        "Pagado",
        "22 de noviembre de 2026, 3:04 p.m. EST",
        "Visa terminada en 4242",
        "Saldo restante",
    ):
        assert expected in spanish


def test_an_unknown_balance_is_not_printed_as_nothing(paper: Paper) -> None:
    assert "Balance left" not in words(paper.receipt(replace(RECEIPT, balance_left_cents=None, settled=False), "en"))
    assert "$0.00" in words(paper.receipt(replace(RECEIPT, balance_left_cents=0), "en"))


@pytest.mark.parametrize("text", [*TYPST, *EVERYTHING])
def test_attack_085_090_a_hostile_name_is_only_words_on_one_page(paper: Paper, text: str) -> None:
    everywhere = dict.fromkeys(NAMES, text) | {"help_phone": text, "help_email": text, "help_hours": text}
    pdf = paper.receipt(replace(RECEIPT, **everywhere), "en")  # type: ignore[arg-type]  # each of these is text
    shown = words(pdf)
    assert "root:" not in shown
    assert "$1,234.56" in shown
    with pikepdf.open(io.BytesIO(pdf)) as document:
        assert len(document.pages) == 1
        for page in document.pages:
            assert "/Annots" not in page, "no name becomes a link"
        assert "/Names" not in document.Root or "/EmbeddedFiles" not in document.Root["/Names"]
        assert not re.search(rb"/(URI|JavaScript|Launch|OpenAction)\b", pdf)


@pytest.mark.parametrize("text", ['#read("/etc/passwd")', "$x$ *b*", "{{7*7}}", "${7*7}", "{0.__class__}", "= Heading"])
def test_attack_079_085_a_name_is_printed_as_typed(paper: Paper, text: str) -> None:
    shown = words(paper.receipt(replace(RECEIPT, customer_name=text), "en"))
    assert text.replace("0.__class__", "0. __class__").replace(" ", "") in shown.replace(" ", "")


def test_attack_085_printing_opens_no_connection(paper: Paper) -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(0.2)
    address = f"http://127.0.0.1:{listener.getsockname()[1]}/x.png"
    for name in (address, f'#image("{address}")', f'<img src="{address}">', f"url({address})"):
        paper.receipt(replace(RECEIPT, customer_name=name, organisation_name=name), "en")
    with pytest.raises(TimeoutError):
        listener.accept()
    listener.close()


def test_a_card_we_know_nothing_of_is_called_a_card(paper: Paper) -> None:
    facts = replace(RECEIPT, card_brand=None, card_last4=None, confirmation="")
    shown = words(paper.receipt(facts, "es"))
    assert "Pagado con Tarjeta Cuenta" in shown
    assert "Confirmación" not in shown


def test_letters_of_other_scripts_are_shown_or_marked(paper: Paper) -> None:
    assert "Łukasz Ðặng Ψ Ж" in words(paper.receipt(replace(RECEIPT, customer_name="Łukasz Ðặng Ψ Ж"), "en"))
    assert "\ufffd\ufffd" in words(paper.receipt(replace(RECEIPT, customer_name="\u4e2d\u6587"), "en"))
    assert "Maria Lopez" in words(paper.receipt(replace(RECEIPT, customer_name="Maria \U0001f600\ufe0f Lopez"), "en"))


def test_c36_a_receipt_on_paper_has_no_room_for_more_than_four_digits() -> None:
    for digits in ("11114242", "424", "４２４２", "42 2", ""):
        with pytest.raises(AssertionError):
            replace(RECEIPT, card_last4=digits)
    assert not any("expir" in name for name in ReceiptFacts.__dataclass_fields__)


def test_c36_a_card_number_typed_as_a_name_is_masked(paper: Paper) -> None:
    shown = words(paper.receipt(replace(RECEIPT, customer_name="4111 1111 1111 1111"), "en"))
    assert "****1111" in shown
    assert "4111" not in shown


def test_the_same_facts_give_the_same_bytes(paper: Paper) -> None:
    assert paper.receipt(RECEIPT, "en") == paper.receipt(RECEIPT, "en")


def test_several_threads_print_at_once(paper: Paper) -> None:
    expected = paper.receipt(RECEIPT, "en")
    printed: list[bytes] = []
    threads = [
        threading.Thread(target=lambda: printed.extend(paper.receipt(RECEIPT, "en") for _ in range(5)))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert printed == [expected] * 20


@pytest.mark.parametrize(("printed_before", "expected"), [(False, "printed"), (True, "paper_used_before_fork")])
def test_a_forked_process_prints_or_says_why_not_but_never_hangs(
    translations: Path, printed_before: bool, expected: str
) -> None:
    # In a process of its own: typst's threads belong to the whole process, and here other tests have printed already.
    program = """
import os, sys
from pathlib import Path
from portal.delivery.paper import Paper
from portal.domain.message import DeliveryTemporary
from tests.delivery.conftest import RECEIPT, TEMPLATES
paper = Paper(TEMPLATES, Path(sys.argv[1]))
if sys.argv[2] == "True":
    paper.receipt(RECEIPT, "en")
if os.fork() == 0:
    try:
        paper.receipt(RECEIPT, "en")
        print("printed", flush=True)
    except DeliveryTemporary as problem:
        print(problem.reason, flush=True)
    os._exit(0)
os.wait()
"""
    ran = subprocess.run(
        [sys.executable, "-c", program, str(translations), str(printed_before)],
        cwd=TEMPLATES.parents[1], capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    assert ran.stdout.split() == [expected]


def test_fonts_come_from_a_package_not_from_the_machine(paper: Paper) -> None:
    with pikepdf.open(io.BytesIO(paper.receipt(RECEIPT, "en"))) as pdf:
        fonts = {
            str(item["/BaseFont"])
            for item in pdf.objects
            if isinstance(item, pikepdf.Dictionary) and "/BaseFont" in item
        }
    assert fonts
    assert all("NotoSans" in font for font in fonts)


def test_a_missing_catalog_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(CatalogMissing):
        Paper(TEMPLATES, tmp_path)
