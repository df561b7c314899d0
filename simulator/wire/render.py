"""What the gateway's objects look like on the wire: plain values that `codec.encode` writes.

The traps of the SDK's parser are respected here: objects that must have children have them or are left out, every
transaction and status event has an amount, every card says whether it is expired.
"""

from base64 import b64encode
from datetime import datetime
from typing import Any

from simulator.amounts import dollars
from simulator.cards import INDICATORS, CardFace
from simulator.codec import Collection, Many
from simulator.disputes import Dispute
from simulator.transactions import Transaction
from simulator.vault import Card, Customer, Nonce, Vault, Verification

PERSON = ("first_name", "last_name", "company", "email", "website", "phone", "fax")
ADDRESS = (
    "first_name",
    "last_name",
    "company",
    "street_address",
    "extended_address",
    "locality",
    "region",
    "postal_code",
    "country_name",
    "country_code_alpha2",
    "country_code_alpha3",
    "country_code_numeric",
    "phone_number",
)
ECHOED = (
    "channel",
    "purchase_order_number",
    "tax_amount",
    "tax_exempt",
    "discount_amount",
    "shipping_amount",
    "shipping_tax_amount",
    "surcharge_amount",
    "ships_from_postal_code",
)
PAGE_SIZE = 50


def global_id(kind: str, id_: str) -> str:
    """The id that GraphQL would use."""
    return b64encode(f"{kind}_{id_}".encode()).decode().rstrip("=")


def _indicators(face: CardFace) -> dict[str, Any]:
    shown: dict[str, Any] = dict.fromkeys(INDICATORS, "Unknown")
    shown |= {"issuing_bank": "Unknown", "country_of_issuance": "Unknown", "product_id": "Unknown"}
    return shown | dict(face.behaviour.indicators)


def _image(face: CardFace) -> str:
    return f"https://assets.braintreegateway.com/payment_method_logo/{face.card_type.lower().replace(' ', '_')}.png"


def _expired(face: CardFace, now: datetime) -> bool:
    return (int(face.expiration_year), int(face.expiration_month)) < (now.year, now.month)


def face(face: CardFace, now: datetime) -> dict[str, Any]:
    """The fields every card shows, in a transaction, a verification or the vault."""
    return {
        "bin": face.bin,
        "last_4": face.last_4,
        "card_type": face.card_type,
        "expiration_month": face.expiration_month,
        "expiration_year": face.expiration_year,
        "expired": _expired(face, now),
        "customer_location": "US",
        "cardholder_name": face.cardholder_name,
        "image_url": _image(face),
        **_indicators(face),
        "account_type": None,
        "unique_number_identifier": face.number_hash,
    }


def address(fields: dict[str, Any], **ids: Any) -> dict[str, Any]:
    """An address; absent parts are nil."""
    return (
        ids
        | {name: fields.get(name) for name in ADDRESS}
        | {"international_phone": fields.get("international_phone") or {"country_code": None, "national_number": None}}
    )


def status_event(event: dict[str, Any]) -> dict[str, Any]:
    """One line of a transaction's history."""
    return {
        "timestamp": event["timestamp"],
        "status": event["status"],
        "amount": dollars(event["amount_cents"]),
        "user": None,
        "transaction_source": "api",
    }


def transaction(t: Transaction) -> dict[str, Any]:
    """A whole transaction."""
    error, postal, street = t.avs
    card = face(t.face, t.created_at)
    card |= {
        "token": t.payment_method_token,
        "bin_extended": t.face.bin_extended,
        "venmo_sdk": False,
        "global_id": global_id("paymentmethod_cc", t.payment_method_token) if t.payment_method_token else None,
    }
    approved = t.kind == "approved"
    body: dict[str, Any] = {
        "id": t.id,
        "status": t.status,
        "type": t.type,
        "currency_iso_code": t.currency,
        "amount": dollars(t.amount_cents),
        "merchant_account_id": t.merchant_account_id,
        "sub_merchant_account_id": None,
        "master_merchant_account_id": None,
        "order_id": t.order_id,
        "created_at": t.created_at,
        "updated_at": t.updated_at,
        "customer": {"id": t.customer_id} | {name: t.customer.get(name) for name in PERSON},
        "billing": address(t.billing, id=t.billing.get("id")),
        "shipping": address(t.shipping, id=t.shipping.get("id"), shipping_method=t.shipping.get("shipping_method")),
        "refund_id": t.refund_ids[-1] if t.refund_ids else None,
        "refund_ids": t.refund_ids,
        "refunded_transaction_id": t.refunded_transaction_id,
        "partial_settlement_transaction_ids": t.partial_ids,
        "authorized_transaction_id": t.authorized_transaction_id,
        "settlement_batch_id": t.settlement_batch_id,
        "custom_fields": t.custom_fields or "",
        "avs_error_response_code": error,
        "avs_postal_code_response_code": postal,
        "avs_street_address_response_code": street,
        "cvv_response_code": t.cvv_response,
        "gateway_rejection_reason": t.rejection,
        "processor_authorization_code": t.authorization_code,
        "processor_response_code": t.code or "",
        "processor_response_text": t.text or "",
        "processor_response_type": t.kind or "",
        "additional_processor_response": t.additional,
        "voice_referral_number": None,
        **{name: t.details.get(name) for name in ECHOED},
        "sca_exemption_requested": None,
        "processed_with_network_token": False,
        "credit_card": card,
        "status_history": Many("status_event", [status_event(event) for event in t.status_history]),
        "plan_id": None,
        "subscription_id": None,
        "subscription": {"billing_period_start_date": None, "billing_period_end_date": None},
        "add_ons": [],
        "discounts": [],
        "descriptor": {name: t.descriptor.get(name) for name in ("name", "phone", "url")},
        "recurring": t.source in ("recurring_first", "recurring"),
        "service_fee_amount": None,
        "escrow_status": None,
        "disbursement_details": _disbursement(t),
        "disputes": Many("dispute", [dispute(item, t) for item in t.disputes]),
        "authorization_adjustments": [],
        "payment_instrument_type": "credit_card",
        "processor_settlement_response_code": t.settlement_code,
        "processor_settlement_response_text": "",
        "network_response_code": "XX" if t.kind else None,
        "network_response_text": "sample network response text" if t.kind else None,
        "network_transaction_id": t.network_transaction_id,
        "three_d_secure_info": None,
        "authorization_expires_at": t.authorization_expires_at,
        "retry_ids": t.retry_ids,
        "retried": t.retried_transaction_id is not None,
        "retried_transaction_id": t.retried_transaction_id,
        "upcoming_retry_date": t.retry_at.date() if t.retry_at else None,
        "retrieval_reference_number": "1234567" if approved else None,
        "acquirer_reference_number": None,
        "merchant_advice_code": None,
        "merchant_advice_code_text": None,
        "installment_count": None,
        "installments": [],
        "refunded_installments": [],
        "global_id": global_id("transaction", t.id),
        "merchant_identification_number": "123456789012",
        "terminal_identification_number": "00000001",
        "merchant_name": "DESCRIPTORNAME",
        "ach_return_code": None,
    }
    if t.kind == "soft_declined" and t.code == "2000" and t.face.card_type == "MasterCard":
        body |= {"merchant_advice_code": "01", "merchant_advice_code_text": "New account information available"}
    return body


def _disbursement(t: Transaction) -> dict[str, Any]:
    """When and how a sale reached the merchant's bank account; empty until then."""
    at = t.disbursed_at
    return {
        "disbursement_date": at.date() if at else None,
        "settlement_amount": dollars(t.amount_cents) if at else None,
        "settlement_currency_iso_code": t.currency if at else None,
        "settlement_currency_exchange_rate": "1" if at else None,
        "funds_held": False if at else None,
        "success": True if at else None,
    }


def dispute(d: Dispute, t: Transaction) -> dict[str, Any]:
    """A dispute with the few facts of its transaction that it shows."""
    return {
        "id": d.id,
        "global_id": global_id("dispute", d.id),
        "amount": dollars(d.amount_cents),
        "amount_disputed": dollars(d.amount_cents),
        "amount_won": dollars(d.won_cents),
        "case_number": d.case_number,
        "created_at": d.created_at,
        "updated_at": d.updated_at,
        "currency_iso_code": d.currency,
        "date_opened": d.created_at.date(),
        "date_won": d.won_at.date() if d.won_at else None,
        "kind": d.kind,
        "merchant_account_id": d.merchant_account_id,
        "reason": d.reason,
        "reason_code": d.reason_code,
        "reason_description": None,
        "received_date": d.created_at.date(),
        "reference_number": d.id.upper(),
        "reply_by_date": d.reply_by_at.date(),
        "processor_reply_by_date": d.reply_by_at.date(),
        "response_deadline": d.reply_by_at,
        "status": d.status,
        "processor_comments": None,
        "original_dispute_id": d.original_dispute_id,
        "pre_dispute_program": "none",
        "remaining_file_evidence_storage": 4_194_304,
        "evidence": Many("evidence", [evidence(item) for item in d.evidence]),
        "status_history": Many(
            "status_history",
            [
                event | {"effective_date": event["timestamp"].date(), "disbursement_date": None}
                for event in d.status_history
            ],
        ),
        "transaction": {
            "id": t.id,
            "global_id": global_id("transaction", t.id),
            "amount": dollars(t.amount_cents),
            "created_at": t.created_at,
            "order_id": t.order_id,
            "purchase_order_number": None,
            "payment_instrument_subtype": t.face.card_type,
            "installment_count": None,
        },
    }


def evidence(item: dict[str, Any]) -> dict[str, Any]:
    """One piece of evidence."""
    return item | {"sent_to_processor_at": None, "url": None, "sequence_number": None}


def verification(v: Verification) -> dict[str, Any]:
    """A card verification; `created_at` is what the SDK sorts by."""
    return {
        "id": v.id,
        "status": v.status,
        "amount": dollars(v.amount_cents),
        "currency_iso_code": "USD",
        "merchant_account_id": v.merchant_account_id,
        **v.fields,
        "network_response_code": "XX",
        "network_response_text": "sample network response text",
        "network_transaction_id": None,
        "ani_first_name_response_code": "I",
        "ani_last_name_response_code": "I",
        "created_at": v.created_at,
        "updated_at": v.created_at,
        "global_id": global_id("verification", v.id),
        "credit_card": face(v.face, v.created_at) | {"token": v.token},
        "billing": address(v.billing or {}),
    }


def card(c: Card, vault: Vault, now: datetime) -> dict[str, Any]:
    """A vaulted card; without an address the element is left out."""
    customer = vault.customers[c.merchant_id, c.customer_id]
    body = face(c.face, now) | {
        "token": c.token,
        "customer_id": c.customer_id,
        "default": customer.default_token == c.token,
        "created_at": c.created_at,
        "updated_at": c.updated_at,
        "subscriptions": [],
        "verifications": Many(
            "verification", [verification(vault.verifications[c.merchant_id, id_]) for id_ in reversed(c.verifications)]
        ),
        "is_network_tokenized": False,
        "venmo_sdk": False,
        "global_id": global_id("paymentmethod_cc", c.token),
        "customer_global_id": global_id("customer", c.customer_id),
    }
    if c.billing:
        body["billing_address"] = address(c.billing, id=c.billing.get("id"), customer_id=c.customer_id)
    return body


def customer(c: Customer, vault: Vault, now: datetime) -> dict[str, Any]:
    """A customer with everything kept for them."""
    return {
        "id": c.id,
        "merchant_id": c.merchant_id,
        **{name: c.fields.get(name) for name in PERSON},
        "international_phone": c.fields.get("international_phone") or {"country_code": None, "national_number": None},
        "created_at": c.created_at,
        "updated_at": c.updated_at,
        "custom_fields": c.custom_fields or "",
        "credit_cards": Many("credit_card", [card(item, vault, now) for item in vault.cards_of(c)]),
        "addresses": Many("address", [stored_address(item, c.id) for item in c.addresses]),
        "paypal_accounts": [],
        "us_bank_accounts": [],
        "apple_pay_cards": [],
        "android_pay_cards": [],
        "venmo_accounts": [],
        "global_id": global_id("customer", c.id),
    }


def stored_address(fields: dict[str, Any], customer_id: str) -> dict[str, Any]:
    """An address in a customer's book."""
    return address(
        fields,
        id=fields.get("id"),
        customer_id=customer_id,
        created_at=fields["created_at"],
        updated_at=fields["updated_at"],
    )


def foreign_nonce(value: str, kind: str) -> dict[str, Any]:
    """A nonce of a payment method that is no card; the last four digits are a bank account's."""
    details = {"last_four": "0000", "bank_name": "Wells Fargo"} if kind == "UsBankAccount" else {}
    return {"nonce": value, "type": kind, "consumed": False, "locked": False, "default": False, "details": details}


def nonce(n: Nonce) -> dict[str, Any]:
    """A payment method nonce with the details of its card."""
    shown = _indicators(n.face)
    return {
        "nonce": n.value,
        "type": "CreditCard",
        "consumed": n.state == "consumed",
        "locked": n.state == "locked",
        "default": False,
        "description": f"ending in {n.face.last_4[-2:]}",
        "details": {
            "bin": n.face.bin,
            "last_two": n.face.last_4[-2:],
            "last_four": n.face.last_4,
            "card_type": n.face.card_type,
            "expiration_month": n.face.expiration_month,
            "expiration_year": n.face.expiration_year,
            "cardholder_name": n.face.cardholder_name,
            "is_network_tokenized": False,
        },
        "bin_data": {
            name: shown[name]
            for name in (
                "healthcare",
                "debit",
                "durbin_regulated",
                "commercial",
                "payroll",
                "prepaid",
                "issuing_bank",
                "country_of_issuance",
                "product_id",
                "business",
                "consumer",
                "corporate",
                "purchase",
                "prepaid_reloadable",
            )
        },
        "three_d_secure_info": None,
        "security_questions": [],
    }


def found_ids(ids: list[str]) -> dict[str, Any]:
    """The first step of a search."""
    return {"page_size": PAGE_SIZE, "ids": ids}


def page(tag: str, items: list[dict[str, Any]]) -> Collection:
    """The second step of a search."""
    return Collection(tag, list(items), {"current_page_number": 1, "page_size": PAGE_SIZE, "total_items": len(items)})
