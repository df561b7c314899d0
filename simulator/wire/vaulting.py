"""Putting cards and customers into the vault: shared by sales that store, payment methods and customers.

Also verifies cards, because a card that fails its verification is not stored.
"""

from typing import Any

from simulator import behaviour
from simulator.amounts import LARGEST_CENTS, cents_of
from simulator.codec import mapping, text, truthy
from simulator.problems import Problems, error_body
from simulator.transactions import Transaction
from simulator.vault import Card, Customer, Verification
from simulator.wire import render
from simulator.wire.call import Call, Reply
from simulator.wire.instrument import Instrument
from simulator.wire.shape import ID


class VerificationFailed(Exception):
    """A card did not pass; answered 422 with the verification."""

    def __init__(self, verification: Verification) -> None:
        super().__init__(verification.id)
        self.verification = verification


def failed_reply(call: Call, verification: Verification) -> Reply:
    """The 422 of a failed verification."""
    said = verification.fields
    reason = said["gateway_rejection_reason"]
    message = f"Gateway Rejected: {reason}" if reason else said["processor_response_text"] or ""
    body = error_body(Problems().tree(), message, call.root, call.params)
    return Reply(422, "api_error_response", body | {"verification": render.verification(verification)}, success=False)


def new_customer(call: Call, fields: dict[str, Any], customer_id: str | None = None) -> Customer:
    """Store a customer."""
    now = call.world.clock.now()
    customer = Customer(call.merchant.id, customer_id or call.world.ids.digits(9), now, now, fields)
    call.world.vault.keep_customer(customer)
    return customer


def check_token(call: Call, token: str | None, path: str, problems: Problems, own: str | None = None) -> None:
    """The rules of a token that the merchant chose; `own` is the one it already has."""
    if token is None or token == own:
        return
    if not ID.fullmatch(token):
        problems.add(path, "token", "91718")
    elif len(token) > 36:
        problems.add(path, "token", "91720")
    elif call.world.vault.card(call.merchant.id, token):
        problems.add(path, "token", "91719")


def check_duplicates(
    call: Call, instrument: Instrument, customer_id: str, options: dict[str, Any], path: str, problems: Problems
) -> None:
    """`fail_on_duplicate_payment_method` and its per-customer form: the same number, whatever the expiry."""
    same = call.world.vault.cards_like(call.merchant.id, instrument.face.number_hash)
    if same and truthy(options.get("fail_on_duplicate_payment_method")):
        problems.add(path, "number", "81724")
    elif truthy(options.get("fail_on_duplicate_payment_method_for_customer")) and any(
        card.customer_id == customer_id for card in same
    ):
        problems.add(path, "number", "81763")


def store_card(
    call: Call,
    customer: Customer,
    instrument: Instrument,
    token: str | None = None,
    billing: dict[str, Any] | None = None,
    options: dict[str, Any] | None = None,
) -> Card:
    """Vault a card; verifies it first when asked. Raises VerificationFailed; the caller consumes the nonce."""
    options = mapping(options)
    world, now = call.world, call.world.clock.now()
    verification = None
    if truthy(options.get("verify_card")):
        verification = verify(call, instrument, options, billing, customer.id)
    address = None
    if billing:
        address = billing | {"id": world.ids.word(4), "created_at": now, "updated_at": now}
        customer.addresses.append(address)
        world.vault.keep_customer(customer)
    shown = {name: value for name, value in address.items() if not name.endswith("_at")} if address else None
    face = type(instrument.face)(**vars(instrument.face) | {"cvv_response": "I"})
    card = Card(call.merchant.id, token or world.ids.word(), customer.id, face, now, now, shown)
    if verification:
        verification.token = card.token
        card.verifications.append(verification.id)
        world.vault.keep_verification(verification)
    if truthy(options.get("make_default")):
        customer.default_token = card.token
        world.vault.keep_customer(customer)
    world.vault.keep_card(card)
    return card


def keep_from_sale(call: Call, transaction: Transaction, instrument: Instrument) -> None:
    """`store_in_vault`: the sale's customer and card stay."""
    if instrument.card:
        return
    customer_id = text(call.params.get("customer_id"))
    wanted_id = text(call.part("customer").get("id"))
    known = call.world.vault.customer(call.merchant.id, customer_id or wanted_id or "")
    customer = known or new_customer(call, transaction.customer, wanted_id)
    options = call.part("options")
    billing = transaction.billing if truthy(options.get("add_billing_address_to_payment_method")) else None
    card = store_card(call, customer, instrument, instrument.wanted_token, billing)
    transaction.customer_id, transaction.payment_method_token = customer.id, card.token
    if truthy(options.get("store_shipping_address_in_vault")) and transaction.shipping:
        now = call.world.clock.now()
        customer.addresses.append(
            transaction.shipping | {"id": call.world.ids.word(4), "created_at": now, "updated_at": now}
        )
        call.world.vault.keep_customer(customer)


def verify(
    call: Call,
    instrument: Instrument,
    options: dict[str, Any],
    billing: dict[str, Any] | None,
    customer_id: str | None = None,
) -> Verification:
    """Ask whether the card is good and keep the answer. Raises VerificationFailed or Refused."""
    problems = Problems()
    wanted = text(options.get("verification_amount") or options.get("amount"))
    cents = cents_of(wanted) if wanted else 0
    if cents is None:
        problems.add("verification.options", "amount", "94202")
    elif cents < 0:
        problems.add("verification.options", "amount", "94201")
    elif cents > LARGEST_CENTS:
        problems.add("verification.options", "amount", "94207")
    problems.raise_if_any()
    profile, merchant = instrument.face.behaviour, call.merchant
    answer = behaviour.by_amount(cents or 0)
    if profile.verification_code:
        answer = behaviour.declined(profile.verification_code)
    error, postal, street = behaviour.avs_letters(billing)
    cvv = instrument.face.cvv_response
    if profile.fraud_reason and (profile.always_rejected or merchant.fraud_tools):
        answer = behaviour.rejected(profile.fraud_reason)
    elif answer.approved:
        broken = behaviour.rule_broken(merchant.avs_rules, merchant.cvv_rules, postal, street, cvv)
        answer = behaviour.rejected(broken, answer) if broken else answer
    verification = Verification(
        merchant.id,
        call.world.ids.word(),
        "verified" if answer.approved else answer.status,
        cents or 0,
        call.world.clock.now(),
        instrument.face,
        text(options.get("verification_merchant_account_id") or options.get("merchant_account_id"))
        or merchant.accounts[0],
        billing,
        customer_id,
        fields={
            "avs_error_response_code": error,
            "avs_postal_code_response_code": postal,
            "avs_street_address_response_code": street,
            "cvv_response_code": cvv,
            "processor_response_code": answer.code,
            "processor_response_text": answer.text,
            "processor_response_type": answer.kind,
            "gateway_rejection_reason": answer.rejection,
        },
    )
    call.world.vault.keep_verification(verification)
    if not answer.approved:
        raise VerificationFailed(verification)
    return verification
