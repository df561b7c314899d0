"""The telephone numbers that the demo's organisations have at the simulated carrier, and telling the carrier of them.

Used by demo/seed.py, which stores the accounts, and at each start by demo/stack.py: the portal may listen on another
port, and the carrier has to know where replies go.
"""

import json
import urllib.request
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Number:
    """One organisation's account and number; made up, like everything at the simulator."""

    slug: str
    number: str

    @property
    def account_sid(self) -> str:
        return f"ACdemo{self.slug.replace('-', '')}"

    @property
    def auth_token(self) -> str:
        return f"demo-token-of-{self.slug}"


NUMBERS = (
    Number("northfield", "+13125550199"),
    Number("harbor-lane", "+12125550198"),
    Number("willow-street", "+14155550197"),
    Number("birch-lane", "+15105550196"),
)


def number_of(slug: str) -> Number:
    """The number of one of the demo's organisations."""
    return next(each for each in NUMBERS if each.slug == slug)


def tell_carrier(simulator_url: str, portal_url: str) -> None:
    """What people reply goes to the portal, and opting out is the portal's business alone: the carrier stays silent."""
    for each in NUMBERS:
        body = {
            "number": each.number,
            "account_sid": each.account_sid,
            "auth_token": each.auth_token,
            "reply_url": f"{portal_url}/{each.slug}/sms/reply",
            "opt_out": "application",
        }
        request = urllib.request.Request(  # noqa: S310 - the address is the demo's own simulator
            f"{simulator_url}/simulator/sms-numbers", json.dumps(body).encode(), {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=10):  # noqa: S310 - the same
            continue
