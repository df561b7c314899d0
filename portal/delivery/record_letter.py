"""A message as a letter: its paragraphs into the strings that `record_letter.typ` sets.

Called by `portal.delivery.paper` only. What the message says was made safe when it was written; it is set as text.
"""

from typing import Any
from zoneinfo import ZoneInfo

from portal.delivery.brand import checked_color
from portal.delivery.language import Language
from portal.delivery.plan_paper import LONG_WORD, PARAGRAPH_MAX, checked
from portal.delivery.safe_text import NAME_MAX, WORDS_MAX, breakable, one_line, safe_name
from portal.domain.record_letter import RecordLetter


def record_letter_data(facts: RecordLetter, language: Language) -> dict[str, Any]:
    """What `record_letter.typ` sets."""
    name = breakable(safe_name(facts.organisation_name, NAME_MAX), LONG_WORD)
    return {
        "locale": language.locale,
        "color": checked_color(facts.organisation_color),
        "organisation": name,
        "title": one_line(facts.subject, WORDS_MAX),
        "contact": [one_line(line, WORDS_MAX) for line in facts.contact],
        "foot": "  \u2022  ".join(filter(None, (name, facts.check_code))),
        "check": checked(facts.check_code, facts.check_url, language),
        "page": language._("Page {page} of {pages}"),
        "day": language.day(facts.written_at.astimezone(ZoneInfo(facts.time_zone)).date()),
        "addressee": [breakable(safe_name(line, NAME_MAX), LONG_WORD) for line in facts.addressee],
        "paragraphs": [
            [breakable(one_line(line, PARAGRAPH_MAX), LONG_WORD) for line in paragraph.splitlines()]
            for paragraph in facts.paragraphs
        ],
    }
