"""Client tokens: what a browser shows to the client API instead of keys.

Stateless: signed with the merchant's private key, so they stay good over a restart for their 24 hours.
"""

import base64
import hashlib
import hmac
import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from simulator.merchants import Merchant, MerchantBook

LIFE = timedelta(hours=24)


@dataclass(frozen=True)
class Bearer:
    """Who holds a fingerprint: a merchant's page, perhaps for one customer."""

    merchant: Merchant
    customer_id: str | None = None
    options: dict[str, Any] = field(default_factory=dict)


def _encode(content: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(content, separators=(",", ":")).encode()).decode().rstrip("=")


def _sign(merchant: Merchant, text: str) -> str:
    return hmac.new(merchant.private_key.encode(), text.encode(), hashlib.sha256).hexdigest()


def fingerprint(merchant: Merchant, now: datetime, customer_id: str | None, options: dict[str, Any], jti: str) -> str:
    """A signed authorization fingerprint."""
    head = _encode({"typ": "JWT", "alg": "HS256"})
    body = _encode(
        {
            "exp": int((now + LIFE).timestamp()),
            "jti": jti,
            "sub": merchant.id,
            "iss": "simulator",
            "merchant": {"public_id": merchant.id, "verify_card_by_default": False},
            "rights": ["manage_vault"],
            "scope": ["Braintree:Vault"],
            "options": options,
            "customer_id": customer_id,
        }
    )
    return f"{head}.{body}.{_sign(merchant, f'{head}.{body}')}"


def read_fingerprint(text: str, merchants: MerchantBook, now: datetime) -> Bearer | None:
    """Who it was made for; None when it is forged, foreign or over."""
    try:
        head, body, signature = text.split(".")
        content = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
        merchant = merchants.by_id.get(content["sub"])
        expires = content["exp"]
    except (ValueError, KeyError, TypeError):
        return None
    if not merchant or not hmac.compare_digest(_sign(merchant, f"{head}.{body}").encode(), signature.encode()):
        return None
    if now.timestamp() > expires:
        return None
    return Bearer(merchant, content["customer_id"], content["options"])


def configuration(merchant: Merchant, base_url: str) -> dict[str, Any]:
    """What a browser is told about the merchant."""
    return {
        "clientApiUrl": f"{base_url}/merchants/{merchant.id}/client_api",
        "environment": "sandbox",
        "merchantId": merchant.id,
        "assetsUrl": base_url,
        "analytics": {"url": f"{base_url}/analytics/{merchant.id}"},
        "challenges": ["cvv"],
        "creditCards": {
            "supportedCardTypes": ["American Express", "Discover", "JCB", "MasterCard", "Visa"],
            "collectDeviceData": False,
        },
        "threeDSecureEnabled": False,
        "paypalEnabled": False,
        "venmo": "off",
        "merchantAccountId": merchant.accounts[0],
    }


def client_token(merchant: Merchant, base_url: str, signed: str, version: int, account: str | None) -> str:
    """The value handed to the page: JSON (version 1) or base64 of JSON (2 and 3)."""
    api = f"{base_url}/merchants/{merchant.id}/client_api"
    content: dict[str, Any] = {
        "version": version,
        "authorizationFingerprint": signed,
        "configUrl": f"{api}/v1/configuration",
    }
    if version < 3:
        content |= configuration(merchant, base_url) | {"authUrl": base_url}
        del content["merchantAccountId"]
        if account:
            content["merchantAccountId"] = account
    text = json.dumps(content)
    return text if version == 1 else base64.b64encode(text.encode()).decode()
