"""When a person may be written to: by day on their own clock, and not at times they said do not suit them.

Asked by the rules of messages. Knows moments, zones and wishes; no message and no row.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

OPENS, CLOSES = time(8), time(21)  # Reg F 1006.6(b)(1)(i): not before 8:00 a.m., not after 9:00 p.m.
ON_ITS_WAY = timedelta(minutes=2)  # what is begun now may leave a little later, and must still be in time
LOOK_AHEAD_DAYS = 9
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


@dataclass(frozen=True, slots=True)
class Inconvenient:
    """Times that do not suit a person, on their own clock: on `days` (0 is Monday) from `begins` until `ends`.

    `ends` at or before `begins` is on the next day; midnight to midnight is the whole day (Reg F 1006.6(b)(1)).
    """

    days: frozenset[int]
    begins: time
    ends: time

    def holds(self, local: datetime) -> bool:
        """Whether a moment on their clock lies in it."""
        at, today = local.time().replace(tzinfo=None), local.weekday()
        if self.begins < self.ends:
            return today in self.days and self.begins <= at < self.ends
        return (today in self.days and at >= self.begins) or ((today - 1) % 7 in self.days and at < self.ends)


def is_quiet(at: datetime, zones: Iterable[ZoneInfo]) -> bool:
    """Whether it is too early or too late in any of the places a person may be."""
    return any(not _is_day(at.astimezone(zone), (at + ON_ITS_WAY).astimezone(zone)) for zone in zones)


def is_inconvenient(at: datetime, zones: Iterable[ZoneInfo], wishes: Iterable[Inconvenient]) -> bool:
    """Whether it may be a time the person said does not suit them."""
    return any(wish.holds(at.astimezone(zone)) for zone in zones for wish in wishes)


def next_fitting(
    at: datetime, zones: Sequence[ZoneInfo], wishes: Sequence[Inconvenient], *, keeps_hours: bool
) -> datetime | None:
    """The first moment from `at` on that suits every zone and every wish; None when there is none in nine days."""
    turns = {at}
    for zone in zones:
        here = at.astimezone(zone)
        for day in range(-1, LOOK_AHEAD_DAYS):
            date = here.date() + timedelta(days=day)
            ends = {OPENS, *(wish.ends for wish in wishes)}
            turns.update(datetime.combine(date, end, zone).astimezone(at.tzinfo) for end in ends)
    for turn in sorted(turns):
        quiet = keeps_hours and is_quiet(turn, zones)
        if turn >= at and not quiet and not is_inconvenient(turn, zones, wishes):
            return turn
    return None


def read_inconvenient(text: str) -> Inconvenient | None:
    """`mon-fri 09:00-17:00`, `sun 00:00-24:00` or `mon,wed 12:00-13:30`; None when it cannot be read so."""
    days_text, _, hours = text.strip().lower().partition(" ")
    begins_text, _, ends_text = hours.strip().partition("-")
    days = _days(days_text)
    try:
        begins = time.fromisoformat(begins_text.strip())
        ends = time(0) if ends_text.strip() == "24:00" else time.fromisoformat(ends_text.strip())
    except ValueError:
        return None
    return Inconvenient(frozenset(days), begins, ends) if days else None


def _days(text: str) -> set[int]:
    found: set[int] = set()
    for part in text.split(","):
        first, _, last = part.partition("-")
        if first not in DAYS or (last and last not in DAYS):
            return set()
        begin, end = DAYS.index(first), DAYS.index(last or first)
        found.update((begin + step) % 7 for step in range((end - begin) % 7 + 1))
    return found


def _is_day(local: datetime, gone: datetime) -> bool:
    return local.time() >= OPENS and gone.date() == local.date() and gone.time() <= CLOSES
