"""AutoPay: by the client's own choice, announced, never more than was announced, and over with one press."""

from datetime import date, timedelta

import pytest

from portal.domain.autopay import NOTICE_DAYS_MAX, NOTICE_DAYS_MIN, charge_on, next_telling
from portal.domain.due_date import WeekendRule, working_days_before
from portal.domain.refusal import Refused
from portal.domain.service import EntryKind
from portal.storage import agreement, audit, customer, message
from portal.storage import autopay as autopays
from portal.storage import payment_method as methods
from portal.usecases import autopay
from portal.usecases.autopay import Wanted
from portal.usecases.objection import Way, object_to
from portal.usecases.remove_method import remove_method
from portal.usecases.schedule import card_on_file
from portal.usecases.schedule_card import card_change_shown, put_in
from portal.usecases.schedule_change import CUSTOMER, move
from portal.usecases.service import lower_service, raise_service
from tests.rig.autopay import BROWSER, digest_of, lived, payments, practice, seen_of, turned_on
from tests.rig.house import House
from tests.rig.payment import give_back
from tests.rig.practice import balances, charge_of, service_of
from tests.rig.practice import pay as pay_by_hand
from tests.rig.series import told

REFUSED_CARD = "4000111111111115"


@pytest.fixture
def owed(house: House) -> str:
    return practice(house)


def off(house: House, account_id: str) -> bool:
    return autopay.turn_off(house.ports, house.organisation_id, house.customer_id, account_id)


def skip(house: House, account_id: str, obligation_id: str) -> bool:
    return autopay.leave_out(house.ports, house.organisation_id, house.customer_id, account_id, obligation_id)


def lower(house: House, service_id: str, cents: int) -> None:
    with house.ports.database.transaction(house.organisation_id) as session:
        lower_service(session, service_id, cents, EntryKind.insurance, now=house.clock.at, by="test")


def test_a_new_service_is_announced_when_it_is_quiet_and_charged_ten_days_later(house: House, owed: str) -> None:
    before = service_of(house, owed, 9_000)
    house.clock.pass_(hours=1)
    turned_on(house, owed)
    house.clock.pass_(hours=1)
    one = service_of(house, owed, 15_000, insurance_cents=3_000)
    lived(house, 2.5)
    assert payments(house, owed) == []  # not quiet yet
    lived(house, 1.5)
    [due] = payments(house, owed)
    assert (due.amount_cents, due.status, due.source) == (12_000, "due", "unscheduled")
    assert due.due_on is not None
    assert due.due_on >= house.clock.at.date() + timedelta(days=9)
    assert "autopay_upcoming" in told(house)
    lived(house, 9)
    assert house.truth() == []
    lived(house, 4)
    [sale] = house.truth()
    assert sale["amount_cents"] == 12_000
    assert charge_of(house, due.id).source == "unscheduled"
    assert balances(house, owed) == {before: 9_000, one: 0}
    assert "receipt" in told(house)


def test_c1_c52_nothing_is_on_before_the_text_was_shown_and_the_box_ticked(house: House, owed: str) -> None:
    wanted = Wanted(house.card_on_file(), 20_000)
    with pytest.raises(Refused, match="autopay_tick_missing"):
        turned_on(house, owed, method=wanted.method, ticked=False)
    with pytest.raises(Refused, match="agreement_changed"):
        turned_on(house, owed, method=wanted.method, digest="of another text")
    assert seen_of(house, owed).row is None
    digest = digest_of(house, owed, wanted)
    one = turned_on(house, owed, method=wanted.method)
    assert turned_on(house, owed, method=wanted.method) == one  # pressed twice
    row = seen_of(house, owed).row
    assert row is not None
    with house.ports.database.read(house.organisation_id) as session:
        sealed = agreement.by_id(session, row.agreement_id)
    assert sealed is not None
    assert sealed.text_sha256 == digest
    assert "$200.00" in sealed.text
    assert "1111" in sealed.text


def test_autopay_is_off_until_the_practice_has_it_and_needs_an_address(house: House, owed: str) -> None:
    house.set("autopay", value=False)
    with pytest.raises(Refused, match="autopay_not_offered"):
        turned_on(house, owed)
    house.set("autopay", value=True)
    with house.ports.database.transaction(house.organisation_id) as session:
        person = customer.by_id(session, house.customer_id)
        assert person is not None
        person.email = None
    with pytest.raises(Refused, match="autopay_email_missing"):
        turned_on(house, owed)


def test_c3_a_lower_amount_is_charged_as_it_is_and_a_higher_one_is_announced_anew(house: House, owed: str) -> None:
    turned_on(house, owed)
    one, two = service_of(house, owed, 10_000), service_of(house, owed, 5_000)
    lived(house, 4)
    [due] = payments(house, owed)
    assert due.amount_cents == 15_000
    lower(house, one, 4_000)
    with house.ports.database.transaction(house.organisation_id) as session:
        raise_service(session, two, 2_000, EntryKind.fee, now=house.clock.at, by="test")
    lived(house, 12)
    first, second = payments(house, owed)
    assert (first.status, second.amount_cents, second.status) == ("paid", 2_000, "due")
    assert [sale["amount_cents"] for sale in house.truth()] == [11_000]
    assert balances(house, owed) == {one: 0, two: 2_000}
    lived(house, 12)
    assert sorted(sale["amount_cents"] for sale in house.truth()) == [2_000, 11_000]


def test_what_is_paid_by_hand_meanwhile_is_not_charged(house: House, owed: str) -> None:
    turned_on(house, owed)
    one, two = service_of(house, owed, 10_000), service_of(house, owed, 5_000)
    lived(house, 4)
    pay_by_hand(house, owed, {one: 10_000})
    [coming] = seen_of(house, owed).coming
    assert coming.expected_cents == 5_000
    pay_by_hand(house, owed, {two: 5_000})
    lived(house, 1)
    [due] = payments(house, owed)
    assert (due.status, due.refused_code) == ("cancelled", "nothing_owed")
    assert told(house).count("payment_not_charged") == 1, "who was told of a debit hears that it does not come"
    lived(house, 14)
    assert sum(int(str(sale["amount_cents"])) for sale in house.truth()) == 15_000


def test_above_the_limit_nothing_is_charged_and_the_client_is_asked_once(house: House, owed: str) -> None:
    turned_on(house, owed, 10_000)
    one = service_of(house, owed, 10_001)
    lived(house, 20)
    assert (payments(house, owed), house.truth()) == ([], [])
    assert told(house).count("autopay_above_limit") == 1
    [asked] = seen_of(house, owed).asked
    assert asked.services == [one]
    two = service_of(house, owed, 10_000)  # what they were asked about stays theirs; what is new is not held up by it
    lived(house, 16)
    assert balances(house, owed) == {one: 10_001, two: 0}
    pay_by_hand(house, owed, {one: 10_001})
    assert seen_of(house, owed).asked == ()


def test_p1_c4_off_is_off_at_once_and_nothing_more_is_debited(house: House, owed: str) -> None:
    turned_on(house, owed)
    one = service_of(house, owed, 10_000)
    lived(house, 4)
    assert off(house, owed)
    assert not off(house, owed)
    [due] = payments(house, owed)
    assert (due.status, due.refused_code) == ("cancelled", "cancelled_by_customer")
    lived(house, 20)
    assert (house.truth(), balances(house, owed)) == ([], {one: 10_000})
    assert told(house).count("autopay_off") == 1
    turned_on(house, owed)
    lived(house, 20)
    assert house.truth() == []  # what was owed before is theirs


def test_a_payment_that_is_skipped_stays_owed_and_is_not_announced_again(house: House, owed: str) -> None:
    turned_on(house, owed)
    house.set("customer_may_cancel", value=False)  # stopping is always theirs (Reg E 1005.10(c))
    one = service_of(house, owed, 10_000)
    lived(house, 4)
    [due] = payments(house, owed)
    assert skip(house, owed, due.id)
    assert not skip(house, owed, due.id)
    two = service_of(house, owed, 5_000)
    lived(house, 16)
    assert balances(house, owed) == {one: 10_000, two: 0}
    assert told(house).count("payment_cancelled") == 1


def test_nobody_turns_off_or_skips_what_is_another_customers(house: House, owed: str) -> None:
    turned_on(house, owed)
    service_of(house, owed, 10_000)
    lived(house, 4)
    [due] = payments(house, owed)
    with pytest.raises(Refused, match="account_unknown"):
        autopay.turn_off(house.ports, house.organisation_id, "f" * 32, owed)
    with pytest.raises(Refused, match="account_unknown"):
        autopay.leave_out(house.ports, house.organisation_id, "f" * 32, owed, due.id)
    other = house.account(0)
    with pytest.raises(Refused, match="payment_unknown"):
        skip(house, other, due.id)


@pytest.mark.parametrize("switch", ["autopay", "pay_services"])
def test_nothing_is_charged_while_the_practice_has_it_off_and_it_is_announced_anew_later(
    house: House, owed: str, switch: str
) -> None:
    turned_on(house, owed)
    service_of(house, owed, 10_000)
    lived(house, 4)
    house.set(switch, value=False)
    lived(house, 14)
    [due] = payments(house, owed)
    assert (due.status, due.refused_code, house.truth()) == ("cancelled", "autopay_off", [])
    assert told(house).count("payment_not_charged") == 1
    house.set(switch, value=True)
    lived(house, 1)
    assert [each.status for each in payments(house, owed)] == ["cancelled", "due"]
    lived(house, 13)
    assert len(house.truth()) == 1


def test_c3_without_its_notice_nothing_is_charged(house: House, owed: str) -> None:
    turned_on(house, owed)
    service_of(house, owed, 10_000)
    lived(house, 3)
    house.set("quiet_hours", value=False)
    [due] = payments(house, owed)
    with house.ports.database.transaction(house.organisation_id) as session:
        row = message.by_dedupe_key(session, f"autopay_upcoming:{due.id}")
        assert row is not None
        row.sent_at = house.clock.at + timedelta(days=5)  # the mail server was away until then
    lived(house, 14)
    first = payments(house, owed)[0]
    assert (first.status, first.refused_code, house.truth()) == ("cancelled", "notice_missing", [])
    assert told(house).count("payment_not_charged") == 1, "it did leave, too late"
    assert payments(house, owed)[1].status == "due"


def test_c3_a_payment_is_put_off_but_never_brought_forward(house: House, owed: str) -> None:
    house.set("move_days_max", 10)
    turned_on(house, owed)
    service_of(house, owed, 10_000)
    lived(house, 4)
    [due] = payments(house, owed)
    assert due.due_on is not None
    with pytest.raises(Refused, match="move_before_notice"):
        move(house.ports, house.organisation_id, due.id, due.due_on - timedelta(days=5), CUSTOMER)
    later = move(house.ports, house.organisation_id, due.id, due.due_on + timedelta(days=3), CUSTOMER)
    lived(house, 17)
    assert payments(house, owed)[0].status == "paid"
    assert later > due.due_on


def test_a_declined_card_stops_what_would_follow_until_there_is_another(house: House, owed: str) -> None:
    turned_on(house, owed, 300_000)
    one = service_of(house, owed, 204_600)  # the amount decides at the simulator: a hard decline
    lived(house, 16)
    [due] = payments(house, owed)
    assert due.status == "declined" or due.retries, due.status
    assert "payment_declined" in told(house)
    two = service_of(house, owed, 5_000)
    lived(house, 8)
    assert len(payments(house, owed)) == 1
    lower(house, one, 104_600)
    other = house.card_on_file("5555555555554444")
    with house.ports.database.transaction(house.organisation_id) as session:
        card = methods.owned_by(session, other, house.customer_id)
        assert card is not None
        text = card_change_shown(session, due.subject_id, card_on_file(card), "en", house.clock.at)
        _, retried = put_in(session, due.subject_id, card_on_file(card), card, text.digest, BROWSER, house.clock.at)
    assert retried == [due.id]
    row = seen_of(house, owed).row
    assert row is not None
    assert row.payment_method_id == other  # for all that comes
    lived(house, 16)
    assert balances(house, owed) == {one: 0, two: 0}


def test_c11_a_card_that_its_holder_had_stopped_is_announced_nothing_until_it_is_authorized_again(
    house: House, owed: str
) -> None:
    card = house.card_on_file()
    turned_on(house, owed, method=card)
    service_of(house, owed, 10_000)
    house.clock.pass_(hours=1)
    with house.ports.database.transaction(house.organisation_id) as session:
        row = methods.owned_by(session, card, house.customer_id)
        assert row is not None
        row.stopped_at = house.clock.at  # by a payment of something else
    assert seen_of(house, owed).is_stopped
    lived(house, 5)
    assert payments(house, owed) == []
    house.clock.pass_(hours=1)
    turned_on(house, owed, method=card)
    assert not seen_of(house, owed).is_stopped
    lived(house, 15)
    assert [each.status for each in payments(house, owed)] == ["paid"]


def test_without_an_address_any_more_a_person_is_called_and_nothing_is_charged(house: House, owed: str) -> None:
    turned_on(house, owed)
    service_of(house, owed, 10_000)

    def address(email: str | None) -> None:
        with house.ports.database.transaction(house.organisation_id) as session:
            person = customer.by_id(session, house.customer_id)
            assert person is not None
            person.email = email

    def is_called() -> bool:
        with house.ports.database.read(house.organisation_id) as session:
            return "autopay_not_told" in {each.kind for each in audit.open_alarms(session)}

    address(None)
    lived(house, 5)
    assert (payments(house, owed), is_called()) == ([], True)
    address("ada@example.com")
    lived(house, 1)
    assert (len(payments(house, owed)), is_called()) == (1, False)


def test_a_card_that_autopay_needs_is_not_removed(house: House, owed: str) -> None:
    card = house.card_on_file()
    turned_on(house, owed, method=card)
    with pytest.raises(Refused, match="method_needed_by_autopay"):
        remove_method(house.ports, house.organisation_id, house.customer_id, card)
    off(house, owed)
    remove_method(house.ports, house.organisation_id, house.customer_id, card)


def test_what_was_given_back_is_never_taken_again_by_itself(house: House, owed: str) -> None:
    turned_on(house, owed)
    one = service_of(house, owed, 10_000)
    lived(house, 16)
    [due] = payments(house, owed)
    give_back(house, charge_of(house, due.id).id)
    assert balances(house, owed) == {one: 10_000}
    lived(house, 20)
    assert len(payments(house, owed)) == 1


def test_a_lower_limit_ends_what_was_announced_above_it_and_seals_anew(house: House, owed: str) -> None:
    card = house.card_on_file()
    turned_on(house, owed, 20_000, card)
    before = seen_of(house, owed).row
    service_of(house, owed, 15_000)
    lived(house, 4)
    turned_on(house, owed, 10_000, card)
    after = seen_of(house, owed).row
    assert before is not None
    assert after is not None
    assert (after.id, after.limit_cents) == (before.id, 10_000)
    assert after.agreement_id != before.agreement_id
    lived(house, 14)
    assert house.truth() == []
    assert told(house).count("autopay_above_limit") == 1


def test_a_disputed_account_is_left_alone(house: House, owed: str) -> None:
    turned_on(house, owed)
    service_of(house, owed, 10_000)
    object_to(house.ports, house.organisation_id, owed, "It was never held.", Way.phone, "test")
    lived(house, 8)
    assert payments(house, owed) == []


@pytest.mark.parametrize("days", range(NOTICE_DAYS_MIN, NOTICE_DAYS_MAX + 1))
@pytest.mark.parametrize("rule", WeekendRule)
def test_c3_c22_every_day_of_two_years_has_a_date_within_both_laws(days: int, rule: WeekendRule) -> None:
    for step in range(730):
        told_on = date(2026, 1, 1) + timedelta(days=step)
        due_on = charge_on(told_on, days, rule)
        assert (due_on - told_on).days >= 10
        assert working_days_before(due_on, 10) <= told_on <= working_days_before(due_on, 3), (told_on, due_on)


def test_nothing_is_announced_by_night(house: House, owed: str) -> None:
    turned_on(house, owed)
    service_of(house, owed, 10_000)
    now = house.clock.at.replace(hour=4)
    assert next_telling(now, "America/Chicago") == house.clock.at.replace(hour=15)
    assert next_telling(house.clock.at, "America/Chicago") == house.clock.at
    assert next_telling(house.clock.at.replace(hour=23), "America/Chicago") == house.clock.at.replace(
        hour=15
    ) + timedelta(days=1)


def test_at_most_one_is_on_for_an_account(house: House, owed: str) -> None:
    turned_on(house, owed)
    with house.ports.database.read(house.organisation_id) as session:
        assert [row.account_id for row in autopays.on_of_customer(session, house.customer_id)] == [owed]
