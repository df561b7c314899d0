"""Names of a sale's parameters are held to the SDK's list once for each set of names, and no name slips through."""

from typing import Any

import braintree
import pytest
from braintree.resource import Resource
from braintree.transaction_gateway import TransactionGateway

from portal.gateway.sale_shape import ShapedSales, shape_of
from portal.gateway.wire import WiredConfiguration

ANSWER = {"api_error_response": {"errors": {}, "params": {}, "message": "no"}}


class Listening:
    """Keeps what would have been sent."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, Any]] = []

    def post(self, path: str, params: Any) -> dict[str, Any]:
        self.sent.append((path, params))
        return ANSWER


def gateways() -> tuple[ShapedSales, TransactionGateway, Listening]:
    config = WiredConfiguration(environment=braintree.Environment.Sandbox, merchant_id="m", public_key="p",
                                private_key="k")  # fmt: skip
    heard = Listening()
    config.http = lambda: heard
    sdk = braintree.BraintreeGateway(config)
    return ShapedSales(sdk), TransactionGateway(sdk), heard


def sale(**more: Any) -> dict[str, Any]:
    return {"amount": "12.50", "order_id": "o", "options": {"submit_for_settlement": True}, **more}


def test_the_first_and_every_later_sale_send_what_the_sdk_sends() -> None:
    ours, theirs, heard = gateways()
    for number in range(3):
        ours.sale(sale(order_id=f"o{number}"))
        theirs.sale(sale(order_id=f"o{number}"))
    assert heard.sent[0::2] == heard.sent[1::2]
    assert [params["transaction"]["order_id"] for _, params in heard.sent[0::2]] == ["o0", "o1", "o2"]


@pytest.mark.parametrize("wrong", [
    {"colour": "red"}, {"options": {"submit_for_settlement": True, "colour": "red"}},
    {"customer": {"colour": "red"}}, {"line_items": [{"colour": "red"}]},
])  # fmt: skip
def test_a_name_that_the_gateway_does_not_know_is_refused_however_many_came_before(wrong: dict[str, Any]) -> None:
    ours, _, heard = gateways()
    ours.sale(sale(line_items=[{"name": "hour"}]))
    ours.sale(sale())
    for _ in range(2):
        with pytest.raises(KeyError):
            ours.sale(sale(**wrong))
    assert len(heard.sent) == 2


def test_the_list_is_asked_once_for_each_set_of_names(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []
    verify = Resource.verify_keys

    def noted(params: object, signature: object) -> None:
        asked.append(params)
        verify(params, signature)

    monkeypatch.setattr(Resource, "verify_keys", staticmethod(noted))
    ours, _, _ = gateways()
    for _ in range(3):
        ours.sale(sale())
        ours.sale(sale(payment_method_token="t"))
    assert len(asked) == 2


def test_a_shape_knows_names_and_not_values() -> None:
    assert shape_of({"a": 1, "b": {"c": 2}}) == shape_of({"b": {"c": 5}, "a": "x"})
    assert shape_of({"a": 1}) != shape_of({"a": {"c": 1}})
    assert shape_of({"a": ["x"]}) != shape_of({"a": ["y"]})
