"""Advanced search: criteria as the wire sends them, against transactions, customers and verifications.

The two-step protocol is in `wire.searching`; here is only what matches. Unknown criteria are refused, because
ignoring one silently would find too much.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from simulator.amounts import cents_of
from simulator.cards import CardFace, number_hash
from simulator.codec import Malformed, read_time, text, truthy
from simulator.disputes import Dispute
from simulator.transactions import Transaction
from simulator.vault import Customer, Vault, Verification

Item = TypeVar("Item", Transaction, Customer, Verification, Dispute)
Get = Callable[[Any], Iterable[Any]]
STATUS_TIMES = (
    "authorized",
    "submitted_for_settlement",
    "settled",
    "voided",
    "failed",
    "gateway_rejected",
    "processor_declined",
    "authorization_expired",
)


class BadCriteria(Exception):
    """A criterion that this search does not know or cannot read."""


@dataclass(frozen=True)
class Field:
    """`test` judges a criterion against the values that `get` takes from an object."""

    test: Callable[[Any, list[Any]], bool]
    get: Get


def _text(criterion: Any, values: list[Any]) -> bool:
    if isinstance(criterion, list):
        return _listed(criterion, values)
    if not isinstance(criterion, dict):
        raise BadCriteria("text needs an operator")
    found = [str(value).lower() for value in values]
    for operator, sent in criterion.items():
        wanted = (text(sent) or "").lower()
        if operator == "is":
            good = wanted in found
        elif operator == "is_not":
            good = wanted not in found
        elif operator == "starts_with":
            good = any(value.startswith(wanted) for value in found)
        elif operator == "ends_with":
            good = any(value.endswith(wanted) for value in found)
        elif operator == "contains":
            good = any(wanted in value for value in found)
        else:
            raise BadCriteria(operator)
        if not good:
            return False
    return True


def _number(criterion: Any, faces: list[Any]) -> bool:
    """Card numbers, although only bin, last four and a hash are known."""
    for operator, sent in (criterion if isinstance(criterion, dict) else {}).items():
        wanted = text(sent) or ""
        hits = [face.number_hash == number_hash(wanted) for face in faces]
        if operator == "starts_with":
            hits = [face.bin_extended.startswith(wanted[:8]) for face in faces]
        elif operator == "ends_with":
            hits = [face.last_4.endswith(wanted[-4:]) for face in faces]
        elif operator not in ("is", "is_not"):
            raise BadCriteria(operator)
        if any(hits) == (operator == "is_not"):
            return False
    return True


def _listed(criterion: Any, values: list[Any]) -> bool:
    wanted = criterion if isinstance(criterion, list) else [criterion]
    return not {text(item) for item in wanted}.isdisjoint(str(value) for value in values)


def _boolean(criterion: Any, values: list[Any]) -> bool:
    return truthy(criterion) in values


def _range(read: Callable[[Any], Any]) -> Callable[[Any, list[Any]], bool]:
    def test(criterion: Any, values: list[Any]) -> bool:
        if not isinstance(criterion, dict):
            raise BadCriteria("a range needs is, min or max")
        bounds = {operator: read(sent) for operator, sent in criterion.items() if sent is not None}
        if not bounds.keys() <= {"is", "min", "max"} or None in bounds.values():
            raise BadCriteria("a range needs is, min or max")
        return any(
            (value == bounds["is"])
            if "is" in bounds
            else (("min" not in bounds or value >= bounds["min"]) and ("max" not in bounds or value <= bounds["max"]))
            for value in values
        )

    return test


def _time(sent: Any) -> datetime | None:
    """Second resolution, as stored times are compared."""
    try:
        moment = sent if isinstance(sent, datetime) else read_time(text(sent) or "")
    except Malformed:
        return None
    return moment.replace(microsecond=0)


_TIMES, _AMOUNTS = _range(_time), _range(cents_of)


def _attribute(name: str) -> Get:
    return lambda item: [getattr(item, name)]


def _inside(name: str, key: str) -> Get:
    return lambda item: [(getattr(item, name) or {}).get(key)]


def _status_time(status: str) -> Get:
    return lambda item: [
        event["timestamp"].replace(microsecond=0) for event in item.status_history if event["status"] == status
    ]


def _created(item: Any) -> list[Any]:
    return [item.created_at.replace(microsecond=0)]


def _face(read: Callable[[CardFace], Any]) -> Get:
    return lambda item: [read(item.face)]


_CARD_FIELDS = {
    "credit_card_cardholder_name": Field(_text, _face(lambda face: face.cardholder_name)),
    "credit_card_expiration_date": Field(_text, _face(lambda face: face.expiration_date)),
    "credit_card_number": Field(_number, _face(lambda face: face)),
    "credit_card_card_type": Field(_listed, _face(lambda face: face.card_type)),
    "credit_card_customer_location": Field(_listed, _face(lambda face: "US")),
    "credit_card_unique_identifier": Field(_text, _face(lambda face: face.number_hash)),
}
_PERSON = ("first_name", "last_name", "company", "email", "phone", "fax", "website")
_PLACE = (
    "first_name",
    "last_name",
    "company",
    "street_address",
    "extended_address",
    "locality",
    "region",
    "postal_code",
    "country_name",
)

TRANSACTION_FIELDS: dict[str, Field] = {
    **{
        name: Field(_text, _attribute(name))
        for name in ("id", "order_id", "payment_method_token", "customer_id", "currency", "settlement_batch_id")
    },
    "processor_authorization_code": Field(_text, _attribute("authorization_code")),
    **{f"customer_{name}": Field(_text, _inside("customer", name)) for name in _PERSON},
    **{f"{place}_{name}": Field(_text, _inside(place, name)) for place in ("billing", "shipping") for name in _PLACE},
    **_CARD_FIELDS,
    "status": Field(_listed, _attribute("status")),
    "type": Field(_listed, _attribute("type")),
    "ids": Field(_listed, _attribute("id")),
    "merchant_account_id": Field(_listed, _attribute("merchant_account_id")),
    "payment_instrument_type": Field(_listed, lambda item: ["CreditCardDetail", "credit_card"]),
    "source": Field(_listed, lambda item: ["api"]),
    "created_using": Field(_listed, lambda item: ["token" if item.payment_method_token else "full_information"]),
    "refund": Field(_boolean, lambda item: [item.refunded_transaction_id is not None]),
    "amount": Field(_AMOUNTS, _attribute("amount_cents")),
    "created_at": Field(_TIMES, _created),
    **{f"{status}_at": Field(_TIMES, _status_time(status)) for status in STATUS_TIMES},
}
VERIFICATION_FIELDS: dict[str, Field] = {
    **_CARD_FIELDS,
    "id": Field(_text, _attribute("id")),
    "ids": Field(_listed, _attribute("id")),
    "status": Field(_listed, _attribute("status")),
    "customer_id": Field(_text, _attribute("customer_id")),
    "payment_method_token": Field(_text, _attribute("token")),
    "billing_address_details_postal_code": Field(_text, _inside("billing", "postal_code")),
    "created_at": Field(_TIMES, _created),
    "verification_type": Field(_listed, lambda item: ["credit_card"]),
}
DISPUTE_FIELDS: dict[str, Field] = {
    **{name: Field(_text, _attribute(name)) for name in ("id", "case_number", "transaction_id")},
    **{
        name: Field(_listed, _attribute(name))
        for name in ("status", "kind", "reason", "reason_code", "merchant_account_id")
    },
    "amount_disputed": Field(_AMOUNTS, _attribute("amount_cents")),
    "amount_won": Field(_AMOUNTS, _attribute("won_cents")),
    "received_date": Field(_TIMES, _created),
    "reply_by_date": Field(_TIMES, lambda item: [item.reply_by_at.replace(microsecond=0)]),
}


def customer_fields(vault: Vault) -> dict[str, Field]:
    """Customer criteria; some look at the customer's cards and addresses."""

    def of_cards(read: Callable[[Any], Any]) -> Get:
        return lambda item: [read(card) for card in vault.cards_of(item)]

    def of_addresses(name: str) -> Get:
        return lambda item: [address.get(name) for address in item.addresses]

    def same_number(item: Customer) -> list[str]:
        return [
            twin.token
            for card in vault.cards_of(item)
            for twin in vault.cards_like(item.merchant_id, card.face.number_hash)
        ]

    return {
        "id": Field(_text, _attribute("id")),
        "ids": Field(_listed, _attribute("id")),
        **{name: Field(_text, _inside("fields", name)) for name in _PERSON},
        **{f"address_{name}": Field(_text, of_addresses(name)) for name in _PLACE},
        "cardholder_name": Field(_text, of_cards(lambda card: card.face.cardholder_name)),
        "credit_card_number": Field(_number, of_cards(lambda card: card.face)),
        "credit_card_expiration_date": Field(_text, of_cards(lambda card: card.face.expiration_date)),
        "payment_method_token": Field(_text, of_cards(lambda card: card.token)),
        "payment_method_token_with_duplicates": Field(_text, same_number),
        "paypal_account_email": Field(_text, lambda item: []),
        "created_at": Field(_TIMES, _created),
    }


def select(candidates: Iterable[Item], criteria: dict[str, Any], known: dict[str, Field]) -> list[Item]:
    """Those that meet every criterion. Raises BadCriteria."""
    tests = []
    for name, criterion in criteria.items():
        if name not in known:
            raise BadCriteria(name)
        if criterion is not None:
            tests.append((known[name], criterion))
    return [
        item
        for item in candidates
        if all(
            field.test(criterion, [value for value in field.get(item) if value is not None])
            for field, criterion in tests
        )
    ]
