"""The word a payer sees for one payment: exactly Paid, Pending or Declined (S1:36), with a second line that says more.

Called by pages and messages. Returns codes, never sentences: the doors say them in the reader's language.
"""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum


class PaymentStatus(StrEnum):
    """The three words, and no fourth."""

    paid = "paid"
    pending = "pending"
    declined = "declined"


class SecondLine(StrEnum):
    """What is said below the word; `none` says nothing."""

    none = "none"
    refunded = "refunded"
    partly_refunded = "partly_refunded"
    refund_failed = "refund_failed"  # what was given back did not arrive
    disputed = "disputed"
    on_date = "on_date"  # will be charged on `on`
    try_again = "try_again"  # declined so far; tried again on `on`
    confirming = "confirming"  # sent, no answer yet
    being_checked = "being_checked"  # a person looks
    on_hold = "on_hold"  # a rule holds it, until `on` where that is known
    cancelled = "cancelled"
    cancelling = "cancelling"  # cancelled while it was being sent
    skipped = "skipped"
    not_needed = "not_needed"  # nothing was owed any more
    given_back = "given_back"  # AutoPay leaves what was given back since it was announced to the client
    less_owed = "less_owed"  # less was owed than it, and it may not be lowered
    above_limit = "above_limit"  # the customer set a lower limit for AutoPay since it was announced
    autopay_off = "autopay_off"  # the organisation has AutoPay off
    announced_anew = "announced_anew"  # its notice came too late, or its date went by: another date is announced


@dataclass(frozen=True, slots=True)
class Shown:
    """What is shown of one payment."""

    status: PaymentStatus
    line: SecondLine = SecondLine.none
    on: date | None = None


_ENDED_LINES = {
    "skipped": SecondLine.skipped,
    "nothing_owed": SecondLine.not_needed,
    "given_back": SecondLine.given_back,
    "balance_too_low": SecondLine.less_owed,
    "above_limit": SecondLine.above_limit,
    "autopay_off": SecondLine.autopay_off,
    "notice_missing": SecondLine.announced_anew,
    "notice_stale": SecondLine.announced_anew,
}


def payment_status(
    *,
    obligation_status: str,
    refused_code: str | None,
    due_on: date,
    retries: int = 0,
    next_on: date | None = None,
    hold_reason: str | None = None,
    cancel_requested: bool = False,
    refunded_cents: int = 0,
    has_refund_failed: bool = False,
    paid_cents: int = 0,
    is_disputed: bool = False,
) -> Shown:
    """The word and the second line for an obligation; `next_on` is when the run takes it next, as a local date."""
    match obligation_status:
        case "paid":
            if is_disputed:
                return Shown(PaymentStatus.paid, SecondLine.disputed)
            if refunded_cents:
                whole = refunded_cents >= paid_cents
                return Shown(PaymentStatus.paid, SecondLine.refunded if whole else SecondLine.partly_refunded)
            return Shown(PaymentStatus.paid, SecondLine.refund_failed if has_refund_failed else SecondLine.none)
        case "due" if hold_reason is not None:
            return Shown(PaymentStatus.pending, SecondLine.on_hold, next_on)
        case "due" if retries:
            return Shown(PaymentStatus.declined, SecondLine.try_again, next_on)
        case "due":
            return Shown(PaymentStatus.pending, SecondLine.on_date, due_on)
        case "charging":
            return Shown(PaymentStatus.pending, SecondLine.cancelling if cancel_requested else SecondLine.confirming)
        case "review":
            return Shown(PaymentStatus.pending, SecondLine.being_checked)
        case "cancelled":
            return Shown(PaymentStatus.declined, _ENDED_LINES.get(refused_code or "", SecondLine.cancelled))
        case _:
            return Shown(PaymentStatus.declined)
