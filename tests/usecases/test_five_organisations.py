"""Five organisations in one run, on both databases: money goes to its own merchant, words name their own house."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from urllib.request import urlopen

import pytest

from portal.domain.due_date import Frequency, Rhythm
from portal.domain.schedule import Amounts, AmountsKind
from portal.storage import Database, customer, message, organisation
from portal.usecases.janitor import POOL, sweep
from portal.usecases.plan_offer import remind
from portal.usecases.schedule import Wish
from portal.usecases.upcoming import announce_upcoming
from tests.rig.house import House, ListeningDoorbell, ManualClock, build_ports, found
from tests.rig.payment import give_back
from tests.rig.plans import offered
from tests.rig.series import card_of, run_due, scheduled, today
from tests.rig.simulator_process import SimulatorProcess

NAMES = ["Abalone Recovery", "Bramble Dental", "Cinnabar Loans", "Dovetail Clinic", "Eiderdown Credit"]
NO_FUNDS = 200_100
PAYMENTS = 2


@dataclass
class Practice:
    """One of the five, and the words that are nobody's but its own."""

    house: House
    words: list[str]


@pytest.fixture
def practices(database: Database, world: SimulatorProcess) -> list[Practice]:
    """One clock and one doorbell, as in one process; names, people, hosts and addresses all different."""
    ports = build_ports(database, world, clock=ManualClock(), doorbell=ListeningDoorbell())
    return [named(found(ports, world), name) for name in NAMES]


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(POOL) as made:
        yield made


def named(house: House, name: str) -> Practice:
    word = name.split()[0].lower()
    own = f"{word}{house.organisation_id[:6]}"  # the mailbox is shared by many tests
    with house.ports.database.transaction(house.organisation_id) as session:
        row = organisation.by_id(session, house.organisation_id)
        row.name, row.host = name, f"{own}.example"
        row.support_email, row.postal_address = f"help@{own}.example", f"1 {word.title()} Street, Chicago, IL 60601"
        person = customer.by_id(session, house.customer_id)
        assert person is not None
        person.email, person.given_name, person.family_name = f"payer@{own}.example", f"{word.title()}ian", "Payer"
    return Practice(house, [word, house.slug, house.organisation_id, house.customer_id])


def live(practice: Practice) -> None:
    """A year's mail in a week: payments taken, declined, announced, given back, a plan offered."""
    house = practice.house
    start_on = today(house) + timedelta(days=4)
    card = card_of(house)
    scheduled(house, Wish(Rhythm(Frequency.weekly, start_on), Amounts(AmountsKind.fixed, PAYMENTS, 1_000)), card=card)
    scheduled(
        house,
        Wish(Rhythm(Frequency.once, start_on), Amounts(AmountsKind.fixed, 1, NO_FUNDS)),
        balance_cents=NO_FUNDS,
        card=card,
    )
    offered(house, offer_days=14)


def test_m13_n5_each_ones_money_goes_to_its_own_merchant_and_its_words_name_it_alone(
    practices: list[Practice], pool: ThreadPoolExecutor
) -> None:
    for practice in practices:
        live(practice)
    first = practices[0].house
    for _ in range(13):  # one clock, one worker, for all of them
        first.clock.pass_(days=1)
        announce_upcoming(first.ports)
        remind(first.ports)
        run_due(first, pool)
        sweep(first.ports, pool)
    for practice in practices:
        one = practice.house
        with one.ports.database.read(one.organisation_id) as session:
            events = {row.event for row in message.of_customer(session, one.customer_id)}
            charges = sorted(row.charge_id for row in session.query(message.Receipt))
        assert len(charges) == PAYMENTS
        assert {"payment_declined", "plan_offer", "plan_reminder", "schedule_made"} <= events
        give_back(one, charges[0])
        run_due(one, pool)
    sweep(first.ports, pool)
    for practice in practices:
        one = practice.house
        sales = one.truth()
        assert {str(sale["merchant_account_id"]) for sale in sales} == {f"{one.merchant_id}_usd"}
        assert len([sale for sale in sales if sale["success"]]) == PAYMENTS
        mails = written_to(one, practice.words[0])
        assert len(mails) >= 6 + PAYMENTS  # two schedules, a decline, an offer, its reminder, a refund
        others = [word for other in practices if other is not practice for word in other.words]
        for raw in mails:
            assert practice.words[0] in raw
            assert [word for word in others if word in raw] == []


def written_to(house: House, word: str) -> list[str]:
    """Every mail to this house's customer, in small letters: its headers as they came, its parts as they are read."""
    own = f"{word}{house.organisation_id[:6]}"
    texts = []
    for mail in house.simulator.call("GET", f"/mailbox.json?recipient={own}"):
        with urlopen(f"{house.simulator.url}/mailbox/{mail['id']}/raw", timeout=5) as answer:
            headers = answer.read().decode().partition("\n\n")[0]
        texts.append(f"{headers}\n{mail['subject']}\n{mail['text']}\n{mail['html']}".lower())
    return texts
