"""Two-step search as the real SDK does it: by order, status, time and the rest, over pages."""

from datetime import UTC, datetime, timedelta
from typing import Any

import braintree
import pytest
from braintree import CustomerSearch, TransactionSearch
from braintree.exceptions.request_timeout_error import RequestTimeoutError

from tests.rig.simulator_process import SimulatorProcess
from tests.simulator.cards import sale, typed


def _ids(gateway: Any, *terms: Any) -> list[str]:
    return [item.id for item in gateway.transaction.search(*terms).items]


def test_an_order_is_found_exactly(gateway: Any, simulator: SimulatorProcess) -> None:
    wanted = gateway.transaction.sale(sale(order_id="org-1-1")).transaction
    gateway.transaction.sale(sale(order_id="org-1-10"))
    simulator.gateway("demo_therapy").transaction.sale(sale(order_id="org-1-1"))
    assert _ids(gateway, TransactionSearch.order_id == "org-1-1") == [wanted.id]
    assert len(_ids(gateway, TransactionSearch.order_id.starts_with("org-1-1"))) == 2
    assert len(_ids(gateway, TransactionSearch.order_id.contains("1-10"))) == 1
    assert len(_ids(gateway, TransactionSearch.order_id.ends_with("-1"))) == 1
    assert len(_ids(gateway, TransactionSearch.order_id != "org-1-1")) == 1


def test_nothing_found_is_an_empty_collection(gateway: Any) -> None:
    found = gateway.transaction.search(TransactionSearch.order_id == "none")
    assert (found.maximum_size, list(found.items)) == (0, [])


def test_declined_and_rejected_attempts_are_found_too(gateway: Any) -> None:
    for amount in ("2000.00", "5001.00", "3000.00", "10.00"):
        gateway.transaction.sale(sale(amount, order_id="o"))
    found = gateway.transaction.search(TransactionSearch.order_id == "o").items
    assert {item.status for item in found} == {
        "processor_declined",
        "gateway_rejected",
        "failed",
        "submitted_for_settlement",
    }


def test_criteria_narrow_each_other(gateway: Any) -> None:
    small = gateway.transaction.sale(sale("10.00")).transaction.id
    large = gateway.transaction.sale(sale("500.00")).transaction.id
    declined = gateway.transaction.sale(sale("2000.00")).transaction.id
    assert _ids(gateway, TransactionSearch.status == "submitted_for_settlement") == [large, small]
    assert _ids(gateway, TransactionSearch.status.in_list("processor_declined", "failed")) == [declined]
    assert _ids(gateway, TransactionSearch.amount.between("20.00", "1999.00")) == [large]
    assert _ids(gateway, TransactionSearch.amount >= "500.00") == [declined, large]
    assert _ids(gateway, TransactionSearch.amount == "10.00") == [small]
    assert _ids(gateway, TransactionSearch.amount <= "500.00", TransactionSearch.status == "processor_declined") == []


def test_times_match_to_the_second(gateway: Any, simulator: SimulatorProcess) -> None:
    early = gateway.transaction.sale(sale()).transaction
    simulator.shift_clock(86_400)
    late = gateway.transaction.sale(sale()).transaction
    assert _ids(gateway, TransactionSearch.created_at == early.created_at) == [early.id]
    minute = timedelta(minutes=1)
    window = TransactionSearch.created_at.between(late.created_at - minute, late.created_at + minute)
    assert _ids(gateway, window) == [late.id]
    assert _ids(gateway, TransactionSearch.created_at >= early.created_at + minute) == [late.id]
    assert _ids(gateway, TransactionSearch.created_at <= early.created_at) == [early.id]
    after = [
        TransactionSearch.created_at >= early.created_at,
        TransactionSearch.created_at <= early.created_at + minute,
    ]
    assert _ids(gateway, *after) == [early.id]


def test_status_times_look_at_the_history(gateway: Any, simulator: SimulatorProcess) -> None:
    taken = gateway.transaction.sale(sale()).transaction
    simulator.shift_clock(3600)
    gateway.testing.settle_transaction(taken.id)
    hour_ago = datetime.now(UTC).replace(tzinfo=None) - timedelta(minutes=5)
    span = timedelta(minutes=10)
    assert _ids(gateway, TransactionSearch.authorized_at.between(hour_ago, hour_ago + span)) == [taken.id]
    assert _ids(gateway, TransactionSearch.settled_at.between(hour_ago, hour_ago + span)) == []
    assert _ids(gateway, TransactionSearch.settled_at >= hour_ago + span) == [taken.id]
    assert _ids(gateway, TransactionSearch.voided_at >= hour_ago) == []


def test_refunds_types_cards_and_customers_are_criteria(gateway: Any) -> None:
    customer = gateway.customer.create(
        {"email": "ann@b.example", "credit_card": typed(cardholder_name="Ann B")}
    ).customer
    taken = gateway.transaction.sale(sale(customer_id=customer.id, billing={"postal_code": "60606"})).transaction
    gateway.testing.settle_transaction(taken.id)
    refund = gateway.transaction.refund(taken.id).transaction
    other = gateway.transaction.sale(sale(credit_card=typed("5555555555554444"))).transaction
    assert _ids(gateway, TransactionSearch.refund == True) == [refund.id]  # noqa: E712 - the SDK's way to write it
    assert _ids(gateway, TransactionSearch.type == "sale") == [other.id, taken.id]
    assert _ids(gateway, TransactionSearch.credit_card_card_type == "MasterCard") == [other.id]
    assert _ids(gateway, TransactionSearch.customer_email == "ann@b.example") == [refund.id, taken.id]
    assert _ids(gateway, TransactionSearch.payment_method_token == customer.credit_cards[0].token) == [
        refund.id,
        taken.id,
    ]
    assert _ids(gateway, TransactionSearch.credit_card_number.ends_with("4444")) == [other.id]
    assert _ids(gateway, TransactionSearch.credit_card_number == "5555555555554444") == [other.id]
    assert _ids(gateway, TransactionSearch.credit_card_expiration_date == "11/2030") == []
    assert _ids(gateway, TransactionSearch.billing_postal_code == "60606", TransactionSearch.type == "sale") == [
        taken.id
    ]


def test_more_than_a_page_is_fetched_lazily_and_completely(gateway: Any, simulator: SimulatorProcess) -> None:
    for number in range(120):
        gateway.transaction.sale(sale(f"{number + 1}.00"))
    found = gateway.transaction.search(TransactionSearch.status == "submitted_for_settlement")
    assert found.maximum_size == 120
    assert len({item.id for item in found.items}) == 120
    assert len(simulator.requests(operation="search")) == 1 + 3


def test_what_no_longer_matches_is_missing_from_its_page(gateway: Any) -> None:
    taken = gateway.transaction.sale(sale(order_id="o")).transaction
    found = gateway.transaction.search(TransactionSearch.status == "submitted_for_settlement")
    gateway.transaction.void(taken.id)
    assert (found.maximum_size, list(found.items)) == (1, [])


def test_a_search_that_never_answers_is_a_timeout(gateway: Any) -> None:
    with pytest.raises(RequestTimeoutError):
        gateway.transaction.search(TransactionSearch.amount.between("-1100", "1600"))


def test_an_unknown_criterion_finds_nothing_quietly_never(gateway: Any, simulator: SimulatorProcess) -> None:
    with pytest.raises(RequestTimeoutError):
        gateway.transaction.search(TransactionSearch.store_id == "x")
    assert simulator.requests(operation="search")[-1]["note"] == "unknown criteria store_id"


def test_customers_are_found_by_what_is_kept_for_them(gateway: Any) -> None:
    ann = gateway.customer.create({"first_name": "Ann", "email": "ann@b.example", "credit_card": typed()}).customer
    bob = gateway.customer.create({"first_name": "Bob", "credit_card": typed()}).customer

    def ids(*terms: Any) -> list[str]:
        return [item.id for item in gateway.customer.search(*terms).items]

    assert ids(CustomerSearch.first_name == "ann") == [ann.id]
    assert ids(CustomerSearch.email.ends_with("b.example")) == [ann.id]
    assert ids(CustomerSearch.payment_method_token == bob.credit_cards[0].token) == [bob.id]
    assert ids(CustomerSearch.payment_method_token_with_duplicates == bob.credit_cards[0].token) == [bob.id, ann.id]
    assert [item.id for item in gateway.customer.all().items] == [bob.id, ann.id]


def test_verifications_are_found(gateway: Any) -> None:
    customer = gateway.customer.create({}).customer
    bad = typed("4000111111111115", customer_id=customer.id, options={"verify_card": True})
    verification = gateway.credit_card.create(bad).credit_card_verification
    search = braintree.CreditCardVerificationSearch
    found = gateway.verification.search(search.status == "processor_declined", search.customer_id == customer.id)
    assert [item.id for item in found.items] == [verification.id]
    assert gateway.verification.find(verification.id).status == "processor_declined"
