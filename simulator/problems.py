"""Validation errors: the codes this gateway knows, their texts, and the tree an SDK reads them from.

The wire rooms collect problems while they look at a request and raise `Refused`; nothing was processed then.
"""

from typing import Any

from simulator.codec import Many

TEXTS = {
    "81501": "Amount cannot be negative.",
    "81502": "Amount is required.",
    "81503": "Amount is an invalid format.",
    "81528": "Amount is too large.",
    "81531": "Amount must be greater than zero.",
    "81535": "Tax amount is an invalid format.",
    "81604": "Email is an invalid format.",
    "81709": "Expiration date is required.",
    "81710": "Expiration date is invalid.",
    "81711": "Expiration year is invalid.",
    "81712": "Expiration month is invalid.",
    "81706": "CVV is required.",
    "81707": "CVV must be 4 digits for American Express and 3 digits for other card types.",
    "81714": "Credit card number is required.",
    "81715": "Credit card number is invalid.",
    "81716": "Credit card number must be 12-19 digits.",
    "81717": "Credit card number is not an accepted test number.",
    "81724": "Duplicate card exists in the vault.",
    "81763": "Duplicate card exists in the vault for the customer.",
    "91501": "Order ID is too long.",
    "91504": "Transaction can only be voided if status is authorized or submitted_for_settlement.",
    "91505": "Cannot refund credit.",
    "91506": "Cannot refund a transaction unless it is settled.",
    "91507": "Cannot submit for settlement unless status is authorized.",
    "91508": "Cannot determine payment method.",
    "91510": "Customer ID is invalid.",
    "91511": "Customer does not have any credit cards.",
    "91512": "Transaction has already been completely refunded.",
    "91513": "Merchant account ID is invalid.",
    "91518": "Payment method token is invalid.",
    "91521": "Refund amount is too large.",
    "91522": "Settlement amount is too large.",
    "91523": "Transaction type is invalid.",
    "91524": "Transaction type is required.",
    "91526": "Custom field is invalid: it is not registered.",
    "91537": "Purchase order number is too long.",
    "91548": "Purchase order number is invalid.",
    "91564": "Cannot use a payment method nonce more than once.",
    "91565": "Unknown or expired payment method nonce.",
    "91566": "Payment method nonce is locked.",
    "91574": "Cannot refund settling transaction.",
    "91575": "Cannot simulate settlement on this transaction.",
    "91602": "Custom field is invalid: it is not registered.",
    "91609": "Customer ID has already been taken.",
    "91610": "Customer ID is invalid (use only letters, numbers, '-', and '_').",
    "91704": "Customer ID is required.",
    "91705": "Customer ID is invalid.",
    "91718": "Token is invalid. Must contain only letters, numbers, '-', and '_'.",
    "91719": "Token is already in use.",
    "91720": "Token is too long.",
    "91803": "Country name is not an accepted country.",
    "91814": "Country code (alpha2) is not an accepted country.",
    "91816": "Country code (alpha3) is not an accepted country.",
    "91817": "Country code (numeric) is not an accepted country.",
    "92201": "Dynamic descriptor name is invalid.",
    "92202": "Dynamic descriptor phone is invalid.",
    "92206": "Dynamic descriptor URL is invalid.",
    "92804": "Customer specified by customer_id does not exist.",
    "92011": "Client token domain has an invalid format.",
    "92810": "Client token may name at most 5 domains.",
    "93103": "Nonce is required.",
    "93104": "Customer ID is required.",
    "93105": "Customer ID is invalid.",
    "93107": "Cannot use a payment method nonce more than once.",
    "93108": "Unknown or expired payment method nonce.",
    "93109": "Payment method nonce is locked.",
    "94201": "Verification amount cannot be negative.",
    "94202": "Verification amount is an invalid format.",
    "94207": "Verification amount is too large.",
    "95701": "Evidence can only be attached to disputes that are in an Open state",
    "95702": "Evidence can only be removed from disputes that are in an Open state",
    "95704": "Disputes can only be accepted when they are in an Open state",
    "95705": "Disputes can only be finalized when they are in an Open state",
    "95726": "Valid evidence is required.",
    "915103": "Cannot submit for partial settlement.",
    "915129": "Transaction details can only be updated while submitted for settlement.",
    "915133": "Transaction source is invalid.",
    "915230": "API request key is too long.",
    "915231": "API request key is not allowed.",
    "915232": "API request key can only be used again with the same request.",
    "915233": "A request with this API request key is still in progress.",
    "915234": "API request key belongs to a failed request.",
    "915235": "Server error while handling the API request key.",
    "91578": "Payment instrument type is not accepted by this merchant account.",
}
SECRETS = frozenset({"number", "cvv"})


class Problems:
    """Collects errors by object path ("transaction.credit_card") and attribute; truthy when there are any."""

    def __init__(self) -> None:
        self.found: list[tuple[str, str, str]] = []

    def add(self, path: str, attribute: str, code: str) -> None:
        """Note that `attribute` of the object at `path` breaks the rule `code`."""
        self.found.append((path, attribute, code))

    def __bool__(self) -> bool:
        return bool(self.found)

    @property
    def message(self) -> str:
        """All texts, one a line."""
        return "\n".join(TEXTS[code] for _, _, code in self.found)

    def tree(self) -> dict[str, Any]:
        """Nested error objects; each holds an `errors` array, even an empty one, or the SDK fails."""
        root: dict[str, Any] = {"errors": Many("error", [])}
        for path, attribute, code in self.found:
            node = root
            for step in path.split("."):
                node = node.setdefault(step, {"errors": Many("error", [])})
            node["errors"].items.append({"code": code, "attribute": attribute, "message": TEXTS[code]})
        return root

    def raise_if_any(self) -> None:
        """End the request with 422 when something was found."""
        if self.found:
            raise Refused(self)


class Refused(Exception):
    """The request broke a rule; answered 422 without a transaction."""

    def __init__(self, problems: Problems) -> None:
        super().__init__(problems.message)
        self.problems = problems


def refuse(path: str, attribute: str, code: str) -> Refused:
    """A refusal for one reason, to be raised."""
    problems = Problems()
    problems.add(path, attribute, code)
    return Refused(problems)


def error_body(tree: dict[str, Any], message: str, root: str, params: dict[str, Any]) -> dict[str, Any]:
    """The inside of `api-error-response`; echoes the parameters without card number and security code."""
    return {"errors": tree, "params": {root: _echo(params)} if root else None, "message": message}


def _echo(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _echo(child) for name, child in value.items() if name not in SECRETS} or ""
    if isinstance(value, list):
        return [_echo(child) for child in value]
    if isinstance(value, (bool, int)):
        return str(value).lower()
    return value
