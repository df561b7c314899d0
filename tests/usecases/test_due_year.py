"""P5 through the run itself: eight zones live through 29 February, the 31st and every change of clocks."""

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from portal.domain.charge import Timing
from portal.domain.due_date import Frequency, Rhythm
from portal.domain.schedule import Amounts, AmountsKind
from portal.storage import Database, customer, obligation, organisation
from portal.usecases.schedule import CardChoice, Wish
from tests.rig.house import House, ManualClock, build_ports, found
from tests.rig.series import attempts_of, card_of, payments_of, plan_of, run_due, scheduled
from tests.rig.simulator_process import SimulatorProcess

# The hour is the one that the zone's clocks skip or repeat, wherever it is one.
ZONES = {
    "America/New_York": 2, "America/St_Johns": 2, "Europe/London": 1, "Asia/Kolkata": 9, "Australia/Lord_Howe": 2,
    "Pacific/Auckland": 2, "Pacific/Kiritimati": 0, "Pacific/Honolulu": 23,
}  # fmt: skip
SPRING, AUTUMN = datetime(2028, 2, 24, 12, tzinfo=UTC), datetime(2028, 9, 20, 12, tzinfo=UTC)


def sundays(first: date, number: int) -> list[date]:
    return [first + timedelta(weeks=step) for step in range(number)]


# Clocks change on 12 and 26 March, 2 April; on 24 September, 1 and 29 October, 5 November: Sundays all of them.
SERIES = {
    SPRING: [
        (Rhythm(Frequency.weekly, date(2028, 2, 27)), sundays(date(2028, 2, 27), 6)),
        (Rhythm(Frequency.monthly, date(2028, 2, 29)), [date(2028, 2, 29), date(2028, 3, 29)]),
        (Rhythm(Frequency.twice_a_month, date(2028, 2, 26), days=(15, 31)),
         [date(2028, 2, 29), date(2028, 3, 15), date(2028, 3, 31)]),
        (Rhythm(Frequency.payday_last_working_day, date(2028, 2, 26)), [date(2028, 2, 29), date(2028, 3, 31)]),
    ],
    AUTUMN: [
        (Rhythm(Frequency.weekly, date(2028, 9, 24)), sundays(date(2028, 9, 24), 7)),
        (Rhythm(Frequency.monthly, date(2028, 9, 30)), [date(2028, 9, 30), date(2028, 10, 30)]),
        (Rhythm(Frequency.payday_weekly, date(2028, 10, 25), weekday=6), sundays(date(2028, 10, 29), 2)),
    ],
}  # fmt: skip


@dataclass
class Place:
    """An organisation in its zone, and a customer of it with a card."""

    house: House
    zone: str
    hour: int
    card: CardChoice


@pytest.fixture
def clock(world: SimulatorProcess) -> Iterator[ManualClock]:
    """The house's; the gateway's goes along, and back at the end."""
    made, began = ManualClock(SPRING), datetime.now(UTC)
    world.shift_clock((SPRING - began).total_seconds())
    yield made
    world.shift_clock((began - made.at).total_seconds())


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(8) as made:
        yield made


@pytest.fixture
def places(database: Database, world: SimulatorProcess, clock: ManualClock) -> list[Place]:
    patient = Timing(worker_timeout=timedelta(seconds=20))  # nobody sweeps here, so a slow machine must not matter
    ports = build_ports(database, world, clock=clock, timing=patient)
    return [placed(found(ports, world), zone, hour) for zone, hour in ZONES.items()]


def placed(house: House, zone: str, hour: int) -> Place:
    with house.ports.database.transaction(house.organisation_id) as session:
        organisation.by_id(session, house.organisation_id).timezone = zone
        person = customer.by_id(session, house.customer_id)
        assert person is not None
        person.email = person.phone = None  # what is told is proven elsewhere, and would take most of the time here
    for name, value in (("weekend_rule", "same"), ("charge_hour", hour)):
        house.set(name, value)
    return Place(house, zone, hour, card_of(house))


@pytest.mark.slow
def test_p5_every_payment_is_taken_once_on_its_day_on_the_wall_of_its_zone(
    places: list[Place], clock: ManualClock, world: SimulatorProcess, pool: ThreadPoolExecutor
) -> None:
    for begin, series in SERIES.items():
        world.shift_clock((begin - clock.at).total_seconds())
        clock.at = begin
        made = {
            (place.zone, number): scheduled(
                place.house, Wish(rhythm, Amounts(AmountsKind.fixed, len(days), 1_000)), card=place.card
            ).schedule_id
            for place in places
            for number, (rhythm, days) in enumerate(series)
        }
        live(places, list(made.values()), clock, world, pool)
        for place in places:
            for number, (_, days) in enumerate(series):
                taken_on_its_days(place, made[place.zone, number], days)
    for place in places:
        truth = place.house.truth()
        assert len(truth) == sum(len(days) for series in SERIES.values() for _, days in series)
        assert len({sale["order_id"] for sale in truth}) == len(truth)


def live(
    places: list[Place], schedules: list[str], clock: ManualClock, world: SimulatorProcess, pool: ThreadPoolExecutor
) -> None:
    """One clock for all of them: to a second before each moment at which something is due, and to the moment."""
    house = places[0].house
    with house.ports.database.across() as session:
        due = Counter(row.due_at for each in schedules for row in obligation.of_subject(session, each))
    for moment, number in sorted(due.items()):
        for at, expected in ((moment - timedelta(seconds=1), 0), (moment, number), (moment, 0)):
            world.shift_clock((at - clock.at).total_seconds())
            clock.at = at
            assert run_due(house, pool) == expected, at


def taken_on_its_days(place: Place, schedule_id: str, days: list[date]) -> None:
    here, seen = ZoneInfo(place.zone), []
    for row in payments_of(place.house, schedule_id):
        [attempt] = attempts_of(place.house, row.id)
        assert (row.status, attempt.state) == ("paid", "succeeded")
        wall = attempt.claimed_at.astimezone(here)
        seen.append(wall.date())
        is_skipped = row.due_at.astimezone(here).hour != place.hour
        assert row.due_on == wall.date()
        assert wall.hour == place.hour + is_skipped, f"{place.zone} {wall}: not at {place.hour} o'clock"
        assert attempt.claimed_at - row.due_at < timedelta(minutes=1)
    assert seen == days, place.zone
    assert plan_of(place.house, schedule_id).status == "completed"
