"""The only file that knows the Braintree SDK: one gateway per organisation, every answer turned into our words.

Called through `portal.usecases.ports.Gateway`. A sale never raises; questions raise GatewayUnreachable or
GatewayRefused. No retry is made here or below: whoever asked decides.
"""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from typing import Any, NoReturn
from urllib.parse import urlsplit

import braintree
import requests
from braintree.exceptions.not_found_error import NotFoundError
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError

from portal.domain.card import CardFacts, GatewayRefused, GatewayUnreachable, KeepAnswer, KeepKind, SaleRequest
from portal.domain.charge import Outcome, OutcomeKind
from portal.gateway import replies

SALE = "sale"


@dataclass(frozen=True, slots=True)
class Credentials:
    """An organisation's merchant. The private key is not in its repr."""

    environment: str
    merchant_id: str
    public_key: str
    private_key: str = field(repr=False)
    merchant_account_id: str = ""


class BraintreeGateways:
    """One gateway per organisation and process, made when first asked for. Thread-safe."""

    def __init__(
        self,
        load: Callable[[str], Credentials | None],
        environment: str,
        simulator_url: str,
        question_timeout: timedelta,
    ) -> None:
        self._load = load
        self._environment = environment
        self._simulator_url = simulator_url
        self._question_timeout = question_timeout
        self._made: dict[str, BraintreeGateway] = {}
        self._lock = threading.Lock()

    def of(self, organisation_id: str) -> "BraintreeGateway":
        """The gateway; GatewayRefused without an account, or with one of another environment (F8)."""
        with self._lock:
            made = self._made.get(organisation_id)
        if made is not None:
            return made
        credentials = self._load(organisation_id)
        if credentials is None:
            raise GatewayRefused("no_gateway_account")
        if credentials.environment != self._environment:
            raise GatewayRefused("gateway_of_another_environment")
        made = BraintreeGateway(credentials, self._simulator_url, self._question_timeout)
        with self._lock:
            return self._made.setdefault(organisation_id, made)

    def forget(self, organisation_id: str) -> None:
        """Drops a gateway whose keys were changed."""
        with self._lock:
            self._made.pop(organisation_id, None)


class BraintreeGateway:
    """The gateway of one organisation. The SDK fixes a timeout per object, so there is one object per timeout."""

    def __init__(self, credentials: Credentials, simulator_url: str, question_timeout: timedelta) -> None:
        self._credentials = credentials
        self._simulator_url = simulator_url
        self._question_timeout = question_timeout
        self._sdk: dict[timedelta, Any] = {}

    def client_token(self) -> str:
        """A token for the card fields, bound to this merchant."""
        answer = self._ask(
            lambda sdk: sdk.client_token.generate({"merchant_account_id": self._credentials.merchant_account_id})
        )
        return str(answer)

    def card_behind(self, nonce: str) -> CardFacts | None:
        """The card a nonce stands for."""
        try:
            found = self._ask(lambda sdk: sdk.payment_method_nonce.find(nonce))
        except NotFoundError:
            return None
        details = getattr(found, "details", None)
        if found is None or getattr(found, "consumed", False) or found.type != "CreditCard" or not details:
            return None
        return CardFacts(
            brand=str(details.get("card_type") or "Card"),
            last4=str(details.get("last_four") or ""),
            bin=str(details.get("bin") or ""),
            expires_month=int(details.get("expiration_month") or 0),
            expires_year=int(details.get("expiration_year") or 0),
        )

    def sale(self, request: SaleRequest, timeout: timedelta) -> Outcome:
        """One sale, submitted for settlement. Any way it can end is an Outcome."""
        parameters: dict[str, Any] = {
            "amount": f"{request.amount_cents // 100}.{request.amount_cents % 100:02d}",
            "order_id": request.order_id,
            "merchant_account_id": self._credentials.merchant_account_id,
            "options": {"submit_for_settlement": True},
        }
        if request.is_keyed:
            parameters["api_request_key"] = request.order_id
        if request.token is not None:
            parameters["payment_method_token"] = request.token
        else:
            parameters["payment_method_nonce"] = request.nonce
        if request.source is not None:
            parameters["transaction_source"] = request.source
        try:
            result = self._for(timeout).transaction.sale(parameters)
        except Exception as error:
            return _outcome_of_exception(error)
        return _outcome_of_result(result)

    def search(self, order_id: str) -> Sequence[Outcome]:
        """Every sale under an order id, oldest first."""
        found = self._ask(
            lambda sdk: list(sdk.transaction.search(braintree.TransactionSearch.order_id == order_id).items)
        )
        sales = [transaction for transaction in found if transaction.type == SALE]
        return [_outcome_of_transaction(sale) for sale in sorted(sales, key=lambda sale: (sale.created_at, sale.id))]

    def keep_card(self, customer_id: str, token: str, nonce: str, timeout: timedelta) -> KeepAnswer:
        """Vaults a verified card under our token, making the gateway's customer on the way if it is new."""
        try:
            sdk = self._for(timeout)
            result = self._create_method(sdk, customer_id, token, nonce, verify=True)
            if result.is_success:
                return KeepAnswer(KeepKind.kept, card=_card_of_method(result.payment_method))
            codes = _codes(result)
            if replies.TOKEN_IN_USE in codes or replies.NONCE_USED & set(codes):
                try:
                    return KeepAnswer(KeepKind.kept, card=_card_of_method(sdk.payment_method.find(token)))
                except NotFoundError:
                    return KeepAnswer(KeepKind.unusable, code=",".join(codes))
            verification = getattr(result, "credit_card_verification", None)
            if verification is not None:
                return KeepAnswer(KeepKind.declined, code=str(verification.processor_response_code or ""))
            return KeepAnswer(KeepKind.unusable, code=",".join(codes))
        except Exception as error:
            if type(error).__name__ in replies.REFUSED_STATUS:
                raise GatewayRefused(type(error).__name__) from error
            return KeepAnswer(KeepKind.unknown, code=type(error).__name__)

    def burn(self, customer_id: str, token: str, nonce: str) -> bool:
        """Consumes a nonce by vaulting its card, unverified, under a token that is forgotten next."""
        result = self._ask(lambda sdk: self._create_method(sdk, customer_id, token, nonce, verify=False))
        if result.is_success:
            return True
        codes = _codes(result)
        if replies.TOKEN_IN_USE in codes:
            return True
        if not replies.NONCE_USED & set(codes):
            return True  # unknown or expired: it can pay for nothing any more
        try:
            self._ask(lambda sdk: sdk.payment_method.find(token))
        except NotFoundError:
            return False
        return True

    def forget_card(self, token: str) -> None:
        """Removes a vaulted card; one that is not there is fine."""
        try:
            self._ask(lambda sdk: sdk.payment_method.delete(token))
        except NotFoundError:
            return

    def void(self, gateway_id: str) -> bool:
        """Voids a sale; False when it settled already or is not there."""
        try:
            result = self._ask(lambda sdk: sdk.transaction.void(gateway_id))
        except NotFoundError:
            return False
        return bool(result.is_success)

    def _create_method(self, sdk: Any, customer_id: str, token: str, nonce: str, *, verify: bool) -> Any:
        parameters = {
            "customer_id": customer_id,
            "payment_method_nonce": nonce,
            "token": token,
            "options": {"verify_card": verify},
        }
        result = sdk.payment_method.create(parameters)
        if result.is_success or not replies.CUSTOMER_UNKNOWN & set(_codes(result)):
            return result
        made = sdk.customer.create({"id": customer_id})
        if not made.is_success and replies.CUSTOMER_ID_IN_USE not in _codes(made):
            return made
        return sdk.payment_method.create(parameters)

    def _for(self, timeout: timedelta) -> Any:
        sdk = self._sdk.get(timeout)
        if sdk is None:
            sdk = braintree.BraintreeGateway(
                braintree.Configuration(
                    environment=_environment(self._credentials.environment, self._simulator_url),
                    merchant_id=self._credentials.merchant_id,
                    public_key=self._credentials.public_key,
                    private_key=self._credentials.private_key,
                    timeout=timeout.total_seconds(),
                )
            )
            sdk = self._sdk.setdefault(timeout, sdk)
        return sdk

    def _ask(self, question: Callable[[Any], Any]) -> Any:
        """A question that may be asked again freely. NotFoundError passes; everything else becomes one of ours."""
        try:
            return question(self._for(self._question_timeout))
        except NotFoundError:
            raise
        except Exception as error:
            _raise_ours(error)


def _raise_ours(error: Exception) -> NoReturn:
    name = type(error).__name__
    if name in replies.REFUSED_STATUS:
        raise GatewayRefused(name) from error
    raise GatewayUnreachable(name) from error


def _environment(name: str, simulator_url: str) -> Any:
    if name == "production":
        return braintree.Environment.Production
    if name == "sandbox":
        return braintree.Environment.Sandbox
    address = urlsplit(simulator_url)
    host, port = address.hostname or "127.0.0.1", str(address.port or 80)
    return braintree.Environment("simulator", host, port, simulator_url, False, None, host, port)


def _outcome_of_result(result: Any) -> Outcome:
    if result is None or isinstance(result, dict):
        return Outcome(OutcomeKind.unknown, reason="no_usable_answer")
    transaction = getattr(result, "transaction", None)
    if transaction is not None:
        return _outcome_of_transaction(transaction)
    codes = _codes(result)
    return Outcome(
        replies.kind_of_validation(codes) if codes else OutcomeKind.unknown,
        reason=",".join(codes) or "no_codes",
        detail=str(getattr(result, "message", ""))[:500],
    )


def _outcome_of_transaction(transaction: Any) -> Outcome:
    rejection = getattr(transaction, "gateway_rejection_reason", None)
    return Outcome(
        kind=replies.kind_of_status(transaction.status, rejection),
        gateway_id=transaction.id,
        status=transaction.status,
        amount_cents=_cents(transaction.amount),
        currency=transaction.currency_iso_code,
        order_id=transaction.order_id,
        processor_code=getattr(transaction, "processor_response_code", None) or None,
        processor_type=getattr(transaction, "processor_response_type", None) or None,
        reason=rejection,
        detail=(getattr(transaction, "processor_response_text", None) or "")[:200] or None,
    )


def _outcome_of_exception(error: Exception) -> Outcome:
    name = type(error).__name__
    if name in replies.REFUSED_STATUS:
        return Outcome(OutcomeKind.not_sent, reason=name, stop_organisation=True)
    if name == replies.THROTTLED:
        return Outcome(OutcomeKind.not_sent, reason=name)
    if _never_left(error):
        return Outcome(OutcomeKind.not_sent, reason=f"never_left:{name}")
    return Outcome(OutcomeKind.unknown, reason=name)


def _never_left(error: Exception) -> bool:
    """Whether no connection was made at all; a connection that broke says nothing about what went through it."""
    if isinstance(error, requests.exceptions.ConnectTimeout):
        return True
    if not isinstance(error, requests.exceptions.ConnectionError) or not error.args:
        return False
    reason = getattr(error.args[0], "reason", None)
    return isinstance(reason, NewConnectionError | ConnectTimeoutError)


def _codes(result: Any) -> list[str]:
    errors = getattr(result, "errors", None)
    return [str(error.code) for error in errors.deep_errors] if errors is not None else []


def _cents(amount: Decimal) -> int:
    cents = amount.scaleb(2)
    return int(cents) if cents == cents.to_integral_value() else -1  # a fraction of a cent equals no amount of ours


def _card_of_method(method: Any) -> CardFacts:
    address = getattr(method, "billing_address", None)
    return CardFacts(
        brand=str(method.card_type or "Card"),
        last4=str(method.last_4),
        bin=str(method.bin or ""),
        expires_month=int(method.expiration_month),
        expires_year=int(method.expiration_year),
        postal_code=getattr(address, "postal_code", None) if address is not None else None,
    )
