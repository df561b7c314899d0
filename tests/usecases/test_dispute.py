"""Disputes from open to the end, on both databases: where the money is, who is told, that nothing is booked twice."""

from datetime import timedelta
from threading import Thread

import pytest

from portal.domain.refusal import Refused
from portal.storage import account, audit, charge, dispute, ledger
from portal.storage.dispute import Dispute
from portal.usecases.charge import charge_obligation
from portal.usecases.dispute import catch_up, look_again, look_at_dispute
from portal.usecases.invariants import check_account
from portal.usecases.ledger import differs_from_entries
from portal.usecases.refund import RefundWish, refund_charge
from tests.rig.house import House

SOON = timedelta(seconds=3)
DISPUTED_CARD = "4023898493988028"
OWED = 50_000
PAID = 8_000


class Case:
    """One paid charge that its cardholder disputes at the gateway."""

    def __init__(self, house: House, amount_cents: int = PAID, forgiven_cents: int = 0) -> None:
        self.house = house
        self.account_id = house.account(OWED)
        due = house.obligation(
            self.account_id, amount_cents, payment_method_id=house.card_on_file(DISPUTED_CARD),
            forgiven_cents=forgiven_cents,
        )  # fmt: skip
        charge_obligation(house.ports, house.organisation_id, due, SOON)
        with house.ports.database.read(house.organisation_id) as session:
            [self.charge] = charge.of_obligation(session, due)
        [sale] = [row for row in house.truth() if row["order_id"] == self.charge.order_id]
        self.gateway_id: str = sale["disputes"][0]["id"]  # type: ignore[index]  # JSON

    def move(self, status: str, **more: int) -> None:
        self.house.simulator.call("POST", f"/simulator/disputes/{self.gateway_id}", {"status": status, **more})

    def look(self) -> str:
        return look_at_dispute(self.house.ports, self.house.organisation_id, self.gateway_id)

    @property
    def row(self) -> Dispute:
        with self.house.ports.database.read(self.house.organisation_id) as session:
            row = dispute.by_gateway_id(session, self.gateway_id)
        assert row is not None
        return row

    @property
    def balance_cents(self) -> int:
        with self.house.ports.database.read(self.house.organisation_id) as session:
            row = account.by_id(session, self.account_id)
            assert row is not None
            assert differs_from_entries(session, row) == 0
        assert check_account(self.house.ports, self.house.organisation_id, self.account_id) == []
        return row.balance_cents

    @property
    def books(self) -> dict[str, int]:
        """What each book holds of this account, debits less credits."""
        found: dict[str, int] = {}
        with self.house.ports.database.read(self.house.organisation_id) as session:
            for entry in ledger.of_account(session, self.account_id):
                found[entry.debit_book] = found.get(entry.debit_book, 0) + entry.amount_cents
                found[entry.credit_book] = found.get(entry.credit_book, 0) - entry.amount_cents
        return {book: cents for book, cents in found.items() if cents and book not in ("placed", "receivable")}

    @property
    def alarms(self) -> list[str]:
        with self.house.ports.database.read(self.house.organisation_id) as session:
            return sorted(alarm.kind for alarm in audit.open_alarms(session))


def test_an_open_dispute_is_neither_paid_nor_owed_and_a_person_hears_the_day(house: House) -> None:
    case = Case(house)
    assert case.look() == "applied"
    assert case.balance_cents == OWED - PAID
    assert case.books == {"disputed": PAID}
    with house.ports.database.read(house.organisation_id) as session:
        [alarm] = audit.open_alarms(session)
    row = case.row
    assert (alarm.kind, alarm.subject_id) == ("dispute_opened", row.id)
    assert row.reply_by_on is not None
    assert alarm.facts["reply_by_on"] == row.reply_by_on.isoformat()
    assert (alarm.facts["amount_cents"], alarm.facts["charge_id"]) == (PAID, case.charge.id)


@pytest.mark.parametrize("status", ["lost", "accepted", "auto_accepted", "expired"])
def test_a_dispute_that_goes_against_us_is_owed_again(house: House, status: str) -> None:
    case = Case(house)
    case.look()
    case.move(status)
    assert case.look() == "applied"
    assert case.balance_cents == OWED
    assert case.books == {}
    assert case.alarms == ["dispute_lost", "dispute_opened"]


def test_a_dispute_that_is_won_brings_the_money_back(house: House) -> None:
    case = Case(house)
    case.look()
    case.move("won")
    case.look()
    assert case.balance_cents == OWED - PAID
    assert case.books == {"gateway": PAID}


def test_what_is_won_in_part_is_owed_in_part(house: House) -> None:
    case = Case(house)
    case.move("won", won_cents=5_000)
    case.look()
    assert case.balance_cents == OWED - 5_000
    assert case.books == {"gateway": 5_000}


def test_a_lost_dispute_that_is_taken_up_again_and_won_is_paid_after_all(house: House) -> None:
    case = Case(house)
    for status in ("lost", "under_review", "won"):
        case.move(status)
        case.look()
    assert case.balance_cents == OWED - PAID
    assert case.books == {"gateway": PAID}


def test_looking_again_and_again_books_once(house: House) -> None:
    case = Case(house)
    assert [case.look() for _ in range(4)] == ["applied", *["nothing_new"] * 3]
    rivals = [Thread(target=case.look) for _ in range(4)]
    case.move("lost")
    for rival in rivals:
        rival.start()
    for rival in rivals:
        rival.join()
    assert case.balance_cents == OWED
    assert case.row.entries == 2


def test_a_question_for_papers_moves_no_money_and_calls_a_person(house: House) -> None:
    case = Case(house)
    asked = house.simulator.call(
        "POST", "/simulator/disputes", {"transaction_id": case.charge.gateway_id, "kind": "retrieval"}
    )
    look_at_dispute(house.ports, house.organisation_id, str(asked["id"]))
    assert case.books == {"gateway": PAID}
    assert case.alarms == ["dispute_opened"]


def test_a_settlement_that_the_bank_took_back_forgives_nothing_until_it_is_won(house: House) -> None:
    case = Case(house, amount_cents=30_000, forgiven_cents=20_000)
    case.look()
    assert case.balance_cents == 0
    case.move("lost")
    case.look()
    assert case.balance_cents == OWED
    case.move("won")
    case.look()
    assert case.balance_cents == 0
    assert case.books == {"gateway": 30_000, "settled_away": 20_000}


def test_money_won_back_that_was_paid_again_meanwhile_is_for_a_person(house: House) -> None:
    case = Case(house)
    case.move("lost")
    case.look()
    again = house.obligation(case.account_id, OWED, payment_method_id=house.card_on_file())
    charge_obligation(house.ports, house.organisation_id, again, SOON)
    assert case.balance_cents == 0
    case.move("won")
    case.look()
    assert case.balance_cents == 0
    assert "dispute_won_but_paid_again" in case.alarms


def test_what_a_bank_took_back_is_not_refunded_as_well(house: House) -> None:
    """M11: refunds and disputes together never give back more than was taken."""
    case = Case(house)
    case.look()
    house.simulator.gateway(
        house.merchant_id, f"{house.merchant_id}_public_key", f"{house.merchant_id}_private_key"
    ).testing.settle_transaction(case.charge.gateway_id)
    with pytest.raises(Refused, match="refund_above_payment"):
        refund_charge(
            house.ports, house.organisation_id, RefundWish("a" * 32, case.charge.id, "test", amount_cents=PAID), SOON
        )
    assert case.books == {"disputed": PAID}


def test_a_dispute_nobody_told_us_of_is_found_by_its_day(house: House) -> None:
    case = Case(house)
    day = (case.charge.claimed_at - timedelta(days=1)).date()
    assert catch_up(house.ports, house.organisation_id, day) == 1
    assert catch_up(house.ports, house.organisation_id, day) == 0
    assert case.books == {"disputed": PAID}


def test_an_undecided_dispute_is_looked_at_each_day_though_no_notice_comes(house: House) -> None:
    case = Case(house)
    case.look()
    case.move("lost")
    look_again(house.ports, house.organisation_id, case.gateway_id)
    assert case.balance_cents == OWED - PAID  # not a day yet
    house.clock.pass_(days=1, minutes=1)
    with house.ports.database.across() as session:
        due = dispute.undecided_and_due(session, house.clock.now(), 10)
    assert due == [(house.organisation_id, case.gateway_id)]
    look_again(house.ports, house.organisation_id, case.gateway_id)
    assert case.balance_cents == OWED
