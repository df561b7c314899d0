"""Cancel, move and skip, and what is told ahead: nothing is taken after a cancel, and the customer hears of each."""

import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from portal.domain.charge import ChargeState
from portal.domain.payment_link import Purpose
from portal.domain.refusal import Refused
from portal.storage import account, message, payment_method
from portal.usecases.charge import apply, charge_obligation, claim, send
from portal.usecases.ledger import differs_from_entries
from portal.usecases.payment_link import find
from portal.usecases.resolve import resolve
from portal.usecases.schedule_change import (
    CUSTOMER,
    cancel,
    cancel_one,
    move,
    settle_unwanted,
    skip,
)
from portal.usecases.upcoming import announce_upcoming, warn_of_ending_cards
from tests.rig.house import House
from tests.rig.series import (
    attempts_of,
    card_of,
    go_to,
    payments_of,
    plan_of,
    run_due,
    scheduled,
    today,
    told,
    weekly,
)

SOON = timedelta(seconds=2)
RACES = int(os.environ.get("RACES", "200"))  # RACES=1000 for the long run
NO_FUNDS, STOLEN = 200_100, 201_300  # cents the gateway declines: 2001 soft, 2013 hard


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(4) as made:
        yield made


def test_p1_after_a_cancel_no_claim_commits(house: House, pool: ThreadPoolExecutor) -> None:
    made = scheduled(house)
    rows = payments_of(house, made.schedule_id)
    assert cancel(house.ports, house.organisation_id, made.schedule_id, CUSTOMER).payments == 4
    go_to(house, rows[-1])
    assert run_due(house, pool) == 0
    for row in rows:
        with pytest.raises(Refused):
            claim(house.ports, house.organisation_id, row.id, SOON)
    assert house.truth() == []
    assert plan_of(house, made.schedule_id).status == "cancelled"
    assert cancel(house.ports, house.organisation_id, made.schedule_id, CUSTOMER).payments == 0
    assert told(house) == ["schedule_cancelled", "schedule_made"]


def test_p2_a_payment_taken_while_it_was_cancelled_is_given_back_and_told(house: House) -> None:
    made = scheduled(house)
    due = payments_of(house, made.schedule_id)[0]
    go_to(house, due)
    claimed = claim(house.ports, house.organisation_id, due.id, SOON)
    done = cancel(house.ports, house.organisation_id, made.schedule_id, CUSTOMER)
    assert (done.payments, done.under_way) == (3, 1)
    outcome = send(house.ports, claimed, SOON)
    assert outcome is not None
    apply(house.ports, claimed, outcome)
    settle_unwanted(house.ports, house.organisation_id, claimed.charge_id)
    settle_unwanted(house.ports, house.organisation_id, claimed.charge_id)
    [sale] = house.truth()
    assert sale["status"] == "voided"
    assert attempts_of(house, due.id)[0].cancel_settled_at is not None
    with house.ports.database.read(house.organisation_id) as session:
        owed_on = account.by_id(session, due.account_id)
        assert owed_on is not None
        assert owed_on.balance_cents == 50_000
        assert differs_from_entries(session, owed_on) == 0
    assert told(house).count("refund") == 1


def test_p2_a_payment_that_failed_while_it_was_cancelled_is_not_tried_again_and_told(house: House) -> None:
    made = scheduled(house, weekly(house, 1, NO_FUNDS), balance_cents=NO_FUNDS)
    due = payments_of(house, made.schedule_id)[0]
    go_to(house, due)
    claimed = claim(house.ports, house.organisation_id, due.id, SOON)
    cancel_one(house.ports, house.organisation_id, due.id, CUSTOMER)
    outcome = send(house.ports, claimed, SOON)
    assert outcome is not None
    apply(house.ports, claimed, outcome)
    after = payments_of(house, made.schedule_id)[0]
    assert (after.status, after.refused_code) == ("cancelled", "cancelled")
    assert told(house) == ["payment_cancelled", "payment_stopped", "schedule_made"]


def test_p2_a_cancelled_payment_whose_answer_is_lost_is_never_sent_again(house: House) -> None:
    made = scheduled(house)
    due = payments_of(house, made.schedule_id)[0]
    go_to(house, due)
    claimed = claim(house.ports, house.organisation_id, due.id, SOON)  # and its sender dies here
    cancel(house.ports, house.organisation_id, made.schedule_id, CUSTOMER)
    for _ in range(60):
        house.clock.pass_(minutes=5)
        resolve(house.ports, house.organisation_id, claimed.charge_id)
    assert house.truth() == []
    assert attempts_of(house, due.id)[0].state == ChargeState.never_received
    assert payments_of(house, made.schedule_id)[0].status == "cancelled"
    assert "payment_stopped" in told(house)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_p1_cancel_against_charge_races_leave_no_late_claim(house: House) -> None:
    """The order of commits decides: a claim is before the cancel and is asked back, or it never is."""
    card, late = card_of(house), 0
    for number in range(RACES):
        made = scheduled(house, weekly(house, 1, days_ahead=0), card=card)
        [due] = payments_of(house, made.schedule_id)
        late += _race(house, made.schedule_id, due.id, number)
    assert late == 0


def _race(house: House, schedule_id: str, obligation_id: str, number: int) -> int:
    barrier = threading.Barrier(2)

    def claiming() -> None:
        barrier.wait()
        try:
            claim(house.ports, house.organisation_id, obligation_id, SOON)
        except Refused:
            return

    def cancelling() -> None:
        barrier.wait()
        cancel(house.ports, house.organisation_id, schedule_id, CUSTOMER)

    order = (claiming, cancelling) if number % 2 else (cancelling, claiming)
    threads = [threading.Thread(target=each) for each in order]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    attempts = attempts_of(house, obligation_id)
    [due] = payments_of(house, schedule_id)
    if not attempts:
        return int(due.status != "cancelled")
    return int(attempts[0].cancel_requested_at is None)


def test_a_payment_is_moved_within_the_rules_and_charged_on_its_new_date(
    house: House, pool: ThreadPoolExecutor
) -> None:
    made = scheduled(house, weekly(house, 2, days_ahead=3))
    due, other = payments_of(house, made.schedule_id)
    to_on = today(house) + timedelta(days=5)  # a Saturday
    with pytest.raises(Refused, match="move_too_far"):
        move(house.ports, house.organisation_id, due.id, today(house) + timedelta(days=30), CUSTOMER)
    with pytest.raises(Refused, match="move_past"):
        move(house.ports, house.organisation_id, due.id, today(house), CUSTOMER)
    assert other.due_on is not None
    with pytest.raises(Refused, match="move_taken"):
        move(house.ports, house.organisation_id, due.id, other.due_on, CUSTOMER)
    assert move(house.ports, house.organisation_id, due.id, to_on, CUSTOMER).isoweekday() == 1
    house.clock.at = due.due_at
    assert run_due(house, pool) == 0
    go_to(house, payments_of(house, made.schedule_id)[0])
    assert run_due(house, pool) == 1
    assert "payment_moved" in told(house)


def test_a_payment_that_is_on_that_date_already_is_not_moved_again(house: House) -> None:
    """Pressed twice, or once more because no answer came: one change, and one message of it."""
    made = scheduled(house, weekly(house, 2, days_ahead=3))
    due = payments_of(house, made.schedule_id)[0]
    to_on = today(house) + timedelta(days=5)
    day = move(house.ports, house.organisation_id, due.id, to_on, CUSTOMER)
    moved = payments_of(house, made.schedule_id)[0]
    assert move(house.ports, house.organisation_id, due.id, to_on, CUSTOMER) == day
    assert payments_of(house, made.schedule_id)[0].version == moved.version
    assert told(house).count("payment_moved") == 1


def test_one_payment_may_be_skipped_and_no_second(house: House) -> None:
    made = scheduled(house, weekly(house, 3, days_ahead=3))
    first, second, _ = payments_of(house, made.schedule_id)
    assert skip(house.ports, house.organisation_id, first.id, CUSTOMER).payments == 1
    with pytest.raises(Refused, match="skips_used"):
        skip(house.ports, house.organisation_id, second.id, CUSTOMER)
    assert skip(house.ports, house.organisation_id, second.id, "staff").payments == 1
    assert plan_of(house, made.schedule_id).status == "active"


def test_close_to_the_date_a_customer_may_cancel_but_not_move_or_skip(house: House) -> None:
    made = scheduled(house)
    due = payments_of(house, made.schedule_id)[0]
    house.clock.at = due.due_at - timedelta(hours=23)
    with pytest.raises(Refused, match="too_late"):
        skip(house.ports, house.organisation_id, due.id, CUSTOMER)
    with pytest.raises(Refused, match="too_late"):
        move(house.ports, house.organisation_id, due.id, today(house) + timedelta(days=3), CUSTOMER)
    assert cancel_one(house.ports, house.organisation_id, due.id, CUSTOMER).payments == 1


def test_where_customers_may_not_change_things_staff_may(house: House) -> None:
    house.set("customer_may_cancel", value=False)
    made = scheduled(house)
    with pytest.raises(Refused, match="cancel_by_phone"):
        cancel(house.ports, house.organisation_id, made.schedule_id, CUSTOMER)
    assert cancel(house.ports, house.organisation_id, made.schedule_id, "staff").payments == 4


def test_c22_a_payment_is_announced_once_three_to_ten_working_days_before(house: House) -> None:
    made = scheduled(house, weekly(house, 2, days_ahead=30))
    sent_on: list[int] = []
    for _ in range(40):
        announce_upcoming(house.ports)
        if told(house).count("payment_upcoming") > len(sent_on):
            due = payments_of(house, made.schedule_id)[len(sent_on)]
            assert due.due_on is not None
            sent_on.append((due.due_on - today(house)).days)
        house.clock.pass_(days=1)
    assert len(sent_on) == 2
    assert all(3 <= days <= 14 for days in sent_on)


def test_a_card_that_ends_before_the_next_payment_is_told_30_and_7_days_before(house: House) -> None:
    made = scheduled(house, weekly(house, 1, days_ahead=60))
    due = payments_of(house, made.schedule_id)[0]
    with house.ports.database.transaction(house.organisation_id) as session:
        card = payment_method.owned_by(session, due.payment_method_id or "", due.customer_id)
        assert card is not None
        assert due.due_on is not None
        before = due.due_on.replace(day=1) - timedelta(days=1)
        card.expires_month, card.expires_year = before.month, before.year
    told_when: list[int] = []
    for _ in range(60):
        warn_of_ending_cards(house.ports)
        warn_of_ending_cards(house.ports)
        if told(house).count("card_expiring") > len(told_when):
            told_when.append((due.due_on - today(house)).days)
        house.clock.pass_(days=1)
    assert told_when == [30, 7]


def test_a_card_that_ends_long_before_a_payment_is_told_30_and_7_days_before_it(house: House) -> None:
    made = scheduled(house, weekly(house, 1, days_ahead=200))
    due = payments_of(house, made.schedule_id)[0]
    assert due.due_on is not None
    with house.ports.database.transaction(house.organisation_id) as session:
        card = payment_method.owned_by(session, due.payment_method_id or "", due.customer_id)
        assert card is not None
        ended = due.due_on - timedelta(days=120)
        card.expires_month, card.expires_year = ended.month, ended.year
    house.clock.at = due.due_at - timedelta(days=32)
    told_when: list[int] = []
    for _ in range(30):
        warn_of_ending_cards(house.ports)
        if told(house).count("card_expiring") > len(told_when):
            told_when.append((due.due_on - today(house)).days)
        house.clock.pass_(days=1)
    assert told_when == [30, 7]


def test_a_one_tap_link_is_bound_to_its_purpose(house: House, pool: ThreadPoolExecutor) -> None:
    made = scheduled(house, weekly(house, 1, NO_FUNDS), balance_cents=NO_FUNDS)
    go_to(house, payments_of(house, made.schedule_id)[0])
    run_due(house, pool)
    with house.ports.database.read(house.organisation_id) as session:
        waiting = [row for row in message.of_customer(session, house.customer_id) if row.event == "payment_declined"]
    assert waiting[0].sealed_facts is None, "the token is made when the message is sent"
    house.simulator.call("GET", "/mailbox.json")
    told(house)
    mails = house.simulator.call("GET", "/mailbox.json?recipient=ada@")
    token = next(mail["text"].split("/card/")[1].split()[0] for mail in mails if "/card/" in mail.get("text", ""))
    now = house.clock.now()
    with house.ports.database.read(house.organisation_id) as session:
        assert find(session, token, now) is None, "it pays for nothing"
        assert find(session, token, now, Purpose.card) is not None


def test_t1_a_schedule_of_another_organisation_is_not_there(house: House) -> None:
    made = scheduled(house)
    other = payments_of(house, made.schedule_id)[0]
    with pytest.raises(Refused, match="schedule_unknown"):
        cancel(house.ports, "0" * 32, made.schedule_id, CUSTOMER)
    with pytest.raises(Refused, match="payment_unknown"):
        skip(house.ports, "0" * 32, other.id, CUSTOMER)
    with pytest.raises(Refused, match="obligation_unknown"):
        charge_obligation(house.ports, "0" * 32, other.id, SOON)
