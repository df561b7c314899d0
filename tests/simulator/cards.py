"""Values that the tests of the wire send again and again."""

from typing import Any

VISA = "4111111111111111"


def typed(number: str = VISA, **more: Any) -> dict[str, Any]:
    """A card typed out."""
    return {"number": number, "expiration_date": "12/2030", **more}


def sale(amount: str = "10.00", **more: Any) -> dict[str, Any]:
    """A sale that is submitted at once; paid by a nonce that is never used up, unless told otherwise."""
    ways = {"payment_method_nonce", "payment_method_token", "credit_card", "customer_id"}
    pay = {} if ways & more.keys() else {"payment_method_nonce": "fake-valid-nonce"}
    return {"amount": amount, "options": {"submit_for_settlement": True}, **pay, **more}


def codes(result: Any) -> list[str]:
    """The codes of all validation errors of a result."""
    return [error.code for error in result.errors.deep_errors]
