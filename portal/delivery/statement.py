"""Statements in words: facts into the strings that `statement.typ` sets. Called by `portal.delivery.paper` only."""

from typing import Any
from zoneinfo import ZoneInfo

from portal.delivery.brand import checked_color
from portal.delivery.language import Language
from portal.delivery.service_document import contact_of, safe
from portal.domain.statement import StatementFacts, line_words


def statement_data(facts: StatementFacts, language: Language) -> dict[str, Any]:
    """What `statement.typ` sets."""
    _ = language._
    words = line_words(language._)
    practice = facts.practice
    days = _("%(first)s to %(last)s") % {"first": language.day(facts.from_on), "last": language.day(facts.until_on)}
    made_on = language.day(facts.made_at.astimezone(ZoneInfo(practice.time_zone)).date())
    return {
        "locale": language.locale,
        "color": checked_color(practice.color),
        "organisation": safe(practice.name),
        "title": f"{_('Statement')} {safe(facts.account)}",
        "contact": contact_of(practice),
        "foot": f"{safe(practice.name)}  \u2022  {_('Statement')} {safe(facts.account)}",
        "page": _("Page {page} of {pages}"),
        "heading": _("Statement"),
        "days": days,
        "key_title": _("Account"),
        "key_rows": [
            {"label": label, "value": value}
            for label, value in (
                (_("For"), safe(facts.payer.name)),
                (_("Account"), safe(facts.account)),
                (_("Made on"), made_on),
            )
        ],
        "moves_title": _("What happened"),
        "columns": [_("Date"), _("What"), _("Amount"), _("Balance")],
        "opening_label": _("Balance forward"),
        "opening": language.money(facts.opening_cents),
        "rows": [
            {
                "on": language.short_day(row.on),
                "what": words[row.line],
                "about": safe(row.about),
                "change": language.money(row.change_cents),
                "balance": language.money(row.balance_cents),
            }
            for row in facts.rows
        ],
        "nothing": _("Nothing happened in these days."),
        "totals": [
            {"label": label, "value": language.money(cents)}
            for label, cents in (
                (_("Balance forward"), facts.opening_cents),
                (_("Charges"), facts.charged_cents),
                (_("Payments and credits"), -facts.lowered_cents),
            )
        ],
        "closing_label": _("Balance on %(day)s") % {"day": language.day(facts.until_on)},
        "closing": language.money(facts.closing_cents),
    }
