"""Hooks as the real SDK reads them, and what goes wrong on their way; disputes; the gateway's own retries."""

import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import braintree
import pytest
from braintree.exceptions.invalid_signature_error import InvalidSignatureError
from braintree.exceptions.not_found_error import NotFoundError

from tests.rig.merchant_address import MerchantAddress
from tests.rig.simulator_process import SimulatorProcess
from tests.simulator.cards import codes, sale, typed

DISPUTED_CARD = "4023898493988028"
MERCHANT = "hooked"


@pytest.fixture
def address() -> Iterator[MerchantAddress]:
    made = MerchantAddress()
    yield made
    made.close()


@pytest.fixture
def hooked(simulator: SimulatorProcess, address: MerchantAddress) -> Any:
    """The SDK as a merchant that is told everything."""
    simulator.merchant(MERCHANT, webhook_url=address.url, webhook_retry_seconds=0.1)
    return simulator.gateway(MERCHANT)


def read(gateway: Any, form: dict[str, str]) -> Any:
    return gateway.webhook_notification.parse(form["bt_signature"], form["bt_payload"])


def disputed_sale(gateway: Any, amount: str = "30.00") -> Any:
    return gateway.transaction.sale(
        sale(amount, credit_card=typed(number=DISPUTED_CARD), options={"submit_for_settlement": True})
    ).transaction


def log(simulator: SimulatorProcess) -> list[dict[str, Any]]:
    return list(simulator.call("GET", f"/simulator/webhooks?merchant={MERCHANT}")["hooks"])


def eventually(fits: Callable[[], bool]) -> None:
    until = time.monotonic() + 8
    while not fits() and time.monotonic() < until:
        time.sleep(0.02)
    assert fits()


def test_a_sale_with_the_disputed_card_is_disputed_at_once_and_said(hooked: Any, address: MerchantAddress) -> None:
    taken = disputed_sale(hooked)
    [dispute] = taken.disputes
    assert (dispute.status, dispute.kind, dispute.amount_disputed) == ("open", "chargeback", Decimal("30.00"))
    notice = read(hooked, address.wait_for(1)[0])
    assert (notice.kind, notice.dispute.id) == ("dispute_opened", dispute.id)
    assert notice.dispute.transaction.id == taken.id
    assert notice.dispute.reply_by_date == dispute.reply_by_date
    assert notice.timestamp.tzinfo is None  # as the SDK gives it
    found = hooked.dispute.find(dispute.id)
    assert (found.id, found.transaction.order_id) == (dispute.id, taken.order_id)


def test_disputes_are_found_by_search_and_by_no_other_merchant(hooked: Any, simulator: SimulatorProcess) -> None:
    first, second = (disputed_sale(hooked).disputes[0].id for _ in range(2))
    hooked.dispute.accept(first)
    found = hooked.dispute.search(braintree.DisputeSearch.status == braintree.Dispute.Status.Open)
    assert [item.id for item in found.disputes.items] == [second]
    with pytest.raises(NotFoundError):
        simulator.gateway().dispute.find(first)


def test_an_accepted_dispute_is_closed_also_in_its_transaction(hooked: Any, address: MerchantAddress) -> None:
    taken = disputed_sale(hooked)
    [dispute] = taken.disputes
    assert hooked.dispute.accept(dispute.id).is_success
    assert codes(hooked.dispute.accept(dispute.id)) == ["95704"]
    assert codes(hooked.dispute.finalize(dispute.id)) == ["95705"]
    assert hooked.transaction.find(taken.id).disputes[0].status == "accepted"
    assert {read(hooked, form).kind for form in address.wait_for(2)} == {"dispute_opened", "dispute_accepted"}


@pytest.mark.parametrize(("evidence", "status"), [("compelling_evidence", "won"), ("losing_evidence", "lost")])
def test_evidence_of_the_sandbox_decides_a_dispute(
    hooked: Any, address: MerchantAddress, evidence: str, status: str
) -> None:
    [dispute] = disputed_sale(hooked).disputes
    added = hooked.dispute.add_text_evidence(dispute.id, evidence)
    assert added.evidence.comment == evidence
    hooked.dispute.finalize(dispute.id)
    found = hooked.dispute.find(dispute.id)
    assert found.status == status
    assert found.amount_won == (Decimal("30.00") if status == "won" else Decimal("0.00"))
    assert [item.status for item in found.status_history] == ["open", "disputed", status]
    kinds = sorted(read(hooked, form).kind for form in address.wait_for(3))
    assert kinds == sorted(["dispute_opened", "dispute_disputed", f"dispute_{status}"])


def test_a_dispute_is_opened_and_moved_on_command(hooked: Any, simulator: SimulatorProcess) -> None:
    taken = hooked.transaction.sale(sale("80.00", order_id="o")).transaction
    opened = simulator.call(
        "POST", "/simulator/disputes", {"transaction_id": taken.id, "amount_cents": 2_000, "kind": "retrieval"}
    )
    simulator.call("POST", f"/simulator/disputes/{opened['id']}", {"status": "won", "won_cents": 1_500})
    found = hooked.dispute.find(opened["id"])
    assert (found.amount_disputed, found.amount_won, found.kind) == (Decimal("20.00"), Decimal("15.00"), "retrieval")


def test_a_hook_is_sent_again_until_it_is_taken(
    hooked: Any, address: MerchantAddress, simulator: SimulatorProcess
) -> None:
    address.statuses = [500, 302, 404]
    disputed_sale(hooked)
    received = address.wait_for(4)
    assert len({form["bt_payload"] for form in received}) == 1
    eventually(lambda: [hook["state"] for hook in log(simulator)] == ["delivered"])
    assert [each["status"] for each in log(simulator)[0]["tries"]] == [500, 302, 404, 200]


def test_hooks_are_dropped_doubled_and_put_out_of_order_on_cue(
    hooked: Any, address: MerchantAddress, simulator: SimulatorProcess
) -> None:
    def fault(mode: str) -> None:
        simulator.call("POST", "/simulator/webhook-faults", {"mode": mode, "recipient": MERCHANT, "seconds": 60})

    fault("drop")
    [lost] = disputed_sale(hooked).disputes
    fault("duplicate")
    [doubled] = disputed_sale(hooked).disputes
    address.wait_for(2)
    fault("disorder")
    hooked.dispute.accept(lost.id)
    hooked.dispute.accept(doubled.id)
    seen = [(read(hooked, form).kind, read(hooked, form).dispute.id) for form in address.wait_for(4)]
    assert seen == [
        ("dispute_opened", doubled.id),
        ("dispute_opened", doubled.id),
        ("dispute_accepted", doubled.id),
        ("dispute_accepted", lost.id),
    ]


def test_a_delayed_hook_comes_when_the_clock_says_so(
    hooked: Any, address: MerchantAddress, simulator: SimulatorProcess
) -> None:
    simulator.call("POST", "/simulator/webhooks", {"kind": "check", "merchant": MERCHANT, "delay_seconds": 3600})
    assert address.received == []
    simulator.shift_clock(3601)
    assert read(hooked, address.wait_for(1)[0]).kind == "check"


@pytest.mark.parametrize("signature", ["bad", "foreign", "none"])
def test_a_forged_hook_is_refused_by_the_sdk(
    hooked: Any, address: MerchantAddress, simulator: SimulatorProcess, signature: str
) -> None:
    simulator.call("POST", "/simulator/webhooks", {"kind": "check", "merchant": MERCHANT, "signature": signature})
    form = address.wait_for(1)[0]
    with pytest.raises(InvalidSignatureError):
        hooked.webhook_notification.parse(form.get("bt_signature", ""), form["bt_payload"])


@pytest.mark.parametrize(
    "kind", ["transaction_settled", "transaction_settlement_declined", "transaction_disbursed", "refund_failed"]
)
def test_hooks_about_a_transaction_are_sent_on_request(
    hooked: Any, address: MerchantAddress, simulator: SimulatorProcess, kind: str
) -> None:
    taken = hooked.transaction.sale(sale("12.00", order_id="o")).transaction
    simulator.call("POST", "/simulator/webhooks", {"kind": kind, "transaction_id": taken.id, "times": 2})
    for form in address.wait_for(2):
        notice = read(hooked, form)
        assert (notice.kind, notice.transaction.id, notice.transaction.order_id) == (kind, taken.id, "o")
        assert (notice.transaction.disbursement_details.disbursement_date is None) == (kind != "transaction_disbursed")


def test_a_disbursement_can_be_announced(hooked: Any, address: MerchantAddress, simulator: SimulatorProcess) -> None:
    simulator.call("POST", "/simulator/webhooks", {"kind": "disbursement", "merchant": MERCHANT})
    assert read(hooked, address.wait_for(1)[0]).disbursement.amount == Decimal("0.00")


def test_a_wrong_lever_says_what_is_wrong(simulator: SimulatorProcess) -> None:
    for path, asked in (
        ("/simulator/webhooks", {"kind": "check"}),
        ("/simulator/webhooks", {"kind": "transaction_settled", "transaction_id": "nothere"}),
        ("/simulator/webhooks", {"kind": "check", "merchant": "integration_merchant_id"}),
        ("/simulator/disputes", {"transaction_id": "nothere"}),
        ("/simulator/disputes/nothere", {"status": "won"}),
        ("/simulator/transactions/nothere/retry", {}),
    ):
        with pytest.raises(AssertionError, match="400"):
            simulator.call("POST", path, asked)


def test_a_destination_is_checked_with_a_challenge(hooked: Any, simulator: SimulatorProcess) -> None:
    answer = simulator.call("POST", "/simulator/webhooks/challenge", {"merchant": MERCHANT})
    assert (answer["passed"], answer["status"]) == (False, 200)  # this address does not know how to answer


@pytest.mark.parametrize("keeps_order_id", [True, False])
def test_the_gateway_retries_a_soft_decline_by_itself_where_that_is_on(
    hooked: Any, address: MerchantAddress, simulator: SimulatorProcess, keeps_order_id: bool
) -> None:
    simulator.merchant(MERCHANT, retry_declines_after_seconds=86_400, retries_keep_order_id=keeps_order_id)
    declined = hooked.transaction.sale(sale("2001.00", order_id="o")).transaction
    assert declined.upcoming_retry_date is not None
    hard = hooked.transaction.sale(sale("2004.00", order_id="hard")).transaction
    assert hard.upcoming_retry_date is None
    simulator.shift_clock(86_401)
    notice = read(hooked, address.wait_for(1)[0])
    assert (notice.kind, notice.transaction.retried_transaction_id) == ("transaction_retried", declined.id)
    again = hooked.transaction.find(notice.transaction.id)
    assert (again.status, again.retried, again.order_id) == (
        "submitted_for_settlement", True, "o" if keeps_order_id else None,
    )  # fmt: skip
    assert hooked.transaction.find(declined.id).retry_ids == [again.id]
    assert len(simulator.truth(merchant=MERCHANT)) == 3


def test_disputes_and_undelivered_hooks_outlive_the_process(tmp_path: Path, address: MerchantAddress) -> None:
    first = SimulatorProcess(data=tmp_path / "data")
    try:
        first.merchant(MERCHANT, webhook_url=address.url, webhook_retry_seconds=0.2)
        address.statuses = [503] * 1_000
        [dispute] = disputed_sale(first.gateway(MERCHANT)).disputes
        address.wait_for(1)
        before = first.truth()
    finally:
        first.kill()
        first.stop()
    address.statuses = []
    seen = len(address.received)
    second = SimulatorProcess(data=tmp_path / "data")
    try:
        gateway = second.gateway(MERCHANT)
        assert second.truth() == before
        assert gateway.dispute.find(dispute.id).status == "open"
        assert read(gateway, address.wait_for(seen + 1)[-1]).dispute.id == dispute.id
    finally:
        second.stop()
