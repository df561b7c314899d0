"""The life of a plan on both databases: kept, settled, put off, broken, paused, changed, ended, reminded."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, timedelta
from functools import partial
from threading import Barrier
from zoneinfo import ZoneInfo

import pytest

from portal.domain.due_date import Frequency, Rhythm
from portal.domain.plan import PlanState
from portal.domain.refusal import Refused
from portal.storage import audit, ledger, message, obligation
from portal.storage import plan as plans
from portal.storage.plan import Plan
from portal.usecases.charge import charge_obligation, claim
from portal.usecases.plan import PlanOrder, make, offer
from portal.usecases.plan_life import cancel, change, pause, resume, take_back
from portal.usecases.plan_offer import expire, make_link, remind, send_fresh
from portal.usecases.ports import Ports
from portal.usecases.schedule_change import CUSTOMER, skip
from portal.usecases.upcoming import announce_upcoming
from tests.rig.house import House
from tests.rig.payment import SOON
from tests.rig.plans import NEVER, account_now, instalments, offered, plan_now, settlement, signed, signer, wish
from tests.rig.series import ZONE, run_due, today, told


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(4) as made:
        yield made


def pay_all(house: House, plan_id: str, pool: ThreadPoolExecutor, days: int = 60) -> None:
    for _ in range(days):
        house.clock.pass_(days=1)
        run_due(house, pool)


def test_a_settlement_forgives_the_rest_with_the_last_payment_and_never_before(
    house: House, pool: ThreadPoolExecutor
) -> None:
    plan = signed(house, settlement(house))
    for number, due in enumerate(instalments(house, plan), 1):
        house.clock.at = max(house.clock.at, due.due_at)
        assert account_now(house, plan).balance_cents == 50_000 - 8_000 * (number - 1)
        assert run_due(house, pool) == 1
    assert plan_now(house, plan.id).state == "completed"
    assert account_now(house, plan).balance_cents == 0
    with house.ports.database.read(house.organisation_id) as session:
        forgiven = [row for row in ledger.of_account(session, plan.account_id) if row.recipe == "settlement_forgiven"]
    assert [row.amount_cents for row in forgiven] == [26_000]
    assert told(house).count("plan_completed") == 1


def test_a_cancel_ends_it_once_the_customer_hears_it_and_nothing_more_is_debited(
    house: House, pool: ThreadPoolExecutor
) -> None:
    plan = signed(house)
    for _ in range(2):
        cancel(house.ports, house.organisation_id, plan.id, "staff", "moved away")
    assert (plan_now(house, plan.id).state, plan_now(house, plan.id).why) == ("cancelled", "moved away")
    pay_all(house, plan.id, pool, 30)
    assert house.truth() == []
    assert told(house).count("plan_cancelled") == 1


def test_of_an_offer_and_a_take_back_at_once_one_is_done_and_no_customer_hears_of_a_cancel(
    house: House, pool: ThreadPoolExecutor
) -> None:
    def done(act: Callable[[Ports, str, str, str], Plan], plan_id: str, both: Barrier) -> bool:
        both.wait(timeout=30)
        try:
            act(house.ports, house.organisation_id, plan_id, "staff")
        except Refused as refused:
            return refused.code != "plan_state"
        return True

    for _round in range(6):
        order, now, both = PlanOrder(house.account(), wish(house)), house.clock.now(), Barrier(2)
        draft = house.ports.database.run(house.organisation_id, partial(make, order=order, by="staff", now=now))
        asked = [pool.submit(done, act, draft.id, both) for act in (offer, take_back)]
        assert (asked[0].result(), asked[1].result()) in {(True, False), (False, True)}
        assert plan_now(house, draft.id).state == ("offered" if asked[0].result() else "cancelled")
    assert "plan_cancelled" not in told(house)


def test_a_paused_plan_charges_nothing_and_what_went_by_goes_to_the_end(house: House, pool: ThreadPoolExecutor) -> None:
    plan = signed(house)
    before = [each.due_on for each in instalments(house, plan)]
    pause(house.ports, house.organisation_id, plan.id, "staff")
    pay_all(house, plan.id, pool, 12)
    assert house.truth() == []
    resume(house.ports, house.organisation_id, plan.id, "staff")
    after = instalments(house, plan)
    assert [each.due_on for each in after][1:] == before[1:]
    assert after[0].due_on is not None
    assert after[0].due_on > max(day for day in before if day is not None)
    assert sum(each.amount_cents for each in after) == plan.total_cents
    pay_all(house, plan.id, pool, 40)
    assert plan_now(house, plan.id).state == "completed"
    assert {"plan_paused", "plan_resumed", "plan_completed"} <= set(told(house))


UNSIGNED = (PlanState.draft, PlanState.offered, PlanState.expired)


@pytest.mark.parametrize("state", [each for each in PlanState if each not in {PlanState.signed, *UNSIGNED}])
def test_p3_only_a_plan_under_a_signature_that_holds_is_debited(
    house: House, pool: ThreadPoolExecutor, state: PlanState
) -> None:
    """Its instalments are there and due, as if its story had brought it into this state; by the run and by a ring."""
    plan = signed(house)
    put_into(house, plan.id, state)
    due = instalments(house, plan)[0]
    house.clock.at = due.due_at
    run_due(house, pool)
    with pytest.raises(Refused, match=r"plan_(waits|ended)|obligation_not_due|obligation_early"):
        claim(house.ports, house.organisation_id, due.id, SOON)
    assert house.truth() == []


@pytest.mark.parametrize("state", UNSIGNED)
def test_p3_a_state_before_a_signature_has_no_instalments_says_the_database(house: House, state: PlanState) -> None:
    plan = signed(house)
    with pytest.raises(Exception, match=r"(?i)check.*before_signature"):
        put_into(house, plan.id, state)


def put_into(house: House, plan_id: str, state: PlanState) -> None:
    with house.ports.database.transaction(house.organisation_id) as session:
        row = plans.by_id(session, plan_id)
        assert row is not None
        row.state = state.value
        row.paused_for = "staff" if state is PlanState.paused else None


def test_p3_an_offer_that_nobody_signed_has_nothing_to_debit(house: House, pool: ThreadPoolExecutor) -> None:
    plan = offered(house, offer_days=8)
    signer(house, plan).read()
    for _ in range(40):
        house.clock.pass_(days=1)
        expire(house.ports)
        assert run_due(house, pool) == 0
    assert plan_now(house, plan.id).state == "expired"
    with house.ports.database.across() as session:
        assert obligation.count_due(session, house.clock.now()) == 0
    assert house.truth() == []


def test_p8_a_plan_debits_its_total_and_not_a_cent_after_it(house: House, pool: ThreadPoolExecutor) -> None:
    plan = signed(house, wish(house, 5))
    pay_all(house, plan.id, pool)
    house.clock.pass_(days=400)
    assert run_due(house, pool) == 0
    assert plan_now(house, plan.id).state == "completed"
    assert [sale["amount_cents"] for sale in house.truth()] == [10_000] * 5
    assert sum(each.amount_cents for each in instalments(house, plan)) == plan.total_cents == 50_000


def test_p8_what_was_paid_beside_a_plan_is_not_debited_by_it(house: House, pool: ThreadPoolExecutor) -> None:
    plan = signed(house, wish(house, 5))
    house.clock.at = instalments(house, plan)[0].due_at
    assert run_due(house, pool) == 1
    beside = house.obligation(plan.account_id, 25_000, payment_method_id=house.card_on_file())
    assert charge_obligation(house.ports, house.organisation_id, beside, SOON).obligation_status == "paid"
    pay_all(house, plan.id, pool)
    house.clock.pass_(days=400)
    assert run_due(house, pool) == 0
    assert account_now(house, plan).balance_cents == 0
    assert sorted(sale["amount_cents"] for sale in house.truth()) == [5_000, 10_000, 10_000, 25_000]
    assert {each.status for each in instalments(house, plan)} <= {"paid", "cancelled"}
    assert plan_now(house, plan.id).state == "completed"


def test_p9_from_the_moment_of_a_change_the_old_edition_charges_nothing(house: House, pool: ThreadPoolExecutor) -> None:
    plan = signed(house)
    new = change(house.ports, house.organisation_id, plan.id, wish(house, 5), "staff")
    assert [plan_now(house, each).state for each in (plan.id, new.id)] == ["paused", "offered"]
    house.clock.at = instalments(house, plan)[0].due_at
    run_due(house, pool)
    assert house.truth() == []
    with pytest.raises(Refused, match="plan_state"):
        change(house.ports, house.organisation_id, plan.id, wish(house, 4), "staff")
    cancel(house.ports, house.organisation_id, new.id, "staff")
    assert plan_now(house, plan.id).state == "signed", "a change that is withdrawn leaves the old one as it was"


def test_p9_a_change_that_is_withdrawn_is_told_as_a_plan_that_goes_on_and_never_as_its_end(house: House) -> None:
    plan = signed(house)
    new = change(house.ports, house.organisation_id, plan.id, wish(house, 5), "staff")
    cancel(house.ports, house.organisation_id, new.id, "staff")
    events = told(house)
    assert events.count("plan_resumed") == 1
    assert "plan_cancelled" not in events, "that one says that nothing more is debited"


def test_c22_a_paused_plan_announces_no_debit(house: House) -> None:
    plan = signed(house, wish(house, rhythm=Rhythm(Frequency.monthly, today(house) + timedelta(days=30))))
    pause(house.ports, house.organisation_id, plan.id, "staff")
    for _ in range(40):
        house.clock.pass_(days=1)
        announce_upcoming(house.ports)
    assert "payment_upcoming" not in told(house)


@pytest.mark.parametrize("act", [cancel, pause])
def test_c22_a_notice_that_waited_for_the_morning_announces_no_debit_that_will_not_come(
    house: House, act: Callable[..., Plan]
) -> None:
    plan = signed(house, wish(house, rhythm=Rhythm(Frequency.monthly, today(house) + timedelta(days=30))))
    house.clock.pass_(days=20)
    house.clock.at = house.clock.at.astimezone(ZoneInfo(ZONE)).replace(hour=23, minute=30).astimezone(UTC)
    while "payment_upcoming" not in told(house):
        house.clock.pass_(days=1)
        announce_upcoming(house.ports)
    act(house.ports, house.organisation_id, plan.id, "staff")
    house.clock.pass_(hours=12)
    told(house)
    with house.ports.database.read(house.organisation_id) as session:
        rows = [row for row in message.of_customer(session, house.customer_id) if row.event == "payment_upcoming"]
        alarms = {each.kind for each in audit.open_alarms(session)}
    assert [(row.state, row.held_by) for row in rows] == [("stopped", "payment_over")]
    assert "message_must_reach" not in alarms, "there is nothing left to tell"


def test_a_pause_that_was_over_before_the_morning_is_not_told_beside_its_end(house: House) -> None:
    """Both would leave at the same moment, in any order: who reads the pause last counts on it."""
    plan = signed(house)
    house.clock.at = house.clock.at.astimezone(ZoneInfo(ZONE)).replace(hour=23, minute=30).astimezone(UTC)
    pause(house.ports, house.organisation_id, plan.id, "staff")
    resume(house.ports, house.organisation_id, plan.id, "staff")
    house.clock.pass_(hours=12)
    told(house)
    with house.ports.database.read(house.organisation_id) as session:
        rows = message.of_customer(session, house.customer_id)
    assert {row.event: (row.state, row.held_by) for row in rows if row.event in {"plan_paused", "plan_resumed"}} == {
        "plan_paused": ("stopped", "payment_over"),
        "plan_resumed": ("sent", None),
    }


def test_c20_a_debt_collectors_subject_names_no_plan_whatever_is_set(house: House) -> None:
    house.set("discreet_messages", value=False)
    cancel(house.ports, house.organisation_id, signed(house).id, "staff")
    told(house)
    subjects = [mail["subject"] for mail in house.simulator.call("GET", "/mailbox.json?recipient=ada")[:3]]
    assert "About what you arranged with us" in subjects
    assert not [each for each in subjects if "plan" in each.casefold()]


def test_one_plan_to_an_account_and_its_rules_are_asked(house: House) -> None:
    plan = offered(house)
    with pytest.raises(Refused, match="plan_exists"):
        house.ports.database.run(
            house.organisation_id,
            lambda session: make(session, PlanOrder(plan.account_id, wish(house)), "staff", house.clock.now()),
        )


def test_n4_three_reminders_then_the_end_and_none_after_either_or_a_signature(house: House) -> None:
    plan = offered(house, wish(house), offer_days=14)
    other = offered(house, wish(house), offer_days=14)
    signer(house, other).read().sign()
    for _ in range(14 * 4):
        remind(house.ports)
        expire(house.ports)
        house.clock.pass_(hours=6)
    expire(house.ports)
    assert plan_now(house, plan.id).state == "expired"
    with house.ports.database.read(house.organisation_id) as session:
        rows = message.of_customer(session, house.customer_id)
        editions = plans.editions(session, plan.reference)
    assert len(editions) == 1
    reminders = [row for row in rows if row.event == "plan_reminder"]
    assert {row.subject_id for row in reminders} == {plan.id}
    assert 1 <= len(reminders) <= 3
    assert [row.subject_id for row in rows if row.event == "plan_expired"] == [plan.id]


def test_n4_three_reminders_are_the_most_also_where_their_days_were_changed_meanwhile(house: House) -> None:
    offered(house, wish(house, rhythm=Rhythm(Frequency.weekly, today(house) + timedelta(days=40))), offer_days=14)
    for day in range(14):
        if day == 8:
            house.set("plan_reminder_days", value="5,4,2")
        remind(house.ports)
        house.clock.pass_(days=1)
    assert told(house).count("plan_reminder") == 3


def test_a_fresh_offer_goes_at_once_and_the_end_of_the_one_before_is_not_told_after_it(house: House) -> None:
    plan = offered(house)
    with house.ports.database.transaction(house.organisation_id) as session:
        row = plans.by_id(session, plan.id)
        assert row is not None
        token = make_link(session, row, expires_at=house.clock.now() + NEVER, now=house.clock.now(), made_by="test")
    assert plan.expires_at is not None
    house.clock.at = plan.expires_at.astimezone(ZoneInfo(ZONE)).replace(hour=23).astimezone(UTC)  # by night
    house.clock.at = max(house.clock.at, plan.expires_at)
    expire(house.ports)
    send_fresh(house.ports, house.organisation_id, token)
    told(house)
    with house.ports.database.read(house.organisation_id) as session:
        rows = message.of_customer(session, house.customer_id)
    assert [row.state for row in rows if row.event == "plan_offer" and row.subject_id != plan.id] == ["sent"]
    house.clock.pass_(hours=12)
    told(house)
    with house.ports.database.read(house.organisation_id) as session:
        rows = message.of_customer(session, house.customer_id)
    assert {(row.state, row.held_by) for row in rows if row.event == "plan_expired"} == {("stopped", "offer_over")}


def test_n4_a_reminder_that_waited_is_not_sent_after_the_signature(house: House) -> None:
    plan = offered(house, offer_days=8)
    house.clock.pass_(days=2)
    remind(house.ports)
    signer(house, plan).read().sign()
    events = told(house)
    assert "plan_signed" in events
    with house.ports.database.read(house.organisation_id) as session:
        rows = [row for row in message.of_customer(session, house.customer_id) if row.event == "plan_reminder"]
    assert all(row.state == "stopped" for row in rows)


def test_missed_instalments_go_to_the_end_and_too_many_in_a_row_break_the_plan(
    house: House, pool: ThreadPoolExecutor
) -> None:
    house.set("plan_break_after", value=2)
    plan = signed(house, settlement(house))
    house.simulator.faults("decline_hard", merchant=house.merchant_id, operation="sale", times=99)
    first = instalments(house, plan)[0]
    house.clock.at = first.due_at
    run_due(house, pool)
    moved = instalments(house, plan)[0]
    assert moved.status == "due"
    assert moved.moved_from == first.due_on
    assert plan_now(house, plan.id).missed == 1
    assert "payment_declined" in told(house)
    newest = house.simulator.call("GET", "/mailbox.json?recipient=ada")[0]
    assert "after your last one" in newest["text"]
    assert "We do not try this card again" not in newest["text"]
    house.clock.at = instalments(house, plan)[1].due_at + timedelta(seconds=1)
    run_due(house, pool)
    assert plan_now(house, plan.id).state == "broken"
    assert account_now(house, plan).balance_cents == 50_000, "nothing is forgiven"
    assert {each.status for each in instalments(house, plan)} <= {"declined", "cancelled"}
    assert "plan_broken" in told(house)


@pytest.mark.parametrize(("by", "skips"), [("staff", 1), (CUSTOMER, 1), (CUSTOMER, 3)])
def test_an_instalment_put_off_twice_by_one_wish_goes_to_the_end_once(house: House, by: str, skips: int) -> None:
    house.set("skip_max", value=skips)
    plan = signed(house)
    first, _, last = instalments(house, plan)
    done = skip(house.ports, house.organisation_id, first.id, by)
    moved = instalments(house, plan)[0]
    house.clock.pass_(hours=1)
    assert skip(house.ports, house.organisation_id, first.id, by) == done, "the second press says what the first did"
    again = instalments(house, plan)[0]
    assert (done.put_off, again.due_on, again.version) == (1, moved.due_on, moved.version)
    assert last.due_on is not None
    assert again.due_on is not None
    assert again.due_on > last.due_on
    assert told(house).count("payment_moved") == 1
    with house.ports.database.read(house.organisation_id) as session:
        [line] = [each for each in audit.about(session, first.id) if each.action == "obligation_moved"]
    assert line.actor == by


def test_an_instalment_is_put_off_again_once_the_date_it_was_put_off_from_has_gone_by(house: House) -> None:
    plan = signed(house)
    first = instalments(house, plan)[0]
    skip(house.ports, house.organisation_id, first.id, "staff")
    moved = instalments(house, plan)[0]
    assert moved.due_on is not None
    house.clock.at = first.due_at + timedelta(days=1)
    skip(house.ports, house.organisation_id, first.id, "staff")
    skip(house.ports, house.organisation_id, first.id, "staff")
    again = instalments(house, plan)[0]
    assert again.due_on is not None
    assert again.due_on > moved.due_on
    assert again.version == moved.version + 1
    assert told(house).count("payment_moved") == 2
