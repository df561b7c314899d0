"""A refund that was accepted and did not arrive, on both databases, with the real SDK: booked back, once."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from portal.domain.charge import Actor, ChargeState, Outcome, OutcomeKind
from portal.domain.ledger import Book
from portal.domain.refund import RefundWay, refund_line, require_legal_refund
from portal.domain.refusal import Refused
from portal.storage import audit, charge, message, notice, refund
from portal.storage.message import Message
from portal.usecases.charge import charge_obligation
from portal.usecases.explain import explain
from portal.usecases.invariants import check_account
from portal.usecases.janitor import sweep
from portal.usecases.notice import handle
from portal.usecases.outbox import deliver
from portal.usecases.reconcile import reconcile_window
from portal.usecases.refund import given_back, learn_refund
from portal.usecases.refund_look import look_at_refund
from tests.rig.house import House
from tests.rig.payment import (
    SOON,
    alarms,
    balance_of,
    book_cents,
    give_back,
    kept_at_gateway_cents,
    refunds_of,
    settle,
    settled,
    settlement,
    status_of_offer,
)


@pytest.fixture(autouse=True)
def in_the_worlds_time(house: House) -> None:
    """The simulator lives now; so does the house. And it writes at any hour."""
    house.clock.at = datetime.now(UTC)
    house.writes_at_any_hour()


def failing(house: House, charge_id: str, amount_cents: int | None = None, **values: object) -> refund.Refund:
    """A refund that the gateway takes, and declines when it settles. Nobody has heard of that yet."""
    house.simulator.faults("settlement_declined", merchant=house.merchant_id, operation="refund")
    given = give_back(house, charge_id, amount_cents, **values)
    assert given.state is ChargeState.succeeded
    [row] = [each for each in refunds_of(house, charge_id) if each.id == given.refund_id]
    settle(house, row.gateway_id or "")
    return row


def compared(house: House) -> list[str]:
    now = house.clock.at
    result = reconcile_window(
        house.ports, house.organisation_id, now - timedelta(hours=1), now + timedelta(minutes=10), "test"
    )
    return sorted(row["difference"] for row in result.differences)


def looked(house: House, row: refund.Refund) -> None:
    """The janitor's look of the next day."""
    house.clock.pass_(days=1, minutes=1)
    look_at_refund(house.ports, house.organisation_id, row.id)


def agrees(house: House, account_id: str) -> None:
    """The books say what the gateway has, and no invariant is broken."""
    assert book_cents(house, account_id, Book.gateway) == kept_at_gateway_cents(house)
    assert check_account(house.ports, house.organisation_id, account_id) == []


def messages_about(house: House, refund_id: str) -> list[Message]:
    with house.ports.database.read(house.organisation_id) as session:
        found = [message.by_dedupe_key(session, f"{event}:{refund_id}") for event in ("refund", "refund_failed")]
    return [row for row in found if row is not None]


def test_m11_a_refund_that_did_not_arrive_is_booked_back_and_frees_its_amount(house: House) -> None:
    owed, charge_id, _ = settled(house)
    row = failing(house, charge_id, 4_000)
    assert balance_of(house, owed) == 44_000
    assert compared(house) == ["refund_undone"]
    assert balance_of(house, owed) == 40_000
    agrees(house, owed)
    [row] = refunds_of(house, charge_id)
    assert (row.state, row.reason, row.failed_at) == ("declined", "settlement_declined", house.clock.at)
    assert row.resolved_by == "sender"  # who ended it first; what failed later does not take that away
    assert alarms(house) == ["refund_failed"]
    assert compared(house) == []
    assert give_back(house, charge_id).amount_cents == 10_000
    assert (balance_of(house, owed), kept_at_gateway_cents(house)) == (50_000, 0)
    agrees(house, owed)


def test_m3_notice_look_and_comparison_at_once_book_it_once(house: House) -> None:
    owed, charge_id, _ = settled(house)
    row = failing(house, charge_id, 4_000)
    house.clock.pass_(days=1, minutes=1)
    with house.ports.database.transaction(house.organisation_id) as session:
        notice_id = notice.keep_once(
            session, payload_sha256="0" * 64, signature="s", payload="p", kind="refund_failed",
            gateway_id=row.gateway_id, sent_at=house.clock.at, received_at=house.clock.at, state="waiting",
            result=None, next_try_at=house.clock.at, handled_at=None,
        )  # fmt: skip
    assert notice_id is not None
    now = house.clock.at
    hearers = [
        lambda: handle(house.ports, house.organisation_id, notice_id),
        lambda: look_at_refund(house.ports, house.organisation_id, row.id),
        lambda: reconcile_window(
            house.ports, house.organisation_id, now - timedelta(days=2), now + timedelta(minutes=1), "test"
        ),
    ]
    with ThreadPoolExecutor(6) as pool:
        for heard in [pool.submit(each) for each in hearers * 2]:
            heard.result()
    assert balance_of(house, owed) == 40_000
    agrees(house, owed)
    assert alarms(house) == ["refund_failed"]
    with house.ports.database.read(house.organisation_id) as session:
        entries = [each.action for each in audit.about(session, row.id) if each.action == "refund_failed"]
        handled = notice.by_id(session, notice_id)
    assert entries == ["refund_failed"]
    assert handled is not None
    assert handled.state == "handled"


def test_the_sweep_finds_what_no_notice_told(house: House) -> None:
    owed, charge_id, _ = settled(house)
    failing(house, charge_id, 4_000)
    with ThreadPoolExecutor(14) as pool:
        sweep(house.ports, pool)
        assert balance_of(house, owed) == 44_000  # it is looked at once a day
        house.clock.pass_(days=1, minutes=1)
        sweep(house.ports, pool)
    assert balance_of(house, owed) == 40_000


def test_a_refund_that_settled_is_not_looked_at_again(house: House) -> None:
    _, charge_id, _ = settled(house)
    give_back(house, charge_id, 4_000)
    [row] = refunds_of(house, charge_id)
    settle(house, row.gateway_id or "")
    looked(house, row)
    [row] = refunds_of(house, charge_id)
    assert row.settled_at is not None
    assert row.gateway_status == "settled"
    house.clock.pass_(days=90)
    with house.ports.database.across() as session:
        waiting = refund.unsettled_and_due(session, house.clock.at, 1_000)
    assert row.id not in {refund_id for _, refund_id in waiting}


def test_a_credit_voided_by_hand_at_the_gateway_did_not_arrive_either(house: House) -> None:
    owed, charge_id, _ = settled(house)
    give_back(house, charge_id, 4_000)
    [row] = refunds_of(house, charge_id)
    key = house.merchant_id
    sdk = house.simulator.gateway(key, f"{key}_public_key", f"{key}_private_key")
    assert sdk.transaction.void(row.gateway_id).is_success
    assert compared(house) == ["refund_undone"]
    assert balance_of(house, owed) == 40_000
    agrees(house, owed)


def test_a_notice_that_is_ahead_of_the_gateways_books_waits(house: House) -> None:
    owed, charge_id, _ = settled(house)
    give_back(house, charge_id, 4_000)
    [row] = refunds_of(house, charge_id)
    with house.ports.database.transaction(house.organisation_id) as session:
        notice_id = notice.keep_once(
            session, payload_sha256="1" * 64, signature="s", payload="p", kind="refund_failed",
            gateway_id=row.gateway_id, sent_at=house.clock.at, received_at=house.clock.at, state="waiting",
            result=None, next_try_at=house.clock.at, handled_at=None,
        )  # fmt: skip
    assert notice_id is not None
    handle(house.ports, house.organisation_id, notice_id)
    assert balance_of(house, owed) == 44_000
    settle(house, row.gateway_id or "", "settlement_decline_transaction")
    house.clock.pass_(minutes=1)
    handle(house.ports, house.organisation_id, notice_id)
    assert balance_of(house, owed) == 40_000


def test_what_was_never_owed_and_did_not_arrive_is_the_customers_until_it_does(house: House) -> None:
    owed, charge_id, _ = settled(house)
    failing(house, charge_id, 2_500, reopens_balance=False)
    assert compared(house) == ["refund_undone"]
    assert balance_of(house, owed) == 40_000
    assert book_cents(house, owed, Book.owed_back) == -2_500
    agrees(house, owed)
    give_back(house, charge_id, 2_500)  # as the organisation has it: owed again, but this was theirs
    assert balance_of(house, owed) == 40_000
    assert book_cents(house, owed, Book.owed_back) == 0
    agrees(house, owed)
    give_back(house, charge_id, 1_000)
    assert balance_of(house, owed) == 41_000
    agrees(house, owed)


def test_m7_what_the_customer_paid_again_meanwhile_is_theirs_and_nothing_goes_below_zero(house: House) -> None:
    owed, charge_id, _ = settled(house, balance_cents=10_000)
    failing(house, charge_id)
    assert balance_of(house, owed) == 10_000
    again = house.obligation(owed, 7_000, payment_method_id=house.card_on_file())
    assert charge_obligation(house.ports, house.organisation_id, again, SOON).state is ChargeState.succeeded
    assert compared(house) == ["refund_undone"]
    assert balance_of(house, owed) == 0
    assert book_cents(house, owed, Book.owed_back) == -7_000
    agrees(house, owed)
    with house.ports.database.read(house.organisation_id) as session:
        [alarm] = audit.open_alarms(session)
    assert (alarm.facts["paid_again_cents"], alarm.facts["theirs_cents"]) == (3_000, 7_000)
    assert give_back(house, charge_id, 7_000).state is ChargeState.succeeded
    assert (balance_of(house, owed), book_cents(house, owed, Book.owed_back)) == (0, 0)
    agrees(house, owed)


def test_a_settlement_stands_again_when_its_refund_did_not_arrive(house: House) -> None:
    owed, charge_id, gateway_id, offer_id = settlement(house)
    settle(house, gateway_id)
    for _ in range(2):
        failing(house, charge_id)
        assert (balance_of(house, owed), status_of_offer(house, offer_id)) == (10_000, "open")
        assert compared(house) == ["refund_undone"]
        assert (balance_of(house, owed), status_of_offer(house, offer_id)) == (0, "taken")
        assert book_cents(house, owed, Book.settled_away) == 4_000
        agrees(house, owed)
    give_back(house, charge_id)
    assert (balance_of(house, owed), status_of_offer(house, offer_id)) == (10_000, "open")
    agrees(house, owed)


def test_a_settlement_taken_again_meanwhile_leaves_the_first_payment_theirs(house: House) -> None:
    owed, charge_id, gateway_id, offer_id = settlement(house)
    settle(house, gateway_id)
    failing(house, charge_id)
    again = house.obligation(
        owed, 6_000, forgiven_cents=4_000, offer_id=offer_id, payment_method_id=house.card_on_file()
    )
    assert charge_obligation(house.ports, house.organisation_id, again, SOON).state is ChargeState.succeeded
    assert compared(house) == ["refund_undone"]
    assert (balance_of(house, owed), status_of_offer(house, offer_id)) == (0, "taken")
    assert (book_cents(house, owed, Book.owed_back), book_cents(house, owed, Book.settled_away)) == (-6_000, 4_000)
    give_back(house, charge_id)
    assert (balance_of(house, owed), status_of_offer(house, offer_id)) == (0, "taken")
    agrees(house, owed)


def test_whoever_was_told_of_the_refund_is_told_in_words_that_it_did_not_arrive(house: House) -> None:
    _, charge_id, _ = settled(house)
    row = failing(house, charge_id, 1_234)
    [told] = messages_about(house, row.id)
    assert deliver(house.ports, house.organisation_id, told.id)
    compared(house)
    _, correction = messages_about(house, row.id)
    house.doorbell.messages.clear()
    assert deliver(house.ports, house.organisation_id, correction.id)
    mails = house.simulator.call("GET", "/mailbox.json?recipient=ada@example.com")
    mails = mails["messages"] if isinstance(mails, dict) else mails
    [mail] = [each for each in mails if correction.message_id in each["message_id"]]
    assert "$12.34" in mail["text"]
    assert "did not take it" in mail["text"]
    assert "counted as paid again" in mail["text"]
    compared(house)
    assert len(messages_about(house, row.id)) == 2


def test_whoever_was_not_told_yet_is_told_nothing(house: House) -> None:
    _, charge_id, _ = settled(house)
    row = failing(house, charge_id, 1_234)
    compared(house)
    [stopped] = messages_about(house, row.id)
    assert (stopped.state, stopped.held_by) == ("stopped", "refund_failed")
    assert not deliver(house.ports, house.organisation_id, stopped.id)


def test_pages_and_explanations_show_it(house: House) -> None:
    _, charge_id, _ = settled(house)
    failing(house, charge_id)
    compared(house)
    with house.ports.database.read(house.organisation_id) as session:
        paid = charge.by_id(session, charge_id)
        assert paid is not None
        line = refund_line(paid.amount_cents, given_back(session, charge_id))
        told = explain(session, paid.obligation_id, house.clock.at)
    assert line is not None
    assert (line.code, line.amount_cents) == ("refund_failed", 10_000)
    assert [row.failed_at for row in told.refunds] == [house.clock.at]


def test_only_the_gateway_unmakes_a_refund_and_never_a_void(house: House) -> None:
    for actor in set(Actor) - {Actor.gateway}:
        with pytest.raises(Refused, match="charge_move_illegal"):
            require_legal_refund(ChargeState.succeeded, ChargeState.declined, actor)
    require_legal_refund(ChargeState.succeeded, ChargeState.declined, Actor.gateway)
    with pytest.raises(Refused, match="charge_move_illegal"):
        require_legal_refund(ChargeState.declined, ChargeState.succeeded, Actor.gateway)
    owed, charge_id, gateway_id = settled(house)
    give_back(house, charge_id, 1_000)
    [row] = refunds_of(house, charge_id)
    other = Outcome(OutcomeKind.declined, gateway_id="another", status="settlement_declined")
    learn_refund(house.ports, house.organisation_id, row.id, other, Actor.gateway)
    assert balance_of(house, owed) == 41_000
    assert alarms(house) == ["refund_ends_differ"]
    assert row.way == RefundWay.refund
    assert gateway_id
