"""Where a customer's clock may stand: every time zone that what is on file allows.

Asked by the rules of messages. With two facts that disagree both count: a message must suit all of them
(comment 6(b)(1)(i)-2 to Reg F), so knowing less never makes the hours longer.
"""

from datetime import tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import phonenumbers
from phonenumbers import timezone as number_zones

_EASTERN, _CENTRAL, _MOUNTAIN, _PACIFIC = (
    "America/New_York",
    "America/Chicago",
    "America/Denver",
    "America/Los_Angeles",
)
CONTIGUOUS = (_EASTERN, _CENTRAL, _MOUNTAIN, _PACIFIC)
_ZONES_OF_A_PLACE_MAX = 6  # the library answers "anywhere" for numbers that belong to no place
# States and territories by postal code (49 CFR part 71); two where the state lies in two.
_ZONES_OF_STATE: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("CT", "DC", "DE", "GA", "MA", "MD", "ME", "NC", "NH", "NJ", "NY", "OH", "PA", "RI", "SC", "VA",
                     "VT", "WV"), (_EASTERN,)),
    **dict.fromkeys(("AL", "AR", "IA", "IL", "LA", "MN", "MO", "MS", "OK", "WI"), (_CENTRAL,)),
    **dict.fromkeys(("CO", "MT", "NM", "UT", "WY"), (_MOUNTAIN,)),
    **dict.fromkeys(("CA", "WA"), (_PACIFIC,)),
    **dict.fromkeys(("FL", "IN", "KY", "MI", "TN"), (_EASTERN, _CENTRAL)),
    **dict.fromkeys(("KS", "ND", "NE", "SD", "TX"), (_CENTRAL, _MOUNTAIN)),
    **dict.fromkeys(("ID", "NV", "OR"), (_MOUNTAIN, _PACIFIC)),
    "AZ": ("America/Phoenix", _MOUNTAIN),  # the Navajo Nation keeps daylight saving time
    "AK": ("America/Anchorage", "America/Adak"),
    "HI": ("Pacific/Honolulu",),
    "PR": ("America/Puerto_Rico",),
    "VI": ("America/St_Thomas",),
    "GU": ("Pacific/Guam",),
    "MP": ("Pacific/Saipan",),
    "AS": ("Pacific/Pago_Pago",),
}  # fmt: skip


def zones_of(known: str | None, phone: str | None, state: str | None) -> tuple[ZoneInfo, ...]:
    """Every zone the customer may be in: the one on file, else those of area code and postal state together.

    Empty when nothing on file tells.
    """
    if known and (zone := _zone(known)):
        return (zone,)
    names = {*_zones_of_number(phone or ""), *_ZONES_OF_STATE.get((state or "").strip().upper(), ())}
    return tuple(zone for name in sorted(names) if (zone := _zone(name)))


def contiguous() -> tuple[ZoneInfo, ...]:
    """The four zones between the coasts: for somebody of whom nothing is known."""
    return tuple(ZoneInfo(name) for name in CONTIGUOUS)


def names_of(zones: tuple[tzinfo, ...]) -> str:
    """The zones as staff read them."""
    return ", ".join(str(zone) for zone in zones)


@lru_cache(maxsize=4_096)
def _zones_of_number(phone: str) -> tuple[str, ...]:
    try:
        parsed = phonenumbers.parse(phone, "US")
    except phonenumbers.NumberParseException:
        return ()
    found = tuple(number_zones.time_zones_for_number(parsed))
    unknown = len(found) > _ZONES_OF_A_PLACE_MAX or number_zones.UNKNOWN_TIMEZONE in found
    return () if unknown else found


@lru_cache(maxsize=512)
def _zone(name: str) -> ZoneInfo | None:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return None
