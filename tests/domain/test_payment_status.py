"""Exactly Paid, Pending or Declined, for every state an obligation can have."""

from datetime import date

import pytest

from portal.domain.payment_status import PaymentStatus, SecondLine, Shown, payment_status

ON, LATER = date(2026, 12, 1), date(2026, 12, 4)


@pytest.mark.parametrize("status", ["due", "charging", "paid", "declined", "cancelled", "review"])
def test_each_state_shows_one_of_three_words(status: str) -> None:
    assert payment_status(obligation_status=status, refused_code=None, due_on=ON).status in set(PaymentStatus)


@pytest.mark.parametrize(
    ("facts", "shown"),
    [
        ({"obligation_status": "due"}, Shown(PaymentStatus.pending, SecondLine.on_date, ON)),
        (
            {"obligation_status": "due", "retries": 1, "next_on": LATER},
            Shown(PaymentStatus.declined, SecondLine.try_again, LATER),
        ),
        (
            {"obligation_status": "due", "hold_reason": "charging_off", "next_on": LATER},
            Shown(PaymentStatus.pending, SecondLine.on_hold, LATER),
        ),
        ({"obligation_status": "charging"}, Shown(PaymentStatus.pending, SecondLine.confirming)),
        (
            {"obligation_status": "charging", "cancel_requested": True},
            Shown(PaymentStatus.pending, SecondLine.cancelling),
        ),
        ({"obligation_status": "review"}, Shown(PaymentStatus.pending, SecondLine.being_checked)),
        ({"obligation_status": "paid"}, Shown(PaymentStatus.paid)),
        (
            {"obligation_status": "paid", "refunded_cents": 500, "paid_cents": 500},
            Shown(PaymentStatus.paid, SecondLine.refunded),
        ),
        (
            {"obligation_status": "paid", "refunded_cents": 200, "paid_cents": 500},
            Shown(PaymentStatus.paid, SecondLine.partly_refunded),
        ),
        (
            {"obligation_status": "paid", "has_refund_failed": True, "paid_cents": 500},
            Shown(PaymentStatus.paid, SecondLine.refund_failed),
        ),
        (
            {"obligation_status": "paid", "has_refund_failed": True, "refunded_cents": 500, "paid_cents": 500},
            Shown(PaymentStatus.paid, SecondLine.refunded),
        ),
        ({"obligation_status": "paid", "is_disputed": True}, Shown(PaymentStatus.paid, SecondLine.disputed)),
        ({"obligation_status": "declined"}, Shown(PaymentStatus.declined)),
        ({"obligation_status": "cancelled"}, Shown(PaymentStatus.declined, SecondLine.cancelled)),
        (
            {"obligation_status": "cancelled", "refused_code": "skipped"},
            Shown(PaymentStatus.declined, SecondLine.skipped),
        ),
        (
            {"obligation_status": "cancelled", "refused_code": "nothing_owed"},
            Shown(PaymentStatus.declined, SecondLine.not_needed),
        ),
        (
            {"obligation_status": "cancelled", "refused_code": "balance_too_low"},
            Shown(PaymentStatus.declined, SecondLine.less_owed),
        ),
    ],
)
def test_the_second_line_says_what_the_word_does_not(facts: dict[str, object], shown: Shown) -> None:
    assert payment_status(**{"refused_code": None, "due_on": ON} | facts) == shown  # type: ignore[arg-type]  # facts name fields
