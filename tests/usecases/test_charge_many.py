"""Many charges at once: the same rules and books as one, claims and answers many to a commit, on both databases."""

import threading
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event

from portal.domain.charge import ChargeState, Outcome
from portal.storage import account, charge, invariant, limit, obligation, payment_method
from portal.usecases import charge_many as many
from portal.usecases.charge import charge_obligation, claim
from portal.usecases.charge_many import Told, apply_many, charge_many, claim_many
from portal.usecases.failpoint import arm
from portal.usecases.ledger import differs_from_entries, lower_balance
from portal.usecases.rule import CATCH_UP, DAY, midnight
from portal.usecases.schedule_change import cancel
from tests.rig.asked_twice import asked_twice
from tests.rig.house import House
from tests.rig.series import card_of, payments_of, scheduled, sweep_now, today, told, weekly

SOON = timedelta(seconds=2)


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(6) as made:
        yield made


def due_now(house: House, number: int, *, each_cents: int = 1_000) -> list[str]:
    """The first payments of so many schedules, each on an account of its own, on the day they fall due."""
    card, wish = card_of(house), weekly(house, each_cents=each_cents)
    made = [scheduled(house, wish, card=card, balance_cents=50 * each_cents) for _ in range(number)]
    first = [payments_of(house, each.schedule_id)[0] for each in made]
    house.clock.at = max(house.clock.at, first[0].due_at)
    return [each.id for each in first]


def status(house: House, ids: list[str]) -> list[str]:
    with house.ports.database.read(house.organisation_id) as session:
        return [obligation.fresh(session, each).status for each in ids]


def test_a_batch_is_charged_once_each_and_booked_as_one_charge_is(house: House, pool: ThreadPoolExecutor) -> None:
    ids = due_now(house, 9)
    with asked_twice() as read_ahead:
        done = charge_many(house.ports, house.organisation_id, [*ids, *ids], pool)
    assert [result.obligation_status for result in done.results] == ["paid"] * 9
    assert done.failed == 0
    assert len([sale for sale in house.truth() if sale["success"]]) == 9
    assert told(house) == ["receipt"] * 9 + ["schedule_made"] * 9
    assert {"account.lock", "charge.lock", "obligation.fresh", "schedule.fresh", "charge.held_cents"} <= set(read_ahead)
    again = charge_many(house.ports, house.organisation_id, ids, pool)
    assert [result.obligation_status for result in again.results] == ["paid"] * 9
    assert len(house.truth()) == 9


def test_what_a_claim_looks_at_is_read_for_all_at_once(house: House) -> None:
    """The number of statements does not grow with the batch."""

    def statements(ids: list[str]) -> int:
        heard: list[str] = []

        def hear(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
            heard.append(statement)

        event.listen(house.ports.database.writer, "before_cursor_execute", hear)
        try:
            claimed, refused, left = claim_many(house.ports, house.organisation_id, ids, SOON)
            assert (len(claimed), refused, left) == (len(ids), [], [])
            answers = [Told(each, _success(house, each)) for each in claimed]
            assert len(apply_many(house.ports, house.organisation_id, answers)[0]) == len(ids)
        finally:
            event.remove(house.ports.database.writer, "before_cursor_execute", hear)
        return len(heard)

    few, many_more = statements(due_now(house, 3)), statements(due_now(house, 12))
    assert many_more <= few + 2, (few, many_more)


def _success(house: House, claimed: Any) -> Outcome:
    return house.ports.gateways.of(house.organisation_id).sale(claimed.request, SOON)


def lower(house: House, account_id: str, amount_cents: int) -> None:
    with house.ports.database.transaction(house.organisation_id) as session:
        lower_balance(
            session, account.lock(session, account_id), amount_cents, event_key=uuid.uuid4().hex,
            now=house.clock.now(), by="staff",
        )  # fmt: skip


def test_every_rule_holds_in_a_batch_as_it_does_alone(house: House, pool: ThreadPoolExecutor) -> None:
    """One payment for each way of not being charged, and some that are; together, and each by itself: the same ends."""
    names = ("fine", "lowered", "nothing owed", "held by another", "cancelled", "card gone", "closed", "early")

    def made() -> dict[str, str]:
        ids = dict(zip(names, due_now(house, len(names)), strict=True))
        gone = house.card_on_file()
        with house.ports.database.transaction(house.organisation_id) as session:
            rows = {name: obligation.fresh(session, id_) for name, id_ in ids.items()}
            account.lock(session, rows["closed"].account_id).status = "closed"
            rows["early"].due_at += timedelta(hours=1)
            rows["card gone"].payment_method_id = gone
            method = payment_method.owned_by(session, gone, house.customer_id)
            assert method is not None
            method.removed_at = house.clock.now()
        for name, cents in {"lowered": 49_300, "nothing owed": 50_000, "held by another": 48_900}.items():
            lower(house, rows[name].account_id, cents)
        other = house.obligation(rows["held by another"].account_id, 800, payment_method_id=house.card_on_file())
        claim(house.ports, house.organisation_id, other, SOON)
        cancel(house.ports, house.organisation_id, rows["cancelled"].subject_id, "customer")
        return ids

    def ends(ids: dict[str, str]) -> dict[str, tuple[str, str | None, str | None, list[int]]]:
        with house.ports.database.read(house.organisation_id) as session:
            rows = {name: obligation.fresh(session, id_) for name, id_ in ids.items()}
            return {
                name: (
                    row.status, row.refused_code, row.hold_reason,
                    [each.amount_cents for each in charge.of_obligation(session, row.id)],
                )
                for name, row in rows.items()
            }  # fmt: skip

    ids = made()
    with asked_twice():
        assert charge_many(house.ports, house.organisation_id, list(ids.values()), pool).failed == 0
    found = ends(ids)
    for each in (ids := made()).values():
        charge_obligation(house.ports, house.organisation_id, each, SOON)
    assert found == ends(ids)
    assert {name for name, end in found.items() if end[0] == "paid"} == {"fine", "lowered"}
    assert {name: end[3] for name, end in found.items() if end[3]} == {"fine": [1_000], "lowered": [700]}
    assert found["held by another"][2] == "payment_under_way"
    assert found["early"][0] == found["closed"][0] == "due"


def test_two_payments_of_one_account_in_a_batch_take_no_more_than_is_owed(
    house: House, pool: ThreadPoolExecutor
) -> None:
    """M7: what the first holds, the second sees."""
    card = card_of(house)
    first = scheduled(house, weekly(house), card=card)
    [due, *_] = payments_of(house, first.schedule_id)
    with house.ports.database.transaction(house.organisation_id) as session:
        for row in obligation.of_subject(session, first.schedule_id):
            row.due_at = due.due_at
            row.due_on = due.due_on
    house.clock.at = due.due_at
    lower(house, due.account_id, 48_500)
    ids = [each.id for each in payments_of(house, first.schedule_id)]
    charge_many(house.ports, house.organisation_id, ids, pool)
    house.clock.pass_(hours=1)
    charge_many(house.ports, house.organisation_id, ids, pool)
    assert sum(int(str(sale["amount_cents"])) for sale in house.truth()) == 1_500
    with house.ports.database.read(house.organisation_id) as session:
        owed = account.by_id(session, due.account_id)
        assert owed is not None
        assert owed.balance_cents == differs_from_entries(session, owed) == 0


def test_an_account_that_somebody_holds_keeps_no_other_payment_waiting(house: House, pool: ThreadPoolExecutor) -> None:
    if house.ports.database.is_sqlite:
        pytest.skip("SQLite has one lock for all accounts")
    held, *others = due_now(house, 5)
    with house.ports.database.read(house.organisation_id) as session:
        account_id = obligation.fresh(session, held).account_id
    holds, let_go = threading.Event(), threading.Event()

    def hold() -> None:
        with house.ports.database.transaction(house.organisation_id) as session:
            account.lock(session, account_id)
            holds.set()
            let_go.wait(20)

    holder = threading.Thread(target=hold)
    holder.start()
    holds.wait(20)
    claimed, refused, left = claim_many(house.ports, house.organisation_id, [held, *others], SOON)
    assert ([each.obligation_id for each in claimed], refused, left) == (others, [], [held])
    let_go.set()
    holder.join()
    apply_many(house.ports, house.organisation_id, [Told(each, _success(house, each)) for each in claimed])
    charge_many(house.ports, house.organisation_id, [held], pool)
    assert status(house, [held, *others]) == ["paid"] * 5


def test_one_payment_that_cannot_even_be_judged_spoils_no_other(house: House, pool: ThreadPoolExecutor) -> None:
    """C1: a payment without its authorization is a fault of ours; the others of its batch are charged."""
    spoilt, *others = due_now(house, 4)
    with house.ports.database.transaction(house.organisation_id) as session:
        obligation.fresh(session, spoilt).agreement_id = None
    done = charge_many(house.ports, house.organisation_id, [spoilt, *others], pool)
    assert done.failed == 1
    assert status(house, [spoilt, *others]) == ["due", "paid", "paid", "paid"]


def test_answers_that_cannot_be_written_together_are_written_one_by_one(
    house: House, pool: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = due_now(house, 4)

    def fail(*_: object) -> None:
        raise RuntimeError("the database went away")

    monkeypatch.setattr(many, "apply_many", fail)
    done = charge_many(house.ports, house.organisation_id, ids, pool)
    assert (sorted(result.obligation_status for result in done.results), done.failed) == (["paid"] * 4, 0)
    assert len(house.truth()) == 4


def test_declines_of_a_batch_are_tried_again_by_their_class(house: House, pool: ThreadPoolExecutor) -> None:
    soft = due_now(house, 2, each_cents=200_100)
    with asked_twice():
        done = charge_many(house.ports, house.organisation_id, soft, pool)
    assert [result.state for result in done.results] == [ChargeState.declined] * 2
    assert status(house, soft) == ["due", "due"]
    assert told(house).count("payment_declined") == 2


def test_a_merchant_that_may_not_use_keys_is_charged_without_them_at_once(
    house: House, pool: ThreadPoolExecutor
) -> None:
    ids = due_now(house, 5)
    house.simulator.merchant(house.merchant_id, api_request_key_allowed=False)
    charge_many(house.ports, house.organisation_id, ids, pool)
    assert status(house, ids) == ["paid"] * 5
    assert len([sale for sale in house.truth() if sale["success"]]) == 5


def test_a_claim_that_outwaited_its_window_was_not_sent_and_comes_again(
    house: House, pool: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its thread knows that it sent nothing, so nobody has to look for it."""
    ids = due_now(house, 3)
    monkeypatch.setattr(many, "send", lambda *_: None)
    done = charge_many(house.ports, house.organisation_id, ids, pool)
    assert [result.state for result in done.results] == [ChargeState.not_sent] * 3
    assert house.truth() == []
    monkeypatch.undo()
    house.clock.pass_(hours=1)
    charge_many(house.ports, house.organisation_id, ids, pool)
    assert status(house, ids) == ["paid"] * 3


def test_a_slow_gateway_has_no_claims_waiting_for_a_thread(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is claimed is sent at once, so a gateway that begins to hang leaves nothing claimed and unsent."""
    ids = due_now(house, 12)
    claimed, sent, unsent = 0, 0, []
    real_claim, real_send = many.claim_many, many.send

    def claim_some(*arguments: Any) -> Any:
        nonlocal claimed
        found = real_claim(*arguments)
        claimed += len(found[0])
        unsent.append(claimed - sent)
        return found

    def send(*arguments: Any) -> Outcome | None:
        nonlocal sent
        sent += 1
        return real_send(*arguments)

    monkeypatch.setattr(many, "SLOW", timedelta(0))
    monkeypatch.setattr(many, "claim_many", claim_some)
    monkeypatch.setattr(many, "send", send)
    with ThreadPoolExecutor(2) as two:
        charge_many(house.ports, house.organisation_id, ids, two)
    assert status(house, ids) == ["paid"] * 12
    assert max(unsent) <= 2, "no more than there are threads"


@pytest.mark.parametrize("point", ["claim.before_commit", "claim.after_commit", "send.after_reply",
                                   "apply.before_commit", "apply.after_commit"])  # fmt: skip
def test_what_fails_in_the_middle_of_a_batch_is_brought_to_an_end_without_a_second_charge(
    house: House, pool: ThreadPoolExecutor, point: str
) -> None:
    ids = due_now(house, 4)
    arm(f"{point}=raise")
    try:
        charge_many(house.ports, house.organisation_id, ids, pool)
    finally:
        arm("")
    for _ in range(6):
        house.clock.pass_(minutes=20)
        sweep_now(house, pool)
        charge_many(house.ports, house.organisation_id, ids, pool)
    assert status(house, ids) == ["paid"] * 4
    assert len([sale for sale in house.truth() if sale["success"]]) == 4
    with house.ports.database.across() as session:
        rows = invariant.next_accounts(session, ("", ""), 500)
    with house.ports.database.read(house.organisation_id) as session:
        own = [account_id for organisation_id, account_id in rows if organisation_id == house.organisation_id]
        assert invariant.broken(session, own) == []


def test_a_missed_payment_refused_for_the_day_does_not_count(house: House, pool: ThreadPoolExecutor) -> None:
    """P6: two missed payments of one customer on two accounts, in one batch: one today, the other tomorrow."""
    ids = due_now(house, 2)
    house.clock.pass_(days=2)
    charge_many(house.ports, house.organisation_id, ids, pool)
    assert sorted(status(house, ids)) == ["due", "paid"]
    with house.ports.database.read(house.organisation_id) as session:
        assert limit.current(session, CATCH_UP, house.customer_id, DAY, midnight(today(house))) == 1
