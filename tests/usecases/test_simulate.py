"""A year of scheduled payments in well under a minute: gateway, ledger and mailbox agree at the end of it."""

from collections import Counter
from datetime import datetime, timedelta

import pytest

from portal.domain.due_date import Frequency, Rhythm
from portal.domain.schedule import Amounts, AmountsKind
from portal.storage import account
from portal.usecases.ledger import differs_from_entries
from portal.usecases.schedule import Wish
from portal.usecases.simulate import walk
from tests.rig.house import House, ManualClock
from tests.rig.series import attempts_of, card_of, payments_of, plan_of, scheduled, today, told


class Movable(ManualClock):
    """The house's clock, put forward by the walk."""

    def move_to(self, at: datetime) -> None:
        self.at = at


@pytest.mark.slow
def test_m2_n1_a_year_of_charges_declines_and_retries_adds_up(house: House) -> None:
    house.set("schedule_days_max", value=500)
    card = card_of(house)
    start = today(house) + timedelta(days=3)
    plans = {
        "weekly": Wish(Rhythm(Frequency.weekly, start), Amounts(AmountsKind.evenly, 40)),
        "monthly": Wish(Rhythm(Frequency.monthly, start.replace(day=30)), Amounts(AmountsKind.evenly, 12)),
        "payday": Wish(Rhythm(Frequency.payday_last_working_day, start), Amounts(AmountsKind.fixed, 12, 4_000)),
        "no funds": Wish(Rhythm(Frequency.once, start), Amounts(AmountsKind.fixed, 1, 200_100)),
    }
    made = {
        name: scheduled(house, wish, balance_cents=200_100 if name == "no funds" else 60_000, card=card)
        for name, wish in plans.items()
    }
    moved: list[timedelta] = []
    done = walk(house.ports, Movable(house.clock.at), 400, shift=moved.append, on_day=lambda _: None)
    assert done.days == 400
    house.clock.at += timedelta(days=400)
    statuses = {name: plan_of(house, each.schedule_id).status for name, each in made.items()}
    assert statuses == {"weekly": "completed", "monthly": "completed", "payday": "completed", "no funds": "paused"}
    rows = [row for each in made.values() for row in payments_of(house, each.schedule_id)]
    paid = [row for row in rows if row.status == "paid"]
    assert len(paid) == 40 + 12 + 12
    truth = Counter(str(sale["status"]) for sale in house.truth())
    assert truth == {"submitted_for_settlement": 64, "processor_declined": 3}  # a fourth would be past 21 days
    for row in paid:
        [attempt] = attempts_of(house, row.id)
        assert row.due_on is not None
        assert attempt.claimed_at - row.due_at < timedelta(minutes=1)
    with house.ports.database.read(house.organisation_id) as session:
        for account_id in {row.account_id for row in rows}:
            owed_on = account.by_id(session, account_id)
            assert owed_on is not None
            assert differs_from_entries(session, owed_on) == 0
            taken = sum(row.amount_cents for row in paid if row.account_id == account_id)
            assert owed_on.balance_cents in {60_000 - taken, 200_100 - taken}
    events = Counter(told(house))
    assert events["receipt"] == 64
    assert events["schedule_made"] == 4
    assert events["payment_declined"] == 2
    assert events["payment_upcoming"] >= 60
