"""A cardholder has the bank stop what we charge: the authorization is taken back, whoever it was told to (C11).

What R05, R07, R08, R10, R11 and R29 say of a bank account, 2017 and 2018 say of a card (Reg E 1005.10(c)).
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from portal.domain.refusal import Refused
from portal.domain.retry import Failure, is_stopped_by_holder
from portal.storage import account, audit, obligation, payment_method
from portal.storage.obligation import Obligation
from portal.usecases.plan_life import cancel
from portal.usecases.rule import Case
from portal.usecases.schedule_retry import try_again
from tests.rig.house import START, House
from tests.rig.plans import instalments, plan_now, signed, wish
from tests.rig.series import attempts_of, card_of, go_to, payments_of, plan_of, run_due, scheduled, told, weekly
from tests.usecases.test_schedule_failure import replaced

STOPPED, STOPPED_ALL = 201_700, 201_800  # cents the gateway declines with 2017 and 2018, both hard


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(4) as made:
        yield made


def alarms(house: House) -> list[tuple[str, str]]:
    with house.ports.database.read(house.organisation_id) as session:
        return [(each.kind, each.subject_id) for each in audit.open_alarms(session)]


def set_amount(house: House, due: Obligation, cents: int) -> None:
    with house.ports.database.transaction(house.organisation_id) as session:
        obligation.fresh(session, due.id).amount_cents = cents


@pytest.mark.parametrize("code", ["2017", "2018"])
def test_c11_a_decline_that_takes_the_authorization_back_is_told_from_others(code: str) -> None:
    assert is_stopped_by_holder(Failure(code, "hard_declined", None, 1, START))
    assert not is_stopped_by_holder(Failure("2013", "hard_declined", None, 1, START))
    assert not is_stopped_by_holder(Failure(code, None, "fraud", 1, START))


@pytest.mark.parametrize("cents", [STOPPED, STOPPED_ALL])
def test_c11_a_plan_whose_card_was_stopped_at_the_bank_stands_still_and_calls_a_person(
    house: House, pool: ThreadPoolExecutor, cents: int
) -> None:
    """Not to the end of the plan with the same card, as a missed instalment goes by the organisation's rule."""
    plan = signed(house, wish(house, 3), balance_cents=3 * cents)
    first, second, _ = instalments(house, plan)
    go_to(house, first)
    run_due(house, pool)
    for _ in range(60):
        house.clock.pass_(days=1)
        run_due(house, pool)
    assert [each.status for each in instalments(house, plan)] == ["declined", "due", "due"]
    assert len(attempts_of(house, first.id)) == 1
    assert attempts_of(house, second.id) == []
    assert plan_now(house, plan.id).state == "signed"
    assert alarms(house) == [("schedule_needs_staff", plan.schedule_id)]
    assert told(house).count("payment_declined") == 1
    with pytest.raises(Refused, match="retry_forbidden"):
        try_again(house.ports, house.organisation_id, first.id, "staff")
    cancel(house.ports, house.organisation_id, plan.id, "staff")
    assert plan_now(house, plan.id).state == "cancelled"


def test_c11_another_card_that_is_authorized_anew_goes_on(house: House, pool: ThreadPoolExecutor) -> None:
    made = scheduled(house, weekly(house, 2, STOPPED), balance_cents=2 * STOPPED)
    first, second = payments_of(house, made.schedule_id)
    go_to(house, first)
    run_due(house, pool)
    assert (plan_of(house, made.schedule_id).status, len(alarms(house))) == ("paused", 1)
    for due in (first, second):
        set_amount(house, due, 5_000)  # an amount the gateway takes
    assert replaced(house, made.schedule_id) == ["paid"]
    go_to(house, second)
    run_due(house, pool)
    assert [each.status for each in payments_of(house, made.schedule_id)] == ["paid", "paid"]
    assert alarms(house) == []


def test_c11_the_card_is_charged_by_itself_for_nothing_else_until_it_is_authorized_again(
    house: House, pool: ThreadPoolExecutor
) -> None:
    """Also of another series; one that its holder authorizes with it later is theirs to authorize."""
    card = card_of(house)
    stops = scheduled(house, weekly(house, 1, STOPPED_ALL), balance_cents=STOPPED_ALL, card=card)
    beside = scheduled(house, weekly(house, 2, 1_000, days_ahead=2), card=card)
    go_to(house, payments_of(house, stops.schedule_id)[0])
    run_due(house, pool)
    waits = payments_of(house, beside.schedule_id)[0]
    go_to(house, waits)
    run_due(house, pool)
    held = payments_of(house, beside.schedule_id)[0]
    assert (held.status, held.hold_reason, attempts_of(house, held.id)) == ("due", "card_stopped", [])
    both = sorted((stops.schedule_id, beside.schedule_id))
    assert sorted(subject for _, subject in alarms(house)) == both, "a person is called for each"
    with house.ports.database.read(house.organisation_id) as session:
        method = payment_method.owned_by(session, held.payment_method_id or "", house.customer_id)
        assert method is not None
        assert method.stopped_at is not None
        owed_on = account.by_id(session, held.account_id)
        assert owed_on is not None
        standing = [each.sentence for each in Case(session, held, owed_on, house.clock.now()).standing()]
    assert [each for each in standing if each.startswith("Its cardholder had the bank stop charges to this card on ")]
    assert replaced(house, beside.schedule_id) == []
    assert [subject for _, subject in alarms(house)] == [stops.schedule_id]
    run_due(house, pool)
    assert payments_of(house, beside.schedule_id)[0].status == "paid"
    anew = scheduled(house, weekly(house, 1), card=card)
    due = payments_of(house, anew.schedule_id)[0]
    go_to(house, due)
    run_due(house, pool)
    assert payments_of(house, anew.schedule_id)[0].status == "paid"
