"""AutoPay when something changes between its notice and its charge: a hold, a decline, another card, a lower limit."""

from datetime import timedelta

import pytest

from portal.domain.agreement import dollars
from portal.domain.charge import Outcome, OutcomeKind
from portal.domain.refusal import Refused
from portal.domain.service import EntryKind, Share
from portal.storage import agreement, audit, message
from portal.storage import schedule as schedules
from portal.storage.obligation import Obligation
from portal.usecases import autopay
from portal.usecases.autopay import Wanted
from portal.usecases.autopay_announce import announce
from portal.usecases.charge import apply, claim
from portal.usecases.delivery_log import clear_bounce, mark_bounced
from portal.usecases.objection import Outcome as Resolved
from portal.usecases.objection import Way, object_to, resolve
from portal.usecases.rule import notice_key
from portal.usecases.service import lower_service, raise_service
from tests.rig.autopay import lived, payments, practice, seen_of, turned_on
from tests.rig.house import House
from tests.rig.payment import give_back, settle
from tests.rig.plans import instalments, offered, plan_now, signer
from tests.rig.practice import SOON, balances, charge_of, pay, service_of
from tests.rig.series import attempts_of, told


@pytest.fixture
def owed(house: House) -> str:
    return practice(house)


def announced(house: House, account_id: str, cents: int) -> Obligation:
    service_of(house, account_id, cents)
    lived(house, 4)
    return payments(house, account_id)[-1]


def to_its_date(house: House, due: Obligation) -> None:
    """Its hour has come, and nobody has looked yet."""
    house.clock.at = due.due_at


def declined_on_the_way(house: House, due: Obligation, code: str = "2000", kind: str = "soft_declined") -> None:
    claimed = claim(house.ports, house.organisation_id, due.id, SOON)
    apply(house.ports, claimed, Outcome(OutcomeKind.declined, processor_code=code, processor_type=kind))


def status_of(house: House, due: Obligation) -> str:
    with house.ports.database.read(house.organisation_id) as session:
        plan = schedules.by_id(session, due.subject_id)
    assert plan is not None
    return plan.status


def test_what_is_skipped_on_the_way_and_then_declined_is_not_announced_again(house: House, owed: str) -> None:
    turned_on(house, owed)
    due = announced(house, owed, 10_000)
    to_its_date(house, due)
    claimed = claim(house.ports, house.organisation_id, due.id, SOON)
    assert not autopay.leave_out(house.ports, house.organisation_id, house.customer_id, owed, due.id)
    apply(house.ports, claimed, Outcome(OutcomeKind.declined, processor_code="2000", processor_type="soft_declined"))
    lived(house, 5)
    assert [each.status for each in payments(house, owed)] == ["cancelled"]
    assert house.truth() == []


@pytest.mark.parametrize("held_by", ["dispute", "charging_enabled"])
def test_c3_what_was_held_past_its_date_is_announced_anew_before_it_is_charged(
    house: House, owed: str, held_by: str
) -> None:
    turned_on(house, owed)
    first = announced(house, owed, 10_000)
    if held_by == "dispute":
        object_to(house.ports, house.organisation_id, owed, "It was never held.", Way.phone, "test")
    else:
        house.set(held_by, value=False)
    lived(house, 40, step_hours=96)
    if held_by == "dispute":
        resolve(house.ports, house.organisation_id, owed, Resolved.verified, "Sent the bill.", "test")
    else:
        house.set(held_by, value=True)
    lived(house, 2)
    assert house.truth() == [], "the notice named a day that is a month ago"
    assert told(house).count("payment_not_charged") == 1
    old, new = payments(house, owed)
    assert (old.id, old.status, old.refused_code) == (first.id, "cancelled", "notice_stale")
    assert new.due_on is not None
    assert new.due_on >= house.clock.at.date() + timedelta(days=8)
    lived(house, 14)
    assert [sale["amount_cents"] for sale in house.truth()] == [10_000]


def test_a_short_outage_past_the_date_needs_no_new_notice(house: House, owed: str) -> None:
    turned_on(house, owed)
    due = announced(house, owed, 10_000)
    to_its_date(house, due)
    house.clock.pass_(days=3)
    lived(house, 0.5)
    assert [sale["amount_cents"] for sale in house.truth()] == [10_000]


def test_c3_a_notice_that_cannot_be_in_time_any_more_does_not_leave(house: House, owed: str) -> None:
    turned_on(house, owed)
    service_of(house, owed, 10_000)
    house.clock.pass_(days=4)
    announce(house.ports)
    [due] = payments(house, owed)
    object_to(house.ports, house.organisation_id, owed, "It was never held.", Way.phone, "test")
    house.clock.pass_(days=1)
    resolve(house.ports, house.organisation_id, owed, Resolved.verified, "Sent the bill.", "test")
    house.clock.pass_(hours=2)
    told(house)
    with house.ports.database.read(house.organisation_id) as session:
        notice = message.by_dedupe_key(session, notice_key(due.id))
    assert notice is not None
    assert (notice.state, notice.held_by) == ("stopped", "payment_over")
    lived(house, 12)
    assert [each.refused_code for each in payments(house, owed)] == ["notice_missing", None]
    assert house.truth() == []


def test_c4_a_lower_limit_holds_for_what_waits_to_be_tried_again(house: House, owed: str) -> None:
    card = house.card_on_file()
    turned_on(house, owed, 20_000, card)
    due = announced(house, owed, 15_000)
    to_its_date(house, due)
    declined_on_the_way(house, due)
    turned_on(house, owed, 10_000, card)
    lived(house, 6)
    assert len(attempts_of(house, due.id)) == 1
    assert [each.status for each in payments(house, owed)] == ["declined"]
    assert house.truth() == []


def test_c4_a_lower_limit_holds_for_what_is_being_sent_and_then_declined(house: House, owed: str) -> None:
    card = house.card_on_file()
    turned_on(house, owed, 20_000, card)
    due = announced(house, owed, 15_000)
    to_its_date(house, due)
    claimed = claim(house.ports, house.organisation_id, due.id, SOON)
    turned_on(house, owed, 10_000, card)
    apply(house.ports, claimed, Outcome(OutcomeKind.declined, processor_code="2000", processor_type="soft_declined"))
    lived(house, 6)
    assert house.truth() == []


def test_c4_another_card_is_not_charged_above_the_limit_for_what_had_failed(house: House, owed: str) -> None:
    turned_on(house, owed, 20_000)
    due = announced(house, owed, 15_000)
    to_its_date(house, due)
    declined_on_the_way(house, due)
    wanted = Wanted(house.card_on_file("5555555555554444"), 10_000)
    assert autopay.failed_cents(seen_of(house, owed), wanted) == 0
    turned_on(house, owed, wanted.limit_cents, wanted.method)
    row = seen_of(house, owed).row
    assert row is not None
    with house.ports.database.read(house.organisation_id) as session:
        sealed = agreement.by_id(session, row.agreement_id)
    assert sealed is not None
    assert dollars(15_000) not in sealed.text
    lived(house, 6)
    assert house.truth() == []
    assert told(house).count("autopay_above_limit") == 1


def test_another_card_goes_on_where_the_practice_ends_what_failed_for_good(house: House, owed: str) -> None:
    house.set("after_last_failure", "cancel")
    turned_on(house, owed)
    due = announced(house, owed, 10_000)
    to_its_date(house, due)
    declined_on_the_way(house, due, "2004", "hard_declined")
    assert status_of(house, due) == "cancelled"
    two = service_of(house, owed, 5_000)
    lived(house, 5)
    assert len(payments(house, owed)) == 1, "nothing new on the card that was declined"
    turned_on(house, owed, method=house.card_on_file("5555555555554444"))
    lived(house, 14)
    assert balances(house, owed)[two] == 0
    assert [sale["amount_cents"] for sale in house.truth()] == [5_000]


def test_m12_what_is_declined_after_the_card_was_replaced_is_tried_again_on_the_new_one(
    house: House, owed: str
) -> None:
    turned_on(house, owed)
    due = announced(house, owed, 10_000)
    to_its_date(house, due)
    claimed = claim(house.ports, house.organisation_id, due.id, SOON)
    other = house.card_on_file("5555555555554444")
    turned_on(house, owed, method=other)
    apply(house.ports, claimed, Outcome(OutcomeKind.declined, processor_code="2000", processor_type="soft_declined"))
    lived(house, 6)
    first, second = attempts_of(house, due.id)
    assert (first.state, second.state) == ("declined", "succeeded")
    assert second.payment_method_id == other, "the last card is no card of AutoPay any more"
    [paid] = payments(house, owed)
    row = seen_of(house, owed).row
    assert row is not None
    assert (paid.status, paid.agreement_id) == ("paid", row.agreement_id)


def test_what_a_signed_plan_pays_in_instalments_is_not_announced_as_well(house: House, owed: str) -> None:
    turned_on(house, owed, 50_000)
    service_of(house, owed, 30_000)
    plan = offered(house, account_id=owed)
    signer(house, plan).read().sign()
    lived(house, 1)
    two = service_of(house, owed, 5_000)
    lived(house, 5)
    parts = {each.id for each in instalments(house, plan_now(house, plan.id))}
    [announced_now] = [each for each in payments(house, owed) if each.id not in parts]
    assert announced_now.amount_cents == 5_000, "what is new since the signature, and nothing else"
    assert balances(house, owed)[two] == 5_000


def by_hand_and_back(house: House, account_id: str, shares: dict[str, int], back: dict[str, int]) -> None:
    """The client pays by hand, the payment settles, and this much of it is given back."""
    paid, _ = pay(house, account_id, shares)
    taken = charge_of(house, paid)
    settle(house, str(taken.gateway_id))
    house.clock.pass_(hours=1)
    parts = tuple(Share(*each) for each in back.items())
    give_back(house, taken.id, sum(back.values()), shares=parts if len(shares) > 1 else ())
    house.clock.pass_(hours=1)


def taken_by_autopay(house: House, account_id: str) -> list[int]:
    paid = [due for due in payments(house, account_id) if due.status == "paid"]
    return [charge_of(house, due.id).amount_cents for due in paid]


def test_what_was_paid_by_hand_and_given_back_is_not_taken_by_the_payment_that_was_announced(
    house: House, owed: str
) -> None:
    turned_on(house, owed)
    due = announced(house, owed, 10_000)
    [one] = balances(house, owed)
    by_hand_and_back(house, owed, {one: 10_000}, {one: 4_000})
    [coming] = seen_of(house, owed).coming
    assert (coming.expected_cents, coming.given_back_cents) == (0, 4_000)
    house.clock.at = due.due_at + timedelta(minutes=1)
    with pytest.raises(Refused, match="given_back"):
        claim(house.ports, house.organisation_id, due.id, SOON)  # the run, before a look
    [ended] = payments(house, owed)
    assert (ended.status, ended.refused_code) == ("cancelled", "given_back")
    lived(house, 20)
    assert told(house).count("payment_not_charged") == 1
    assert len(payments(house, owed)) == 1
    assert balances(house, owed) == {one: 4_000}


def test_what_was_given_back_of_one_service_is_not_taken_of_it_and_the_others_are_paid(house: House, owed: str) -> None:
    turned_on(house, owed)
    one, two, three = (service_of(house, owed, cents) for cents in (10_000, 5_000, 3_000))
    lived(house, 4)
    by_hand_and_back(house, owed, {one: 6_000, two: 5_000}, {one: 6_000, two: 1_000})
    [coming] = seen_of(house, owed).coming
    assert (coming.expected_cents, coming.given_back_cents) == (7_000, 7_000)
    lived(house, 20)
    assert taken_by_autopay(house, owed) == [7_000]
    assert balances(house, owed) == {one: 6_000, two: 1_000, three: 0}


def test_what_lowers_a_service_after_money_was_given_back_for_it_is_taken_off_that_first(
    house: House, owed: str
) -> None:
    turned_on(house, owed)
    announced(house, owed, 10_000)
    [one] = balances(house, owed)
    by_hand_and_back(house, owed, {one: 6_000}, {one: 6_000})
    with house.ports.database.transaction(house.organisation_id) as session:
        lower_service(session, one, 5_000, EntryKind.insurance, now=house.clock.at, by="test")
    lived(house, 20)
    assert taken_by_autopay(house, owed) == [4_000]
    assert balances(house, owed) == {one: 1_000}


def test_a_payment_of_autopay_itself_is_not_taken_off_what_was_given_back(house: House, owed: str) -> None:
    turned_on(house, owed)
    announced(house, owed, 6_000)
    [one] = balances(house, owed)
    with house.ports.database.transaction(house.organisation_id) as session:
        raise_service(session, one, 4_000, EntryKind.fee, now=house.clock.at, by="test")
    lived(house, 4)
    assert [due.amount_cents for due in payments(house, owed)] == [6_000, 4_000]
    by_hand_and_back(house, owed, {one: 3_000}, {one: 3_000})
    lived(house, 20)
    assert taken_by_autopay(house, owed) == [6_000, 1_000]
    assert balances(house, owed) == {one: 3_000}


def test_above_what_one_payment_may_be_the_client_is_asked_and_a_small_rest_is_charged_whole(
    house: House, owed: str
) -> None:
    turned_on(house, owed, 20_000)
    house.set("maximum_payment_cents", 10_000)
    house.set("minimum_payment_cents", 500)
    one = service_of(house, owed, 10_001)
    lived(house, 4)
    assert payments(house, owed) == []
    assert told(house).count("autopay_above_limit") == 1
    [asked] = seen_of(house, owed).asked
    assert asked.services == [one]
    two = service_of(house, owed, 499)  # below the minimum a balance may be paid whole, as by hand
    lived(house, 16)
    assert balances(house, owed) == {one: 10_001, two: 0}


def test_an_address_that_was_refused_for_good_is_one_alarm_that_stands_and_nothing_is_announced_or_charged(
    house: House, owed: str
) -> None:
    turned_on(house, owed)
    due = announced(house, owed, 10_000)
    with house.ports.database.transaction(house.organisation_id) as session:
        notice = message.by_dedupe_key(session, notice_key(due.id))
        assert notice is not None
        mark_bounced(session, notice, "message_refused_550_5.1.1", house.clock.at)
        notice.state, notice.sent_at, address = "failed", None, notice.recipient
    lived(house, 40, step_hours=24)
    assert [each.refused_code for each in payments(house, owed)] == ["notice_missing"]
    assert not seen_of(house, owed).is_reached
    with house.ports.database.transaction(house.organisation_id) as session:
        assert [each.kind for each in audit.open_alarms(session)] == ["autopay_not_told"]
        clear_bounce(session, "email", address, "test", house.clock.at)
    lived(house, 14)
    assert [each.status for each in payments(house, owed)] == ["cancelled", "paid"]
    with house.ports.database.read(house.organisation_id) as session:
        assert audit.open_alarms(session) == []
