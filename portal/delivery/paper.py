"""Documents on paper: facts into tagged PDF (PDF/UA-1) by typst, with fonts that come in a package.

Called by the outbox and the print view through its port. Facts reach typst as JSON and stay plain strings: nothing a
person typed is ever read as typst markup, a file name or an address, and templates/document/ is all typst can read.
"""

import json
import os
import threading
import unicodedata
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import fontpkg_caveat
import fontpkg_noto_sans
import fontpkg_noto_sans_arabic
import typst
from fontTools.ttLib import TTFont

from portal.delivery.brand import checked_color, ink_on
from portal.delivery.language import Language, language_for, load_languages
from portal.delivery.plan_paper import agreement_data, completion_data, schedule_data
from portal.delivery.qr import qr_svg
from portal.delivery.record_letter import record_letter_data
from portal.delivery.safe_text import BREAK, NAME_MAX, WORDS_MAX, breakable, one_line, safe_name
from portal.delivery.service_document import service_document_data
from portal.delivery.statement import statement_data
from portal.domain.document import ReceiptFacts
from portal.domain.message import DeliveryPermanent, DeliveryTemporary
from portal.domain.plan_document import AgreementFacts, CompletionFacts, ScheduleFacts
from portal.domain.record_letter import RecordLetter
from portal.domain.service_document import ServiceDocumentFacts
from portal.domain.statement import StatementFacts

_FONT_ROOTS = (fontpkg_noto_sans.ROOT / "files", fontpkg_noto_sans_arabic.ROOT / "files")
_HAND = fontpkg_caveat.ROOT / "files"  # for names typed under an agreement; what it lacks is set in the fonts above
_REPLACEMENT = "\ufffd"
_PICTURES = frozenset({"So", "Sk", "Mn", "Me"})  # emoji, skin tones, and the marks that dress them


class Paper:
    """Prints documents. Keeps a compiler per thread: a warm one takes about ten milliseconds for a page."""

    def __init__(self, templates_dir: Path, translations_dir: Path) -> None:
        self._languages = load_languages(translations_dir)
        self._root = templates_dir / "document"
        self._fonts = _fonts()
        self._letters = _letters()
        self._printed_in: int | None = None  # the process that printed first
        self._desk = threading.local()  # a typst compiler serves one thread at a time

    def receipt(self, facts: ReceiptFacts, locale: str) -> bytes:
        """One payment's receipt as PDF, the same bytes for the same facts. DeliveryPermanent: cannot be printed."""
        return self._printed("receipt.typ", _receipt_data(facts, self._language(locale)), facts.paid_at)

    def agreement(self, facts: AgreementFacts, locale: str) -> bytes:
        """A plan's agreement, to be read or as it was signed; the same bytes for the same facts."""
        at = facts.signature.signed_at if facts.signature is not None else facts.made_at
        return self._printed("plan_agreement.typ", agreement_data(facts, self._language(locale)), at)

    def schedule(self, facts: ScheduleFacts, locale: str) -> bytes:
        """The payment schedule of a signed plan; the same bytes for the same facts."""
        return self._printed("plan_schedule.typ", schedule_data(facts, self._language(locale)), facts.signed_at)

    def completion(self, facts: CompletionFacts, locale: str) -> bytes:
        """The letter that a plan was kept; the same bytes for the same facts."""
        return self._printed("plan_completion.typ", completion_data(facts, self._language(locale)), facts.completed_at)

    def service_document(self, facts: ServiceDocumentFacts, locale: str) -> bytes:
        """An invoice or a superbill as it was issued; the same bytes for the same facts."""
        data = service_document_data(facts, self._language(locale))
        return self._printed("service_document.typ", data, facts.issued_at)

    def statement(self, facts: StatementFacts, locale: str) -> bytes:
        """An account between two days; the same bytes for the same facts."""
        return self._printed("statement.typ", statement_data(facts, self._language(locale)), facts.made_at)

    def record_letter(self, facts: RecordLetter, locale: str) -> bytes:
        """What a message says, as a letter to be posted; the same bytes for the same facts."""
        return self._printed("record_letter.typ", record_letter_data(facts, self._language(locale)), facts.written_at)

    def _language(self, locale: str) -> Language:
        return language_for(self._languages, locale)

    def _printed(self, template: str, data: Mapping[str, Any], at: datetime) -> bytes:
        try:
            pdf = self._compiler(template).compile(
                format="pdf",
                pdf_standards=["ua-1"],
                sys_inputs={"facts": json.dumps(self._printable(data))},
                timestamp=int(at.timestamp()),
            )
        except typst.TypstError as problem:
            raise DeliveryPermanent("cannot_be_printed") from problem
        if not isinstance(pdf, bytes):
            raise DeliveryPermanent("cannot_be_printed")
        return pdf

    def _compiler(self, template: str) -> typst.Compiler:
        # typst's own threads do not survive a fork: a child of a process that has printed would wait for them for ever.
        if self._printed_in not in (None, os.getpid()):
            raise DeliveryTemporary("paper_used_before_fork")
        self._printed_in = os.getpid()
        compilers: dict[str, typst.Compiler] = self._desk.__dict__.setdefault("compilers", {})
        if template not in compilers:
            compilers[template] = typst.Compiler(
                str(self._root / template),
                root=str(self._root),
                font_paths=self._fonts,
                ignore_system_fonts=True,
                package_path=str(self._root),  # there are no packages here, so none is ever fetched
                package_cache_path=str(self._root),
            )
        return compilers[template]

    def _printable(self, value: Any) -> Any:
        """Every text in it as our fonts can show it; numbers are the bytes of a picture."""
        match value:
            case str():
                return self._shown(value)
            case list():
                return value if value and isinstance(value[0], int) else [self._printable(each) for each in value]
            case Mapping():
                return {name: self._printable(each) for name, each in value.items()}
        return value

    def _shown(self, text: str) -> str:
        """The text without emoji, letters our fonts lack marked: PDF/UA-1 refuses a page with a missing glyph."""
        kept = (
            c if ord(c) in self._letters or c in (" ", BREAK) else _REPLACEMENT
            for c in text
            if ord(c) in self._letters or unicodedata.category(c) not in _PICTURES
        )
        return "".join(kept)


def _receipt_data(facts: ReceiptFacts, language: Language) -> dict[str, Any]:
    _ = language._
    paid_at = facts.paid_at.astimezone(ZoneInfo(facts.time_zone))
    color = checked_color(facts.organisation_color)
    organisation = safe_name(facts.organisation_name, NAME_MAX)
    method = safe_name(facts.card_brand or "", 40) or _("Card")
    if facts.card_last4 is not None:
        method = _("%(brand)s ending in %(last4)s") % {"brand": method, "last4": facts.card_last4}
    help_lines = [
        _("Phone: %(phone)s") % {"phone": safe_name(facts.help_phone, WORDS_MAX)} if facts.help_phone else None,
        _("Email: %(email)s") % {"email": one_line(facts.help_email, 120)} if facts.help_email else None,
    ]
    hours, hours_lang = language.hours(facts.help_hours or "")
    return {
        "locale": language.locale,
        "color": color,
        "ink": ink_on(color),
        "organisation": breakable(organisation),
        "title": _("Receipt %(number)s") % {"number": safe_name(facts.receipt_number, 60)},
        "receipt": _("Receipt"),
        "paid": _("Paid"),
        "amount": language.money(facts.amount_cents),
        "amount_label": _("Amount paid"),
        "details": _("Payment details"),
        **_numbered(
            (
                (_("Date"), language.moment(paid_at)),
                (_("Receipt number"), safe_name(facts.receipt_number, 60)),
                (_("Paid by"), safe_name(facts.customer_name, NAME_MAX)),
                (_("Paid with"), method),
                (_("Account"), safe_name(facts.account_reference, 60)),
                (_("Confirmation"), safe_name(facts.confirmation, 60)),
            )
        ),
        "parts_title": _("What it paid for") if facts.parts else "",
        "parts": [
            {
                "on": language.short_day(each.performed_on),
                "what": breakable(safe_name(each.what, WORDS_MAX)),
                "amount": language.money(each.amount_cents),
            }
            for each in facts.parts
        ],
        "balance_label": _("Balance left"),
        "balance": "" if facts.balance_left_cents is None else language.money(facts.balance_left_cents),
        "settled": _("You accepted a settlement offer, and this payment completes it.") if facts.settled else "",
        "help_title": _("Questions? We are glad to help."),
        "help_text": "  \u2022  ".join(breakable(line) for line in help_lines if line),
        "help_hours": breakable(safe_name(hours, WORDS_MAX)) if hours else "",
        "help_hours_lang": hours_lang,
        "keep": _("Please keep this receipt for your records."),
        "check": _("Genuine? Check the code %(code)s") % {"code": facts.check_code} if facts.check_code else "",
        "check_at": (facts.check_url or "").partition("?")[0],
        "check_alt": _("QR code of the address where this receipt can be checked"),
        "qr": list(qr_svg(facts.check_url)) if facts.check_url else [],
    }


def _numbered(rows: tuple[tuple[str, str], ...]) -> dict[str, str]:
    """Rows as flat strings (`row_0_label`, `row_0_value`): every value that reaches typst is a plain string."""
    flat = {}
    for number, (label, value) in enumerate(row for row in rows if row[1]):
        flat[f"row_{number}_label"] = label
        flat[f"row_{number}_value"] = breakable(value)
    return flat


@cache
def _fonts() -> typst.Fonts:
    return typst.Fonts(
        include_system_fonts=False,
        include_embedded_fonts=False,
        font_paths=[str(path) for path in (*_FONT_ROOTS, _HAND)],
    )


@cache
def _letters() -> frozenset[int]:
    letters: set[int] = set()
    for root in _FONT_ROOTS:
        for path in sorted(Path(root).glob("*.ttf")):
            with TTFont(path, lazy=True) as font:
                letters.update(font.getBestCmap())
    return frozenset(letters)
