"""What the law asks of plans whatever becomes of them: no fee with them (C24), and records that stay (C26)."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from portal.domain.due_date import Frequency, Rhythm
from portal.domain.ledger import Recipe, receivable_change_cents
from portal.domain.organisation import SETTINGS
from portal.storage.rows import Row
from portal.usecases.notice import forget_old
from portal.usecases.schedule_change import CUSTOMER, skip
from tests.rig.above import above
from tests.rig.house import House
from tests.rig.plans import account_now, instalments, plan_now, signed, wish
from tests.rig.series import sweep_now, today, told
from tests.usecases.test_plan import pay_all


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(4) as made:
        yield made


@pytest.mark.parametrize("collects", [True, False], ids=["debt collector", "creditor"])
def test_c24_a_plan_takes_what_is_owed_and_no_fee_with_it(
    house: House, pool: ThreadPoolExecutor, collects: bool
) -> None:
    """Also where an instalment fails and is tried again, and one was put off: nothing is added for either."""
    house.set("debt_collector", value=collects)
    plan = signed(house, wish(house, 3, rhythm=Rhythm(Frequency.weekly, today(house) + timedelta(days=21))))
    skip(house.ports, house.organisation_id, instalments(house, plan)[0].id, CUSTOMER)
    house.simulator.faults("decline_soft", merchant=house.merchant_id, operation="sale", times=1)
    pay_all(house, plan.id, pool)
    declined = [sale for sale in house.truth() if sale["status"] == "processor_declined"]
    assert len(declined) == 1
    taken = [sale["amount_cents"] for sale in house.truth() if sale not in declined]
    assert sum(taken) == plan.total_cents == 50_000
    assert account_now(house, plan).balance_cents == 0


def test_c24_what_can_raise_a_debt_is_a_balance_placed_or_money_that_went_back() -> None:
    raises = {recipe for recipe in Recipe if receivable_change_cents(recipe, 1) > 0}
    assert raises == {
        Recipe.balance_placed,
        Recipe.payment_returned,
        Recipe.settlement_restored,
        Recipe.payment_lost,
        Recipe.chargeback_lost,
    }
    words = ("fee", "surcharge", "convenience", "interest")
    assert [name for name in SETTINGS if any(word in name.split("_") for word in words)] == []


def test_c26_three_years_after_the_last_payment_no_row_of_it_is_gone(house: House, pool: ThreadPoolExecutor) -> None:
    """What takes old things away is run as the clock runs it: it wipes the raw text of notices, and no row."""
    plan = signed(house)
    pay_all(house, plan.id, pool, days=40)
    assert plan_now(house, plan.id).state == "completed"
    told(house)
    before = rows_kept(house)
    assert (
        min(before[each] for each in ("agreement", "plan_signature", "plan_paper", "charge", "receipt", "message")) > 0
    )
    for _ in range(2):
        house.clock.pass_(days=600)
        sweep_now(house, pool)
        forget_old(house.ports)
    after = rows_kept(house)
    assert {name: count for name, count in before.items() if after[name] < count} == {}


def rows_kept(house: House) -> dict[str, int]:
    with above(house.ports.database).connect() as connection:
        return {
            table.name: connection.scalar(
                select(func.count()).select_from(table).where(table.c.organisation_id == house.organisation_id)
            )
            or 0
            for table in Row.metadata.sorted_tables
            if "organisation_id" in table.c
        }
