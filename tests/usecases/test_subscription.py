"""Subscriptions from Pay Now to their end: one authorization, one charge a period, at the gateway by its right name."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime

import pytest

from portal.domain.refusal import Refused
from portal.storage import account, agreement, audit
from portal.storage import message as messages
from portal.storage import schedule as schedules
from portal.storage import subscription as subscriptions
from portal.usecases import subscription_order
from portal.usecases.account import add_customer
from portal.usecases.charge import charge_obligation
from portal.usecases.ledger import differs_from_entries
from portal.usecases.schedule import card_typed
from portal.usecases.schedule_card import Accepted, card_change_shown, replace_card
from portal.usecases.schedule_change import CUSTOMER, cancel, cancel_one, move, skip
from portal.usecases.subscription_order import due_now, look, pay_now
from portal.usecases.subscription_report import STOP, WRONG, write
from portal.usecases.upcoming import announce_upcoming
from tests.rig.house import House
from tests.rig.series import attempts_of, told
from tests.rig.subscriptions import activated, assigned, lived, payments, pressed, row_of, seen_of


def balance(house: House, subscription_id: str) -> int:
    account_id = row_of(house, subscription_id).account_id
    with house.ports.database.read(house.organisation_id) as session:
        owed_on = account.by_id(session, account_id)
        assert owed_on is not None
        assert differs_from_entries(session, owed_on) == 0
        return owed_on.balance_cents


def alarms(house: House) -> set[str]:
    with house.ports.database.read(house.organisation_id) as session:
        return {each.kind for each in audit.open_alarms(session)}


def by_hand(house: House, one: str, cents: int) -> None:
    """Pays at a page, which is no payment of the schedule."""
    due = house.obligation(row_of(house, one).account_id, cents, payment_method_id=house.card_on_file())
    charge_obligation(house.ports, house.organisation_id, due, house.ports.timing.page_timeout)


def test_r4_a_program_of_fourteen_months_charges_exactly_fourteen_times_and_ends(house: House) -> None:
    one = assigned(house, date(2026, 11, 2), date(2028, 1, 1))
    listed = activated(house, one)
    assert len(listed) == 14
    lived(house, 500)
    assert row_of(house, one).state == "ended"
    sales = house.truth()
    assert len(sales) == 14, "and not once more in the two months after the end"
    assert {each["amount_cents"] for each in sales} == {7_000}
    for due in payments(house, one):
        [attempt] = attempts_of(house, due.id)
        assert (due.status, attempt.amount_cents) == ("paid", 7_000)
        assert attempt.source == ("recurring_first" if due.seq == 1 else "recurring"), "C33"
    assert balance(house, one) == 0
    events = Counter(told(house))
    assert events["receipt"] == 14
    assert (events["subscription_assigned"], events["schedule_made"]) == (1, 1)
    assert (events["subscription_last"], events["subscription_ended"]) == (1, 1)
    assert events["payment_upcoming"] == 12, "of every later one but the last, which is told as the last"


def test_c1_c32_what_is_sealed_names_the_card_the_dates_and_how_to_stop(house: House) -> None:
    one = assigned(house, end_on=date(2027, 1, 1))
    [first, *_] = activated(house, one)
    with house.ports.database.read(house.organisation_id) as session:
        sealed = agreement.by_id(session, first.agreement_id or "")
        assert sealed is not None
        text = sealed.text
    for expected in ("ending in 1111", "until the end of my program on January 1, 2027", "December 2, 2026: $70.00",
                     "$140.00 in all", "Noor Haddad", "three business days", "For a refund",
                     "uses it only for the payments of this subscription", "at least 10 days before"):  # fmt: skip
        assert expected in text, expected
    assert "2031" not in text, "no expiry date (C36)"
    assert all(each.agreement_id == first.agreement_id for each in payments(house, one))


def test_a_second_press_with_another_card_activates_and_charges_nothing_more(house: House) -> None:
    one = assigned(house)
    both = [pressed(house, one) for _ in range(2)]
    with ThreadPoolExecutor(2) as pool:
        person = house.customer_id
        done = list(pool.map(lambda each: pay_now(house.ports, house.organisation_id, person, one, each), both))
    assert done == [{}, {}]
    activated_once = [each for each in payments(house, one) if each.seq == 1]
    assert len(activated_once) == 1
    with house.ports.database.read(house.organisation_id) as session:
        assert len(schedules.of_customer(session, house.customer_id)) == 1
    assert pay_now(house.ports, house.organisation_id, person, one, both[0]) == {}


def test_a_second_press_whose_card_is_refused_is_shown_what_the_first_one_made(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = assigned(house)
    second = pressed(house, one)

    def first_wins(*_given: object) -> None:
        monkeypatch.undo()
        activated(house, one)
        raise Refused("card_declined")

    monkeypatch.setattr(subscription_order, "keep", first_wins)
    assert pay_now(house.ports, house.organisation_id, house.customer_id, one, second) == {}
    assert [each["amount_cents"] for each in house.truth()] == [7_000]


def test_r3_without_the_tick_or_the_card_each_is_said_and_nothing_is_made(house: House) -> None:
    one = assigned(house)
    person, made = house.customer_id, pressed(house, one, ticked=False, nonce="")
    wrong = pay_now(house.ports, house.organisation_id, person, one, made)
    assert {name: each.code for name, each in wrong.items()} == {
        "consent": "subscription_tick_missing",
        "card-number": "card_missing",
    }
    other = pay_now(house.ports, house.organisation_id, person, one, pressed(house, one, method="0" * 32))
    assert other["method-new"].code == "method_missing"
    assert (row_of(house, one).state, house.truth()) == ("assigned", [])


def test_m8_other_figures_than_were_shown_activate_nothing(house: House) -> None:
    one = assigned(house, billing_day=15)
    person, yesterday = house.customer_id, pressed(house, one)
    house.clock.pass_(days=1)  # another first day, so another part of the first month
    for press, code in ((yesterday, "quote_changed"), (pressed(house, one, shown_digest="0"), "agreement_changed")):
        with pytest.raises(Refused, match=code):
            pay_now(house.ports, house.organisation_id, person, one, press)
    assert row_of(house, one).state == "assigned"


def test_attack_050_nobody_sees_or_activates_what_was_assigned_to_somebody_else(house: House) -> None:
    one = assigned(house)
    with house.ports.database.transaction(house.organisation_id) as session:
        other = add_customer(session, reference="C-2", given_name="Bo", family_name="Lee", now=house.clock.at).id
    with house.ports.database.read(house.organisation_id) as session:
        assert look(session, one, other, house.clock.now()) is None
    with pytest.raises(Refused, match="subscription_unknown"):
        pay_now(house.ports, house.organisation_id, other, one, pressed(house, one))
    with pytest.raises(Refused, match="subscription_unknown"):
        write(house.ports, house.organisation_id, other, one, STOP, "Stop")


def test_the_kill_switch_loses_no_month(house: House) -> None:
    one = assigned(house, end_on=date(2027, 2, 1))
    activated(house, one)
    assert balance(house, one) == 0
    house.set("charging_enabled", value=False)
    lived(house, 31)
    assert len(house.truth()) == 1
    house.set("charging_enabled", value=True)
    lived(house, 1)
    assert (balance(house, one), len(house.truth())) == (0, 2)


def test_a_declined_month_is_owed_and_recovers_on_another_card_and_the_program_goes_on(house: House) -> None:
    one = assigned(house, end_on=date(2027, 2, 1))
    activated(house, one)
    house.simulator.faults("decline_hard", merchant=house.merchant_id)
    lived(house, 31)
    _, second, third = payments(house, one)
    assert (second.status, third.status) == ("declined", "due")
    assert (balance(house, one), row_of(house, one).state) == (7_000, "active"), "the month was given and is owed"
    assert told(house).count("payment_declined") == 1
    schedule_id, nonce = row_of(house, one).schedule_id or "", house.nonce("5555555555554444")
    found = house.ports.gateways.of(house.organisation_id).card_behind(nonce)
    assert found is not None
    card = card_typed(found, nonce)
    with house.ports.database.read(house.organisation_id) as session:
        shown = card_change_shown(session, schedule_id, card, "en", house.clock.now())
    seen = Accepted("en", "192.0.2.1", "test")
    [again] = replace_card(house.ports, house.organisation_id, schedule_id, card, shown.digest, seen)
    assert again.obligation_status == "paid"
    assert attempts_of(house, second.id)[-1].source == "recurring_first", "C33: its holder is there"
    lived(house, 70)
    assert row_of(house, one).state == "ended"
    assert [each.status for each in payments(house, one)] == ["paid"] * 3
    assert balance(house, one) == 0


def test_what_was_missed_and_paid_by_hand_is_not_charged_again(house: House) -> None:
    one = assigned(house, end_on=date(2027, 2, 1))
    activated(house, one)
    house.simulator.faults("decline_soft", merchant=house.merchant_id)
    lived(house, 31)
    assert balance(house, one) == 7_000
    by_hand(house, one, 7_000)
    lived(house, 70)
    assert [each.status for each in payments(house, one)] == ["paid", "cancelled", "paid"]
    assert (balance(house, one), row_of(house, one).state) == (0, "ended")


def status_of(house: House, one: str) -> str:
    schedule_id = row_of(house, one).schedule_id or ""
    with house.ports.database.read(house.organisation_id) as session:
        schedule = schedules.by_id(session, schedule_id)
        assert schedule is not None
        return schedule.status


@pytest.mark.parametrize(("rule", "stands"), [("pause", "paused"), ("staff", "broken")])
def test_a_month_that_failed_and_was_paid_by_hand_lets_the_program_go_on(house: House, rule: str, stands: str) -> None:
    house.set("after_last_failure", rule)
    one = assigned(house, end_on=date(2027, 3, 1))
    activated(house, one)
    house.simulator.faults("decline_hard", merchant=house.merchant_id)
    lived(house, 31)
    house.simulator.clear_faults()
    by_hand(house, one, 3_000)
    assert (status_of(house, one), balance(house, one)) == (stands, 4_000), "a part of it is not all of it"
    assert ("schedule_needs_staff" in alarms(house)) == (rule == "staff")
    by_hand(house, one, 4_000)
    assert (status_of(house, one), balance(house, one)) == ("active", 0)
    assert [each.status for each in payments(house, one)] == ["paid", "cancelled", "due", "due"]
    assert "schedule_needs_staff" not in alarms(house)
    lived(house, 100)
    assert [each.status for each in payments(house, one)] == ["paid", "cancelled", "paid", "paid"]
    taken = sorted(each["amount_cents"] for each in house.truth() if each["success"])
    assert taken == [3_000, 4_000, 7_000, 7_000, 7_000]
    assert (balance(house, one), row_of(house, one).state) == (0, "ended")


def waiting(house: House, end_on: date) -> str:
    """One whose second month failed for good, and whose third is owed and waits for it."""
    one = assigned(house, end_on=end_on)
    activated(house, one)
    house.simulator.faults("decline_hard", merchant=house.merchant_id)
    lived(house, 31)
    house.simulator.clear_faults()
    lived(house, 31)
    assert [each.status for each in payments(house, one)][1:3] == ["declined", "due"]
    assert balance(house, one) == 14_000
    return one


def test_c22_a_month_that_waited_for_one_that_failed_comes_after_a_notice_when_that_is_paid_by_hand(
    house: House,
) -> None:
    one = waiting(house, date(2027, 3, 1))
    by_hand(house, one, 7_000)
    _, second, third, last = payments(house, one)
    assert (second.status, third.due_on, third.moved_from) == ("cancelled", date(2027, 1, 13), date(2027, 1, 2))
    assert Counter(told(house))["payment_moved"] == 1
    said = said_to(house)
    assert "See your payments" in said
    assert "You can take your authorization back at any time" in said
    for never in ("To cancel or move it", "You can cancel a payment", "See or change"):
        assert never not in said, "no one month of a subscription is moved or cancelled"
    lived(house, 8)
    assert balance(house, one) == 7_000, "not before the day that was told"
    lived(house, 2)
    assert (balance(house, one), payments(house, one)[2].status) == (0, "paid")
    assert last.noticed_at is None, "what comes later is announced as always"
    lived(house, 60)
    assert (row_of(house, one).state, Counter(told(house))["subscription_last"]) == ("ended", 1)


def said_to(house: House) -> str:
    """Every email that leads to this organisation, one after another and in one line."""
    mails = house.simulator.call("GET", "/mailbox.json?recipient=ada")
    return " ".join(" ".join(each["text"] for each in mails if f"/{house.slug}/" in each["text"]).split())


def test_where_no_notice_is_given_it_comes_at_once(house: House) -> None:
    house.set("payment_notice", value=False)
    one = waiting(house, date(2027, 2, 1))
    by_hand(house, one, 7_000)
    lived(house, 1)
    assert [each.status for each in payments(house, one)] == ["paid", "cancelled", "paid"]
    assert (balance(house, one), Counter(told(house))["payment_moved"]) == (0, 0)


def test_what_failed_for_good_and_was_paid_by_hand_lets_the_program_end(house: House) -> None:
    one = assigned(house, end_on=date(2027, 2, 1))
    activated(house, one)
    house.simulator.faults("decline_hard", merchant=house.merchant_id)
    lived(house, 31)
    house.simulator.clear_faults()
    lived(house, 70)
    assert [each.status for each in payments(house, one)] == ["paid", "declined", "due"]
    assert balance(house, one) == 14_000
    assert row_of(house, one).state == "active", "another card may still pay it"
    by_hand(house, one, 14_000)
    lived(house, 4)
    assert (balance(house, one), row_of(house, one).state) == (0, "ended")
    assert [each.status for each in payments(house, one)] == ["paid", "cancelled", "cancelled"]
    assert Counter(told(house))["subscription_ended"] == 1


def test_c4_a_request_to_stop_is_heard_at_once_and_goes_to_the_case_manager(house: House) -> None:
    one = assigned(house, end_on=date(2027, 3, 1))
    activated(house, one)
    write(house.ports, house.organisation_id, house.customer_id, one, STOP, "I moved away")
    assert (row_of(house, one).state, row_of(house, one).paused_for) == ("paused", "stop")
    lived(house, 70)
    assert len(house.truth()) == 1, "nothing was charged after it"
    assert balance(house, one) == 0, "and nothing came to be owed"
    assert "subscription_stop" in alarms(house)
    with house.ports.database.read(house.organisation_id) as session:
        [note] = [each for each in messages.of_customer(session, house.customer_id) if each.event.endswith("report")]
        assert note.recipient == "noor@example.com"
    with pytest.raises(Refused, match="subscription_state"):
        write(house.ports, house.organisation_id, house.customer_id, one, STOP, "I moved away")


@pytest.mark.parametrize("event", ["payment_upcoming", "subscription_last"])
def test_c4_a_notice_that_waited_for_the_morning_is_not_sent_of_a_payment_that_was_paused_by_night(
    house: House, event: str
) -> None:
    one = assigned(house, end_on=date(2027, 2 if event == "payment_upcoming" else 1, 1))
    activated(house, one)
    house.clock.at = datetime(2026, 11, 22, 5, 0, tzinfo=UTC)  # 23:00 in Chicago
    announce_upcoming(house.ports)
    assert event in told(house)
    write(house.ports, house.organisation_id, house.customer_id, one, STOP, "I moved away")
    house.clock.pass_(hours=10)
    told(house)
    with house.ports.database.read(house.organisation_id) as session:
        [notice] = [each for each in messages.of_customer(session, house.customer_id) if each.event == event]
    assert (notice.state, notice.held_by) == ("stopped", "payment_over")


def test_c47_what_is_wrong_is_kept_for_the_case_manager_a_few_times_a_day(house: House) -> None:
    one = assigned(house)
    person = house.customer_id
    with pytest.raises(Refused, match="holds_card_number"):
        write(house.ports, house.organisation_id, person, one, WRONG, "my card is 4111111111111111")
    for _ in range(4):
        write(house.ports, house.organisation_id, person, one, WRONG, "The price is not what was said")
    with house.ports.database.read(house.organisation_id) as session:
        assert len(subscriptions.reports_of(session, one)) == 4
    assert row_of(house, one).state == "assigned"
    assert "subscription_wrong" in alarms(house)
    write(house.ports, house.organisation_id, person, one, WRONG, "Once more")
    with pytest.raises(Refused, match="reports_capped"):
        write(house.ports, house.organisation_id, person, one, WRONG, "Again")


def test_a_participant_stops_all_of_it_but_leaves_out_no_single_month(house: House) -> None:
    one = assigned(house, end_on=date(2027, 3, 1))
    _, second, *_ = activated(house, one)
    for act in (cancel_one, skip):
        with pytest.raises(Refused, match="cancel_by_phone"):
            act(house.ports, house.organisation_id, second.id, CUSTOMER)
    with pytest.raises(Refused, match="move_by_phone"):
        move(house.ports, house.organisation_id, second.id, date(2026, 12, 4), CUSTOMER)
    cancel(house.ports, house.organisation_id, row_of(house, one).schedule_id or "", CUSTOMER)
    assert row_of(house, one).state == "cancelled"
    assert "subscription_stopped" in alarms(house)
    lived(house, 40)
    assert len(house.truth()) == 1


def test_the_first_payment_that_was_lost_with_the_process_is_charged_by_the_run(house: House) -> None:
    one = assigned(house, end_on=date(2026, 12, 1))
    assert pay_now(house.ports, house.organisation_id, house.customer_id, one, pressed(house, one)) == {}
    assert due_now(seen_of(house, one)) is not None
    lived(house, 1)
    assert (row_of(house, one).state, len(house.truth())) == ("active", 1)
    lived(house, 30)
    assert (row_of(house, one).state, len(house.truth())) == ("ended", 1), "the day after its program"
