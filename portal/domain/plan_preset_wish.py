"""What staff typed about a preset of payment plans, read into its terms; what is wrong is named by its field.

Called by the console's page that keeps one, and for its name by every door. Knows no rows and no sentences.
"""

import re
from dataclasses import dataclass

from portal.domain.due_date import Frequency
from portal.domain.refusal import Refused
from portal.domain.schedule_wish import Errors, caught, number_typed

NAME_LENGTH_MAX = 80
WAYS = ("email", "sms", "both")
FIRST_IN_DAYS_MAX = OFFER_DAYS_MAX = 180
_PERCENT = re.compile(r"(\d{1,2})(?:\.(\d{1,2}))?", re.ASCII)
_DAYS = re.compile(r"\d{1,3}", re.ASCII)


@dataclass(frozen=True, slots=True)
class PresetTyped:
    """The fields of the page as they stand in it. `settles` and `down` are percents; empty means none."""

    name: str = ""
    settles: str = ""
    down: str = ""
    number: str = ""
    frequency: str = Frequency.monthly.value
    first_in: str = "14"
    channels: str = "email"
    offer_days: str = "14"


@dataclass(frozen=True, slots=True)
class PresetTerms:
    """A preset as it is kept. Basis points are hundredths of a percent; no settlement: all that is owed."""

    name: str
    settlement_basis_points: int | None
    down_basis_points: int
    number: int
    frequency: str
    first_in_days: int
    channels: str
    offer_days: int


def read_preset(typed: PresetTyped, number_max: int) -> tuple[PresetTerms | None, Errors]:
    """The terms, or what is wrong by field. `number_max`: how many instalments the organisation allows."""
    errors: Errors = {}
    name = caught(errors, "name", lambda: preset_name(typed.name))
    settles = caught(errors, "settles", lambda: _basis_points(typed.settles)) if typed.settles.strip(" %") else None
    down = caught(errors, "down", lambda: _basis_points(typed.down)) if typed.down.strip(" %0.") else 0
    number = caught(errors, "number", lambda: _number(typed.number, number_max))
    first_in = caught(errors, "first_in", lambda: _days(typed.first_in, 0, FIRST_IN_DAYS_MAX, "preset_days_wrong"))
    days = caught(errors, "offer_days", lambda: _days(typed.offer_days, 1, OFFER_DAYS_MAX, "plan_offer_days_wrong"))
    if typed.frequency not in set(Frequency):
        errors["frequency"] = Refused("often_missing")
    if typed.channels not in WAYS:
        errors["channels"] = Refused("plan_channels_wrong")
    if errors or name is None or down is None or number is None or first_in is None or days is None:
        return None, errors
    return PresetTerms(name, settles, down, number, typed.frequency, first_in, typed.channels, days), {}


def preset_typed(terms: PresetTerms) -> PresetTyped:
    """The fields of a preset, to be changed."""
    return PresetTyped(
        name=terms.name,
        settles=_plain(terms.settlement_basis_points or 0),
        down=_plain(terms.down_basis_points),
        number=str(terms.number),
        frequency=terms.frequency,
        first_in=str(terms.first_in_days),
        channels=terms.channels,
        offer_days=str(terms.offer_days),
    )


def preset_name(text: str) -> str:
    """A name as it is kept and looked up, spaces tidied. Refused `preset_name_missing`, `preset_name_long`."""
    name = " ".join(text.split())
    if not name:
        raise Refused("preset_name_missing")
    if len(name) > NAME_LENGTH_MAX:
        raise Refused("preset_name_long", most=NAME_LENGTH_MAX)
    return name


def _basis_points(text: str) -> int:
    """ "37.5" -> 3750; above 0 and below 100."""
    found = _PERCENT.fullmatch(text.strip(" %"))
    points = int(found[1]) * 100 + int((found[2] or "").ljust(2, "0")) if found else 0
    if not points:
        raise Refused("preset_percent_wrong")
    return points


def _number(text: str, most: int) -> int:
    return preset_number(number_typed(text), most)


def preset_number(number: int, most: int) -> int:
    """How many instalments there are. Refused `schedule_too_many`: no plan could be made from it."""
    if number > most:
        raise Refused("schedule_too_many", number_max=most)
    return number


def _days(text: str, least: int, most: int, code: str) -> int:
    days = int(text) if _DAYS.fullmatch(text := text.strip(" ")) else -1
    if not least <= days <= most:
        raise Refused(code)
    return days


def _plain(basis_points: int) -> str:
    whole, part = divmod(basis_points, 100)
    return f"{whole}.{part:02d}".rstrip("0").rstrip(".") if basis_points else ""
