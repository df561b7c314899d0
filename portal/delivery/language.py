"""One language of messages and paper: its catalog, and how it writes money, dates and times.

Called by wording and paper. A missing compiled catalog stops the start: no Spanish customer silently gets English.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

from babel.dates import format_date, format_time
from babel.numbers import format_currency
from babel.support import NullTranslations, Translations

from portal.domain.message import LOCALE_DEFAULT, LOCALES
from portal.domain.organisation import USUAL_HOURS

_REGIONS = {"en": "en_US", "es": "es_US"}  # people here pay US dollars: $1,234.56 in either language


class CatalogMissing(Exception):
    """No compiled catalog for a language we offer; run the catalog compile step of the build."""


@dataclass(frozen=True, slots=True)
class Language:
    """A language with its catalog; English is the source and needs none."""

    locale: str
    catalog: NullTranslations

    def _(self, text: str) -> str:
        """The sentence in this language."""
        return str(self.catalog.gettext(text))

    def hours(self, said: str) -> tuple[str, str]:
        """When people answer, and the language that is in: an organisation's own words are English."""
        return (self._(said), self.locale) if said == USUAL_HOURS else (said, LOCALE_DEFAULT)

    def money(self, amount_cents: int) -> str:
        """123456 -> $1,234.56."""
        return format_currency(Decimal(amount_cents).scaleb(-2), "USD", locale=_REGIONS[self.locale])

    def day(self, value: date) -> str:
        """November 22, 2026, in the zone the value carries."""
        return format_date(value, "long", locale=_REGIONS[self.locale])

    def short_day(self, value: date) -> str:
        """11/22/2026, as forms have it: the same figures in either language."""
        return f"{value:%m/%d/%Y}"

    def moment(self, value: datetime) -> str:
        """November 22, 2026, 3:04 PM EST, in the zone the value carries."""
        time = format_time(value, "h:mm a z", tzinfo=value.tzinfo, locale=_REGIONS[self.locale])
        return f"{self.day(value)}, {time}".replace("\u202f", " ")


def load_languages(translations_dir: Path) -> Mapping[str, Language]:
    """Every language we offer; CatalogMissing when one has no compiled catalog."""
    languages = {}
    for locale in LOCALES:
        catalog: NullTranslations = NullTranslations()
        if locale != LOCALE_DEFAULT:
            catalog = Translations.load(translations_dir, [locale])
            if not isinstance(catalog, Translations):
                raise CatalogMissing(f"{locale}: no messages.mo; compile the catalogs first")
        languages[locale] = Language(locale, catalog)
    return languages


def language_for(languages: Mapping[str, Language], locale: str) -> Language:
    """The language asked for (`es-MX` is `es`), or English: a message in the wrong language beats none."""
    return languages.get(locale.replace("_", "-").split("-")[0].lower(), languages[LOCALE_DEFAULT])
