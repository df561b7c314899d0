"""Services follow every move of their account: recorded, paid, given back, and never paid beyond their fee."""

from datetime import timedelta

import pytest
from sqlalchemy.exc import IntegrityError

from portal.domain.refusal import Refused
from portal.domain.service import EntryKind, Figures, ServiceFacts, Share
from portal.storage import account, obligation
from portal.storage import service as services
from portal.usecases.account import add_customer
from portal.usecases.charge import apply, charge_obligation, claim, send
from portal.usecases.invariants import check_account
from portal.usecases.ledger import free_cents, lower_balance
from portal.usecases.patient import add_patient
from portal.usecases.service import correct_service, facts_of, lower_service, raise_service, record_service
from portal.usecases.share import for_obligation
from tests.rig.house import House
from tests.rig.payment import balance_of, give_back, settle
from tests.rig.practice import (
    SOON,
    balances,
    charge_of,
    due_for,
    figures_of,
    patient_of,
    pay,
    provider_of,
    service_of,
)
from tests.rig.racers import race
from tests.rig.series import go_to, payments_of, scheduled, told, weekly


def sound(house: House, account_id: str) -> None:
    assert check_account(house.ports, house.organisation_id, account_id) == []


def test_a_service_is_owed_by_its_account_from_the_moment_it_is_recorded(house: House) -> None:
    owed = house.account(0)
    first = service_of(house, owed, 15_000, insurance_cents=6_000, adjustment_cents=1_000)
    second = service_of(house, owed, 12_000)
    assert balances(house, owed) == {first: 8_000, second: 12_000}
    assert figures_of(house, owed)[first] == Figures(15_000, 6_000, 1_000, 0)
    assert balance_of(house, owed) == 20_000
    sound(house, owed)


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"patient_id": "0" * 32}, "patient_unknown"),
        ({"account_id": "0" * 32}, "account_unknown"),
        ({"provider_id": "0" * 32}, "provider_unknown"),
        ({"fee_cents": 0}, "service_fee"),
        ({"fee_cents": -1}, "service_fee"),
        ({"fee_cents": 9_223_372_036_854_775_807}, "service_fee"),
        ({"insurance_cents": 10_000, "adjustment_cents": 1}, "service_below_zero"),
        ({"performed_on": timedelta(days=2)}, "service_in_future"),
        ({"reference": "<b>"}, "reference_unreadable"),
    ],
)
def test_a_service_that_cannot_be_is_refused_and_leaves_nothing(
    house: House, wrong: dict[str, object], code: str
) -> None:
    owed, treated, treats = house.account(0), patient_of(house), provider_of(house)
    said = {"account_id": owed, "patient_id": treated, "reference": "S-1", "fee_cents": 10_000} | {
        name: value for name, value in wrong.items() if name not in {"provider_id", "performed_on"}
    }
    ahead = wrong.get("performed_on", timedelta())
    assert isinstance(ahead, timedelta)
    facts = ServiceFacts(house.clock.at.date() + ahead, str(wrong.get("provider_id", treats)), "90837")
    with pytest.raises(Refused) as refused, house.ports.database.transaction(house.organisation_id) as session:
        record_service(session, facts=facts, now=house.clock.at, by="test", **said)  # type: ignore[arg-type]  # by case
    assert refused.value.code == code
    assert balances(house, owed) == {}
    assert balance_of(house, owed) == 0


def test_a_patient_of_another_customer_is_not_treated_on_this_account(house: House) -> None:
    owed = house.account(0)
    with house.ports.database.transaction(house.organisation_id) as session:
        other = add_customer(session, reference="C-2", given_name="Bo", family_name="Lee", now=house.clock.at)
        stranger = add_patient(
            session, other.id, "P-2", given_name="Bo", family_name="Lee", now=house.clock.at, by="test"
        ).id
    with pytest.raises(Refused, match="patient_unknown"):
        service_of(house, owed, 10_000, stranger)


def test_what_a_service_was_can_be_corrected_and_what_was_said_before_stays(house: House) -> None:
    owed = house.account(0)
    one = service_of(house, owed, 10_000, code="90834")
    with house.ports.database.transaction(house.organisation_id) as session:
        before = facts_of(services.latest_detail(session, one))
        facts = ServiceFacts(before.performed_on, before.provider_id, "90837", ("95",), diagnoses=("F33.1",))
        correct_service(session, one, facts, now=house.clock.at, by="test")
    with house.ports.database.read(house.organisation_id) as session:
        assert [row.code for row in services.details_of(session, one)] == ["90834", "90837"]
        [(row, detail, _, _)] = services.lines_of(session, [one])
    assert (row.version, detail.modifiers, row.balance_cents) == (2, ["95"], 10_000)


def test_a_payment_for_chosen_services_pays_them_and_no_older_one(house: House) -> None:
    owed = house.account(0)
    oldest, second, third = (service_of(house, owed, 10_000, days_ago=days) for days in (30, 20, 10))
    due, result = pay(house, owed, {third: 10_000, second: 4_000})
    assert result.obligation_status == "paid"
    assert balances(house, owed) == {oldest: 10_000, second: 6_000, third: 0}
    assert balance_of(house, owed) == 16_000
    paid = charge_of(house, due)
    with house.ports.database.read(house.organisation_id) as session:
        entries = services.entries_of_charges(session, [paid.id])
    assert {(each.service_id, each.change_cents) for each in entries} == {(third, -10_000), (second, -4_000)}
    sound(house, owed)


def test_a_payment_on_the_account_as_a_whole_pays_the_oldest_services_first(house: House) -> None:
    owed = house.account(0)
    old, new = service_of(house, owed, 10_000, days_ago=30), service_of(house, owed, 10_000)
    due = house.obligation(owed, 13_000, payment_method_id=house.card_on_file())
    charge_obligation(house.ports, house.organisation_id, due, SOON)
    assert balances(house, owed) == {old: 0, new: 7_000}
    sound(house, owed)


def test_a_balance_from_before_the_first_service_is_paid_after_them(house: House) -> None:
    owed = house.account(5_000)
    one = service_of(house, owed, 10_000)
    due = house.obligation(owed, 12_000, payment_method_id=house.card_on_file())
    charge_obligation(house.ports, house.organisation_id, due, SOON)
    assert balances(house, owed) == {one: 0}
    assert balance_of(house, owed) == 3_000
    sound(house, owed)


def test_m7_a_service_is_never_paid_beyond_what_is_owed_of_it_although_the_account_owes_more(house: House) -> None:
    owed = house.account(0)
    one, other = service_of(house, owed, 10_000), service_of(house, owed, 50_000)
    pay(house, owed, {one: 10_000})
    due, result = pay(house, owed, {one: 1, other: 5_000})
    assert result.obligation_status == "declined"
    with house.ports.database.read(house.organisation_id) as session:
        row = obligation.by_id(session, due)
        assert row is not None
        assert row.refused_code == "service_balance_too_low"
    assert balances(house, owed) == {one: 0, other: 50_000}
    assert len(house.truth()) == 1, "the gateway was not even asked"


def test_a_scheduled_payment_for_a_service_that_was_paid_otherwise_does_not_come_and_is_no_decline(
    house: House,
) -> None:
    made = scheduled(house, weekly(house, 1, 10_000))
    [due] = payments_of(house, made.schedule_id)
    one, other = service_of(house, due.account_id, 10_000), service_of(house, due.account_id, 50_000)
    with house.ports.database.transaction(house.organisation_id) as session:
        for_obligation(session, due.id, [Share(one, 10_000)], house.clock.now())
    pay(house, due.account_id, {one: 10_000})
    go_to(house, due)
    charge_obligation(house.ports, house.organisation_id, due.id, SOON)
    [ended] = payments_of(house, made.schedule_id)
    assert (ended.status, ended.refused_code) == ("cancelled", "nothing_owed")
    assert (len(house.truth()), balances(house, due.account_id)) == (1, {one: 0, other: 50_000})
    assert "payment_not_charged" in told(house)
    assert "payment_declined" not in told(house)


def test_m7_sixteen_processes_pay_one_service_and_take_exactly_what_is_owed_of_it(
    house: House, database_url: str
) -> None:
    owed = house.account(0)
    wanted, other = service_of(house, owed, 5_000, days_ago=3), service_of(house, owed, 100_000)
    card = house.card_on_file()
    dues = [due_for(house, owed, {wanted: 1_000}, payment_method_id=card) for _ in range(16)]
    assert race(house, database_url, dues) == {"paid": 5, "declined": 11}
    assert balances(house, owed) == {wanted: 0, other: 100_000}
    assert sum(int(str(sale["amount_cents"])) for sale in house.truth() if sale["success"]) == 5_000
    sound(house, owed)


def test_m7_a_payment_on_its_way_keeps_its_services_from_payments_and_from_staff(house: House) -> None:
    owed = house.account(0)
    one, other = service_of(house, owed, 10_000, days_ago=9), service_of(house, owed, 10_000)
    sending = due_for(house, owed, {one: 8_000})
    claimed = claim(house.ports, house.organisation_id, sending, SOON)
    with pytest.raises(Refused) as refused, house.ports.database.transaction(house.organisation_id) as session:
        lower_service(session, one, 2_001, EntryKind.insurance, now=house.clock.at, by="test")
    assert (refused.value.code, refused.value.facts["free_cents"]) == ("service_amount_held", 2_000)
    whole = house.obligation(owed, 12_000, payment_method_id=house.card_on_file())
    charge_obligation(house.ports, house.organisation_id, whole, SOON)
    assert balances(house, owed) == {one: 8_000, other: 0}, "the oldest kept what is on its way to it"
    outcome = send(house.ports, claimed, SOON)
    assert outcome is not None
    apply(house.ports, claimed, outcome)
    assert balances(house, owed) == {one: 0, other: 0}
    sound(house, owed)


def test_an_insurance_that_pays_after_the_client_did_is_recorded_when_the_client_has_their_money_back(
    house: House,
) -> None:
    owed = house.account(0)
    service = service_of(house, owed, 15_000)
    due, _ = pay(house, owed, {service: 15_000})
    attempt = charge_of(house, due)
    settle(house, attempt.gateway_id or "")

    def insured() -> None:
        with house.ports.database.transaction(house.organisation_id) as session:
            lower_service(session, service, 9_000, EntryKind.insurance, now=house.clock.at, by="test", key="EOB-1")

    with pytest.raises(Refused, match="service_amount_held"):
        insured()
    give_back(house, attempt.id, 9_000)
    insured()
    assert figures_of(house, owed)[service] == Figures(15_000, 9_000, 0, 6_000)
    assert (balances(house, owed), balance_of(house, owed)) == ({service: 0}, 0)
    sound(house, owed)


def test_staff_may_lower_and_raise_a_service_and_the_account_goes_along(house: House) -> None:
    owed = house.account(0)
    one = service_of(house, owed, 10_000)
    with house.ports.database.transaction(house.organisation_id) as session:
        lower_service(session, one, 3_000, EntryKind.insurance, now=house.clock.at, by="test")
        lower_service(session, one, 500, EntryKind.fee, now=house.clock.at, by="test")
        raise_service(session, one, 1_000, EntryKind.insurance, now=house.clock.at, by="test")
    assert figures_of(house, owed)[one] == Figures(9_500, 2_000, 0, 0)
    assert balance_of(house, owed) == 7_500
    with house.ports.database.transaction(house.organisation_id) as session:
        row = account.lock(session, owed)
        lower_balance(session, row, free_cents(session, row), event_key="all", now=house.clock.at, by="test")
    assert balances(house, owed) == {one: 0}
    sound(house, owed)


@pytest.mark.parametrize("reopens", [True, False])
def test_money_given_back_leaves_the_services_it_had_paid(house: House, reopens: bool) -> None:
    owed = house.account(0)
    one, other = service_of(house, owed, 10_000, days_ago=5), service_of(house, owed, 6_000)
    due, _ = pay(house, owed, {one: 10_000, other: 6_000})
    paid = charge_of(house, due)
    settle(house, paid.gateway_id or "")
    give_back(house, paid.id, reopens_balance=reopens)
    assert {line.paid_cents for line in figures_of(house, owed).values()} == {0}
    assert balances(house, owed) == ({one: 10_000, other: 6_000} if reopens else {one: 0, other: 0})
    assert balance_of(house, owed) == (16_000 if reopens else 0)
    sound(house, owed)


def test_an_account_without_services_has_nothing_to_follow(house: House) -> None:
    owed = house.account(10_000)
    due = house.obligation(owed, 4_000, payment_method_id=house.card_on_file())
    charge_obligation(house.ports, house.organisation_id, due, SOON)
    assert balances(house, owed) == {}
    assert balance_of(house, owed) == 6_000
    sound(house, owed)


def test_an_event_that_was_booked_is_not_booked_again(house: House) -> None:
    owed = house.account(0)
    one = service_of(house, owed, 10_000)
    with house.ports.database.transaction(house.organisation_id) as session:
        lower_service(session, one, 3_000, EntryKind.insurance, now=house.clock.at, by="test", key="era-17")
    with pytest.raises(IntegrityError), house.ports.database.transaction(house.organisation_id) as session:
        lower_service(session, one, 3_000, EntryKind.insurance, now=house.clock.at, by="test", key="era-17")
    assert balances(house, owed) == {one: 7_000}
