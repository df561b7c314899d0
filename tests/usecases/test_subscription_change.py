"""What staff change about a subscription: nothing is raised, everything has a reason, above a limit two decide."""

from collections import Counter
from datetime import date, timedelta
from functools import partial

import pytest

from portal.domain.refusal import Refused
from portal.domain.subscription import ChangeKind
from portal.storage import audit
from portal.storage import subscription as subscriptions
from portal.storage.subscription import SubscriptionChange
from portal.usecases.account import add_customer
from portal.usecases.schedule_change import cancel, cancel_one, skip
from portal.usecases.subscription_change import ask, decide
from portal.usecases.subscription_report import STOP, write
from portal.usecases.subscription_worth import Line, Wish, lines_of
from tests.rig.house import House
from tests.rig.series import told
from tests.rig.subscriptions import activated, assigned, lived, payments, row_of
from tests.usecases.test_subscription import balance, by_hand


def changed(house: House, one: str, kind: ChangeKind, by: str = "staff:a", **values: object) -> SubscriptionChange:
    wish = Wish(kind, **values)  # type: ignore[arg-type]  # the caller names the field
    return ask(house.ports, house.organisation_id, one, wish, "Hardship, letter of May 2", by)


def running(house: House, months: int = 4) -> str:
    """$70.00 a month from November 2 on, its first month paid."""
    one = assigned(house, end_on=date(2026 + (10 + months) // 12, (10 + months) % 12 + 1, 1))
    assert len(activated(house, one)) == months
    return one


def amounts(house: House, one: str) -> list[tuple[int, str]]:
    return [(each.amount_cents, each.status) for each in payments(house, one)]


def test_a_lowered_and_a_waived_month_are_charged_so_and_told(house: House) -> None:
    one = running(house)
    house.set("subscription_approval_cents", 15_000)
    assert changed(house, one, ChangeKind.reduce, numbers=(2, 3), amount_cents=3_000).state == "done"
    assert changed(house, one, ChangeKind.waive, numbers=(4,)).worth_cents == 7_000
    lived(house, 130)
    assert amounts(house, one) == [(7_000, "paid"), (3_000, "paid"), (3_000, "paid"), (7_000, "cancelled")]
    assert sorted(sale["amount_cents"] for sale in house.truth()) == [3_000, 3_000, 7_000]
    assert (balance(house, one), row_of(house, one).state) == (0, "ended")
    assert Counter(told(house))["subscription_changed"] == 2


def test_a_month_that_is_owed_already_is_owed_less_or_not_at_all(house: House) -> None:
    one = running(house)
    house.simulator.faults("decline_hard", merchant=house.merchant_id)
    lived(house, 31)
    assert balance(house, one) == 7_000
    changed(house, one, ChangeKind.waive, numbers=(2,))
    assert balance(house, one) == 0
    assert amounts(house, one)[1] == (7_000, "cancelled")


def test_once_the_month_that_failed_is_waived_the_others_are_charged_and_it_ends(house: House) -> None:
    one = running(house, months=3)
    house.simulator.faults("decline_hard", merchant=house.merchant_id)
    lived(house, 31)
    assert [status for _, status in amounts(house, one)] == ["paid", "declined", "due"]
    house.simulator.clear_faults()
    changed(house, one, ChangeKind.waive, numbers=(2,))
    lived(house, 70)
    assert [status for _, status in amounts(house, one)] == ["paid", "cancelled", "paid"]
    assert (balance(house, one), row_of(house, one).state) == (0, "ended")


def test_nothing_is_raised_and_nothing_that_was_charged_is_touched(house: House) -> None:
    one = running(house)
    for wrong, code in (
        ({"numbers": (2,), "amount_cents": 7_000}, "change_amount"),
        ({"numbers": (2,), "amount_cents": 0}, "change_amount"),
        ({"numbers": (1,), "amount_cents": 100}, "payment_over"),
        ({"numbers": (9,), "amount_cents": 100}, "payment_unknown"),
        ({"numbers": (), "amount_cents": 100}, "payment_unknown"),
    ):
        with pytest.raises(Refused, match=code):
            changed(house, one, ChangeKind.reduce, **wrong)
    for why, code in (("  ", "change_why"), ("x" * 301, "change_why"), ("card 4111111111111111", "holds_card")):
        with pytest.raises(Refused, match=code):
            ask(house.ports, house.organisation_id, one, Wish(ChangeKind.waive, numbers=(2,)), why, "staff:a")
    assert [cents for cents, _ in amounts(house, one)] == [7_000] * 4


def test_above_the_limit_a_second_person_decides_and_never_the_one_who_asked(house: House) -> None:
    one = running(house)
    waits = changed(house, one, ChangeKind.waive, numbers=(2, 3))
    assert (waits.state, waits.worth_cents) == ("asked", 14_000)
    assert [status for _, status in amounts(house, one)] == ["paid", "due", "due", "due"]
    with house.ports.database.read(house.organisation_id) as session:
        assert "subscription_change_waits" in {each.kind for each in audit.open_alarms(session)}
    with pytest.raises(Refused, match="change_same_person"):
        decide(house.ports, house.organisation_id, waits.id, "staff:a", approve=True)
    assert decide(house.ports, house.organisation_id, waits.id, "staff:b", approve=True).decided_by == "staff:b"
    assert [status for _, status in amounts(house, one)] == ["paid", "cancelled", "cancelled", "due"]
    with pytest.raises(Refused, match="change_decided"):
        decide(house.ports, house.organisation_id, waits.id, "staff:c", approve=False)
    other = changed(house, one, ChangeKind.extend, until=date(2027, 9, 1))
    assert decide(house.ports, house.organisation_id, other.id, "staff:b", approve=False).state == "refused"
    assert row_of(house, one).end_on == date(2027, 3, 1)
    assert Counter(told(house))["subscription_changed"] == 1, "what was not done is not told"


def test_months_waived_one_after_the_other_need_two_people_as_they_would_at_once(house: House) -> None:
    one = running(house, months=8)
    assert changed(house, one, ChangeKind.waive, numbers=(2,)).state == "done"
    waits = changed(house, one, ChangeKind.waive, by="staff:c", numbers=(3,))
    assert (waits.state, waits.worth_cents, waits.facts["alone_cents"]) == ("asked", 7_000, 7_000)
    assert changed(house, one, ChangeKind.reduce, numbers=(3,), amount_cents=4_000).state == "done", "$30.00 are left"
    assert changed(house, one, ChangeKind.reduce, numbers=(4,), amount_cents=6_999).state == "asked"
    assert changed(house, one, ChangeKind.shorten, until=date(2027, 6, 1)).state == "asked"
    assert changed(house, one, ChangeKind.pause).state == "done", "it takes nothing"
    assert changed(house, one, ChangeKind.resume).state == "done"
    assert changed(house, one, ChangeKind.extend, until=date(2027, 8, 1)).state == "done", "what is added counts apart"
    assert changed(house, one, ChangeKind.extend, until=date(2027, 9, 1)).state == "asked"
    house.clock.pass_(days=30)
    again = changed(house, one, ChangeKind.waive, numbers=(5,))
    assert (again.state, again.facts["alone_cents"]) == ("done", 0)


def test_what_two_people_decided_leaves_one_of_them_their_own_limit(house: House) -> None:
    one = running(house)
    waits = changed(house, one, ChangeKind.waive, numbers=(2, 3))
    decide(house.ports, house.organisation_id, waits.id, "staff:b", approve=True)
    assert changed(house, one, ChangeKind.waive, numbers=(4,)).state == "done"


def test_a_door_where_nobody_proves_who_they_are_leaves_what_two_decide_alone(house: House) -> None:
    one = running(house)
    wish = Wish(ChangeKind.waive, numbers=(2, 3))
    with pytest.raises(Refused, match="change_two_people"):
        ask(house.ports, house.organisation_id, one, wish, "Hardship", "cli:a", may_wait=False)
    with house.ports.database.read(house.organisation_id) as session:
        assert subscriptions.changes_of(session, one) == []


def test_what_two_people_approve_is_what_was_asked_by_the_cent_or_it_is_asked_again(house: House) -> None:
    one = running(house)
    house.set("subscription_approval_cents", 6_000)
    waits = changed(house, one, ChangeKind.waive, numbers=(2, 3))
    assert lines_of(waits) == [Line(2, 7_000, 0, 7_000), Line(3, 7_000, 0, 7_000)]
    changed(house, one, ChangeKind.reduce, numbers=(3,), amount_cents=5_000)
    with pytest.raises(Refused, match="change_differs"):
        decide(house.ports, house.organisation_id, waits.id, "staff:b", approve=True)
    assert amounts(house, one) == [(7_000, "paid"), (7_000, "due"), (5_000, "due"), (7_000, "due")]
    assert decide(house.ports, house.organisation_id, waits.id, "staff:b", approve=False).state == "refused"
    again = changed(house, one, ChangeKind.waive, numbers=(2, 3))
    assert again.worth_cents == 12_000
    decide(house.ports, house.organisation_id, again.id, "staff:b", approve=True)
    assert [status for _, status in amounts(house, one)] == ["paid", "cancelled", "cancelled", "due"]


def test_a_month_that_was_paid_in_part_since_it_was_asked_to_be_waived_is_asked_for_again(house: House) -> None:
    one = running(house)
    house.set("subscription_approval_cents", 6_000)
    house.simulator.faults("decline_hard", merchant=house.merchant_id)
    before = changed(house, one, ChangeKind.waive, numbers=(2,))
    lived(house, 31)
    house.simulator.clear_faults()
    assert balance(house, one) == 7_000
    by_hand(house, one, 3_000)
    with pytest.raises(Refused, match="change_differs"):
        decide(house.ports, house.organisation_id, before.id, "staff:b", approve=True)
    after = changed(house, one, ChangeKind.waive, numbers=(2,))
    assert lines_of(after) == [Line(2, 7_000, 0, 4_000)]
    decide(house.ports, house.organisation_id, after.id, "staff:b", approve=True)
    assert (balance(house, one), amounts(house, one)[1]) == (0, (7_000, "cancelled"))


def test_c3_a_longer_program_is_approved_days_after_it_was_asked_for_and_its_dates_follow(house: House) -> None:
    one = running(house, months=2)
    house.clock.pass_(days=56)
    house.set("subscription_approval_cents", 6_000)
    waits = changed(house, one, ChangeKind.extend, until=date(2027, 2, 1))
    house.clock.pass_(days=3)
    decide(house.ports, house.organisation_id, waits.id, "staff:b", approve=True)
    [*_, added] = payments(house, one)
    assert (added.due_on, added.amount_cents) == (date(2026, 12, 31) + timedelta(days=10), 7_000)


def test_months_that_went_by_since_going_on_was_asked_for_are_asked_for_too(house: House) -> None:
    one = running(house)
    changed(house, one, ChangeKind.pause)
    lived(house, 70)
    waits = changed(house, one, ChangeKind.resume)
    lived(house, 31)
    with pytest.raises(Refused, match="change_differs"):
        decide(house.ports, house.organisation_id, waits.id, "staff:b", approve=True)
    assert row_of(house, one).state == "paused"


def test_c3_what_a_longer_program_adds_is_charged_ten_days_after_it_was_told_at_the_earliest(house: House) -> None:
    one = running(house, months=2)
    lived(house, 58)  # two days before the old end
    done = changed(house, one, ChangeKind.extend, until=date(2027, 2, 1))
    assert done.state == "done"
    [*_, added] = payments(house, one)
    assert (added.due_on, added.amount_cents) == (date(2027, 1, 9), 7_000)
    assert added.due_on == date(2026, 12, 30) + timedelta(days=10)
    lived(house, 60)
    assert [status for _, status in amounts(house, one)] == ["paid"] * 3
    assert (len(house.truth()), row_of(house, one).state) == (3, "ended")


def test_a_shorter_program_charges_nothing_after_its_new_end(house: House) -> None:
    one = running(house)
    house.set("subscription_approval_cents", 100_000)
    changed(house, one, ChangeKind.shorten, until=date(2026, 12, 16))
    assert amounts(house, one)[1] == (3_387, "due"), "15 of 31 days"
    lived(house, 120)
    assert [status for _, status in amounts(house, one)] == ["paid", "paid", "cancelled", "cancelled"]
    assert (balance(house, one), row_of(house, one).state) == (0, "ended")
    with pytest.raises(Refused, match="subscription_state"):
        changed(house, one, ChangeKind.shorten, until=date(2026, 12, 10))


def test_a_month_that_is_on_its_way_is_not_cut_for_declined_it_would_be_tried_again_whole(house: House) -> None:
    one = running(house)
    house.set("subscription_approval_cents", 100_000)
    house.simulator.faults("reset_after", merchant=house.merchant_id, operation="sale", times=1)
    lived(house, 30)
    assert amounts(house, one)[1] == (7_000, "charging")
    with pytest.raises(Refused, match="change_under_way"):
        changed(house, one, ChangeKind.shorten, until=date(2026, 12, 16))
    assert [status for _, status in amounts(house, one)] == ["paid", "charging", "due", "due"]
    changed(house, one, ChangeKind.shorten, until=date(2027, 1, 1))
    assert [status for _, status in amounts(house, one)] == ["paid", "charging", "cancelled", "cancelled"]


def test_what_falls_into_a_pause_is_neither_charged_nor_owed_and_the_rest_goes_on(house: House) -> None:
    one = running(house)
    changed(house, one, ChangeKind.pause)
    lived(house, 40)
    assert len(house.truth()) == 1
    changed(house, one, ChangeKind.resume)
    assert [status for _, status in amounts(house, one)] == ["paid", "cancelled", "due", "due"]
    lived(house, 90)
    assert [status for _, status in amounts(house, one)] == ["paid", "cancelled", "paid", "paid"]
    assert (balance(house, one), row_of(house, one).state) == (0, "ended")


def test_days_of_a_month_that_was_paid_whole_are_not_charged_again_when_a_shorter_program_is_made_longer(
    house: House,
) -> None:
    one = running(house, months=2)
    changed(house, one, ChangeKind.shorten, until=date(2026, 11, 16))
    changed(house, one, ChangeKind.extend, until=date(2026, 11, 26))
    assert [status for _, status in amounts(house, one)] == ["paid", "cancelled"], "paid until December 1 already"
    changed(house, one, ChangeKind.extend, until=date(2027, 1, 1))
    [*_, added] = payments(house, one)
    assert (added.due_on, added.amount_cents) == (date(2026, 12, 2), 7_000)
    lived(house, 70)
    assert [sale["amount_cents"] for sale in house.truth()] == [7_000, 7_000]
    assert (balance(house, one), row_of(house, one).state) == (0, "ended")


def test_c3_a_person_is_called_to_tell_a_participant_who_has_no_address(house: House) -> None:
    with house.ports.database.transaction(house.organisation_id) as session:
        person = add_customer(session, reference="C-2", given_name="Bo", family_name="Lee", now=house.clock.at).id
    one = assigned(house, end_on=date(2027, 1, 1), customer_id=person)
    activated(house, one)
    longer, reference = changed(house, one, ChangeKind.extend, until=date(2027, 2, 1)), row_of(house, one).reference
    with house.ports.database.read(house.organisation_id) as session:
        [alarm] = [each for each in audit.open_alarms(session) if each.kind == "subscription_not_told"]
        assert alarm.subject_id == longer.id
        assert alarm.facts == {"reference": reference, "change": "extend"}


def test_a_program_that_was_over_and_goes_on_costs_nothing_for_the_days_between(house: House) -> None:
    one = running(house, months=2)
    changed(house, one, ChangeKind.pause)
    house.clock.pass_(days=121)  # March 3; it ended on January 1 and nobody went on with it
    house.set("subscription_approval_cents", 100_000)
    changed(house, one, ChangeKind.extend, until=date(2027, 4, 1))
    [_, _, added] = payments(house, one)
    assert (added.due_on, added.amount_cents) == (date(2027, 3, 13), 6_774), "30 of 31 days, told ten days before"


def test_no_program_ends_before_it_begins_or_at_the_end_of_the_calendar(house: House) -> None:
    one = assigned(house, start_on=date(2026, 11, 20), end_on=date(2027, 1, 19))
    activated(house, one)
    with pytest.raises(Refused, match="change_dates"):
        changed(house, one, ChangeKind.shorten, until=date(2026, 11, 10))
    with pytest.raises(Refused, match="change_dates"):
        changed(house, one, ChangeKind.extend, until=date(9999, 12, 31))


def test_months_that_a_pause_leaves_out_are_waived_by_two_people_as_well(house: House) -> None:
    one = running(house)
    changed(house, one, ChangeKind.pause)
    lived(house, 70)
    waits = changed(house, one, ChangeKind.resume)
    assert (waits.state, waits.worth_cents) == ("asked", 14_000)
    assert row_of(house, one).state == "paused"
    decide(house.ports, house.organisation_id, waits.id, "staff:b", approve=True)
    assert [status for _, status in amounts(house, one)] == ["paid", "cancelled", "cancelled", "due"]
    assert row_of(house, one).state == "active"


def test_a_cancel_that_gives_up_months_above_the_limit_needs_two_people(house: House) -> None:
    one, short = running(house), running(house, months=2)
    waits = changed(house, one, ChangeKind.cancel)
    assert (waits.state, waits.worth_cents) == ("asked", 21_000)
    assert lines_of(waits) == [Line(number, 7_000, 0, 7_000) for number in (2, 3, 4)]
    assert changed(house, one, ChangeKind.pause).state == "done", "nothing is charged meanwhile"
    decide(house.ports, house.organisation_id, waits.id, "staff:b", approve=True)
    assert [status for _, status in amounts(house, one)] == ["paid", "cancelled", "cancelled", "cancelled"]
    assert changed(house, short, ChangeKind.cancel).worth_cents == 7_000
    assert row_of(house, short).state == "cancelled"


def test_who_asked_to_stop_is_not_kept_for_a_second_person(house: House) -> None:
    one = running(house)
    write(house.ports, house.organisation_id, house.customer_id, one, STOP, "I moved away")
    assert (changed(house, one, ChangeKind.cancel).state, row_of(house, one).state) == ("done", "cancelled")


def test_what_is_owed_already_is_not_given_up_by_a_cancel(house: House) -> None:
    one = running(house)
    house.simulator.faults("decline_hard", merchant=house.merchant_id)
    lived(house, 31)
    waits = changed(house, one, ChangeKind.cancel)
    assert (waits.worth_cents, balance(house, one)) == (14_000, 7_000)
    decide(house.ports, house.organisation_id, waits.id, "staff:b", approve=True)
    assert (row_of(house, one).state, balance(house, one)) == ("cancelled", 7_000)


def test_staff_give_up_no_month_of_a_program_past_its_limit_and_its_reason(house: House) -> None:
    one = running(house)
    wholly = partial(cancel, house.ports, house.organisation_id, row_of(house, one).schedule_id or "", "cli:a")
    alone = (partial(each, house.ports, house.organisation_id, payments(house, one)[1].id, "cli:a")
             for each in (cancel_one, skip))  # fmt: skip
    for work in (wholly, *alone):
        with pytest.raises(Refused, match="payment_of_subscription"):
            work()
    assert [status for _, status in amounts(house, one)] == ["paid", "due", "due", "due"]


def test_a_cancel_charges_nothing_more_and_one_that_waits_can_be_cancelled_too(house: House) -> None:
    one, waiting = running(house, months=2), assigned(house)
    for each in (one, waiting):
        changed(house, each, ChangeKind.cancel)
        assert row_of(house, each).state == "cancelled"
        with pytest.raises(Refused, match="subscription_state"):
            changed(house, each, ChangeKind.cancel)
    lived(house, 60)
    assert len(house.truth()) == 1
