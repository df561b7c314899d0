"""The papers of a plan in words: facts into the strings that the templates of agreement, schedule and letter set.

Called by `portal.delivery.paper` only. The agreement's own paragraphs are printed as they were sealed, without anything
a reader cannot see; everything else that a person typed is made safe first.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from portal.delivery.brand import checked_color
from portal.delivery.language import Language
from portal.delivery.qr import qr_svg
from portal.delivery.safe_text import NAME_MAX, WORDS_MAX, breakable, one_line, safe_name
from portal.domain.plan_document import AgreementFacts, CompletionFacts, Letterhead, ScheduleFacts, SignatureFacts

PARAGRAPH_MAX = 8_000
LONG_WORD = 60  # only what is surely no word or address is broken: what was sealed can be copied as it was
Rows = list[dict[str, str]]


def agreement_data(facts: AgreementFacts, language: Language) -> dict[str, Any]:
    """What `plan_agreement.typ` sets."""
    _, head = language._, facts.head
    title = _("Payment plan agreement %(reference)s") % {"reference": head.reference}
    return {
        **_frame(head, title, language),
        "heading": _("Payment plan agreement and authorization"),
        "key_title": _("Agreement"),
        "key_rows": _rows(
            (_("Between"), _safe(head.organisation_name)),
            (_("And"), _safe(head.customer_name)),
            (_("Account"), _safe(head.account_reference)),
            (_("Plan"), _plan(head, language)),
        ),
        "sections": [
            _section(heading, paragraphs, is_list=number == facts.list_section)
            for number, (heading, paragraphs) in enumerate(facts.sections)
        ],
        "disclosures_title": _("Electronic records"),
        "disclosures": [_section(heading, paragraphs, is_list=False) for heading, paragraphs in facts.disclosures],
        "unsigned": _("This copy is for reading before you sign. It is not signed."),
        "unsigned_text": f"{facts.text_version}  \u2022  SHA-256 {facts.text_sha256}",
        "signature": _signature(facts, facts.signature, language) if facts.signature is not None else None,
    }


def schedule_data(facts: ScheduleFacts, language: Language) -> dict[str, Any]:
    """What `plan_schedule.typ` sets."""
    _, head = language._, facts.head
    signed_at = facts.signed_at.astimezone(ZoneInfo(head.time_zone))
    after = [_("There is no interest and there are no fees in this plan."), *_settles(facts, language)]
    at_signing = _("at signing")
    after.append(_("A receipt is sent after each payment. To stop, pause or change the plan, call or write to us."))
    return {
        **_frame(head, _("Payment schedule %(reference)s") % {"reference": head.reference}, language),
        "heading": _("Payment schedule"),
        "key_title": _("Your plan"),
        "key_rows": _rows(
            (_("For"), _safe(head.customer_name)),
            (_("Account"), _safe(head.account_reference)),
            (_("Plan"), _plan(head, language)),
            (_("Signed"), language.moment(signed_at)),
            (_("Paid with"), _safe(facts.card)),
        ),
        "payments_title": _("Payments"),
        "columns": ["#", _("Date"), _("Amount")],
        "payments": [
            {
                "number": str(each.number),
                "day": language.day(each.due_on) + (f" ({at_signing})" if each.is_at_signing else ""),
                "amount": language.money(each.amount_cents),
            }
            for each in facts.payments
        ],
        "total_label": _("Total"),
        "total": language.money(facts.total_cents),
        "after": after,
    }


def completion_data(facts: CompletionFacts, language: Language) -> dict[str, Any]:
    """What `plan_completion.typ` sets."""
    _, head = language._, facts.head
    zone = ZoneInfo(head.time_zone)
    said = [
        _("Thank you. You have made every payment of your plan %(reference)s, and it is complete.")
        % {"reference": head.reference}
    ]
    if facts.forgiven_cents:
        said.append(
            _(
                "We accept your payments of %(paid)s as full settlement. The remaining %(forgiven)s is no longer owed, "
                "and we will not ask you for it."
            )
            % {"paid": language.money(facts.paid_cents), "forgiven": language.money(facts.forgiven_cents)}
        )
    elif not facts.balance_cents:
        said.append(_("The balance of this account is paid in full. Nothing is owed on it any more."))
    return {
        **_frame(head, _("Completion of plan %(reference)s") % {"reference": head.reference}, language),
        "day": language.day(facts.completed_at.astimezone(zone).date()),
        "addressee": [_safe(head.customer_name)],
        "heading": _("Your payment plan is complete"),
        "paragraphs": said,
        "key_title": _("Your plan"),
        "key_rows": _rows(
            (_("Account"), _safe(head.account_reference)),
            (_("Plan"), _plan(head, language)),
            (_("Signed"), language.day(facts.signed_at.astimezone(zone).date())),
            (_("Paid in all"), language.money(facts.paid_cents)),
            (_("No longer owed"), language.money(facts.forgiven_cents) if facts.forgiven_cents else ""),
            (_("Balance of the account"), language.money(facts.balance_cents)),
        ),
        "closing": [
            _("Please keep this letter for your records."),
            _safe(head.organisation_name),
        ],
    }


def _frame(head: Letterhead, title: str, language: Language) -> dict[str, Any]:
    """Letterhead and foot."""
    _ = language._
    contact = (
        one_line(head.postal_address, WORDS_MAX),
        safe_name(head.help_phone, WORDS_MAX),
        one_line(head.help_email, 120),
    )
    return {
        "locale": language.locale,
        "color": checked_color(head.organisation_color),
        "organisation": _safe(head.organisation_name),
        "title": one_line(title, WORDS_MAX),
        "contact": [line for line in contact if line],
        "foot": "  \u2022  ".join(
            filter(None, (_safe(head.organisation_name), _plan(head, language), head.check_code))
        ),
        "check": checked(head.check_code, head.check_url, language),
        "page": _("Page {page} of {pages}"),
    }


def checked(code: str | None, url: str | None, language: Language) -> dict[str, Any] | None:
    """What the box says where this paper can be checked; nothing on one that is only to be read."""
    _ = language._
    if code is None or url is None:
        return None
    return {
        "title": _("Is this paper genuine?"),
        "said": _("Anyone who holds it can check that it comes from us, with this code. No personal data are shown."),
        "code": code,
        "at": breakable(url.partition("?")[0], LONG_WORD),
        "alt": _("QR code of the address where this paper can be checked"),
        "qr": list(qr_svg(url)),
    }


def _signature(facts: AgreementFacts, signed: SignatureFacts, language: Language) -> dict[str, Any]:
    _ = language._
    zone = ZoneInfo(facts.head.time_zone)
    name = _safe(signed.name)

    def moment(at: datetime) -> str:
        return f"{language.moment(at.astimezone(zone))} ({at:%Y-%m-%d %H:%M:%S} UTC)"

    ways = {
        "typed": _("Typed the name under the agreement"),
        "drawn": _("Drew the signature under the agreement"),
        "pressed": _("Pressed the button to sign"),
    }
    identities = {
        "zip": _("Personal link, and the ZIP code of the address on file"),
        "phone": _("Personal link, and the last 4 digits of the phone number on file"),
        "none": _("Personal link sent to the address on file"),
    }
    evidence = _rows(
        (_("Signed by"), name),
        (_("Way of signing"), ways[signed.way]),
        (_("Signed at"), moment(signed.signed_at)),
        (_("How we knew who it was"), identities[signed.identity]),
        (_("Identity confirmed at"), moment(signed.identity_at) if signed.identity_at else ""),
        (_("Document opened at"), moment(signed.document_opened_at)),
        (_("Consent to electronic records"), moment(signed.consented_at)),
        (_("Disclosures"), signed.consent_version),
        ("SHA-256", signed.consent_sha256),
        (_("Agreement"), facts.text_version),
        ("SHA-256", facts.text_sha256),
        (_("Internet address"), one_line(signed.ip, 60)),
        (_("Browser"), breakable(one_line(signed.user_agent, 300), LONG_WORD)),
    )
    return {
        "way": signed.way,
        "name": name,
        "image": list(signed.image) if signed.image is not None else None,
        "alt": _("Handwritten signature of %(name)s") % {"name": name},
        "pressed": _("Signed by pressing the button: %(name)s") % {"name": name},
        "title": _("Signature"),
        "said": _("I have read this agreement, I agree to it, and this is my signature."),
        "day": language.day(signed.signed_at.astimezone(zone).date()),
        "name_label": name,
        "day_label": _("Date"),
        "evidence_title": _("Evidence of the signature"),
        "evidence_said": _(
            "This page is part of the signed agreement. It was written by our server at the moment of the signature "
            "and cannot be changed afterwards."
        ),
        "evidence_rows_title": _("Record"),
        "evidence_rows": evidence,
    }


def _settles(facts: ScheduleFacts, language: Language) -> list[str]:
    _, money = language._, language.money
    if facts.forgiven_cents:
        return [
            _(
                "When the last payment has been received, %(total)s settles the balance of %(balance)s, and the "
                "remaining %(forgiven)s is no longer owed."
            )
            % {
                "total": money(facts.total_cents),
                "balance": money(facts.balance_cents),
                "forgiven": money(facts.forgiven_cents),
            }
        ]
    if facts.left_cents:
        return [_("This plan is for a part of what you owe. The other %(left)s stays owed.")
                % {"left": money(facts.left_cents)}]  # fmt: skip
    return [_("When the last payment has been received, the balance is paid in full.")]


def _section(heading: str, paragraphs: Sequence[str], *, is_list: bool) -> dict[str, Any]:
    lines = [breakable(one_line(each, PARAGRAPH_MAX), LONG_WORD) for each in paragraphs]
    after = lines[-1:] if is_list else []  # what is said below the list
    return {
        "heading": one_line(heading, WORDS_MAX),
        "paragraphs": lines[: len(lines) - len(after)],
        "after": after,
        "is_list": is_list,
    }


def _plan(head: Letterhead, language: Language) -> str:
    return language._("%(reference)s, version %(edition)s") % {"reference": head.reference, "edition": head.edition}


def _rows(*rows: tuple[str, str]) -> Rows:
    return [{"label": label, "value": value} for label, value in rows if value]


def _safe(text: str) -> str:
    return breakable(safe_name(text, NAME_MAX), LONG_WORD)
