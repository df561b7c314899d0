"""How money, dates and times are written for a person, in their language. Called by templates as filters;
computes nothing.
"""

from datetime import date, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

from babel.dates import format_date, format_datetime, format_skeleton, get_day_names
from babel.numbers import format_currency
from flask import Flask, g
from flask_babel import get_locale
from markupsafe import Markup, escape

from portal.domain.due_date import is_holiday
from portal.web.access import readable_phone

MOMENT = {"en_US": "MMMM d, y, h:mm a z", "es_US": "d 'de' MMMM 'de' y, h:mm a z"}


def money(amount_cents: int) -> str:
    """125050 -> $1,250.50. The customer pays US dollars in either language, so Spanish is that of the United States."""
    return _money(amount_cents, _region())


@lru_cache(maxsize=4_096)
def _money(amount_cents: int, region: str) -> str:
    return format_currency(amount_cents / 100 if abs(amount_cents) < 2**53 else 0, "USD", locale=region)


def plain_amount(amount_cents: int) -> str:
    """125050 -> 1250.50, as it stands in a text field."""
    return f"{amount_cents // 100}.{amount_cents % 100:02d}"


def day(value: date) -> str:
    """November 30, 2026."""
    return format_date(_local(value) if isinstance(value, datetime) else value, "long", locale=_region())


def weekday_date(value: date) -> str:
    """Mon, Dec 7, 2026."""
    return str(format_skeleton("yMMMEd", value, locale=_region()))


def short_date(value: date) -> str:
    """Sat, Jul 4."""
    return str(format_skeleton("MMMEd", value, locale=_region()))


def weekdays() -> list[tuple[int, str]]:
    """(0, Monday) and so on."""
    names = get_day_names("wide", locale=_region())
    return [(number, names[number]) for number in range(7)]


def moment(value: datetime) -> str:
    """November 30, 2026, 5:00 PM EST, in the organisation's time zone."""
    region = _region()
    return str(format_datetime(value, MOMENT[region], tzinfo=_zone(), locale=region))


def percent(basis_points: int) -> str:
    """4000 -> 40%; 3350 -> 33.5%."""
    return f"{basis_points / 100:g}%"


def phone(number: str) -> str:
    """+13125550141 -> (312) 555-0141; a masked or foreign one stays as it is."""
    return readable_phone(number) if number.startswith("+1") and number[1:].isdigit() else number


def email(address: str) -> Markup:
    """An address that breaks before its @ where a line is too short for it."""
    return Markup("<wbr>@").join(escape(part) for part in address.split("@"))


def install(app: Flask) -> None:
    """Registers the filters."""
    app.jinja_env.filters.update(
        money=money, plain_amount=plain_amount, day=day, moment=moment, percent=percent, phone=phone, email=email,
        weekday_date=weekday_date, short_date=short_date,
    )  # fmt: skip
    app.jinja_env.tests["holiday"] = is_holiday


def _region() -> str:
    language = str(get_locale() or "en")
    return "es_US" if language.startswith("es") else "en_US"


def _zone() -> ZoneInfo:
    organisation = g.get("organisation")
    return ZoneInfo(organisation.time_zone if organisation is not None else "UTC")


def _local(value: datetime) -> datetime:
    return value.astimezone(_zone())
