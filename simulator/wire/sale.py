"""POST /transactions: sales and credits. `create` checks and takes hold, `_Draft.conclude` authorises and records.

Between the two the request is in flight: its nonce is locked, and a twin is seen by duplicate checking.
"""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from simulator import behaviour
from simulator.amounts import read_amount
from simulator.behaviour import Answer
from simulator.codec import text, truthy
from simulator.problems import Problems, error_body
from simulator.transactions import SUCCEEDED, Transaction
from simulator.wire import render, vaulting
from simulator.wire.call import Call, Pending, Reply, account_of
from simulator.wire.instrument import Instrument, for_sale
from simulator.wire.shape import (
    check_transaction_fields,
    read_address,
    read_custom_fields,
    read_descriptor,
    read_person,
)

SETTLEMENT_DECLINED = "settlement_declined"  # what a fault dictates: taken now, declined when it settles
AUTHORIZATION_DAYS = {"Visa": 8, "MasterCard": 7, "American Express": 7}


@dataclass(eq=False)
class _Draft:
    """A sale that passed validation and is being processed."""

    call: Call
    kind: str
    amount_cents: int
    account: str
    instrument: Instrument
    parts: dict[str, Any] = field(default_factory=dict)
    duplicate: bool = False

    def is_twin(self, other: "_Draft | Transaction") -> bool:
        """Same merchant, amount, order (if this one names one), card number and expiry."""
        mine = text(self.call.params.get("order_id"))
        if isinstance(other, Transaction):
            merchant_id, order, face = other.merchant_id, other.order_id, other.face
        else:
            merchant_id, order = other.call.merchant.id, text(other.call.params.get("order_id"))
            face = other.instrument.face
        return (
            merchant_id == self.call.merchant.id
            and other.amount_cents == self.amount_cents
            and (mine is None or mine == order)
            and face.number_hash == self.instrument.face.number_hash
            and face.expiration_date == self.instrument.face.expiration_date
        )

    def release(self) -> None:
        """No longer in flight; an unused nonce is fresh again."""
        if self in self.call.world.in_flight:
            self.call.world.in_flight.remove(self)
        nonce = self.instrument.nonce
        if nonce and nonce.state == "locked":
            nonce.state = "fresh"

    def conclude(self) -> Reply:
        """Authorise, apply the merchant's rules, record, answer."""
        call, world, options = self.call, self.call.world, self.call.part("options")
        self.release()
        answer, amount_cents = self._answer()
        transaction = self._transaction(answer, amount_cents)
        if self.instrument.nonce:
            world.vault.consume(self.instrument.nonce)
        keep_always = truthy(options.get("store_in_vault"))
        if keep_always or (answer.approved and truthy(options.get("store_in_vault_on_success"))):
            vaulting.keep_from_sale(call, transaction, self.instrument)
        if not answer.approved:
            world.plan_retry(transaction)
            world.move(transaction, answer.status, keep=False)
        elif call.forced == "authorizing" and call.fault:
            transaction.authorizing_until = world.clock.now() + timedelta(seconds=call.fault.delay_seconds)
            world.move(transaction, "authorizing", keep=False)
        elif self.kind == "credit":
            world.move(transaction, "submitted_for_settlement", keep=False)
        else:
            world.move(transaction, "authorized", keep=False)
            if truthy(options.get("submit_for_settlement")):
                world.move(transaction, "submitted_for_settlement", keep=False)
        world.transactions.keep(transaction)
        if self.kind == "sale" and transaction.success and self.instrument.face.behaviour.is_disputed:
            world.open_dispute(transaction)
        return answer_with(call, transaction, 201)

    def _answer(self) -> tuple[Answer, int]:
        """The outcome, and what of the amount it covers."""
        call, profile = self.call, self.instrument.face.behaviour
        merchant, forced, amount_cents = call.merchant, call.forced, self.amount_cents
        if forced in ("duplicate", "fraud") or self.duplicate:
            return behaviour.rejected("duplicate" if self.duplicate else str(forced)), amount_cents
        if forced == "1004":
            return behaviour.approved("1004"), amount_cents // 2 or 1
        if forced and forced not in ("authorizing", SETTLEMENT_DECLINED):
            return behaviour.declined(forced), amount_cents
        if self.kind == "credit":
            return behaviour.approved("1002"), amount_cents
        skip_fraud = truthy(call.part("options").get("skip_advanced_fraud_checking"))
        if profile.fraud_reason and (profile.always_rejected or (merchant.fraud_tools and not skip_fraud)):
            return behaviour.rejected(profile.fraud_reason), amount_cents
        answer = behaviour.declined(profile.sale_code) if profile.sale_code else behaviour.by_amount(amount_cents)
        if not answer.approved:
            return answer, amount_cents
        if amount_cents == behaviour.PARTIAL_CENTS and truthy(call.params.get("accept_partial_authorization")):
            return behaviour.approved("1004"), amount_cents // 2
        _, postal, street = self.parts["avs"]
        broken = behaviour.rule_broken(merchant.avs_rules, merchant.cvv_rules, postal, street, self.parts["cvv"])
        return (behaviour.rejected(broken, answer) if broken else answer), amount_cents

    def _transaction(self, answer: Answer, amount_cents: int) -> Transaction:
        call, instrument, now = self.call, self.instrument, self.call.world.clock.now()
        stored = instrument.card
        customer = call.world.vault.customer(call.merchant.id, stored.customer_id) if stored else None
        additional = f"{answer.code} : {answer.text}" if answer.kind in ("soft_declined", "hard_declined") else None
        days = AUTHORIZATION_DAYS.get(instrument.face.card_type, 30)
        approved_sale = answer.approved and self.kind == "sale"
        ids = call.world.ids
        return Transaction(
            id=ids.word(),
            merchant_id=call.merchant.id,
            merchant_account_id=self.account,
            type=self.kind,
            amount_cents=amount_cents,
            currency=call.merchant.currency,
            created_at=now,
            face=instrument.face,
            order_id=text(call.params.get("order_id")),
            payment_method_token=stored.token if stored else None,
            customer_id=customer.id if customer else None,
            customer=(customer.fields if customer else {}) | self.parts["customer"],
            billing=self.parts["billing"] or {},
            shipping=self.parts["shipping"] or {},
            descriptor=self.parts["descriptor"],
            custom_fields=self.parts["custom_fields"],
            details={name: call.params[name] for name in render.ECHOED if call.params.get(name) is not None},
            source=text(call.params.get("transaction_source")),
            code=answer.code,
            text=answer.text,
            kind=answer.kind,
            additional=additional,
            rejection=answer.rejection,
            avs=list(self.parts["avs"]),
            cvv_response=self.parts["cvv"],
            authorization_code=ids.word(6).upper() if approved_sale else None,
            network_transaction_id=f"{now:0%Y%m%d%H%M%S}" if answer.approved else None,
            authorization_expires_at=now + timedelta(days=days) if approved_sale else None,
            nonce_used=bool(call.params.get("payment_method_nonce")),
            api_request_key=text(call.params.get("api_request_key")),
            fails_to_settle=call.forced == SETTLEMENT_DECLINED,
        )


def answer_with(call: Call, transaction: Transaction, status: int) -> Reply:
    """The transaction, or a 422 that carries it when it was not taken."""
    shown = render.transaction(transaction)
    if transaction.success:
        return Reply(status, "transaction", shown, transaction)
    message = f"Gateway Rejected: {transaction.rejection}" if transaction.rejection else transaction.text or ""
    body = error_body(Problems().tree(), message, call.root, call.params) | {"transaction": shown}
    return Reply(422, "api_error_response", body, transaction, success=False)


def create(call: Call) -> Pending:
    """Check a sale or credit and take hold of what it uses. Raises Refused."""
    params, problems, options = call.params, Problems(), call.part("options")
    kind = text(params.get("type"))
    if kind not in ("sale", "credit"):
        problems.add("transaction", "type", "91523" if kind else "91524")
    amount_cents = read_amount(params.get("amount"), "transaction", problems)
    account = account_of(call, params.get("merchant_account_id"), "transaction", problems)
    check_transaction_fields(call, problems)
    parts: dict[str, Any] = {
        "customer": read_person(call.part("customer"), "transaction.customer", problems),
        "billing": read_address(params.get("billing"), "transaction.billing", problems),
        "shipping": read_address(params.get("shipping"), "transaction.shipping", problems),
        "descriptor": read_descriptor(call, problems),
        "custom_fields": read_custom_fields(call, "transaction", "91526", problems),
    }
    instrument = for_sale(call, problems)
    problems.raise_if_any()
    if instrument is None or kind is None:
        raise AssertionError("a sale without card or type was refused above")
    parts["billing"] = parts["billing"] or instrument.billing
    skip_avs, skip_cvv = truthy(options.get("skip_avs")), truthy(options.get("skip_cvv"))
    parts["avs"] = (None, "B", "B") if skip_avs else behaviour.avs_letters(parts["billing"])
    parts["cvv"] = "B" if skip_cvv else instrument.face.cvv_response
    draft = _Draft(call, kind, amount_cents, account, instrument, parts)
    draft.duplicate = _has_twin(draft)
    if instrument.nonce:
        instrument.nonce.state = "locked"
    call.world.in_flight.append(draft)
    return Pending(draft.conclude, draft.release)


def _has_twin(draft: _Draft) -> bool:
    """Duplicate checking; a request with an api_request_key is not checked."""
    call = draft.call
    window = timedelta(seconds=call.merchant.duplicate_seconds)
    if not window or draft.kind != "sale" or call.params.get("api_request_key"):
        return False
    if any(draft.is_twin(other) for other in call.world.in_flight if other.kind == "sale"):
        return True
    since = call.world.clock.now() - window
    order_id = text(call.params.get("order_id"))
    book = call.world.transactions
    earlier = book.with_order(call.merchant.id, order_id) if order_id else book.of(call.merchant.id)
    for transaction in reversed(earlier):
        if transaction.created_at < since:
            return False
        if transaction.type == "sale" and transaction.status in SUCCEEDED and draft.is_twin(transaction):
            return True
    return False
