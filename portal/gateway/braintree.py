"""The only file that asks the Braintree SDK: one gateway per organisation, every answer turned into our words.

Called through `portal.usecases.ports.Gateway`. A sale never raises; questions raise GatewayUnreachable or
GatewayRefused. No retry is made here or below: whoever asked decides.
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, NoReturn
from urllib.parse import urlsplit

import braintree
from braintree.exceptions.not_found_error import NotFoundError

from portal.domain.card import (
    CardFacts,
    GatewayRecord,
    GatewayRefused,
    GatewayUnreachable,
    KeepAnswer,
    KeepKind,
    RecordKind,
    RefundRequest,
    SaleRequest,
)
from portal.domain.charge import Outcome, OutcomeKind
from portal.domain.dispute import DisputeFacts
from portal.domain.notice import Notice
from portal.domain.refund import RefundWay
from portal.gateway import notices, replies
from portal.gateway.reading import (
    card_of_method,
    codes_of,
    outcome_of_exception,
    outcome_of_result,
    outcome_of_void,
    record_of,
)
from portal.gateway.sale_shape import ShapedSales
from portal.gateway.wire import WiredConfiguration


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
        """The gateway; GatewayRefused without an account, with one of another environment (F8), or with a key that
        cannot be opened (which `load` says).
        """
        with self._lock:
            made = self._made.get(organisation_id)
        if made is not None:
            return made
        credentials = self._load(organisation_id)
        if credentials is None:
            raise GatewayRefused("no_gateway_account")
        if credentials.environment != self._environment:
            raise GatewayRefused("gateway_of_another_environment")
        made = BraintreeGateway(
            credentials, self._simulator_url, self._question_timeout, lambda: self.forget(organisation_id)
        )
        with self._lock:
            return self._made.setdefault(organisation_id, made)

    def forget(self, organisation_id: str) -> None:
        """Drops a gateway whose keys were changed."""
        with self._lock:
            self._made.pop(organisation_id, None)


class BraintreeGateway:
    """The gateway of one organisation. The SDK fixes a timeout per object, so there is one object per timeout."""

    def __init__(
        self,
        credentials: Credentials,
        simulator_url: str,
        question_timeout: timedelta,
        when_refused: Callable[[], None] = lambda: None,
    ) -> None:
        self._credentials = credentials
        self._simulator_url = simulator_url
        self._question_timeout = question_timeout
        self._when_refused = when_refused  # the keys may have been changed in another process: read them again
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
            "amount": _dollars(request.amount_cents),
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
            return outcome_of_result(self._for(timeout).transaction.sale(parameters))
        except Exception as error:  # also from reading an answer that lacks what every answer has
            return self._outcome_of(error)

    def refund(self, request: RefundRequest, timeout: timedelta) -> Outcome:
        """Gives money back, by a void of the sale or a credit of its own. Any way it can end is an Outcome."""
        key = {"api_request_key": request.order_id} if request.is_keyed else {}
        try:
            sdk = self._for(timeout)
            if request.way is RefundWay.void:
                return outcome_of_void(sdk.transaction.void(request.sale_gateway_id, key or None))
            parameters = {"amount": _dollars(request.amount_cents), "order_id": request.order_id, **key}
            return outcome_of_result(sdk.transaction.refund(request.sale_gateway_id, parameters))
        except NotFoundError as error:
            return Outcome(OutcomeKind.not_sent, reason=type(error).__name__)
        except Exception as error:
            return self._outcome_of(error)

    def search(self, order_id: str) -> Sequence[Outcome]:
        """Every sale under an order id, oldest first."""
        return [record.outcome for record in self.records(order_id) if record.kind is RecordKind.sale]

    def records(self, order_id: str) -> Sequence[GatewayRecord]:
        """Every sale and credit under an order id, oldest first."""
        found = self._ask(
            lambda sdk: list(sdk.transaction.search(braintree.TransactionSearch.order_id == order_id).items)
        )
        return sorted(map(record_of, found), key=lambda record: (record.created_at, record.gateway_id))

    def find(self, gateway_id: str) -> GatewayRecord | None:
        """The record as it stands now, without the search's delay; None when the gateway knows none."""
        try:
            found = self._ask(lambda sdk: sdk.transaction.find(gateway_id))
        except NotFoundError:
            return None
        if found is None:
            raise GatewayUnreachable("no_usable_answer")
        return record_of(found)

    def search_created(self, from_at: datetime, until_at: datetime) -> Iterator[GatewayRecord]:
        """Every record made from one moment until another, page by page. Minutes count: ask for a little more."""
        created_at = braintree.TransactionSearch.created_at
        pages = self._ask(lambda sdk: sdk.transaction.search(created_at.between(from_at, until_at)))
        rows = iter(pages.items)
        while True:
            row = self._ask(lambda _: next(rows, None))  # a page is fetched when its first row is asked for
            if row is None:
                return
            yield record_of(row)

    def keep_card(self, customer_id: str, token: str, nonce: str, timeout: timedelta) -> KeepAnswer:
        """Vaults a verified card under our token, making the gateway's customer on the way if it is new."""
        try:
            sdk = self._for(timeout)
            result = self._create_method(sdk, customer_id, token, nonce, verify=True)
            if result.is_success:
                return KeepAnswer(KeepKind.kept, card=card_of_method(result.payment_method))
            codes = codes_of(result)
            if replies.TOKEN_IN_USE in codes or replies.NONCE_USED & set(codes):
                try:
                    return KeepAnswer(KeepKind.kept, card=card_of_method(sdk.payment_method.find(token)))
                except NotFoundError:
                    return KeepAnswer(KeepKind.unusable, code=",".join(codes))
            if replies.NONCE_LOCKED & set(codes):
                return KeepAnswer(KeepKind.unknown, code=",".join(codes))
            verification = getattr(result, "credit_card_verification", None)
            if verification is not None:
                return KeepAnswer(KeepKind.declined, code=str(verification.processor_response_code or ""))
            return KeepAnswer(KeepKind.unusable, code=",".join(codes))
        except Exception as error:
            if type(error).__name__ in replies.REFUSED_STATUS:
                self._when_refused()
                raise GatewayRefused(type(error).__name__) from error
            return KeepAnswer(KeepKind.unknown, code=type(error).__name__)

    def burn(self, customer_id: str, token: str, nonce: str) -> bool:
        """Consumes a nonce by vaulting its card, unverified, under a token that is forgotten next."""
        result = self._ask(lambda sdk: self._create_method(sdk, customer_id, token, nonce, verify=False))
        if result.is_success:
            return True
        codes = codes_of(result)
        if replies.TOKEN_IN_USE in codes:
            return True
        if replies.NONCE_UNKNOWN & set(codes):
            return True  # it can pay for nothing any more
        if not replies.NONCE_USED & set(codes):
            raise GatewayUnreachable(",".join(codes) or "no_codes")  # locked by a sale in flight, or not understood
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

    def forget_customer(self, customer_id: str) -> None:
        """Removes a vaulted customer with every card; one that is not there is fine."""
        try:
            self._ask(lambda sdk: sdk.customer.delete(customer_id))
        except NotFoundError:
            return

    def void(self, gateway_id: str) -> bool:
        """Voids a sale; False when it settled already or is not there."""
        try:
            result = self._ask(lambda sdk: sdk.transaction.void(gateway_id))
        except NotFoundError:
            return False
        return bool(result.is_success)

    def read_notice(self, signature: str, payload: str) -> Notice | None:
        """What the gateway told us; None when these are not its words to this merchant."""
        return notices.read(self._for(self._question_timeout), signature, payload)

    def answer_challenge(self, challenge: str) -> str | None:
        """The gateway's check of our address, answered; None for anything else."""
        return notices.answer(self._for(self._question_timeout), challenge)

    def dispute(self, gateway_id: str) -> DisputeFacts | None:
        """A dispute as it stands now; None when the gateway knows none."""
        try:
            return self._ask(lambda sdk: notices.dispute_facts(sdk.dispute.find(gateway_id)))  # type: ignore[no-any-return]  # the SDK has no types
        except NotFoundError:
            return None

    def disputes_since(self, day: date) -> list[DisputeFacts]:
        """Disputes received since a day, as they stand now."""
        received = braintree.DisputeSearch.received_date >= day.isoformat()
        found = self._ask(lambda sdk: list(sdk.dispute.search(received).disputes.items))
        return [notices.dispute_facts(each) for each in found]

    def _create_method(self, sdk: Any, customer_id: str, token: str, nonce: str, *, verify: bool) -> Any:
        parameters = {
            "customer_id": customer_id,
            "payment_method_nonce": nonce,
            "token": token,
            "options": {"verify_card": verify},
        }
        result = sdk.payment_method.create(parameters)
        if result.is_success or not replies.CUSTOMER_UNKNOWN & set(codes_of(result)):
            return result
        made = sdk.customer.create({"id": customer_id})
        if not made.is_success and replies.CUSTOMER_ID_IN_USE not in codes_of(made):
            return made
        return sdk.payment_method.create(parameters)

    def _for(self, timeout: timedelta) -> Any:
        sdk = self._sdk.get(timeout)
        if sdk is None:
            sdk = braintree.BraintreeGateway(
                WiredConfiguration(
                    environment=_environment(self._credentials.environment, self._simulator_url),
                    merchant_id=self._credentials.merchant_id,
                    public_key=self._credentials.public_key,
                    private_key=self._credentials.private_key,
                    timeout=timeout.total_seconds(),
                )
            )
            sdk.transaction = ShapedSales(sdk)
            sdk = self._sdk.setdefault(timeout, sdk)
        return sdk

    def _ask(self, question: Callable[[Any], Any]) -> Any:
        """A question that may be asked again freely. NotFoundError passes; everything else becomes one of ours."""
        try:
            return question(self._for(self._question_timeout))
        except NotFoundError:
            raise
        except Exception as error:
            self._raise_ours(error)

    def _raise_ours(self, error: Exception) -> NoReturn:
        name = type(error).__name__
        if name in replies.REFUSED_STATUS:
            self._when_refused()
            raise GatewayRefused(name) from error
        raise GatewayUnreachable(name) from error

    def _outcome_of(self, error: Exception) -> Outcome:
        outcome = outcome_of_exception(error)
        if outcome.stop_organisation:
            self._when_refused()
        return outcome


def _environment(name: str, simulator_url: str) -> Any:
    if name == "production":
        return braintree.Environment.Production
    if name == "sandbox":
        return braintree.Environment.Sandbox
    address = urlsplit(simulator_url)
    host, port = address.hostname or "127.0.0.1", str(address.port or 80)
    return braintree.Environment("simulator", host, port, simulator_url, False, None, host, port)


def _dollars(amount_cents: int) -> str:
    return f"{amount_cents // 100}.{amount_cents % 100:02d}"
