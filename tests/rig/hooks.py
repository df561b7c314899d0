"""Hooks for tests: from the simulator, as it signed them, or made by the SDK with a merchant's own keys.

Tests of notices use it. The merchant has an address that takes nothing, so that a test posts each hook itself.
"""

import base64
from dataclasses import dataclass
from typing import Any

from simulator.merchants import Merchant
from simulator.webhooks import document, sign
from tests.rig.house import House

NOWHERE = "http://127.0.0.1:9/none"


@dataclass(frozen=True)
class Form:
    """What is posted."""

    signature: str
    payload: str

    @property
    def fields(self) -> dict[str, str]:
        return {"bt_signature": self.signature, "bt_payload": self.payload}


def keep_here(house: House) -> None:
    """From now on the merchant's hooks are made, and delivered by nobody but the test."""
    house.simulator.merchant(house.merchant_id, webhook_url=NOWHERE, webhook_retry_seconds=86_400)


def made(house: House) -> list[Form]:
    """Every hook the simulator made for this merchant, oldest first."""
    hooks = house.simulator.call("GET", f"/simulator/webhooks?merchant={house.merchant_id}")["hooks"]
    return [Form(hook["signature"], hook["payload"]) for hook in hooks]


def asked(house: House, kind: str, **settings: Any) -> Form:
    """One hook of the simulator, on request."""
    keep_here(house)
    document_asked = {"kind": kind, **settings}
    if not {"transaction_id", "dispute_id"} & settings.keys():
        document_asked["merchant"] = house.merchant_id
    [hook] = house.simulator.call("POST", "/simulator/webhooks", document_asked)["hooks"]
    return Form(hook["signature"], hook["payload"])


def sample(house: House, kind: str, gateway_id: str) -> Form:
    """A hook as the SDK's own testing gateway makes it."""
    made_up = house.simulator.gateway(
        house.merchant_id, f"{house.merchant_id}_public_key", f"{house.merchant_id}_private_key"
    ).webhook_testing.sample_notification(kind, gateway_id)
    return Form(made_up["bt_signature"], made_up["bt_payload"].decode())


def signed(house: House, xml: bytes) -> Form:
    """Any bytes, signed as the gateway would."""
    payload = base64.encodebytes(xml).decode()
    return Form(sign(_merchant(house), payload), payload)


def told(house: House, kind: str, subject: dict[str, Any], at: Any) -> Form:
    """A hook about anything, dated."""
    payload = document(kind, at, subject)
    return Form(sign(_merchant(house), payload), payload)


def _merchant(house: House) -> Merchant:
    return Merchant(house.merchant_id, f"{house.merchant_id}_public_key", f"{house.merchant_id}_private_key")
