"""Invoices and superbills in words: facts into the strings that `service_document.typ` sets.

Called by `portal.delivery.paper` only. Everything a person typed is made safe first; no code comes with words but those
the practice wrote itself (C54).
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from zoneinfo import ZoneInfo

from portal.delivery.brand import checked_color
from portal.delivery.language import Language
from portal.delivery.qr import qr_svg
from portal.delivery.safe_text import NAME_MAX, WORDS_MAX, breakable, one_line, safe_name
from portal.domain.service import DESCRIPTION_LENGTH_MAX
from portal.domain.service_document import (
    POINTERS,
    Content,
    DocumentKind,
    LineOnPaper,
    PaymentOnPaper,
    PersonOnPaper,
    Practice,
    ServiceDocumentFacts,
)

LONG_WORD = 40
ADDRESS_MAX = 120


def service_document_data(facts: ServiceDocumentFacts, language: Language) -> dict[str, Any]:
    """What `service_document.typ` sets."""
    _ = language._
    content = facts.content
    is_superbill = content.kind is DocumentKind.superbill
    heading = _("Superbill") if is_superbill else _("Invoice")
    zone = ZoneInfo(content.practice.time_zone)
    money = content.figures
    return {
        "locale": language.locale,
        "color": checked_color(content.practice.color),
        "organisation": safe(content.practice.name),
        "title": f"{heading} {_code(facts.number)}",
        "contact": contact_of(content.practice),
        "foot": f"{safe(content.practice.name)}  \u2022  {heading} {_code(facts.number)}",
        "page": _("Page {page} of {pages}"),
        "heading": heading,
        "number": _code(facts.number),
        "issued": _("Issued on %(day)s") % {"day": language.day(facts.issued_at.astimezone(zone).date())},
        "replaces": _("Replaces %(number)s") % {"number": _code(facts.replaces)} if facts.replaces else "",
        "stamp": _("Paid") if content.is_paid else "",
        "blocks": _blocks(content, language),
        "diagnoses_title": _("Diagnoses (ICD-10-CM)") if is_superbill else "",
        "diagnoses": [
            {"letter": letter, "code": _code(code)} for letter, code in zip(POINTERS, content.diagnoses, strict=False)
        ],
        "is_superbill": is_superbill,
        "services_title": _("Services"),
        "columns": _columns(language, is_superbill=is_superbill),
        "lines": [_line(content, line, language, is_superbill=is_superbill) for line in content.lines],
        "payments_title": _("Payments"),
        "payment_columns": [_("Date"), _("Paid with"), _("Amount")],
        "payments": [_payment(each, language) for each in content.payments],
        "no_payments": _("Nothing has been paid yet."),
        "totals": [
            {"label": label, "value": language.money(cents)}
            for label, cents in (
                (_("Total fees"), money.fee_cents),
                (_("Insurance"), -money.insurance_cents),
                (_("Adjustments"), -money.adjustments_cents),
                (_("Amount paid"), -money.paid_cents),
            )
            if cents or label == _("Total fees")
        ],
        "balance_label": _("Balance due"),
        "balance": language.money(money.balance_cents),
        "mark": _mark(content, language),
        "signature_label": _("Provider signature") if is_superbill else "",
        "signature": safe(content.provider.signature_line or content.provider.title) if content.provider else "",
        "signature_day_label": _("Date") if is_superbill else "",
        "check": _("Genuine? Check the code %(code)s") % {"code": facts.check_code},
        "check_at": facts.check_url.partition("?")[0],
        "check_alt": _("QR code of the address where this document can be checked"),
        "qr": list(qr_svg(facts.check_url)),
    }


def contact_of(practice: Practice) -> list[str]:
    """Address, telephone and email of a letterhead."""
    lines = (one_line(practice.address, WORDS_MAX), safe_name(practice.phone, WORDS_MAX), one_line(practice.email, 120))
    return [line for line in lines if line]


def _blocks(content: Content, language: Language) -> list[dict[str, Any]]:
    """Who and whom, as rows of a label and a value under a title."""
    _ = language._
    practice, patient, provider = content.practice, content.patient, content.provider
    tax = _row(_("Tax ID (EIN)"), _code(practice.ein))
    is_same = patient is not None and patient.address == content.payer.address
    person = replace(content.payer, address=()) if is_same else content.payer
    payer = _block(_("Bill to"), _person(person, language), _row(_("Account"), safe(content.account)))
    if patient is None or provider is None:
        own = (*_row(_("Name"), safe(practice.name)), *_row(_("Address"), *_address([practice.address])))
        return [payer, _block(_("From"), own, tax)]
    return [
        _block(_("Patient"), _person(patient, language)),
        _block(
            _("Provider"),
            _row(_("Name"), safe(provider.title)),
            _row(_("License"), safe(provider.licence)),
            _row(_("NPI"), _code(provider.npi)),
        ),
        payer,
        _block(
            _("Practice"),
            _row(_("Name"), safe(practice.name)),
            _row(_("Address"), *_address([practice.address])),
            _row(_("Phone"), safe(practice.phone)),
            tax,
            _row(_("Group NPI"), _code(practice.npi)),
        ),
    ]


def _block(title: str, *rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    return {"title": title, "rows": [row for each in rows for row in each]}


def _row(label: str, *values: str) -> list[dict[str, Any]]:
    """A label and its lines; nothing where there is none."""
    lines = [value for value in values if value]
    return [{"label": label, "lines": lines}] if lines else []


def _person(person: PersonOnPaper, language: Language) -> list[dict[str, Any]]:
    _ = language._
    return [
        *_row(_("Name"), safe(person.name)),
        *_row(_("Date of birth"), language.short_day(person.born_on) if person.born_on else ""),
        *_row(_("Address"), *_address(person.address)),
        *_row(_("Number"), safe(person.reference)),
    ]


def _address(lines: Sequence[str]) -> list[str]:
    return [breakable(one_line(line, ADDRESS_MAX), LONG_WORD) for line in lines]


def _columns(language: Language, *, is_superbill: bool) -> list[str]:
    _ = language._
    if is_superbill:
        return [_("Date"), _("Place"), _("CPT/HCPCS"), _("Modifiers"), _("Diagnosis"), _("Units"), _("Fee"),
                _("Ins./adj."), _("Paid"), _("Balance")]  # fmt: skip
    return [_("Date"), _("Service"), _("Units"), _("Fee"), _("Ins./adj."), _("Paid"), _("Balance")]


def _line(content: Content, line: LineOnPaper, language: Language, *, is_superbill: bool) -> dict[str, Any]:
    money = line.figures
    fee, paid = language.money(money.fee_cents), language.money(money.paid_cents)
    balance = language.money(money.balance_cents)
    taken_off = language.money(-money.insurance_cents - money.adjustments_cents)
    description = breakable(safe_name(line.description, DESCRIPTION_LENGTH_MAX), LONG_WORD)
    if is_superbill:
        codes = [_code(each) for each in (line.place, line.code, " ".join(line.modifiers), content.pointers(line))]
        cells = [language.short_day(line.performed_on), *codes, str(line.units), fee, taken_off, paid, balance]
        return {"cells": cells, "note": description}
    code = _code(" ".join((line.code, *line.modifiers)))
    service = description or code
    who = ", ".join(safe(each) for each in (line.provider, line.patient))
    cells = [language.short_day(line.performed_on), service, str(line.units), fee, taken_off, paid, balance]
    return {"cells": cells, "note": f"{code}, {who}" if description else who}


def _payment(each: PaymentOnPaper, language: Language) -> dict[str, str]:
    _ = language._
    method = safe_name(each.card_brand, 40) or _("Card")
    if each.card_last4:
        method = _("%(brand)s ending in %(last4)s") % {"brand": method, "last4": _code(each.card_last4)}
    if each.amount_cents < 0:
        method = _("Given back: %(method)s") % {"method": method}
    receipt = _("Receipt %(number)s") % {"number": _code(each.receipt_number)} if each.receipt_number else ""
    return {
        "on": language.short_day(each.on),
        "method": method,
        "receipt": receipt,
        "amount": language.money(each.amount_cents),
    }


def _mark(content: Content, language: Language) -> str:
    _ = language._
    if content.kind is DocumentKind.invoice:
        return ""
    mark = _("This is not a claim: nothing was sent to an insurer. The patient may send it to theirs.")
    return " ".join((_("Paid in full."), mark)) if content.is_paid else mark


def _code(text: str) -> str:
    """A number or code: one short line."""
    return one_line(text, 40)


def safe(text: str) -> str:
    """A name as paper may show it, with places to break."""
    return breakable(safe_name(text, NAME_MAX), LONG_WORD)
