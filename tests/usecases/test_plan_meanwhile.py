"""What is placed on the account of a plan, or paid beside it, from its offer to its end: each counts as it should."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from functools import partial

import pytest

from portal.domain.due_date import Frequency, Rhythm
from portal.domain.ledger import Recipe
from portal.domain.plan import PlanWish, wish_of
from portal.domain.plan_wish import typed_of
from portal.domain.refusal import Refused
from portal.storage import account as accounts
from portal.storage import customer as customers
from portal.storage import message as messages
from portal.storage import plan as plans
from portal.storage.plan import Plan
from portal.usecases.ledger import post
from portal.usecases.plan import PlanOrder, make, offer
from portal.usecases.plan_life import pause, resume
from portal.usecases.plan_offer import make_link, moved_on, remind, send_fresh
from tests.rig.house import House
from tests.rig.plans import NEVER, account_now, instalments, offered, plan_now, settlement, signed, wish
from tests.rig.series import run_due, today, told


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(2) as made:
        yield made


def book(house: House, account_id: str, recipe: Recipe, cents: int) -> None:
    """Staff raise or lower what is owed."""
    with house.ports.database.transaction(house.organisation_id) as session:
        owed_on, now = accounts.lock(session, account_id), house.clock.now()
        post(session, owed_on, recipe, cents, event_key=f"{recipe}:{cents}", posted_at=now, posted_by="staff")


def drafted(house: House, wanted: PlanWish) -> Plan:
    order, now = PlanOrder(house.account(), wanted), house.clock.now()
    return house.ports.database.run(house.organisation_id, partial(make, order=order, by="staff", now=now))


@pytest.mark.parametrize(("total_cents", "code"), [(None, "plan_above_balance"), (40_000, "plan_settles_nothing")])
def test_a_draft_that_fits_no_more_is_not_offered_and_is_once_it_fits(
    house: House, total_cents: int | None, code: str
) -> None:
    row = drafted(house, settlement(house, total_cents) if total_cents else wish(house))
    book(house, row.account_id, Recipe.balance_lowered, 10_000)
    with pytest.raises(Refused, match=code):
        offer(house.ports, house.organisation_id, row.id, "staff")
    assert (plan_now(house, row.id).state, told(house)) == ("draft", [])
    book(house, row.account_id, Recipe.balance_placed, 10_000)
    assert offer(house.ports, house.organisation_id, row.id, "staff").state == "offered"


def test_a_draft_is_not_offered_to_an_address_that_is_gone(house: House) -> None:
    row = drafted(house, wish(house))
    with house.ports.database.transaction(house.organisation_id) as session:
        payer = customers.by_id(session, house.customer_id)
        assert payer is not None
        payer.email = None
    with pytest.raises(Refused, match="plan_no_email"):
        offer(house.ports, house.organisation_id, row.id, "staff")
    assert plan_now(house, row.id).state == "draft"


def test_n4_nobody_is_reminded_of_an_offer_whose_debt_was_paid_unless_it_is_owed_again(
    house: House,
) -> None:
    late = Rhythm(Frequency.weekly, today(house) + timedelta(days=40))
    plan = offered(house, wish(house, rhythm=late), offer_days=14)
    assert told(house) == ["plan_offer"]
    book(house, plan.account_id, Recipe.balance_lowered, 1)
    house.clock.pass_(days=8)
    remind(house.ports)
    assert told(house) == ["plan_offer"]
    book(house, plan.account_id, Recipe.balance_placed, 1)
    remind(house.ports)
    assert told(house) == ["plan_offer", "plan_reminder"]


def test_n4_an_offer_that_waited_for_the_morning_does_not_leave_once_its_debt_was_paid(house: House) -> None:
    def held_by() -> str | None:
        told(house)
        with house.ports.database.read(house.organisation_id) as session:
            [row] = messages.of_customer(session, house.customer_id)
        return row.held_by

    house.clock.at = house.clock.at.replace(hour=9)  # by night where its customer is
    plan = offered(house)
    assert held_by() == "quiet_hours"
    book(house, plan.account_id, Recipe.balance_lowered, 50_000)
    house.clock.pass_(hours=9)
    assert held_by() == "offer_over"


def test_a_fresh_offer_keeps_the_day_of_the_month_where_its_first_month_is_a_short_one(house: House) -> None:
    house.set("weekend_rule", value="same")
    plan = offered(house, wish(house, 4, rhythm=Rhythm(Frequency.monthly, date(2027, 1, 31))))
    house.clock.at = house.clock.at.replace(year=2027, month=2, day=10)
    with house.ports.database.transaction(house.organisation_id) as session:
        row = plans.by_id(session, plan.id)
        assert row is not None
        token = make_link(session, row, expires_at=house.clock.at + NEVER, now=house.clock.at, made_by="test")
    send_fresh(house.ports, house.organisation_id, token)
    with house.ports.database.read(house.organisation_id) as session:
        fresh = plans.editions(session, plan.reference)[-1]
    dates = ["2027-02-28", "2027-03-31", "2027-04-30", "2027-05-31"]
    assert [each["due_on"] for each in fresh.instalments] == dates
    assert moved_on(wish_of(fresh.wish), date(2027, 2, 28)).rhythm.start_on == date(2027, 3, 31)
    assert typed_of(wish_of(fresh.wish), "email", 14).start_on == dates[0]


@pytest.mark.parametrize("rule", ["end", "stay"])
def test_c22_what_went_by_in_a_pause_goes_to_the_end_by_either_rule_and_is_not_charged_at_once(
    house: House, pool: ThreadPoolExecutor, rule: str
) -> None:
    house.set("plan_missed_payment", value=rule)
    plan = signed(house, wish(house))
    pause(house.ports, house.organisation_id, plan.id, "staff")
    house.clock.pass_(days=20)
    resume(house.ports, house.organisation_id, plan.id, "staff")
    house.clock.pass_(minutes=5)
    run_due(house, pool)
    assert house.truth() == []
    left = instalments(house, plan)
    assert {each.status for each in left} == {"due"}
    assert min(each.due_on for each in left if each.due_on) > today(house), "the dates the customer was written"


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
