"""What is placed on the account of a plan, or paid beside it, from its offer to its end: each counts as it should."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from portal.domain.ledger import Recipe
from portal.storage import account as accounts
from portal.usecases.ledger import post
from tests.rig.house import House
from tests.rig.plans import account_now, instalments, plan_now, settlement, signed
from tests.rig.series import run_due


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(2) as made:
        yield made


def book(house: House, account_id: str, recipe: Recipe, cents: int) -> None:
    """Staff raise or lower what is owed."""
    with house.ports.database.transaction(house.organisation_id) as session:
        owed_on, now = accounts.lock(session, account_id), house.clock.now()
        post(session, owed_on, recipe, cents, event_key=f"{recipe}:{cents}", posted_at=now, posted_by="staff")


def test_a_settlement_forgives_what_was_signed_and_no_debt_that_came_after_the_signature(
    house: House, pool: ThreadPoolExecutor
) -> None:
    plan = signed(house, settlement(house))
    book(house, plan.account_id, Recipe.balance_placed, 10_000)
    for due in instalments(house, plan):
        house.clock.at = max(house.clock.at, due.due_at)
        run_due(house, pool)
    assert (plan_now(house, plan.id).state, account_now(house, plan).balance_cents) == ("completed", 10_000)
    assert sum(each.forgiven_cents for each in instalments(house, plan)) == 26_000
