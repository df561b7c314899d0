"""What the SDK's objects and exceptions say, in our words. Which status or code means what is in `replies`.

Called by `portal.gateway.braintree`. Asks nothing and knows no organisation.
"""

import ssl
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from urllib3.exceptions import ConnectTimeoutError, NewConnectionError, ProxyError, SSLError

from portal.domain.card import CardFacts, GatewayRecord, RecordKind
from portal.domain.charge import Outcome, OutcomeKind
from portal.gateway import replies

SALE = "sale"


def outcome_of_result(result: Any) -> Outcome:
    """What a call that moves money answered."""
    if result is None or isinstance(result, dict):
        return Outcome(OutcomeKind.unknown, reason="no_usable_answer")
    transaction = getattr(result, "transaction", None)
    if transaction is not None:
        return outcome_of_transaction(transaction)
    codes = codes_of(result)
    return Outcome(
        replies.kind_of_validation(codes) if codes else OutcomeKind.unknown,
        reason=",".join(codes) or "no_codes",
        detail=str(getattr(result, "message", ""))[:500],
    )


def outcome_of_transaction(transaction: Any) -> Outcome:
    """What a transaction as it stands means."""
    rejection = getattr(transaction, "gateway_rejection_reason", None)
    return Outcome(
        kind=replies.kind_of_status(transaction.status, rejection),
        gateway_id=transaction.id,
        status=transaction.status,
        amount_cents=cents_of(transaction.amount),
        currency=transaction.currency_iso_code,
        order_id=transaction.order_id,
        processor_code=getattr(transaction, "processor_response_code", None) or None,
        processor_type=getattr(transaction, "processor_response_type", None) or None,
        reason=rejection,
        detail=(getattr(transaction, "processor_response_text", None) or "")[:200] or None,
        is_to_be_retried=getattr(transaction, "upcoming_retry_date", None) is not None,
    )


def outcome_of_void(result: Any) -> Outcome:
    """What a call to void answered; the transaction in it is the sale itself."""
    outcome = outcome_of_result(result)
    if outcome.status is None:
        return outcome
    return replace(outcome, kind=replies.kind_of_void(outcome.status))


def record_of(transaction: Any) -> GatewayRecord:
    """A transaction as an entry of the gateway's books."""
    card = getattr(transaction, "credit_card", None) or {}
    history = getattr(transaction, "status_history", None) or ()
    settled = [_utc(event.timestamp) for event in history if event.status == "settled"]
    return GatewayRecord(
        kind=RecordKind.sale if transaction.type == SALE else RecordKind.credit,
        outcome=outcome_of_transaction(transaction),
        created_at=_utc(transaction.created_at),
        settled_at=min(settled, default=None),
        refunded_gateway_id=getattr(transaction, "refunded_transaction_id", None) or None,
        refund_gateway_ids=tuple(getattr(transaction, "refund_ids", None) or ()),
        token=card.get("token"),
        retried_gateway_id=getattr(transaction, "retried_transaction_id", None) or None,
        dispute_gateway_ids=tuple(each.id for each in getattr(transaction, "disputes", None) or ()),
        card_brand=card.get("card_type"),
        card_last4=card.get("last_4"),
    )


def _utc(moment: datetime) -> datetime:
    """The SDK's times are UTC without saying so."""
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def outcome_of_exception(error: Exception) -> Outcome:
    """What an exception in the middle of a call that moves money says: nothing, unless the request surely stayed."""
    name = type(error).__name__
    if name in replies.REFUSED_STATUS:
        return Outcome(OutcomeKind.not_sent, reason=name, stop_organisation=True)
    if name == replies.THROTTLED:
        return Outcome(OutcomeKind.not_sent, reason=name)
    if _never_left(error):
        return Outcome(OutcomeKind.not_sent, reason=f"never_left:{name}")
    return Outcome(OutcomeKind.unknown, reason=name)


def _never_left(error: BaseException) -> bool:
    """Whether no connection was made at all; a connection that broke says nothing about what went through it."""
    if isinstance(error, ProxyError):
        return _never_left(error.original_error)
    if isinstance(error, SSLError):  # only this one is sure to come before the request
        return bool(error.args) and isinstance(error.args[0], ssl.SSLCertVerificationError)
    return isinstance(error, NewConnectionError | ConnectTimeoutError)


def codes_of(result: Any) -> list[str]:
    """The validation codes of an answer."""
    errors = getattr(result, "errors", None)
    return [str(error.code) for error in errors.deep_errors] if errors is not None else []


def cents_of(amount: Decimal) -> int:
    """Dollars as cents."""
    cents = amount.scaleb(2)
    return int(cents) if cents == cents.to_integral_value() else -1  # a fraction of a cent equals no amount of ours


def card_of_method(method: Any) -> CardFacts:
    """What may be known of a kept card."""
    address = getattr(method, "billing_address", None)
    return CardFacts(
        brand=str(method.card_type or "Card"),
        last4=str(method.last_4),
        bin=str(method.bin or ""),
        expires_month=int(method.expiration_month),
        expires_year=int(method.expiration_year),
        postal_code=getattr(address, "postal_code", None) if address is not None else None,
    )
