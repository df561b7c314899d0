"""Paying for chosen services: exactly the figures that were shown, once, whatever a form says or a process does."""

import threading
from collections.abc import Sequence
from typing import Any

import pytest

from portal.domain.refusal import Refused
from portal.domain.service import EntryKind, Share
from portal.storage import agreement, obligation, selection, share
from portal.storage import payment_method as methods
from portal.usecases.account import add_customer
from portal.usecases.charge import charge_obligation
from portal.usecases.selection import CardChoice, Chosen, authorization_of, enter, look, open_selection, pay
from portal.usecases.service import lower_service
from tests.rig.house import House
from tests.rig.payment import alarms, give_back, settle
from tests.rig.practice import SOON, balances, charge_of, service_of
from tests.rig.practice import pay as pay_at_once

AMOUNTS = [
    "-1", "0", "0.00", "0.001", "-0", "1e3", "1E+2", "NaN", "sNaN", "Infinity", "1_000", "0x10", "+5", "5.", ".5",
    "12.50\n", "１２.５０", "١٢", "1.234,56", "12,50", "9" * 400, "1e-400", "", "9223372036854775807",
]  # fmt: skip


def chosen_of(house: House, *services: str) -> str:
    with house.ports.database.transaction(house.organisation_id) as session:
        return open_selection(session, house.customer_id, services, "en", house.clock.at)


def seen(house: House, selection_id: str) -> Chosen:
    with house.ports.database.read(house.organisation_id) as session:
        found = look(session, selection_id, house.customer_id)
    assert found is not None
    return found


def entered(
    house: House, selection_id: str, amount: str | None = None, note: str = "", **given: Any
) -> dict[str, Refused]:
    version = given.get("version") or seen(house, selection_id).version
    with house.ports.database.transaction(house.organisation_id) as session:
        found = look(session, selection_id, house.customer_id, locked=True)
        assert found is not None
        return enter(session, found, amount, note, version)


def paid_with(house: House, selection_id: str, card: CardChoice, **given: Any) -> dict[str, Refused]:
    version = given.get("version") or seen(house, selection_id).amount_version
    refusals = pay(
        house.ports, house.organisation_id, house.customer_id, selection_id, card, version, ip="192.0.2.1",
        user_agent="test",
    )  # fmt: skip
    due = seen(house, selection_id).row.obligation_id
    if not refusals and due:
        charge_obligation(house.ports, house.organisation_id, due, SOON)
    return refusals


def codes(refusals: dict[str, Refused]) -> dict[str, str]:
    return {field: refused.code for field, refused in refusals.items()}


@pytest.fixture
def owed(house: House) -> str:
    return house.account(0)


def test_several_services_are_paid_in_one_charge_with_a_share_for_each(house: House, owed: str) -> None:
    one, two, three = (service_of(house, owed, cents, days_ago=9) for cents in (15_000, 12_000, 9_000))
    chosen = chosen_of(house, one, three)
    assert entered(house, chosen, note="For October") == {}
    assert paid_with(house, chosen, CardChoice(house.card_on_file())) == {}
    assert balances(house, owed) == {one: 0, two: 12_000, three: 0}
    [sale] = house.truth()
    assert sale["amount_cents"] == 24_000
    found = seen(house, chosen)
    assert found.obligation is not None
    assert (found.obligation.status, found.row.note) == ("paid", "For October")
    with house.ports.database.read(house.organisation_id) as session:
        shares = {each.service_id: each.amount_cents for each in share.of_obligation(session, found.obligation.id)}
        sealed = agreement.by_id(session, found.obligation.agreement_id or "")
    assert shares == {one: 15_000, three: 9_000}
    assert sealed is not None
    assert sealed.text_sha256 == authorization_of(found.paid_to, "en").digest


def test_attack_061_062_a_typed_amount_counts_for_one_service_and_never_for_several(house: House, owed: str) -> None:
    one, two = service_of(house, owed, 15_000), service_of(house, owed, 12_000)
    single, several = chosen_of(house, one), chosen_of(house, one, two)
    assert entered(house, several, "1.00") == {}
    assert seen(house, several).row.amount_cents == 27_000
    assert entered(house, single, "40.00") == {}
    assert paid_with(house, single, CardChoice(house.card_on_file())) == {}
    assert balances(house, owed) == {one: 11_000, two: 12_000}


@pytest.mark.parametrize("typed", AMOUNTS)
@pytest.mark.sqlite
def test_attack_059_064_what_is_no_amount_is_refused_before_anything_is_stored(
    house: House, owed: str, typed: str
) -> None:
    chosen = chosen_of(house, service_of(house, owed, 15_000))
    assert set(entered(house, chosen, typed)) == {"amount"}
    assert seen(house, chosen).row.amount_cents is None


def test_attack_060_a_cent_more_than_is_owed_is_refused(house: House, owed: str) -> None:
    chosen = chosen_of(house, service_of(house, owed, 15_000))
    assert codes(entered(house, chosen, "150.01")) == {"amount": "amount_above_balance"}
    assert entered(house, chosen, "150.00") == {}


def test_m8_attack_060_other_figures_than_were_shown_charge_nothing(house: House, owed: str) -> None:
    one, two = service_of(house, owed, 15_000), service_of(house, owed, 12_000)
    chosen = chosen_of(house, one, two)
    before = seen(house, chosen).version
    with house.ports.database.transaction(house.organisation_id) as session:
        lower_service(session, one, 100, EntryKind.insurance, now=house.clock.at, by="test")
    with pytest.raises(Refused, match="quote_changed"):
        entered(house, chosen, version=before)
    assert entered(house, chosen) == {}
    shown = seen(house, chosen).amount_version
    pay_at_once(house, owed, {two: 12_000})
    with pytest.raises(Refused, match="quote_changed"):
        paid_with(house, chosen, CardChoice(house.card_on_file()), version=shown)
    assert len(house.truth()) == 1
    assert balances(house, owed) == {one: 14_900, two: 0}


def test_m8_an_amount_entered_in_another_tab_is_not_charged_under_the_first_ones_figures(
    house: House, owed: str
) -> None:
    chosen = chosen_of(house, service_of(house, owed, 15_000))
    entered(house, chosen, "100.00")
    shown = seen(house, chosen).amount_version
    entered(house, chosen, "20.00")
    with pytest.raises(Refused, match="quote_changed"):
        paid_with(house, chosen, CardChoice(house.card_on_file()), version=shown)
    assert house.truth() == []


def test_attack_063_ids_are_taken_once_and_paid_foreign_and_made_up_ones_are_refused(house: House, owed: str) -> None:
    one, two = service_of(house, owed, 15_000), service_of(house, owed, 12_000)
    assert len(seen(house, chosen_of(house, one, one, two, one)).lines) == 2
    other = service_of(house, house.account(0), 5_000)
    pay_at_once(house, owed, {two: 12_000})
    for ids, code in (
        ((), "services_missing"),
        ((two,), "services_paid"),
        ((one, "0" * 32), "service_unknown"),
        ((one, other), "services_of_two_accounts"),
        (tuple(f"{n:032x}" for n in range(10_000)), "services_too_many"),
    ):
        with pytest.raises(Refused) as refused:
            chosen_of(house, *ids)
        assert refused.value.code == code


def test_m12_attack_048_050_069_another_customers_selection_services_and_cards_are_not_found(
    house: House, owed: str
) -> None:
    one = service_of(house, owed, 15_000)
    chosen, card = chosen_of(house, one), house.card_on_file()
    entered(house, chosen, "150.00")
    with house.ports.database.transaction(house.organisation_id) as session:
        stranger = add_customer(session, reference="C-2", given_name="Bo", family_name="Lee", now=house.clock.at).id
        assert look(session, chosen, stranger) is None
        with pytest.raises(Refused, match="service_unknown"):
            open_selection(session, stranger, [one], "en", house.clock.at)
    version = seen(house, chosen).amount_version
    with pytest.raises(Refused, match="selection_unknown"):
        pay(house.ports, house.organisation_id, stranger, chosen, CardChoice(card), version, ip="", user_agent="")
    with house.ports.database.transaction(house.organisation_id) as session:
        row = methods.owned_by(session, card, house.customer_id)
        assert row is not None
        row.customer_id = stranger
    assert codes(paid_with(house, chosen, CardChoice(card))) == {"method-new": "method_missing"}
    assert house.truth() == []


@pytest.mark.parametrize(
    ("card", "field", "code"),
    [
        (CardChoice(""), "method-new", "method_missing"),
        (CardChoice("0" * 32), "method-new", "method_missing"),
        (CardChoice("new"), "card-number", "card_missing"),
        (CardChoice("new", "4111111111111111 12/31"), "card-number", "card_missing"),
        (CardChoice("new", "tokencc_made_up_0000"), "card-number", "card_not_usable"),
    ],
)
def test_attack_068_without_a_usable_card_nothing_is_charged(
    house: House, owed: str, card: CardChoice, field: str, code: str
) -> None:
    chosen = chosen_of(house, service_of(house, owed, 15_000))
    entered(house, chosen, "150.00")
    assert codes(paid_with(house, chosen, card)) == {field: code}
    assert house.truth() == []


def test_attack_068_a_nonce_that_paid_once_pays_no_second_time(house: House, owed: str) -> None:
    one, two = service_of(house, owed, 15_000), service_of(house, owed, 12_000)
    nonce = house.nonce()
    first, second = chosen_of(house, one), chosen_of(house, two)
    for each, amount in ((first, "150.00"), (second, "120.00")):
        entered(house, each, amount)
    assert paid_with(house, first, CardChoice("new", nonce)) == {}
    assert codes(paid_with(house, second, CardChoice("new", nonce))) == {"card-number": "card_not_usable"}
    assert len(house.truth()) == 1


@pytest.mark.parametrize("saves", [True, False])
def test_a_new_card_is_kept_only_when_the_box_was_ticked(house: House, owed: str, saves: bool) -> None:
    chosen = chosen_of(house, service_of(house, owed, 15_000))
    entered(house, chosen, "150.00")
    assert paid_with(house, chosen, CardChoice("new", house.nonce(), save_card=saves)) == {}
    with house.ports.database.read(house.organisation_id) as session:
        kept = methods.of_customer(session, house.customer_id)
    assert [card.last4 for card in kept] == (["1111"] if saves else [])
    assert seen(house, chosen).obligation.status == "paid"  # type: ignore[union-attr]  # it was just paid


def test_attack_065_two_tabs_and_sixteen_presses_make_one_charge(house: House, owed: str) -> None:
    chosen = chosen_of(house, service_of(house, owed, 15_000))
    entered(house, chosen, "150.00")
    card, version = CardChoice("new", house.nonce()), seen(house, chosen).amount_version
    ends: list[dict[str, Refused]] = []
    presses = [
        threading.Thread(target=lambda: ends.append(paid_with(house, chosen, card, version=version))) for _ in range(16)
    ]
    for press in presses:
        press.start()
    for press in presses:
        press.join()
    assert ends == [{}] * 16
    assert [sale["amount_cents"] for sale in house.truth()] == [15_000]
    assert paid_with(house, chosen, card, version="of another day") == {}, "a replay is shown the first one's result"
    assert len(house.truth()) == 1


def test_after_a_decline_another_card_may_be_tried(house: House, owed: str) -> None:
    one = service_of(house, owed, 200_100)  # the simulator declines this amount
    chosen = chosen_of(house, one)
    entered(house, chosen, "2001.00")
    paid_with(house, chosen, CardChoice(house.card_on_file()))
    first = seen(house, chosen)
    assert first.obligation is not None
    assert (first.obligation.status, first.is_under_way) == ("declined", False)
    assert balances(house, owed) == {one: 200_100}
    entered(house, chosen, "100.00")
    assert paid_with(house, chosen, CardChoice(house.card_on_file())) == {}
    assert balances(house, owed) == {one: 190_100}
    with house.ports.database.read(house.organisation_id) as session:
        assert [each.seq for each in obligation.of_subject(session, chosen)] == [1, 2]


@pytest.mark.parametrize(
    "note", ["4111 1111 1111 1111", "card 4111-1111-1111-1111 exp 12/31", "378282246310005", "a 5555555555554444 b"]
)
def test_c47_attack_074_a_card_number_in_a_note_is_refused_and_kept_nowhere(house: House, owed: str, note: str) -> None:
    chosen = chosen_of(house, service_of(house, owed, 15_000))
    assert codes(entered(house, chosen, "10.00", note)) == {"note": "holds_card_number"}
    with house.ports.database.read(house.organisation_id) as session:
        row = selection.owned_by(session, chosen, house.customer_id)
        assert row is not None
        assert (row.note, row.amount_cents) == ("", None)


def test_a_note_may_be_long_and_hold_other_numbers(house: House, owed: str) -> None:
    chosen = chosen_of(house, service_of(house, owed, 15_000))
    assert entered(house, chosen, "10.00", "Claim 2026-10-0017, call 415 555 0187\r\nThank you") == {}
    assert codes(entered(house, chosen, "10.00", "x" * 501)) == {"note": "note_too_long"}


@pytest.mark.parametrize("name", ["pay_services", "charging_enabled"])
def test_a_practice_that_takes_no_payments_takes_none_from_pages_that_were_open(
    house: House, owed: str, name: str
) -> None:
    one = service_of(house, owed, 15_000)
    chosen = chosen_of(house, one)
    entered(house, chosen, "150.00")
    house.set(name, False)
    for attempt in (
        lambda: chosen_of(house, one),
        lambda: entered(house, chosen, "150.00"),
        lambda: paid_with(house, chosen, CardChoice(house.card_on_file())),
    ):
        with pytest.raises(Refused, match="services_off"):
            attempt()
    assert house.truth() == []


def given_back(house: House, charge_id: str, cents: int | None, shares: Sequence[tuple[str, int]] = ()) -> None:
    give_back(house, charge_id, cents, shares=tuple(Share(*each) for each in shares))


def test_a_part_that_is_given_back_names_its_service(house: House, owed: str) -> None:
    one, two = service_of(house, owed, 15_000, days_ago=3), service_of(house, owed, 12_000)
    due, _ = pay_at_once(house, owed, {one: 15_000, two: 12_000})
    paid = charge_of(house, due)
    settle(house, paid.gateway_id or "")
    for cents, shares, code in (
        (1_000, (), "refund_names_no_service"),
        (1_000, ((one, 999),), "refund_above_service"),
        (16_000, ((one, 16_000),), "refund_above_service"),
        (1_000, (("0" * 32, 1_000),), "refund_above_service"),
    ):
        with pytest.raises(Refused, match=code):
            given_back(house, paid.id, cents, shares)
    given_back(house, paid.id, 5_000, [(one, 5_000)])
    assert balances(house, owed) == {one: 5_000, two: 0}
    with pytest.raises(Refused, match="refund_above_service"):
        given_back(house, paid.id, 10_001, [(one, 10_001)])
    given_back(house, paid.id, None)
    assert balances(house, owed) == {one: 15_000, two: 12_000}
    assert alarms(house) == []


def test_c51_the_gateway_is_told_nothing_of_what_was_sold(house: House, owed: str) -> None:
    one = service_of(house, owed, 15_000, code="90837", description="Couples session about grief")
    chosen = chosen_of(house, one)
    entered(house, chosen, "150.00", "for the grief session")
    paid_with(house, chosen, CardChoice(house.card_on_file()))
    told = repr(house.truth()).lower()
    for word in ("90837", "grief", "couples", "f41.1", "reed", one):
        assert word not in told
