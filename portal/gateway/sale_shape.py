"""The SDK's sales, with the names of their parameters held to its list once for each set of names, not for each sale.

Used by `portal.gateway.braintree`. The list and the check are the SDK's own; they take a fifth of the processor time
of a call, and a run makes the same call by the thousand.
"""

from collections.abc import Mapping
from typing import Any

from braintree.transaction_gateway import TransactionGateway

Shape = frozenset[Any]


class ShapedSales(TransactionGateway):  # type: ignore[misc]  # the SDK has no types
    """What `BraintreeGateway.transaction` is here. Thread-safe: a shape is at worst checked twice."""

    def __init__(self, gateway: Any) -> None:
        super().__init__(gateway)
        self._checked: set[Shape] = set()

    def create(self, params: dict[str, Any]) -> Any:
        """As the SDK's; KeyError for a name that the gateway does not know."""
        shape = shape_of(params)
        if shape in self._checked:
            return self._post("/transactions", {"transaction": params})
        result = super().create(params)
        self._checked.add(shape)
        return result


def shape_of(params: Mapping[str, Any]) -> Shape:
    """The names in it, those of structures within it included. A list has its values in it: the SDK takes them for
    names.
    """
    return frozenset((name, _of_value(value)) for name, value in params.items())


def _of_value(value: Any) -> Any:
    if isinstance(value, Mapping):
        return shape_of(value)
    if isinstance(value, list):
        return tuple(shape_of(each) if isinstance(each, Mapping) else each for each in value)
    return None
