"""A customer says that they do not owe it: what waits, what goes on, and how it ends (C25, Reg F 1006.38(d))."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from portal.domain.refusal import Refused
from portal.storage import Database, audit, objection
from portal.storage import message as messages
from portal.usecases.charge import charge_obligation
from portal.usecases.explain import explain
from portal.usecases.objection import Outcome, Way, object_to, resolve
from portal.usecases.outbox import deliver
from tests.rig.house import House, build_ports, found
from tests.rig.plans import account_now, instalments, offered, plan_now, signed, signer, wish
from tests.rig.series import go_to, payments_of, plan_of, run_due, scheduled, told
from tests.rig.simulator_process import SimulatorProcess

WORDS = "This is not mine. Please show me the bill."


@pytest.fixture
def house(database: Database, simulator: SimulatorProcess) -> House:
    return found(build_ports(database, simulator), simulator)


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(4) as made:
        yield made


def objected(house: House, account_id: str) -> str:
    return object_to(house.ports, house.organisation_id, account_id, WORDS, Way.letter, "staff").id


def resolved(house: House, account_id: str) -> None:
    resolve(house.ports, house.organisation_id, account_id, Outcome.verified, "Sent the bill.", "staff")


def how(house: House, event: str) -> tuple[str, str | None]:
    """How the one message of an event stands after the outbox has looked at it."""
    with house.ports.database.read(house.organisation_id) as session:
        [row] = [each for each in messages.of_customer(session, house.customer_id) if each.event == event]
    house.clock.at = max(house.clock.at, row.next_try_at)
    deliver(house.ports, house.organisation_id, row.id)
    with house.ports.database.read(house.organisation_id) as session:
        [row] = [each for each in messages.of_customer(session, house.customer_id) if each.event == event]
    return row.state, row.held_by


def test_c25_an_offer_waits_until_the_debt_was_verified_and_leaves_by_itself(house: House) -> None:
    plan = offered(house)
    objected(house, plan.account_id)
    assert how(house, "plan_offer") == ("queued", "debt_disputed")
    resolved(house, plan.account_id)
    assert how(house, "plan_offer") == ("sent", None)


def test_c25_another_account_of_the_same_customer_is_asked_for_as_before(house: House) -> None:
    disputed = house.account()
    objected(house, disputed)
    offered(house)
    assert how(house, "plan_offer") == ("sent", None)


def test_c25_a_running_plan_is_paused_and_goes_on_with_its_dates_put_off(
    house: House, pool: ThreadPoolExecutor
) -> None:
    plan = signed(house)
    first, *_ = instalments(house, plan)
    objected(house, plan.account_id)
    assert plan_now(house, plan.id).state == "paused"
    go_to(house, first)
    run_due(house, pool)
    assert [each.status for each in instalments(house, plan)] == ["due", "due", "due"]
    house.clock.pass_(days=3)
    resolved(house, plan.account_id)
    assert plan_now(house, plan.id).state == "signed"
    after = instalments(house, plan)
    assert min(each.due_on for each in after if each.status == "due" and each.due_on) > house.clock.at.date()
    assert sum(each.amount_cents for each in after if each.status == "due") == 50_000
    assert told(house) == ["plan_offer", "plan_paused", "plan_resumed", "plan_signed"]


def test_c25_scheduled_payments_wait_and_a_press_of_the_customers_own_goes_through(
    house: House, pool: ThreadPoolExecutor
) -> None:
    made = scheduled(house)
    account_id = plan_of(house, made.schedule_id).account_id
    objected(house, account_id)
    first = payments_of(house, made.schedule_id)[0]
    go_to(house, first)
    run_due(house, pool)
    with house.ports.database.read(house.organisation_id) as session:
        explained = explain(session, first.id, house.clock.now())
    assert "debt_disputed" in {each.rule.code for each in explained.standing}
    assert payments_of(house, made.schedule_id)[0].status == "due"
    own = house.obligation(account_id, 1_000, payment_method_id=house.card_on_file())
    charge_obligation(house.ports, house.organisation_id, own, timedelta(seconds=3))
    assert [each["amount_cents"] for each in house.truth()] == [1_000]
    resolved(house, account_id)
    house.clock.pass_(hours=1)
    run_due(house, pool)
    assert payments_of(house, made.schedule_id)[0].status == "paid"


def test_c25_a_plan_is_not_signed_while_its_debt_is_disputed_and_is_once_that_was_withdrawn(house: House) -> None:
    plan = offered(house, wish(house, down_cents=5_000))
    person = signer(house, plan).read()
    objected(house, plan.account_id)
    with pytest.raises(Refused, match="plan_disputed"):
        person.sign()
    assert (plan_now(house, plan.id).state, house.truth()) == ("offered", [])
    resolve(house.ports, house.organisation_id, plan.account_id, Outcome.withdrawn, "Called: it is theirs.", "staff")
    signed_now = person.sign()
    assert plan_now(house, plan.id).state == "signed"
    assert signed_now.due_now_id is not None


def test_c25_it_is_written_down_once_a_person_is_called_and_the_end_is_on_the_same_row(house: House) -> None:
    plan = offered(house)
    first = objected(house, plan.account_id)
    assert objected(house, plan.account_id) == first
    with house.ports.database.read(house.organisation_id) as session:
        assert [each.kind for each in audit.open_alarms(session)] == ["debt_disputed"]
    resolved(house, plan.account_id)
    with house.ports.database.read(house.organisation_id) as session:
        assert audit.open_alarms(session) == []
        [row] = objection.latest(session, 10)
    assert (row.words, row.way, row.made_by) == (WORDS, "letter", "staff")
    assert (row.outcome, row.resolved_words, row.resolved_by) == ("verified", "Sent the bill.", "staff")
    assert account_now(house, plan).disputed_at is None
    with pytest.raises(Refused, match="objection_unknown"):
        resolved(house, plan.account_id)
    assert objected(house, plan.account_id) != first, "they may say it again"


@pytest.mark.parametrize(("words", "code"), [(" ", "words_missing"), ("4111 1111 1111 1111", "why_holds_card_number")])
def test_what_they_said_is_asked_for_and_holds_no_card_number(house: House, words: str, code: str) -> None:
    with pytest.raises(Refused, match=code):
        object_to(house.ports, house.organisation_id, house.account(), words, Way.phone, "staff")
