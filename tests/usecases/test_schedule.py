"""A schedule from its quote to its last payment, on both databases, with the real SDK: made as shown, charged so."""

import threading
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date, timedelta

import pytest

from portal.domain.due_date import Frequency, Rhythm
from portal.domain.payment_link import LinkState
from portal.domain.refusal import Refused
from portal.domain.schedule import Amounts, AmountsKind
from portal.storage import account, agreement, message, obligation
from portal.usecases.charge import AuthorizationMissing, charge_obligation, claim
from portal.usecases.payment_link import find
from portal.usecases.payment_link import make as make_link
from portal.usecases.recurring import charge_batch, charge_unclaimed, hand_out_due
from portal.usecases.schedule import Wish, card_typed, make
from portal.usecases.upcoming import announce_upcoming
from portal.usecases.visit import look, start
from tests.rig.house import House
from tests.rig.series import (
    attempts_of,
    card_of,
    go_to,
    order_of,
    payments_of,
    plan_of,
    run_due,
    scheduled,
    today,
    told,
    weekly,
)

SOON = timedelta(seconds=2)


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(4) as made:
        yield made


def test_a_schedule_is_made_as_it_was_shown_and_its_authorization_is_sealed(house: House) -> None:
    made = scheduled(house)
    rows = payments_of(house, made.schedule_id)
    assert [(row.seq, row.amount_cents, row.status) for row in rows] == [(n, 1_000, "due") for n in range(1, 5)]
    assert [row.due_on for row in rows] == [
        date(2026, 11, 3),
        date(2026, 11, 10),
        date(2026, 11, 17),
        date(2026, 11, 24),
    ]
    assert rows[0].due_at.isoformat() == "2026-11-03T15:00:00+00:00", "nine o'clock in Chicago"
    assert {row.agreement_id for row in rows} == {made.agreement_id}
    with house.ports.database.read(house.organisation_id) as session:
        sealed = agreement.by_id(session, made.agreement_id)
    assert sealed is not None
    for words in ("November 3, 2026: $10.00", "November 24, 2026: $10.00", "ending in 1111", "$40.00 in all", "revoke"):
        assert words in sealed.text
    assert told(house) == ["schedule_made"]


def test_the_copy_of_the_authorization_is_the_sealed_text_word_for_word(house: House) -> None:
    """C2: emailed at once, and the same to the byte."""
    made = scheduled(house)
    told(house)
    with house.ports.database.read(house.organisation_id) as session:
        sealed = agreement.by_id(session, made.agreement_id)
    assert sealed is not None
    mails = house.simulator.call("GET", "/mailbox.json?recipient=ada@")
    mail = next(each for each in mails if each["attachments"])
    assert mail["subject"] == "About what you arranged with us", "this organisation is discreet"
    with urllib.request.urlopen(f"{house.simulator.url}/mailbox/{mail['id']}/attachments/1", timeout=5) as answer:
        assert answer.read().decode().replace("\r\n", "\n").strip() == sealed.text


def test_what_changed_since_it_was_shown_is_not_made(house: House) -> None:
    owed = house.account()
    order = order_of(house, owed, weekly(house), card_of(house))
    with pytest.raises(Refused, match="quote_changed"):
        make(house.ports, house.organisation_id, replace(order, quote_version="other"))
    with pytest.raises(Refused, match="agreement_changed"):
        make(house.ports, house.organisation_id, replace(order, shown_digest="other"))
    house.set("schedule_payment", value=False)
    with pytest.raises(Refused, match="schedule_off"):
        make(house.ports, house.organisation_id, order)


def test_more_than_is_owed_cannot_be_promised_twice(house: House) -> None:
    owed, card = house.account(5_000), card_of(house)
    make(house.ports, house.organisation_id, order_of(house, owed, weekly(house, 4), card))
    with pytest.raises(Refused, match="schedule_above_balance"):
        order_of(house, owed, weekly(house, 2), card)


def test_a_typed_card_is_kept_once_however_often_it_is_sent(house: House) -> None:
    owed, nonce = house.account(), house.nonce()
    card = card_typed(house.ports.gateways.of(house.organisation_id).card_behind(nonce), nonce)  # type: ignore[arg-type]  # it is there
    order = order_of(house, owed, weekly(house), card)
    first = make(house.ports, house.organisation_id, order)
    house.set("schedule_number_max", value=10)
    second = make(house.ports, house.organisation_id, order)
    assert plan_of(house, first.schedule_id).payment_method_id == plan_of(house, second.schedule_id).payment_method_id


def test_each_payment_is_charged_on_its_date_once_and_the_schedule_completes(
    house: House, pool: ThreadPoolExecutor
) -> None:
    made = scheduled(house)
    assert run_due(house, pool) == 0, "nothing is charged before its date (C22)"
    for due in payments_of(house, made.schedule_id):
        house.clock.at = due.due_at - timedelta(seconds=1)
        assert run_due(house, pool) == 0
        go_to(house, due)
        assert run_due(house, pool) == 1
        assert run_due(house, pool) == 0
    assert [row.status for row in payments_of(house, made.schedule_id)] == ["paid"] * 4
    assert plan_of(house, made.schedule_id).status == "completed"
    assert [sale["amount_cents"] for sale in house.truth()] == [1_000] * 4
    assert told(house).count("receipt") == 4


def test_c33_each_charge_says_what_it_is_to_the_gateway(house: House, pool: ThreadPoolExecutor) -> None:
    made = scheduled(house, weekly(house, 3, days_ahead=0))
    assert made.due_now_id is not None
    charge_obligation(house.ports, house.organisation_id, made.due_now_id, SOON)
    for due in payments_of(house, made.schedule_id)[1:]:
        go_to(house, due)
        run_due(house, pool)
    sources = [attempts_of(house, due.id)[0].source for due in payments_of(house, made.schedule_id)]
    assert sources == ["installment_first", "installment", "installment"]
    once = scheduled(
        house, Wish(Rhythm(Frequency.once, today(house) + timedelta(days=3)), Amounts(AmountsKind.evenly, 1))
    )
    assert [row.source for row in payments_of(house, once.schedule_id)] == ["unscheduled"]


def test_c1_a_scheduled_payment_without_authorization_can_never_be_claimed(house: House) -> None:
    made = scheduled(house)
    row = payments_of(house, made.schedule_id)[0]
    with house.ports.database.transaction(house.organisation_id) as session:
        obligation.fresh(session, row.id).agreement_id = None
    go_to(house, row)
    with pytest.raises(AuthorizationMissing):
        claim(house.ports, house.organisation_id, row.id, SOON)
    assert house.truth() == []


@pytest.mark.parametrize(
    ("setting", "value", "reason"), [("charging_enabled", False, "charging_off")], ids=["kill switch"]
)
def test_a_stopped_organisation_hands_out_nothing_and_loses_nothing(
    house: House, pool: ThreadPoolExecutor, setting: str, value: object, reason: str
) -> None:
    made = scheduled(house)
    due = payments_of(house, made.schedule_id)[0]
    go_to(house, due)
    house.set(setting, value)
    assert run_due(house, pool) == 0
    with pytest.raises(Refused, match=reason):
        claim(house.ports, house.organisation_id, due.id, SOON)
    held = payments_of(house, made.schedule_id)[0]
    assert (held.status, held.hold_reason) == ("due", reason)
    assert held.due_at == held.hold_until
    house.set(setting, True)
    go_to(house, held)
    assert run_due(house, pool) == 1
    assert payments_of(house, made.schedule_id)[0].status == "paid"


def test_m7_a_payment_is_lowered_to_what_is_owed_and_the_rest_is_not_taken(
    house: House, pool: ThreadPoolExecutor
) -> None:
    made = scheduled(house, weekly(house, 3), balance_cents=3_000)
    rows = payments_of(house, made.schedule_id)
    go_to(house, rows[0])
    checkout = house.obligation(rows[0].account_id, 2_400, payment_method_id=house.card_on_file())
    charge_obligation(house.ports, house.organisation_id, checkout, SOON)
    for row in rows:
        go_to(house, row)
        run_due(house, pool)
    after = payments_of(house, made.schedule_id)
    assert [(row.status, row.refused_code) for row in after] == [
        ("paid", None),
        ("cancelled", "nothing_owed"),
        ("cancelled", "nothing_owed"),
    ]
    assert attempts_of(house, rows[0].id)[0].amount_cents == 600
    assert plan_of(house, made.schedule_id).status == "completed"


def test_where_amounts_are_not_lowered_the_rest_is_cancelled(house: House, pool: ThreadPoolExecutor) -> None:
    house.set("lower_to_balance", value=False)
    made = scheduled(house, weekly(house, 1), balance_cents=1_000)
    due = payments_of(house, made.schedule_id)[0]
    go_to(house, due)
    checkout = house.obligation(due.account_id, 400, payment_method_id=house.card_on_file())
    charge_obligation(house.ports, house.organisation_id, checkout, SOON)
    run_due(house, pool)
    assert payments_of(house, made.schedule_id)[0].refused_code == "balance_too_low"
    assert told(house).count("payment_not_charged") == 1, "the confirmation was the notice of a payment so near"


def test_who_was_told_of_a_debit_hears_that_it_does_not_come_and_of_no_other(
    house: House, pool: ThreadPoolExecutor
) -> None:
    monthly = Rhythm(Frequency.monthly, today(house) + timedelta(days=2))
    made = scheduled(house, Wish(monthly, Amounts(AmountsKind.fixed, 3, 1_000)), balance_cents=3_000)
    first, second, third = payments_of(house, made.schedule_id)
    go_to(house, first)
    run_due(house, pool)
    house.clock.at = second.due_at - timedelta(days=5)
    announce_upcoming(house.ports)
    assert told(house) == ["payment_upcoming", "receipt", "schedule_made"]
    rest = house.obligation(second.account_id, 2_000, payment_method_id=house.card_on_file())
    charge_obligation(house.ports, house.organisation_id, rest, SOON)
    for due in (second, third):
        go_to(house, due)
        announce_upcoming(house.ports)
        run_due(house, pool)
    assert [row.refused_code for row in payments_of(house, made.schedule_id)] == [None, "nothing_owed", "nothing_owed"]
    with house.ports.database.read(house.organisation_id) as session:
        rows = message.of_customer(session, house.customer_id)
    assert [row.subject_id for row in rows if row.event == "payment_not_charged"] == [second.id]


def test_p6_missed_payments_are_caught_up_oldest_first_one_a_day(house: House, pool: ThreadPoolExecutor) -> None:
    made = scheduled(house, weekly(house, 6))
    house.clock.pass_(days=95)
    charged: list[int] = []
    for _ in range(8 * 24):
        run_due(house, pool)
        paid = [row.seq for row in payments_of(house, made.schedule_id) if row.status == "paid"]
        charged += [seq for seq in paid if seq not in charged]
        house.clock.pass_(hours=1)
    assert charged == [1, 2, 3, 4, 5, 6]
    days = [attempts_of(house, row.id)[0].claimed_at.date() for row in payments_of(house, made.schedule_id)]
    assert len(set(days)) == 6
    assert len(house.truth()) == 6


def test_a_rate_is_shared_by_every_clock_through_the_database(house: House) -> None:
    house.set("charges_per_minute", value=3)
    made = scheduled(house, weekly(house, 1))
    go_to(house, payments_of(house, made.schedule_id)[0])
    for _ in range(6):
        again = scheduled(house, weekly(house, 1, days_ahead=0))
        assert again.due_now_id is not None
    assert hand_out_due(house.ports).payments == 3
    assert hand_out_due(house.ports).payments == 0
    house.clock.pass_(minutes=1)
    assert hand_out_due(house.ports).payments == 3
    house.clock.pass_(minutes=1)
    assert hand_out_due(house.ports).payments == 1


@pytest.mark.parametrize("clocks", [2, 6])
def test_f5_clocks_that_hand_out_at_once_give_each_payment_to_one_worker(house: House, clocks: int) -> None:
    """And where two workers get it all the same, as after a lost answer of Redis, one of them charges it."""
    dues = [payments_of(house, scheduled(house, weekly(house, 1)).schedule_id)[0] for _ in range(10)]
    go_to(house, dues[-1])
    gate = threading.Barrier(clocks, timeout=20)

    def clock(_: int) -> int:
        gate.wait()
        return hand_out_due(house.ports).payments

    with ThreadPoolExecutor(clocks) as clocked:
        handed = list(clocked.map(clock, range(clocks)))
    rung = [each for _, ids in house.doorbell.batches for each in ids]
    assert sum(handed) == len(rung) == 10
    assert sorted(rung) == sorted(due.id for due in dues)
    workers = threading.Barrier(2, timeout=20)

    def work(_: int) -> None:
        with ThreadPoolExecutor(4) as threads:
            workers.wait()
            charge_batch(house.ports, house.organisation_id, rung, threads)

    with ThreadPoolExecutor(2) as both:
        list(both.map(work, range(2)))
    assert [len([row for row in attempts_of(house, each) if row.state == "succeeded"]) for each in rung] == [1] * 10
    assert len([sale for sale in house.truth() if sale["success"]]) == 10


def test_f1_what_no_worker_claims_within_a_minute_the_clock_charges_itself(
    house: House, pool: ThreadPoolExecutor
) -> None:
    made = scheduled(house, weekly(house, 1))
    go_to(house, payments_of(house, made.schedule_id)[0])
    hand_out_due(house.ports)
    assert charge_unclaimed(house.ports, pool) == 0
    house.clock.pass_(seconds=61)
    assert charge_unclaimed(house.ports, pool) == 1
    assert payments_of(house, made.schedule_id)[0].status == "paid"


def test_a_payment_scheduled_for_later_keeps_nobody_from_paying_now(house: House) -> None:
    made = scheduled(house)
    owed, now = payments_of(house, made.schedule_id)[0].account_id, house.clock.now()
    with house.ports.database.transaction(house.organisation_id) as session:
        owed_on = account.by_id(session, owed)
        assert owed_on is not None
        found = find(session, make_link(session, owed_on, days=3, now=now, made_by="test"), now)
        assert found is not None
        assert found.state is LinkState.open
        visit_id, secret = start(session, found, ip="192.0.2.1", user_agent="test", locale="en", now=now)
        walk = look(session, visit_id, secret, now)
    assert walk is not None
    assert not walk.is_paying
    assert walk.payable_cents == 50_000


@pytest.mark.parametrize(
    "number",
    ["4111111111111111", "4117101010101010", "4111111111111210", "4229989900000002"],
    ids=["not said", "debit", "prepaid", "prepaid reloadable"],
)
def test_c5_every_card_is_treated_as_a_debit_card_whatever_its_kind(house: House, number: str) -> None:
    """Nobody asks which kind a card is, so each counts as unknown, and unknown as debit: C1 to C3 hold for all."""
    made = scheduled(house, weekly(house, 1, days_ahead=30), card=card_of(house, number))
    row = payments_of(house, made.schedule_id)[0]
    with house.ports.database.read(house.organisation_id) as session:
        sealed = agreement.by_id(session, row.agreement_id or "")
    assert sealed is not None
    assert f"authorize Harbour Recovery to charge my Visa on file ending in {number[-4:]}" in sealed.text
    assert told(house) == ["schedule_made"], "a copy is sent (C2)"
    house.clock.pass_(days=23)
    announce_upcoming(house.ports)
    assert told(house) == ["payment_upcoming", "schedule_made"], "and the debit is announced (C3)"
    with house.ports.database.transaction(house.organisation_id) as session:
        obligation.fresh(session, row.id).agreement_id = None
    go_to(house, row)
    with pytest.raises(AuthorizationMissing):
        claim(house.ports, house.organisation_id, row.id, SOON)
    assert house.truth() == []
