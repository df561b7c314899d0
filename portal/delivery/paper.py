"""Documents on paper: facts into tagged PDF (PDF/UA-1) by typst, with fonts that come in a package.

Called by the outbox and the print view through its port. Facts reach typst as JSON and stay plain strings: nothing a
person typed is ever read as typst markup, a file name or an address, and templates/document/ is all typst can read.
"""

import json
import os
import threading
import unicodedata
from pathlib import Path
from zoneinfo import ZoneInfo

import fontpkg_noto_sans
import fontpkg_noto_sans_arabic
import typst
from fontTools.ttLib import TTFont

from portal.delivery.brand import checked_color, ink_on
from portal.delivery.language import Language, language_for, load_languages
from portal.delivery.safe_text import NAME_MAX, WORDS_MAX, one_line, safe_name
from portal.domain.document import ReceiptFacts
from portal.domain.message import DeliveryPermanent, DeliveryTemporary

_FONT_ROOTS = (fontpkg_noto_sans.ROOT / "files", fontpkg_noto_sans_arabic.ROOT / "files")
_REPLACEMENT = "\ufffd"
_WORD_MAX = 16  # characters of one word before the line may break inside it
_BREAK = "\u200b"
_PICTURES = frozenset({"So", "Sk", "Mn", "Me"})  # emoji, skin tones, and the marks that dress them


class Paper:
    """Prints documents. Keeps a compiler per thread: a warm one takes about ten milliseconds for a page."""

    def __init__(self, templates_dir: Path, translations_dir: Path) -> None:
        self._languages = load_languages(translations_dir)
        self._root = templates_dir / "document"
        self._fonts = typst.Fonts(
            include_system_fonts=False, include_embedded_fonts=False, font_paths=[str(path) for path in _FONT_ROOTS]
        )
        self._letters = _letters()
        self._printed_in: int | None = None  # the process that printed first
        self._desk = threading.local()  # a typst compiler serves one thread at a time

    def receipt(self, facts: ReceiptFacts, locale: str) -> bytes:
        """One payment's receipt as PDF, the same bytes for the same facts. DeliveryPermanent: cannot be printed."""
        language = language_for(self._languages, locale)
        data = _receipt_data(facts, language)
        printable = {name: self._shown(value) for name, value in data.items()}
        try:
            pdf = self._compiler("receipt.typ").compile(
                format="pdf",
                pdf_standards=["ua-1"],
                sys_inputs={"facts": json.dumps(printable)},
                timestamp=int(facts.paid_at.timestamp()),
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

    def _shown(self, text: str) -> str:
        """The text without emoji, letters our fonts lack marked: PDF/UA-1 refuses a page with a missing glyph."""
        kept = (
            c if ord(c) in self._letters or c in (" ", _BREAK) else _REPLACEMENT
            for c in text
            if ord(c) in self._letters or unicodedata.category(c) not in _PICTURES
        )
        return "".join(kept)


def _receipt_data(facts: ReceiptFacts, language: Language) -> dict[str, str]:
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
    return {
        "locale": language.locale,
        "color": color,
        "ink": ink_on(color),
        "organisation": _breakable(organisation),
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
        "balance_label": _("Balance left"),
        "balance": "" if facts.balance_left_cents is None else language.money(facts.balance_left_cents),
        "settled": _("You accepted a settlement offer, and this payment completes it.") if facts.settled else "",
        "help_title": _("Questions? We are glad to help."),
        "help_text": "  \u2022  ".join(_breakable(line) for line in help_lines if line),
        "help_hours": _breakable(safe_name(facts.help_hours, WORDS_MAX)) if facts.help_hours else "",
        "keep": _("Please keep this receipt for your records."),
    }


def _numbered(rows: tuple[tuple[str, str], ...]) -> dict[str, str]:
    """Rows as flat strings (`row_0_label`, `row_0_value`): every value that reaches typst is a plain string."""
    flat = {}
    for number, (label, value) in enumerate(row for row in rows if row[1]):
        flat[f"row_{number}_label"] = label
        flat[f"row_{number}_value"] = _breakable(value)
    return flat


def _breakable(text: str) -> str:
    words = (
        _BREAK.join(word[start : start + _WORD_MAX] for start in range(0, len(word), _WORD_MAX))
        for word in text.split(" ")
    )
    return " ".join(words)


def _letters() -> frozenset[int]:
    letters: set[int] = set()
    for root in _FONT_ROOTS:
        for path in sorted(Path(root).glob("*.ttf")):
            with TTFont(path, lazy=True) as font:
                letters.update(font.getBestCmap())
    return frozenset(letters)
